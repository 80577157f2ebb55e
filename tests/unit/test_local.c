/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cleanup.h"
#include "names/local.h"

#define USERS                                                                                      \
    "root:x:0:0:root:/root:/bin/sh\n+:::::::\nbroken line\nalice:x:1000:1000::/:/bin/sh\n"         \
    "-bob:x:1001:1001::/:/bin/sh\ntoor:x:0:0::/:/bin/sh\n"

/* Writes a file of its own and returns its path, which the test removes. */
static char *write_file(char path[static 32], const char *text)
{
    CLEANUP_CLOSE int fd = -1;

    memcpy(path, "/tmp/test_local.XXXXXX", sizeof("/tmp/test_local.XXXXXX"));
    fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    return path;
}

static int look_up(const char *nsswitch, const char *name, uid_t uid, struct identity *ret_user)
{
    char switch_path[32] = "/nonexistent", passwd_path[32];
    int r;

    if (nsswitch)
        write_file(switch_path, nsswitch);
    write_file(passwd_path, USERS);
    r = local_user(switch_path, passwd_path, name, uid, ret_user);
    unlink(switch_path);
    unlink(passwd_path);
    return r;
}

static void expect_user(const char *name, uid_t uid, const char *found)
{
    struct identity user = {0};

    assert_int_equal(look_up("passwd: files\n", name, uid, &user), 0);
    assert_string_equal(user.name, found);
    assert_int_equal(user.uid, uid);
    assert_false(user.groups_known);
    identity_clear(&user);
}

static void test_finds_by_name_and_by_uid(void **state)
{
    expect_user("root", 0, "root");
    expect_user("toor", 0, "toor");
    expect_user("alice", 1000, "alice");
    expect_user(NULL, 1000, "alice");
    expect_user(NULL, 0, "root");
}

static void test_leaves_to_the_name_service_whom_it_does_not_know(void **state)
{
    struct identity user = {0};

    assert_int_equal(look_up("passwd: files\n", "mallory", 0, &user), -ENOENT);
    assert_int_equal(look_up("passwd: files\n", "Alice", 0, &user), -ENOENT);
    assert_int_equal(look_up("passwd: files\n", NULL, 4242, &user), -ENOENT);
    assert_int_equal(look_up("passwd: files\n", "-bob", 0, &user), -ENOENT);
    assert_int_equal(look_up("passwd: files\n", "+", 0, &user), -ENOENT);
    assert_null(user.name);
}

static void test_answers_only_where_the_file_is_asked_first(void **state)
{
    static const struct {
        const char *nsswitch;
        bool first;
    } cases[] = {
        {"passwd: files\n", true},
        {"# passwd: sss\npasswd:\tfiles systemd sss\n", true},
        {"group: sss\n passwd :  files # the default\n", true},
        {"group: sss\n", true},
        {NULL, true},
        {"passwd: sss files\n", false},
        {"passwd: compat\n", false},
        {"passwd: filesystem\n", false},
        {"passwd:\n", false},
        {"passwd: files [SUCCESS=continue] sss\n", false},
        {"passwd: files   [!SUCCESS=return] sss\n", false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct identity user = {0};

        assert_int_equal(look_up(cases[i].nsswitch, "alice", 0, &user),
                         cases[i].first ? 0 : -ENOENT);
        identity_clear(&user);
    }
}

static void test_says_when_the_file_cannot_be_read(void **state)
{
    struct identity user = {0};

    assert_int_equal(local_user("/nonexistent", "/nonexistent", "alice", 0, &user), -ENOENT);
    assert_int_equal(local_user("/nonexistent", "/proc/self/mem/x", "alice", 0, &user), -ENOTDIR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_by_name_and_by_uid),
        cmocka_unit_test(test_leaves_to_the_name_service_whom_it_does_not_know),
        cmocka_unit_test(test_answers_only_where_the_file_is_asked_first),
        cmocka_unit_test(test_says_when_the_file_cannot_be_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
