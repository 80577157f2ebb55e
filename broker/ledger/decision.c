/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ledger/ledger_internal.h"
#include "policy/quorum.h"
#include "duration.h"

/* More earlier approvers than this do not fit into one question to the name service. */
#define APPROVALS_MAX (ROSTER_MAX - 2)

/* ---- who may ---- */

bool ledger_is_administrator(const struct ledger *ledger, const struct identity *person)
{
    return ledger->administrators && identity_in_group(person, ledger->administrators);
}

bool ledger_is_approver(const struct ledger *ledger, const struct checkout *checkout,
                        const struct identity *person)
{
    const struct policy *policy = ledger_policy(ledger, checkout->policy);
    struct approvers approvers;

    if (!policy)
        return false;
    approvers = approvers_of(ledger->policies, policy, checkout->person);
    return approvers_include(&approvers, person) == 1;
}

bool ledger_may_decide(const struct ledger *ledger, const struct checkout *checkout,
                       const struct identity *person)
{
    const struct policy *policy = ledger_policy(ledger, checkout->policy);

    return policy && policy->approval_required && person->uid != 0 &&
           (policy->self_approval ||
            (person->uid != checkout->person_uid && person->uid != checkout->person_loginuid)) &&
           ledger_is_approver(ledger, checkout, person);
}

char *ledger_who_can_approve(const struct ledger *ledger, const struct checkout *checkout)
{
    const struct policy *policy = ledger_policy(ledger, checkout->policy);
    CLEANUP_FREE char *who = NULL;
    char *sentence = NULL;

    if (policy) {
        struct approvers approvers = approvers_of(ledger->policies, policy, checkout->person);

        who = approvers_sentence(&approvers);
    }
    if (!who || asprintf(&sentence, "%s can approve it", who) < 0)
        return strdup("");
    return sentence;
}

/* Two people, by everything that the kernel knows of them: neither uid nor loginuid of the one is
 * uid or loginuid of the other. */
static bool is_same_human(const struct checkout *checkout, const struct caller *caller)
{
    if (caller->uid == checkout->person_uid || caller->loginuid == checkout->person_uid ||
        caller->uid == checkout->person_loginuid)
        return true;
    return caller->loginuid != LOGINUID_UNSET && caller->loginuid == checkout->person_loginuid;
}

/* May this caller give a decision of that policy about it? */
static int check_decider(const struct ledger *ledger, const struct policy *policy,
                         const struct checkout *checkout, const struct caller *caller,
                         const struct identity *person, struct error *error)
{
    struct approvers approvers = approvers_of(ledger->policies, policy, checkout->person);
    CLEANUP_FREE char *who = NULL;
    int included;

    if (caller->uid == 0)
        return error_set(error, ERROR_NOT_PERMITTED,
                         "root is nobody in particular and approves nothing: decide as yourself, "
                         "without sudo");
    if (!caller->loginuid_known)
        return error_set(error, ERROR_NOT_PERMITTED,
                         "it could not be read as whom you logged in (/proc/PID/loginuid), so "
                         "nobody can tell that you are not %s",
                         checkout->person);
    if (is_same_human(checkout, caller) && !policy->self_approval)
        return error_set(
            error, ERROR_SELF_APPROVAL,
            caller->uid == checkout->person_uid
                ? "%s cannot decide about their own request: somebody else must"
            : caller->loginuid == checkout->person_uid
                ? "you logged in as %s, whose request this is: somebody else must "
                  "decide about it"
                : "whoever asked as %s had logged in as you: somebody else must decide "
                  "about it",
            checkout->person);
    included = approvers_include(&approvers, person);
    if (included == 1)
        return 0;
    if (included == -EAGAIN)
        return error_set(error, ERROR_NOT_PERMITTED,
                         "the name service did not say in time which groups you are in: try again");
    who = approvers_sentence(&approvers);
    return error_set(error, ERROR_NOT_PERMITTED, "you may not decide about request %llu: %s can",
                     (unsigned long long)checkout->id, who ? who : "its approvers");
}

