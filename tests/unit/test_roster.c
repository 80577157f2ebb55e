/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "ledger/roster.h"

static void answer(struct roster *roster, size_t at, const char *name, uid_t uid)
{
    roster->entries[at].answered = true;
    roster->entries[at].user = (struct identity){.name = strdup(name), .uid = uid};
}

static void test_wish_and_answer(void **unused)
{
    struct roster roster = {0};
    const struct identity *user = NULL;

    assert_int_equal(roster_user(&roster, "alice", false, &user), -EAGAIN);
    assert_int_equal(roster_user(&roster, "alice", false, &user), -EAGAIN);
    assert_null(user);
    assert_int_equal(roster.count, 1); /* one wish, however often it is made */
    assert_int_equal(roster.entries[0].kind, ROSTER_USER);
    assert_false(roster.entries[0].groups);
    answer(&roster, 0, "alice", 1001);
    assert_int_equal(roster_user(&roster, "alice", false, &user), 0);
    assert_int_equal(user->uid, 1001);
    /* another name, another question */
    assert_int_equal(roster_user(&roster, "alic", false, &user), -EAGAIN);
    assert_int_equal(roster_user(&roster, "Alice", false, &user), -EAGAIN);
    assert_int_equal(roster.count, 3);
    roster_clear(&roster);
    assert_int_equal(roster.count, 0);
}

static void test_groups(void **unused)
{
    struct roster roster = {0};
    const struct identity *user = NULL;

    assert_int_equal(roster_user(&roster, "alice", false, &user), -EAGAIN);
    answer(&roster, 0, "alice", 1001);
    /* an answer without groups is none where groups are asked for; the other way round it is */
    assert_int_equal(roster_user(&roster, "alice", true, &user), -EAGAIN);
    assert_int_equal(roster.count, 2);
    assert_true(roster.entries[1].groups);
    answer(&roster, 1, "alice", 1001);
    roster.entries[1].user.groups_known = true;
    assert_int_equal(roster_user(&roster, "alice", true, &user), 0);
    assert_true(user->groups_known);

    assert_int_equal(roster_user(&roster, "bob", true, &user), -EAGAIN);
    answer(&roster, 2, "bob", 1002);
    assert_int_equal(roster_user(&roster, "bob", false, &user), 0);
    assert_int_equal(roster.count, 3);
    roster_clear(&roster);
}

static void test_kinds_are_apart(void **unused)
{
    struct roster roster = {0};
    const struct identity *user = NULL;
    char *const *members = NULL;
    bool incomplete = true;

    assert_int_equal(roster_user(&roster, "ops", false, &user), -EAGAIN);
    assert_int_equal(roster_members(&roster, "ops", &members, &incomplete), -EAGAIN);
    assert_int_equal(roster_uid(&roster, 1001, false, &user), -EAGAIN);
    assert_int_equal(roster_uid(&roster, 1002, false, &user), -EAGAIN);
    assert_int_equal(roster.count, 4);
    answer(&roster, 2, "alice", 1001);
    roster.entries[1].answered = true;
    roster.entries[1].members = calloc(2, sizeof(char *));
    roster.entries[1].members[0] = strdup("bob");
    assert_int_equal(roster_uid(&roster, 1001, false, &user), 0);
    assert_string_equal(user->name, "alice");
    assert_int_equal(roster_members(&roster, "ops", &members, &incomplete), 0);
    assert_string_equal(members[0], "bob");
    assert_null(members[1]);
    assert_false(incomplete);
    roster_clear(&roster);
}

static void test_errors(void **unused)
{
    struct roster roster = {0};
    const struct identity *user = NULL;

    assert_int_equal(roster_user(&roster, "ghost", false, &user), -EAGAIN);
    roster.entries[0].answered = true;
    roster.entries[0].error = -ENOENT;
    assert_int_equal(roster_user(&roster, "ghost", false, &user), -ENOENT);
    assert_null(user);
    roster_clear(&roster);
}

/* The groups could not be told in time: who it is may still be known. */
static void test_groups_fail_user_does_not(void **unused)
{
    struct roster roster = {0};
    const struct identity *user = NULL;

    assert_int_equal(roster_uid(&roster, 1001, true, &user), -EAGAIN);
    roster.entries[0].answered = true;
    roster.entries[0].error = -ETIMEDOUT;
    assert_int_equal(roster_uid(&roster, 1001, true, &user), -ETIMEDOUT);
    assert_int_equal(roster_uid(&roster, 1001, false, &user), -EAGAIN);
    assert_int_equal(roster.count, 2);
    assert_false(roster.entries[1].groups);
    answer(&roster, 1, "alice", 1001);
    assert_int_equal(roster_uid(&roster, 1001, false, &user), 0);
    assert_int_equal(roster_uid(&roster, 1001, true, &user), -ETIMEDOUT);
    /* who does not exist does not exist without groups either */
    assert_int_equal(roster_uid(&roster, 1002, true, &user), -EAGAIN);
    roster.entries[2].answered = true;
    roster.entries[2].error = -ENOENT;
    assert_int_equal(roster_uid(&roster, 1002, false, &user), -ENOENT);
    roster_clear(&roster);
}

static void test_full(void **unused)
{
    struct roster roster = {0};
    const struct identity *user = NULL;
    char name[16];

    for (int i = 0; i < ROSTER_MAX; i++) {
        (void)snprintf(name, sizeof(name), "user%d", i);
        assert_int_equal(roster_user(&roster, name, false, &user), -EAGAIN);
    }
    assert_int_equal(roster_user(&roster, "one-more", false, &user), -ENOSPC);
    assert_int_equal(roster_user(&roster, "user3", false, &user), -EAGAIN);
    assert_int_equal(roster.count, ROSTER_MAX);
    roster_clear(&roster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wish_and_answer),           cmocka_unit_test(test_groups),
        cmocka_unit_test(test_kinds_are_apart),           cmocka_unit_test(test_errors),
        cmocka_unit_test(test_groups_fail_user_does_not), cmocka_unit_test(test_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
