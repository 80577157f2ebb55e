/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "ledger/ledger_internal.h"

/* The caller as a person who may see everything. */
static int check_auditor(struct ledger *ledger, const struct caller *caller, struct roster *roster,
                         struct error *error)
{
    const struct identity *person = NULL;
    int r = ledger_identify(caller, roster, &person, error);

    if (r != 0 || ledger_sees_all(ledger, person))
        return r;
    return error_set(error, ERROR_NOT_PERMITTED,
                     "the whole audit trail is for auditors, administrators and root; of a "
                     "check-out that you may see: checkoutctl log --id NUMBER");
}

int ledger_audit(struct ledger *ledger, uint64_t after, size_t limit, const struct caller *caller,
                 struct roster *roster, struct trail *ret_trail, struct error *error)
{
    int r = check_auditor(ledger, caller, roster, error);

    if (r != 0)
        return r;
    r = store_trail(ledger->store, 0, after, limit, LIMIT_TRAIL_BYTES, ret_trail);
    return ledger_storage_error(ledger, r, error);
}

int ledger_trail(struct ledger *ledger, uint64_t id, uint64_t after, size_t limit,
                 const struct caller *caller, struct roster *roster, struct trail *ret_trail,
                 struct error *error)
{
    CLEANUP_CHECKOUT struct checkout *checkout = NULL;
    const struct identity *person = NULL;
    int r = ledger_identify(caller, roster, &person, error);

    if (r == 0)
        r = ledger_load(ledger, id, &checkout, error);
    if (r == 0)
        r = ledger_check_sight(ledger, checkout, person, error);
    if (r != 0)
        return r;
    r = store_trail(ledger->store, id, after, limit, LIMIT_TRAIL_BYTES, ret_trail);
    return ledger_storage_error(ledger, r, error);
}

int ledger_rows(struct ledger *ledger, enum trail_table table, uint64_t after, size_t limit,
                const struct caller *caller, struct roster *roster, struct trail *ret_trail,
                struct error *error)
{
    int r = check_auditor(ledger, caller, roster, error);

    if (r != 0)
        return r;
    r = store_rows(ledger->store, table, after, limit, LIMIT_TRAIL_BYTES, ret_trail);
    return ledger_storage_error(ledger, r, error);
}

int ledger_policy_text(struct ledger *ledger, const char *digest, const struct caller *caller,
                       struct roster *roster, char **ret_text, struct error *error)
{
    int r = check_auditor(ledger, caller, roster, error);

    if (r != 0)
        return r;
    r = store_policy_text(ledger->store, digest, ret_text);
    if (r == -ENOENT)
        return error_set(error, ERROR_NOT_FOUND, "the ledger has no policy with that digest");
    return ledger_storage_error(ledger, r, error);
}
