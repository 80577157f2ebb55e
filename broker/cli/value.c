/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/value.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

/* Deeper than anything the broker says; libdbus itself allows 64 levels. */
#define VALUE_DEPTH_MAX 8

static int value_convert(DBusMessageIter *iter, int depth, json_t **ret_value);

static int integer_from_dbus(DBusMessageIter *iter, int type, json_t **ret_value)
{
    DBusBasicValue basic = {.u64 = 0};
    json_int_t number;

    dbus_message_iter_get_basic(iter, &basic);
    switch (type) {
    case DBUS_TYPE_BYTE:
        number = basic.byt;
        break;
    case DBUS_TYPE_INT16:
        number = basic.i16;
        break;
    case DBUS_TYPE_UINT16:
        number = basic.u16;
        break;
    case DBUS_TYPE_INT32:
        number = basic.i32;
        break;
    case DBUS_TYPE_UINT32:
        number = basic.u32;
        break;
    case DBUS_TYPE_INT64:
        number = basic.i64;
        break;
    case DBUS_TYPE_UINT64:
        if (basic.u64 > INT64_MAX)
            return -ERANGE;
        number = (json_int_t)basic.u64;
        break;
    default:
        return -EINVAL;
    }
    *ret_value = json_integer(number);
    return *ret_value ? 0 : -ENOMEM;
}

static int dict_from_dbus(DBusMessageIter *entries, int depth, json_t **ret_value)
{
    CLEANUP_JSON json_t *object = json_object();

    if (!object)
        return -ENOMEM;
    for (; dbus_message_iter_get_arg_type(entries) == DBUS_TYPE_DICT_ENTRY;
         dbus_message_iter_next(entries)) {
        DBusMessageIter entry;
        const char *key = NULL;
        json_t *value = NULL;
        int r;

        dbus_message_iter_recurse(entries, &entry);
        if (dbus_message_iter_get_arg_type(&entry) != DBUS_TYPE_STRING)
            return -EINVAL;
        dbus_message_iter_get_basic(&entry, &key);
        dbus_message_iter_next(&entry);
        r = value_convert(&entry, depth + 1, &value);
        if (r < 0)
            return r;
        /* Takes the value in any case. A doubled key would let one hide behind the other. */
        if (json_object_get(object, key)) {
            json_decref(value);
            return -EINVAL;
        }
        if (json_object_set_new(object, key, value) < 0)
            return -ENOMEM;
    }
    *ret_value = TAKE_PTR(object);
    return 0;
}

static int array_from_dbus(DBusMessageIter *items, int depth, json_t **ret_value)
{
    CLEANUP_JSON json_t *array = json_array();

    if (!array)
        return -ENOMEM;
    for (; dbus_message_iter_get_arg_type(items) != DBUS_TYPE_INVALID;
         dbus_message_iter_next(items)) {
        json_t *value = NULL;
        int r = value_convert(items, depth + 1, &value);

        if (r < 0)
            return r;
        if (json_array_append_new(array, value) < 0)
            return -ENOMEM;
    }
    *ret_value = TAKE_PTR(array);
    return 0;
}

static int value_convert(DBusMessageIter *iter, int depth, json_t **ret_value)
{
    int type = dbus_message_iter_get_arg_type(iter);
    DBusMessageIter inner;

    if (depth > VALUE_DEPTH_MAX)
        return -EINVAL;

    switch (type) {
    case DBUS_TYPE_STRING: {
        const char *text = NULL;

        dbus_message_iter_get_basic(iter, &text);
        *ret_value = json_string(text);
        return *ret_value ? 0 : -ENOMEM;
    }
    case DBUS_TYPE_BOOLEAN: {
        dbus_bool_t boolean = FALSE;

        dbus_message_iter_get_basic(iter, &boolean);
        *ret_value = json_boolean(boolean);
        return 0;
    }
    case DBUS_TYPE_VARIANT:
        dbus_message_iter_recurse(iter, &inner);
        return value_convert(&inner, depth + 1, ret_value);
    case DBUS_TYPE_ARRAY: {
        bool is_dict = dbus_message_iter_get_element_type(iter) == DBUS_TYPE_DICT_ENTRY;

        dbus_message_iter_recurse(iter, &inner);
        return is_dict ? dict_from_dbus(&inner, depth, ret_value)
                       : array_from_dbus(&inner, depth, ret_value);
    }
    default:
        return integer_from_dbus(iter, type, ret_value);
    }
}

int value_from_dbus(DBusMessageIter *iter, json_t **ret_value)
{
    json_t *value = NULL;
    int r = value_convert(iter, 0, &value);

    if (r < 0)
        return r;
    *ret_value = value;
    return 0;
}

const char *value_text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

uint64_t value_number(const json_t *object, const char *key)
{
    json_int_t number = json_integer_value(json_object_get(object, key));

    return number > 0 ? (uint64_t)number : 0;
}
