/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The audit record of one change, as canonical JSON. */

#include "core/canonical.h"
#include "ledger/ledger_internal.h"

/* The caller frees *ret_record. The check-out in the change is as it is after it. 0 or -ENOMEM. */
int audit_record(const struct ledger *ledger, const struct change *change,
                 enum checkout_state state_old, uint64_t seq, const struct moment *now,
                 char **ret_record);
