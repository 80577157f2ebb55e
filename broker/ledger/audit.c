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

/* Where it happened: at a door now, or where the request was filed. */
static int add_place(json_t *record, const struct change *change)
{
    const struct login *login = change->login;
    const struct checkout *checkout = change->checkout;

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
        add_actor(record, change->actor) < 0 ||
        (change->session && canonical_add_text(record, "session", change->session->session) < 0) ||
        (change->decision && canonical_add_text(record, "term", change->decision->term) < 0))
        return -ENOMEM;
    text = canonical_text(record);
    if (!text)
        return -ENOMEM;
    *ret_record = text;
    return 0;
}
