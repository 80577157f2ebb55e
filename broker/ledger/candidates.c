/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Could anybody approve it? */

#include <errno.h>
#include <string.h>

#include "ledger/ledger_internal.h"
#include "policy/quorum.h"

/* How many people are looked at to find out whether anybody could approve. */
#define CANDIDATES_MAX 256

/* People who might, with the groups that the approvers' groups say; names and groups are borrowed.
 */
struct candidates {
    struct identity people[CANDIDATES_MAX];
    size_t count;
    bool complete; /* nobody is missing because of the name service or the cap */
};

static void candidates_clear(struct candidates *candidates)
{
    for (size_t i = 0; i < candidates->count; i++)
        free(candidates->people[i].groups);
    free(candidates);
}

static void cleanup_candidates(struct candidates **candidates)
{
    if (*candidates)
        candidates_clear(*candidates);
}

static int add_candidate(struct candidates *candidates, char *name, char *group)
{
    struct identity *person = NULL;

    for (size_t i = 0; i < candidates->count && !person; i++)
        if (strcmp(candidates->people[i].name, name) == 0)
            person = &candidates->people[i];
    if (!person) {
        if (candidates->count == CANDIDATES_MAX) {
            candidates->complete = false;
            return 0;
        }
        person = &candidates->people[candidates->count++];
        *person = (struct identity){.name = name, .uid = UID_UNSET, .groups_known = true};
    }
    if (!group)
        return 0;

    char **groups = reallocarray(person->groups, person->n_groups + 1, sizeof(char *));

    if (!groups)
        return -ENOMEM;
    person->groups = groups;
    person->groups[person->n_groups++] = group;
    return 0;
}

/* Everybody among the approvers but root and, unless they may decide for themselves, the person. */
static int find_candidates(const struct policy *policy, const struct approvers *approvers,
                           struct roster *roster, struct candidates *candidates)
{
    bool wait = false;
    int r;

    candidates->complete = true;
    for (size_t i = 0; i < approvers->principals->count; i++) {
        const struct principal *approver = &approvers->principals->items[i];
        char *const *members = NULL;
        char *const alone[] = {approver->is_manager ? (char *)approvers->manager : approver->name,
                               NULL};

        if (approver->is_range) {
            candidates->complete = false;
            continue;
        }
        bool incomplete = false;

        r = approver->is_group ? roster_members(roster, approver->name, &members, &incomplete) : 0;
        if (r == -EAGAIN)
            wait = true;
        else if (incomplete || (r < 0 && r != -ENOENT))
            candidates->complete = false;
        if (r < 0)
            continue;
        for (char *const *name = approver->is_group ? members : alone; name && *name; name++) {
            if (strcmp(*name, "root") == 0 ||
                (!policy->self_approval && strcmp(*name, approvers->requester) == 0))
                continue;
            r = add_candidate(candidates, *name, approver->is_group ? approver->name : NULL);
            if (r < 0)
                return r;
        }
    }
    return wait ? -EAGAIN : 0;
}

/* Refuses what nobody could ever approve, so that nobody waits for it. */
int request_check_approvers(const struct ledger *ledger, const struct policy *policy,
                            const struct identity *person, struct roster *roster,
                            struct error *error)
{
    struct approvers approvers = approvers_of(ledger->policies, policy, person->name);
    bool lacks_manager = !approvers.manager && principals_name_manager(&policy->approvers);
    CLEANUP(cleanup_candidates) struct candidates *candidates = calloc(1, sizeof(*candidates));
    CLEANUP_FREE char *who = NULL;
    int r = candidates ? find_candidates(policy, &approvers, roster, candidates) : -ENOMEM;

    if (r == -EAGAIN)
        return r;
    if (r < 0)
        return error_set(error, ERROR_STORAGE_FAILED, "out of memory");
    /* Whatever the name service left out: nobody else can stand in for the manager. */
    if (!(lacks_manager && quorum_needs_manager(policy->quorum)) &&
        (!candidates->complete ||
         quorum_reachable(policy->quorum, &approvers, candidates->people, candidates->count)))
        return 0;
    who = quorum_sentence(policy->quorum, &approvers);
    if (lacks_manager)
        return error_set(error, ERROR_NO_APPROVER,
                         "policy %s wants %s; no manager of %s is named in [managers]: ask your "
                         "administrator to name one",
                         policy->name, who ? who : "an approval", person->name);
    return error_set(error, ERROR_NO_APPROVER,
                     "policy %s wants %s, and without %s nobody can give that: ask your "
                     "administrator to name more approvers",
                     policy->name, who ? who : "an approval", person->name);
}
