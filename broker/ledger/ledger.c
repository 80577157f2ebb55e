/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ledger/ledger.h"

#include <errno.h>
#include <string.h>
#include <systemd/sd-id128.h>
#include <time.h>

#include "ledger/audit.h"
#include "ledger/ledger_internal.h"

DEFINE_CLEANUP(struct ledger *, ledger, ledger_free);

static int copy_text(const char *text, char **ret_copy)
{
    if (text && !(*ret_copy = strdup(text)))
        return -ENOMEM;
    return 0;
}

int ledger_new(const struct ledger_settings *settings, struct ledger **ret_ledger)
{
    CLEANUP(cleanup_ledger) struct ledger *ledger = calloc(1, sizeof(*ledger));

    if (!ledger)
        return -ENOMEM;
    ledger->store = settings->store;
    ledger->sink = settings->sink;
    ledger->userdata = settings->userdata;
    if (copy_text(settings->host, &ledger->host) < 0 ||
        copy_text(settings->machine_id, &ledger->machine_id) < 0 ||
        copy_text(settings->administrators, &ledger->administrators) < 0 ||
        copy_text(settings->auditors, &ledger->auditors) < 0)
        return -ENOMEM;
    *ret_ledger = TAKE_PTR(ledger);
    return 0;
}

struct ledger *ledger_free(struct ledger *ledger)
{
    if (!ledger)
        return NULL;
    policy_set_free(ledger->policies);
    free(ledger->policy_problem);
    free(ledger->host);
    free(ledger->machine_id);
    free(ledger->administrators);
    free(ledger->auditors);
    refusals_clear(ledger);
    free(ledger);
    return NULL;
}

const struct policy_set *ledger_policies(const struct ledger *ledger)
{
    return ledger->policies;
}

const struct policy *ledger_policy(const struct ledger *ledger, const char *name)
{
    for (size_t i = 0; ledger->policies && i < ledger->policies->n_policies; i++)
        if (strcmp(ledger->policies->policies[i]->name, name) == 0)
            return ledger->policies->policies[i];
    return NULL;
}

int ledger_storage_error(const struct ledger *ledger, int r, struct error *error)
{
    if (r == 0)
        return 0;
    return error_set(error, ERROR_STORAGE_FAILED,
                     "the ledger could not be read or written (%s); nothing was changed",
                     r == -ENOMEM ? "out of memory" : store_problem(ledger->store));
}

int ledger_load(struct ledger *ledger, uint64_t id, struct checkout **ret_checkout,
                struct error *error)
{
    int r = store_get_checkout(ledger->store, id, ret_checkout);

    if (r == -ENOENT)
        return error_set(error, ERROR_NOT_FOUND, "there is no request %llu",
                         (unsigned long long)id);
    return ledger_storage_error(ledger, r, error);
}

char *when_format(uint64_t wall, const struct moment *now, char buffer[static WHEN_TEXT_MAX])
{
    time_t then = (time_t)wall, today = (time_t)now->wall;
    struct tm at, current;

    if (!localtime_r(&then, &at) || !localtime_r(&today, &current) ||
        !strftime(buffer, WHEN_TEXT_MAX,
                  at.tm_year == current.tm_year && at.tm_yday == current.tm_yday ? "%H:%M"
                                                                                 : "%Y-%m-%d %H:%M",
                  &at))
        memcpy(buffer, "?", 2);
    return buffer;
}

/* ---- one transaction ---- */

/* What is known of a change once it is stored. */
struct stored {
    uint64_t seq;
    char hash[HASH_SIZE * 2 + 1];
    enum checkout_state state_old;
};

static int append_audit(struct ledger *ledger, const struct change *change,
                        const struct moment *now, struct stored *stored)
{
    CLEANUP_FREE char *record = NULL;
    unsigned char before[HASH_SIZE], hash[HASH_SIZE];
    int r;

    store_head(ledger->store, &stored->seq, before);
    stored->seq++;
    r = audit_record(ledger, change, stored->state_old, stored->seq, now, &record);
    if (r == 0)
        r = canonical_hash(before, record, hash);
    if (r < 0)
        return r;
    hash_format(hash, stored->hash);
    return store_append_audit(ledger->store, now->wall, event_name(change->kind),
                              change->checkout ? change->checkout->id : 0, record, hash);
}

/* A new check-out gets its id from the row and then its digest, which covers the id. */
static int insert_checkout(struct ledger *ledger, struct checkout *checkout)
{
    int r = store_insert_checkout(ledger->store, checkout);

    if (r == 0)
        r = checkout_seal(checkout);
    return r == 0 ? store_update_checkout(ledger->store, checkout, checkout->state) : r;
}

static int apply_session(struct ledger *ledger, const struct change *change,
                         const struct moment *now)
{
    const struct session *session = change->session;

    switch (change->kind) {
    case EVENT_SESSION_OPENED:
        return store_insert_session(ledger->store, session);
    case EVENT_SESSION_PLACED:
        return store_place_session(ledger->store, session);
    case EVENT_SESSION_SURVIVED:
        return store_mark_session(ledger->store, session->session, change->how);
    default:
        return store_close_session(ledger->store, session->session, now->wall, change->how);
    }
}

static int apply(struct ledger *ledger, const struct change *change, const struct moment *now,
                 struct stored *stored)
{
    struct checkout *checkout = change->checkout;
    int r = 0;

