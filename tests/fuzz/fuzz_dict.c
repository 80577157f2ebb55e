/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz.h"

#include <fcntl.h>
#include <unistd.h>

#include "broker1.h"
#include "cleanup.h"
#include "dict.h"
#include "gate1.h"
#include "text.h"

/* An input that begins like a D-Bus message, with the byte for its byte order, is one: the bytes go
 * through libdbus's own parser. Of any other a well-formed message is made with keys, types and
 * values that the bytes choose; it is what comes behind that parser, file descriptors included. */

DEFINE_CLEANUP(DBusMessage *, message, dbus_message_unref);
#define CLEANUP_MESSAGE CLEANUP(cleanup_message)

static const struct dict_schema *const schemas[] = {
    &gate1_login_schema,
    &broker1_options_schema,
    &broker1_filter_schema,
    &broker1_checkout_schema,
};
#define N_SCHEMAS (sizeof(schemas) / sizeof(schemas[0]))

/* Large enough and aligned for each of them. */
union target {
    struct gate1_login login;
    struct broker1_options options;
    struct broker1_filter filter;
    struct broker1_checkout checkout;
};

/* ---- a message of bytes ---- */

struct bytes {
    const uint8_t *data;
    size_t size;
};

static uint8_t take(struct bytes *bytes)
{
    if (bytes->size == 0)
        return 0;
    bytes->size--;
    return *bytes->data++;
}

/* The next bytes as a string that libdbus takes: as many as the first of them says. */
static char *take_string(struct bytes *bytes)
{
    size_t length = take(bytes);
    char *string;

    if (length == 0xff)
        length = 64 * (size_t)take(bytes); /* long enough for the caps */
    if (length > bytes->size)
        length = bytes->size;
    string = fuzz_string(bytes->data, length);
    bytes->data += length;
    bytes->size -= length;
    if (!dbus_validate_utf8(string, NULL))
        for (char *byte = string; *byte; byte++)
            *byte &= 0x7f;
    return string;
}

static void append_value(DBusMessageIter *iter, const char *type, struct bytes *bytes)
{
    char *string CLEANUP_FREE = NULL;
    DBusMessageIter inner;
    dbus_bool_t boolean;
    uint64_t number = 0;
    int fd = STDERR_FILENO;
    const char *path = "/a", *element = type + 1;

    switch (type[0]) {
    case DBUS_TYPE_STRING:
        string = take_string(bytes);
        FUZZ_ASSERT(dbus_message_iter_append_basic(iter, type[0], &string));
        return;
    case DBUS_TYPE_OBJECT_PATH:
        FUZZ_ASSERT(dbus_message_iter_append_basic(iter, type[0], &path));
        return;
    case DBUS_TYPE_UNIX_FD:
        FUZZ_ASSERT(dbus_message_iter_append_basic(iter, type[0], &fd));
        return;
    case DBUS_TYPE_BOOLEAN:
        boolean = take(bytes) & 1;
        FUZZ_ASSERT(dbus_message_iter_append_basic(iter, type[0], &boolean));
        return;
    case DBUS_TYPE_VARIANT:
        FUZZ_ASSERT(dbus_message_iter_open_container(iter, type[0], "s", &inner));
        append_value(&inner, "s", bytes);
        FUZZ_ASSERT(dbus_message_iter_close_container(iter, &inner));
        return;
    case DBUS_TYPE_ARRAY:
        FUZZ_ASSERT(dbus_message_iter_open_container(iter, type[0], element, &inner));
        if (strchr("soub", element[0]))
            for (unsigned count = take(bytes) % 20; count > 0; count--)
                append_value(&inner, element, bytes);
        FUZZ_ASSERT(dbus_message_iter_close_container(iter, &inner));
        return;
    default:
        for (size_t i = 0; i < sizeof(number); i++)
            number = number << 8 | take(bytes);
        FUZZ_ASSERT(dbus_message_iter_append_basic(iter, type[0], &number));
    }
}

static DBusMessage *message_of_choices(struct bytes *bytes)
{
    static const char *const types[] = {"s", "u", "t",  "b",     "h",   "as", "aa{sv}", "y", "x",
                                        "o", "v", "ao", "a{sv}", "aas", "au", "ab",     "d"};
    const struct dict_schema *schema = schemas[take(bytes) % N_SCHEMAS];
    DBusMessage *message =
        dbus_message_new_method_call(NULL, GATE1_PATH, GATE1_INTERFACE, GATE1_ASK);
    DBusMessageIter iter, array;

    FUZZ_ASSERT(message);
    dbus_message_iter_init_append(message, &iter);
    FUZZ_ASSERT(dbus_message_iter_open_container(&iter, DBUS_TYPE_ARRAY, "{sv}", &array));
    while (bytes->size > 0) {
        uint8_t choice = take(bytes);
        const struct dict_field *field = &schema->fields[choice % schema->n_fields];
        char *foreign CLEANUP_FREE = choice == 0xff ? take_string(bytes) : NULL;
        const char *key = foreign ? foreign : field->key, *type = field->type;
        DBusMessageIter entry, variant;

        choice = take(bytes);
        if (choice & 0x80)
            type = types[choice % (sizeof(types) / sizeof(types[0]))];
        FUZZ_ASSERT(dbus_message_iter_open_container(&array, DBUS_TYPE_DICT_ENTRY, NULL, &entry));
        FUZZ_ASSERT(dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &key));
        FUZZ_ASSERT(dbus_message_iter_open_container(&entry, DBUS_TYPE_VARIANT, type, &variant));
        append_value(&variant, type, bytes);
        FUZZ_ASSERT(dbus_message_iter_close_container(&entry, &variant));
        FUZZ_ASSERT(dbus_message_iter_close_container(&array, &entry));
    }
    FUZZ_ASSERT(dbus_message_iter_close_container(&iter, &array));
    return message;
}

