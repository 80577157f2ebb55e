/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The worker against the name service of this machine, and against one that misbehaves. */

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_name_service.h"
#include "names_fixture.h"

/* ---- As it is ---- */

static void test_users(void **state)
{
    char longest[LIMIT_NAME + 1];
    memset(longest, 'x', LIMIT_NAME);
    longest[LIMIT_NAME] = '\0';
    struct names_item items[] = {
        {.kind = NAMES_USER, .name = "root"},  {.kind = NAMES_USER, .name = "no-such-user-here"},
        {.kind = NAMES_UID, .uid = 1},         {.kind = NAMES_UID, .uid = 3999999999},
        {.kind = NAMES_USER, .name = longest},
    };
    struct names_result *results = ask(items, 5);

    assert_int_equal(results[0].error, 0);
    assert_string_equal(results[0].user.name, "root");
    assert_int_equal(results[0].user.uid, 0);
    assert_false(results[0].user.groups_known);
    assert_int_equal(results[1].error, -ENOENT);
    assert_null(results[1].user.name);
    assert_string_equal(results[2].user.name, "daemon");
    assert_int_equal(results[2].user.uid, 1);
    assert_int_equal(results[3].error, -ENOENT);
    assert_int_equal(results[4].error, -ENOENT);
    assert_string_equal(fixture->calls[0].names[1], "no-such-user-here");
}

static void test_every_user_of_this_machine(void **state)
{
    struct passwd *user;
    size_t seen = 0;

    setpwent();
    while ((user = getpwent())) {
        char name[LIMIT_NAME + 1];
        uid_t uid = user->pw_uid;

        snprintf(name, sizeof(name), "%s", user->pw_name);
        struct names_result *result = ask_user(name, true);
        assert_int_equal(result->error, 0);
        assert_string_equal(result->user.name, name);
        assert_int_equal(result->user.uid, uid);
        assert_true(result->user.groups_known);
        assert_true(result->user.n_groups >= 1);
        seen++;
    }
    endpwent();
    assert_true(seen > 0);
}

static void test_groups(void **state)
{
    struct names_item items[] = {
        {.kind = NAMES_UID, .uid = 0, .groups = true},
        {.kind = NAMES_USER, .name = "root"},
        {.kind = NAMES_USER, .name = "no-such-user-here", .groups = true},
    };
    struct names_result *results = ask(items, 3);
    bool found = false;

    assert_true(results[0].user.groups_known);
    for (size_t i = 0; i < results[0].user.n_groups; i++)
        found = found || strcmp(results[0].user.groups[i], "root") == 0;
    assert_true(found);
    assert_false(results[1].user.groups_known);
    assert_int_equal(results[1].user.n_groups, 0);
    assert_int_equal(results[2].error, -ENOENT);
    assert_false(results[2].user.groups_known);
}

static void test_many_groups(void **state)
{
    struct names_result *result = ask_user("many-groups", true);

    /* The primary group and all with a name; the one without is left out. */
    assert_int_equal(result->error, 0);
    assert_int_equal(result->user.n_groups, MANY_GROUPS + 1);
    assert_string_equal(result->user.groups[0], "root");
    assert_string_equal(result->user.groups[MANY_GROUPS], "a group of many with number 500299");
}

static void test_members(void **state)
{
    struct names_item items[] = {
        {.kind = NAMES_MEMBERS, .name = "zero"},
        {.kind = NAMES_MEMBERS, .name = "no-such-group-here"},
    };
    struct names_result *results = ask(items, 2);

    /* Listed ones and root, whose primary group it is, each once; nothing that is not text. */
    assert_int_equal(results[0].error, 0);
    assert_false(results[0].incomplete);
    assert_string_equal(results[0].members[0], "adam");
    assert_string_equal(results[0].members[1], "root");
    assert_string_equal(results[0].members[2], "zoe");
    assert_null(results[0].members[3]);
    assert_int_equal(results[1].error, -ENOENT);
    assert_null(results[1].members);
}

