/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "scene.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/migration.h"

struct place {
    char directory[64];
    char path[96];
};

static int place_setup(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    assert_non_null(place);
    scene_make_directory(place->directory);
    (void)snprintf(place->path, sizeof(place->path), "%s/ledger.db", place->directory);
    *state = place;
    return 0;
}

static int place_teardown(void **state)
{
    struct place *place = *state;

    scene_remove_directory(place->directory);
    free(place);
    return 0;
}

static struct store *open_new(const struct place *place)
{
    struct store *store = NULL;
    struct error error = {0};

    if (store_open(place->path, &store, &error) != 0)
        fail_msg("%s", error.text);
    return store;
}

static void append(struct store *store, const char *record)
{
    unsigned char head[HASH_SIZE], hash[HASH_SIZE];
    uint64_t seq;

    store_head(store, &seq, head);
    assert_int_equal(canonical_hash(head, record, hash), 0);
    assert_int_equal(store_begin(store), 0);
    assert_int_equal(store_append_audit(store, 5, "broker-started", 0, record, hash), 0);
    assert_int_equal(store_raise_clock(store, 1000 + seq), 0);
    assert_int_equal(store_commit(store), 0);
}

static void make_ledger(const struct place *place)
{
    struct store *store = open_new(place);

    append(store, "{\"seq\":1}");
    append(store, "{\"seq\":2}");
    store_free(store);
}

static void write_file(const char *path, const void *bytes, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), size);
    close(fd);
}

static char *read_file(const char *path, size_t *ret_size)
{
    char *bytes = malloc(1 << 20);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size;

    assert_true(fd >= 0);
    size = read(fd, bytes, 1 << 20);
    assert_true(size >= 0 && size < 1 << 20);
    close(fd);
    *ret_size = (size_t)size;
    return bytes;
}

/* Refused with that word in the sentence, and what there is stays what it is, byte for byte. */
static void assert_refused(const struct place *place, const char *word)
{
    struct store *store = NULL;
    struct error error = {0};
    struct stat before, after;
    char *old = NULL, *new = NULL;
    size_t old_size = 0, new_size = 0;
    bool is_file = stat(place->path, &before) == 0 && S_ISREG(before.st_mode);

    if (is_file)
        old = read_file(place->path, &old_size);
    assert_code(store_open(place->path, &store, &error), ERROR_STORAGE_FAILED);
    assert_null(store);
    assert_non_null(strstr(error.text, place->directory));
    if (!strstr(error.text, word))
        fail_msg("'%s' is not in: %s", word, error.text);
    if (is_file) {
        new = read_file(place->path, &new_size);
        assert_int_equal(stat(place->path, &after), 0);
        assert_int_equal(before.st_ino, after.st_ino);
        assert_int_equal(before.st_mode, after.st_mode);
        assert_int_equal(old_size, new_size);
        assert_memory_equal(old, new, old_size);
    }
    free(old);
    free(new);
}

static bool is_there(const struct place *place, const char *suffix)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "%s%s", place->path, suffix);
    return access(path, F_OK) == 0;
}

/* ---- opening ---- */

static void test_create(void **state)
{
    struct place *place = *state;
    unsigned char hash[HASH_SIZE], nothing[HASH_SIZE] = {0};
    struct stat file;
    uint64_t seq = 7;

    umask(022);
    struct store *store = open_new(place);
    assert_int_equal(stat(place->path, &file), 0);
    assert_int_equal(file.st_mode & 07777, 0600);
    store_head(store, &seq, hash);
    assert_int_equal(seq, 0);
    assert_memory_equal(hash, nothing, HASH_SIZE);
    assert_int_equal(store_clock(store), 0);
    store_free(store);
    assert_false(is_there(place, ".new"));
    assert_false(is_there(place, "-wal"));
}

