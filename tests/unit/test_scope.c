/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/scope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void test_names(void **unused)
{
    assert_true(scope_is_of("pam-checkout-17-1.scope", 17));
    assert_true(scope_is_of("pam-checkout-17-4711-0af.scope", 17));
    assert_false(scope_is_of("pam-checkout-17-1.scope", 1));
    assert_false(scope_is_of("pam-checkout-17-1.scope", 171));
    assert_false(scope_is_of("pam-checkout-17.scope", 17));
    assert_false(scope_is_of("pam-checkout-17-.scope", 17));
    assert_false(scope_is_of("pam-checkout-17-1.service", 17));
    assert_false(scope_is_of("pam-checkout-17-1.scope.scope", 17));
    assert_false(scope_is_of("pam-checkout-17-x.scope", 17));
    assert_false(scope_is_of("pam-checkout-0-1.scope", 0));
    assert_false(scope_is_of("", 17));
    assert_false(scope_is_of(NULL, 17));

    assert_true(scope_is_login("session-4.scope"));
    assert_true(scope_is_login("session-c12.scope"));
    assert_false(scope_is_login("session-.scope"));
    assert_false(scope_is_login("session-c.scope"));
    assert_false(scope_is_login("session-cc1.scope"));
    assert_false(scope_is_login("session-4.service"));
    assert_false(scope_is_login("xsession-4.scope"));
    assert_false(scope_is_login("user@1000.service"));
    assert_false(scope_is_login("init.scope"));
    assert_false(scope_is_login(""));
    assert_false(scope_is_login(NULL));
}

static void test_paths(void **unused)
{
    static const char unit[] = "session-4.scope";

    assert_true(scope_has_cgroup(unit, "/user.slice/user-1000.slice/session-4.scope"));
    assert_true(scope_has_cgroup(unit, "/session-4.scope"));
    assert_false(scope_has_cgroup(unit, "user.slice/session-4.scope"));
    assert_false(scope_has_cgroup(unit, "/user.slice/session-5.scope"));
    assert_false(scope_has_cgroup(unit, "/user.slice/session-4.scope/"));
    assert_false(scope_has_cgroup(unit, "/user.slice/session-4.scope/below"));
    assert_false(scope_has_cgroup(unit, "/user.slice//session-4.scope"));
    assert_false(scope_has_cgroup(unit, "/user.slice/user-1.slice/user@1.service/session-4.scope"));
    assert_false(scope_has_cgroup(unit, "/user.slice/../session-4.scope"));
    assert_false(scope_has_cgroup(unit, "/./session-4.scope"));
    assert_false(scope_has_cgroup(unit, "/"));
    assert_false(scope_has_cgroup(unit, ""));
    assert_false(scope_has_cgroup(unit, NULL));
    assert_false(scope_has_cgroup("", "/"));
    assert_false(scope_has_cgroup(NULL, "/user.slice"));
    assert_true(scope_has_cgroup(unit, "/...a/session-4.scope"));
}

static void test_contains(void **unused)
{
    assert_true(cgroup_contains("/a/b.scope", "/a/b.scope"));
    assert_true(cgroup_contains("/a/b.scope", "/a/b.scope/c"));
    assert_false(cgroup_contains("/a/b.scope", "/a/b.scopex"));
    assert_false(cgroup_contains("/a/b.scope", "/a"));
    assert_false(cgroup_contains("/", "/a"));
    assert_false(cgroup_contains("", "/a"));
    assert_false(cgroup_contains(NULL, "/a"));
    assert_false(cgroup_contains("/a", NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_contains),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
