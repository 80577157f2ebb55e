/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cleanup.h"
#include "cli/wrap.h"

/* What is written of the texts, one behind the other. */
static char *wrapped(struct wrap wrap, const char *first, const char *second)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);

    assert_non_null(stream);
    wrap_put(&wrap, stream, first);
    if (second)
        wrap_put(&wrap, stream, second);
    assert_int_equal(fclose(stream), 0);
    return text;
}

static void check(struct wrap wrap, const char *first, const char *second, const char *expected)
{
    CLEANUP_FREE char *text = wrapped(wrap, first, second);

    assert_string_equal(text, expected);
}

static void test_breaks(void **state)
{
    struct wrap narrow = {.width = 21, .indent = 4}, marked = narrow;

    marked.mark = true;
    check(narrow, "12345678901234567890", NULL, "12345678901234567890");
    check(narrow, "123456789012345678901", NULL, "12345678901234567890\n    1");
    check(marked, "123456789012345678901", NULL, "12345678901234567890\n  | 1");
    check(narrow, "one two three four five six", NULL, "one two three four\n    five six");
    check(narrow, "one two three", " four five six", "one two three four\n    five six");
    check(narrow, "x                                 y", NULL,
          "x                   \n                  y");
    check(narrow, "a 12345678901234567890", NULL, "a 123456789012345678\n    90");
    check(narrow, "", NULL, "");
}

static void test_wide_characters_count_twice(void **state)
{
    struct wrap narrow = {.width = 11, .indent = 2};

    check(narrow, "漢漢漢漢漢漢", NULL, "漢漢漢漢漢\n  漢");
    check(narrow, "ü23456789ü", NULL, "ü23456789\n  ü");
}

static void test_without_a_width(void **state)
{
    struct wrap none = {.width = 0, .indent = 4}, tiny = {.width = 5, .indent = 4};

    check(none, "one two three four five six seven", NULL, "one two three four five six seven");
    check(tiny, "one two three four five six seven", NULL, "one two three four five six seven");
}

/* Whatever the text, the widths and the indent: no line is longer than the terminal, and without
 * line ends, indents and marks it is the text, but for the blanks that became line ends. */
static void test_every_width(void **state)
{
    static const char *const texts[] = {"a bb ccc dddd eeeee ffffff ggggggg",
                                        "          x          ",
                                        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa b c d e f g h i"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        for (size_t width = 9; width < 60; width++)
            for (size_t indent = 0; indent < 30; indent++) {
                CLEANUP_FREE char *text =
                    wrapped((struct wrap){.width = width, .indent = indent}, texts[i], NULL);
                const char *seen = text, *wanted = texts[i];

                for (const char *line = text; line;
                     line = strchr(line, '\n'), line = line ? line + 1 : NULL)
                    assert_true(strcspn(line, "\n") < width);
                for (; *wanted; wanted++) {
                    if (*wanted == ' ')
                        continue;
                    seen = strchr(seen, *wanted);
                    assert_non_null(seen);
                    seen++;
                }
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_breaks),
        cmocka_unit_test(test_wide_characters_count_twice),
        cmocka_unit_test(test_without_a_width),
        cmocka_unit_test(test_every_width),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
