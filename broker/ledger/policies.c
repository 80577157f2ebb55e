/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which policies are in force, and the record of it. */

#include <string.h>

#include "ledger/ledger_internal.h"
#include "policy/policy_diff.h"

int ledger_load_policies(struct ledger *ledger, struct policy_set *set, const struct moment *now,
                         struct error *error)
{
    struct change change = {
        .kind = EVENT_POLICY_LOADED, .life = LIFE_EVENT_COUNT, .policy_digest = set->digest};
    const char *text = set->text ? set->text : "";
    CLEANUP_FREE char *diff = NULL, *before_digest = NULL, *before = NULL;
    int r;

    /* The ones from before the start count, too: what was changed while no broker ran. */
    if (!ledger->policies)
        (void)store_policy_at(ledger->store, UINT64_MAX >> 1, &before_digest, &before);
    diff = policy_diff(ledger->policies ? ledger->policies->text : before, text);
    change.reason = diff;
    r = store_put_policy(ledger->store, set->digest, now->wall, text);

    if (r < 0 && store_give_room(ledger->store))
        r = store_put_policy(ledger->store, set->digest, now->wall, text);
    if (r < 0)
        return ledger_storage_error(ledger, r, error);
    r = ledger_commit(ledger, &change, 1, now, error);
    if (r != 0)
        return r;
    policy_set_free(ledger->policies);
    ledger->policies = set;
    free(ledger->policy_problem);
    ledger->policy_problem = NULL;
    return 0;
}

int ledger_reject_policies(struct ledger *ledger, const char *problem, const struct moment *now,
                           struct error *error)
{
    struct change change = {
        .kind = EVENT_POLICY_REJECTED, .life = LIFE_EVENT_COUNT, .reason = problem};
    char *copy = strdup(problem);

    if (copy) {
        free(ledger->policy_problem);
        ledger->policy_problem = copy;
    }
    return ledger_commit(ledger, &change, 1, now, error);
}

void ledger_learn_account(struct ledger *ledger, const char *name, uid_t uid)
{
    for (size_t i = 0; ledger->policies && i < ledger->policies->n_policies; i++) {
        struct policy *policy = ledger->policies->policies[i];

        for (size_t j = 0; j < policy->n_accounts; j++) {
            struct policy_account *account = &policy->accounts[j];

            if (policy_account_is_open(account) && strcmp(account->name, name) == 0) {
                account->uid = uid;
                account->uid_known = true;
            }
        }
    }
}
