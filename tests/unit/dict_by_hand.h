/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Dictionaries put together by hand, as a hostile peer would, for the tests of dict.c. After the
 * headers that cmocka.h wants before it. */

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <dbus/dbus.h>

#include "cleanup.h"
#include "dict.h"
#include "gate1.h"

DEFINE_CLEANUP(DBusMessage *, message, dbus_message_unref);
#define CLEANUP_MESSAGE CLEANUP(cleanup_message)

static inline DBusMessage *new_message(void)
{
    DBusMessage *message =
        dbus_message_new_method_call(NULL, GATE1_PATH, GATE1_INTERFACE, GATE1_ASK);

    assert_non_null(message);
    return message;
}

static inline size_t count_fds(void)
{
    DIR *folder = opendir("/proc/self/fd");
    size_t count = 0;

    assert_non_null(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

struct hand {
    DBusMessage *message;
    DBusMessageIter iter, array;
};

static inline struct hand hand_begin(void)
{
    struct hand hand = {.message = new_message()};

    dbus_message_iter_init_append(hand.message, &hand.iter);
    dbus_message_iter_open_container(&hand.iter, DBUS_TYPE_ARRAY, "{sv}", &hand.array);
    return hand;
}

/* `type` is a basic one. */
static inline void hand_add(struct hand *hand, const char *key, const char *type, const void *value)
{
    DBusMessageIter entry, variant;

    dbus_message_iter_open_container(&hand->array, DBUS_TYPE_DICT_ENTRY, NULL, &entry);
    dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &key);
    dbus_message_iter_open_container(&entry, DBUS_TYPE_VARIANT, type, &variant);
    assert_true(dbus_message_iter_append_basic(&variant, type[0], value));
    dbus_message_iter_close_container(&entry, &variant);
    dbus_message_iter_close_container(&hand->array, &entry);
}

static inline void hand_add_string(struct hand *hand, const char *key, const char *value)
{
    hand_add(hand, key, "s", &value);
}

static inline void hand_add_strings(struct hand *hand, const char *key, const char *element,
                                    const char *const *values, size_t count)
{
    char type[] = {'a', element[0], '\0'};
    DBusMessageIter entry, variant, strings;

    dbus_message_iter_open_container(&hand->array, DBUS_TYPE_DICT_ENTRY, NULL, &entry);
    dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &key);
    dbus_message_iter_open_container(&entry, DBUS_TYPE_VARIANT, type, &variant);
    dbus_message_iter_open_container(&variant, DBUS_TYPE_ARRAY, element, &strings);
    for (size_t i = 0; i < count; i++)
        dbus_message_iter_append_basic(&strings, element[0], &values[i]);
    dbus_message_iter_close_container(&variant, &strings);
    dbus_message_iter_close_container(&entry, &variant);
    dbus_message_iter_close_container(&hand->array, &entry);
}

static inline void hand_end(struct hand *hand)
{
    dbus_message_iter_close_container(&hand->iter, &hand->array);
}

static inline int read_message(DBusMessage *message, const struct dict_schema *schema, void *target,
                               struct error *error)
{
    DBusMessageIter iter;

    assert_true(dbus_message_iter_init(message, &iter));
    return dict_read(&iter, schema, target, error);
}

static inline void assert_login_blank(const struct gate1_login *login)
{
    struct gate1_login expected;

    memset(&expected, 0, sizeof(expected));
    expected.cgroup_kill = -1;
    assert_memory_equal(login, &expected, sizeof(expected));
}

/* Reads as a login, expects a refusal with this sentence and nothing left behind; frees. */
static inline void assert_login_refused(struct hand *hand, const char *sentence)
{
    DBusMessage *message CLEANUP_MESSAGE = hand->message;
    struct error error = {0};
    struct gate1_login login;
    size_t fds = count_fds();

    hand_end(hand);
    memset(&login, 0x55, sizeof(login));
    assert_int_equal(read_message(message, &gate1_login_schema, &login, &error),
                     ERROR_INVALID_ARGUMENT);
    assert_int_equal(error.code, ERROR_INVALID_ARGUMENT);
    assert_string_equal(error.text, sentence);
    assert_login_blank(&login);
    assert_int_equal(count_fds(), fds);
    assert_int_equal(read_message(message, &gate1_login_schema, &login, NULL),
                     ERROR_INVALID_ARGUMENT);
}

/* One value of every basic type, each valid as itself. */
static const struct {
    const char *type;
    union {
        const char *string;
        dbus_uint64_t number;
        double real;
        int fd;
    } value;
} basics[] = {
    {"s", {.string = "text"}}, {"o", {.string = "/path"}}, {"g", {.string = "a{sv}"}},
    {"y", {.number = 0}},      {"b", {.number = 0}},       {"n", {.number = 0}},
    {"q", {.number = 0}},      {"i", {.number = 0}},       {"u", {.number = 0}},
    {"x", {.number = 0}},      {"t", {.number = 0}},       {"d", {.real = 0}},
    {"h", {.fd = 1}},
};
