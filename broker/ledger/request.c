/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-id128.h>

#include "ledger/ledger_internal.h"
#include "policy/quorum.h"

/* Seconds that a clock may go back before it is called set back: what NTP does is less. */
#define CLOCK_TOLERANCE 60

/* ---- filing ---- */

static int check_caps(struct ledger *ledger, const struct draft *draft, const struct moment *now,
                      struct error *error)
{
    struct tally tally = {0};
    /* Up to now: what was filed before the clock was set back is not of this minute. */
    int r = store_tally(ledger->store, draft->person->uid, now->wall > 60 ? now->wall - 60 : 0,
                        now->wall, &tally);

    if (r < 0)
        return ledger_storage_error(ledger, r, error);
    if (!draft->extends && draft->policy->max_open && tally.open >= draft->policy->max_open)
        return error_set(
            error, ERROR_LIMIT_REACHED,
            "policy %s allows %llu open requests and check-outs at a time and you have "
            "%llu: cancel or check in one first (checkoutctl list --mine)",
            draft->policy->name, (unsigned long long)draft->policy->max_open,
            (unsigned long long)tally.open);
    if (tally.pending >= LIMIT_PENDING_PERSON)
        return error_set(error, ERROR_LIMIT_REACHED,
                         "you have %llu requests waiting, which is the most that one person may: "
                         "cancel some first (checkoutctl list --mine)",
                         (unsigned long long)tally.pending);
    if (tally.recent >= LIMIT_REQUESTS_PER_MINUTE)
        return error_set(error, ERROR_LIMIT_REACHED,
                         "you have filed %llu requests within a minute: wait a little",
                         (unsigned long long)tally.recent);
    if (tally.pending_all >= LIMIT_PENDING_TOTAL)
        return error_set(error, ERROR_LIMIT_REACHED,
                         "%llu requests are waiting on this host, which is the most it takes",
                         (unsigned long long)tally.pending_all);
    return 0;
}

/* The time in which it may be used: one that waits for its first use holds the account until then.
 */
static void span_of(const struct checkout *checkout, uint64_t *ret_from, uint64_t *ret_to)
{
    *ret_from = checkout->start ? checkout->start : checkout->start_at;
    *ret_to = checkout->start ? checkout->end
                              : (checkout->use_by ? checkout->use_by : checkout->start_at) +
                                    checkout_granted_seconds(checkout);
}

int request_check_span(struct ledger *ledger, const struct policy *policy,
                       const struct checkout *checkout, uint64_t from, uint64_t to,
                       const struct moment *now, struct error *error)
{
    CLEANUP_CHECKOUTS struct checkouts holders = {0};
    char until[WHEN_TEXT_MAX];
    int r;

    if (!policy->exclusive)
        return 0;
    r = store_holders(ledger->store, checkout->account_uid, &holders);
    if (r < 0)
        return ledger_storage_error(ledger, r, error);
    for (size_t i = 0; i < holders.count; i++) {
        const struct checkout *holder = holders.items[i];
        uint64_t held_from, held_to;

        span_of(holder, &held_from, &held_to);
        if (holder->person_uid == checkout->person_uid || from >= held_to || held_from >= to)
            continue;
        return error_set(error, ERROR_POLICY_REFUSED,
                         "%s is checked out to %s until %s (number %llu), and policy %s lets one "
                         "person have it at a time: ask %s to check it in, or come back then",
                         holder->account, holder->person, when_format(held_to, now, until),
                         (unsigned long long)holder->id, policy->name, holder->person);
    }
    return 0;
}

int request_check_exclusive(struct ledger *ledger, const struct policy *policy,
                            const struct checkout *checkout, const struct moment *now,
                            struct error *error)
{
    uint64_t from = checkout->start_at > now->wall ? checkout->start_at : now->wall;
    uint64_t last_start =
        policy->clock == CLOCK_STARTS_AT_FIRST_USE ? from + policy->use_within : from;

    return request_check_span(ledger, policy, checkout, from,
                              last_start + checkout_granted_seconds(checkout), now, error);
}

static char *copy_or_null(const char *text, bool *failed)
{
    char *copy = text && *text ? strdup(text) : NULL;

    *failed = *failed || (text && *text && !copy);
    return copy;
}

