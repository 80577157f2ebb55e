/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <dbus/dbus.h>

#include "cleanup.h"
#include "caps.h"
#include "text.h"

/* ---- UTF-8, with libdbus as the judge ---- */

/* The length of the first character as libdbus sees it: the shortest beginning that is UTF-8; 0 if
 * there is none. */
static size_t judge(const char *text)
{
    char beginning[5] = "";

    for (size_t length = 1; length <= 4 && text[length - 1] != '\0'; length++) {
        beginning[length - 1] = text[length - 1];
        if (dbus_validate_utf8(beginning, NULL))
            return length;
    }
    return 0;
}

static bool is_control_at(const char *text)
{
    unsigned char first = (unsigned char)text[0], second = (unsigned char)text[first ? 1 : 0];

    return first < 0x20 || first == 0x7f || (first == 0xc2 && second >= 0x80 && second <= 0x9f);
}

/* Walks the text and its escaped form side by side. */
static void check_against_judge(const char *text)
{
    char buffer[64];
    const char *escaped = buffer, *at = text;
    bool clean = true;
    size_t written = text_escape_to(buffer, sizeof(buffer), text);

    assert_int_equal(written, strlen(buffer));
    assert_true(dbus_validate_utf8(buffer, NULL));

    while (*at) {
        size_t length = judge(at);

        if (length == 0 || is_control_at(at)) {
            clean = false;
            for (size_t i = 0; i < (length ? length : 1); i++) {
                char expected[5];

                snprintf(expected, sizeof(expected), "\\x%02x", (unsigned char)at[i]);
                assert_memory_equal(escaped, expected, 4);
                escaped += 4;
            }
            at += length ? length : 1;
        } else if (strncmp(escaped, "\\u{", 3) == 0) {
            assert_true(length >= 2);
            escaped = strchr(escaped, '}') + 1;
            at += length;
        } else if (*at == '\\') {
            assert_memory_equal(escaped, "\\\\", 2);
            escaped += 2;
            at++;
        } else {
            assert_memory_equal(escaped, at, length);
            escaped += length;
            at += length;
        }
    }
    assert_string_equal(escaped, "");
    assert_int_equal(text_is_valid(text, 16), clean);
}

static void test_utf8_is_what_libdbus_says(void **state)
{
    /* the borders of every row of RFC 3629's table */
    static const unsigned char borders[] = {
        'a',  0x1b, '\\', 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xad, 0xbd, 0xbe,
        0xbf, 0xc0, 0xc2, 0xdf, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0xf8, 0xff,
    };
    const size_t n = sizeof(borders);
    char text[5];

    for (unsigned first = 1; first <= 0xff; first++) {
        text[0] = (char)first;
        text[1] = '\0';
        check_against_judge(text);
        for (unsigned second = 1; second <= 0xff; second++) {
            text[1] = (char)second;
            text[2] = '\0';
            check_against_judge(text);
            for (size_t third = 0; third < n; third++) {
                text[2] = (char)borders[third];
                text[3] = '\0';
                check_against_judge(text);
            }
        }
    }
    for (unsigned first = 0xe0; first <= 0xff; first++)
        for (size_t other = 0; other < n * n * n; other++) {
            text[0] = (char)first;
            text[1] = (char)borders[other / n / n];
            text[2] = (char)borders[other / n % n];
            text[3] = (char)borders[other % n];
            text[4] = '\0';
            check_against_judge(text);
        }
}

/* ---- every character there is ---- */

static void encode(uint32_t character, char text[static 5])
{
    if (character < 0x80) {
        snprintf(text, 5, "%c", (int)character);
    } else if (character < 0x800) {
        snprintf(text, 5, "%c%c", (int)(0xc0 | character >> 6), (int)(0x80 | (character & 0x3f)));
    } else if (character < 0x10000) {
        snprintf(text, 5, "%c%c%c", (int)(0xe0 | character >> 12),
                 (int)(0x80 | (character >> 6 & 0x3f)), (int)(0x80 | (character & 0x3f)));
    } else {
        snprintf(text, 5, "%c%c%c%c", (int)(0xf0 | character >> 18),
                 (int)(0x80 | (character >> 12 & 0x3f)), (int)(0x80 | (character >> 6 & 0x3f)),
                 (int)(0x80 | (character & 0x3f)));
    }
}

static bool hides_or_reorders(uint32_t c)
{
    return c == 0xad || c == 0x61c || c == 0x180e || (c >= 0x200b && c <= 0x200f) || c == 0x2028 ||
           c == 0x2029 || (c >= 0x202a && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) ||
           c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe007f) ||
           (c >= 0xfdd0 && c <= 0xfdef) || c % 0x10000 >= 0xfffe;
}

