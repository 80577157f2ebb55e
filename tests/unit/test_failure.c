/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "cli/failure.h"
#include "text.h"

static void test_set_and_add(void **state)
{
    struct failure failure;

    assert_int_equal(failure_set(&failure, EXIT_NO_BROKER, "NoBroker", "no %s", "broker"),
                     EXIT_NO_BROKER);
    assert_int_equal(failure.exit, EXIT_NO_BROKER);
    assert_string_equal(failure.name, "NoBroker");
    assert_string_equal(failure.text, "no broker");
    failure_add(&failure, "look %s", "again");
    assert_string_equal(failure.text, "no broker; look again");
    failure_set(&failure, EXIT_REFUSED, "Other", "%s", "");
    failure_add(&failure, "alone");
    assert_string_equal(failure.text, "alone");
}

/* Cut at whatever byte, what is left is UTF-8. */
static void test_cut_at_a_characters_border(void **state)
{
    static const char *const characters[] = {"x", "ü", "漢", "🗝"};
    struct failure failure;

    for (size_t i = 0; i < sizeof(characters) / sizeof(*characters); i++)
        for (int shift = 0; shift < 4; shift++) {
            char text[LIMIT_SENTENCE * 2] = "";
            size_t length = strlen(characters[i]);

            memset(text, 'x', (size_t)shift);
            for (size_t at = (size_t)shift; at + length < sizeof(text); at += length)
                memcpy(text + at, characters[i], length);
            failure_set(&failure, EXIT_REFUSED, "Long", "%s", text);
            assert_true(text_is_valid(failure.text, sizeof(failure.text)));
            assert_true(strlen(failure.text) + length >= sizeof(failure.text) - 1);
            failure_add(&failure, "no room left for %s", characters[i]);
            assert_true(text_is_valid(failure.text, sizeof(failure.text)));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_and_add),
        cmocka_unit_test(test_cut_at_a_characters_border),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
