/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "store/rows.h"
#include "store/sqlite.h"

void checkouts_clear(struct checkouts *checkouts)
{
    for (size_t i = 0; i < checkouts->count; i++)
        checkout_free(checkouts->items[i]);
    free(checkouts->items);
    *checkouts = (struct checkouts){0};
}

int store_grow(void *items, size_t count, size_t size)
{
    void *array, *grown;

    if (count & (count - 1)) /* room is made at 0, 1, 2, 4, 8 … */
        return 0;
    memcpy(&array, items, sizeof(array)); /* a pointer of another type is read as bytes only */
    grown = reallocarray(array, count ? 2 * count : 1, size);
    if (!grown)
        return -ENOMEM;
    memcpy(items, &grown, sizeof(grown));
    return 0;
}

static int bound(int sqlite_result)
{
    return sqlite_result == SQLITE_OK ? 0 : -EIO;
}

int store_insert_checkout(struct store *store, struct checkout *checkout)
{
    sqlite3_stmt *statement;
    int r = store_statement(store, STATEMENT_INSERT_CHECKOUT, &statement);

    if (r == 0)
        r = bound(row_bind(statement, 1, &checkout_table, checkout));
    if (r == 0)
        r = store_run(store, statement);
    if (r == 0)
        checkout->id = (uint64_t)sqlite3_last_insert_rowid(store->database);
    return r;
}

int store_update_checkout(struct store *store, const struct checkout *checkout,
                          enum checkout_state state_old)
{
    sqlite3_stmt *statement;
    int r = store_statement(store, STATEMENT_UPDATE_CHECKOUT, &statement);

    if (r < 0)
        return r;
    if (bind_id(statement, 1, checkout->id) != SQLITE_OK ||
        bind_name(statement, 2, state_name(state_old)) != SQLITE_OK ||
        bind_name(statement, 3, state_name(checkout->state)) != SQLITE_OK ||
        bind_name(statement, 4, checkout->digest) != SQLITE_OK ||
        bind_id(statement, 5, checkout->start_at) != SQLITE_OK ||
        bind_id(statement, 6, checkout->approved_at) != SQLITE_OK ||
        bind_id(statement, 7, checkout->use_by) != SQLITE_OK ||
        bind_id(statement, 8, checkout->start) != SQLITE_OK ||
        bind_id(statement, 9, checkout->end) != SQLITE_OK ||
        bind_id(statement, 10, checkout->end_boot) != SQLITE_OK ||
        bind_name(statement, 11, checkout->boot_id) != SQLITE_OK ||
        bind_id(statement, 12, checkout->uses) != SQLITE_OK)
        return -EIO;
    r = store_run(store, statement);
    if (r == 0 && sqlite3_changes(store->database) != 1)
        return -ESTALE;
    return r;
}

int store_insert_decision(struct store *store, uint64_t checkout_id,
                          const struct decision *decision)
{
    sqlite3_stmt *statement;
    int r = store_statement(store, STATEMENT_INSERT_DECISION, &statement);

    if (r == 0)
        r = bound(bind_id(statement, 1, checkout_id));
    if (r == 0)
        r = bound(row_bind(statement, 2, &decision_table, decision));
    return r == 0 ? store_run(store, statement) : r;
}

void store_head(const struct store *store, uint64_t *ret_seq, unsigned char ret_hash[HASH_SIZE])
{
    *ret_seq = store->head_seq;
    memcpy(ret_hash, store->head_hash, HASH_SIZE);
}

int store_append_audit(struct store *store, uint64_t time, const char *event, uint64_t checkout_id,
                       const char *record, const unsigned char hash[HASH_SIZE])
{
    sqlite3_stmt *statement;
    int r = store_statement(store, STATEMENT_APPEND_AUDIT, &statement);

    if (r < 0)
        return r;
    if (bind_id(statement, 1, store->head_seq + 1) != SQLITE_OK ||
        bind_id(statement, 2, time) != SQLITE_OK || bind_name(statement, 3, event) != SQLITE_OK ||
        (checkout_id ? bind_id(statement, 4, checkout_id) : sqlite3_bind_null(statement, 4)) !=
            SQLITE_OK ||
        bind_name(statement, 5, record) != SQLITE_OK ||
        sqlite3_bind_blob(statement, 6, hash, HASH_SIZE, SQLITE_STATIC) != SQLITE_OK)
        return -EIO;
    r = store_run(store, statement);
    if (r < 0)
        return r;
    store->head_seq++;
    memcpy(store->head_hash, hash, HASH_SIZE);
    return 0;
}

