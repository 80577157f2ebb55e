/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "ledger/door_internal.h"

/* Pending requests that are looked at in one go. */
#define UNATTENDED_BATCH 200

/* ---- the check-outs that are there ---- */

/* sudo -l and -v: sudo itself sets the command to these words (sudo(8), SUDO_COMMAND). At other
 * doors it is whatever the person has in the environment. */
bool door_only_asks(const struct login *login)
{
    return login->door == DOOR_SUDO && login->command &&
           (strcmp(login->command, "list") == 0 || strcmp(login->command, "validate") == 0);
}

/* Is it this person's, for this account, door and machine? */
static bool is_for(const struct ledger *ledger, const struct checkout *checkout,
                   const struct login *login, const struct entrance *entrance)
{
    return checkout_is_of(checkout, entrance->person, entrance->account) && !checkout->extends &&
           (!checkout->door || door_from_name(checkout->door) == login->door) &&
           strcmp(checkout->machine_id, ledger->machine_id) == 0;
}

/* May this one open the door, apart from its time? */
static bool can_open(const struct ledger *ledger, const struct checkout *checkout,
                     const struct login *login, const struct entrance *entrance)
{
    return is_for(ledger, checkout, login, entrance) &&
           strcmp(checkout->policy, entrance->policy->name) == 0 &&
           (!entrance->policy->uses || checkout->uses < entrance->policy->uses ||
            checkout->id == entrance->has_open);
}

/* An approved one whose clock starts at its first use: starts it. */
static int first_use(struct ledger *ledger, struct checkout *checkout, const struct login *login,
                     const struct entrance *entrance, const struct moment *now, struct error *error)
{
    struct change change = {
        .kind = EVENT_STARTED, .life = LIFE_STARTED, .checkout = checkout, .login = login};

    checkout_open_window(checkout, now->wall, now);
    if (entrance->rehearses) {
        checkout->state = lifecycle_next(checkout->state, LIFE_STARTED);
        return 0;
    }
    return ledger_commit(ledger, &change, 1, now, error);
}

static void say_pending(const struct ledger *ledger, const struct checkout *checkout,
                        struct verdict *verdict)
{
    CLEANUP_FREE char *who = ledger_who_can_approve(ledger, checkout);

    verdict->id = checkout->id;
    if (checkout->n_decisions)
        verdict_say(verdict, VERDICT_PENDING, "request %llu is pending, approved so far by %s; %s",
                    (unsigned long long)checkout->id,
                    checkout->decisions[checkout->n_decisions - 1].actor,
                    who && *who ? who : "its approvers can approve it");
    else
        verdict_say(verdict, VERDICT_PENDING, "request %llu is pending; %s",
                    (unsigned long long)checkout->id,
                    who && *who ? who : "its approvers can approve it");
}

/* Does its clock start with this login? */
static bool waits_for_use(const struct checkout *checkout, const struct moment *now)
{
    return checkout->state == STATE_APPROVED && checkout->use_by &&
           checkout->start_at <= now->wall && strcmp(checkout->boot_id, now->boot_id) == 0 &&
           window_left(checkout->use_by, checkout->end_boot, now) > 0;
}

static int say_allow(const struct checkout *checkout, const struct policy *policy,
                     const struct moment *now, struct verdict *verdict)
{
    char when[WHEN_TEXT_MAX];

    verdict->id = checkout->id;
    verdict->end = checkout_closes_at(checkout, now);
    /* systemd's limit is set from it and the wall clock (RuntimeMaxSec= counts another clock). */
    verdict->latest = verdict->end + (extension_latest_end(policy, checkout) - checkout->end);
    verdict->terminate = policy->on_end == ON_END_TERMINATE;
    return verdict_say(verdict, VERDICT_ALLOW, "check-out %llu: %s has %s until %s",
                       (unsigned long long)checkout->id, checkout->person, checkout->account,
                       when_format(verdict->end, now, when));
}

/* Lets in by a check-out that fits, if it is its time: true if that decides the verdict. */
static bool try_checkout(struct ledger *ledger, struct checkout *checkout,
                         const struct login *login, const struct entrance *entrance,
                         const struct moment *now, struct verdict *verdict)
{
    struct error error;

    if (!door_only_asks(login) && waits_for_use(checkout, now) &&
        first_use(ledger, checkout, login, entrance, now, &error) != 0) {
        verdict_say(verdict, VERDICT_REFUSED, "%s", error.text);
        return true;
    }
    if (checkout->state != STATE_ACTIVE || !checkout_in_window(checkout, now))
        return false;
    say_allow(checkout, entrance->policy, now, verdict);
    return true;
}