    stored->state_old = checkout ? checkout->state : STATE_NONE;
    if (change->life != LIFE_EVENT_COUNT) {
        enum checkout_state next = lifecycle_next(checkout->state, change->life);

        if (next == STATE_NONE)
            return -ESTALE;
        checkout->state = next;
        r = stored->state_old == STATE_NONE
                ? insert_checkout(ledger, checkout)
                : store_update_checkout(ledger->store, checkout, stored->state_old);
    }
    if (r == 0 && change->decision)
        r = store_insert_decision(ledger->store, checkout->id, change->decision);
    if (r == 0 && change->session)
        r = apply_session(ledger, change, now);
    return r == 0 ? append_audit(ledger, change, now, stored) : r;
}

static void tell(struct ledger *ledger, const struct change *change, const struct stored *stored,
                 enum checkout_state state_new, const struct moment *now)
{
    const struct checkout *checkout = change->checkout;
    const struct session *session = change->session;
    const struct login *login = change->login;
    struct event event = {
        .kind = change->kind,
        .seq = stored->seq,
        .time = now->wall,
        .hash = stored->hash,
        .checkout = checkout,
        .state_old = stored->state_old,
        .state_new = state_new,
        .actor = change->actor ? change->actor->name : NULL,
        .actor_uid = change->actor ? change->actor->uid : UID_UNSET,
        .actor_loginuid = change->actor ? change->actor->loginuid : LOGINUID_UNSET,
        .reason = change->reason,
        .term = change->decision ? change->decision->term : NULL,
        .session = session,
        .person = session    ? session->person
                  : checkout ? checkout->person
                  : login    ? login->person
                             : change->person,
        .account = session    ? session->account
                   : login    ? login->account
                   : checkout ? checkout->account
                              : change->account,
        .door = session    ? session->door
                : login    ? door_name(login->door)
                : checkout ? checkout->door
                           : NULL,
        .service = session    ? session->service
                   : login    ? login->service
                   : checkout ? checkout->service
                              : NULL,
        .tty = session    ? session->tty
               : login    ? login->tty
               : checkout ? checkout->tty
                          : NULL,
        .rhost = session    ? session->rhost
                 : login    ? login->rhost
                 : checkout ? checkout->rhost
                            : NULL,
        .policy = checkout ? checkout->policy : change->policy,
        .policy_digest = checkout ? checkout->policy_digest : change->policy_digest,
    };

    if (ledger->sink)
        ledger->sink(&event, ledger->userdata);
}

static void undo(struct checkout *checkout, enum checkout_state state_old)
{
    checkout->state = state_old;
    if (state_old == STATE_NONE) {
        checkout->id = 0;
        checkout->digest[0] = '\0';
    }
}

static int commit_once(struct ledger *ledger, const struct change *changes, size_t count,
                       const struct moment *now, struct error *error)
{
    struct stored stored[LEDGER_CHANGES_MAX] = {0};
    enum checkout_state states_new[LEDGER_CHANGES_MAX];
    size_t done = 0;
    int r;

    if (count > LEDGER_CHANGES_MAX)
        return error_set(error, ERROR_STORAGE_FAILED, "too many changes at once");
    r = store_begin(ledger->store);
    for (; r == 0 && done < count; done++) {
        r = apply(ledger, &changes[done], now, &stored[done]);
        states_new[done] = changes[done].checkout ? changes[done].checkout->state : STATE_NONE;
    }
    if (r == 0)
        r = store_raise_clock(ledger->store, now->wall);
    if (r == 0)
        r = store_raise_journal_mark(ledger->store, ledger->journal_mark);
    if (r == 0)
        r = store_commit(ledger->store);
    if (r < 0) {
        int code =
            r == -ESTALE
                ? error_set(error, ERROR_WRONG_STATE, "it has changed meanwhile; look at it again")
            : r == -EEXIST
                ? error_set(error, ERROR_ALREADY_DECIDED, "you have decided this request already")
                : ledger_storage_error(ledger, r, error);

        store_rollback(ledger->store);
        while (done-- > 0)
            if (changes[done].checkout)
                undo(changes[done].checkout, stored[done].state_old);
        return code;
    }
    for (size_t i = 0; i < count; i++)
        tell(ledger, &changes[i], &stored[i], states_new[i], now);
    return 0;
}

/* What lets nobody in must still be written when the disk is full: it has room of its own. */
static bool must_not_fail(const struct change *change)
{
    switch (change->kind) {
    case EVENT_DENIED:
    case EVENT_CANCELLED:
    case EVENT_LAPSED:
    case EVENT_RETURNED:
    case EVENT_REVOKED:
    case EVENT_EXPIRED:
    case EVENT_SESSION_CLOSED:
    case EVENT_SESSION_KILLED:
    case EVENT_SESSION_SURVIVED:
    case EVENT_POLICY_LOADED:
    case EVENT_POLICY_REJECTED:
    case EVENT_BROKER_STARTED:
    case EVENT_BROKER_STOPPED:
        return true;
    default:
        return false;
    }
}

int ledger_commit(struct ledger *ledger, const struct change *changes, size_t count,
                  const struct moment *now, struct error *error)
{
    bool must = true;
    int r;

    for (size_t i = 0; i < count; i++)
        must = must && must_not_fail(&changes[i]);
    if (store_keep_room(ledger->store) < 0 && !must)
        return error_set(error, ERROR_STORAGE_FAILED,
                         "the disk that holds the ledger is full; nothing was changed");
    r = commit_once(ledger, changes, count, now, error);
    if (r == ERROR_STORAGE_FAILED && must && store_give_room(ledger->store))
        r = commit_once(ledger, changes, count, now, error);
    return r;
}

int ledger_note(struct ledger *ledger, enum event_kind kind, const char *reason,
                const struct moment *now, struct error *error)
{
    struct change change = {.kind = kind, .life = LIFE_EVENT_COUNT, .reason = reason};

    if (kind == EVENT_BROKER_STOPPED)
        refusals_settle(ledger, true, now);
    return ledger_commit(ledger, &change, 1, now, error);
}
