/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Approvals, and grants, which are a request with one. */

#include <errno.h>
#include <string.h>

#include "duration.h"
#include "ledger/ledger_internal.h"
#include "policy/quorum.h"

/* More earlier approvers than this do not fit into one question to the name service. */
#define APPROVALS_MAX (ROSTER_MAX - 2)

/* The earlier approvals with today's groups of their givers: who is gone, or is more than can be
 * looked up, does not count. Whom the name service cannot tell is waited for by refusing: this
 * approval would be used up without completing anything, and nobody might be left to give another.
 */
static int gather_approvals(const struct checkout *checkout, struct roster *roster,
                            struct approval *approvals, size_t *ret_count, struct error *error)
{
    bool wait = false;
    size_t count = 0;

    for (size_t i = 0; i < checkout->n_decisions && count < APPROVALS_MAX; i++) {
        const struct decision *decision = &checkout->decisions[i];
        const struct identity *approver = NULL;
        int r = roster_user(roster, decision->actor, true, &approver);

        wait = wait || r == -EAGAIN;
        if (r < 0 && r != -EAGAIN && r != -ENOENT && r != -ENOSPC)
            return error_set(error, ERROR_NOT_PERMITTED,
                             "the name service did not say in time which groups %s, who has "
                             "approved request %llu, is in: try again",
                             decision->actor, (unsigned long long)checkout->id);
        if (r == 0 && approver->uid == decision->actor_uid)
            approvals[count++] = (struct approval){approver, decision->time};
    }
    *ret_count = count;
    return wait ? -EAGAIN : 0;
}

static int check_terms(const struct policy *policy, const struct checkout *checkout,
                       const struct approval_terms *terms, const struct moment *now,
                       struct error *error)
{
    char start[WHEN_TEXT_MAX], most[DURATION_TEXT_MAX];

    if (!terms->digest || strcmp(terms->digest, checkout->digest) != 0)
        return error_set(error, terms->digest ? ERROR_CHANGED : ERROR_INVALID_ARGUMENT,
                         "request %llu is not what you were shown: look at it again (checkoutctl "
                         "show %llu)",
                         (unsigned long long)checkout->id, (unsigned long long)checkout->id);
    if (terms->duration > checkout->duration)
        return error_set(error, ERROR_INVALID_ARGUMENT,
                         "that is longer than the %llu seconds that %s asked for: an approval can "
                         "only shorten",
                         (unsigned long long)checkout->duration, checkout->person);
    if ((terms->duration ? terms->duration : checkout_granted_seconds(checkout)) >
        policy->max_duration)
        return error_set(error, ERROR_POLICY_REFUSED,
                         "policy %s allows at most %s by now: approve it for that or less (--for)",
                         policy->name, duration_format(policy->max_duration, most));
    if (terms->start && terms->start < now->wall)
        return error_set(error, ERROR_INVALID_ARGUMENT,
                         "that start has passed already: approve it without one, to start at once");
    if (terms->start && terms->start < checkout->start_at)
        return error_set(error, ERROR_INVALID_ARGUMENT,
                         "that is earlier than %s asked for (%s): an approval can only set a later "
                         "start",
                         checkout->person, when_format(checkout->start_at, now, start));
    if (terms->start > now->wall + LIMIT_DURATION_SECONDS)
        return error_set(error, ERROR_INVALID_ARGUMENT, "the start lies more than a year ahead");
    return 0;
}

static int copy_decision(const struct decision *decision, struct checkout *checkout)
{
    struct decision *decisions =
        reallocarray(checkout->decisions, checkout->n_decisions + 1, sizeof(*checkout->decisions));
    struct decision copy = *decision;

    if (!decisions)
        return -ENOMEM;
    checkout->decisions = decisions;
    copy.actor = strdup(decision->actor);
    copy.reason = decision->reason ? strdup(decision->reason) : NULL;
    copy.term = decision->term ? strdup(decision->term) : NULL;
    decisions[checkout->n_decisions++] = copy;
    return copy.actor && !decision->reason == !copy.reason && !decision->term == !copy.term
               ? 0
               : -ENOMEM;
}

