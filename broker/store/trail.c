/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "store/rows.h"
#include "store/sqlite.h"

void trail_clear(struct trail *trail)
{
    for (size_t i = 0; i < trail->count; i++) {
        free(trail->items[i].event);
        free(trail->items[i].text);
    }
    free(trail->items);
    *trail = (struct trail){0};
}

/* A copy of a text that is valid for the bus and JSON; NULL for what somebody has damaged. */
static int copy_text(sqlite3_stmt *statement, int at, char **ret_copy)
{
    const char *text = (const char *)sqlite3_column_text(statement, at);
    char *copy;

    if (!text || strlen(text) != (size_t)sqlite3_column_bytes(statement, at)) {
        *ret_copy = NULL;
        return 0;
    }
    copy = strdup(text);
    if (!copy)
        return -ENOMEM;
    *ret_copy = copy;
    return 0;
}

/* A number as it is, or one that nothing has where somebody has made it negative. */
static uint64_t read_number(sqlite3_stmt *statement, int at)
{
    sqlite3_int64 number = sqlite3_column_int64(statement, at);

    return number < 0 ? INT64_MAX : (uint64_t)number;
}

static int read_entry(sqlite3_stmt *statement, struct trail_entry *entry)
{
    *entry = (struct trail_entry){.number = read_number(statement, 0),
                                  .time = read_number(statement, 1),
                                  .checkout_id = read_number(statement, 3)};
    /* NULL and 0 are not the same. */
    if (sqlite3_column_type(statement, 3) != SQLITE_NULL && entry->checkout_id == 0)
        entry->checkout_id = INT64_MAX;
    if (sqlite3_column_type(statement, 5) == SQLITE_BLOB &&
        sqlite3_column_bytes(statement, 5) == HASH_SIZE) {
        memcpy(entry->hash, sqlite3_column_blob(statement, 5), HASH_SIZE);
        entry->has_hash = true;
    }
    int r = copy_text(statement, 2, &entry->event);
    return r == 0 ? copy_text(statement, 4, &entry->text) : r;
}

/* The row of a table as text; NULL where it cannot be read as a row of ours. */
static int read_row(sqlite3_stmt *statement, enum trail_table table, struct trail_entry *entry)
{
    CLEANUP_CHECKOUT struct checkout *checkout = NULL;
    CLEANUP_SESSION struct session *session = NULL;
    CLEANUP(decision_clear) struct decision decision = {0};
    int r;

    *entry = (struct trail_entry){.number = read_number(statement, 0),
                                  .checkout_id = read_number(statement, 1)};
    switch (table) {
    case TRAIL_CHECKOUTS:
        checkout = calloc(1, sizeof(*checkout));
        r = checkout ? row_read(statement, 2, &checkout_table, checkout) : -ENOMEM;
        if (r == 0) {
            checkout->id = entry->checkout_id;
            r = store_checkout_text(checkout, &entry->text);
        }
        break;
    case TRAIL_DECISIONS:
        r = row_read(statement, 2, &decision_table, &decision);
        if (r == 0)
            r = store_decision_text(entry->checkout_id, &decision, &entry->text);
        break;
    default:
        session = calloc(1, sizeof(*session));
        r = session ? row_read(statement, 2, &session_table, session) : -ENOMEM;
        if (r == 0)
            r = store_session_text(session, &entry->text);
        break;
    }
    return r == -EIO ? 0 : r;
}

static int collect(sqlite3_stmt *statement, bool audit, enum trail_table table, size_t bytes,
                   struct trail *ret_trail)
{
    CLEANUP(trail_clear) struct trail found = {0};
    size_t total = 0;
    int step = SQLITE_ROW, r = 0;

    while (r == 0 && total < bytes && (step = sqlite3_step(statement)) == SQLITE_ROW) {
        if ((found.count & (found.count - 1)) == 0) {
            struct trail_entry *grown =
                reallocarray(found.items, found.count ? 2 * found.count : 1, sizeof(*found.items));

            if (!grown)
                return -ENOMEM;
            found.items = grown;
        }
        struct trail_entry *entry = &found.items[found.count++];

        r = audit ? read_entry(statement, entry) : read_row(statement, table, entry);
        total += entry->text ? strlen(entry->text) : 0;
    }
    if (r == 0 && step != SQLITE_DONE && step != SQLITE_ROW)
        r = -EIO;
    if (r < 0)
        return r;
    *ret_trail = found;
    found = (struct trail){0};
    return 0;
}

int store_trail(struct store *store, uint64_t checkout_id, uint64_t after, size_t limit,
                size_t bytes, struct trail *ret_trail)
{
    CLEANUP_RESET sqlite3_stmt *statement = NULL;
    int r = store_statement(store, checkout_id ? STATEMENT_TRAIL_OF : STATEMENT_TRAIL, &statement);

    if (r < 0)
        return r;
    if (after > INT64_MAX || checkout_id > INT64_MAX) {
        *ret_trail = (struct trail){0};
        return 0;
    }
    if (bind_id(statement, 1, after) != SQLITE_OK || bind_id(statement, 2, limit) != SQLITE_OK ||
        (checkout_id && bind_id(statement, 3, checkout_id) != SQLITE_OK))
        return -EIO;
    return collect(statement, true, TRAIL_CHECKOUTS, bytes, ret_trail);
}

int store_rows(struct store *store, enum trail_table table, uint64_t after, size_t limit,
               size_t bytes, struct trail *ret_trail)
{
    static const enum statement_id statements[] = {
        [TRAIL_CHECKOUTS] = STATEMENT_ROWS_CHECKOUT,
        [TRAIL_DECISIONS] = STATEMENT_ROWS_DECISION,
        [TRAIL_SESSIONS] = STATEMENT_ROWS_SESSION,
    };
    CLEANUP_RESET sqlite3_stmt *statement = NULL;
    int r = store_statement(store, statements[table], &statement);

    if (r < 0)
        return r;
    if (after > INT64_MAX) {
        *ret_trail = (struct trail){0};
        return 0;
    }
    if (bind_id(statement, 1, after) != SQLITE_OK || bind_id(statement, 2, limit) != SQLITE_OK)
        return -EIO;
    return collect(statement, false, table, bytes, ret_trail);
}

int store_policy_text(struct store *store, const char *digest, char **ret_text)
{
    CLEANUP_RESET sqlite3_stmt *statement = NULL;
    CLEANUP_FREE char *text = NULL;
    int step, r = store_statement(store, STATEMENT_POLICY_TEXT, &statement);

    if (r < 0)
        return r;
    if (bind_name(statement, 1, digest) != SQLITE_OK)
        return -EIO;
    step = sqlite3_step(statement);
    if (step != SQLITE_ROW)
        return step == SQLITE_DONE ? -ENOENT : -EIO;
    r = copy_text(statement, 0, &text);
    if (r == 0 && !text)
        r = -EIO;
    if (r == 0)
        *ret_text = TAKE_PTR(text);
    return r;
}
