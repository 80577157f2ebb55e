/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "policy/ticket_pattern.h"

static bool fits(const char *text, const char *ticket)
{
    CLEANUP(cleanup_ticket_pattern) struct ticket_pattern *pattern = NULL;
    char problem[64];

    assert_int_equal(ticket_pattern_new(text, &pattern, problem, sizeof(problem)), 0);
    assert_string_equal(ticket_pattern_text(pattern), text);
    return ticket_pattern_fits(pattern, ticket);
}

static void test_fits_the_whole_ticket(void **state)
{
    assert_true(fits("(CHG|INC)-[0-9]{4,}", "CHG-1234"));
    assert_true(fits("(CHG|INC)-[0-9]{4,}", "INC-123456"));
    assert_false(fits("(CHG|INC)-[0-9]{4,}", "CHG-123"));
    assert_false(fits("(CHG|INC)-[0-9]{4,}", "xCHG-1234"));
    assert_false(fits("(CHG|INC)-[0-9]{4,}", "CHG-1234x"));
    assert_false(fits("(CHG|INC)-[0-9]{4,}", ""));
    assert_false(fits("[0-9]+", "12\n"));
}

/* An alternative of the pattern's own does not get round its ends. */
static void test_alternatives_stay_inside(void **state)
{
    assert_true(fits("CHG|INC", "INC"));
    assert_false(fits("CHG|INC", "CHGx"));
    assert_false(fits("CHG|INC", "xINC"));
    assert_true(fits("CHG|CHG-1", "CHG-1"));
}

static void test_characters_are_not_bytes(void **state)
{
    assert_true(fits("\xc3\xbc.", "\xc3\xbc\xe2\x82\xac"));
    assert_false(fits(".", "ab"));
}

/* What a requester types cannot keep the broker busy: this would take 2^60 steps. */
static void test_gives_up(void **state)
{
    char ticket[65];

    memset(ticket, 'a', sizeof(ticket) - 2);
    ticket[sizeof(ticket) - 2] = '!';
    ticket[sizeof(ticket) - 1] = '\0';
    assert_false(fits("(a+)+", ticket));
    assert_false(fits("(a|aa)+", ticket));
}

static void test_refuses(void **state)
{
    static const char *const wrong[] = {
        "(", "[", "*", "x{2,1}", "\\C", "((a{999}){999}){999}", "\xff", "(?<=a+)b"};
    CLEANUP(cleanup_ticket_pattern) struct ticket_pattern *pattern = NULL;
    char longer[TICKET_PATTERN_MAX + 2], deep[81], problem[64];

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        problem[0] = '\0';
        assert_int_equal(ticket_pattern_new(wrong[i], &pattern, problem, sizeof(problem)), -EINVAL);
        assert_true(strlen(problem) > 0);
        assert_null(pattern);
    }
    memset(longer, 'a', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    assert_int_equal(ticket_pattern_new(longer, &pattern, problem, sizeof(problem)), -EINVAL);
    memset(deep, '(', 40);
    memset(deep + 40, ')', 40);
    deep[80] = '\0';
    assert_int_equal(ticket_pattern_new(deep, &pattern, problem, sizeof(problem)), -EINVAL);
    assert_null(ticket_pattern_free(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fits_the_whole_ticket),
        cmocka_unit_test(test_alternatives_stay_inside),
        cmocka_unit_test(test_characters_are_not_bytes),
        cmocka_unit_test(test_gives_up),
        cmocka_unit_test(test_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
