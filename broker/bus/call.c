/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus/call.h"

#include <errno.h>
#include <string.h>

#include "text.h"

static void call_free(struct call *call)
{
    LIST_REMOVE(call, link);
    for (size_t i = 0; i < sizeof(call->counted) / sizeof(call->counted[0]); i++)
        if (call->counted[i])
            --*call->counted[i];
    names_cancel(call->lookup);
    waiter_cancel(call->waiter);
    if (call->credentials) {
        dbus_pending_call_cancel(call->credentials);
        dbus_pending_call_unref(call->credentials);
    }
    roster_clear(&call->roster);
    dbus_message_unref(call->message);
    dbus_connection_unref(call->connection);
    free(call);
}

void call_count(struct call *call, uint16_t *count)
{
    for (size_t i = 0; i < sizeof(call->counted) / sizeof(call->counted[0]); i++)
        if (!call->counted[i]) {
            call->counted[i] = count;
            ++*count;
            return;
        }
}

void calls_drop(struct bus *bus, DBusConnection *connection)
{
    struct call *call = LIST_FIRST(&bus->calls);

    while (call) {
        struct call *next = LIST_NEXT(call, link);

        if (!connection || call->connection == connection)
            call_free(call);
        call = next;
    }
}

/* ---- people ---- */

static void take_result(struct roster_entry *entry, struct names_result *result)
{
    entry->answered = true;
    entry->error = result->error;
    entry->user = result->user;
    entry->members = result->members;
    entry->incomplete = result->incomplete;
    result->user = (struct identity){0};
    result->members = NULL;
}

static bool is_plain(const struct roster_entry *entry)
{
    return entry->kind != ROSTER_MEMBERS && !entry->groups;
}

/* The wishes that are looked up next: plain ones first, so that a slow group service delays no
 * question that needs none. */
static bool is_next(const struct roster *roster, const struct roster_entry *entry)
{
    bool plain_left = false;

    for (size_t i = 0; i < roster->count; i++)
        plain_left = plain_left || (!roster->entries[i].answered && is_plain(&roster->entries[i]));
    return !entry->answered && is_plain(entry) == plain_left;
}

static struct roster_entry *next_wish(struct roster *roster, struct roster_entry *after)
{
    struct roster_entry *end = roster->entries + roster->count;

    for (struct roster_entry *entry = after ? after + 1 : roster->entries; entry < end; entry++)
        if (is_next(roster, entry))
            return entry;
    return NULL;
}

static void on_names(const struct names_item *items, struct names_result *results, size_t count,
                     void *userdata)
{
    struct call *call = userdata;
    struct roster_entry *wishes[ROSTER_MAX], *wish = NULL;
    size_t n_wishes = 0;

    call->lookup = NULL;
    /* Collected first: answering one changes which are next. */
    while (n_wishes < count && (wish = next_wish(&call->roster, wish)))
        wishes[n_wishes++] = wish;
    for (size_t i = 0; i < n_wishes; i++)
        take_result(wishes[i], &results[i]);
    call_continue(call);
}

static int look_up(struct call *call)
{
    static const enum names_kind kinds[] = {
        [ROSTER_USER] = NAMES_USER, [ROSTER_UID] = NAMES_UID, [ROSTER_MEMBERS] = NAMES_MEMBERS};
    struct names_item items[ROSTER_MAX];
    struct roster_entry *wish = NULL;
    size_t count = 0;

    while ((wish = next_wish(&call->roster, wish)))
        items[count++] = (struct names_item){.kind = kinds[wish->kind],
                                             .name = wish->name,
                                             .uid = wish->uid,
                                             .groups = wish->groups};
    if (count == 0)
        return -ENOENT;
    return names_look_up(call->bus->names, call->queue, items, count, on_names, call,
                         &call->lookup);
}

/* Answers the next wishes that need no name service. True if that left nothing to look up first. */
static bool answer_locally(struct call *call)
{
    struct roster_entry *wish = NULL;
    bool any = false, all = true;

    if (!call->bus->local_user)
        return false;
    for (size_t i = 0; i < call->roster.count; i++) {
        wish = &call->roster.entries[i];
        if (wish->answered || !is_plain(wish))
            continue;
        any = true;
        wish->answered = call->bus->local_user(wish->name, wish->uid, &wish->user) == 0;
        all = all && wish->answered;
    }
    return any && all;
}

/* The look-up could not even begin: its wishes are answered with the reason. */
static bool fail_wishes(struct roster *roster, int error)
{
    bool any = false;

    for (size_t i = 0; i < roster->count; i++)
        if (!roster->entries[i].answered) {
            roster->entries[i].answered = any = true;
            roster->entries[i].error = error;
        }
    return any;
}

void call_continue(struct call *call)
{
    for (;;) {
        enum call_progress progress = call->step(call);
        struct error error;
        int r;

        if (progress == CALL_PARKED)
            return;
        if (progress == CALL_NEEDS_PEOPLE) {
            if (answer_locally(call))
                continue;
            r = look_up(call);
            if (r == 0)
                return;
            if (fail_wishes(&call->roster, r))
                continue;
            error_set(&error, ERROR_STORAGE_FAILED,
                      "the broker asked for nobody and got no answer");
            (void)call_reply_error(call, &error);
        }
        call_free(call);
        return;
    }
}

