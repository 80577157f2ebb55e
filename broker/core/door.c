/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-id128.h>

#include "core/ledger_internal.h"

static const char *const verdict_names[] = {
    [VERDICT_REFUSED] = "refused",     [VERDICT_PENDING] = "pending", [VERDICT_ALLOW] = "allow",
    [VERDICT_UNMANAGED] = "unmanaged", [VERDICT_EXEMPT] = "exempt",
};

const char *verdict_name(enum verdict_kind kind)
{
    return (unsigned)kind <= VERDICT_EXEMPT ? verdict_names[kind] : verdict_names[VERDICT_REFUSED];
}

/* ---- verdicts ---- */

__attribute__((format(printf, 3, 4))) static int say(struct verdict *verdict,
                                                     enum verdict_kind kind, const char *format, ...)
{
    va_list arguments;

    verdict->kind = kind;
    va_start(arguments, format);
    (void)vsnprintf(verdict->message, sizeof(verdict->message), format, arguments);
    va_end(arguments);
    return 0;
}

/* Finds the place where this refusal was recorded lately, or the one to record it in. */
static struct refusal *find_refusal(struct ledger *ledger, const struct login *login,
                                    uid_t person_uid, uid_t account_uid, const struct moment *now,
                                    bool *ret_recent)
{
    struct refusal *oldest = &ledger->refusals[0];

    for (size_t i = 0; i < REFUSALS_REMEMBERED; i++) {
        struct refusal *refusal = &ledger->refusals[i];

        if (refusal->boot && refusal->person_uid == person_uid &&
            refusal->account_uid == account_uid && refusal->door == login->door) {
            *ret_recent = now->boot < refusal->boot + REFUSAL_REPEAT_SECONDS;
            return refusal;
        }
        if (refusal->boot < oldest->boot)
            oldest = refusal;
    }
    *ret_recent = false;
    *oldest = (struct refusal){
        .person_uid = person_uid, .account_uid = account_uid, .door = login->door};
    return oldest;
}

/* Refuses and records it; the same refusal within a minute is only counted. A refusal that cannot be
 * recorded is a refusal all the same. */
static int refuse(struct ledger *ledger, const struct login *login, const struct identity *person,
                  const struct identity *account, const struct moment *now,
                  struct verdict *verdict)
{
    struct change change = {
        .kind = EVENT_DOOR_REFUSED, .life = LIFE_EVENT_COUNT, .login = login};
    char reason[LIMIT_SENTENCE + 64];
    struct error ignored;
    bool recent;
    struct refusal *refusal =
        find_refusal(ledger, login, person ? person->uid : UID_UNSET,
                     account ? account->uid : UID_UNSET, now, &recent);

    verdict->kind = VERDICT_REFUSED;
    if (recent) {
        refusal->repeats++;
        return 0;
    }
    (void)snprintf(reason, sizeof(reason), "%s", verdict->message);
    if (refusal->repeats)
        (void)snprintf(reason, sizeof(reason), "%.1500s (and %llu times since it was last recorded)",
                       verdict->message, (unsigned long long)refusal->repeats);
    change.reason = reason;
    if (ledger_commit(ledger, &change, 1, now, &ignored) == 0) {
        refusal->boot = now->boot ? now->boot : 1;
        refusal->repeats = 0;
    }
    return 0;
}

/* ---- who and what ---- */

struct entrance {
    const struct identity *person, *account;
    const struct policy *policy; /* NULL unless one decides */
};

/* Looks both up; a failed look-up refuses. 0 with the verdict undecided, 1 with it decided, -EAGAIN. */
static int identify(const struct login *login, struct roster *roster, struct entrance *entrance,
                    struct verdict *verdict)
{
    int person = roster_user(roster, login->person, false, &entrance->person);
    int account = roster_user(roster, login->account, false, &entrance->account);

    if (person == -EAGAIN || account == -EAGAIN)
        return -EAGAIN;
    if (person < 0) {
        entrance->person = NULL;
        say(verdict, VERDICT_REFUSED,
            person == -ENOENT ? "there is no user %s on this host"
                              : "the name service did not say in time who %s is: try again",
            login->person);
        return 1;
    }
    if (account < 0) {
        entrance->account = NULL;
        say(verdict, VERDICT_REFUSED,
            account == -ENOENT ? "there is no account %s on this host"
                               : "the name service did not say in time who %s is: try again",
            login->account);
        return 1;
    }
    return 0;
}

/* Is the caller the person that the door says? sudo and su keep the loginuid of the login they were
 * called in, and su the real uid. 0 or 1 with the verdict decided. */
