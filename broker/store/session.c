/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>

#include "store/rows.h"
#include "store/sqlite.h"

void sessions_clear(struct sessions *sessions)
{
    for (size_t i = 0; i < sessions->count; i++)
        session_free(sessions->items[i]);
    free(sessions->items);
    *sessions = (struct sessions){0};
}

int store_insert_session(struct store *store, const struct session *session)
{
    sqlite3_stmt *statement;
    int r = store_statement(store, STATEMENT_INSERT_SESSION, &statement);

    if (r == 0 && row_bind(statement, 1, &session_table, session) != SQLITE_OK)
        r = -EIO;
    return r == 0 ? store_run(store, statement) : r;
}

/* Runs a statement that changes one row. */
static int change_one(struct store *store, sqlite3_stmt *statement)
{
    int r = store_run(store, statement);

    return r == 0 && sqlite3_changes(store->database) != 1 ? -ENOENT : r;
}

int store_close_session(struct store *store, const char *session, uint64_t closed, const char *how)
{
    sqlite3_stmt *statement;
    int r = store_statement(store, STATEMENT_CLOSE_SESSION, &statement);

    if (r < 0)
        return r;
    if (bind_name(statement, 1, session) != SQLITE_OK ||
        bind_id(statement, 2, closed) != SQLITE_OK || bind_name(statement, 3, how) != SQLITE_OK)
        return -EIO;
    return change_one(store, statement);
}

int store_mark_session(struct store *store, const char *session, const char *how)
{
    sqlite3_stmt *statement;
    int r = store_statement(store, STATEMENT_MARK_SESSION, &statement);

    if (r < 0)
        return r;
    if (bind_name(statement, 1, session) != SQLITE_OK || bind_name(statement, 2, how) != SQLITE_OK)
        return -EIO;
    return change_one(store, statement);
}

int store_place_session(struct store *store, const struct session *session)
{
    sqlite3_stmt *statement;
    int r = store_statement(store, STATEMENT_PLACE_SESSION, &statement);

    if (r < 0)
        return r;
    if (bind_name(statement, 1, session->session) != SQLITE_OK ||
        bind_name(statement, 2, session->unit) != SQLITE_OK ||
        bind_name(statement, 3, session->cgroup) != SQLITE_OK ||
        bind_id(statement, 4, session->cgroup_inode) != SQLITE_OK ||
        bind_id(statement, 5, session->audit_session) != SQLITE_OK)
        return -EIO;
    return change_one(store, statement);
}

static int read_session(sqlite3_stmt *statement, struct session **ret_session)
{
    CLEANUP_SESSION struct session *session = calloc(1, sizeof(*session));
    int r = session ? row_read(statement, 0, &session_table, session) : -ENOMEM;

    if (r == 0)
        *ret_session = TAKE_PTR(session);
    return r;
}

/* The one session of a bound statement. */
static int read_one(sqlite3_stmt *statement, struct session **ret_session)
{
    int r = sqlite3_step(statement);

    if (r != SQLITE_ROW)
        return r == SQLITE_DONE ? -ENOENT : -EIO;
    return read_session(statement, ret_session);
}

int store_get_session(struct store *store, const char *name, struct session **ret_session)
{
    CLEANUP_RESET sqlite3_stmt *statement = NULL;
    int r = store_statement(store, STATEMENT_GET_SESSION, &statement);

    if (r < 0)
        return r;
    return bind_name(statement, 1, name) == SQLITE_OK ? read_one(statement, ret_session) : -EIO;
}

int store_find_session(struct store *store, uint32_t pid, const char *service,
                       struct session **ret_session)
{
    CLEANUP_RESET sqlite3_stmt *statement = NULL;
    int r = store_statement(store, STATEMENT_FIND_SESSION, &statement);

    if (r < 0)
        return r;
    if (bind_id(statement, 1, pid) != SQLITE_OK || bind_name(statement, 2, service) != SQLITE_OK)
        return -EIO;
    return read_one(statement, ret_session);
}

int store_process_session(struct store *store, uint32_t pid, uint64_t start_time,
                          const char *boot_id, struct session **ret_session)
{
    CLEANUP_RESET sqlite3_stmt *statement = NULL;
    int r = store_statement(store, STATEMENT_PROCESS_SESSION, &statement);

    if (r < 0)
        return r;
    if (bind_id(statement, 1, pid) != SQLITE_OK || bind_id(statement, 2, start_time) != SQLITE_OK ||
        bind_name(statement, 3, boot_id) != SQLITE_OK)
        return -EIO;
    return read_one(statement, ret_session);
}

/* Every session of a bound statement; with the row's number in a last column. */
static int read_sessions(sqlite3_stmt *statement, bool numbered, struct sessions *ret_sessions)
{
    CLEANUP_SESSIONS struct sessions found = {0};
    const int number = (int)session_table.n_columns;
    int step = SQLITE_ROW, r = 0;

    while (r == 0 && (step = sqlite3_step(statement)) == SQLITE_ROW) {
        r = store_grow(&found.items, found.count, sizeof(struct session *));
        if (r == 0)
            r = read_session(statement, &found.items[found.count]);
        if (r == 0 && numbered)
            found.items[found.count]->number = (uint64_t)sqlite3_column_int64(statement, number);
        if (r == 0)
            found.count++;
    }
    if (r == 0 && step != SQLITE_DONE)
        r = -EIO;
    if (r < 0)
        return r;
    *ret_sessions = found;
    found = (struct sessions){0};
    return 0;
}