/* Looks through what the person has open for the account. 0 with the verdict undecided, 1 decided.
 */
static int use_open(struct ledger *ledger, const struct login *login,
                    const struct entrance *entrance, const struct moment *now,
                    struct verdict *verdict)
{
    CLEANUP_CHECKOUTS struct checkouts open = {0};
    const struct checkout *pending = NULL, *scheduled = NULL;
    char when[WHEN_TEXT_MAX];
    int r =
        store_open_checkouts(ledger->store, entrance->person->uid, entrance->account->uid, &open);

    if (r < 0) {
        verdict_say(verdict, VERDICT_REFUSED,
                    "the ledger cannot be read (%s), so nobody can be let in",
                    store_problem(ledger->store));
        return 1;
    }
    for (size_t i = 0; i < open.count; i++)
        if (open.items[i]->id == entrance->has_open &&
            can_open(ledger, open.items[i], login, entrance) &&
            try_checkout(ledger, open.items[i], login, entrance, now, verdict))
            return 1;
    /* An open door starts no clock: the active ones come before those that wait for their first
     * use. */
    for (int active = 1; active >= 0; active--)
        for (size_t i = 0; i < open.count; i++)
            if ((open.items[i]->state == STATE_ACTIVE) == active &&
                can_open(ledger, open.items[i], login, entrance) &&
                try_checkout(ledger, open.items[i], login, entrance, now, verdict))
                return 1;
    for (size_t i = 0; i < open.count; i++) {
        const struct checkout *checkout = open.items[i];

        if (!can_open(ledger, checkout, login, entrance))
            continue;
        if (checkout->state == STATE_PENDING && now->wall < checkout->lapses &&
            checkout->start_at <= now->wall)
            pending = checkout;
        if (checkout->state == STATE_APPROVED && checkout->start_at > now->wall)
            scheduled = checkout;
    }
    if (pending && door_only_asks(login)) {
        verdict->id = pending->id;
        verdict_say(verdict, VERDICT_REFUSED, "request %llu is pending",
                    (unsigned long long)pending->id);
        return 1;
    }
    if (pending) {
        say_pending(ledger, pending, verdict);
        return 1;
    }
    if (scheduled) {
        verdict->id = scheduled->id;
        verdict_say(
            verdict, VERDICT_REFUSED,
            "check-out %llu is approved and starts at %s: come back then, or ask for one that "
            "starts now: checkoutctl request %s",
            (unsigned long long)scheduled->id, when_format(scheduled->start_at, now, when),
            login->account);
        return 1;
    }
    return 0;
}

/* ---- asking ---- */

/* Would a request that names no door come under this same policy? */
static bool is_asked_for_without_door(const struct ledger *ledger, const struct entrance *entrance,
                                      const struct moment *now)
{
    struct policy_question question = {.person = entrance->person,
                                       .account = entrance->account,
                                       .any_source = true,
                                       .wall = now->wall};
    struct policy_answer answer = policy_decide(ledger->policies, &question);

    return answer.verdict == POLICY_DECIDES && answer.policy == entrance->policy;
}

/* The line to type where the door cannot file the request for the person. */
static int say_how_to_request(const struct ledger *ledger, const struct entrance *entrance,
                              const struct error *error, const struct login *login,
                              const struct moment *now, struct verdict *verdict)
{
    const struct policy *policy = entrance->policy;
    bool door = !is_asked_for_without_door(ledger, entrance, now);

    return verdict_say(verdict, VERDICT_REFUSED, "%s; type: checkoutctl request %s%s%s%s%s",
                       error->text, login->account, door ? " --door " : "",
                       door ? door_name(login->door) : "",
                       policy->reason == NEED_NO ? "" : " --reason \"why you need it\"",
                       policy->ticket == NEED_REQUIRED ? " --ticket NUMBER" : "");
}

/* Of a key's owner it says nothing: before the session sshd still has its own, of whoever started
 * it, and then the shared account's (pam_loginuid(8)), with which nobody is to decide about this.
 */
static uint32_t loginuid_of(const struct login *login, const struct entrance *entrance)
{
    return entrance->name == entrance->owner ? entrance->account->uid : login->loginuid;
}