static void test_members_in_many_packets(void **state)
{
    struct names_result *result =
        ask(&(struct names_item){.kind = NAMES_MEMBERS, .name = "crowd"}, 1);
    size_t count = 0;

    assert_int_equal(result->error, 0);
    while (result->members[count])
        count++;
    assert_int_equal(count, 40000);
    assert_string_equal(result->members[0], "member-00000-of-the-crowd");
    assert_string_equal(result->members[39999], "member-39999-of-the-crowd");
}

static void test_members_say_when_some_may_be_missing(void **state)
{
    struct names_result *result =
        ask(&(struct names_item){.kind = NAMES_MEMBERS, .name = "endless"}, 1);

    assert_int_equal(result->error, 0);
    assert_true(result->incomplete);
    assert_string_equal(result->members[0], "adam");

    result = ask(&(struct names_item){.kind = NAMES_MEMBERS, .name = "unlisted"}, 1);
    assert_int_equal(result->error, 0);
    assert_true(result->incomplete);
}

static void test_too_large_an_answer(void **state)
{
    enum { CROWDS = 5 }; /* of more than a megabyte each */
    struct names_item items[CROWDS];

    for (size_t i = 0; i < CROWDS; i++)
        items[i] = (struct names_item){.kind = NAMES_MEMBERS, .name = "crowd"};
    struct names_result *results = ask(items, CROWDS);

    /* Together they are more than an answer may hold: whole or not at all. */
    assert_int_equal(results[0].error, 0);
    assert_non_null(results[0].members[39999]);
    assert_int_equal(results[CROWDS - 1].error, -EMSGSIZE);
    assert_null(results[CROWDS - 1].members);
}

/* ---- As it should not be ---- */

static void test_errors_are_not_absence(void **state)
{
    assert_int_equal(ask_user("no-file", false)->error, -EIO);
    assert_int_equal(ask_user("no-server", false)->error, -ECONNREFUSED);
    assert_int_equal(ask_user("minus-one", false)->error, -EBADMSG);
    assert_int_equal(ask_user("unprintable", false)->error, -EILSEQ);
    assert_int_equal(ask_user("endless", false)->error, -EMSGSIZE);
    assert_int_equal(ask_user("interrupted", false)->error, 0);
    assert_int_equal(ask_user("large", false)->error, 0);
    assert_int_equal(ask_user("failing-group", false)->error, 0);
    assert_int_equal(ask_user("failing-group", true)->error, -EIO);
    assert_int_equal(ask_user("half-told", true)->error, -EAGAIN);

    /* Asked for one uid, given another. */
    struct names_item odd = {.kind = NAMES_UID, .uid = ODD_UID};
    assert_int_equal(ask(&odd, 1)->error, -EBADMSG);
    /* One that fails spoils no other. */
    struct names_item items[] = {
        {.kind = NAMES_USER, .name = "no-server"},
        {.kind = NAMES_USER, .name = "root"},
    };
    struct names_result *results = ask(items, 2);
    assert_int_equal(results[0].error, -ECONNREFUSED);
    assert_int_equal(results[1].error, 0);
}

static void test_crash_costs_one_batch(void **state)
{
    for (int i = 0; i < 3; i++) {
        struct names_item items[] = {
            {.kind = NAMES_USER, .name = "root"},
            {.kind = NAMES_USER, .name = i % 2 ? "leaves" : "crashes"},
        };
        struct names_result *results = ask(items, 2);

        assert_int_equal(results[0].error, -EIO);
        assert_int_equal(results[1].error, -EIO);
        assert_int_equal(ask_user("root", false)->error, 0);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_users, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_user_of_this_machine, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_groups, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_groups, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_members, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_members_in_many_packets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_members_say_when_some_may_be_missing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_too_large_an_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_errors_are_not_absence, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_crash_costs_one_batch, set_up, tear_down),
    };

    if (argc == 2 && strcmp(argv[1], NAMES_WORKER_ARGUMENT) == 0)
        return names_worker_main();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
