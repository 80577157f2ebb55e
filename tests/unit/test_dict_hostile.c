/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "broker1.h"
#include "dict_by_hand.h"
#include "caps.h"

static void test_unknown_key(void **state)
{
    struct hand hand = hand_begin();
    int fd = 1;

    hand_add_string(&hand, "person", "alice");
    hand_add_string(&hand, "persons", "bob");
    assert_login_refused(&hand, "The key \"persons\" of \"login\" is not known.");

    hand = hand_begin();
    hand_add_string(&hand, "", "");
    assert_login_refused(&hand, "The key \"\" of \"login\" is not known.");

    hand = hand_begin();
    hand_add_string(&hand, "\x1b[2J\xe2\x80\xae", "");
    assert_login_refused(&hand, "The key \"\\x1b[2J\\u{202E}\" of \"login\" is not known.");

    hand = hand_begin();
    hand_add(&hand, "cgroup_kill", "h", &fd);
    hand_add(&hand, "other_fd", "h", &fd);
    assert_login_refused(&hand, "The key \"other_fd\" of \"login\" is not known.");
}

static void test_long_unknown_key_is_cut(void **state)
{
    char key[100000], sentence[256];
    struct hand hand = hand_begin();

    memset(key, 'k', sizeof(key) - 1);
    key[sizeof(key) - 1] = '\0';
    hand_add_string(&hand, key, "");
    snprintf(sentence, sizeof(sentence), "The key \"%.79s\" of \"login\" is not known.", key);
    assert_login_refused(&hand, sentence);
}

static void test_doubled_keys(void **state)
{
    struct hand hand = hand_begin();
    dbus_uint32_t number = 1;
    int fd = 1;

    hand_add_string(&hand, "person", "alice");
    hand_add_string(&hand, "person", "alice");
    assert_login_refused(&hand, "The key \"person\" of \"login\" is there twice.");

    hand = hand_begin();
    hand_add(&hand, "pid", "u", &number);
    hand_add_string(&hand, "person", "alice");
    hand_add(&hand, "pid", "u", &number);
    assert_login_refused(&hand, "The key \"pid\" of \"login\" is there twice.");

    hand = hand_begin();
    hand_add(&hand, "cgroup_kill", "h", &fd);
    hand_add(&hand, "cgroup_kill", "h", &fd);
    assert_login_refused(&hand, "The key \"cgroup_kill\" of \"login\" is there twice.");
}

static void test_wrong_type_after_an_fd_leaves_nothing_open(void **state)
{
    struct hand hand = hand_begin();
    int fd = 1;

    hand_add(&hand, "cgroup_kill", "h", &fd);
    hand_add(&hand, "person", "u", &(dbus_uint32_t){0});
    assert_login_refused(&hand, "The key \"person\" of \"login\" has the wrong type.");
}

static void test_too_long_is_said_so(void **state)
{
    char text[LIMIT_TICKET + 2];
    struct hand hand = hand_begin();

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    hand_add_string(&hand, "ticket", text);
    assert_login_refused(&hand, "The key \"ticket\" of \"login\" is too long.");
}

static void test_bad_texts(void **state)
{
    static const char *const bad[] = {"a\nb", "\x1b[31m", "\x7f", "\xc2\x85", "\t"};
    static const char sentence[] =
        "The key \"reason\" of \"login\" has a control character or is not UTF-8.";

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct hand hand = hand_begin();

        hand_add_string(&hand, "reason", bad[i]);
        assert_login_refused(&hand, sentence);
    }
    for (size_t i = 1; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct hand hand = hand_begin();

        hand_add_string(&hand, "authinfo", bad[i]);
        assert_login_refused(
            &hand, "The key \"authinfo\" of \"login\" has a control character or is not UTF-8.");
    }
}

static void assert_states_refused(const char *element, const char *const *values, size_t count)
{
    struct hand hand = hand_begin();
    DBusMessage *message CLEANUP_MESSAGE = hand.message;
    struct broker1_filter filter;

    hand_add_strings(&hand, "state", element, values, count);
    hand_end(&hand);
    assert_int_equal(read_message(message, &broker1_filter_schema, &filter, NULL),
                     ERROR_INVALID_ARGUMENT);
    assert_int_equal(filter.state.count, 0);
    assert_null(filter.state.items[0]);
}