/* Where the reason comes from. A wall clock that reads less than the ledger has seen is said, too:
 * the times that approvers are shown are then wrong. */
static const char *reason_source(const struct ledger *ledger, const struct draft *draft,
                                 const struct moment *now)
{
    if (now->wall + CLOCK_TOLERANCE >= store_clock(ledger->store))
        return draft->reason ? draft->reason_source : NULL;
    if (!draft->reason || !draft->reason_source)
        return "the clock was set back";
    if (strcmp(draft->reason_source, "environment") == 0)
        return "environment; the clock was set back";
    if (strcmp(draft->reason_source, "granter") == 0)
        return "granter; the clock was set back";
    return "requester; the clock was set back";
}

static struct checkout *checkout_from(const struct ledger *ledger, const struct draft *draft,
                                      uint64_t seconds, const struct moment *now)
{
    CLEANUP_CHECKOUT struct checkout *checkout = calloc(1, sizeof(*checkout));
    const struct login *login = draft->login;
    bool failed = false;
    sd_id128_t id;

    if (!checkout || sd_id128_randomize(&id) < 0)
        return NULL;
    sd_id128_to_uuid_string(id, checkout->uuid);
    checkout->person_uid = draft->person->uid;
    checkout->person_loginuid = draft->person_loginuid;
    checkout->account_uid = draft->account->uid;
    checkout->person = copy_or_null(draft->person->name, &failed);
    checkout->account = copy_or_null(draft->account->name, &failed);
    checkout->host = copy_or_null(ledger->host, &failed);
    checkout->machine_id = copy_or_null(ledger->machine_id, &failed);
    checkout->door = copy_or_null(draft->door ? door_name(draft->door) : NULL, &failed);
    if (login) {
        checkout->service = copy_or_null(login->service, &failed);
        checkout->tty = copy_or_null(login->tty, &failed);
        checkout->rhost = copy_or_null(login->rhost, &failed);
        checkout->command = copy_or_null(login->command, &failed);
    }
    checkout->reason = copy_or_null(draft->reason, &failed);
    checkout->reason_source = copy_or_null(reason_source(ledger, draft, now), &failed);
    checkout->ticket = copy_or_null(draft->ticket, &failed);
    checkout->to = copy_or_null(draft->to, &failed);
    checkout->waiting = draft->waiting;
    if (draft->waiting && draft->login)
        checkout->waits_until = now->wall + draft->login->wait_seconds;
    checkout->policy = copy_or_null(draft->policy->name, &failed);
    memcpy(checkout->policy_digest, ledger->policies->digest, sizeof(checkout->policy_digest));
    checkout->requested = now->wall;
    checkout->lapses = now->wall + draft->policy->pending_timeout;
    checkout->duration = seconds;
    checkout->asked_start = checkout->start_at = draft->start;
    checkout->extends = draft->extends;
    checkout->survive_reboot = draft->policy->survive_reboot;
    memcpy(checkout->boot_id, now->boot_id, sizeof(checkout->boot_id));
    return failed ? NULL : TAKE_PTR(checkout);
}

int request_draw_up(struct ledger *ledger, const struct draft *draft, struct roster *roster,
                    const struct moment *now, struct checkout **ret_checkout, struct error *error)
{
    CLEANUP_CHECKOUT struct checkout *checkout = NULL;
    const struct policy *policy = draft->policy;
    uint64_t seconds = 0;
    int r = policy_check_request(policy, draft->reason, draft->ticket, draft->duration, &seconds,
                                 error);

    if (r == 0 && draft->start && draft->start <= now->wall)
        r = error_set(error, ERROR_INVALID_ARGUMENT, "the start lies in the past");
    if (r == 0 && draft->start > now->wall + LIMIT_DURATION_SECONDS)
        r = error_set(error, ERROR_INVALID_ARGUMENT, "the start lies more than a year ahead");
    if (r == 0)
        r = check_caps(ledger, draft, now, error);
    if (r == 0 && policy->approval_required)
        r = request_check_approvers(ledger, policy, draft->person, roster, error);
    if (r != 0)
        return r;

    checkout = checkout_from(ledger, draft, seconds, now);
    if (!checkout)
        return error_set(error, ERROR_STORAGE_FAILED, "out of memory");
    /* What starts later can be decided until then. */
    if (draft->start && checkout->lapses < draft->start)
        checkout->lapses = draft->start;
    /* What an extension adds lies behind the end of the check-out: extension.c looks at that. */
    r = draft->extends ? 0 : request_check_exclusive(ledger, policy, checkout, now, error);
    if (r != 0)
        return r;
    *ret_checkout = TAKE_PTR(checkout);
    return 0;
}