static int read_decisions(struct store *store, struct checkout *checkout)
{
    CLEANUP_RESET sqlite3_stmt *statement = NULL;
    int step = SQLITE_ROW, r = store_statement(store, STATEMENT_DECISIONS_OF, &statement);

    if (r < 0)
        return r;
    if (bind_id(statement, 1, checkout->id) != SQLITE_OK)
        return -EIO;
    while (r == 0 && (step = sqlite3_step(statement)) == SQLITE_ROW) {
        r = store_grow(&checkout->decisions, checkout->n_decisions, sizeof(struct decision));
        if (r < 0)
            break;
        struct decision *decision = &checkout->decisions[checkout->n_decisions++];

        memset(decision, 0, sizeof(*decision));
        r = row_read(statement, 0, &decision_table, decision);
    }
    return r == 0 && step != SQLITE_DONE ? -EIO : r;
}

/* The check-out of the row that the statement (SELECT id, {checkout} …) stands on. */
static int read_checkout(struct store *store, sqlite3_stmt *statement,
                         struct checkout **ret_checkout)
{
    CLEANUP_CHECKOUT struct checkout *checkout = calloc(1, sizeof(*checkout));
    int r;

    if (!checkout)
        return -ENOMEM;
    checkout->id = (uint64_t)sqlite3_column_int64(statement, 0);
    r = row_read(statement, 1, &checkout_table, checkout);
    if (r == 0)
        r = read_decisions(store, checkout);
    if (r == 0)
        *ret_checkout = TAKE_PTR(checkout);
    return r;
}

int store_read_checkouts(struct store *store, sqlite3_stmt *statement,
                         struct checkouts *ret_checkouts)
{
    CLEANUP_CHECKOUTS struct checkouts found = {0};
    int step = SQLITE_ROW, r = 0;

    while (r == 0 && (step = sqlite3_step(statement)) == SQLITE_ROW) {
        r = store_grow(&found.items, found.count, sizeof(struct checkout *));
        if (r == 0)
            r = read_checkout(store, statement, &found.items[found.count]);
        if (r == 0)
            found.count++;
    }
    if (r == 0 && step != SQLITE_DONE)
        r = -EIO;
    if (r < 0)
        return r;
    *ret_checkouts = found;
    found = (struct checkouts){0};
    return 0;
}

int store_get_checkout(struct store *store, uint64_t id, struct checkout **ret_checkout)
{
    CLEANUP_RESET sqlite3_stmt *statement = NULL;
    int r = store_statement(store, STATEMENT_GET_CHECKOUT, &statement);

    if (r < 0)
        return r;
    if (id > INT64_MAX)
        return -ENOENT;
    if (bind_id(statement, 1, id) != SQLITE_OK)
        return -EIO;
    r = sqlite3_step(statement);
    if (r != SQLITE_ROW)
        return r == SQLITE_DONE ? -ENOENT : -EIO;
    return read_checkout(store, statement, ret_checkout);
}

int store_open_checkouts(struct store *store, uid_t person_uid, uid_t account_uid,
                         struct checkouts *ret_checkouts)
{
    CLEANUP_RESET sqlite3_stmt *statement = NULL;
    int r = store_statement(store, STATEMENT_OPEN_CHECKOUTS, &statement);

    if (r < 0)
        return r;
    if (bind_id(statement, 1, person_uid) != SQLITE_OK ||
        bind_id(statement, 2, account_uid) != SQLITE_OK)
        return -EIO;
    return store_read_checkouts(store, statement, ret_checkouts);
}

