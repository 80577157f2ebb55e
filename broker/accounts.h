/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Accounts of the policies whose uid the name service could not tell when the policies were read:
 * asked about again until it can, because until then another name of the same uid is not known as
 * such. */

#include <systemd/sd-event.h>

#include "ledger/ledger.h"
#include "names/names.h"

struct accounts;

/* Asks again from then on, now and then. 0 or a negative errno. */
int accounts_new(sd_event *event, struct ledger *ledger, struct names *names,
                 struct accounts **ret_accounts);
struct accounts *accounts_free(struct accounts *accounts); /* NULL is fine; returns NULL */