/* ---- approve ---- */

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

/* Writes down that somebody tried to decide for themselves, or as root; what repeats is counted.
 * Returns the refusal. */
static int refuse_decision(struct ledger *ledger, struct checkout *checkout,
                           const struct caller *caller, const struct identity *person, int code,
                           const struct moment *now, const struct error *error)
{
    struct actor actor = {person->name, caller->uid, caller->loginuid};
    struct change change = {.kind = EVENT_DECISION_REFUSED,
                            .life = LIFE_EVENT_COUNT,
                            .checkout = checkout,
                            .actor = &actor,
                            .reason = error->text,
                            .refusal = error_short_name((enum error_code)code)};

    if (code == ERROR_SELF_APPROVAL || caller->uid == 0)
        refusal_record(ledger, &change, caller->uid, UID_UNSET, 0, now);
    return code;
}

/* Loads a request that somebody wants to decide about, after time has done its work. */
static int load_pending(struct ledger *ledger, uint64_t id, const struct caller *caller,
                        struct roster *roster, const struct moment *now,
                        const struct identity **ret_person, const struct policy **ret_policy,
                        struct checkout **ret_checkout, struct error *error)
{
    CLEANUP_CHECKOUT struct checkout *checkout = NULL;
    const struct policy *policy;
    int r = ledger_identify(caller, roster, ret_person, error);

    if (r == 0)
        r = ledger_tick(ledger, now, error);
    if (r == 0)
        r = ledger_load(ledger, id, &checkout, error);
    if (r != 0)
        return r;
    policy = ledger_policy(ledger, checkout->policy);
    if (!policy || !policy->approval_required)
        return checkout->state == STATE_PENDING
                   ? error_set(error, ERROR_POLICY_REFUSED,
                               "policy %s, which asked for this approval, is no longer there: let "
                               "%s request again",
                               checkout->policy, checkout->person)
                   : outcome_refuse(ledger, checkout, now, error);
    r = check_decider(ledger, policy, checkout, caller, *ret_person, error);
    if (r != 0)
        return refuse_decision(ledger, checkout, caller, *ret_person, r, now, error);
    *ret_policy = policy;
    *ret_checkout = TAKE_PTR(checkout);
    return 0;
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
    int r = load_pending(ledger, id, caller, roster, now, &person, &policy, &checkout, error);

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
    if (r == 0)
        r = check_decider(ledger, draft.policy, checkout, caller, granter, error);
    if (r != 0)
        return r;
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

/* ---- the other decisions ---- */

int ledger_deny(struct ledger *ledger, uint64_t id, const char *reason, const struct caller *caller,
                struct roster *roster, const struct moment *now, struct error *error)
{
    CLEANUP_CHECKOUT struct checkout *checkout = NULL;
    const struct identity *person = NULL;
    const struct policy *policy = NULL;
    int r = load_pending(ledger, id, caller, roster, now, &person, &policy, &checkout, error);

    if (r == 0 && checkout->state != STATE_PENDING)
        r = outcome_refuse(ledger, checkout, now, error);
    if (r != 0)
        return r;

    struct actor actor = {person->name, caller->uid, caller->loginuid};
    struct decision decision = {.actor = person->name,
                                .actor_uid = caller->uid,
                                .actor_loginuid = caller->loginuid,
                                .verdict = DECISION_DENY,
                                .reason = (char *)reason,
                                .time = now->wall};
    struct change change = {.kind = EVENT_DENIED,
                            .life = LIFE_DENIED,
                            .checkout = checkout,
                            .actor = &actor,
                            .reason = reason,
                            .decision = &decision};

