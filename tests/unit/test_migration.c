/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "store/migration.h"

struct place {
    char directory[64];
    char path[96];
};

static int place_setup(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    assert_non_null(place);
    umask(077);
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

static void execute(const char *path, const char *sql)
{
    sqlite3 *database = NULL;
    char *problem = NULL;

    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    if (sqlite3_exec(database, sql, NULL, NULL, &problem) != SQLITE_OK)
        fail_msg("%s", problem);
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
}

static int64_t number(const char *path, const char *sql)
{
    sqlite3 *database = NULL;
    sqlite3_stmt *statement = NULL;
    int64_t value;

    assert_int_equal(sqlite3_open_v2(path, &database, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(database, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
    return value;
}

/* Three requests as version 1 had them: for at once; for later; and for at once, but later by an
 * approver's word. And two audit records. */
static void make_version_1(const struct place *place)
{
    unsigned char first[HASH_SIZE], second[HASH_SIZE];
    char sql[512], hex[2][HASH_SIZE * 2 + 1];

    execute(place->path, "PRAGMA application_id = 1885433187");
    execute(place->path, store_schema(1));
    execute(place->path,
            "PRAGMA user_version = 1;"
            " WITH n (i, at, state) AS (VALUES (1, 0, 'pending'), (2, 2000, 'pending'),"
            "  (3, 3000, 'approved'))"
            " INSERT INTO checkout SELECT i, 'u' || i, state, 'alice', 1001, 1001, 'oracle', 1006,"
            " 'vault', 'm', NULL, NULL, NULL, NULL, NULL, 'x', NULL, NULL, NULL, 0, 'p', 'd',"
            " 'digest', 1000, 9000, 60, at, 0, 0, 0, 0, 0, 0, 'b', 0, 0 FROM n;"
            " INSERT INTO decision VALUES (3, 'bob', 1002, 1002, 'approve', NULL, 1500, 0, 3000,"
            " NULL)");
    assert_int_equal(canonical_hash(NULL, "{\"seq\":1}", first), 0);
    assert_int_equal(canonical_hash(first, "{\"seq\":2}", second), 0);
    hash_format(first, hex[0]);
    hash_format(second, hex[1]);
    (void)snprintf(sql, sizeof(sql),
                   "INSERT INTO audit VALUES (1, 5, 'x', 1, '{\"seq\":1}', x'%s'),"
                   " (2, 5, 'x', 2, '{\"seq\":2}', x'%s')",
                   hex[0], hex[1]);
    execute(place->path, sql);
}

static void test_brings_up_to_date(void **state)
{
    struct place *place = *state;
    CLEANUP_CHECKOUT struct checkout *checkout = NULL;
    unsigned char head[HASH_SIZE];
    struct store *store = NULL;
    struct error error;
    uint64_t seq;

    make_version_1(place);
    if (store_open(place->path, &store, &error) != 0)
        fail_msg("%s", error.text);
    store_head(store, &seq, head);
    assert_int_equal(seq, 2);
    assert_int_equal(store_get_checkout(store, 3, &checkout), 0);
    assert_int_equal(checkout->start_at, 3000);
    assert_int_equal(checkout->asked_start, 0);
    store_free(store);
    assert_int_equal(number(place->path, "PRAGMA user_version"), SCHEMA_VERSION);
    assert_int_equal(number(place->path, "SELECT asked_start FROM checkout WHERE id = 2"), 2000);
    /* What version 1 wrote is not sent to the journal once more. */
    assert_int_equal(number(place->path, "SELECT seq FROM journal_mark"), 2);
}

/* Both ways lead to the same tables. */
static void test_same_as_new(void **state)
{
    static const char shape[] = "SELECT sum(length(name) * 31 + length(sql)) FROM sqlite_schema";
    struct place *place = *state;
    struct store *store = NULL;
    struct error error;
    char old[128];

    make_version_1(place);
    assert_int_equal(store_open(place->path, &store, &error), 0);
    store_free(store);
    (void)snprintf(old, sizeof(old), "%s.old", place->path);
    assert_int_equal(rename(place->path, old), 0);
    store = NULL;
    assert_int_equal(store_open(place->path, &store, &error), 0);
    store_free(store);
    assert_int_equal(number(place->path, shape), number(old, shape));
}

/* All of it or nothing. */
static void test_fails_whole(void **state)
{
    struct place *place = *state;
    struct store *store = NULL;
    struct error error;

    make_version_1(place);
    execute(place->path, "CREATE TABLE journal_mark (in_the_way)");
    assert_int_equal(store_open(place->path, &store, &error), ERROR_STORAGE_FAILED);
    assert_non_null(strstr(error.text, "of version 1"));
    assert_non_null(strstr(error.text, "already exists"));
    assert_non_null(strstr(error.text, "left as it is"));
    assert_int_equal(number(place->path, "PRAGMA user_version"), 1);
    assert_int_equal(number(place->path, "SELECT count(*) FROM pragma_table_info('checkout')"
                                         " WHERE name = 'asked_start'"),
                     0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_brings_up_to_date, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(test_same_as_new, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(test_fails_whole, place_setup, place_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
