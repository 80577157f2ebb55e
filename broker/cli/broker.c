/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/broker.h"

#include <errno.h>
#include <inttypes.h>

#include "dict.h"

DEFINE_CLEANUP(DBusMessage *, message, dbus_message_unref);
#define CLEANUP_MESSAGE CLEANUP(cleanup_message)

static DBusMessage *broker_call_new(const char *method)
{
    return dbus_message_new_method_call(BROKER1_INTERFACE, BROKER1_PATH, BROKER1_INTERFACE, method);
}

/* What the broker says it was not asked: nothing to be done about but to tell. */
static int broker_odd(struct failure *failure, const char *what)
{
    return failure_set(
        failure, EXIT_NO_BROKER, "BadAnswer",
        "the broker's answer cannot be understood (%s); is it of another version than "
        "checkoutctl?",
        what);
}

static int append_dict(DBusMessage *call, const struct dict_schema *schema, const void *source,
                       struct failure *failure)
{
    DBusMessageIter iter;

    dbus_message_iter_init_append(call, &iter);
    switch (dict_write(&iter, schema, source)) {
    case 0:
        return 0;
    case -EINVAL:
        return failure_set(failure, EXIT_USAGE, "Usage",
                           "a text is not UTF-8, or has control characters; nothing was sent");
    default:
        return failure_no_memory(failure);
    }
}

/* A call that files something and answers with its number. */
static int file_call(struct client *client, DBusMessage *call, uint64_t *ret_id,
                     struct failure *failure)
{
    CLEANUP_MESSAGE DBusMessage *reply = NULL;
    dbus_uint64_t id = 0;
    int r = client_call(client, CLIENT_WRITE, call, BROKER1_REQUEST_OUT, &reply, failure);

    if (r != 0)
        return r;
    dbus_message_get_args(reply, NULL, DBUS_TYPE_UINT64, &id, DBUS_TYPE_INVALID);
    *ret_id = id;
    return 0;
}

int broker_request(struct client *client, const char *account,
                   const struct broker1_options *options, uint64_t *ret_id, struct failure *failure)
{
    CLEANUP_MESSAGE DBusMessage *call = broker_call_new(BROKER1_REQUEST);
    int r;

    if (!call || !dbus_message_append_args(call, DBUS_TYPE_STRING, &account, DBUS_TYPE_INVALID))
        return failure_no_memory(failure);
    r = append_dict(call, &broker1_options_schema, options, failure);
    return r != 0 ? r : file_call(client, call, ret_id, failure);
}

int broker_grant(struct client *client, const char *person, const char *account,
                 const struct broker1_options *options, uint64_t *ret_id, struct failure *failure)
{
    CLEANUP_MESSAGE DBusMessage *call = broker_call_new(BROKER1_GRANT);
    int r;

    if (!call || !dbus_message_append_args(call, DBUS_TYPE_STRING, &person, DBUS_TYPE_STRING,
                                           &account, DBUS_TYPE_INVALID))
        return failure_no_memory(failure);
    r = append_dict(call, &broker1_options_schema, options, failure);
    return r != 0 ? r : file_call(client, call, ret_id, failure);
}

int broker_extend(struct client *client, uint64_t id, uint64_t seconds, const char *reason,
                  uint64_t *ret_id, struct failure *failure)
{
    CLEANUP_MESSAGE DBusMessage *call = broker_call_new(BROKER1_EXTEND);

    if (!call || !dbus_message_append_args(call, DBUS_TYPE_UINT64, &id, DBUS_TYPE_UINT64, &seconds,
                                           DBUS_TYPE_STRING, &reason, DBUS_TYPE_INVALID))
        return failure_no_memory(failure);
    return file_call(client, call, ret_id, failure);
}

int broker_reload(struct client *client, struct failure *failure)
{
    CLEANUP_MESSAGE DBusMessage *call = broker_call_new(BROKER1_RELOAD);

    if (!call)
        return failure_no_memory(failure);
    return client_call(client, CLIENT_WRITE, call, BROKER1_RELOAD_OUT, NULL, failure);
}

int broker_approve(struct client *client, uint64_t id, const struct broker1_approval *approval,
                   struct failure *failure)
{
    CLEANUP_MESSAGE DBusMessage *call = broker_call_new(BROKER1_APPROVE);
    int r;

    if (!call || !dbus_message_append_args(call, DBUS_TYPE_UINT64, &id, DBUS_TYPE_INVALID))
        return failure_no_memory(failure);
    r = append_dict(call, &broker1_approval_schema, approval, failure);
    if (r != 0)
        return r;
    return client_call(client, CLIENT_WRITE, call, BROKER1_APPROVE_OUT, NULL, failure);
}

/* A call with an id and, if there is one, a reason. */
static int simple_write(struct client *client, const char *method, uint64_t id, const char *reason,
                        struct failure *failure)
{
    CLEANUP_MESSAGE DBusMessage *call = broker_call_new(method);

    if (!call || !dbus_message_append_args(call, DBUS_TYPE_UINT64, &id, DBUS_TYPE_INVALID) ||
        (reason && !dbus_message_append_args(call, DBUS_TYPE_STRING, &reason, DBUS_TYPE_INVALID)))
        return failure_no_memory(failure);
    return client_call(client, CLIENT_WRITE, call, "", NULL, failure);
}

int broker_deny(struct client *client, uint64_t id, const char *reason, struct failure *failure)
{
    return simple_write(client, BROKER1_DENY, id, reason, failure);
}

