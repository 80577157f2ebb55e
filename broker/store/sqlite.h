/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The database behind store.h: how it is opened, its transactions and its prepared statements. */

#include <sqlite3.h>

#include "store/store.h"

/* Every statement of the store; its text is in sqlite.c or made from rows.h's tables. */
enum statement_id {
    STATEMENT_BEGIN,
    STATEMENT_COMMIT,
    STATEMENT_ROLLBACK,
    STATEMENT_HEAD,
    STATEMENT_CLOCK,
    STATEMENT_RAISE_CLOCK,
    STATEMENT_JOURNAL_MARK,
    STATEMENT_RAISE_JOURNAL_MARK,
    STATEMENT_INSERT_CHECKOUT,
    STATEMENT_UPDATE_CHECKOUT,
    STATEMENT_INSERT_DECISION,
    STATEMENT_INSERT_SESSION,
    STATEMENT_CLOSE_SESSION,
    STATEMENT_MARK_SESSION,
    STATEMENT_PLACE_SESSION,
    STATEMENT_GET_SESSION,
    STATEMENT_FIND_SESSION,
    STATEMENT_PROCESS_SESSION,
    STATEMENT_SESSIONS_OF,
    STATEMENT_OPEN_SESSIONS,
    STATEMENT_APPEND_AUDIT,
    STATEMENT_GET_CHECKOUT,
    STATEMENT_DECISIONS_OF,
    STATEMENT_OPEN_CHECKOUTS,
    STATEMENT_HOLDERS,
    STATEMENT_DUE,
    STATEMENT_LAPSING,
    STATEMENT_NEXT_WALL,
    STATEMENT_NEXT_BOOT,
    STATEMENT_TALLY,
    STATEMENT_PUT_POLICY,
    STATEMENT_POLICY_AT,
    STATEMENT_FIND_STEP,
    STATEMENT_TRAIL,
    STATEMENT_TRAIL_OF,
    STATEMENT_ROWS_CHECKOUT,
    STATEMENT_ROWS_DECISION,
    STATEMENT_ROWS_SESSION,
    STATEMENT_POLICY_TEXT,
    STATEMENT_COUNT
};

struct store {
    int lock; /* -1: none */
    sqlite3 *database;
    sqlite3_stmt *statements[STATEMENT_COUNT]; /* prepared when first used */
    bool in_transaction;
    char *reserve; /* the file that keeps room */
    bool reserve_kept;
    bool full;         /* the last write failed for want of room */
    char problem[160]; /* why the last COMMIT failed, which the rollback behind it forgets; or "" */
    uint64_t head_seq, head_seq_committed;
    unsigned char head_hash[HASH_SIZE], head_hash_committed[HASH_SIZE];
    uint64_t wall, wall_committed;
    uint64_t journal_mark, journal_mark_committed;
};

/* The statement, ready to bind; borrowed from the store. 0 or -EIO. */
int store_statement(struct store *store, enum statement_id id, sqlite3_stmt **ret_statement);

/* Prepares a text in which {TABLE} stands for the table's columns and {TABLE?} for as many
 * parameters; the caller finalizes. 0, -EIO or -ENOMEM. */
int store_prepare(struct store *store, const char *template, unsigned flags,
                  sqlite3_stmt **ret_statement);

/* Steps a statement that returns no rows and resets it. 0, -EEXIST for a broken uniqueness, or
 * -EIO. */
int store_run(struct store *store, sqlite3_stmt *statement);

/* Resets the statement of a local when it goes. */
static inline void cleanup_reset(sqlite3_stmt **statement)
{
    if (*statement) {
        sqlite3_reset(*statement);
        sqlite3_clear_bindings(*statement);
    }
}
#define CLEANUP_RESET CLEANUP(cleanup_reset)

static inline void cleanup_finalize(sqlite3_stmt **statement)
{
    sqlite3_finalize(*statement);
}
#define CLEANUP_FINALIZE CLEANUP(cleanup_finalize)

/* Makes room for one more in an array that doubles; items is a pointer to the array's pointer. 0 or
 * -ENOMEM. */
int store_grow(void *items, size_t count, size_t size);

/* The names from parameter `first` on. Returns an SQLite code. */
int store_bind_names(sqlite3_stmt *statement, int first, const struct name_list *names);

/* Every check-out that the bound statement (SELECT id, {checkout} …) gives, with its decisions. */
int store_read_checkouts(struct store *store, sqlite3_stmt *statement,
                         struct checkouts *ret_checkouts);

static inline int bind_id(sqlite3_stmt *statement, int at, uint64_t id)
{
    return sqlite3_bind_int64(statement, at, (sqlite3_int64)id);
}

static inline int bind_name(sqlite3_stmt *statement, int at, const char *name)
{
    return name ? sqlite3_bind_text(statement, at, name, -1, SQLITE_STATIC)
                : sqlite3_bind_null(statement, at);
}