static int check_person(const struct login *login, const struct identity *person,
                        struct verdict *verdict)
{
    if (!(login->door & (DOOR_SUDO | DOOR_SU)))
        return 0;
    if (person->uid == 0) {
        say(verdict, VERDICT_EXEMPT, "root may enter");
        return 1;
    }
    if (login->loginuid != LOGINUID_UNSET && login->loginuid != person->uid) {
        say(verdict, VERDICT_REFUSED,
            "you logged in as another person (uid %u) than %s: log in as %s to use this",
            login->loginuid, person->name, person->name);
        return 1;
    }
    if (login->door == DOOR_SU && login->ruid != 0 && login->ruid != person->uid) {
        say(verdict, VERDICT_REFUSED, "the caller (uid %u) is not %s", login->ruid, person->name);
        return 1;
    }
    return 0;
}

/* Finds the deciding policy. 0 with entrance->policy set, 1 with the verdict decided, -EAGAIN. */
static int find_policy(struct ledger *ledger, const struct login *login, struct roster *roster,
                       const struct moment *now, struct entrance *entrance, struct verdict *verdict)
{
    struct policy_question question = {.person = entrance->person,
                                       .account = entrance->account,
                                       .door = login->door,
                                       .rhost = login->rhost,
                                       .wall = now->wall};
    struct policy_answer answer;
    int r;

    if (!ledger->policies) {
        say(verdict, VERDICT_REFUSED,
            "the check-out policy of this host cannot be read, so nobody can be let in: its "
            "administrator finds the reason in the journal of pam-checkout-broker.service");
        return 1;
    }
    answer = policy_decide(ledger->policies, &question);
    if (answer.verdict == POLICY_NEEDS_GROUPS) {
        r = roster_user(roster, login->person, true, &question.person);
        if (r == -EAGAIN)
            return r;
        if (r < 0) {
            say(verdict, VERDICT_REFUSED,
                "the name service did not say in time which groups %s is in: try again",
                login->person);
            return 1;
        }
        answer = policy_decide(ledger->policies, &question);
    }
    switch (answer.verdict) {
    case POLICY_DECIDES:
        entrance->policy = answer.policy;
        return 0;
    case POLICY_UNMANAGED:
        say(verdict, VERDICT_UNMANAGED, "no policy manages %s", entrance->account->name);
        return 1;
    case POLICY_EXEMPT:
        say(verdict, VERDICT_EXEMPT, "policy %s exempts %s", answer.policy->name,
            entrance->person->name);
        return 1;
    case POLICY_OUTSIDE_HOURS:
        say(verdict, VERDICT_REFUSED, "policy %s does not let anybody into %s at this hour",
            answer.policy->name, entrance->account->name);
        return 1;
    case POLICY_NOBODY:
    case POLICY_NEEDS_GROUPS:
        break;
    }
    say(verdict, VERDICT_REFUSED, "no policy lets %s into %s through %s%s%s: ask your administrator",
        entrance->person->name, entrance->account->name, door_name(login->door),
        login->rhost ? " from " : "", login->rhost ? login->rhost : "");
    return 1;
}

/* ---- the check-outs that are there ---- */

/* sudo -l and -v: sudo itself sets the command to these words (sudo(8), SUDO_COMMAND). */
static bool only_asks(const struct login *login)
{
    return login->command &&
           (strcmp(login->command, "list") == 0 || strcmp(login->command, "validate") == 0);
}

static bool fits_door(const struct checkout *checkout, const struct login *login)
{
    return !checkout->door || door_from_name(checkout->door) == login->door;
}

/* May this one open the door, apart from its time? */
static bool can_open(const struct ledger *ledger, const struct checkout *checkout,
                     const struct login *login, const struct entrance *entrance)
{
    return fits_door(checkout, login) && !checkout->extends &&
           strcmp(checkout->policy, entrance->policy->name) == 0 &&
           strcmp(checkout->machine_id, ledger->machine_id) == 0 &&
           strcmp(checkout->person, entrance->person->name) == 0 &&
           checkout->person_uid == entrance->person->uid &&
           checkout->account_uid == entrance->account->uid &&
           (!entrance->policy->uses || checkout->uses < entrance->policy->uses);
}

/* An approved one whose clock starts at its first use: starts it. */
static int first_use(struct ledger *ledger, struct checkout *checkout, const struct login *login,
                     const struct moment *now, struct error *error)
{
    struct change change = {.kind = EVENT_STARTED,
                            .life = LIFE_STARTED,
                            .checkout = checkout,
                            .login = login};

    checkout_open_window(checkout, now->wall, now);
    return ledger_commit(ledger, &change, 1, now, error);
}

