/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Sees to it that the journal gets every event, if late: watches how far journald has read, writes
 * that down, and tells again from the ledger what it has missed. */

#include <systemd/sd-event.h>

#include "ledger/ledger.h"
#include "sink/journal.h"

struct replay;

/* Begins with what an earlier broker left undone. 0 or a negative errno. */
int replay_new(sd_event *event, struct ledger *ledger, struct journal *journal,
               struct replay **ret_replay);
struct replay *replay_free(struct replay *replay); /* NULL is fine; returns NULL */

/* Something may have been written: to be called when the loop has done its work. 0 or a negative
 * errno. */
int replay_poll(struct replay *replay);

/* The broker ends: gives journald a moment to read, while the sender is there to be asked about. */
void replay_finish(struct replay *replay);
