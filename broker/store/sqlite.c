/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/sqlite.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "store/reserve.h"
#include "store/rows.h"

/* In a statement's text {TABLE} stands for the table's columns and {TABLE?} for as many parameters.
 */
static const char *const statement_texts[STATEMENT_COUNT] = {
    [STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
    [STATEMENT_COMMIT] = "COMMIT",
    [STATEMENT_ROLLBACK] = "ROLLBACK",
    [STATEMENT_HEAD] = "SELECT seq, hash, record, (SELECT hash FROM audit AS before"
                       " WHERE before.seq = audit.seq - 1)"
                       " FROM audit ORDER BY seq DESC LIMIT 1",
    [STATEMENT_CLOCK] = "SELECT wall FROM clock",
    [STATEMENT_RAISE_CLOCK] = "UPDATE clock SET wall = ?1",
    [STATEMENT_JOURNAL_MARK] = "SELECT seq FROM journal_mark",
    [STATEMENT_RAISE_JOURNAL_MARK] = "UPDATE journal_mark SET seq = ?1",
    [STATEMENT_INSERT_CHECKOUT] = "INSERT INTO checkout ({checkout}) VALUES ({checkout?})",
    [STATEMENT_UPDATE_CHECKOUT] =
        "UPDATE checkout SET state = ?3, digest = ?4, start_at = ?5, approved_at = ?6, use_by = ?7,"
        " start = ?8, \"end\" = ?9, end_boot = ?10, boot_id = ?11, uses = ?12"
        " WHERE id = ?1 AND state = ?2",
    [STATEMENT_INSERT_DECISION] =
        "INSERT INTO decision (checkout, {decision}) VALUES (?, {decision?})",
    [STATEMENT_INSERT_SESSION] = "INSERT INTO session ({session}) VALUES ({session?})",
    [STATEMENT_CLOSE_SESSION] = "UPDATE session SET closed = ?2, how = ifnull(how, ?3)"
                                " WHERE session = ?1 AND closed = 0",
    [STATEMENT_MARK_SESSION] = "UPDATE session SET how = ?2 WHERE session = ?1",
    [STATEMENT_PLACE_SESSION] =
        "UPDATE session SET unit = ?2, cgroup = ?3, cgroup_inode = ?4, audit_session = ?5"
        " WHERE session = ?1",
    [STATEMENT_GET_SESSION] = "SELECT {session} FROM session WHERE session = ?1",
    [STATEMENT_FIND_SESSION] = "SELECT {session} FROM session WHERE pid = ?1 AND service = ?2"
                               " AND closed = 0 ORDER BY rowid DESC LIMIT 1",
    [STATEMENT_PROCESS_SESSION] = "SELECT {session} FROM session WHERE pid = ?1 AND start_time = ?2"
                                  " AND boot_id = ?3 AND closed = 0 ORDER BY rowid DESC LIMIT 1",
    [STATEMENT_SESSIONS_OF] = "SELECT {session} FROM session WHERE checkout = ?1 ORDER BY rowid",
    [STATEMENT_OPEN_SESSIONS] = "SELECT {session} FROM session WHERE closed = 0 AND opened >= 0"
                                " ORDER BY opened",
    [STATEMENT_APPEND_AUDIT] = "INSERT INTO audit (seq, time, event, checkout, record, hash)"
                               " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [STATEMENT_GET_CHECKOUT] = "SELECT id, {checkout} FROM checkout WHERE id = ?1",
    [STATEMENT_DECISIONS_OF] = "SELECT {decision} FROM decision WHERE checkout = ?1 ORDER BY rowid",
    [STATEMENT_OPEN_CHECKOUTS] =
        "SELECT id, {checkout} FROM checkout WHERE person_uid = ?1 AND account_uid = ?2"
        " AND state IN ('pending', 'approved', 'active') ORDER BY id",
    [STATEMENT_HOLDERS] = "SELECT id, {checkout} FROM checkout WHERE account_uid = ?1"
                          " AND state IN ('approved', 'active') ORDER BY id",
    /* One range of one index for each: what is over costs nothing, however much there is of it. */
    [STATEMENT_DUE] =
        "SELECT id FROM checkout WHERE state = 'pending' AND lapses <= ?1"
        " UNION SELECT id FROM checkout WHERE state = 'approved' AND use_by = 0 AND start_at <= ?1"
        " UNION SELECT id FROM checkout WHERE state = 'approved' AND use_by > 0 AND use_by <= ?1"
        " UNION SELECT id FROM checkout WHERE state = 'active' AND \"end\" <= ?1"
        " UNION SELECT id FROM checkout WHERE state IN ('approved', 'active') AND boot_id = ?3"
        "  AND end_boot > 0 AND end_boot <= ?2"
        " UNION SELECT id FROM checkout WHERE state IN ('approved', 'active') AND boot_id < ?3"
        " UNION SELECT id FROM checkout WHERE state IN ('approved', 'active') AND boot_id > ?3"
        " ORDER BY 1",
    [STATEMENT_LAPSING] = "SELECT id, {checkout} FROM checkout WHERE state = 'pending'"
                          " AND lapses > ?1 AND lapses <= ?2 ORDER BY id",
    [STATEMENT_NEXT_WALL] =
        "SELECT min(at) FROM ("
        " SELECT min(lapses) AS at FROM checkout WHERE state = 'pending' AND lapses > ?1"
        " UNION ALL SELECT min(start_at) FROM checkout"
        "  WHERE state = 'approved' AND use_by = 0 AND start_at > ?1"
        " UNION ALL SELECT min(use_by) FROM checkout"
        "  WHERE state = 'approved' AND use_by > 0 AND use_by > ?1"
        " UNION ALL SELECT min(\"end\") FROM checkout WHERE state = 'active' AND \"end\" > ?1)",
    [STATEMENT_NEXT_BOOT] = "SELECT min(end_boot) FROM checkout"
                            " WHERE state IN ('approved', 'active') AND boot_id = ?2"
                            " AND end_boot > ?1",
    [STATEMENT_TALLY] =
        "SELECT (SELECT count(*) FROM checkout WHERE person_uid = ?1"
        "  AND state IN ('pending', 'approved', 'active')),"
        " (SELECT count(*) FROM checkout WHERE person_uid = ?1"
        "  AND state IN ('pending', 'approved', 'active') AND state = 'pending'),"
        " (SELECT count(*) FROM checkout WHERE person_uid = ?1 AND requested BETWEEN ?2 AND ?3),"
        " (SELECT count(*) FROM checkout WHERE state = 'pending')",
    [STATEMENT_PUT_POLICY] = "INSERT OR IGNORE INTO policy (digest, loaded, text)"
                             " VALUES (?1, ?2, ?3)",
    [STATEMENT_POLICY_AT] =
        "SELECT digest, text FROM policy WHERE digest ="
        " (SELECT json_extract(record, '$.policy_digest') FROM audit"
        "  WHERE event = 'policy-loaded' AND time <= ?1 ORDER BY seq DESC LIMIT 1)",
    [STATEMENT_FIND_STEP] =
        "SELECT json_extract(record, '$.actor'), json_extract(record, '$.reason'), time FROM audit"
        " WHERE checkout = ?1 AND event = ?2 ORDER BY seq DESC LIMIT 1",
    [STATEMENT_TRAIL] = "SELECT seq, time, event, checkout, record, hash FROM audit"
                        " WHERE seq > ?1 ORDER BY seq LIMIT ?2",
    [STATEMENT_TRAIL_OF] = "SELECT seq, time, event, checkout, record, hash FROM audit"
                           " WHERE checkout = ?3 AND seq > ?1 ORDER BY seq LIMIT ?2",
    [STATEMENT_ROWS_CHECKOUT] = "SELECT id, id, {checkout} FROM checkout WHERE id > ?1"
                                " ORDER BY id LIMIT ?2",
    [STATEMENT_ROWS_DECISION] = "SELECT rowid, checkout, {decision} FROM decision"
                                " WHERE rowid > ?1 ORDER BY rowid LIMIT ?2",
    [STATEMENT_ROWS_SESSION] = "SELECT rowid, checkout, {session} FROM session"
                               " WHERE rowid > ?1 ORDER BY rowid LIMIT ?2",
    [STATEMENT_POLICY_TEXT] = "SELECT text FROM policy WHERE digest = ?1",
};

static void cleanup_file(FILE **file)
{
    if (*file)
        fclose(*file);
}

const char *store_problem(const struct store *store)
{
    return *store->problem ? store->problem : sqlite3_errmsg(store->database);
}

static void print_columns(FILE *out, const struct table *table, bool parameters)
{
    for (size_t i = 0; i < table->n_columns; i++)
        fprintf(out, "%s%s", i ? ", " : "", parameters ? "?" : table->columns[i].name);
}

/* The statement's text with its {TABLE} places filled in; the caller frees. */
static char *expand(const char *text)
{
    static const struct table *const tables[] = {&checkout_table, &decision_table, &session_table};
    CLEANUP_FREE char *expanded = NULL;
    size_t size = 0;
    CLEANUP(cleanup_file) FILE *out = open_memstream(&expanded, &size);

    if (!out)
        return NULL;
    while (*text) {
        size_t plain = strcspn(text, "{");

        fwrite(text, 1, plain, out);
        text += plain;
        if (*text != '{')
            break;
        size_t length = strcspn(++text, "}?");
        bool parameters = text[length] == '?';

        for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
            if (strlen(tables[i]->name) == length && strncmp(tables[i]->name, text, length) == 0)
                print_columns(out, tables[i], parameters);
        text += length + (parameters ? 2 : 1);
    }
    if (fclose(TAKE_PTR(out)) != 0)
        return NULL;
    return TAKE_PTR(expanded);
}

int store_prepare(struct store *store, const char *template, unsigned flags,
                  sqlite3_stmt **ret_statement)
{
    CLEANUP_FREE char *text = expand(template);

    if (!text)
        return -ENOMEM;
    return sqlite3_prepare_v3(store->database, text, -1, flags, ret_statement, NULL) == SQLITE_OK
               ? 0
               : -EIO;
}

int store_statement(struct store *store, enum statement_id id, sqlite3_stmt **ret_statement)
{
    int r = store->statements[id]
                ? 0
                : store_prepare(store, statement_texts[id], SQLITE_PREPARE_PERSISTENT,
                                &store->statements[id]);

    if (r == 0)
        *ret_statement = store->statements[id];
    return r;
}

int store_run(struct store *store, sqlite3_stmt *statement)
{
    int r = sqlite3_step(statement);

    if ((r & 0xff) == SQLITE_FULL)
        store->full = true;
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    if (r == SQLITE_DONE)
        return 0;
    return r == SQLITE_CONSTRAINT_UNIQUE || r == SQLITE_CONSTRAINT_PRIMARYKEY ? -EEXIST : -EIO;
}

static int run(struct store *store, enum statement_id id)
{
    sqlite3_stmt *statement;
    int r = store_statement(store, id, &statement);

    return r < 0 ? r : store_run(store, statement);
}

int store_keep_room(struct store *store)
{
    if (!store->reserve_kept)
        store->reserve_kept = reserve_keep(store->reserve) == 0;
    return store->reserve_kept ? 0 : -ENOSPC;
}

bool store_give_room(struct store *store)
{
    bool given = store->full && reserve_give(store->reserve);

    store->full = false;
    if (given)
        store->reserve_kept = false;
    return given;
}

int store_begin(struct store *store)
{
    int r;

    store->problem[0] = '\0';
    r = run(store, STATEMENT_BEGIN);
    if (r == 0)
        store->in_transaction = true;
    return r;
}

void store_rollback(struct store *store)
{
    if (!store->in_transaction)
        return;
    /* A failed COMMIT may have rolled back by itself; a ROLLBACK that fails for that is no failure.
     */
    if (!sqlite3_get_autocommit(store->database))
        (void)run(store, STATEMENT_ROLLBACK);
    store->in_transaction = false;
    store->head_seq = store->head_seq_committed;
    memcpy(store->head_hash, store->head_hash_committed, HASH_SIZE);
    store->wall = store->wall_committed;
    store->journal_mark = store->journal_mark_committed;
}

int store_commit(struct store *store)
{
    int r = run(store, STATEMENT_COMMIT);

    if (r < 0) {
        (void)snprintf(store->problem, sizeof(store->problem), "%s",
                       sqlite3_errmsg(store->database));
        store_rollback(store);
        return r;
    }
    store->in_transaction = false;
    store->head_seq_committed = store->head_seq;
    memcpy(store->head_hash_committed, store->head_hash, HASH_SIZE);
    store->wall_committed = store->wall;
    store->journal_mark_committed = store->journal_mark;
    return 0;
}

struct store *store_free(struct store *store)
{
    if (!store)
        return NULL;
    store_rollback(store);
    for (size_t i = 0; i < STATEMENT_COUNT; i++)
        sqlite3_finalize(store->statements[i]);
    sqlite3_close(store->database);
    cleanup_close(&store->lock);
    free(store->reserve);
    free(store);
    return NULL;
}