static void say_pending(const struct ledger *ledger, const struct checkout *checkout,
                        struct verdict *verdict)
{
    CLEANUP_FREE char *who = ledger_who_can_approve(ledger, checkout);

    verdict->id = checkout->id;
    if (checkout->n_decisions)
        say(verdict, VERDICT_PENDING, "request %llu is pending, approved so far by %s; %s",
            (unsigned long long)checkout->id,
            checkout->decisions[checkout->n_decisions - 1].actor,
            who && *who ? who : "its approvers can approve it");
    else
        say(verdict, VERDICT_PENDING, "request %llu is pending; %s",
            (unsigned long long)checkout->id,
            who && *who ? who : "its approvers can approve it");
}

/* What an open check-out that could open this door says now: true if it decides the verdict. */
static bool try_checkout(struct ledger *ledger, struct checkout *checkout,
                         const struct login *login, const struct entrance *entrance,
                         const struct moment *now, struct verdict *verdict)
{
    char when[WHEN_TEXT_MAX];
    struct error error;

    if (!can_open(ledger, checkout, login, entrance))
        return false;
    if (checkout->state == STATE_APPROVED && checkout->use_by && !only_asks(login) &&
        checkout->start_at <= now->wall && now->wall < checkout->use_by &&
        now->boot < checkout->end_boot && strcmp(checkout->boot_id, now->boot_id) == 0 &&
        first_use(ledger, checkout, login, now, &error) != 0) {
        say(verdict, VERDICT_REFUSED, "%s", error.text);
        return true;
    }
    if (checkout->state == STATE_ACTIVE && checkout_in_window(checkout, now)) {
        verdict->id = checkout->id;
        verdict->end = checkout->end;
        say(verdict, VERDICT_ALLOW, "check-out %llu: %s has %s until %s",
            (unsigned long long)checkout->id, checkout->person, checkout->account,
            when_format(checkout->end, now, when));
        return true;
    }
    return false;
}

/* Looks through what the person has open for the account. 0 with the verdict undecided, 1 decided. */
static int use_open(struct ledger *ledger, const struct login *login,
                    const struct entrance *entrance, const struct moment *now,
                    struct verdict *verdict)
{
    CLEANUP_CHECKOUTS struct checkouts open = {0};
    const struct checkout *pending = NULL, *scheduled = NULL;
    char when[WHEN_TEXT_MAX];
    int r = store_open_checkouts(ledger->store, entrance->person->uid, entrance->account->uid,
                                 &open);

    if (r < 0) {
        say(verdict, VERDICT_REFUSED, "the ledger cannot be read (%s), so nobody can be let in",
            store_problem(ledger->store));
        return 1;
    }
    for (size_t i = 0; i < open.count; i++) {
        struct checkout *checkout = open.items[i];

        if (try_checkout(ledger, checkout, login, entrance, now, verdict))
            return 1;
        if (!can_open(ledger, checkout, login, entrance))
            continue;
        if (checkout->state == STATE_PENDING && now->wall < checkout->lapses &&
            checkout->start_at <= now->wall)
            pending = checkout;
        if (checkout->state == STATE_APPROVED && checkout->start_at > now->wall)
            scheduled = checkout;
    }
    if (pending) {
        say_pending(ledger, pending, verdict);
        return 1;
    }
    if (scheduled) {
        verdict->id = scheduled->id;
        say(verdict, VERDICT_REFUSED,
            "check-out %llu is approved and starts at %s: come back then, or ask for one that "
            "starts now: checkoutctl request %s",
            (unsigned long long)scheduled->id, when_format(scheduled->start_at, now, when),
            login->account);
        return 1;
    }
    return 0;
}

/* ---- asking ---- */

/* The line to type where the door cannot file the request for the person. */
static void say_how_to_request(const struct entrance *entrance, const struct error *error,
                               const struct login *login, struct verdict *verdict)
{
    bool ticket = entrance->policy->ticket == NEED_REQUIRED;

    say(verdict, VERDICT_REFUSED, "%s; type: checkoutctl request %s%s%s", error->text,
        login->account,
        entrance->policy->reason == NEED_NO ? "" : " --reason \"why you need it\"",
        ticket ? " --ticket NUMBER" : "");
}

