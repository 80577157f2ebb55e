/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Makes calls to the broker at moments that are told to the nanosecond, as whoever it is told to
 * be. Run as root by test_races.py. Orders are lines of fields with tabs between them: be UID from
 * now on, with a login uid and a bus connection of its own call TAG WHEN METHOD ARGUMENT...  WHEN:
 * CLOCK_REALTIME in nanoseconds; arguments are t:NUMBER, s:TEXT, and {, then keys and values in
 * turn, then } go                                makes the calls, in the order of their times After
 * go there is a line "TAG ok VALUE..." or "TAG error NAME TEXT" for each call, then "done". Of a
 * dictionary the plain values are shown as KEY=VALUE. */

#include <dbus/dbus.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ADDRESS "unix:path=/run/dbus/system_bus_socket"
#define NAME "org.pamcheckout.Broker1"
#define PATH "/org/pamcheckout/Broker1"
#define CALLS_MAX 1024
#define PATIENCE_MS 30000
/* The broker takes no more from one connection at a time (LIMIT_CALLS_CONNECTION). */
#define WINDOW 30

struct call {
    char tag[32];
    uint64_t when;
    DBusMessage *message;
    DBusPendingCall *pending;
};

struct client {
    DBusConnection *connection;
    struct call calls[CALLS_MAX];
    size_t n_calls;
};

__attribute__((noreturn)) static void die(const char *what, const char *why)
{
    (void)fprintf(stderr, "race_client: %s: %s\n", what, why);
    exit(1);
}

static uint64_t number(const char *text)
{
    char *end;

    errno = 0;
    uint64_t value = strtoull(text, &end, 10);
    if (errno || end == text || *end)
        die("no number", text);
    return value;
}

static void disconnect(struct client *client)
{
    if (!client->connection)
        return;
    dbus_connection_close(client->connection);
    dbus_connection_unref(client->connection);
    client->connection = NULL;
}

/* The bus takes the uid from the socket, the broker the login uid from /proc when it is called. */
static void be(struct client *client, const char *uid)
{
    DBusError error = DBUS_ERROR_INIT;
    int fd = open("/proc/self/loginuid", O_WRONLY | O_CLOEXEC);

    disconnect(client);
    if (fd < 0 || write(fd, uid, strlen(uid)) < 0 || close(fd) < 0)
        die("loginuid", strerror(errno));
    if (seteuid((uid_t)number(uid)) < 0)
        die("seteuid", strerror(errno));
    client->connection = dbus_connection_open_private(ADDRESS, &error);
    if (!client->connection || !dbus_bus_register(client->connection, &error))
        die("bus", error.message);
    dbus_connection_set_exit_on_disconnect(client->connection, FALSE);
    if (seteuid(0) < 0)
        die("seteuid", strerror(errno));
}

/* ---- calls ---- */

static void append_basic(DBusMessageIter *iter, const char *argument)
{
    const char *text = argument + 2;

    if (strncmp(argument, "t:", 2) == 0) {
        dbus_uint64_t value = number(text);

        dbus_message_iter_append_basic(iter, DBUS_TYPE_UINT64, &value);
    } else if (strncmp(argument, "s:", 2) == 0) {
        dbus_message_iter_append_basic(iter, DBUS_TYPE_STRING, &text);
    } else {
        die("no argument", argument);
    }
}

static void append_entry(DBusMessageIter *dict, const char *key, const char *argument)
{
    DBusMessageIter entry, variant;

    if (!argument)
        die("no value", key);
    dbus_message_iter_open_container(dict, DBUS_TYPE_DICT_ENTRY, NULL, &entry);
    dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &key);
    dbus_message_iter_open_container(&entry, DBUS_TYPE_VARIANT, argument[0] == 't' ? "t" : "s",
                                     &variant);
    append_basic(&variant, argument);
    dbus_message_iter_close_container(&entry, &variant);
    dbus_message_iter_close_container(dict, &entry);
}

static void add_call(struct client *client, char **rest)
{
    const char *tag = strsep(rest, "\t"), *when = strsep(rest, "\t"), *method = strsep(rest, "\t");
    struct call *call = &client->calls[client->n_calls];
    DBusMessageIter iter, dict;
    const char *argument;

    if (!tag || !when || !method || client->n_calls == CALLS_MAX)
        die("no call", tag ? tag : "");
    client->n_calls++;
    (void)snprintf(call->tag, sizeof(call->tag), "%s", tag);
    call->when = number(when);
    call->message = dbus_message_new_method_call(NAME, PATH, NAME, method);
    dbus_message_set_auto_start(call->message, FALSE);
    dbus_message_iter_init_append(call->message, &iter);
    while ((argument = strsep(rest, "\t"))) {
        if (strcmp(argument, "{") != 0) {
            append_basic(&iter, argument);
            continue;
        }
        dbus_message_iter_open_container(&iter, DBUS_TYPE_ARRAY, "{sv}", &dict);
        while ((argument = strsep(rest, "\t")) && strcmp(argument, "}") != 0)
            append_entry(&dict, argument, strsep(rest, "\t"));
        dbus_message_iter_close_container(&iter, &dict);
    }
}

