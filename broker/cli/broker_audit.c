/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "cli/broker.h"

DEFINE_CLEANUP(DBusMessage *, message, dbus_message_unref);
#define CLEANUP_MESSAGE CLEANUP(cleanup_message)

static int odd(struct failure *failure, const char *what)
{
    return failure_set(failure, EXIT_NO_BROKER, "BadAnswer",
                       "the broker's answer cannot be understood (%s); is it of another version "
                       "than checkoutctl?",
                       what);
}

/* Makes the call and converts the array that answers it. */
static int read_page(struct client *client, DBusMessage *call, json_t **ret_rows,
                     struct failure *failure)
{
    CLEANUP_MESSAGE DBusMessage *reply = NULL;
    DBusMessageIter iter;
    int r = client_call(client, CLIENT_READ, call, "aa{sv}", &reply, failure);

    if (r != 0)
        return r;
    dbus_message_iter_init(reply, &iter);
    r = value_from_dbus(&iter, ret_rows);
    if (r == -ENOMEM)
        return failure_no_memory(failure);
    return r < 0 ? odd(failure, "a value of a type that has no place in it") : 0;
}

static int audit_page(struct client *client, uint64_t id, uint64_t after, uint32_t limit,
                      json_t **ret_rows, struct failure *failure)
{
    CLEANUP_MESSAGE DBusMessage *call = dbus_message_new_method_call(
        BROKER1_INTERFACE, BROKER1_PATH, BROKER1_INTERFACE, id ? BROKER1_TRAIL : BROKER1_AUDIT);
    dbus_uint64_t number = id, from = after;
    dbus_uint32_t most = limit;

    if (!call ||
        (id && !dbus_message_append_args(call, DBUS_TYPE_UINT64, &number, DBUS_TYPE_INVALID)) ||
        !dbus_message_append_args(call, DBUS_TYPE_UINT64, &from, DBUS_TYPE_UINT32, &most,
                                  DBUS_TYPE_INVALID))
        return failure_no_memory(failure);
    return read_page(client, call, ret_rows, failure);
}

/* Hands on a page whose rows are numbered by that key, in ascending order. */
static int hand_on(json_t *rows, const char *key, uint64_t *after, broker_each_record each,
                   void *userdata, struct failure *failure)
{
    json_t *row;
    size_t i;

    json_array_foreach (rows, i, row) {
        uint64_t number = value_number(row, key);
        int r;

        if (number <= *after)
            return odd(failure, "what it lists is not in order");
        *after = number;
        r = each(row, userdata);
        if (r != 0)
            return r;
    }
    return 0;
}

int broker_audit(struct client *client, uint64_t id, uint64_t *after, broker_each_record each,
                 void *userdata, struct failure *failure)
{
    for (;;) {
        CLEANUP_JSON json_t *rows = NULL;
        int r = audit_page(client, id, *after, LIMIT_TRAIL_ROWS, &rows, failure);

        if (r == 0)
            r = hand_on(rows, "seq", after, each, userdata, failure);
        if (r != 0 || json_array_size(rows) == 0)
            return r;
    }
}

/* The time of the first record behind that one; false where there is none. */
static int look_behind(struct client *client, uint64_t after, bool *ret_found, uint64_t *ret_time,
                       struct failure *failure)
{
    CLEANUP_JSON json_t *rows = NULL;
    int r = audit_page(client, 0, after, 1, &rows, failure);

    if (r != 0)
        return r;
    *ret_found = json_array_size(rows) > 0;
    *ret_time = value_number(json_array_get(rows, 0), "time");
    return 0;
}

int broker_audit_since(struct client *client, uint64_t time, uint64_t *ret_seq,
                       struct failure *failure)
{
    /* Behind `low` are older ones or the one that is looked for, behind `high` newer ones or none.
     */
    uint64_t low = 0, high = 1, at = 0;
    bool found = true;
    int r;

    for (;; high *= 2) {
        r = look_behind(client, high, &found, &at, failure);
        if (r != 0)
            return r;
        if (!found || at >= time)
            break;
        low = high;
    }
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;

        r = look_behind(client, middle, &found, &at, failure);
        if (r != 0)
            return r;
        if (!found || at >= time)
            high = middle;
        else
            low = middle + 1;
    }
    /* The first record of all is behind 0. */
    *ret_seq = low + 1;
    return 0;
}

int broker_rows(struct client *client, const char *table, broker_each_record each, void *userdata,
                struct failure *failure)
{
    uint64_t after = 0;

    for (;;) {
        CLEANUP_MESSAGE DBusMessage *call = dbus_message_new_method_call(
            BROKER1_INTERFACE, BROKER1_PATH, BROKER1_INTERFACE, BROKER1_ROWS);
        CLEANUP_JSON json_t *rows = NULL;
        dbus_uint64_t from = after;
        dbus_uint32_t limit = LIMIT_TRAIL_ROWS;
        int r;

        if (!call || !dbus_message_append_args(call, DBUS_TYPE_STRING, &table, DBUS_TYPE_UINT64,
                                               &from, DBUS_TYPE_UINT32, &limit, DBUS_TYPE_INVALID))
            return failure_no_memory(failure);
        r = read_page(client, call, &rows, failure);
        if (r == 0)
            r = hand_on(rows, "number", &after, each, userdata, failure);
        if (r != 0 || json_array_size(rows) == 0)
            return r;
    }
}

int broker_policy(struct client *client, const char *digest, char **ret_text,
                  struct failure *failure)
{
    CLEANUP_MESSAGE DBusMessage *call = dbus_message_new_method_call(
        BROKER1_INTERFACE, BROKER1_PATH, BROKER1_INTERFACE, BROKER1_POLICY);
    CLEANUP_MESSAGE DBusMessage *reply = NULL;
    const char *text = NULL;
    char *copy;
    int r;

    if (!call || !dbus_message_append_args(call, DBUS_TYPE_STRING, &digest, DBUS_TYPE_INVALID))
        return failure_no_memory(failure);
    r = client_call(client, CLIENT_READ, call, BROKER1_POLICY_OUT, &reply, failure);
    if (r != 0)
        return r;
    dbus_message_get_args(reply, NULL, DBUS_TYPE_STRING, &text, DBUS_TYPE_INVALID);
    copy = strdup(text);
    if (!copy)
        return failure_no_memory(failure);
    *ret_text = copy;
    return 0;
}