static int file(struct ledger *ledger, const struct login *login, const struct entrance *entrance,
                struct roster *roster, const struct moment *now, struct verdict *verdict)
{
    CLEANUP_CHECKOUT struct checkout *checkout = NULL;
    CLEANUP_FREE char *who = NULL;
    struct error error = {0};
    struct draft draft = {.person = entrance->person,
                          .account = entrance->account,
                          .person_loginuid = login->loginuid,
                          .policy = entrance->policy,
                          .login = login,
                          .reason = login->reason,
                          .ticket = login->ticket,
                          .reason_source = login->reason_source,
                          .door = login->door,
                          .waiting = login->wait_seconds > 0};
    int r = request_file(ledger, &draft, roster, now, &checkout, &error);

    if (r == -EAGAIN)
        return r;
    if (r == ERROR_POLICY_REFUSED || r == ERROR_INVALID_ARGUMENT) {
        say_how_to_request(entrance, &error, login, verdict);
        return 0;
    }
    if (r != 0)
        return say(verdict, VERDICT_REFUSED, "%s", error.text);

    verdict->id = checkout->id;
    if (checkout->state != STATE_PENDING)
        return try_checkout(ledger, checkout, login, entrance, now, verdict)
                   ? 0
                   : say(verdict, VERDICT_REFUSED, "check-out %llu is %s",
                         (unsigned long long)checkout->id, state_name(checkout->state));
    who = ledger_who_can_approve(ledger, checkout);
    return say(verdict, VERDICT_PENDING, "request %llu filed; %s", (unsigned long long)checkout->id,
               who && *who ? who : "its approvers can approve it");
}

/* Everything up to the check-outs. 0 with the policy found, 1 with the verdict decided, -EAGAIN. */
static int enter(struct ledger *ledger, const struct login *login, struct roster *roster,
                 const struct moment *now, struct entrance *entrance, struct verdict *verdict)
{
    int r = identify(login, roster, entrance, verdict);

    if (r == 0)
        r = check_person(login, entrance->person, verdict);
    return r == 0 ? find_policy(ledger, login, roster, now, entrance, verdict) : r;
}

static int ask(struct ledger *ledger, const struct login *login, struct roster *roster,
               const struct moment *now, struct entrance *entrance, struct verdict *verdict)
{
    int r = enter(ledger, login, roster, now, entrance, verdict);

    if (r == 0)
        r = use_open(ledger, login, entrance, now, verdict);
    if (r != 0)
        return r == 1 ? 0 : r;
    if (only_asks(login))
        return say(verdict, VERDICT_REFUSED,
                   "%s has no check-out of %s (sudo -l and -v file no request)",
                   entrance->person->name, entrance->account->name);
    return file(ledger, login, entrance, roster, now, verdict);
}

