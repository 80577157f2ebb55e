/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dict.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

/* Room for a key in a message; a longer one is cut. */
#define KEY_SHOWN 80

static bool has_type(const struct dict_field *field, const char *type)
{
    return strcmp(field->type, type) == 0;
}

static void *member(const struct dict_field *field, void *target)
{
    return (char *)target + field->offset;
}

static const void *const_member(const struct dict_field *field, const void *source)
{
    return (const char *)source + field->offset;
}

static void blank(const struct dict_schema *schema, void *target)
{
    memset(target, 0, schema->size);
    for (size_t i = 0; i < schema->n_fields; i++)
        if (has_type(&schema->fields[i], "h"))
            *(int *)member(&schema->fields[i], target) = -1;
}

void dict_release(const struct dict_schema *schema, void *target)
{
    for (size_t i = 0; i < schema->n_fields; i++) {
        if (!has_type(&schema->fields[i], "h"))
            continue;
        int *fd = member(&schema->fields[i], target);
        if (*fd >= 0)
            close(*fd);
        *fd = -1;
    }
}

static int refuse(const struct dict_schema *schema, const char *key, const char *problem,
                  struct error *error)
{
    char shown[KEY_SHOWN];

    text_escape_to(shown, sizeof(shown), key);
    return error_set(error, ERROR_INVALID_ARGUMENT, "The key \"%s\" of \"%s\" %s.", shown,
                     schema->name, problem);
}

/* Reads the string that the iterator stands on. Returns NULL or what is wrong with it. */
static const char *read_string(DBusMessageIter *iter, const struct dict_field *field,
                               const char **ret_string)
{
    const char *string = NULL;

    dbus_message_iter_get_basic(iter, &string);
    if (strnlen(string, field->max) == field->max && string[field->max] != '\0')
        return "is too long";
    if (field->lines ? !text_is_valid_lines(string, field->max)
                     : !text_is_valid(string, field->max))
        return "has a control character or is not UTF-8";
    *ret_string = string;
    return NULL;
}

static const char *read_strings(DBusMessageIter *iter, const struct dict_field *field,
                                struct dict_strings *strings)
{
    DBusMessageIter item;

    if (dbus_message_iter_get_element_type(iter) != DBUS_TYPE_STRING)
        return "has the wrong type";
    dbus_message_iter_recurse(iter, &item);
    for (; dbus_message_iter_get_arg_type(&item) == DBUS_TYPE_STRING;
         dbus_message_iter_next(&item)) {
        const char *problem;

        if (strings->count == DICT_STRINGS_MAX)
            return "has too many entries";
        problem = read_string(&item, field, &strings->items[strings->count]);
        if (problem)
            return problem;
        strings->count++;
    }
    return NULL;
}

/* Reads one value, the content of its variant, into its member. Returns NULL or what is wrong. */
static const char *read_value(DBusMessageIter *value, const struct dict_field *field, void *target,
                              uint64_t *has)
{
    void *place = member(field, target);
    dbus_bool_t boolean = FALSE;

    /* Only an array's type has more than one character, and aa{sv} is only written. */
    if (dbus_message_iter_get_arg_type(value) != field->type[0] || has_type(field, "aa{sv}"))
        return "has the wrong type";

    switch (field->type[0]) {
    case DBUS_TYPE_STRING:
        return read_string(value, field, place);
    case DBUS_TYPE_ARRAY:
        return read_strings(value, field, place);
    case DBUS_TYPE_UNIX_FD:
        dbus_message_iter_get_basic(value, place); /* duplicates */
        return *(int *)place >= 0 ? NULL : "has no file descriptor that could be taken";
    case DBUS_TYPE_UINT32:
    case DBUS_TYPE_UINT64:
        dbus_message_iter_get_basic(value, place);
        break;
    case DBUS_TYPE_BOOLEAN:
        dbus_message_iter_get_basic(value, &boolean);
        *(bool *)place = boolean;
        break;
    default:
        return "has the wrong type";
    }
    *has |= UINT64_C(1) << field->bit;
    return NULL;
}

