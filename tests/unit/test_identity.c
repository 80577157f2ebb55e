/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/identity.h"

static char ops[] = "ops", security[] = "security", alices_name[] = "alice";
static char *groups[] = {ops, security};

static void test_copy_shares_nothing(void **state)
{
    struct identity alice = {
        .name = alices_name, .uid = 1000, .groups = groups, .n_groups = 2, .groups_known = true};
    struct identity copy;

    assert_int_equal(identity_copy(&alice, &copy), 0);
    assert_string_equal(copy.name, "alice");
    assert_ptr_not_equal(copy.name, alice.name);
    assert_int_equal(copy.uid, 1000);
    assert_true(copy.groups_known);
    assert_int_equal(copy.n_groups, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(copy.groups[i], groups[i]);
        assert_ptr_not_equal(copy.groups[i], groups[i]);
    }
    identity_clear(&copy);
    assert_null(copy.name);
    assert_null(copy.groups);
    assert_int_equal(copy.n_groups, 0);
    assert_false(copy.groups_known);
}

static void test_nobody_is_copied_and_cleared(void **state)
{
    struct identity nobody = {.uid = UID_UNSET};
    struct identity copy = {.uid = 7};

    assert_int_equal(identity_copy(&nobody, &copy), 0);
    assert_null(copy.name);
    assert_null(copy.groups);
    assert_int_equal(copy.uid, UID_UNSET);
    assert_false(copy.groups_known);
    identity_clear(&copy);
    identity_clear(&copy);
    identity_clear(NULL);
}

static void test_groups_count_only_when_known(void **state)
{
    struct identity alice = {.name = alices_name, .groups = groups, .n_groups = 2};

    assert_false(identity_in_group(&alice, "ops"));
    alice.groups_known = true;
    assert_true(identity_in_group(&alice, "ops"));
    assert_true(identity_in_group(&alice, "security"));
    assert_false(identity_in_group(&alice, "secur"));
    assert_false(identity_in_group(&alice, "security2"));
    assert_false(identity_in_group(&alice, "Ops"));
    assert_false(identity_in_group(&alice, ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copy_shares_nothing),
        cmocka_unit_test(test_nobody_is_copied_and_cleared),
        cmocka_unit_test(test_groups_count_only_when_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
