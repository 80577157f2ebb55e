/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "scene.h"

#include <jansson.h>
#include <openssl/sha.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "proof/read_store.h"

/* Written from the documents, with nothing of the code that is tested but the names of its states.
 */

static sqlite3 *connect_to(const char *path, int flags)
{
    sqlite3 *database = NULL;

    if (sqlite3_open_v2(path, &database, flags, NULL) != SQLITE_OK)
        fail_msg("%s: %s", path, sqlite3_errmsg(database));
    return database;
}

int64_t scene_number(const struct scene *scene, const char *sql)
{
    sqlite3 *database = connect_to(scene->path, SQLITE_OPEN_READONLY);
    sqlite3_stmt *statement = NULL;
    int64_t number;

    if (sqlite3_prepare_v2(database, sql, -1, &statement, NULL) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW)
        fail_msg("%s: %s", sql, sqlite3_errmsg(database));
    number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(database);
    return number;
}

void scene_tamper(const char *path, const char *sql)
{
    sqlite3 *database = connect_to(path, SQLITE_OPEN_READWRITE);

    if (sqlite3_exec(database, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(database));
    sqlite3_close(database);
}

/* ---- records ---- */

static const char *const record_keys[] = {
    "seq",          "unit",           "time",      "event",       "id",           "uuid",
    "person",       "person_uid",     "account",   "account_uid", "machine_id",   "actor",
    "actor_uid",    "actor_loginuid", "state_old", "state_new",   "reason",       "ticket",
    "door",         "service",        "tty",       "rhost",       "session",      "boot_id",
    "policy",       "policy_digest",  "term",      "row",         "decision_row", "session_row",
    "digest",       "duration",       "start",     "end",         "extends",      "seconds",
    "quorum",       "refusal",        "inside",    "requested",   "repeats",      "pid",
    "audit_session"};

static const struct {
    const char *event, *from, *to; /* "": no state is said; "*": the same one before and after */
} steps[] = {
    {"requested", "", "pending"},
    {"approved", "", "approved"},
    {"decision", "pending", "pending"},
    {"approved", "pending", "approved"},
    {"approved", "pending", "applied"},
    {"denied", "pending", "denied"},
    {"cancelled", "pending", "cancelled"},
    {"lapsed", "pending", "lapsed"},
    {"started", "approved", "active"},
    {"extended", "active", "active"},
    {"carried-over", "approved", "approved"},
    {"carried-over", "active", "active"},
    {"returned", "approved", "returned"},
    {"returned", "active", "returned"},
    {"revoked", "approved", "revoked"},
    {"revoked", "active", "revoked"},
    {"expired", "approved", "expired"},
    {"expired", "active", "expired"},
    {"session-opened", "*", "*"}, /* root goes on even from a session that is being ended */
    {"session-placed", "*", "*"},
    {"session-closed", "*", "*"},
    {"session-killed", "*", "*"},
    {"session-survived", "*", "*"},
    {"door-refused", "", ""},
    {"decision-refused", "*", "*"},
    {"decision-refused", "", ""}, /* a grant, for which there is no check-out yet */
    {"policy-loaded", "", ""},
    {"policy-rejected", "", ""},
    {"broker-started", "", ""},
    {"broker-stopped", "", ""},
    {"journal-gap", "", ""},
};

static const char *text_of(const json_t *record, const char *key)
{
    const char *text = json_string_value(json_object_get(record, key));

    return text ? text : "";
}

static bool is_step(const char *event, const char *from, const char *to)
{
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (strcmp(steps[i].event, event) != 0)
            continue;
        if (strcmp(steps[i].from, "*") == 0
                ? *from && strcmp(from, to) == 0
                : strcmp(steps[i].from, from) == 0 && strcmp(steps[i].to, to) == 0)
            return true;
    }
    return false;
}

static void check_keys(json_t *record, const char *text)
{
    const char *key;
    json_t *value;

    json_object_foreach(record, key, value)
    {
        bool known = false;

        for (size_t i = 0; i < sizeof(record_keys) / sizeof(record_keys[0]); i++)
            known = known || strcmp(record_keys[i], key) == 0;
        if (!known || !(json_is_string(value) || json_is_integer(value)) ||
            (json_is_string(value) && !*json_string_value(value)))
            fail_msg("key %s should not be in %s", key, text);
    }
}

/* States by id, as far as the records were read. */
struct history {
    json_t *states; /* "id": "state" */
};

static void follow(struct history *history, json_t *record, const char *text)
{
    const char *event = text_of(record, "event");
    const char *from = text_of(record, "state_old"), *to = text_of(record, "state_new");
    char id[24];

    if (!is_step(event, from, to))
        fail_msg("no such step: %s", text);
    if (!*to)
        return;
    (void)snprintf(id, sizeof(id), "%lld",
                   (long long)json_integer_value(json_object_get(record, "id")));
    if (strcmp(text_of(history->states, id), from) != 0)
        fail_msg("%s was %s before: %s", id, text_of(history->states, id), text);
    json_object_set_new(history->states, id, json_string(to));
}