int store_holders(struct store *store, uid_t account_uid, struct checkouts *ret_checkouts)
{
    CLEANUP_RESET sqlite3_stmt *statement = NULL;
    int r = store_statement(store, STATEMENT_HOLDERS, &statement);

    if (r < 0)
        return r;
    if (bind_id(statement, 1, account_uid) != SQLITE_OK)
        return -EIO;
    return store_read_checkouts(store, statement, ret_checkouts);
}

int store_lapsing(struct store *store, uint64_t after, uint64_t until,
                  struct checkouts *ret_checkouts)
{
    CLEANUP_RESET sqlite3_stmt *statement = NULL;
    int r = store_statement(store, STATEMENT_LAPSING, &statement);

    if (r < 0)
        return r;
    if (bind_id(statement, 1, after) != SQLITE_OK || bind_id(statement, 2, until) != SQLITE_OK)
        return -EIO;
    return store_read_checkouts(store, statement, ret_checkouts);
}

int store_due(struct store *store, const struct moment *now, uint64_t **ret_ids, size_t *ret_count)
{
    CLEANUP_RESET sqlite3_stmt *statement = NULL;
    CLEANUP_FREE uint64_t *ids = NULL;
    size_t count = 0;
    int step = SQLITE_ROW, r = store_statement(store, STATEMENT_DUE, &statement);

    if (r < 0)
        return r;
    if (bind_id(statement, 1, now->wall) != SQLITE_OK ||
        bind_id(statement, 2, now->boot) != SQLITE_OK ||
        bind_name(statement, 3, now->boot_id) != SQLITE_OK)
        return -EIO;
    while (r == 0 && (step = sqlite3_step(statement)) == SQLITE_ROW) {
        r = store_grow(&ids, count, sizeof(uint64_t));
        if (r == 0)
            ids[count++] = (uint64_t)sqlite3_column_int64(statement, 0);
    }
    if (r == 0 && step != SQLITE_DONE)
        r = -EIO;
    if (r < 0)
        return r;
    *ret_ids = TAKE_PTR(ids);
    *ret_count = count;
    return 0;
}

/* The one number of a bound statement; NULL is 0. */
static int read_number(sqlite3_stmt *statement, uint64_t *ret_number)
{
    if (sqlite3_step(statement) != SQLITE_ROW)
        return -EIO;
    *ret_number = (uint64_t)sqlite3_column_int64(statement, 0);
    return 0;
}

int store_next_due(struct store *store, const struct moment *now, uint64_t *ret_wall,
                   uint64_t *ret_boot)
{
    CLEANUP_RESET sqlite3_stmt *wall = NULL, *boot = NULL;
    uint64_t next_wall;
    int r = store_statement(store, STATEMENT_NEXT_WALL, &wall);

    if (r == 0)
        r = store_statement(store, STATEMENT_NEXT_BOOT, &boot);
    if (r < 0)
        return r;
    if (bind_id(wall, 1, now->wall) != SQLITE_OK || bind_id(boot, 1, now->boot) != SQLITE_OK ||
        bind_name(boot, 2, now->boot_id) != SQLITE_OK)
        return -EIO;
    r = read_number(wall, &next_wall);
    if (r == 0)
        r = read_number(boot, ret_boot);
    if (r == 0)
        *ret_wall = next_wall;
    return r;
}

int store_tally(struct store *store, uid_t person_uid, uint64_t since, uint64_t until,
                struct tally *ret_tally)
{
    CLEANUP_RESET sqlite3_stmt *statement = NULL;
    int r = store_statement(store, STATEMENT_TALLY, &statement);

    if (r < 0)
        return r;
    if (bind_id(statement, 1, person_uid) != SQLITE_OK ||
        bind_id(statement, 2, since) != SQLITE_OK || bind_id(statement, 3, until) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW)
        return -EIO;
    *ret_tally = (struct tally){.open = (uint64_t)sqlite3_column_int64(statement, 0),
                                .pending = (uint64_t)sqlite3_column_int64(statement, 1),
                                .recent = (uint64_t)sqlite3_column_int64(statement, 2),
                                .pending_all = (uint64_t)sqlite3_column_int64(statement, 3)};
    return 0;
}