static int read_entry(DBusMessageIter *entry, const struct dict_schema *schema, void *target,
                      uint64_t *seen, struct error *error)
{
    uint64_t *has = (uint64_t *)((char *)target + schema->has_offset);
    const char *key = NULL, *problem = "is not known";
    DBusMessageIter value;

    if (dbus_message_iter_get_arg_type(entry) != DBUS_TYPE_STRING)
        return refuse(schema, "", "is not a string", error);
    dbus_message_iter_get_basic(entry, &key);
    if (!dbus_message_iter_next(entry) ||
        dbus_message_iter_get_arg_type(entry) != DBUS_TYPE_VARIANT)
        return refuse(schema, key, "has no variant", error);
    dbus_message_iter_recurse(entry, &value);

    for (size_t i = 0; i < schema->n_fields; i++) {
        if (strcmp(schema->fields[i].key, key) != 0)
            continue;
        if (*seen & UINT64_C(1) << i)
            return refuse(schema, key, "is there twice", error);
        *seen |= UINT64_C(1) << i;
        problem = read_value(&value, &schema->fields[i], target, has);
        break;
    }
    return problem ? refuse(schema, key, problem, error) : 0;
}

int dict_read(DBusMessageIter *iter, const struct dict_schema *schema, void *target,
              struct error *error)
{
    DBusMessageIter entries;
    uint64_t seen = 0;

    blank(schema, target);
    if (dbus_message_iter_get_arg_type(iter) != DBUS_TYPE_ARRAY ||
        dbus_message_iter_get_element_type(iter) != DBUS_TYPE_DICT_ENTRY)
        return error_set(error, ERROR_INVALID_ARGUMENT, "\"%s\" is not a dictionary.",
                         schema->name);

    dbus_message_iter_recurse(iter, &entries);
    for (; dbus_message_iter_get_arg_type(&entries) == DBUS_TYPE_DICT_ENTRY;
         dbus_message_iter_next(&entries)) {
        DBusMessageIter entry;
        int r;

        dbus_message_iter_recurse(&entries, &entry);
        r = read_entry(&entry, schema, target, &seen, error);
        if (r != 0) {
            dict_release(schema, target);
            blank(schema, target);
            return r;
        }
    }
    return 0;
}

static bool is_present(const struct dict_field *field, const struct dict_schema *schema,
                       const void *source)
{
    const void *place = const_member(field, source);

    if (has_type(field, "s"))
        return *(const char *const *)place != NULL;
    if (has_type(field, "h"))
        return *(const int *)place >= 0;
    if (has_type(field, "as"))
        return ((const struct dict_strings *)place)->count > 0;
    if (has_type(field, "aa{sv}"))
        return ((const struct dict_items *)place)->count > 0;
    return *(const uint64_t *)((const char *)source + schema->has_offset) & UINT64_C(1)
                                                                                << field->bit;
}

static bool is_writable_text(const char *text)
{
    return text && dbus_validate_utf8(text, NULL);
}

/* Everything that libdbus would abort on, found before the first byte is appended. */
static bool is_writable(const struct dict_schema *schema, const void *source)
{
    for (size_t i = 0; i < schema->n_fields; i++) {
        const struct dict_field *field = &schema->fields[i];
        const void *place = const_member(field, source);

        if (!is_present(field, schema, source))
            continue;
        if (has_type(field, "s") && !is_writable_text(*(const char *const *)place))
            return false;
        if (has_type(field, "h") && fcntl(*(const int *)place, F_GETFD) < 0)
            return false;
        if (has_type(field, "as")) {
            const struct dict_strings *strings = place;

            if (strings->count > DICT_STRINGS_MAX)
                return false;
            for (size_t k = 0; k < strings->count; k++)
                if (!is_writable_text(strings->items[k]))
                    return false;
        }
        if (has_type(field, "aa{sv}")) {
            const struct dict_items *items = place;

            for (size_t k = 0; k < items->count; k++)
                if (!is_writable(items->schema, (const char *)items->items + k * items->stride))
                    return false;
        }
    }
    return true;
}

