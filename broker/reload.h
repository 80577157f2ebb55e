/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Policies from the files into the ledger: read, the uids of their accounts looked up, then taken
 * as a whole or not at all. */

#include "policy/config.h"
#include "ledger/ledger.h"
#include "names/names.h"

struct reload;

/* Called from the loop once the ledger has taken the new policies or recorded why not: problem is
 * NULL or the reason. */
typedef void (*reload_done)(const char *problem, void *userdata);

/* Begins. `done` is not called from within. 0 or -ENOMEM. */
int reload_start(struct ledger *ledger, struct names *names, sd_event *event, const char *directory,
                 reload_done done, void *userdata, struct reload **ret_reload);
struct reload *reload_free(struct reload *reload); /* drops it unfinished; NULL is fine */
