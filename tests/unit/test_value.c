/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <cmocka.h>

#include "cli/value.h"

DEFINE_CLEANUP(DBusMessage *, message, dbus_message_unref);
#define CLEANUP_MESSAGE CLEANUP(cleanup_message)

static DBusMessage *message_new(void)
{
    DBusMessage *message = dbus_message_new_method_call("a.b", "/", "a.b", "C");

    assert_non_null(message);
    return message;
}

static int convert(DBusMessage *message, json_t **ret_value)
{
    DBusMessageIter iter;

    assert_true(dbus_message_iter_init(message, &iter));
    return value_from_dbus(&iter, ret_value);
}

static void append_entry(DBusMessageIter *dict, const char *key, int type, const char *signature,
                         const void *value)
{
    DBusMessageIter entry, variant;

    assert_true(dbus_message_iter_open_container(dict, DBUS_TYPE_DICT_ENTRY, NULL, &entry));
    assert_true(dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &key));
    assert_true(dbus_message_iter_open_container(&entry, DBUS_TYPE_VARIANT, signature, &variant));
    assert_true(dbus_message_iter_append_basic(&variant, type, value));
    assert_true(dbus_message_iter_close_container(&entry, &variant));
    assert_true(dbus_message_iter_close_container(dict, &entry));
}

static void test_every_type(void **state)
{
    CLEANUP_MESSAGE DBusMessage *message = message_new();
    CLEANUP_JSON json_t *value = NULL;
    DBusMessageIter iter, dict;
    unsigned char byte = 255;
    dbus_int16_t small = -2;
    dbus_uint16_t usmall = 65535;
    dbus_int32_t middle = -3;
    dbus_uint32_t umiddle = UINT32_MAX;
    dbus_int64_t large = INT64_MIN;
    dbus_uint64_t ularge = INT64_MAX;
    dbus_bool_t yes = TRUE;
    const char *text = "ü \"\\";

    dbus_message_iter_init_append(message, &iter);
    dbus_message_iter_open_container(&iter, DBUS_TYPE_ARRAY, "{sv}", &dict);
    append_entry(&dict, "y", DBUS_TYPE_BYTE, "y", &byte);
    append_entry(&dict, "n", DBUS_TYPE_INT16, "n", &small);
    append_entry(&dict, "q", DBUS_TYPE_UINT16, "q", &usmall);
    append_entry(&dict, "i", DBUS_TYPE_INT32, "i", &middle);
    append_entry(&dict, "u", DBUS_TYPE_UINT32, "u", &umiddle);
    append_entry(&dict, "x", DBUS_TYPE_INT64, "x", &large);
    append_entry(&dict, "t", DBUS_TYPE_UINT64, "t", &ularge);
    append_entry(&dict, "b", DBUS_TYPE_BOOLEAN, "b", &yes);
    append_entry(&dict, "s", DBUS_TYPE_STRING, "s", &text);
    dbus_message_iter_close_container(&iter, &dict);

    assert_int_equal(convert(message, &value), 0);
    CLEANUP_FREE char *dump = json_dumps(value, JSON_COMPACT | JSON_ENSURE_ASCII);
    assert_string_equal(dump, "{\"y\":255,\"n\":-2,\"q\":65535,\"i\":-3,\"u\":4294967295,"
                              "\"x\":-9223372036854775808,\"t\":9223372036854775807,\"b\":true,"
                              "\"s\":\"\\u00FC \\\"\\\\\"}");
    assert_string_equal(value_text(value, "s"), text);
    assert_null(value_text(value, "t"));
    assert_null(value_text(value, "none"));
    assert_int_equal(value_number(value, "t"), INT64_MAX);
    assert_int_equal(value_number(value, "x"), 0);
    assert_int_equal(value_number(value, "s"), 0);
}

static void refused(int type, const char *signature, const void *basic, int expected)
{
    CLEANUP_MESSAGE DBusMessage *message = message_new();
    DBusMessageIter iter, dict;
    json_t *value = NULL;

    dbus_message_iter_init_append(message, &iter);
    dbus_message_iter_open_container(&iter, DBUS_TYPE_ARRAY, "{sv}", &dict);
    append_entry(&dict, "key", type, signature, basic);
    dbus_message_iter_close_container(&iter, &dict);
    assert_int_equal(convert(message, &value), expected);
    assert_null(value);
}

static void test_what_has_no_place(void **state)
{
    double fraction = 1.5;
    const char *path = "/";
    dbus_uint64_t large = (uint64_t)INT64_MAX + 1;

    refused(DBUS_TYPE_DOUBLE, "d", &fraction, -EINVAL);
    refused(DBUS_TYPE_OBJECT_PATH, "o", &path, -EINVAL);
    refused(DBUS_TYPE_UINT64, "t", &large, -ERANGE);
}

static void test_a_key_twice(void **state)
{
    CLEANUP_MESSAGE DBusMessage *message = message_new();
    DBusMessageIter iter, dict;
    json_t *value = NULL;
    dbus_uint32_t number = 1;

    dbus_message_iter_init_append(message, &iter);
    dbus_message_iter_open_container(&iter, DBUS_TYPE_ARRAY, "{sv}", &dict);
    append_entry(&dict, "id", DBUS_TYPE_UINT32, "u", &number);
    append_entry(&dict, "id", DBUS_TYPE_UINT32, "u", &number);
    dbus_message_iter_close_container(&iter, &dict);
    assert_int_equal(convert(message, &value), -EINVAL);
    assert_null(value);
}

/* Variants in variants, as deep as libdbus lets them be. */
static void test_too_deep(void **state)
{
    CLEANUP_MESSAGE DBusMessage *message = message_new();
    DBusMessageIter iters[32];
    json_t *value = NULL;
    dbus_uint32_t number = 1;
    size_t depth = sizeof(iters) / sizeof(*iters) - 1;

    dbus_message_iter_init_append(message, &iters[0]);
    for (size_t i = 0; i < depth; i++)
        assert_true(dbus_message_iter_open_container(&iters[i], DBUS_TYPE_VARIANT,
                                                     i + 1 < depth ? "v" : "u", &iters[i + 1]));
    assert_true(dbus_message_iter_append_basic(&iters[depth], DBUS_TYPE_UINT32, &number));
    for (size_t i = depth; i > 0; i--)
        assert_true(dbus_message_iter_close_container(&iters[i - 1], &iters[i]));
    assert_int_equal(convert(message, &value), -EINVAL);
    assert_null(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_type),
        cmocka_unit_test(test_what_has_no_place),
        cmocka_unit_test(test_a_key_twice),
        cmocka_unit_test(test_too_deep),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
