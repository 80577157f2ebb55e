/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <dbus/dbus.h>

#include "error.h"

#define PREFIX "org.pamcheckout.Error."

static const struct {
    enum error_code code;
    const char *name;
} codes[] = {
    {ERROR_NOT_FOUND, "NotFound"},
    {ERROR_NOT_PERMITTED, "NotPermitted"},
    {ERROR_SELF_APPROVAL, "SelfApproval"},
    {ERROR_WRONG_STATE, "WrongState"},
    {ERROR_ALREADY_DECIDED, "AlreadyDecided"},
    {ERROR_INVALID_ARGUMENT, "InvalidArgument"},
    {ERROR_POLICY_REFUSED, "PolicyRefused"},
    {ERROR_LIMIT_REACHED, "LimitReached"},
    {ERROR_NO_APPROVER, "NoApprover"},
    {ERROR_STORAGE_FAILED, "StorageFailed"},
    {ERROR_CHANGED, "Changed"},
};

static void test_every_code_has_its_name_both_ways(void **state)
{
    /* A code without a line here would go untested. */
    assert_int_equal(sizeof(codes) / sizeof(codes[0]), ERROR_CODE_COUNT - 1);

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        char expected[128];

        snprintf(expected, sizeof(expected), PREFIX "%s", codes[i].name);
        assert_string_equal(error_dbus_name(codes[i].code), expected);
        assert_string_equal(error_short_name(codes[i].code), codes[i].name);
        assert_int_equal(error_from_dbus_name(expected), codes[i].code);
        assert_true(dbus_validate_error_name(expected, NULL));
    }
}

static void test_codes_out_of_range_have_a_name(void **state)
{
    static const int wrong[] = {ERROR_NONE, ERROR_CODE_COUNT, -1, 4711};

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_string_equal(error_dbus_name((enum error_code)wrong[i]), PREFIX "StorageFailed");
        assert_string_equal(error_short_name((enum error_code)wrong[i]), "StorageFailed");
    }
}

static void test_foreign_names_are_none_of_ours(void **state)
{
    static const char *const foreign[] = {
        "",
        PREFIX,
        "NotFound",
        PREFIX "notfound",
        PREFIX "NotFound2",
        PREFIX "NotFoun",
        "org.freedesktop.DBus.Error.AccessDenied",
        "org.pamcheckout.Error.None",
    };

    assert_int_equal(error_from_dbus_name(NULL), ERROR_NONE);
    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
        assert_int_equal(error_from_dbus_name(foreign[i]), ERROR_NONE);
}

static void test_set_fills_and_returns_the_code(void **state)
{
    struct error error = {0};

    assert_int_equal(error_set(&error, ERROR_CHANGED, "%s %d", "number", 17), ERROR_CHANGED);
    assert_int_equal(error.code, ERROR_CHANGED);
    assert_string_equal(error.text, "number 17");
    assert_int_equal(error_set(NULL, ERROR_NOT_FOUND, "%s", "nobody hears it"), ERROR_NOT_FOUND);
}

static void test_set_is_never_a_success(void **state)
{
    struct error error = {0};

    assert_int_equal(error_set(&error, ERROR_NONE, "lost"), ERROR_STORAGE_FAILED);
    assert_int_equal(error.code, ERROR_STORAGE_FAILED);
    assert_int_equal(error_set(NULL, (enum error_code) - 1, "lost"), ERROR_STORAGE_FAILED);
    assert_int_equal(error_set(NULL, ERROR_CODE_COUNT, "lost"), ERROR_STORAGE_FAILED);
}

static void test_set_may_quote_its_own_text(void **state)
{
    struct error error = {0};

    error_set(&error, ERROR_INVALID_ARGUMENT, "inner");
    error_set(&error, ERROR_INVALID_ARGUMENT, "outer: %s", error.text);
    assert_string_equal(error.text, "outer: inner");
}

static void test_set_cuts_between_characters(void **state)
{
    static const char *const characters[] = {"a", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x94\x91"};

    for (size_t i = 0; i < sizeof(characters) / sizeof(characters[0]); i++) {
        size_t width = strlen(characters[i]);

        /* so many single bytes before it that it falls on every place around the end */
        for (size_t before = LIMIT_SENTENCE - 8; before < LIMIT_SENTENCE + 2; before++) {
            struct error error = {0};
            char text[LIMIT_SENTENCE + 16];
            size_t expected = before;

            if (expected > LIMIT_SENTENCE - 1)
                expected = LIMIT_SENTENCE - 1;
            else if (before + width <= LIMIT_SENTENCE - 1)
                expected = before + width;

            memset(text, 'x', before);
            memcpy(text + before, characters[i], width + 1);
            error_set(&error, ERROR_NOT_FOUND, "%s", text);
            assert_int_equal(strlen(error.text), expected);
            assert_memory_equal(error.text, text, expected);
            assert_true(dbus_validate_utf8(error.text, NULL));
        }
    }
}

static void test_set_mends_what_is_not_utf8(void **state)
{
    struct error error = {0};

    error_set(&error, ERROR_NOT_FOUND, "a%sb", "\xc3\xa4\xff\x80");
    assert_true(dbus_validate_utf8(error.text, NULL));
    assert_string_equal(error.text, "a????b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_code_has_its_name_both_ways),
        cmocka_unit_test(test_codes_out_of_range_have_a_name),
        cmocka_unit_test(test_foreign_names_are_none_of_ours),
        cmocka_unit_test(test_set_fills_and_returns_the_code),
        cmocka_unit_test(test_set_is_never_a_success),
        cmocka_unit_test(test_set_may_quote_its_own_text),
        cmocka_unit_test(test_set_cuts_between_characters),
        cmocka_unit_test(test_set_mends_what_is_not_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