static void test_every_character_is_escaped_or_left(void **state)
{
    for (uint32_t c = 1; c <= 0x10ffff; c++) {
        char text[5], expected[32], escaped[32];

        if (c >= 0xd800 && c <= 0xdfff)
            continue;
        encode(c, text);
        if (c < 0x20 || c == 0x7f)
            snprintf(expected, sizeof(expected), "\\x%02x", c);
        else if (c >= 0x80 && c <= 0x9f)
            snprintf(expected, sizeof(expected), "\\xc2\\x%02x", c);
        else if (c == '\\')
            snprintf(expected, sizeof(expected), "\\\\");
        else if (hides_or_reorders(c))
            snprintf(expected, sizeof(expected), "\\u{%04X}", c);
        else
            snprintf(expected, sizeof(expected), "%s", text);

        text_escape_to(escaped, sizeof(escaped), text);
        if (strcmp(escaped, expected) != 0)
            fail_msg("U+%04X: \"%s\" instead of \"%s\"", c, escaped, expected);
        if (text_is_valid(text, 4) != (c >= 0x20 && (c < 0x7f || c > 0x9f)))
            fail_msg("U+%04X is valid, or should be", c);
        if (strlen(escaped) > 4 * strlen(text))
            fail_msg("U+%04X grows more than fourfold", c);
    }
}

/* ---- what comes in ---- */

static void test_length_is_counted_in_bytes(void **state)
{
    assert_true(text_is_valid("", 0));
    assert_false(text_is_valid("a", 0));
    assert_true(text_is_valid("abc", 3));
    assert_false(text_is_valid("abcd", 3));
    assert_true(text_is_valid("\xe2\x82\xac", 3));
    assert_false(text_is_valid("\xe2\x82\xac", 2));
    assert_true(text_is_valid("abc", SIZE_MAX));
    assert_false(text_is_valid(NULL, 10));
    assert_false(text_is_valid_lines(NULL, 10));
}

static void test_nothing_beyond_the_cap_is_read(void **state)
{
    /* Of just the size and without a NUL in the cap, so that the sanitizers see a further read. */
    char *text CLEANUP_FREE = malloc(9);

    assert_non_null(text);
    memset(text, 'x', 9);
    assert_false(text_is_valid(text, 8));
    assert_int_equal(text_check("reason", text, 1, 8, NULL), ERROR_INVALID_ARGUMENT);
}

static void test_line_feeds_only_where_asked_for(void **state)
{
    assert_false(text_is_valid("one\ntwo\n", 100));
    assert_true(text_is_valid_lines("one\ntwo\n", 100));
    assert_true(text_is_valid_lines("", 0));
    assert_false(text_is_valid_lines("one\ntwo\n", 7));
    assert_false(text_is_valid_lines("one\r\n", 100));
    assert_false(text_is_valid_lines("one\ttwo", 100));
    assert_false(text_is_valid_lines("\x1b[2J", 100));
    assert_false(text_is_valid_lines("\xc2\x85", 100));
    assert_false(text_is_valid_lines("\n\xff", 100));
}

static void test_blank(void **state)
{
    static const uint32_t shows_nothing[] = {
        0x09,   0x0a,   0x0b,   0x0c,   0x0d,   0x20,   0x85,   0xa0,    0x1680, 0x2000,
        0x2005, 0x200a, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000, 0xad,    0x200b, 0x200d,
        0x2060, 0xfeff, 0x115f, 0x1160, 0x2800, 0x3164, 0xffa0, 0xe0041,
    };
    char all[200] = " ";

    assert_true(text_is_blank(NULL));
    assert_true(text_is_blank(""));
    for (size_t i = 0; i < sizeof(shows_nothing) / sizeof(shows_nothing[0]); i++) {
        char text[5];
        size_t length = strlen(all);

        encode(shows_nothing[i], text);
        if (!text_is_blank(text))
            fail_msg("U+%04X is not blank", shows_nothing[i]);
        snprintf(all + length, sizeof(all) - length, "%s", text);
    }
    assert_true(text_is_blank(all));
    all[strlen(all) / 2] = 'a';
    assert_false(text_is_blank(all));

    assert_false(text_is_blank("."));
    assert_false(text_is_blank("   a"));
    assert_false(text_is_blank("\xe2\x80\xa6")); /* … */
    assert_false(text_is_blank("\xff"));         /* broken is not blank */
    assert_false(text_is_blank("\xe2\x80"));
    assert_false(text_is_blank("\x1f"));
    assert_false(text_is_blank("\xe2\x80\x90")); /* U+2010, next to the invisible ones */
    assert_false(text_is_blank("\xe3\x80\x81")); /* U+3001, next to the ideographic space */
}

static void assert_check(const char *text, size_t min, size_t max, const char *sentence)
{
    struct error error = {0};
    int r = text_check("reason", text, min, max, &error);

    if (!sentence) {
        assert_int_equal(r, 0);
        assert_int_equal(error.code, ERROR_NONE);
        return;
    }
    assert_int_equal(r, ERROR_INVALID_ARGUMENT);
    assert_int_equal(error.code, ERROR_INVALID_ARGUMENT);
    assert_string_equal(error.text, sentence);
}

