/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/policy_lint.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/quorum.h"

struct linter {
    const struct policy_set *set;
    policy_finding report;
    void *userdata;
    int findings;
};

static int tell(struct linter *linter, const struct policy *policy, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int tell(struct linter *linter, const struct policy *policy, const char *format, ...)
{
    CLEANUP_FREE char *sentence = NULL;
    va_list arguments;
    int r;

    va_start(arguments, format);
    r = vasprintf(&sentence, format, arguments);
    va_end(arguments);
    if (r < 0) {
        sentence = NULL;
        return -ENOMEM;
    }
    linter->findings++;
    linter->report(policy, sentence, linter->userdata);
    return 0;
}

static bool range_covers(uid_t first, uid_t last, uid_t inner_first, uid_t inner_last)
{
    return first <= inner_first && inner_last <= last;
}

static bool takes_account(const struct policy *earlier, const struct policy_account *account)
{
    for (size_t i = 0; i < earlier->n_accounts; i++) {
        const struct policy_account *own = &earlier->accounts[i];

        if (own->is_range && account->is_range &&
            range_covers(own->first, own->last, account->first, account->last))
            return true;
        if (own->is_range && account->uid_known &&
            range_covers(own->first, own->last, account->uid, account->uid))
            return true;
        if (!own->is_range && !account->is_range && strcmp(own->name, account->name) == 0)
            return true;
    }
    return false;
}

static bool lists(const struct principals *principals, const struct principal *principal)
{
    for (size_t i = 0; i < principals->count; i++) {
        const struct principal *own = &principals->items[i];

        if (own->is_range && principal->is_range &&
            range_covers(own->first, own->last, principal->first, principal->last))
            return true;
        if (own->is_range == principal->is_range && own->is_group == principal->is_group &&
            strcmp(own->name, principal->name) == 0)
            return true;
    }
    return false;
}

/* Does the earlier policy decide for, or exempt, everybody whom the later one names? */
static bool takes_people(const struct policy *earlier, const struct policy *later)
{
    const struct principals *named[] = {&later->requesters, &later->exempt};

    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; i < named[k]->count; i++)
            if (!lists(&earlier->requesters, &named[k]->items[i]) &&
                !lists(&earlier->exempt, &named[k]->items[i]))
                return false;
    return true;
}

static bool takes_sources(const struct policy *earlier, const struct policy *later)
{
    if (earlier->n_from == 0)
        return true;
    if (later->n_from == 0)
        return false;
    for (size_t i = 0; i < later->n_from; i++) {
        bool covered = false;

        for (size_t k = 0; k < earlier->n_from && !covered; k++)
            covered = policy_source_covers(&earlier->from[k], &later->from[i]);
        if (!covered)
            return false;
    }
    return true;
}

/* The policy before number `index` that leaves it nothing of this account; NULL if there is none.
 * Seen one by one: what several take together is not. */
static const struct policy *taker_of(const struct policy_set *set, size_t index,
                                     const struct policy_account *account)
{
    const struct policy *policy = set->policies[index];

    for (size_t i = 0; i < index; i++) {
        const struct policy *earlier = set->policies[i];

        if (takes_account(earlier, account) && (policy->doors & ~earlier->doors) == 0 &&
            takes_sources(earlier, policy) && takes_people(earlier, policy))
            return earlier;
    }
    return NULL;
}

static int lint_order(struct linter *linter, size_t index)
{
    const struct policy *policy = linter->set->policies[index], *taker = NULL;
    size_t taken = 0;
    int r = 0;

    for (size_t i = 0; i < policy->n_accounts; i++) {
        const struct policy *found = taker_of(linter->set, index, &policy->accounts[i]);

        if (found) {
            taker = found;
            taken++;
        }
    }
    if (taken > 0 && taken == policy->n_accounts)
        return tell(linter, policy, "never decides: what it names is taken before it, by policy %s",
                    taker->name);
    for (size_t i = 0; i < policy->n_accounts && taken > 0 && r == 0; i++) {
        const struct policy *found = taker_of(linter->set, index, &policy->accounts[i]);

        if (found)
            r = tell(linter, policy,
                     "never decides about account %s, which is taken before it, by policy %s",
                     policy->accounts[i].name, found->name);
    }
    return r;
}

/* The approvers but for one as people without groups; a borrowed view. */
static size_t people_but(const struct principals *approvers, const char *but,
                         struct identity *people)
{
    size_t count = 0;

    for (size_t i = 0; i < approvers->count; i++)
        if (strcmp(approvers->items[i].name, "root") != 0 &&
            (!but || strcmp(approvers->items[i].name, but) != 0))
            people[count++] = (struct identity){
                .name = approvers->items[i].name, .uid = UID_UNSET, .groups_known = true};
    return count;
}

static int lint_quorum(struct linter *linter, const struct policy *policy)
{
    CLEANUP_FREE struct identity *people = NULL;
    const struct principals *approvers = &policy->approvers;
    size_t count;
    int r = 0;

    for (size_t i = 0; i < approvers->count; i++)
        if (approvers->items[i].is_group || approvers->items[i].is_range)
            return 0;
    people = calloc(approvers->count + 1, sizeof(*people));
    if (!people)
        return -ENOMEM;

    count = people_but(approvers, NULL, people);
    if (!quorum_reachable(policy->quorum, approvers, people, count))
        return tell(linter, policy, "can never be approved: its approvers cannot reach its quorum");
    for (size_t i = 0; i < policy->requesters.count && !policy->self_approval && r == 0; i++) {
        const struct principal *requester = &policy->requesters.items[i];

        if (requester->is_group || requester->is_range)
            continue;
        count = people_but(approvers, requester->name, people);
        if (!quorum_reachable(policy->quorum, approvers, people, count))
            r = tell(linter, policy,
                     "can never be approved for %s: without the own approval its approvers cannot "
                     "reach its quorum",
                     requester->name);
    }
    return r;
}

static int lint_policy(struct linter *linter, size_t index)
{
    const struct policy *policy = linter->set->policies[index];
    int r = lint_order(linter, index);

    for (size_t i = 0; i < policy->approvers.count && r == 0; i++) {
        const struct principal *approver = &policy->approvers.items[i];

        if (!approver->is_group && !approver->is_range && strcmp(approver->name, "root") == 0)
            r = tell(linter, policy,
                     "names root as an approver, whose approvals are refused: "
                     "approvers are persons");
    }
    if (r == 0 && policy->approval_required)
        r = lint_quorum(linter, policy);
    if (r == 0 && policy->person == PERSON_IS_KEY_OWNER && (policy->doors & DOOR_SSH) == 0)
        r = tell(linter, policy,
                 "has person = key, which only the door ssh knows, and not that door");
    return r;
}

int policy_lint(const struct policy_set *set, policy_finding report, void *userdata)
{
    struct linter linter = {.set = set, .report = report, .userdata = userdata};

    for (size_t i = 0; i < set->n_policies; i++) {
        int r = lint_policy(&linter, i);

        if (r < 0)
            return r;
    }
    return linter.findings;
}
