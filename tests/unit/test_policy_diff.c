/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "caps.h"
#include "policy/policy_diff.h"

#define A "[policy a]\naccounts = root\n"
#define B "[policy b]\naccounts = oracle\n"

static void assert_diff(const char *before, const char *after, const char *expected)
{
    char *text = policy_diff(before, after);

    assert_non_null(text);
    assert_string_equal(text, expected);
    free(text);
}

static void test_words(void **unused)
{
    assert_diff(NULL, "", "unchanged");
    assert_diff(NULL, A, "added: a");
    assert_diff("", A B, "added: a, b");
    assert_diff(A B, A B, "unchanged");
    assert_diff(A B, "", "removed: a, b");
    assert_diff(A B, A, "removed: b");
    assert_diff(A, A "exclusive = yes\n", "changed: a");
    assert_diff(A, "[policy a]\naccounts = oracle\n", "changed: a");
    assert_diff(A B, B "[policy c]\nx = 1\n", "added: c; removed: a");
    assert_diff(A B, B A, "only comments, files or order changed");
    assert_diff(A, "# 10-root.conf\n\n" A, "only comments, files or order changed");
    assert_diff(A "[managers]\nalice = bob\n", A "[managers]\nalice = carol\n",
                "changed: managers");
    assert_diff("[broken\n", A, "added: a");
}

static void test_long(void **unused)
{
    char text[8000] = "", *diff;

    for (int i = 0; i < 200; i++)
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text),
                       "[policy policy-%03d]\nx = 1\n", i);
    diff = policy_diff(NULL, text);
    assert_non_null(diff);
    assert_true(strlen(diff) <= LIMIT_REASON);
    assert_non_null(strstr(diff, "added: policy-000, policy-001, "));
    assert_non_null(strstr(diff, " more"));
    free(diff);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_words), cmocka_unit_test(test_long)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
