/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* history FILE RECORDS: a ledger with that many audit records, by the ledger's own code. */

#include "../unit/scene.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POLICY                                                                                     \
    "[policy root]\n"                                                                              \
    "accounts = oracle, backup\n"                                                                  \
    "requesters = alice, erin, dave\n"                                                             \
    "approvers = %security\n"                                                                      \
    "max-duration = 8h\n"

static const char *const people[] = {"alice", "erin", "dave"};
static const char *const accounts[] = {"oracle", "backup"};

/* Seven records, or four, or two. */
static void one(struct scene *scene, uint64_t number)
{
    const char *person = people[number % 3], *account = accounts[number % 2];
    uint64_t id = scene_file(scene, person, account);
    struct login login = scene_login(scene, DOOR_SUDO, person, account);

    scene_pass(scene, 1 + number % 900);
    if (number % 11 == 0) {
        assert_code(scene_deny(scene, "bob", id), 0);
        return;
    }
    assert_code(scene_approve(scene, number % 5 ? "bob" : "carol", id), 0);
    scene_pass(scene, 5);
    login.pid = (uint32_t)(number % 30000 + 2);
    assert_verdict(scene_open(scene, &login), VERDICT_ALLOW);
    scene_pass(scene, 300);
    assert_code(ledger_close_session(scene->ledger, &login, &scene->now, &scene->error), 0);
    assert_code(scene_check_in(scene, person, id), 0);
    scene_pass(scene, 60);
}

static void copy(const char *from, const char *to)
{
    sqlite3 *source = NULL, *target = NULL;
    sqlite3_backup *backup;

    (void)remove(to);
    assert_int_equal(sqlite3_open_v2(from, &source, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_open(to, &target), SQLITE_OK);
    backup = sqlite3_backup_init(target, "main", source, "main");
    assert_int_equal(sqlite3_backup_step(backup, -1), SQLITE_DONE);
    sqlite3_backup_finish(backup);
    sqlite3_close(source);
    sqlite3_close(target);
}

static const char *target;
static uint64_t wanted;

static void write_history(void **state)
{
    struct scene *scene = *state;

    scene_policies(scene, POLICY);
    for (uint64_t i = 0; scene->last_seq < wanted; i++)
        one(scene, i);
    copy(scene->path, target);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(write_history, scene_setup, scene_teardown)};

    if (argc != 3) {
        fputs("usage: history FILE RECORDS\n", stderr);
        return 2;
    }
    target = argv[1];
    wanted = strtoull(argv[2], NULL, 10);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
