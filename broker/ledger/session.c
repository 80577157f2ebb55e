/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-id128.h>

#include "core/scope.h"
#include "ledger/door_internal.h"

/* Is it the session of such a login? At the ssh door of a shared account a login says no more of
 * its person than the account; root within a session is not its person. */
static bool is_of(const struct session *session, const struct login *login)
{
    return strcmp(session->account, login->account) == 0 &&
           (session->inside || strcmp(session->person, login->person) == 0 ||
            (login->door == DOOR_SSH && strcmp(login->person, login->account) == 0));
}

/* ---- opening ---- */

/* The open session that this very process has for the same login; NULL: none. */
static int find_own(struct ledger *ledger, const struct login *login, const struct moment *now,
                    struct session **ret_session)
{
    CLEANUP_SESSION struct session *session = NULL;
    int r =
        store_process_session(ledger->store, login->pid, login->start_time, now->boot_id, &session);

    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return r;
    if (!session->inside &&
        (!is_of(session, login) || strcmp(session->door, door_name(login->door)) != 0))
        return 0;
    *ret_session = TAKE_PTR(session);
    return 0;
}

/* Is what the door says of the scope one that a session of this check-out can be in? 0 or an error
 * code. Root can be anywhere, and goes on to scopes of logins. */
static int check_place(const struct login *login, uint64_t id, bool nested, struct error *error)
{
    if (login->misplaced)
        return error_set(error, ERROR_INVALID_ARGUMENT, "%s", login->misplaced);
    if (!login->unit && !login->cgroup)
        return 0;
    if (!login->unit || !login->cgroup || !scope_has_cgroup(login->unit, login->cgroup))
        return error_set(error, ERROR_INVALID_ARGUMENT,
                         "the door says that the session is in a scope that cannot be: unit %s, "
                         "cgroup %s",
                         login->unit ? login->unit : "unknown",
                         login->cgroup ? login->cgroup : "unknown");
    /* From within their own login people call sudo and su: that is not what ends. */
    if (scope_is_of(login->unit, id) ||
        (scope_is_login(login->unit) && (nested || login->door & (DOOR_SSH | DOOR_LOGIN))))
        return 0;
    return error_set(error, ERROR_INVALID_ARGUMENT,
                     "the door says that the session is in %s, which is no scope of check-out %llu",
                     login->unit, (unsigned long long)id);
}

static int insert(struct ledger *ledger, const struct login *login, struct checkout *checkout,
                  const struct session *parent, const struct moment *now,
                  char ret_name[static SESSION_NAME_MAX], struct error *error)
{
    char name[SD_ID128_STRING_MAX], reason[LIMIT_NAME + 128];
    sd_id128_t random;

    if (sd_id128_randomize(&random) < 0)
        return error_set(error, ERROR_STORAGE_FAILED, "no random number for the session");

    struct session session = {.session = sd_id128_to_string(random, name),
                              .checkout_id = checkout->id,
                              .person = checkout->person,
                              .account = (char *)login->account,
                              .door = (char *)door_name(login->door),
                              .service = (char *)login->service,
                              .tty = (char *)login->tty,
                              .rhost = (char *)login->rhost,
                              .unit = (char *)login->unit,
                              .cgroup = (char *)login->cgroup,
                              .cgroup_inode = login->cgroup_inode,
                              .inside = parent ? parent->session : NULL,
                              .pid = login->pid,
                              .start_time = login->start_time,
                              .audit_session = login->audit_session,
                              .opened = now->wall};
    struct change change = {.kind = EVENT_SESSION_OPENED,
                            .life = parent ? LIFE_EVENT_COUNT : LIFE_USED,
                            .checkout = checkout,
                            .session = &session,
                            .login = login};
    int r;

    memcpy(session.boot_id, now->boot_id, sizeof(session.boot_id));
    if (parent) {
        (void)snprintf(reason, sizeof(reason), "root went on to %s from within session %s",
                       login->account, parent->session);
        change.reason = reason;
    } else {
        checkout->uses++;
    }
    r = ledger_commit(ledger, &change, 1, now, error);
    if (r == 0)
        memcpy(ret_name, name, SESSION_NAME_MAX);
    return r;
}

/* The process opens its session once more: says where it is, where that was not known. */
static int place(struct ledger *ledger, const struct login *login, struct checkout *checkout,
                 struct session *session, const struct moment *now, struct error *error)
{
    struct change change = {.kind = EVENT_SESSION_PLACED,
                            .life = LIFE_EVENT_COUNT,
                            .checkout = checkout,
                            .session = session,
                            .login = login};