int store_put_policy(struct store *store, const char *digest, uint64_t loaded, const char *text)
{
    sqlite3_stmt *statement;
    int r = store_statement(store, STATEMENT_PUT_POLICY, &statement);

    if (r < 0)
        return r;
    if (bind_name(statement, 1, digest) != SQLITE_OK ||
        bind_id(statement, 2, loaded) != SQLITE_OK || bind_name(statement, 3, text) != SQLITE_OK)
        return -EIO;
    return store_run(store, statement);
}

int store_policy_at(struct store *store, uint64_t wall, char **ret_digest, char **ret_text)
{
    CLEANUP_RESET sqlite3_stmt *statement = NULL;
    CLEANUP_FREE char *digest = NULL, *text = NULL;
    int r = store_statement(store, STATEMENT_POLICY_AT, &statement);

    if (r < 0)
        return r;
    if (bind_id(statement, 1, wall) != SQLITE_OK)
        return -EIO;
    r = sqlite3_step(statement);
    if (r != SQLITE_ROW)
        return r == SQLITE_DONE ? -ENOENT : -EIO;
    digest = strdup((const char *)sqlite3_column_text(statement, 0));
    text = strdup((const char *)sqlite3_column_text(statement, 1));
    if (!digest || !text)
        return -ENOMEM;
    *ret_digest = TAKE_PTR(digest);
    *ret_text = TAKE_PTR(text);
    return 0;
}

void step_clear(struct step *step)
{
    free(step->actor);
    free(step->reason);
    *step = (struct step){0};
}

static int copy_column(sqlite3_stmt *statement, int column, char **ret_text)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    char *copy = text ? strdup(text) : NULL;

    if (text && !copy)
        return -ENOMEM;
    *ret_text = copy;
    return 0;
}

int store_find_step(struct store *store, uint64_t checkout_id, const char *event,
                    struct step *ret_step)
{
    CLEANUP_RESET sqlite3_stmt *statement = NULL;
    CLEANUP_STEP struct step step = {0};
    int r = store_statement(store, STATEMENT_FIND_STEP, &statement);

    if (r < 0)
        return r;
    if (bind_id(statement, 1, checkout_id) != SQLITE_OK ||
        bind_name(statement, 2, event) != SQLITE_OK)
        return -EIO;
    r = sqlite3_step(statement);
    if (r != SQLITE_ROW)
        return r == SQLITE_DONE ? -ENOENT : -EIO;
    if (copy_column(statement, 0, &step.actor) < 0 || copy_column(statement, 1, &step.reason) < 0)
        return -ENOMEM;
    step.time = (uint64_t)sqlite3_column_int64(statement, 2);
    *ret_step = step;
    step = (struct step){0};
    return 0;
}

uint64_t store_clock(const struct store *store)
{
    return store->wall_committed;
}

int store_raise_clock(struct store *store, uint64_t wall)
{
    sqlite3_stmt *statement;
    int r;

    if (wall <= store->wall)
        return 0;
    r = store_statement(store, STATEMENT_RAISE_CLOCK, &statement);
    if (r < 0)
        return r;
    if (bind_id(statement, 1, wall) != SQLITE_OK)
        return -EIO;
    r = store_run(store, statement);
    if (r == 0)
        store->wall = wall;
    return r;
}

uint64_t store_journal_mark(const struct store *store)
{
    return store->journal_mark_committed;
}

int store_raise_journal_mark(struct store *store, uint64_t seq)
{
    sqlite3_stmt *statement;
    int r;

    if (seq <= store->journal_mark)
        return 0;
    r = store_statement(store, STATEMENT_RAISE_JOURNAL_MARK, &statement);
    if (r < 0)
        return r;
    if (bind_id(statement, 1, seq) != SQLITE_OK)
        return -EIO;
    r = store_run(store, statement);
    if (r == 0)
        store->journal_mark = seq;
    return r;
}
