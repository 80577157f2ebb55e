/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ledger/audit.h"

#include <errno.h>

DEFINE_CLEANUP(json_t *, json, json_decref);

static int add_uid(json_t *record, const char *key, uint32_t uid)
{
    return uid == UID_UNSET ? 0 : canonical_add_number(record, key, uid);
}

static int add_checkout(json_t *record, const struct change *change, enum checkout_state state_old)
{
    const struct checkout *checkout = change->checkout;

    if (!checkout)
        return 0;
    if (canonical_add_number(record, "id", checkout->id) < 0 ||
        canonical_add_text(record, "uuid", checkout->uuid) < 0 ||
        canonical_add_text(record, "person", checkout->person) < 0 ||
        add_uid(record, "person_uid", checkout->person_uid) < 0 ||
        canonical_add_text(record, "account", checkout->account) < 0 ||
        add_uid(record, "account_uid", checkout->account_uid) < 0 ||
        canonical_add_text(record, "ticket", checkout->ticket) < 0 ||
        canonical_add_text(record, "policy", checkout->policy) < 0 ||
        canonical_add_text(record, "policy_digest", checkout->policy_digest) < 0 ||
        canonical_add_text(record, "state_new", state_name(checkout->state)) < 0)
        return -ENOMEM;
    return state_old == STATE_NONE ? 0
                                   : canonical_add_text(record, "state_old", state_name(state_old));
}

/* Where it happened: in a session, at a door now, or where the request was filed. */
static int add_place(json_t *record, const struct change *change)
{
    const struct login *login = change->login;
    const struct checkout *checkout = change->checkout;
    const struct session *session = change->session;

    if (session)
        return canonical_add_text(record, "door", session->door) < 0 ||
                       canonical_add_text(record, "service", session->service) < 0 ||
                       canonical_add_text(record, "tty", session->tty) < 0 ||
                       canonical_add_text(record, "rhost", session->rhost) < 0
                   ? -ENOMEM
                   : 0;
    if (login) {
        if (canonical_add_text(record, "door", door_name(login->door)) < 0 ||
            canonical_add_text(record, "service", login->service) < 0 ||
            canonical_add_text(record, "tty", login->tty) < 0 ||
            canonical_add_text(record, "rhost", login->rhost) < 0)
            return -ENOMEM;
        if (checkout)
            return 0;
        return canonical_add_text(record, "person", login->person) < 0 ||
                       canonical_add_text(record, "account", login->account) < 0
                   ? -ENOMEM
                   : 0;
    }
    if (!checkout)
        return canonical_add_text(record, "person", change->person) < 0 ||
                       canonical_add_text(record, "account", change->account) < 0
                   ? -ENOMEM
                   : 0;
    return canonical_add_text(record, "door", checkout->door) < 0 ||
                   canonical_add_text(record, "service", checkout->service) < 0 ||
                   canonical_add_text(record, "tty", checkout->tty) < 0 ||
                   canonical_add_text(record, "rhost", checkout->rhost) < 0
               ? -ENOMEM
               : 0;
}

static int add_actor(json_t *record, const struct actor *actor)
{
    if (!actor)
        return 0;
    return canonical_add_text(record, "actor", actor->name) < 0 ||
                   add_uid(record, "actor_uid", actor->uid) < 0 ||
                   add_uid(record, "actor_loginuid", actor->loginuid) < 0
               ? -ENOMEM
               : 0;
}

/* The reason of the step; a request's own where the step has none. */
static const char *reason_of(const struct change *change)
{
    if (change->reason || change->kind != EVENT_REQUESTED)
        return change->reason;
    return change->checkout ? change->checkout->reason : NULL;
}

static int add_optional_number(json_t *record, const char *key, uint64_t value)
{
    return value ? canonical_add_number(record, key, value) : 0;
}

/* The digest of a row's text, which is freed. */
static int add_digest(json_t *record, const char *key, char *row)
{
    unsigned char hash[HASH_SIZE];
    char text[HASH_SIZE * 2 + 1];
    int r = row ? canonical_hash(NULL, row, hash) : -ENOMEM;

    free(row);
    if (r < 0)
        return -ENOMEM;
    hash_format(hash, text);
    return canonical_add_text(record, key, text);
}