static bool asks_at_prompt(const struct login *login)
{
    return login->reason_source && strcmp(login->reason_source, "prompt") == 0;
}

static int file(struct ledger *ledger, const struct login *login, const struct entrance *entrance,
                struct roster *roster, const struct moment *now, struct verdict *verdict)
{
    CLEANUP_CHECKOUT struct checkout *checkout = NULL;
    CLEANUP_FREE char *who = NULL;
    struct error error = {0};
    struct draft draft = {.person = entrance->person,
                          .account = entrance->account,
                          .person_loginuid = loginuid_of(login, entrance),
                          .policy = entrance->policy,
                          .login = login,
                          .reason = login->reason,
                          .ticket = login->ticket,
                          .reason_source =
                              login->reason || login->ticket ? login->reason_source : NULL,
                          .door = login->door,
                          .waiting = login->wait_seconds > 0};
    uint64_t seconds;
    int r =
        policy_check_request(entrance->policy, login->reason, login->ticket, 0, &seconds, &error);

    if (r != 0 && asks_at_prompt(login))
        return verdict_say(verdict,
                           login->reason || login->ticket ? VERDICT_REFUSED : VERDICT_INCOMPLETE,
                           "%s", error.text);
    if (r != 0)
        return say_how_to_request(ledger, entrance, &error, login, now, verdict);
    r = request_file(ledger, &draft, roster, now, &checkout, &error);
    if (r == -EAGAIN)
        return r;
    if (r != 0)
        return verdict_say(verdict, VERDICT_REFUSED, "%s", error.text);

    verdict->id = checkout->id;
    if (checkout->state != STATE_PENDING)
        return try_checkout(ledger, checkout, login, entrance, now, verdict)
                   ? 0
                   : verdict_say(verdict, VERDICT_REFUSED, "check-out %llu is %s",
                                 (unsigned long long)checkout->id, state_name(checkout->state));
    who = ledger_who_can_approve(ledger, checkout);
    return verdict_say(verdict, VERDICT_PENDING, "request %llu filed; %s",
                       (unsigned long long)checkout->id,
                       who && *who ? who : "its approvers can approve it");
}

/* What is due is done first: a door may be asked before the clock has ticked. Where that cannot be
 * written, whoever has a check-out is still told so; none of what follows goes by a state alone. */
static void let_time_pass(struct ledger *ledger, const struct moment *now)
{
    struct error ignored;

    (void)ledger_tick(ledger, now, &ignored);
}

int door_ask(struct ledger *ledger, const struct login *login, struct roster *roster,
             const struct moment *now, struct entrance *entrance, struct verdict *verdict)
{
    int r = door_enter(ledger, login, roster, now, entrance, verdict);

    if (r == 0) {
        let_time_pass(ledger, now);
        r = use_open(ledger, login, entrance, now, verdict);
    }
    if (r != 0)
        return r == 1 ? 0 : r;
    if (door_only_asks(login))
        return verdict_say(
            verdict, VERDICT_REFUSED,
            "%s has no check-out of %s that is open (sudo -l and -v file no request)",
            entrance->person->name, entrance->account->name);
    return file(ledger, login, entrance, roster, now, verdict);
}

int ledger_ask(struct ledger *ledger, const struct login *login, struct roster *roster,
               const struct moment *now, struct verdict *ret_verdict)
{
    struct verdict verdict = {.kind = VERDICT_REFUSED};
    struct entrance entrance = {0};
    int r = door_ask(ledger, login, roster, now, &entrance, &verdict);

    if (r != 0)
        return r;
    if (verdict.kind == VERDICT_REFUSED && !door_only_asks(login))
        door_refuse(ledger, login, &entrance, now, &verdict);
    *ret_verdict = verdict;
    return 0;
}

/* ---- waiting ---- */