    return ledger_commit(ledger, &change, 1, now, error);
}

/* Loads one that somebody wants to end: what is wrong elsewhere, so that time could not do all its
 * work, is no hindrance here. */
static int load_to_end(struct ledger *ledger, uint64_t id, const struct caller *caller,
                       struct roster *roster, const struct moment *now,
                       const struct identity **ret_person, struct checkout **ret_checkout,
                       struct error *error)
{
    struct error ignored;
    int r = ledger_identify(caller, roster, ret_person, error);

    if (r != 0)
        return r;
    (void)ledger_tick(ledger, now, &ignored);
    return ledger_load(ledger, id, ret_checkout, error);
}

/* Cancel and check-in: what the person does with their own. */
static int give_up(struct ledger *ledger, uint64_t id, const struct caller *caller, bool pending,
                   struct roster *roster, const struct moment *now, struct error *error)
{
    CLEANUP_CHECKOUT struct checkout *checkout = NULL;
    const struct identity *person = NULL;
    struct change change = {.kind = pending ? EVENT_CANCELLED : EVENT_RETURNED,
                            .life = pending ? LIFE_CANCELLED : LIFE_RETURNED};
    int r = load_to_end(ledger, id, caller, roster, now, &person, &checkout, error);

    if (r != 0)
        return r;
    if (checkout->person_uid != caller->uid)
        return error_set(error, ERROR_NOT_PERMITTED,
                         pending ? "request %llu is not yours: an approver can deny it"
                                 : "check-out %llu is not yours: an approver can revoke it",
                         (unsigned long long)id);
    if (lifecycle_next(checkout->state, change.life) == STATE_NONE) {
        if (pending && !state_is_final(checkout->state))
            return outcome_refuse_cancel(ledger, checkout, now, error);
        if (!pending && checkout->state == STATE_PENDING)
            return error_set(error, ERROR_WRONG_STATE,
                             "request %llu is still pending: withdraw it with checkoutctl cancel "
                             "%llu",
                             (unsigned long long)id, (unsigned long long)id);
        return outcome_refuse(ledger, checkout, now, error);
    }

    struct actor actor = {person->name, caller->uid, caller->loginuid};

    change.checkout = checkout;
    change.actor = &actor;
    return ledger_commit(ledger, &change, 1, now, error);
}

int ledger_cancel(struct ledger *ledger, uint64_t id, const struct caller *caller,
                  struct roster *roster, const struct moment *now, struct error *error)
{
    return give_up(ledger, id, caller, true, roster, now, error);
}

int ledger_check_in(struct ledger *ledger, uint64_t id, const struct caller *caller,
                    struct roster *roster, const struct moment *now, struct error *error)
{
    return give_up(ledger, id, caller, false, roster, now, error);
}

int ledger_revoke(struct ledger *ledger, uint64_t id, const char *reason,
                  const struct caller *caller, struct roster *roster, const struct moment *now,
                  struct error *error)
{
    CLEANUP_CHECKOUT struct checkout *checkout = NULL;
    const struct identity *person = NULL;
    int r = load_to_end(ledger, id, caller, roster, now, &person, &checkout, error);

    if (r != 0)
        return r;
    /* Taking away is open to more than giving: root and administrators too, and for oneself too. */
    if (caller->uid != 0 && !ledger_is_administrator(ledger, person) &&
        !ledger_is_approver(ledger, checkout, person))
        return error_set(error, ERROR_NOT_PERMITTED,
                         "you may not revoke check-out %llu: its approvers and administrators can",
                         (unsigned long long)id);
    if (lifecycle_next(checkout->state, LIFE_REVOKED) == STATE_NONE)
        return outcome_refuse(ledger, checkout, now, error);

    struct actor actor = {person->name, caller->uid, caller->loginuid};
    struct change change = {.kind = EVENT_REVOKED,
                            .life = LIFE_REVOKED,
                            .checkout = checkout,
                            .actor = &actor,
                            .reason = reason};

    return ledger_commit(ledger, &change, 1, now, error);
}