int request_file(struct ledger *ledger, const struct draft *draft, struct roster *roster,
                 const struct moment *now, struct checkout **ret_checkout, struct error *error)
{
    CLEANUP_CHECKOUT struct checkout *checkout = NULL;
    struct actor actor = {draft->person->name, draft->person->uid, draft->person_loginuid};
    struct change changes[2] = {
        {.kind = EVENT_REQUESTED, .life = LIFE_REQUESTED, .actor = &actor, .login = draft->login},
        {.kind = EVENT_STARTED, .life = LIFE_STARTED}};
    size_t n_changes = 1;
    int r = request_draw_up(ledger, draft, roster, now, &checkout, error);

    if (r != 0)
        return r;
    if (!draft->policy->approval_required) {
        changes[0].kind = EVENT_APPROVED;
        changes[0].life = LIFE_AUTO_APPROVED;
        changes[0].reason = "the policy asks for no approval";
        checkout_approve(checkout, draft->policy, now);
        if (checkout_starts_now(checkout, now)) {
            checkout_open_window(checkout, now->wall, now);
            n_changes = 2;
        }
    }
    changes[0].checkout = changes[1].checkout = checkout;
    r = ledger_commit(ledger, changes, n_changes, now, error);
    if (r != 0)
        return r;
    *ret_checkout = TAKE_PTR(checkout);
    return 0;
}

/* ---- from the bus ---- */

int ledger_identify(const struct caller *caller, struct roster *roster,
                    const struct identity **ret_person, struct error *error)
{
    int r = roster_uid(roster, caller->uid, true, ret_person);

    if (r == 0 || r == -EAGAIN)
        return r;
    if (r != -ENOENT) { /* groups could not be told: without them, what needs none still works */
        r = roster_uid(roster, caller->uid, false, ret_person);
        if (r == 0 || r == -EAGAIN)
            return r;
    }
    return error_set(error, ERROR_NOT_PERMITTED,
                     r == -ENOENT ? "your uid %u has no name on this host"
                                  : "the name service did not say in time who uid %u is: try again",
                     (unsigned)caller->uid);
}

int request_find_user(struct roster *roster, const char *name, bool groups,
                      const struct identity **ret_user, struct error *error)
{
    int r = roster_user(roster, name, groups, ret_user);

    if (r == 0 || r == -EAGAIN)
        return r;
    return error_set(error, r == -ENOENT ? ERROR_NOT_FOUND : ERROR_POLICY_REFUSED,
                     r == -ENOENT ? "there is no user %s on this host"
                                  : "the name service did not say in time who %s is: try again",
                     name);
}

/* Does it give, or ask for, what is asked for? */
static bool is_same(const struct checkout *checkout, const struct draft *draft,
                    const struct moment *now)
{
    unsigned door = checkout->door ? door_from_name(checkout->door) : 0;
    bool opens = !door || door == draft->door;

    if (checkout->extends || strcmp(checkout->policy, draft->policy->name) != 0 ||
        !checkout_is_of(checkout, draft->person, draft->account))
        return false;
    switch (checkout->state) {
    case STATE_PENDING:
        return door == draft->door && checkout->start_at == draft->start;
    case STATE_APPROVED:
        return opens && (draft->start ? checkout->start_at == draft->start
                                      : checkout->use_by && checkout->start_at <= now->wall);
    case STATE_ACTIVE:
        return opens && !draft->start && checkout_in_window(checkout, now) &&
               (!draft->policy->uses || checkout->uses < draft->policy->uses);
    default:
        return false;
    }
}

/* The open one that is the same, NULL if there is none. */
static const struct checkout *find_same(const struct checkouts *open, const struct draft *draft,
                                        const struct moment *now)
{
    for (size_t i = 0; i < open->count; i++)
        if (is_same(open->items[i], draft, now))
            return open->items[i];
    return NULL;
}

/* Nobody may ask without its being known whose login asks: approving it later from that login would
 * look like somebody else's approval. The caller could have seen to it that it cannot be read. */