static void test_arrays_of_strings(void **state)
{
    const char *values[DICT_STRINGS_MAX + 1];
    char too_long[LIMIT_WORD + 2];
    struct hand hand = hand_begin();
    DBusMessage *message CLEANUP_MESSAGE = hand.message;
    struct broker1_filter filter;

    for (size_t i = 0; i < DICT_STRINGS_MAX + 1; i++)
        values[i] = "/pending";
    memset(too_long, 'x', sizeof(too_long) - 1);
    too_long[sizeof(too_long) - 1] = '\0';

    assert_states_refused("s", values, DICT_STRINGS_MAX + 1);
    assert_states_refused("o", values, 1);
    assert_states_refused("o", values, 0);
    values[1] = "a\nb";
    assert_states_refused("s", values, 2);
    values[1] = too_long;
    assert_states_refused("s", values, 2);
    too_long[LIMIT_WORD] = '\0';
    hand_add_strings(&hand, "state", "s", values, 2);
    hand_end(&hand);
    assert_int_equal(read_message(message, &broker1_filter_schema, &filter, NULL), 0);
    assert_int_equal(filter.state.count, 2);
}

/* A variant whose content is not basic. */
static DBusMessage *nested_message(const char *key, const char *content, const char *element)
{
    struct hand hand = hand_begin();
    DBusMessageIter entry, variant, inner;

    dbus_message_iter_open_container(&hand.array, DBUS_TYPE_DICT_ENTRY, NULL, &entry);
    dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &key);
    dbus_message_iter_open_container(&entry, DBUS_TYPE_VARIANT, content, &variant);
    dbus_message_iter_open_container(&variant, content[0], element, &inner);
    if (content[0] == DBUS_TYPE_VARIANT)
        dbus_message_iter_append_basic(&inner, DBUS_TYPE_STRING, &key);
    dbus_message_iter_close_container(&variant, &inner);
    dbus_message_iter_close_container(&entry, &variant);
    dbus_message_iter_close_container(&hand.array, &entry);
    hand_end(&hand);
    return hand.message;
}

static void test_containers_where_none_belong(void **state)
{
    static const struct {
        const char *content, *element;
    } cases[] = {{"v", "s"},    {"as", "s"},       {"au", "u"},
                 {"aas", "as"}, {"a{sv}", "{sv}"}, {"aa{sv}", "a{sv}"}};
    static const char *const keys[] = {"person", "id", "decisions", "sessions"};

    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++)
        for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
            DBusMessage *message CLEANUP_MESSAGE =
                nested_message(keys[k], cases[c].content, cases[c].element);
            struct broker1_checkout checkout;

            /* aa{sv} included: it is only written */
            assert_int_equal(read_message(message, &broker1_checkout_schema, &checkout, NULL),
                             ERROR_INVALID_ARGUMENT);
        }
}

static void test_what_is_no_dictionary(void **state)
{
    static const struct {
        const char *element;
    } arrays[] = {{"s"}, {"v"}, {"a{sv}"}, {"(sv)"}};
    struct gate1_login login;
    struct error error;

    for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++) {
        DBusMessage *message CLEANUP_MESSAGE = new_message();
        DBusMessageIter iter, array;

        dbus_message_iter_init_append(message, &iter);
        dbus_message_iter_open_container(&iter, DBUS_TYPE_ARRAY, arrays[i].element, &array);
        dbus_message_iter_close_container(&iter, &array);
        assert_int_equal(read_message(message, &gate1_login_schema, &login, &error),
                         ERROR_INVALID_ARGUMENT);
        assert_string_equal(error.text, "\"login\" is not a dictionary.");
        assert_login_blank(&login);
    }
    for (size_t i = 0; i < sizeof(basics) / sizeof(basics[0]); i++) {
        DBusMessage *message CLEANUP_MESSAGE = new_message();
        DBusMessageIter iter;

        dbus_message_iter_init_append(message, &iter);
        dbus_message_iter_append_basic(&iter, basics[i].type[0], &basics[i].value);
        assert_int_equal(read_message(message, &gate1_login_schema, &login, &error),
                         ERROR_INVALID_ARGUMENT);
        assert_string_equal(error.text, "\"login\" is not a dictionary.");
    }
}