int store_sessions_of(struct store *store, uint64_t checkout_id, struct session ***ret_sessions,
                      size_t *ret_count)
{
    CLEANUP_RESET sqlite3_stmt *statement = NULL;
    struct sessions found = {0};
    int r = store_statement(store, STATEMENT_SESSIONS_OF, &statement);

    if (r < 0)
        return r;
    if (bind_id(statement, 1, checkout_id) != SQLITE_OK)
        return -EIO;
    r = read_sessions(statement, false, &found);
    if (r < 0)
        return r;
    *ret_sessions = found.items;
    *ret_count = found.count;
    return 0;
}

int store_open_sessions(struct store *store, struct sessions *ret_sessions)
{
    CLEANUP_RESET sqlite3_stmt *statement = NULL;
    int r = store_statement(store, STATEMENT_OPEN_SESSIONS, &statement);

    return r == 0 ? read_sessions(statement, false, ret_sessions) : r;
}

/* Parameters of a list's statement. */
enum {
    LIST_AFTER = 1,
    LIST_PERSON,
    LIST_ACCOUNT,
    LIST_CHECKOUT,
    LIST_SINCE,
    LIST_UNTIL,
    LIST_SEEN_BY,
    LIST_LIMIT,
    LIST_POLICIES /* and as many more as there are of them */
};

/* Sessions of check-outs that somebody sees. */
static void write_seen(FILE *out, const struct name_list *policies)
{
    fprintf(out,
            " AND (checkout IN (SELECT checkout FROM decision WHERE actor_uid = ?%d) OR EXISTS"
            " (SELECT 1 FROM checkout c WHERE c.id = session.checkout AND (c.person_uid = ?%d",
            LIST_SEEN_BY, LIST_SEEN_BY);
    for (size_t i = 0; i < policies->count; i++)
        fprintf(out, "%s?%zu", i ? ", " : " OR c.policy IN (", LIST_POLICIES + i);
    fputs(policies->count ? "))))" : ")))", out);
}

/* Only what is asked for, so that SQLite finds the index. */
static char *list_text(const struct session_filter *filter)
{
    CLEANUP_FREE char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    fprintf(out, "SELECT {session}, rowid FROM session WHERE rowid > ?%d", LIST_AFTER);
    if (filter->open)
        fputs(" AND closed = 0", out);
    if (filter->person)
        fprintf(out, " AND person = ?%d", LIST_PERSON);
    if (filter->account)
        fprintf(out, " AND account = ?%d", LIST_ACCOUNT);
    if (filter->checkout_id)
        fprintf(out, " AND checkout = ?%d", LIST_CHECKOUT);
    if (filter->since)
        fprintf(out, " AND opened >= ?%d", LIST_SINCE);
    if (filter->until && filter->until <= INT64_MAX)
        fprintf(out, " AND opened < ?%d", LIST_UNTIL);
    if (filter->is_seen)
        write_seen(out, &filter->policies);
    fprintf(out, " ORDER BY rowid LIMIT ?%d", LIST_LIMIT);
    if (fclose(out) != 0)
        return NULL;
    return TAKE_PTR(text);
}

int store_list_sessions(struct store *store, const struct session_filter *filter,
                        struct sessions *ret_sessions)
{
    CLEANUP_FINALIZE sqlite3_stmt *statement = NULL;
    CLEANUP_FREE char *text = NULL;
    int r;

    if (filter->after > INT64_MAX || filter->since > INT64_MAX || filter->checkout_id > INT64_MAX) {
        *ret_sessions = (struct sessions){0};
        return 0;
    }
    text = list_text(filter);
    if (!text)
        return -ENOMEM;
    r = store_prepare(store, text, 0, &statement);
    if (r < 0)
        return r;
    if (bind_id(statement, LIST_AFTER, filter->after) != SQLITE_OK ||
        bind_name(statement, LIST_PERSON, filter->person) != SQLITE_OK ||
        bind_name(statement, LIST_ACCOUNT, filter->account) != SQLITE_OK ||
        bind_id(statement, LIST_CHECKOUT, filter->checkout_id) != SQLITE_OK ||
        bind_id(statement, LIST_SINCE, filter->since) != SQLITE_OK ||
        bind_id(statement, LIST_UNTIL, filter->until) != SQLITE_OK ||
        bind_id(statement, LIST_SEEN_BY, filter->seen_by) != SQLITE_OK ||
        bind_id(statement, LIST_LIMIT, filter->limit) != SQLITE_OK ||
        (filter->is_seen &&
         store_bind_names(statement, LIST_POLICIES, &filter->policies) != SQLITE_OK))
        return -EIO;
    return read_sessions(statement, true, ret_sessions);
}