int request_check_caller(const struct caller *caller, struct error *error)
{
    if (caller->loginuid_known)
        return 0;
    return error_set(error, ERROR_NOT_PERMITTED,
                     "it could not be read as whom you logged in (/proc/PID/loginuid): stay "
                     "connected until you are answered");
}

static int refuse_request(const struct policy_answer *answer, const struct identity *person,
                          const struct identity *account, struct error *error)
{
    switch (answer->verdict) {
    case POLICY_UNMANAGED:
        return error_set(error, ERROR_POLICY_REFUSED,
                         "no policy manages %s: nothing keeps its doors, and there is nothing to "
                         "request",
                         account->name);
    case POLICY_EXEMPT:
        return error_set(error, ERROR_POLICY_REFUSED,
                         "policy %s exempts %s: %s can be entered without a request",
                         answer->policy->name, person->name, account->name);
    case POLICY_OUTSIDE_HOURS:
        return error_set(error, ERROR_POLICY_REFUSED,
                         "policy %s does not let anybody have %s at that time",
                         answer->policy->name, account->name);
    default:
        return error_set(error, ERROR_POLICY_REFUSED,
                         "no policy lets %s request %s: ask your administrator", person->name,
                         account->name);
    }
}

int request_decide(struct ledger *ledger, const struct request *request,
                   const struct identity *person, const struct identity *account,
                   struct roster *roster, const struct moment *now,
                   const struct policy **ret_policy, struct error *error)
{
    struct policy_question question = {.person = person,
                                       .account = account,
                                       .door = request->door,
                                       .any_source = true,
                                       .wall = request->start ? request->start : now->wall};
    struct policy_answer answer;
    int r;

    if (!ledger->policies)
        return error_set(error, ERROR_POLICY_REFUSED,
                         "the policy of this host cannot be read: its administrator finds the "
                         "reason in the journal of pam-checkout-broker.service");
    answer = policy_decide(ledger->policies, &question);
    if (answer.verdict == POLICY_NEEDS_GROUPS) {
        r = roster_user(roster, person->name, true, &question.person);
        if (r == -EAGAIN)
            return r;
        if (r < 0)
            return error_set(error, ERROR_POLICY_REFUSED,
                             "the name service did not say in time which groups %s is in: try "
                             "again",
                             person->name);
        answer = policy_decide(ledger->policies, &question);
    }
    if (answer.verdict != POLICY_DECIDES)
        return refuse_request(&answer, person, account, error);
    *ret_policy = answer.policy;
    return 0;
}

int ledger_request(struct ledger *ledger, const struct request *request,
                   const struct caller *caller, struct roster *roster, const struct moment *now,
                   uint64_t *ret_id, struct error *error)
{
    CLEANUP_CHECKOUTS struct checkouts open = {0};
    CLEANUP_CHECKOUT struct checkout *checkout = NULL;
    const struct identity *person = NULL, *account = NULL;
    const struct checkout *same;
    struct draft draft;
    int r = ledger_identify(caller, roster, &person, error);
    int account_r = request_find_user(roster, request->account, false, &account, error);

    if (r == -EAGAIN || account_r == -EAGAIN)
        return -EAGAIN;
    if (r != 0 || account_r != 0)
        return r ? r : account_r;
    r = request_check_caller(caller, error);
    if (r != 0)
        return r;

    draft = (struct draft){.person = person,
                           .account = account,
                           .person_loginuid = caller->loginuid,
                           .reason = request->reason,
                           .reason_source = "requester",
                           .ticket = request->ticket,
                           .to = request->to,
                           .door = request->door,
                           .duration = request->duration,
                           .start = request->start};
    r = request_decide(ledger, request, person, account, roster, now, &draft.policy, error);
    if (r != 0)
        return r;
    r = ledger_tick(ledger, now, error);
    if (r != 0)
        return r;
    r = store_open_checkouts(ledger->store, person->uid, account->uid, &open);
    if (r < 0)
        return ledger_storage_error(ledger, r, error);
    same = find_same(&open, &draft, now);
    if (same) {
        *ret_id = same->id;
        return 0;
    }
    r = request_file(ledger, &draft, roster, now, &checkout, error);
    if (r != 0)
        return r;
    *ret_id = checkout->id;
    return 0;
}
