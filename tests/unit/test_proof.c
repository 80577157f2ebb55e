/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "scene.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proof/read_store.h"

#define MUTATIONS 1000

#define POLICIES                                                                                   \
    "[policy two]\n"                                                                               \
    "accounts = oracle\n"                                                                          \
    "requesters = alice, erin\n"                                                                   \
    "approvers = %security, %managers\n"                                                           \
    "quorum = security:1 & managers:1\n"                                                           \
    "ticket = optional\n"                                                                          \
    "max-duration = 4h\n"                                                                          \
    "survive-reboot = yes\n"                                                                       \
    "[policy none]\n"                                                                              \
    "accounts = backup\n"                                                                          \
    "requesters = alice, erin, dave\n"                                                             \
    "approval = none\n"

/* ---- a ledger in which everything happens ---- */

static void use(struct scene *scene, const char *person, const char *account, uint32_t pid,
                bool leave)
{
    struct login login = scene_login(scene, DOOR_SUDO, person, account);

    login.pid = pid;
    login.audit_session = pid + 1;
    assert_verdict(scene_open(scene, &login), VERDICT_ALLOW);
    if (leave)
        assert_code(ledger_close_session(scene->ledger, &login, &scene->now, &scene->error), 0);
}

static uint64_t approved(struct scene *scene, const char *person)
{
    uint64_t id = scene_file(scene, person, "oracle");

    assert_code(scene_approve(scene, "bob", id), 0);
    scene_pass(scene, 5);
    assert_code(scene_approve(scene, "dave", id), 0);
    return id;
}

static void live(struct scene *scene)
{
    struct request request = {
        .account = "oracle", .reason = "a night of work", .ticket = "CHG-1", .duration = 1800};
    uint64_t id, extension = 0;

    id = approved(scene, "alice");
    use(scene, "alice", "oracle", 100, true);
    scene_pass(scene, 60);
    assert_code(scene_extend(scene, "alice", id, 600, &extension), 0);
    assert_code(scene_approve(scene, "bob", extension), 0);
    assert_code(scene_approve(scene, "dave", extension), 0);
    use(scene, "alice", "oracle", 101, false);
    scene_pass(scene, 60);
    assert_code(scene_revoke(scene, "bob", id), 0);

    id = scene_file(scene, "erin", "oracle");
    assert_code(scene_approve(scene, "carol", id), 0);
    assert_code(scene_approve(scene, "erin", id), ERROR_SELF_APPROVAL);
    assert_code(scene_deny(scene, "dave", id), 0);
    scene_pass(scene, 60);
    id = scene_file(scene, "erin", "oracle");
    assert_code(scene_cancel(scene, "erin", id), 0);
    scene_pass(scene, 60);
    (void)scene_file(scene, "erin", "oracle");
    scene_pass(scene, 4 * 86400);
    scene_tick(scene);

    assert_code(scene_grant(scene, "bob", "alice", &request, &id), 0);
    /* carol could be either; the matching moves her. */
    assert_code(scene_approve(scene, "carol", id), 0);
    scene_reboot(scene, 100);
    scene_tick(scene);
    use(scene, "alice", "oracle", 102, true);
    assert_code(scene_check_in(scene, "alice", id), 0);
    scene_policies(scene, POLICIES "\n");
    use(scene, "dave", "backup", 103, true);
    scene_pass(scene, 86400);
    scene_tick(scene);
}

/* ---- copies of it ---- */

struct anchors {
    size_t count;
    struct {
        uint64_t seq;
        unsigned char hash[HASH_SIZE];
    } items[400];
};