int broker_revoke(struct client *client, uint64_t id, const char *reason, struct failure *failure)
{
    return simple_write(client, BROKER1_REVOKE, id, reason, failure);
}

int broker_cancel(struct client *client, uint64_t id, struct failure *failure)
{
    return simple_write(client, BROKER1_CANCEL, id, NULL, failure);
}

int broker_check_in(struct client *client, uint64_t id, struct failure *failure)
{
    return simple_write(client, BROKER1_CHECK_IN, id, NULL, failure);
}

/* Makes the call and converts the one value of its answer. */
static int read_call(struct client *client, DBusMessage *call, const char *signature,
                     json_t **ret_value, struct failure *failure)
{
    CLEANUP_MESSAGE DBusMessage *reply = NULL;
    DBusMessageIter iter;
    int r = client_call(client, CLIENT_READ, call, signature, &reply, failure);

    if (r != 0)
        return r;
    dbus_message_iter_init(reply, &iter);
    switch (value_from_dbus(&iter, ret_value)) {
    case 0:
        return 0;
    case -ENOMEM:
        return failure_no_memory(failure);
    case -ERANGE:
        return broker_odd(failure, "a number is too large");
    default:
        return broker_odd(failure, "a value of a type that has no place in it");
    }
}

int broker_get(struct client *client, uint64_t id, json_t **ret_checkout, struct failure *failure)
{
    CLEANUP_MESSAGE DBusMessage *call = broker_call_new(BROKER1_GET);
    CLEANUP_JSON json_t *checkout = NULL;
    int r;

    if (!call || !dbus_message_append_args(call, DBUS_TYPE_UINT64, &id, DBUS_TYPE_INVALID))
        return failure_no_memory(failure);
    r = read_call(client, call, BROKER1_GET_OUT, &checkout, failure);
    if (r != 0)
        return r;
    if (value_number(checkout, "id") != id)
        return broker_odd(failure, "it is about another request");
    *ret_checkout = TAKE_PTR(checkout);
    return 0;
}

int broker_explain(struct client *client, const struct broker1_question *question,
                   json_t **ret_explanation, struct failure *failure)
{
    CLEANUP_MESSAGE DBusMessage *call = broker_call_new(BROKER1_EXPLAIN);
    int r;

    if (!call)
        return failure_no_memory(failure);
    r = append_dict(call, &broker1_question_schema, question, failure);
    if (r != 0)
        return r;
    return read_call(client, call, BROKER1_EXPLAIN_OUT, ret_explanation, failure);
}

static int list_page(struct client *client, const struct broker1_filter *filter, json_t **ret_rows,
                     struct failure *failure)
{
    CLEANUP_MESSAGE DBusMessage *call = broker_call_new(BROKER1_LIST);
    int r;

    if (!call)
        return failure_no_memory(failure);
    r = append_dict(call, &broker1_filter_schema, filter, failure);
    if (r != 0)
        return r;
    return read_call(client, call, BROKER1_LIST_OUT, ret_rows, failure);
}

int broker_list(struct client *client, const struct broker1_filter *filter, broker_each each,
                void *userdata, struct failure *failure)
{
    struct broker1_filter page = *filter;

    page.limit = LIMIT_LIST_ROWS;
    page.has |= BROKER1_FILTER_HAS_LIMIT;
    for (;;) {
        CLEANUP_JSON json_t *rows = NULL;
        json_t *row;
        size_t i;
        int r = list_page(client, &page, &rows, failure);

        if (r != 0)
            return r;
        /* A short page need not be the last one. */
        if (json_array_size(rows) == 0)
            return 0;
        json_array_foreach (rows, i, row) {
            uint64_t id = value_number(row, "id");

            if (id == 0 || ((page.has & BROKER1_FILTER_HAS_AFTER) && id <= page.after))
                return broker_odd(failure, "the list is not in order");
            page.after = id;
            page.has |= BROKER1_FILTER_HAS_AFTER;
            r = each(row, userdata);
            if (r != 0)
                return r;
        }
    }
}

static int sessions_page(struct client *client, const struct broker1_session_filter *filter,
                         json_t **ret_rows, struct failure *failure)
{
    CLEANUP_MESSAGE DBusMessage *call = broker_call_new(BROKER1_SESSIONS);
    int r;

    if (!call)
        return failure_no_memory(failure);
    r = append_dict(call, &broker1_session_filter_schema, filter, failure);
    if (r != 0)
        return r;
    return read_call(client, call, BROKER1_SESSIONS_OUT, ret_rows, failure);
}

int broker_sessions(struct client *client, const struct broker1_session_filter *filter,
                    broker_each each, void *userdata, struct failure *failure)
{
    struct broker1_session_filter page = *filter;

    page.limit = LIMIT_LIST_ROWS;
    page.has |= BROKER1_SESSION_FILTER_HAS_LIMIT;
    for (;;) {
        CLEANUP_JSON json_t *rows = NULL;
        json_t *row;
        size_t i;
        int r = sessions_page(client, &page, &rows, failure);

        if (r != 0)
            return r;
        if (json_array_size(rows) == 0)
            return 0;
        json_array_foreach (rows, i, row) {
            uint64_t number = value_number(row, "number");

            if (number <= page.after)
                return broker_odd(failure, "the list is not in order");
            page.after = number;
            page.has |= BROKER1_SESSION_FILTER_HAS_AFTER;
            r = each(row, userdata);
            if (r != 0)
                return r;
        }
    }
}