    if (!login->unit)
        return 0;
    if (session->unit)
        return strcmp(session->unit, login->unit) == 0 &&
                       strcmp(session->cgroup, login->cgroup) == 0
                   ? 0
                   : error_set(error, ERROR_INVALID_ARGUMENT,
                               "the door says that the session is in %s, and said before that it "
                               "is in %s",
                               login->unit, session->unit);
    session->unit = strdup(login->unit);
    session->cgroup = strdup(login->cgroup);
    session->cgroup_inode = login->cgroup_inode;
    if (!session->unit || !session->cgroup)
        return error_set(error, ERROR_STORAGE_FAILED, "out of memory");
    if (login->audit_session)
        session->audit_session = login->audit_session;
    return ledger_commit(ledger, &change, 1, now, error);
}

/* Records the session of a login that is let in. No record, no session: what cannot be written down
 * does not happen. */
static int record(struct ledger *ledger, const struct login *login, struct session *own,
                  const struct session *parent, uint64_t id, const struct moment *now,
                  char ret_name[static SESSION_NAME_MAX], struct error *error)
{
    CLEANUP_CHECKOUT struct checkout *checkout = NULL;
    int r = check_place(login, id, parent != NULL, error);

    if (r == 0)
        r = ledger_load(ledger, id, &checkout, error);
    if (r != 0)
        return r;
    if (!own || own->checkout_id != id)
        return insert(ledger, login, checkout, parent, now, ret_name, error);
    r = place(ledger, login, checkout, own, now, error);
    if (r == 0)
        memcpy(ret_name, own->session, strnlen(own->session, SESSION_NAME_MAX - 1) + 1);
    return r;
}

/* The session that this cgroup is part of: the innermost, for sessions can be opened from within
 * others. *ret_session stays NULL where there is none. */
static int find_around(struct ledger *ledger, const char *cgroup, const struct moment *now,
                       struct session **ret_session)
{
    CLEANUP_SESSIONS struct sessions open = {0};
    struct session **found = NULL;
    int r = store_open_sessions(ledger->store, &open);

    for (size_t i = 0; r == 0 && i < open.count; i++)
        if (open.items[i]->cgroup && strcmp(open.items[i]->boot_id, now->boot_id) == 0 &&
            cgroup_contains(open.items[i]->cgroup, cgroup) &&
            (!found || strlen(open.items[i]->cgroup) > strlen((*found)->cgroup)))
            found = &open.items[i];
    if (found)
        *ret_session = TAKE_PTR(*found);
    return r;
}

/* Root goes on from within a session: that is a session of the same check-out. Root is let in
 * whatever becomes of the record, since root needs nobody's leave. */
static void record_nested(struct ledger *ledger, const struct login *login, struct session *own,
                          const struct moment *now, struct verdict *verdict)
{
    CLEANUP_SESSION struct session *parent = NULL;
    struct error error;

    if (!login->parent_cgroup || find_around(ledger, login->parent_cgroup, now, &parent) < 0 ||
        !parent)
        return;
    if (record(ledger, login, own, parent, parent->checkout_id, now, verdict->session, &error) != 0)
        return;
    verdict_say(verdict, VERDICT_ALLOW, "root goes on under check-out %llu",
                (unsigned long long)parent->checkout_id);
    verdict->id = parent->checkout_id;
}

int ledger_prepare_session(struct ledger *ledger, const struct login *login, struct roster *roster,
                           const struct moment *now, struct verdict *ret_verdict)
{
    CLEANUP_SESSION struct session *own = NULL;
    struct verdict verdict = {.kind = VERDICT_REFUSED};
    struct entrance entrance = {.rehearses = true};
    int r;

    (void)find_own(ledger, login, now, &own);
    entrance.has_open = own ? own->checkout_id : 0;
    r = door_ask(ledger, login, roster, now, &entrance, &verdict);
    if (r != 0)
        return r;
    if (verdict.kind == VERDICT_REFUSED)
        door_refuse(ledger, login, &entrance, now, &verdict);
    *ret_verdict = verdict;
    return 0;
}

int ledger_open_session(struct ledger *ledger, const struct login *login, struct roster *roster,
                        const struct moment *now, struct verdict *ret_verdict)
{
    CLEANUP_SESSION struct session *own = NULL;
    struct verdict verdict = {.kind = VERDICT_REFUSED};
    struct entrance entrance = {0};
    struct error error;
    int r;

    (void)find_own(ledger, login, now, &own);
    entrance.has_open = own ? own->checkout_id : 0;
    r = door_ask(ledger, login, roster, now, &entrance, &verdict);
    if (r != 0)
        return r;
    if (verdict.kind == VERDICT_ALLOW &&
        record(ledger, login, own, NULL, verdict.id, now, verdict.session, &error) != 0)
        verdict_say(&verdict, VERDICT_REFUSED, "%s", error.text);
    if (verdict.kind == VERDICT_EXEMPT && entrance.person->uid == 0)
        record_nested(ledger, login, own, now, &verdict);
    if (verdict.kind == VERDICT_REFUSED)
        door_refuse(ledger, login, &entrance, now, &verdict);
    *ret_verdict = verdict;
    return 0;
}