static int64_t pragma_number(struct store *store, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    int64_t number;

    assert_int_equal(sqlite3_prepare_v2(store->database, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return number;
}

/* What makes an acknowledged decision survive, and a tampered schema harmless. */
static void test_settings(void **state)
{
    struct place *place = *state;
    struct store *store = open_new(place);
    int on = 0;

    assert_int_equal(pragma_number(store, "PRAGMA synchronous"), 2);
    assert_int_equal(pragma_number(store, "PRAGMA foreign_keys"), 1);
    assert_int_equal(pragma_number(store, "PRAGMA trusted_schema"), 0);
    assert_int_equal(pragma_number(store, "SELECT count(*) FROM pragma_journal_mode"
                                          " WHERE journal_mode = 'wal'"),
                     1);
    assert_int_equal(sqlite3_db_config(store->database, SQLITE_DBCONFIG_DEFENSIVE, -1, &on),
                     SQLITE_OK);
    assert_int_equal(on, 1);
    assert_int_equal(pragma_number(store, "SELECT count(*) FROM pragma_table_list"
                                          " WHERE schema = 'main' AND type = 'table'"
                                          " AND name NOT LIKE 'sqlite%' AND NOT strict"),
                     0);
    store_free(store);
}

static void test_reopen(void **state)
{
    struct place *place = *state;
    unsigned char head[HASH_SIZE], hash[HASH_SIZE];
    uint64_t seq;

    make_ledger(place);
    struct store *store = open_new(place);
    store_head(store, &seq, head);
    assert_int_equal(seq, 2);
    assert_int_equal(canonical_hash(NULL, "{\"seq\":1}", hash), 0);
    assert_int_equal(canonical_hash(hash, "{\"seq\":2}", hash), 0);
    assert_memory_equal(head, hash, HASH_SIZE);
    assert_int_equal(store_clock(store), 1001);
    store_free(store);
}

/* After a crash: the log beside the ledger is not a reason to refuse, and nothing in it is lost. */
static void test_reopen_after_crash(void **state)
{
    struct place *place = *state;
    char aside[128], log[128], log_aside[128], *bytes;
    unsigned char head[HASH_SIZE];
    size_t size;
    uint64_t seq;

    struct store *store = open_new(place);
    append(store, "{\"seq\":1}");
    (void)snprintf(aside, sizeof(aside), "%s.aside", place->path);
    (void)snprintf(log, sizeof(log), "%s-wal", place->path);
    (void)snprintf(log_aside, sizeof(log_aside), "%s-wal.aside", place->path);
    bytes = read_file(place->path, &size);
    write_file(aside, bytes, size);
    free(bytes);
    bytes = read_file(log, &size);
    assert_true(size > 0);
    write_file(log_aside, bytes, size);
    free(bytes);
    store_free(store);

    assert_int_equal(rename(aside, place->path), 0);
    assert_int_equal(rename(log_aside, log), 0);
    store = open_new(place);
    store_head(store, &seq, head);
    assert_int_equal(seq, 1);
    store_free(store);
}

static void test_symlink(void **state)
{
    struct place *place = *state;
    char target[128];

    make_ledger(place);
    (void)snprintf(target, sizeof(target), "%s.real", place->path);
    assert_int_equal(rename(place->path, target), 0);
    assert_int_equal(symlink(target, place->path), 0);
    assert_refused(place, "plain file");
    assert_int_equal(unlink(target), 0);
    assert_refused(place, "plain file"); /* dangling: nothing is made behind it */
    assert_int_not_equal(access(target, F_OK), 0);
}

static void test_fifo(void **state)
{
    struct place *place = *state;

    assert_int_equal(mkfifo(place->path, 0600), 0);
    assert_refused(place, "plain file");
}

static void test_directory(void **state)
{
    struct place *place = *state;

    assert_int_equal(mkdir(place->path, 0700), 0);
    assert_refused(place, "plain file");
}

static void test_hard_link(void **state)
{
    struct place *place = *state;
    char other[128];

    make_ledger(place);
    (void)snprintf(other, sizeof(other), "%s.other", place->path);
    assert_int_equal(link(place->path, other), 0);
    assert_refused(place, "plain file");
}

static void test_mode(void **state)
{
    static const mode_t modes[] = {0640, 0604, 0620, 0602, 0601, 0666};
    struct place *place = *state;

    make_ledger(place);
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        assert_int_equal(chmod(place->path, modes[i]), 0);
        assert_refused(place, "closed to all others");
    }
    assert_int_equal(chmod(place->path, 0600), 0);
    store_free(open_new(place));
}

static void test_owner(void **state)
{
    struct place *place = *state;

    if (geteuid() != 0)
        skip();
    make_ledger(place);
    assert_int_equal(chown(place->path, 12345, 0), 0);
    assert_refused(place, "broker's user");
    assert_int_equal(chown(place->path, 0, 0), 0);
    assert_int_equal(chown(place->directory, 12345, 0), 0);
    assert_refused(place, "directory");
    assert_int_equal(chown(place->directory, 0, 0), 0);
}

static void test_directory_mode(void **state)
{
    struct place *place = *state;

    assert_int_equal(chmod(place->directory, 0770), 0);
    assert_refused(place, "directory");
    assert_int_equal(chmod(place->directory, 01777), 0);
    assert_refused(place, "directory");
    assert_false(is_there(place, ""));
    assert_int_equal(chmod(place->directory, 0700), 0);
}

static void test_no_directory(void **state)
{
    struct place *place = *state;
    struct place lost = *place;

    (void)snprintf(lost.path, sizeof(lost.path), "%s/not/ledger.db", place->directory);
    assert_refused(&lost, "directory");
}

static void test_empty(void **state)
{
    struct place *place = *state;

    write_file(place->path, "", 0);
    assert_refused(place, "is empty");
}

static void test_garbage(void **state)
{
    struct place *place = *state;
    char noise[8192];

    for (size_t i = 0; i < sizeof(noise); i++)
        noise[i] = (char)(i * 2654435761u >> 13);
    write_file(place->path, noise, sizeof(noise));
    assert_refused(place, "left as it is");
    write_file(place->path, "SQLite format 3", 16);
    assert_refused(place, "left as it is");
    write_file(place->path, "x", 1);
    assert_refused(place, "left as it is");
    assert_false(is_there(place, "-wal"));
}

static void test_torn(void **state)
{
    struct place *place = *state;
    struct stat file;

    make_ledger(place);
    assert_int_equal(stat(place->path, &file), 0);
    assert_int_equal(truncate(place->path, file.st_size / 2 / 4096 * 4096), 0);
    assert_refused(place, "left as it is");
}

static void test_other_database(void **state)
{
    struct place *place = *state;
    sqlite3 *database = NULL;

    umask(077);
    assert_int_equal(sqlite3_open(place->path, &database), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(database, "CREATE TABLE t (a); INSERT INTO t VALUES (1)", NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(database);
    assert_refused(place, "other program");
    scene_tamper(place->path, "PRAGMA application_id = 1885433188");
    assert_refused(place, "other program");
}

static void set_version(const struct place *place, int version)
{
    char sql[64];

    (void)snprintf(sql, sizeof(sql), "PRAGMA user_version = %d", version);
    scene_tamper(place->path, sql);
}

static void test_version(void **state)
{
    struct place *place = *state;

    make_ledger(place);
    set_version(place, SCHEMA_VERSION + 1);
    assert_refused(place, "newer");
    scene_tamper(place->path, "PRAGMA user_version = 0");
    assert_refused(place, "no version");
    scene_tamper(place->path, "PRAGMA user_version = -1");
    assert_refused(place, "no version");
    set_version(place, SCHEMA_VERSION);
    store_free(open_new(place));
}

static void test_broken_head(void **state)
{
    static const char *const wounds[] = {
        "UPDATE audit SET record = '{\"seq\":3}' WHERE seq = 2",
        "UPDATE audit SET hash = zeroblob(32) WHERE seq = 2",
        "UPDATE audit SET hash = zeroblob(31) WHERE seq = 2",
        "UPDATE audit SET hash = zeroblob(32) WHERE seq = 1",
        "UPDATE audit SET hash = zeroblob(0) WHERE seq = 1",
        "DELETE FROM audit WHERE seq = 1",
        "INSERT INTO audit VALUES (3, 5, 'x', NULL, '{}', zeroblob(32))",
        "INSERT INTO audit VALUES (9, 5, 'x', NULL, '{}', zeroblob(32))",
        "DELETE FROM clock",
        "DROP TABLE clock",
    };
    struct place *place = *state;

    for (size_t i = 0; i < sizeof(wounds) / sizeof(wounds[0]); i++) {
        make_ledger(place);
        scene_tamper(place->path, wounds[i]);
        assert_refused(place, "left as it is");
        assert_int_equal(unlink(place->path), 0);
    }
}

/* A check-out of years ago must not come back from a log that was left behind when the ledger was
 * moved away. */
static void test_log_left_behind(void **state)
{
    struct place *place = *state;
    char log[128], aside[128], *bytes;
    size_t size;

    struct store *store = open_new(place);
    append(store, "{\"seq\":1}");
    (void)snprintf(log, sizeof(log), "%s-wal", place->path);
    (void)snprintf(aside, sizeof(aside), "%s-wal.aside", place->path);
    bytes = read_file(log, &size);
    write_file(aside, bytes, size);
    free(bytes);
    store_free(store);
    assert_int_equal(unlink(place->path), 0);
    assert_int_equal(rename(aside, log), 0);

    assert_refused(place, "-wal");
    assert_true(is_there(place, "-wal"));
    assert_false(is_there(place, ""));
}

/* A crash while the ledger was being made leaves nothing that gets in the way of the next start. */
static void test_half_made(void **state)
{
    static const char *const suffixes[] = {".new", ".new-wal", ".new-shm", ".new-journal"};
    struct place *place = *state;
    char path[128];

    for (size_t i = 0; i < 4; i++) {
        (void)snprintf(path, sizeof(path), "%s%s", place->path, suffixes[i]);
        write_file(path, "half of something", 17);
    }
    store_free(open_new(place));
    for (size_t i = 0; i < 4; i++)
        assert_false(is_there(place, suffixes[i]));
}

/* ---- transactions ---- */

static void test_rollback(void **state)
{
    struct place *place = *state;
    unsigned char before[HASH_SIZE], after[HASH_SIZE], hash[HASH_SIZE] = {1};
    uint64_t seq, seq_after;

    make_ledger(place);
    struct store *store = open_new(place);
    store_head(store, &seq, before);
    assert_int_equal(store_begin(store), 0);
    assert_int_equal(store_append_audit(store, 5, "x", 0, "{}", hash), 0);
    assert_int_equal(store_raise_clock(store, 999999), 0);
    assert_int_equal(store_clock(store), 1001); /* of earlier transactions */
    store_rollback(store);
    store_rollback(store); /* harmless */
    store_head(store, &seq_after, after);
    assert_int_equal(seq_after, seq);
    assert_memory_equal(before, after, HASH_SIZE);
    assert_int_equal(store_clock(store), 1001);
    append(store, "{\"seq\":3}"); /* goes on from where it was */
    store_free(store);
    store = open_new(place);
    store_head(store, &seq, after);
    assert_int_equal(seq, 3);
    store_free(store);
}

static void test_clock_only_rises(void **state)
{
    struct place *place = *state;

    make_ledger(place);
    struct store *store = open_new(place);
    assert_int_equal(store_begin(store), 0);
    assert_int_equal(store_raise_clock(store, 5), 0);
    assert_int_equal(store_commit(store), 0);
    assert_int_equal(store_clock(store), 1001);
    store_free(store);
}

/* Another writer, which there must not be: its lock is waited for and then the change fails whole.
 */
static void test_locked(void **state)
{
    struct place *place = *state;
    sqlite3 *other = NULL;

    make_ledger(place);
    struct store *store = open_new(place);
    sqlite3_busy_timeout(store->database, 10);
    assert_int_equal(sqlite3_open(place->path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(store_begin(store), -EIO);
    assert_non_null(strstr(store_problem(store), "locked"));
    assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    append(store, "{\"seq\":3}");
    store_free(store);
}

/* The problem is what went wrong, also after the rollback that follows. */
static void test_full(void **state)
{
    struct place *place = *state;
    char *large = malloc(300001);
    unsigned char hash[HASH_SIZE];
    uint64_t seq;

    make_ledger(place);
    memset(large, 'x', 300000);
    large[300000] = '\0';
    struct store *store = open_new(place);
    assert_int_equal(sqlite3_exec(store->database, "PRAGMA max_page_count = 1", NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(store_begin(store), 0);
    assert_int_equal(store_append_audit(store, 5, "x", 0, large, hash), -EIO);
    store_rollback(store);
    if (!strstr(store_problem(store), "full"))
        fail_msg("%s", store_problem(store));
    store_head(store, &seq, hash);
    assert_int_equal(seq, 2);
    free(large);
    store_free(store);
}

/* It would append to the chain behind the first one's back, which then could write nothing more. */
static void test_second_broker(void **state)
{
    struct place *place = *state;
    struct store *first = open_new(place), *second = NULL;
    struct error error = {0};

    append(first, "{\"seq\":1}");
    assert_int_equal(store_open(place->path, &second, &error), ERROR_STORAGE_FAILED);
    assert_null(second);
    assert_non_null(strstr(error.text, "another broker"));
    append(first, "{\"seq\":2}");
    store_free(first);
    second = open_new(place);
    append(second, "{\"seq\":3}");
    store_free(second);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, place_setup, place_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_create),
        TEST(test_settings),
        TEST(test_reopen),
        TEST(test_reopen_after_crash),
        TEST(test_symlink),
        TEST(test_fifo),
        TEST(test_directory),
        TEST(test_hard_link),
        TEST(test_mode),
        TEST(test_owner),
        TEST(test_directory_mode),
        TEST(test_no_directory),
        TEST(test_empty),
        TEST(test_garbage),
        TEST(test_torn),
        TEST(test_other_database),
        TEST(test_version),
        TEST(test_broken_head),
        TEST(test_log_left_behind),
        TEST(test_half_made),
        TEST(test_rollback),
        TEST(test_clock_only_rises),
        TEST(test_locked),
        TEST(test_second_broker),
        TEST(test_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