static void check_chain(sqlite3 *database, struct history *history)
{
    unsigned char block[SHA256_DIGEST_LENGTH] = {0}, hash[SHA256_DIGEST_LENGTH];
    sqlite3_stmt *rows = NULL;
    int64_t seq = 0;

    assert_int_equal(sqlite3_prepare_v2(database,
                                        "SELECT seq, time, event, checkout, record, hash FROM audit"
                                        " ORDER BY seq",
                                        -1, &rows, NULL),
                     SQLITE_OK);
    while (sqlite3_step(rows) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(rows, 4);
        size_t length = strlen(text);
        unsigned char *input = malloc(sizeof(block) + length);
        json_t *record = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
        char *canonical = record ? json_dumps(record, JSON_COMPACT | JSON_SORT_KEYS) : NULL;

        assert_non_null(input);
        if (!canonical || strcmp(canonical, text) != 0)
            fail_msg("not canonical: %s", text);
        assert_int_equal(sqlite3_column_int64(rows, 0), ++seq);
        assert_int_equal(json_integer_value(json_object_get(record, "seq")), seq);
        assert_int_equal(json_integer_value(json_object_get(record, "time")),
                         sqlite3_column_int64(rows, 1));
        assert_string_equal(text_of(record, "event"), sqlite3_column_text(rows, 2));
        assert_int_equal(json_integer_value(json_object_get(record, "id")),
                         sqlite3_column_int64(rows, 3));
        assert_string_equal(text_of(record, "machine_id"), SCENE_MACHINE);

        memcpy(input, block, sizeof(block));
        memcpy(input + sizeof(block), text, length);
        SHA256(input, sizeof(block) + length, hash);
        assert_int_equal(sqlite3_column_bytes(rows, 5), sizeof(hash));
        if (memcmp(sqlite3_column_blob(rows, 5), hash, sizeof(hash)) != 0)
            fail_msg("the chain breaks at %s", text);
        memcpy(block, hash, sizeof(block));

        check_keys(record, text);
        follow(history, record, text);
        free(canonical);
        json_decref(record);
        free(input);
    }
    sqlite3_finalize(rows);
}

/* ---- check-outs ---- */

/* The text that the digest of a request covers, made by SQLite. */
static const char request_text[] =
    "SELECT id, state, digest, json_object("
    " 'id', id, 'uuid', uuid, 'person', person, 'person_uid', person_uid, 'account', account,"
    " 'account_uid', account_uid, 'machine_id', machine_id, 'duration', duration,"
    " 'policy', policy, 'policy_digest', policy_digest),"
    " door, reason, ticket, asked_start FROM checkout";

static void add_text(json_t *object, const char *key, const void *text)
{
    if (text && *(const char *)text)
        json_object_set_new(object, key, json_string(text));
}

static void check_digest(sqlite3_stmt *row)
{
    json_t *object = json_loads((const char *)sqlite3_column_text(row, 3), 0, NULL);
    unsigned char input[8192] = {0}, hash[SHA256_DIGEST_LENGTH];
    char hex[2 * sizeof(hash) + 1], *text;

    add_text(object, "door", sqlite3_column_text(row, 4));
    add_text(object, "reason", sqlite3_column_text(row, 5));
    add_text(object, "ticket", sqlite3_column_text(row, 6));
    if (sqlite3_column_int64(row, 7))
        json_object_set_new(object, "start", json_integer(sqlite3_column_int64(row, 7)));
    text = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);
    assert_true(strlen(text) + 32 < sizeof(input));
    memcpy(input + 32, text, strlen(text));
    SHA256(input, 32 + strlen(text), hash);
    for (size_t i = 0; i < sizeof(hash); i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", hash[i]);
    if (strcmp(hex, (const char *)sqlite3_column_text(row, 2)) != 0)
        fail_msg("the digest does not fit %s", text);
    free(text);
    json_decref(object);
}

static void check_checkouts(sqlite3 *database, const struct history *history)
{
    sqlite3_stmt *rows = NULL;
    size_t count = 0;

    assert_int_equal(sqlite3_prepare_v2(database, request_text, -1, &rows, NULL), SQLITE_OK);
    while (sqlite3_step(rows) == SQLITE_ROW) {
        const char *id = (const char *)sqlite3_column_text(rows, 0);
        const char *state = (const char *)sqlite3_column_text(rows, 1);

        count++;
        if (strcmp(text_of(history->states, id), state) != 0)
            fail_msg("%s is %s, and its last record says %s", id, state,
                     text_of(history->states, id));
        check_digest(rows);
    }
    sqlite3_finalize(rows);
    assert_int_equal(count, json_object_size(history->states));
}

static void tell(const struct proof_finding *finding, void *userdata)
{
    (void)userdata;
    /* A test may end with anything, and has the clock go back. */
    if (finding->kind == PROOF_WRONG || finding->kind == PROOF_UNCHECKED)
        fail_msg("checkoutctl verify would say: %s", finding->text);
}

/* What `checkoutctl verify` says of it: nothing. */
static void verify(const char *path)
{
    struct proof_settings settings = {.tell = tell, .policy_text = proof_store_policy};
    CLEANUP_PROOF struct proof *proof = NULL;
    struct store *store = NULL;
    struct error error;

    if (store_open_reader(path, &store, &error) != 0)
        fail_msg("%s", error.text);
    settings.userdata = store;
    assert_int_equal(proof_new(&settings, &proof), 0);
    assert_int_equal(proof_read_store(proof, store), 0);
    store_free(store);
}

void scene_prove(const char *path)
{
    sqlite3 *database = connect_to(path, SQLITE_OPEN_READONLY);
    struct history history = {.states = json_object()};

    check_chain(database, &history);
    check_checkouts(database, &history);
    json_decref(history.states);
    sqlite3_close(database);
    verify(path);
}