/* ---- the end ---- */

static enum event_kind kind_of(const char *how)
{
    return strcmp(how, SESSION_KILLED) == 0     ? EVENT_SESSION_KILLED
           : strcmp(how, SESSION_SURVIVED) == 0 ? EVENT_SESSION_SURVIVED
                                                : EVENT_SESSION_CLOSED;
}

/* Is it the last one of a check-out that goes back with it? A machine that is restarted logs nobody
 * out. */
static int returns(struct ledger *ledger, const struct checkout *checkout,
                   const struct session *session, const char *how, bool *ret_returns,
                   struct error *error)
{
    const struct policy *policy = ledger_policy(ledger, checkout->policy);
    struct sessions all = {0};
    int r;

    *ret_returns = policy && policy->return_on_logout && checkout->state == STATE_ACTIVE &&
                   strcmp(how, SESSION_REBOOTED) != 0;
    if (!*ret_returns)
        return 0;
    r = store_sessions_of(ledger->store, checkout->id, &all.items, &all.count);
    for (size_t i = 0; i < all.count; i++)
        if (all.items[i]->closed == 0 && strcmp(all.items[i]->session, session->session) != 0)
            *ret_returns = false;
    sessions_clear(&all);
    return ledger_storage_error(ledger, r, error);
}

static int end(struct ledger *ledger, const struct session *session, const char *how,
               const char *reason, const struct login *login, const struct moment *now,
               struct error *error)
{
    CLEANUP_CHECKOUT struct checkout *checkout = NULL;
    struct changes changes = {0};
    bool is_last = false;
    int r = ledger_load(ledger, session->checkout_id, &checkout, error);

    if (r == 0 && strcmp(how, SESSION_SURVIVED) != 0)
        r = returns(ledger, checkout, session, how, &is_last, error);
    if (r != 0)
        return r;

    struct actor holder = {checkout->person, checkout->person_uid, checkout->person_loginuid};

    changes.items[changes.count++] = (struct change){.kind = kind_of(how),
                                                     .life = LIFE_EVENT_COUNT,
                                                     .checkout = checkout,
                                                     .session = session,
                                                     .how = how,
                                                     .reason = reason,
                                                     .login = login};
    if (is_last)
        changes.items[changes.count++] = (struct change){.kind = EVENT_RETURNED,
                                                         .life = LIFE_RETURNED,
                                                         .checkout = checkout,
                                                         .actor = &holder,
                                                         .reason = "the last session is over"};
    return ledger_commit(ledger, changes.items, changes.count, now, error);
}

int ledger_end_session(struct ledger *ledger, const char *name, const char *how, const char *reason,
                       const struct moment *now, struct error *error)
{
    CLEANUP_SESSION struct session *session = NULL;
    int r = store_get_session(ledger->store, name, &session);

    if (r < 0)
        return ledger_storage_error(ledger, r, error);
    if (session->closed && strcmp(how, SESSION_SURVIVED) != 0)
        return 0;
    return end(ledger, session, how, reason, NULL, now, error);
}

int ledger_close_session(struct ledger *ledger, const struct login *login, const struct moment *now,
                         struct error *error)
{
    CLEANUP_SESSION struct session *session = NULL;
    int r = store_find_session(ledger->store, login->pid, login->service, &session);

    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return ledger_storage_error(ledger, r, error);
    if (session->cgroup || !is_of(session, login))
        return 0;
    return end(ledger, session, SESSION_CLOSED, NULL, login, now, error);
}

int ledger_open_sessions(struct ledger *ledger, struct sessions *ret_sessions)
{
    return store_open_sessions(ledger->store, ret_sessions);
}

int ledger_sessions_of(struct ledger *ledger, uint64_t id, struct sessions *ret_sessions)
{
    struct sessions found = {0};
    int r = store_sessions_of(ledger->store, id, &found.items, &found.count);

    if (r == 0)
        *ret_sessions = found;
    return r;
}

enum policy_on_end ledger_on_end(const struct ledger *ledger, const char *policy,
                                 uint64_t *ret_warn_before)
{
    const struct policy *found = ledger_policy(ledger, policy);

    *ret_warn_before = found ? found->warn_before : 0;
    return found ? found->on_end : ON_END_TERMINATE;
}

int ledger_checkout(struct ledger *ledger, uint64_t id, struct checkout **ret_checkout,
                    struct error *error)
{
    return ledger_load(ledger, id, ret_checkout, error);
}
