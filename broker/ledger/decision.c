/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ledger/ledger_internal.h"

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

int decision_check(const struct ledger *ledger, const struct policy *policy,
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

int decision_load(struct ledger *ledger, const char *verb, uint64_t id, const struct caller *caller,
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
    r = decision_check(ledger, policy, checkout, caller, *ret_person, error);
    if (r != 0)
        return attempt_refused(
            ledger, &(struct attempt){verb, caller, *ret_person, checkout, NULL, NULL}, now, error);
    *ret_policy = policy;
    *ret_checkout = TAKE_PTR(checkout);
    return 0;
}

/* ---- the other decisions ---- */

int ledger_deny(struct ledger *ledger, uint64_t id, const char *reason, const struct caller *caller,
                struct roster *roster, const struct moment *now, struct error *error)
{
    CLEANUP_CHECKOUT struct checkout *checkout = NULL;
    const struct identity *person = NULL;
    const struct policy *policy = NULL;
    int r =
        decision_load(ledger, "deny", id, caller, roster, now, &person, &policy, &checkout, error);

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
    if (checkout->person_uid != caller->uid) {
        error_set(error, ERROR_NOT_PERMITTED,
                  pending ? "request %llu is not yours: an approver can deny it"
                          : "check-out %llu is not yours: an approver can revoke it",
                  (unsigned long long)id);
        return attempt_refused(
            ledger,
            &(struct attempt){pending ? "cancel" : "checkin", caller, person, checkout, NULL, NULL},
            now, error);
    }
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
        !ledger_is_approver(ledger, checkout, person)) {
        error_set(error, ERROR_NOT_PERMITTED,
                  "you may not revoke check-out %llu: its approvers and administrators can",
                  (unsigned long long)id);
        return attempt_refused(
            ledger, &(struct attempt){"revoke", caller, person, checkout, NULL, NULL}, now, error);
    }
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