void call_run(struct call *call, call_step step)
{
    call->step = step;
    call_continue(call);
}

/* ---- replies ---- */

enum call_progress call_reply_message(struct call *call, DBusMessage *reply)
{
    /* Out of memory: the caller hears nothing, which its own time limit turns into a no. */
    if (reply && !dbus_message_get_no_reply(call->message))
        (void)dbus_connection_send(call->connection, reply, NULL);
    return CALL_ANSWERED;
}

enum call_progress call_reply(struct call *call, int first_type, ...)
{
    CLEANUP_MESSAGE DBusMessage *reply = dbus_message_new_method_return(call->message);
    va_list arguments;
    bool appended;

    va_start(arguments, first_type);
    appended = reply && (first_type == DBUS_TYPE_INVALID ||
                         dbus_message_append_args_valist(reply, first_type, arguments));
    va_end(arguments);
    return call_reply_message(call, appended ? reply : NULL);
}

static DBusHandlerResult reply_error_to(DBusConnection *connection, DBusMessage *message,
                                        const char *name, const char *text)
{
    CLEANUP_MESSAGE DBusMessage *reply = NULL;

    if (!dbus_message_get_no_reply(message)) {
        reply = dbus_message_new_error(message, name, text);
        if (reply)
            (void)dbus_connection_send(connection, reply, NULL);
    }
    return DBUS_HANDLER_RESULT_HANDLED;
}

DBusHandlerResult call_refuse(DBusConnection *connection, DBusMessage *message,
                              const struct error *error)
{
    /* libdbus aborts on a text that is not UTF-8. */
    return reply_error_to(connection, message, error_dbus_name(error->code),
                          dbus_validate_utf8(error->text, NULL) ? error->text : "refused");
}

enum call_progress call_reply_error(struct call *call, const struct error *error)
{
    (void)call_refuse(call->connection, call->message, error);
    return CALL_ANSWERED;
}

enum call_progress call_reply_result(struct call *call, int result, const struct error *error)
{
    if (result == -EAGAIN)
        return CALL_NEEDS_PEOPLE;
    return result == 0 ? call_reply(call, DBUS_TYPE_INVALID) : call_reply_error(call, error);
}

void call_finish(struct call *call, const struct error *error)
{
    if (error)
        (void)call_reply_error(call, error);
    else
        (void)call_reply(call, DBUS_TYPE_INVALID);
    call_free(call);
}

/* ---- dispatch ---- */

static DBusHandlerResult introspect(const struct interface *interface, DBusConnection *connection,
                                    DBusMessage *message)
{
    CLEANUP_MESSAGE DBusMessage *reply = dbus_message_new_method_return(message);

    if (!reply || !dbus_message_append_args(reply, DBUS_TYPE_STRING, &interface->introspection,
                                            DBUS_TYPE_INVALID))
        return DBUS_HANDLER_RESULT_NEED_MEMORY;
    if (!dbus_message_get_no_reply(message))
        (void)dbus_connection_send(connection, reply, NULL);
    return DBUS_HANDLER_RESULT_HANDLED;
}

static const struct interface_method *find_method(const struct interface *interface,
                                                  const char *name)
{
    for (size_t i = 0; i < interface->n_methods; i++)
        if (strcmp(interface->methods[i].name, name) == 0)
            return &interface->methods[i];
    return NULL;
}

DBusHandlerResult call_dispatch(struct bus *bus, const struct interface *interface,
                                DBusConnection *connection, DBusMessage *message, void *origin)
{
    const struct interface_method *method;
    const char *wanted = dbus_message_get_interface(message);
    const char *path = dbus_message_get_path(message);
    struct error error;
    struct call *call;

    if (dbus_message_get_type(message) != DBUS_MESSAGE_TYPE_METHOD_CALL)
        return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
    if (dbus_message_is_method_call(message, DBUS_INTERFACE_INTROSPECTABLE, "Introspect") && path &&
        strcmp(path, interface->path) == 0)
        return introspect(interface, connection, message);
    if (wanted && strcmp(wanted, interface->name) != 0)
        return DBUS_HANDLER_RESULT_NOT_YET_HANDLED; /* libdbus answers UnknownMethod, and Peer */
    method = find_method(interface, dbus_message_get_member(message));
    if (!method)
        return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
    if (!path || strcmp(path, interface->path) != 0)
        return reply_error_to(connection, message, DBUS_ERROR_UNKNOWN_OBJECT,
                              "there is no such object");
    if (!dbus_message_has_signature(message, method->in)) {
        error_set(&error, ERROR_INVALID_ARGUMENT, "%s takes (%s), not (%s)", method->name,
                  method->in, dbus_message_get_signature(message));
        return call_refuse(connection, message, &error);
    }
    call = calloc(1, sizeof(*call));
    if (!call)
        return DBUS_HANDLER_RESULT_NEED_MEMORY;
    call->bus = bus;
    call->origin = origin;
    call->connection = dbus_connection_ref(connection);
    call->message = dbus_message_ref(message);
    call->method = method;
    LIST_INSERT_HEAD(&bus->calls, call, link);
    method->handle(call);
    return DBUS_HANDLER_RESULT_HANDLED;
}