static void test_an_empty_message_is_no_dictionary(void **state)
{
    DBusMessage *message CLEANUP_MESSAGE = new_message();
    struct gate1_login login;
    DBusMessageIter iter;

    assert_false(dbus_message_iter_init(message, &iter));
    assert_int_equal(dict_read(&iter, &gate1_login_schema, &login, NULL), ERROR_INVALID_ARGUMENT);
    assert_login_blank(&login);
}

static void test_dictionaries_with_other_keys_or_values(void **state)
{
    static const char *const shapes[] = {"{us}", "{ss}", "{uv}", "{hv}", "{sh}", "{sa{sv}}"};

    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        DBusMessage *message CLEANUP_MESSAGE = new_message();
        DBusMessageIter iter, array, entry, inner;
        struct gate1_login login;
        const char *text = "person";
        dbus_uint32_t number = 1;
        int fd = 1;

        dbus_message_iter_init_append(message, &iter);
        dbus_message_iter_open_container(&iter, DBUS_TYPE_ARRAY, shapes[i], &array);
        dbus_message_iter_open_container(&array, DBUS_TYPE_DICT_ENTRY, NULL, &entry);
        for (const char *type = shapes[i] + 1; *type != '}'; type++)
            if (*type == 's')
                dbus_message_iter_append_basic(&entry, *type, &text);
            else if (*type == 'u')
                dbus_message_iter_append_basic(&entry, *type, &number);
            else if (*type == 'h')
                dbus_message_iter_append_basic(&entry, *type, &fd);
            else {
                dbus_message_iter_open_container(&entry, *type, *type == 'v' ? "s" : "{sv}",
                                                 &inner);
                if (*type == 'v')
                    dbus_message_iter_append_basic(&inner, DBUS_TYPE_STRING, &text);
                dbus_message_iter_close_container(&entry, &inner);
                break;
            }
        dbus_message_iter_close_container(&array, &entry);
        dbus_message_iter_close_container(&iter, &array);

        assert_int_equal(read_message(message, &gate1_login_schema, &login, NULL),
                         ERROR_INVALID_ARGUMENT);
        assert_login_blank(&login);
    }
}

static void test_an_fd_that_did_not_come_along(void **state)
{
    /* the header's field UNIX_FDS (9) of type u */
    static const char field[] = {9, 1, 'u', 0, 1, 0, 0, 0};
    struct hand hand = hand_begin();
    DBusMessage *message CLEANUP_MESSAGE = hand.message;
    DBusMessage *forged CLEANUP_MESSAGE = NULL;
    char *bytes = NULL, *at;
    struct gate1_login login;
    struct error error;
    int length = 0, fd = 1;

    hand_add(&hand, "cgroup_kill", "h", &fd);
    hand_end(&hand);
    dbus_message_set_serial(message, 1);
    assert_true(dbus_message_marshal(message, &bytes, &length));
    at = memmem(bytes, (size_t)length, field, sizeof(field));
    assert_non_null(at);
    at[4] = 0;
    forged = dbus_message_demarshal(bytes, length, NULL);
    dbus_free(bytes);
    assert_non_null(forged);

    assert_int_equal(read_message(forged, &gate1_login_schema, &login, &error),
                     ERROR_INVALID_ARGUMENT);
    assert_string_equal(
        error.text,
        "The key \"cgroup_kill\" of \"login\" has no file descriptor that could be taken.");
    assert_login_blank(&login);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unknown_key),
        cmocka_unit_test(test_long_unknown_key_is_cut),
        cmocka_unit_test(test_doubled_keys),
        cmocka_unit_test(test_wrong_type_after_an_fd_leaves_nothing_open),
        cmocka_unit_test(test_too_long_is_said_so),
        cmocka_unit_test(test_bad_texts),
        cmocka_unit_test(test_arrays_of_strings),
        cmocka_unit_test(test_containers_where_none_belong),
        cmocka_unit_test(test_what_is_no_dictionary),
        cmocka_unit_test(test_an_empty_message_is_no_dictionary),
        cmocka_unit_test(test_dictionaries_with_other_keys_or_values),
        cmocka_unit_test(test_an_fd_that_did_not_come_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