/* ---- what must hold ---- */

/* The lowest free file descriptor: another one than before means one was left open. */
static int lowest_free_fd(void)
{
    int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);

    FUZZ_ASSERT(fd >= 0);
    close(fd);
    return fd;
}

static void check_strings(const struct dict_schema *schema, const void *target)
{
    for (size_t i = 0; i < schema->n_fields; i++) {
        const struct dict_field *field = &schema->fields[i];
        const void *place = (const char *)target + field->offset;

        if (strcmp(field->type, "s") == 0) {
            const char *string = *(const char *const *)place;

            FUZZ_ASSERT(!string || (field->lines ? text_is_valid_lines(string, field->max)
                                                 : text_is_valid(string, field->max)));
        } else if (strcmp(field->type, "as") == 0) {
            const struct dict_strings *strings = place;

            FUZZ_ASSERT(strings->count <= DICT_STRINGS_MAX);
            for (size_t k = 0; k < strings->count; k++)
                FUZZ_ASSERT(text_is_valid(strings->items[k], field->max));
        }
    }
}

/* What was read can be written, reads again, and is written the same. */
static void check_there_and_back(const struct dict_schema *schema, const void *target)
{
    DBusMessage *messages[2] = {NULL, NULL};
    char *marshalled[2] = {NULL, NULL};
    int lengths[2] = {0, 0};
    union target again[2];

    memcpy(&again[0], target, schema->size);
    for (size_t i = 0; i < 2; i++) {
        DBusMessageIter iter;

        messages[i] = dbus_message_new_method_call(NULL, GATE1_PATH, GATE1_INTERFACE, GATE1_ASK);
        FUZZ_ASSERT(messages[i]);
        dbus_message_set_serial(messages[i], 1);
        dbus_message_iter_init_append(messages[i], &iter);
        FUZZ_ASSERT(dict_write(&iter, schema, &again[i]) == 0);
        FUZZ_ASSERT(dbus_message_marshal(messages[i], &marshalled[i], &lengths[i]));
        if (i == 0) {
            FUZZ_ASSERT(dbus_message_iter_init(messages[0], &iter));
            FUZZ_ASSERT(dict_read(&iter, schema, &again[1], NULL) == 0);
        }
    }
    FUZZ_ASSERT(lengths[0] == lengths[1]);
    FUZZ_ASSERT(memcmp(marshalled[0], marshalled[1], (size_t)lengths[0]) == 0);

    dict_release(schema, &again[1]); /* again[0] is the caller's */
    for (size_t i = 0; i < 2; i++) {
        dbus_free(marshalled[i]);
        dbus_message_unref(messages[i]);
    }
}

static void check_argument(DBusMessageIter *iter, const struct dict_schema *schema)
{
    int fd = lowest_free_fd();
    struct error error = {0};
    union target target;
    int r;

    memset(&target, 0x55, sizeof(target));
    r = dict_read(iter, schema, &target, &error);
    if (r == 0) {
        check_strings(schema, &target);
        check_there_and_back(schema, &target);
        dict_release(schema, &target);
    } else {
        FUZZ_ASSERT(r == ERROR_INVALID_ARGUMENT && error.code == ERROR_INVALID_ARGUMENT);
        FUZZ_ASSERT(text_is_valid(error.text, sizeof(error.text)));
    }
    FUZZ_ASSERT(lowest_free_fd() == fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes bytes = {data, size};
    DBusMessage *message CLEANUP_MESSAGE = NULL;
    DBusMessageIter iter;

    if (size > 0 && (data[0] == DBUS_LITTLE_ENDIAN || data[0] == DBUS_BIG_ENDIAN))
        message =
            size < INT32_MAX ? dbus_message_demarshal((const char *)data, (int)size, NULL) : NULL;
    else
        message = message_of_choices(&bytes);
    if (!message || !dbus_message_iter_init(message, &iter))
        return 0;

    do {
        for (size_t i = 0; i < N_SCHEMAS; i++)
            check_argument(&iter, schemas[i]);
    } while (dbus_message_iter_next(&iter));
    return 0;
}