static int compare_calls(const void *left, const void *right)
{
    const struct call *a = left, *b = right;

    return a->when < b->when ? -1 : a->when > b->when;
}

static void sleep_until(uint64_t when)
{
    struct timespec time = {.tv_sec = (time_t)(when / 1000000000),
                            .tv_nsec = (long)(when % 1000000000)};

    while (clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &time, NULL) == EINTR)
        ;
}

/* ---- answers ---- */

static void show_basic(DBusMessageIter *iter)
{
    DBusBasicValue value = {0};

    switch (dbus_message_iter_get_arg_type(iter)) {
    case DBUS_TYPE_STRING:
        dbus_message_iter_get_basic(iter, &value);
        (void)printf("%s", value.str);
        break;
    case DBUS_TYPE_UINT32:
        dbus_message_iter_get_basic(iter, &value);
        (void)printf("%" PRIu32, value.u32);
        break;
    case DBUS_TYPE_UINT64:
        dbus_message_iter_get_basic(iter, &value);
        (void)printf("%" PRIu64, value.u64);
        break;
    default:
        (void)printf("?");
    }
}

static void show_value(DBusMessageIter *iter)
{
    DBusMessageIter array, entry, variant;

    if (dbus_message_iter_get_arg_type(iter) != DBUS_TYPE_ARRAY) {
        (void)printf("\t");
        show_basic(iter);
        return;
    }
    for (dbus_message_iter_recurse(iter, &array);
         dbus_message_iter_get_arg_type(&array) == DBUS_TYPE_DICT_ENTRY;
         dbus_message_iter_next(&array)) {
        dbus_message_iter_recurse(&array, &entry);
        (void)printf("\t");
        show_basic(&entry);
        dbus_message_iter_next(&entry);
        dbus_message_iter_recurse(&entry, &variant);
        (void)printf("=");
        show_basic(&variant);
    }
}

static void show(const struct call *call, DBusMessage *reply)
{
    DBusMessageIter iter;
    const char *text = "";

    if (dbus_message_get_type(reply) == DBUS_MESSAGE_TYPE_ERROR) {
        (void)dbus_message_get_args(reply, NULL, DBUS_TYPE_STRING, &text, DBUS_TYPE_INVALID);
        (void)printf("%s\terror\t%s\t%s\n", call->tag, dbus_message_get_error_name(reply), text);
        return;
    }
    (void)printf("%s\tok", call->tag);
    if (dbus_message_iter_init(reply, &iter))
        show_value(&iter);
    (void)printf("\n");
}

static void go(struct client *client)
{
    qsort(client->calls, client->n_calls, sizeof(client->calls[0]), compare_calls);
    for (size_t i = 0; i < client->n_calls; i++) {
        struct call *call = &client->calls[i];

        sleep_until(call->when);
        if (i >= WINDOW)
            dbus_pending_call_block(client->calls[i - WINDOW].pending);
        if (!dbus_connection_send_with_reply(client->connection, call->message, &call->pending,
                                             PATIENCE_MS) ||
            !call->pending)
            die("send", call->tag);
        dbus_connection_flush(client->connection);
    }
    for (size_t i = 0; i < client->n_calls; i++) {
        struct call *call = &client->calls[i];
        DBusMessage *reply;

        dbus_pending_call_block(call->pending);
        reply = dbus_pending_call_steal_reply(call->pending);
        if (!reply)
            die("reply", call->tag);
        show(call, reply);
        dbus_message_unref(reply);
        dbus_pending_call_unref(call->pending);
        dbus_message_unref(call->message);
    }
    /* Signals that were sent to everybody. */
    while (dbus_connection_dispatch(client->connection) == DBUS_DISPATCH_DATA_REMAINS)
        ;
    client->n_calls = 0;
    (void)printf("done\n");
    (void)fflush(stdout);
}

int main(void)
{
    struct client *client = calloc(1, sizeof(*client));
    char *line = NULL;
    size_t size = 0;
    ssize_t length;

    if (!client)
        die("memory", strerror(ENOMEM));
    while ((length = getline(&line, &size, stdin)) > 0) {
        char *rest = line, *order;

        if (line[length - 1] == '\n')
            line[length - 1] = '\0';
        order = strsep(&rest, "\t");
        if (strcmp(order, "be") == 0 && rest)
            be(client, rest);
        else if (strcmp(order, "call") == 0)
            add_call(client, &rest);
        else if (strcmp(order, "go") == 0)
            go(client);
        else
            die("no order", order);
    }
    disconnect(client);
    free(line);
    free(client);
    return 0;
}