int ledger_ask(struct ledger *ledger, const struct login *login, struct roster *roster,
               const struct moment *now, struct verdict *ret_verdict)
{
    struct verdict verdict = {.kind = VERDICT_REFUSED};
    struct entrance entrance = {0};
    int r = ask(ledger, login, roster, now, &entrance, &verdict);

    if (r == 0 && verdict.kind == VERDICT_REFUSED && !only_asks(login))
        r = refuse(ledger, login, entrance.person, entrance.account, now, &verdict);
    if (r == 0)
        *ret_verdict = verdict;
    return r;
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
        return say(verdict, VERDICT_REFUSED, "request %llu was denied by %s%s%s", id,
                   denial.actor ? denial.actor : "an approver", denial.reason ? ": " : "",
                   denial.reason ? denial.reason : "");
    case STATE_LAPSED:
        return say(verdict, VERDICT_REFUSED, "request %llu lapsed at %s: nobody decided about it",
                   id, when_format(checkout->lapses, now, when));
    case STATE_APPROVED:
        return say(verdict, VERDICT_REFUSED,
                   "check-out %llu is approved and starts at %s: come back then", id,
                   when_format(checkout->start_at, now, when));
    case STATE_CANCELLED:
    case STATE_RETURNED:
    case STATE_REVOKED:
    case STATE_EXPIRED:
        (void)outcome_refuse(ledger, checkout, now, &error);
        return say(verdict, VERDICT_REFUSED, "%s", error.text);
    default:
        return say(verdict, VERDICT_REFUSED, "request %llu is %s", id,
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
    int r = enter(ledger, login, roster, now, &entrance, &verdict);

    if (r == -EAGAIN)
        return r;
    if (r == 1) { /* the rules have changed since */
        *ret_verdict = verdict;
        return 0;
    }
    if (ledger_load(ledger, id, &checkout, &error) != 0) {
        say(&verdict, VERDICT_REFUSED, "%s", error.text);
    } else if (checkout->person_uid != entrance.person->uid ||
               strcmp(checkout->person, entrance.person->name) != 0 ||
               checkout->account_uid != entrance.account->uid || !fits_door(checkout, login) ||
               strcmp(checkout->machine_id, ledger->machine_id) != 0 ||
               strcmp(checkout->boot_id, now->boot_id) != 0) {
        say(&verdict, VERDICT_REFUSED, "request %llu is not for this login",
            (unsigned long long)id);
    } else if (checkout->state == STATE_PENDING && now->wall < checkout->lapses) {
        say_pending(ledger, checkout, &verdict);
    } else if (!try_checkout(ledger, checkout, login, &entrance, now, &verdict)) {
        say_outcome(ledger, checkout, now, &verdict);
    }
    *ret_verdict = verdict;
    return 0;
}

int ledger_abandon(struct ledger *ledger, uint64_t id, const struct moment *now,
                   struct error *error)
{
    CLEANUP_CHECKOUT struct checkout *checkout = NULL;
    struct change change = {.kind = EVENT_CANCELLED,
                            .life = LIFE_CANCELLED,
                            .reason = "the login that waited for it has gone"};
    int r = ledger_load(ledger, id, &checkout, error);

    if (r != 0 || checkout->state != STATE_PENDING || !checkout->waiting)
        return r;
    change.checkout = checkout;
    return ledger_commit(ledger, &change, 1, now, error);
}

/* ---- sessions ---- */

static int record_session(struct ledger *ledger, const struct login *login,
                          const struct entrance *entrance, uint64_t id, const struct moment *now,
                          struct error *error)
{
    CLEANUP_CHECKOUT struct checkout *checkout = NULL;
    char name[SD_ID128_STRING_MAX];
    sd_id128_t random;
    int r = ledger_load(ledger, id, &checkout, error);

    if (r != 0)
        return r;
    if (sd_id128_randomize(&random) < 0)
        return error_set(error, ERROR_STORAGE_FAILED, "no random number for the session");

    struct session session = {.session = sd_id128_to_string(random, name),
                              .checkout_id = id,
                              .person = entrance->person->name,
                              .account = (char *)login->account,
                              .door = (char *)door_name(login->door),
                              .service = (char *)login->service,
                              .tty = (char *)login->tty,
                              .rhost = (char *)login->rhost,
                              .pid = login->pid,
                              .audit_session = login->audit_session,
                              .opened = now->wall};
    struct change change = {.kind = EVENT_SESSION_OPENED,
                            .life = LIFE_USED,
                            .checkout = checkout,
                            .session = &session,
                            .login = login};

    checkout->uses++;
    return ledger_commit(ledger, &change, 1, now, error);
}

int ledger_open_session(struct ledger *ledger, const struct login *login, struct roster *roster,
                        const struct moment *now, struct verdict *ret_verdict)
{
    struct verdict verdict = {.kind = VERDICT_REFUSED};
    struct entrance entrance = {0};
    struct error error;
    int r = ask(ledger, login, roster, now, &entrance, &verdict);

    if (r != 0)
        return r;
    /* No record, no session: what cannot be written down does not happen. */
    if (verdict.kind == VERDICT_ALLOW &&
        record_session(ledger, login, &entrance, verdict.id, now, &error) != 0)
        say(&verdict, VERDICT_REFUSED, "%s", error.text);
    if (verdict.kind == VERDICT_REFUSED)
        r = refuse(ledger, login, entrance.person, entrance.account, now, &verdict);
    *ret_verdict = verdict;
    return r;
}

int ledger_close_session(struct ledger *ledger, const struct login *login,
                         const struct moment *now, struct error *error)
{
    CLEANUP_SESSION struct session *session = NULL;
    CLEANUP_CHECKOUT struct checkout *checkout = NULL;
    struct change change = {
        .kind = EVENT_SESSION_CLOSED, .life = LIFE_EVENT_COUNT, .login = login};
    int r = store_find_session(ledger->store, login->pid, login->service, &session);

    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return ledger_storage_error(ledger, r, error);
    if (strcmp(session->person, login->person) != 0 ||
        strcmp(session->account, login->account) != 0)
        return 0;
    r = ledger_load(ledger, session->checkout_id, &checkout, error);
    if (r != 0)
        return r;
    change.checkout = checkout;
    change.session = session;
    return ledger_commit(ledger, &change, 1, now, error);
}
