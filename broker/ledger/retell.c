/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Events once more, from their records: for a journal that has missed them. */

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "ledger/ledger_internal.h"

DEFINE_CLEANUP(json_t *, json, json_decref);

/* Bytes of records that are read in one go. */
#define RETELL_BYTES (256 * 1024)

uint64_t ledger_head(const struct ledger *ledger)
{
    unsigned char hash[HASH_SIZE];
    uint64_t seq;

    store_head(ledger->store, &seq, hash);
    return seq;
}

uint64_t ledger_journal_mark(const struct ledger *ledger)
{
    return store_journal_mark(ledger->store);
}

void ledger_note_journal(struct ledger *ledger, uint64_t seq)
{
    if (seq > ledger->journal_mark)
        ledger->journal_mark = seq;
}

int ledger_keep_journal_mark(struct ledger *ledger)
{
    struct store *store = ledger->store;
    int r;

    if (ledger->journal_mark <= store_journal_mark(store))
        return 0;
    /* Not into the room that is kept for what must still be written. */
    if (store_keep_room(store) < 0)
        return -ENOSPC;
    r = store_begin(store);
    if (r == 0)
        r = store_raise_journal_mark(store, ledger->journal_mark);
    if (r == 0)
        r = store_commit(store);
    if (r < 0)
        store_rollback(store);
    return r;
}

static const char *text_of(const json_t *record, const char *key)
{
    return json_string_value(json_object_get(record, key));
}

static uint64_t number_of(const json_t *record, const char *key)
{
    json_int_t number = json_integer_value(json_object_get(record, key));

    return number > 0 ? (uint64_t)number : 0;
}

static uint32_t uid_of(const json_t *record, const char *key)
{
    const json_t *number = json_object_get(record, key);

    return json_is_integer(number) ? (uint32_t)json_integer_value(number) : UID_UNSET;
}

/* As it was then, as far as the record says so. */
static void turn_back(struct checkout *checkout, const json_t *record, enum event_kind kind)
{
    uint64_t time = number_of(record, "time");
    size_t known = 0;

    while (known < checkout->n_decisions && checkout->decisions[known].time <= time &&
           (kind != EVENT_DECISION || known == 0 ||
            checkout->decisions[known - 1].actor_uid != uid_of(record, "actor_uid")))
        known++;
    while (checkout->n_decisions > known)
        decision_clear(&checkout->decisions[--checkout->n_decisions]);
    checkout->start = kind == EVENT_APPROVED ? 0 : number_of(record, "start");
    checkout->end = number_of(record, "end");
    checkout->state = state_from_name(text_of(record, "state_new"));
}

static bool retell(struct ledger *ledger, const struct trail_entry *entry, event_taker take,
                   void *userdata)
{
    CLEANUP(cleanup_json)
    json_t *record = entry->text ? json_loads(entry->text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    CLEANUP_CHECKOUT struct checkout *checkout = NULL;
    struct session session = {0};
    char hash[HASH_SIZE * 2 + 1] = "";
    struct event event = {.kind = event_from_name(text_of(record, "event")),
                          .seq = entry->number,
                          .time = number_of(record, "time"),
                          .hash = hash,
                          .state_old = state_from_name(text_of(record, "state_old")),
                          .state_new = state_from_name(text_of(record, "state_new")),
                          .actor = text_of(record, "actor"),
                          .actor_uid = uid_of(record, "actor_uid"),
                          .actor_loginuid = uid_of(record, "actor_loginuid"),
                          .reason = text_of(record, "reason"),
                          .term = text_of(record, "term"),
                          .person = text_of(record, "person"),
                          .account = text_of(record, "account"),
                          .door = text_of(record, "door"),
                          .service = text_of(record, "service"),
                          .tty = text_of(record, "tty"),
                          .rhost = text_of(record, "rhost"),
                          .policy = text_of(record, "policy"),
                          .policy_digest = text_of(record, "policy_digest"),
                          .retold = true};

    /* What somebody has damaged cannot be told; verifying the ledger finds it. */
    if (event.kind == EVENT_KIND_COUNT)
        return true;
    if (entry->has_hash)
        hash_format(entry->hash, hash);
    if (entry->checkout_id && store_get_checkout(ledger->store, entry->checkout_id, &checkout) == 0)
        turn_back(checkout, record, event.kind);
    event.checkout = checkout;
    if (text_of(record, "session")) {
        session.session = (char *)text_of(record, "session");
        session.unit = (char *)text_of(record, "unit");
        session.audit_session = uid_of(record, "audit_session");
        event.session = &session;
    }
    return take(&event, userdata);
}

int ledger_retell(struct ledger *ledger, uint64_t after, size_t limit, event_taker take,
                  void *userdata)
{
    CLEANUP(trail_clear) struct trail trail = {0};
    int r = store_trail(ledger->store, 0, after, limit, RETELL_BYTES, &trail);

    for (size_t i = 0; r == 0 && i < trail.count; i++)
        if (!retell(ledger, &trail.items[i], take, userdata))
            break;
    return r;
}
