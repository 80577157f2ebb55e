/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Does what time brings, when it brings it: what is due in the ledger, the ends of sessions and the
 * warnings before them, approvers' reminders. At once where somebody sets the clock. */

#include <systemd/sd-event.h>

#include "ledger/ledger.h"
#include "session/keeper.h"
#include "sink/terminals.h"

struct ticker;

/* `problem` is a sentence about what could not be recorded; it is tried again. */
typedef void ticker_complain(const char *problem);

/* Ends the loop if it cannot go on. 0 or a negative errno. */
int ticker_new(sd_event *event, struct ledger *ledger, struct terminals *terminals,
               ticker_complain *complain, struct ticker **ret_ticker);
struct ticker *ticker_free(struct ticker *ticker); /* NULL is fine; returns NULL */

/* From now on for sessions, too; NULL: no longer. The keeper is the caller's. */
void ticker_set_keeper(struct ticker *ticker, struct keeper *keeper);

/* Something was written: something may be due earlier than was known. */
void ticker_note(struct ticker *ticker);

/* To be called when the loop has done its work. 0 or a negative errno. */
int ticker_poll(struct ticker *ticker);