static void copy_ledger(const char *from, const char *to)
{
    sqlite3 *source = NULL, *target = NULL;
    sqlite3_backup *backup;

    (void)unlink(to);
    assert_int_equal(sqlite3_open_v2(from, &source, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_open(to, &target), SQLITE_OK);
    backup = sqlite3_backup_init(target, "main", source, "main");
    assert_non_null(backup);
    assert_int_equal(sqlite3_backup_step(backup, -1), SQLITE_DONE);
    sqlite3_backup_finish(backup);
    sqlite3_close(source);
    sqlite3_close(target);
}

static void read_anchors(const char *path, struct anchors *anchors)
{
    sqlite3 *database = NULL;
    sqlite3_stmt *rows = NULL;

    assert_int_equal(sqlite3_open_v2(path, &database, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(database, "SELECT seq, hash FROM audit ORDER BY seq", -1, &rows, NULL),
        SQLITE_OK);
    for (anchors->count = 0; sqlite3_step(rows) == SQLITE_ROW; anchors->count++) {
        assert_true(anchors->count < sizeof(anchors->items) / sizeof(anchors->items[0]));
        anchors->items[anchors->count].seq = (uint64_t)sqlite3_column_int64(rows, 0);
        memcpy(anchors->items[anchors->count].hash, sqlite3_column_blob(rows, 1), HASH_SIZE);
    }
    sqlite3_finalize(rows);
    sqlite3_close(database);
}

/* ---- what the proof says ---- */

struct verdict_list {
    size_t wrong, unchecked, odd;
    uint64_t seqs[64], ids[64];
    char first[LIMIT_SENTENCE];
};

static void note(const struct proof_finding *finding, void *userdata)
{
    struct verdict_list *list = *(struct verdict_list **)userdata;

    if (finding->kind == PROOF_UNCHECKED)
        list->unchecked++;
    if (finding->kind == PROOF_ODD)
        list->odd++;
    if (finding->kind != PROOF_WRONG)
        return;
    if (list->wrong < 64) {
        list->seqs[list->wrong] = finding->seq;
        list->ids[list->wrong] = finding->id;
    }
    if (list->wrong++ == 0)
        (void)snprintf(list->first, sizeof(list->first), "%s", finding->text);
}

struct judge {
    struct verdict_list *list;
    struct store *store;
};

static int policy_text(const char *digest, char **ret_text, void *userdata)
{
    return proof_store_policy(digest, ret_text, ((struct judge *)userdata)->store);
}

static void judge(const char *path, const struct anchors *anchors, struct verdict_list *ret_list,
                  struct proof_summary *ret_summary)
{
    struct judge userdata = {.list = ret_list};
    struct proof_settings settings = {note, policy_text, &userdata};
    CLEANUP_PROOF struct proof *proof = NULL;
    struct error error;

    *ret_list = (struct verdict_list){0};
    if (store_open_reader(path, &userdata.store, &error) != 0)
        fail_msg("%s", error.text);
    assert_int_equal(proof_new(&settings, &proof), 0);
    for (size_t i = 0; anchors && i < anchors->count; i++)
        assert_int_equal(proof_anchor(proof, anchors->items[i].seq, anchors->items[i].hash), 0);
    assert_int_equal(proof_read_store(proof, userdata.store), 0);
    if (ret_summary)
        proof_summarize(proof, ret_summary);
    store_free(userdata.store);
}

static bool names(const struct verdict_list *list, uint64_t seq, uint64_t id)
{
    for (size_t i = 0; i < list->wrong && i < 64; i++)
        if ((seq && list->seqs[i] == seq) || (id && list->ids[i] == id))
            return true;
    return false;
}

/* ---- mutations ---- */

/* Whatever the C library's generator is: the same mutations everywhere (xorshift64*, Vigna). */
static uint64_t dice(uint64_t *state, uint64_t sides)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (*state * UINT64_C(2685821657736338717) >> 33) % sides;
}

struct mutation {
    char what[256];
    uint64_t seq, id; /* what must be named; 0: anything */
};

static int64_t number(sqlite3 *database, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    int64_t value;

    if (sqlite3_prepare_v2(database, sql, -1, &statement, NULL) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW)
        fail_msg("%s: %s", sql, sqlite3_errmsg(database));
    value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

static bool execute(sqlite3 *database, const char *sql)
{
    return sqlite3_exec(database, sql, NULL, NULL, NULL) == SQLITE_OK &&
           sqlite3_changes(database) > 0;
}

/* Another value for a column, as SQL; *old is the column. */
static void another_value(uint64_t *state, const char *column, const char *type, bool nullable,
                          char *sql, size_t size)
{
    unsigned at = (unsigned)dice(state, 40);

    if (nullable && dice(state, 4) == 0)
        (void)snprintf(sql, size, "CASE WHEN %s IS NULL THEN %s ELSE NULL END", column,
                       strcmp(type, "INTEGER") == 0 ? "1" : "'x'");
    else if (strcmp(type, "INTEGER") == 0)
        (void)snprintf(sql, size,
                       dice(state, 2) ? "coalesce(%s, 0) + %u" : "abs(coalesce(%s, 0) - %u)",
                       column, 1 + (unsigned)dice(state, dice(state, 2) ? 2 : 100000));
    else if (strcmp(type, "BLOB") == 0)
        (void)snprintf(sql, size, "CAST(substr(%s, 1, %u) || X'5A' || substr(%s, %u) AS BLOB)",
                       column, at % 31, column, at % 31 + 2);
    else
        switch (dice(state, 3)) {
        case 0: /* one letter */
            (void)snprintf(sql, size,
                           "substr(coalesce(%s, ''), 1, %u) || CASE WHEN substr(%s, %u, 1) = 'z'"
                           " THEN 'y' ELSE 'z' END || substr(coalesce(%s, ''), %u)",
                           column, at, column, at + 1, column, at + 2);
            break;
        case 1:
            (void)snprintf(sql, size, "coalesce(%s, '') || 'x'", column);
            break;
        default:
            (void)snprintf(sql, size, "CASE WHEN %s = '' THEN 'x' ELSE '' END", column);
            break;
        }
}

/* Any column of any row of that table. */
static bool change_column(sqlite3 *database, uint64_t *state, const char *table,
                          struct mutation *mutation)
{
    char sql[2000], column[64] = "", type[16] = "", value[600];
    int64_t columns, row;
    sqlite3_stmt *statement = NULL;
    bool nullable, done;

    (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM pragma_table_info('%s')", table);
    columns = number(database, sql);
    (void)snprintf(sql, sizeof(sql),
                   "SELECT '\"' || name || '\"', type, \"notnull\" FROM pragma_table_info('%s')"
                   " LIMIT 1 OFFSET %u",
                   table, (unsigned)dice(state, (uint64_t)columns));
    assert_int_equal(sqlite3_prepare_v2(database, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    (void)snprintf(column, sizeof(column), "%s", (const char *)sqlite3_column_text(statement, 0));
    (void)snprintf(type, sizeof(type), "%s", (const char *)sqlite3_column_text(statement, 1));
    nullable = sqlite3_column_int(statement, 2) == 0;
    sqlite3_finalize(statement);

    (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", table);
    (void)snprintf(sql + 512, sizeof(sql) - 512, "SELECT rowid FROM %s LIMIT 1 OFFSET %u", table,
                   (unsigned)dice(state, (uint64_t)number(database, sql)));
    row = number(database, sql + 512);
    if (strcmp(table, "audit") == 0) {
        mutation->seq = (uint64_t)row;
    } else {
        (void)snprintf(sql, sizeof(sql), "SELECT %s FROM %s WHERE rowid = %lld",
                       strcmp(table, "checkout") == 0 ? "id" : "checkout", table, (long long)row);
        mutation->id = (uint64_t)number(database, sql);
    }
    another_value(state, column, type, nullable, value, sizeof(value));
    (void)snprintf(sql, sizeof(sql), "UPDATE %s SET %s = %s WHERE rowid = %lld AND %s IS NOT %s",
                   table, column, value, (long long)row, column, value);
    (void)snprintf(mutation->what, sizeof(mutation->what), "%.250s", sql);
    done = execute(database, sql);
    return done;
}

/* Computes every hash anew from `from` on, as whoever has the code can. */
static void chain_again(sqlite3 *database, uint64_t from)
{
    unsigned char hash[HASH_SIZE];
    sqlite3_stmt *read = NULL, *write = NULL;
    bool first = true;

    assert_int_equal(sqlite3_prepare_v2(database,
                                        "SELECT seq, record, hash FROM audit WHERE seq >= ?1 - 1"
                                        " ORDER BY seq",
                                        -1, &read, NULL),
                     SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(database, "UPDATE audit SET hash = ?2 WHERE seq = ?1", -1, &write, NULL),
        SQLITE_OK);
    sqlite3_bind_int64(read, 1, (sqlite3_int64)from);
    while (sqlite3_step(read) == SQLITE_ROW) {
        bool before = (uint64_t)sqlite3_column_int64(read, 0) < from;

        if (before)
            memcpy(hash, sqlite3_column_blob(read, 2), HASH_SIZE);
        else
            assert_int_equal(canonical_hash(first ? NULL : hash,
                                            (const char *)sqlite3_column_text(read, 1), hash),
                             0);
        first = false;
        if (before)
            continue;
        sqlite3_bind_int64(write, 1, sqlite3_column_int64(read, 0));
        sqlite3_bind_blob(write, 2, hash, HASH_SIZE, SQLITE_TRANSIENT);
        assert_int_equal(sqlite3_step(write), SQLITE_DONE);
        sqlite3_reset(write);
    }
    sqlite3_finalize(read);
    sqlite3_finalize(write);
}

enum {
    CHANGE_AUDIT,
    CHANGE_CHECKOUT,
    CHANGE_DECISION,
    CHANGE_SESSION,
    CHANGE_POLICY,
    DELETE_RECORD,
    DELETE_ROW,
    INSERT_RECORD,
    SWAP_RECORDS,
    CUT_TAIL,
    OLDER_COPY,
    OTHER_APPROVER,
    REWRITE_HISTORY,
    N_KINDS
};

/* One mutation of the copy; false where these dice make none. */
static bool mutate(sqlite3 *database, uint64_t *state, unsigned kind, struct mutation *mutation)
{
    static const char *const tables[] = {"audit", "checkout", "decision", "session"};
    int64_t head = number(database, "SELECT max(seq) FROM audit");
    long long seq = (long long)(1 + dice(state, (uint64_t)head));
    long long other = (long long)(1 + dice(state, (uint64_t)head));
    char *sql = mutation->what;
    size_t size = sizeof(mutation->what);

    switch (kind) {
    case CHANGE_AUDIT:
    case CHANGE_CHECKOUT:
    case CHANGE_DECISION:
    case CHANGE_SESSION:
        return change_column(database, state, tables[kind], mutation);
    case CHANGE_POLICY:
        (void)snprintf(sql, size, "UPDATE policy SET text = replace(text, '4h', '%uh')",
                       5 + (unsigned)dice(state, 90));
        return execute(database, sql);
    case DELETE_RECORD:
        mutation->seq = (uint64_t)seq;
        (void)snprintf(sql, size, "DELETE FROM audit WHERE seq = %lld", seq);
        return execute(database, sql);
    case DELETE_ROW:
        (void)snprintf(sql, size,
                       "DELETE FROM %s WHERE rowid = (SELECT rowid FROM %s LIMIT 1"
                       " OFFSET %u)",
                       tables[1 + seq % 3], tables[1 + seq % 3], (unsigned)dice(state, 5));
        return execute(database, sql);
    case INSERT_RECORD: /* room is made, as an insertion between two would */
        mutation->seq = (uint64_t)seq;
        (void)snprintf(sql, size,
                       "UPDATE audit SET seq = -seq - 1 WHERE seq >= %lld;"
                       "UPDATE audit SET seq = -seq WHERE seq < 0;"
                       "INSERT INTO audit SELECT %lld, time, event, checkout, record, hash"
                       " FROM audit WHERE seq = %lld",
                       seq, seq, other < seq ? other : other + 1);
        return execute(database, sql);
    case SWAP_RECORDS:
        if (seq == other)
            return false;
        mutation->seq = (uint64_t)seq;
        (void)snprintf(sql, size,
                       "UPDATE audit SET seq = -1 WHERE seq = %lld;"
                       "UPDATE audit SET seq = %lld WHERE seq = %lld;"
                       "UPDATE audit SET seq = %lld WHERE seq = -1",
                       seq, seq, other, other);
        return execute(database, sql);
    case CUT_TAIL:
        mutation->seq = (uint64_t)seq;
        (void)snprintf(sql, size, "DELETE FROM audit WHERE seq >= %lld", seq);
        return execute(database, sql);
    case OTHER_APPROVER:
        mutation->id =
            (uint64_t)number(database, "SELECT checkout FROM decision WHERE actor = 'dave'"
                                       " AND verdict = 'approve' LIMIT 1");
        (void)snprintf(sql, size,
                       "UPDATE decision SET actor = 'carol', actor_uid = 1003, actor_loginuid ="
                       " 1003 WHERE checkout = %llu AND actor = 'dave'",
                       (unsigned long long)mutation->id);
        return execute(database, sql);
    case REWRITE_HISTORY:
        mutation->seq = (uint64_t)seq;
        (void)snprintf(sql, size,
                       "UPDATE audit SET record = replace(record, '\"alice\"', '\"erin\"')"
                       " WHERE seq = %lld AND record LIKE '%%\"alice\"%%'",
                       seq);
        if (!execute(database, sql))
            return false;
        chain_again(database, (uint64_t)seq);
        return true;
    default:
        return false;
    }
}

static void test_every_mutation_is_found(void **state)
{
    struct scene *scene = *state;
    char early[120], whole[120], copy[120];
    struct anchors anchors = {0};
    struct verdict_list list;
    unsigned done[N_KINDS] = {0}, total = 0, unnamed = 0;
    uint64_t seed = UINT64_C(0x9e3779b97f4a7c15);

    (void)snprintf(early, sizeof(early), "%s/early", scene->directory);
    (void)snprintf(whole, sizeof(whole), "%s/whole", scene->directory);
    (void)snprintf(copy, sizeof(copy), "%s/copy", scene->directory);
    scene_policies(scene, POLICIES);
    live(scene);
    copy_ledger(scene->path, early);
    live(scene);
    copy_ledger(scene->path, whole);
    read_anchors(whole, &anchors);
    assert_true(anchors.count > 60);

    while (total < MUTATIONS) {
        /* Three of four change a column: there are so many of them. */
        unsigned kind = (unsigned)(dice(&seed, 4) ? dice(&seed, 4) : dice(&seed, N_KINDS));
        struct mutation mutation = {.what = "an older copy"};

        if (kind == OLDER_COPY) {
            copy_ledger(early, copy);
        } else {
            sqlite3 *database = NULL;
            bool changed;

            copy_ledger(whole, copy);
            assert_int_equal(sqlite3_open(copy, &database), SQLITE_OK);
            assert_true(sqlite3_exec(database, "PRAGMA synchronous = OFF", NULL, NULL, NULL) ==
                        SQLITE_OK);
            changed = mutate(database, &seed, kind, &mutation);
            sqlite3_close(database);
            if (!changed)
                continue;
        }
        judge(copy, &anchors, &list, NULL);
        if (list.wrong == 0)
            fail_msg("not found: %s", mutation.what);
        if ((mutation.seq || mutation.id) && !names(&list, mutation.seq, mutation.id) &&
            unnamed++ == 0)
            fail_msg("%s: not named, the first of %zu findings is: %s", mutation.what, list.wrong,
                     list.first);
        done[kind]++;
        total++;
    }
    for (unsigned kind = 0; kind < N_KINDS; kind++)
        if (done[kind] == 0)
            fail_msg("no mutation of kind %u was made", kind);
    judge(whole, &anchors, &list, NULL);
    assert_int_equal(list.wrong + list.unchecked, 0);
}

static void test_a_whole_ledger_is_sound(void **state)
{
    struct scene *scene = *state;
    struct anchors anchors = {0};
    struct proof_summary summary;
    struct verdict_list list;

    scene_policies(scene, POLICIES);
    live(scene);
    read_anchors(scene->path, &anchors);
    judge(scene->path, &anchors, &list, &summary);
    assert_int_equal(list.wrong + list.unchecked, 0);
    assert_int_equal(summary.records, anchors.count);
    assert_int_equal(summary.anchors, anchors.count);
    assert_int_equal(summary.checkouts, 7);
    assert_int_equal(summary.sessions, 4);
    assert_string_equal(summary.machine_id, SCENE_MACHINE);

    /* What the journal has not is said, and proves nothing. */
    anchors.count -= 3;
    judge(scene->path, &anchors, &list, &summary);
    assert_int_equal(list.wrong, 0);
    assert_int_equal(list.unchecked, 1);
    anchors.items[5].seq = anchors.items[4].seq;
    memcpy(anchors.items[5].hash, anchors.items[4].hash, HASH_SIZE);
    judge(scene->path, &anchors, &list, &summary);
    assert_int_equal(list.wrong, 0);
    assert_int_equal(list.unchecked, 2);
}

static void test_clock_back_is_odd(void **state)
{
    struct scene *scene = *state;
    struct verdict_list list;

    scene_policies(scene, POLICIES);
    (void)approved(scene, "alice");
    scene->now.wall -= 1000;
    use(scene, "alice", "oracle", 100, true);
    judge(scene->path, NULL, &list, NULL);
    assert_int_equal(list.wrong, 0);
    assert_int_equal(list.odd, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_whole_ledger_is_sound),
        TEST(test_clock_back_is_odd),
        TEST(test_every_mutation_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