static void test_check(void **state)
{
    static const char not_plain[] = "The reason is not plain text: only one line of UTF-8 without "
                                    "control characters is allowed.";
    static const char too_short[] = "The reason is too short: at least 4 characters are needed.";

    assert_check("ok", 0, 2, NULL);
    assert_check("ok", 2, 2, NULL);
    assert_check(NULL, 0, 9, "The reason is missing.");
    assert_check("", 0, 9, "The reason is blank.");
    assert_check(" \xc2\xa0", 0, 9, "The reason is blank.");
    assert_check("abc", 0, 2, "The reason is too long: at most 2 bytes are allowed.");
    assert_check("\xc3\xa4", 0, 1, "The reason is too long: at most 1 bytes are allowed.");
    assert_check("a\nb", 0, 9, not_plain);
    assert_check("a\xff", 0, 9, not_plain);
    assert_check("a\x1b[1m", 0, 9, not_plain);
    assert_check("\xc2\x9b", 0, 9, not_plain);

    /* characters, not bytes */
    assert_check("abcd", 4, 9, NULL);
    assert_check("abc", 4, 9, too_short);
    assert_check("\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f", 4, 9, NULL);
    assert_check("\xc3\xa4\xc3\xb6\xc3\xbc", 4, 9, too_short);
    /* blanks are for between, not for reaching the minimum */
    assert_check("a  b", 4, 9, NULL);
    assert_check(" abc ", 4, 9, too_short);
    assert_check("abc   ", 4, 9, too_short);
    assert_check("abc\xe2\x80\x8b", 4, 9, too_short);

    assert_int_equal(text_check("reason", "", 0, 9, NULL), ERROR_INVALID_ARGUMENT);
}

/* ---- what goes out ---- */

static const char every_escape[] = "a\\b\x1b[31m\n\x7f\xc2\x9b\xff\xe2\x80\xae\xf3\xa0\x81\x81\xef"
                                   "\xbf\xbf\xe2\x82\xac\xf0\x9f\x94\x91\xc3";
static const char *const pieces[] = {
    "a",
    "\\\\",
    "b",
    "\\x1b",
    "[",
    "3",
    "1",
    "m",
    "\\x0a",
    "\\x7f",
    "\\xc2\\x9b",
    "\\xff",
    "\\u{202E}",
    "\\u{E0041}",
    "\\u{FFFF}",
    "\xe2\x82\xac",
    "\xf0\x9f\x94\x91",
    "\\xc3",
};

static void test_escape(void **state)
{
    char *escaped CLEANUP_FREE = text_escape(every_escape);
    char *empty CLEANUP_FREE = text_escape("");
    char *null CLEANUP_FREE = text_escape(NULL);
    char expected[256] = "";
    size_t length = 0;

    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
        length += (size_t)snprintf(expected + length, sizeof(expected) - length, "%s", pieces[i]);
    assert_string_equal(escaped, expected);
    assert_string_equal(empty, "");
    assert_string_equal(null, "");
}

static void test_escape_has_room_for_the_worst(void **state)
{
    char text[1001], *escaped CLEANUP_FREE = NULL;

    memset(text, 0xff, sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    escaped = text_escape(text);
    assert_non_null(escaped);
    assert_int_equal(strlen(escaped), 4000);
    assert_string_equal(escaped + 3992, "\\xff\\xff");
}

static void test_escape_cuts_between_escapes(void **state)
{
    for (size_t size = 1; size < 120; size++) {
        char expected[256] = "", buffer[128];
        size_t length = 0;

        for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
            if (length + strlen(pieces[i]) >= size)
                break;
            length +=
                (size_t)snprintf(expected + length, sizeof(expected) - length, "%s", pieces[i]);
        }
        memset(buffer, '#', sizeof(buffer));
        assert_int_equal(text_escape_to(buffer, size, every_escape), length);
        assert_string_equal(buffer, expected);
        for (size_t i = size; i < sizeof(buffer); i++)
            assert_int_equal(buffer[i], '#');
    }
}

static void test_escape_of_null_is_empty(void **state)
{
    char buffer[4] = "###";

    assert_int_equal(text_escape_to(buffer, sizeof(buffer), NULL), 0);
    assert_string_equal(buffer, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8_is_what_libdbus_says),
        cmocka_unit_test(test_every_character_is_escaped_or_left),
        cmocka_unit_test(test_length_is_counted_in_bytes),
        cmocka_unit_test(test_nothing_beyond_the_cap_is_read),
        cmocka_unit_test(test_line_feeds_only_where_asked_for),
        cmocka_unit_test(test_blank),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_escape),
        cmocka_unit_test(test_escape_has_room_for_the_worst),
        cmocka_unit_test(test_escape_cuts_between_escapes),
        cmocka_unit_test(test_escape_of_null_is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