/* Ties the rows, as the change leaves them, to the record. */
static int add_rows(const struct ledger *ledger, json_t *record, const struct change *change)
{
    CLEANUP_SESSION struct session *session = NULL;
    char *row = NULL;

    if (change->checkout &&
        (store_checkout_text(change->checkout, &row) < 0 || add_digest(record, "row", row) < 0))
        return -ENOMEM;
    row = NULL;
    /* A session's change writes some of its columns: what is there now counts. */
    if (change->session) {
        int r = store_get_session(ledger->store, change->session->session, &session);

        if (r < 0)
            return r;
        if (store_session_text(session, &row) < 0 || add_digest(record, "session_row", row) < 0)
            return -ENOMEM;
    }
    row = NULL;
    return change->decision &&
                   (store_decision_text(change->checkout->id, change->decision, &row) < 0 ||
                    add_digest(record, "decision_row", row) < 0)
               ? -ENOMEM
               : 0;
}

/* What was asked for, given, or moved: whoever reads the records alone can follow it. */
static int add_terms(json_t *record, const struct change *change, enum checkout_state state_old)
{
    const struct checkout *checkout = change->checkout;
    const struct decision *decision = change->decision;
    const struct session *session = change->session;
    int r = 0;

    if (checkout && state_old == STATE_NONE &&
        (canonical_add_text(record, "digest", checkout->digest) < 0 ||
         add_optional_number(record, "duration", checkout->duration) < 0 ||
         add_optional_number(record, "start", checkout->start_at) < 0 ||
         add_optional_number(record, "extends", checkout->extends) < 0))
        return -ENOMEM;
    if (checkout &&
        (change->life == LIFE_STARTED || change->life == LIFE_EXTENDED ||
         change->life == LIFE_CARRIED) &&
        (add_optional_number(record, "start", checkout->start) < 0 ||
         add_optional_number(record, "end", checkout->end) < 0))
        return -ENOMEM;
    if (decision && (canonical_add_text(record, "digest", checkout->digest) < 0 ||
                     canonical_add_text(record, "term", decision->term) < 0 ||
                     add_optional_number(record, "seconds", decision->seconds) < 0 ||
                     add_optional_number(record, "start", decision->start) < 0))
        return -ENOMEM;
    /* How long it took to decide is then known from this record alone. */
    if (checkout && (decision || change->life == LIFE_APPROVED || change->life == LIFE_APPLIED) &&
        canonical_add_number(record, "requested", checkout->requested) < 0)
        return -ENOMEM;
    if (checkout && (change->life == LIFE_APPROVED || change->life == LIFE_APPLIED) &&
        canonical_add_number(record, "duration", checkout_granted_seconds(checkout)) < 0)
        return -ENOMEM;
    if (session && (canonical_add_text(record, "session", session->session) < 0 ||
                    canonical_add_text(record, "inside", session->inside) < 0 ||
                    canonical_add_text(record, "unit", session->unit) < 0 ||
                    add_optional_number(record, "pid", session->pid) < 0))
        return -ENOMEM;
    /* The kernel's audit trail has the session by this number. */
    if (session && session->audit_session != LOGINUID_UNSET)
        r = add_optional_number(record, "audit_session", session->audit_session);
    return r < 0 || canonical_add_text(record, "quorum", change->quorum) < 0 ||
                   canonical_add_text(record, "refusal", change->refusal) < 0 ||
                   add_optional_number(record, "repeats", change->repeats) < 0
               ? -ENOMEM
               : 0;
}

int audit_record(const struct ledger *ledger, const struct change *change,
                 enum checkout_state state_old, uint64_t seq, const struct moment *now,
                 char **ret_record)
{
    CLEANUP(cleanup_json) json_t *record = json_object();
    char *text;

    if (!record || canonical_add_number(record, "seq", seq) < 0 ||
        canonical_add_number(record, "time", now->wall) < 0 ||
        canonical_add_text(record, "event", event_name(change->kind)) < 0 ||
        canonical_add_text(record, "machine_id", ledger->machine_id) < 0 ||
        canonical_add_text(record, "boot_id", now->boot_id) < 0 ||
        canonical_add_text(record, "policy", change->policy) < 0 ||
        canonical_add_text(record, "policy_digest", change->policy_digest) < 0 ||
        canonical_add_text(record, "reason", reason_of(change)) < 0 ||
        add_checkout(record, change, state_old) < 0 || add_place(record, change) < 0 ||
        add_actor(record, change->actor) < 0 || add_terms(record, change, state_old) < 0 ||
        add_rows(ledger, record, change) < 0)
        return -ENOMEM;
    text = canonical_text(record);
    if (!text)
        return -ENOMEM;
    *ret_record = text;
    return 0;
}