static bool write_dict(DBusMessageIter *iter, const struct dict_schema *schema, const void *source);

static bool write_strings(DBusMessageIter *iter, const struct dict_strings *strings)
{
    DBusMessageIter array = DBUS_MESSAGE_ITER_INIT_CLOSED;

    if (!dbus_message_iter_open_container(iter, DBUS_TYPE_ARRAY, "s", &array))
        return false;
    for (size_t i = 0; i < strings->count; i++)
        if (!dbus_message_iter_append_basic(&array, DBUS_TYPE_STRING, &strings->items[i])) {
            dbus_message_iter_abandon_container(iter, &array);
            return false;
        }
    return dbus_message_iter_close_container(iter, &array);
}

static bool write_items(DBusMessageIter *iter, const struct dict_items *items)
{
    DBusMessageIter array = DBUS_MESSAGE_ITER_INIT_CLOSED;

    if (!dbus_message_iter_open_container(iter, DBUS_TYPE_ARRAY, "a{sv}", &array))
        return false;
    for (size_t i = 0; i < items->count; i++)
        if (!write_dict(&array, items->schema, (const char *)items->items + i * items->stride)) {
            dbus_message_iter_abandon_container(iter, &array);
            return false;
        }
    return dbus_message_iter_close_container(iter, &array);
}

static bool write_value(DBusMessageIter *variant, const struct dict_field *field,
                        const void *source)
{
    const void *place = const_member(field, source);
    dbus_bool_t boolean;

    if (has_type(field, "as"))
        return write_strings(variant, place);
    if (has_type(field, "aa{sv}"))
        return write_items(variant, place);
    if (has_type(field, "b")) {
        boolean = *(const bool *)place;
        place = &boolean;
    }
    return dbus_message_iter_append_basic(variant, field->type[0], place);
}

static bool write_entry(DBusMessageIter *array, const struct dict_field *field, const void *source)
{
    DBusMessageIter entry = DBUS_MESSAGE_ITER_INIT_CLOSED;
    DBusMessageIter variant = DBUS_MESSAGE_ITER_INIT_CLOSED;

    if (!dbus_message_iter_open_container(array, DBUS_TYPE_DICT_ENTRY, NULL, &entry))
        return false;
    if (dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &field->key) &&
        dbus_message_iter_open_container(&entry, DBUS_TYPE_VARIANT, field->type, &variant) &&
        write_value(&variant, field, source) && dbus_message_iter_close_container(&entry, &variant))
        return dbus_message_iter_close_container(array, &entry);

    dbus_message_iter_abandon_container_if_open(&entry, &variant);
    dbus_message_iter_abandon_container(array, &entry);
    return false;
}

static bool write_dict(DBusMessageIter *iter, const struct dict_schema *schema, const void *source)
{
    DBusMessageIter array = DBUS_MESSAGE_ITER_INIT_CLOSED;

    if (!dbus_message_iter_open_container(iter, DBUS_TYPE_ARRAY, "{sv}", &array))
        return false;
    for (size_t i = 0; i < schema->n_fields; i++)
        if (is_present(&schema->fields[i], schema, source) &&
            !write_entry(&array, &schema->fields[i], source)) {
            dbus_message_iter_abandon_container(iter, &array);
            return false;
        }
    return dbus_message_iter_close_container(iter, &array);
}

int dict_write(DBusMessageIter *iter, const struct dict_schema *schema, const void *source)
{
    if (!is_writable(schema, source))
        return -EINVAL;
    return write_dict(iter, schema, source) ? 0 : -ENOMEM;
}