/* What completes the quorum of a request for a check-out. */
static int complete(struct ledger *ledger, const struct policy *policy, struct checkout *checkout,
                    const struct actor *actor, const char *reason, const char *quorum,
                    const struct moment *now, struct changes *changes, struct error *error)
{
    int r;

    checkout_approve(checkout, policy,
                     now); /* first: a later start that was set is looked at too */
    r = request_check_exclusive(ledger, policy, checkout, now, error);
    if (r != 0)
        return r;
    changes->items[changes->count++] = (struct change){.kind = EVENT_APPROVED,
                                                       .life = LIFE_APPROVED,
                                                       .checkout = checkout,
                                                       .actor = actor,
                                                       .reason = reason,
                                                       .quorum = quorum};
    if (checkout_starts_now(checkout, now)) {
        checkout_open_window(checkout, now->wall, now);
        changes->items[changes->count++] =
            (struct change){.kind = EVENT_STARTED, .life = LIFE_STARTED, .checkout = checkout};
    }
    return 0;
}

/* Stores one more approval, behind the changes that are there already, with everything that it
 * completes. */
static int approve(struct ledger *ledger, const struct policy *policy, struct checkout *checkout,
                   const struct decision *decision, const struct approval *approvals,
                   size_t n_approvals, const struct moment *now, struct changes *changes,
                   struct error *error)
{
    struct approvers approvers = approvers_of(ledger->policies, policy, checkout->person);
    bool reached = quorum_evaluate(policy->quorum, &approvers, approvals, n_approvals).reached;
    CLEANUP_FREE char *quorum = quorum_evidence(policy->quorum, &approvers, approvals, n_approvals);
    CLEANUP_CHECKOUT struct checkout *extended = NULL;
    struct actor actor = {decision->actor, decision->actor_uid, decision->actor_loginuid};
    int r = 0;

    changes->items[changes->count++] = (struct change){.kind = EVENT_DECISION,
                                                       .life = LIFE_DECIDED,
                                                       .checkout = checkout,
                                                       .actor = &actor,
                                                       .reason = decision->reason,
                                                       .decision = decision};
    if (!quorum || copy_decision(decision, checkout) < 0)
        return error_set(error, ERROR_STORAGE_FAILED, "out of memory");
    if (reached && checkout->extends)
        r = extension_complete(ledger, policy, checkout, &actor, decision->reason, quorum, now,
                               &extended, changes, error);
    else if (reached)
        r = complete(ledger, policy, checkout, &actor, decision->reason, quorum, now, changes,
                     error);
    return r == 0 ? ledger_commit(ledger, changes->items, changes->count, now, error) : r;
}

static int already_decided(const struct checkout *checkout, const struct caller *caller,
                           const struct moment *now, struct error *error)
{
    char when[WHEN_TEXT_MAX];

    for (size_t i = 0; i < checkout->n_decisions; i++) {
        const struct decision *decision = &checkout->decisions[i];

        /* Two names of one login are one person: they fill one place of the quorum. */
        if (decision->actor_uid == caller->uid || decision->actor_uid == caller->loginuid ||
            decision->actor_loginuid == caller->uid ||
            (caller->loginuid != LOGINUID_UNSET && decision->actor_loginuid == caller->loginuid))
            return error_set(error, ERROR_ALREADY_DECIDED,
                             "you (%s) have approved request %llu already, at %s; it still needs "
                             "somebody else",
                             decision->actor, (unsigned long long)checkout->id,
                             when_format(decision->time, now, when));
    }
    return 0;
}

int ledger_approve(struct ledger *ledger, uint64_t id, const struct approval_terms *terms,
                   const struct caller *caller, struct roster *roster, const struct moment *now,
                   struct error *error)
{
    CLEANUP_CHECKOUT struct checkout *checkout = NULL;
    const struct identity *person = NULL;
    const struct policy *policy = NULL;
    struct approval approvals[APPROVALS_MAX + 1];
    struct approvers approvers;
    size_t n_approvals = 0;
    struct changes changes = {0};
    const char *term;
    CLEANUP_FREE char *term_copy = NULL;
    int r = decision_load(ledger, "approve", id, caller, roster, now, &person, &policy, &checkout,
                          error);

    if (r == 0 && checkout->state != STATE_PENDING)
        r = outcome_refuse(ledger, checkout, now, error);
    if (r == 0)
        r = check_terms(policy, checkout, terms, now, error);
    if (r == 0)
        r = already_decided(checkout, caller, now, error);
    if (r == 0)
        r = gather_approvals(checkout, roster, approvals, &n_approvals, error);
    if (r != 0)
        return r;

