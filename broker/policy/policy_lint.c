/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "policy/policy_lint.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/persons.h"
#include "policy/policy_managers.h"
#include "policy/quorum.h"

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
static size_t people_but(const struct approvers *approvers, const char *but,
                         struct identity *people)
{
    const struct principals *principals = approvers->principals;
    size_t count = 0;

    for (size_t i = 0; i < principals->count; i++) {
        const struct principal *principal = &principals->items[i];
        const char *name = principal->is_manager ? approvers->manager : principal->name;
        bool known = !name || strcmp(name, "root") == 0 || (but && strcmp(name, but) == 0);

        for (size_t k = 0; k < count && !known; k++)
            known = strcmp(people[k].name, name) == 0;
        if (!known)
            people[count++] =
                (struct identity){.name = (char *)name, .uid = UID_UNSET, .groups_known = true};
    }
    return count;
}

static int lint_requester(struct linter *linter, const struct policy *policy, const char *requester,
                          struct identity *people)
{
    struct approvers approvers = approvers_of(linter->set, policy, requester);
    const char *but = policy->self_approval ? NULL : requester;
    size_t count = people_but(&approvers, but, people);

    if (quorum_reachable(policy->quorum, &approvers, people, count))
        return 0;
    return tell(linter, policy,
                "can never be approved for %s: %sits approvers cannot reach its quorum", requester,
                but ? "without the own approval " : "");
}

static int lint_quorum(struct linter *linter, const struct policy *policy)
{
    CLEANUP_FREE struct identity *people = NULL;
    /* Somebody's manager: in the best case nobody who is an approver already. */
    const struct approvers approvers = {.principals = &policy->approvers, .manager = MANAGER_WORD};
    bool names_manager = principals_name_manager(&policy->approvers);
    size_t count;
    int r = 0;

    for (size_t i = 0; i < policy->approvers.count; i++)
        if (policy->approvers.items[i].is_group || policy->approvers.items[i].is_range)
            return 0;
    people = calloc(policy->approvers.count + 1, sizeof(*people));
    if (!people)
        return -ENOMEM;

    count = people_but(&approvers, NULL, people);
    if (!quorum_reachable(policy->quorum, &approvers, people, count))
        return tell(linter, policy, "can never be approved: its approvers cannot reach its quorum");
    if (policy->self_approval && !names_manager)
        return 0;
    for (size_t i = 0; i < policy->requesters.count && r == 0; i++) {
        const struct principal *requester = &policy->requesters.items[i];

        if (requester->is_group || requester->is_range ||
            (names_manager && !policy_manager_of(linter->set, requester->name)))
            continue;
        r = lint_requester(linter, policy, requester->name, people);
    }
    return r;
}

/* Requesters for whom `manager` means nobody. */
static int lint_managers(struct linter *linter, const struct policy *policy)
{
    int r = 0;

    if (!principals_name_manager(&policy->approvers))
        return 0;
    for (size_t i = 0; i < policy->requesters.count && r == 0; i++) {
        const struct principal *requester = &policy->requesters.items[i];

        if (!requester->is_group && !requester->is_range &&
            !policy_manager_of(linter->set, requester->name))
            r = tell(linter, policy,
                     "has manager among its approvers, and no manager of %s is named in [managers]",
                     requester->name);
    }
    return r;
}

/* Accounts that another policy has made shared. */
static int lint_shared(struct linter *linter, const struct policy *policy)
{
    int r = 0;

    for (size_t i = 0; i < policy->n_accounts && r == 0; i++) {
        const struct policy_account *account = &policy->accounts[i];
        const struct identity asked = {.name = account->name,
                                       .uid = account->uid_known ? account->uid : UID_UNSET};
        const struct policy *sharing =
            account->is_range ? NULL : policy_sharing(linter->set, &asked);

        if (sharing)
            r = tell(linter, policy,
                     "never decides about account %s at the door ssh, where policy %s says that it "
                     "is shared: write person = key here, too, or leave ssh out of its doors",
                     account->name, sharing->name);
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
    if (r == 0)
        r = lint_managers(linter, policy);
    if (r == 0 && policy->person == PERSON_IS_KEY_OWNER && (policy->doors & DOOR_SSH) == 0)
        r = tell(linter, policy,
                 "has person = key, which only the door ssh knows, and not that door");
    if (r == 0 && policy->person == PERSON_IS_KEY_OWNER && (policy->doors & DOOR_SSH) &&
        (!linter->set->persons || linter->set->persons->n_lines == 0))
        r = tell(linter, policy,
                 "has person = key, and no line of the file persons says whose key is whose: "
                 "nobody comes in by ssh");
    if (r == 0 && policy->person == PERSON_IS_ACCOUNT && (policy->doors & DOOR_SSH))
        r = lint_shared(linter, policy);
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