static int say_outcome(struct ledger *ledger, const struct checkout *checkout,
                       const struct moment *now, struct verdict *verdict)
{
    CLEANUP_STEP struct step denial = {0};
    unsigned long long id = checkout->id;
    char when[WHEN_TEXT_MAX];
    struct error error;

    switch (checkout->state) {
    case STATE_DENIED:
        outcome_find(ledger, checkout, &denial);
        return verdict_say(verdict, VERDICT_REFUSED, "request %llu was denied by %s%s%s", id,
                           denial.actor ? denial.actor : "an approver", denial.reason ? ": " : "",
                           denial.reason ? denial.reason : "");
    case STATE_LAPSED:
        return verdict_say(verdict, VERDICT_REFUSED,
                           "request %llu lapsed at %s: nobody decided about it", id,
                           when_format(checkout->lapses, now, when));
    case STATE_APPROVED:
        return verdict_say(verdict, VERDICT_REFUSED,
                           "check-out %llu is approved and starts at %s: come back then", id,
                           when_format(checkout->start_at, now, when));
    case STATE_CANCELLED:
    case STATE_RETURNED:
    case STATE_REVOKED:
    case STATE_EXPIRED:
        (void)outcome_refuse(ledger, checkout, now, &error);
        return verdict_say(verdict, VERDICT_REFUSED, "%s", error.text);
    default:
        return verdict_say(verdict, VERDICT_REFUSED, "request %llu is %s", id,
                           state_name(checkout->state));
    }
}

int ledger_resume(struct ledger *ledger, uint64_t id, const struct login *login,
                  struct roster *roster, const struct moment *now, struct verdict *ret_verdict)
{
    CLEANUP_CHECKOUT struct checkout *checkout = NULL;
    struct verdict verdict = {.kind = VERDICT_REFUSED, .id = id};
    struct entrance entrance = {0};
    struct error error;
    int r = door_enter(ledger, login, roster, now, &entrance, &verdict);

    if (r == -EAGAIN)
        return r;
    if (r == 1) { /* the rules have changed since */
        *ret_verdict = verdict;
        return 0;
    }
    let_time_pass(ledger, now);
    if (ledger_load(ledger, id, &checkout, &error) != 0) {
        verdict_say(&verdict, VERDICT_REFUSED, "%s", error.text);
        door_refuse(ledger, login, &entrance, now, &verdict);
    } else if (!is_for(ledger, checkout, login, &entrance) ||
               strcmp(checkout->boot_id, now->boot_id) != 0) {
        verdict_say(&verdict, VERDICT_REFUSED, "request %llu is not for this login",
                    (unsigned long long)id);
        door_refuse(ledger, login, &entrance, now, &verdict);
    } else if (checkout->state == STATE_PENDING && now->wall < checkout->lapses) {
        say_pending(ledger, checkout, &verdict);
    } else if (!can_open(ledger, checkout, login, &entrance) ||
               !try_checkout(ledger, checkout, login, &entrance, now, &verdict)) {
        say_outcome(ledger, checkout, now, &verdict);
    }
    *ret_verdict = verdict;
    return 0;
}

static int abandon(struct ledger *ledger, struct checkout *checkout, const struct moment *now,
                   struct error *error)
{
    struct change change = {.kind = EVENT_CANCELLED,
                            .life = LIFE_CANCELLED,
                            .checkout = checkout,
                            .reason = "the login that waited for it has gone"};

    if (checkout->state != STATE_PENDING || !checkout->waiting)
        return 0;
    return ledger_commit(ledger, &change, 1, now, error);
}

int ledger_abandon(struct ledger *ledger, uint64_t id, const struct moment *now,
                   struct error *error)
{
    CLEANUP_CHECKOUT struct checkout *checkout = NULL;
    int r;

    let_time_pass(ledger, now);
    r = ledger_load(ledger, id, &checkout, error);
    return r == 0 ? abandon(ledger, checkout, now, error) : r;
}

int ledger_abandon_unattended(struct ledger *ledger, is_waited_for waited, void *userdata,
                              const struct moment *now, struct error *error)
{
    struct checkout_filter filter = {.states = 1u << STATE_PENDING,
                                     .person_uid = UID_UNSET,
                                     .seen_by = UID_UNSET,
                                     .limit = UNATTENDED_BATCH};
    size_t count;

    let_time_pass(ledger, now);
    do {
        CLEANUP_CHECKOUTS struct checkouts pending = {0};
        int r = ledger_storage_error(ledger, store_list(ledger->store, &filter, &pending), error);

        for (size_t i = 0; i < pending.count && r == 0; i++) {
            struct checkout *checkout = pending.items[i];

            filter.after = checkout->id;
            /* Whose wait has run out may have gone in peace: the request stays for them. */
            if (now->wall < checkout->waits_until && !waited(checkout->id, userdata))
                r = abandon(ledger, checkout, now, error);
        }
        if (r != 0)
            return r;
        count = pending.count;
    } while (count == UNATTENDED_BATCH);
    return 0;
}