    approvers = approvers_of(ledger->policies, policy, checkout->person);
    term = quorum_term_for(policy->quorum, &approvers, approvals, n_approvals, person);
    /* The policy may ask for less by now than it did: any approver completes it. */
    if (!term && quorum_evaluate(policy->quorum, &approvers, approvals, n_approvals).reached)
        term = "";
    if (!term) {
        CLEANUP_FREE char *wanted = quorum_sentence(policy->quorum, &approvers);

        return error_set(error, ERROR_NOT_PERMITTED,
                         "your approval would not help request %llu now: policy %s wants %s",
                         (unsigned long long)id, policy->name, wanted ? wanted : "others");
    }
    term_copy = *term ? strdup(term) : NULL;
    if (*term && !term_copy)
        return error_set(error, ERROR_STORAGE_FAILED, "out of memory");

    struct decision decision = {.actor = person->name,
                                .actor_uid = caller->uid,
                                .actor_loginuid = caller->loginuid,
                                .verdict = DECISION_APPROVE,
                                .reason = (char *)terms->reason,
                                .time = now->wall,
                                .seconds = terms->duration,
                                .start = terms->start,
                                .term = term_copy};

    approvals[n_approvals++] = (struct approval){person, now->wall};
    return approve(ledger, policy, checkout, &decision, approvals, n_approvals, now, &changes,
                   error);
}

int ledger_grant(struct ledger *ledger, const char *person_name, const struct request *request,
                 const struct caller *caller, struct roster *roster, const struct moment *now,
                 uint64_t *ret_id, struct error *error)
{
    CLEANUP_CHECKOUT struct checkout *checkout = NULL;
    const struct identity *granter = NULL, *person = NULL, *account = NULL;
    struct draft draft = {.person_loginuid = LOGINUID_UNSET,
                          .reason = request->reason,
                          .reason_source = "granter",
                          .ticket = request->ticket,
                          .to = request->to,
                          .door = request->door,
                          .duration = request->duration,
                          .start = request->start};
    struct changes changes = {0};
    struct approval approval;
    struct approvers approvers;
    const char *term;
    int r = ledger_identify(caller, roster, &granter, error);
    int person_r = request_find_user(roster, person_name, false, &person, error);
    int account_r = request_find_user(roster, request->account, false, &account, error);

    if (r == -EAGAIN || person_r == -EAGAIN || account_r == -EAGAIN)
        return -EAGAIN;
    if (r != 0 || person_r != 0 || account_r != 0)
        return r ? r : person_r ? person_r : account_r;
    draft.person = person;
    draft.account = account;
    r = ledger_tick(ledger, now, error);
    if (r == 0)
        r = request_decide(ledger, request, person, account, roster, now, &draft.policy, error);
    if (r == 0 && !draft.policy->approval_required)
        r = error_set(error, ERROR_POLICY_REFUSED,
                      "policy %s asks for no approval: %s can request it without you",
                      draft.policy->name, person->name);
    if (r == 0)
        r = request_draw_up(ledger, &draft, roster, now, &checkout, error);
    if (r != 0)
        return r;
    if (decision_check(ledger, draft.policy, checkout, caller, granter, error) != 0)
        return attempt_refused(
            ledger, &(struct attempt){"grant", caller, granter, NULL, person->name, account->name},
            now, error);
    approvers = approvers_of(ledger->policies, draft.policy, person->name);
    term = quorum_term_for(draft.policy->quorum, &approvers, NULL, 0, granter);
    if (!term)
        return error_set(error, ERROR_NOT_PERMITTED,
                         "policy %s asks others first: let %s request it", draft.policy->name,
                         person->name);

    CLEANUP_FREE char *term_copy = *term ? strdup(term) : NULL;
    struct actor actor = {granter->name, caller->uid, caller->loginuid};
    struct decision decision = {.actor = granter->name,
                                .actor_uid = caller->uid,
                                .actor_loginuid = caller->loginuid,
                                .verdict = DECISION_APPROVE,
                                .reason = (char *)request->reason,
                                .time = now->wall,
                                .term = term_copy};

    if (*term && !term_copy)
        return error_set(error, ERROR_STORAGE_FAILED, "out of memory");
    changes.items[changes.count++] = (struct change){
        .kind = EVENT_REQUESTED, .life = LIFE_REQUESTED, .checkout = checkout, .actor = &actor};
    approval = (struct approval){granter, now->wall};
    r = approve(ledger, draft.policy, checkout, &decision, &approval, 1, now, &changes, error);
    if (r == 0)
        *ret_id = checkout->id;
    return r;
}
