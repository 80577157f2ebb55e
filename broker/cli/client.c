/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/client.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>

#include "broker1.h"
#include "cli/refusal.h"

/* A broker that must be started first, and its name service that does not answer, fit in. */
#define CLIENT_CALL_MS 30000
#define CLIENT_CONNECT_SECONDS 10
/* poll() stands still during suspend, the deadline does not. */
#define CLIENT_SLICE_MS 30000
#define CLIENT_QUEUE_MAX 1024

struct client {
    DBusConnection *connection;
    int signal_fd;
    char *owner; /* the broker's unique name, as far as is known */
    bool lost, gone, back, missed;
    uint64_t queue[CLIENT_QUEUE_MAX];
    size_t n_queue;
};

DEFINE_CLEANUP(DBusMessage *, message, dbus_message_unref);
DEFINE_CLEANUP(DBusPendingCall *, pending, dbus_pending_call_unref);
#define CLEANUP_MESSAGE CLEANUP(cleanup_message)
#define CLEANUP_PENDING CLEANUP(cleanup_pending)

uint64_t client_clock(void)
{
    struct timespec now = {0};

    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void queue_push(struct client *client, uint64_t id)
{
    for (size_t i = 0; i < client->n_queue; i++)
        if (client->queue[i] == id)
            return;
    if (client->n_queue == CLIENT_QUEUE_MAX) {
        client->missed = true;
        client->n_queue = 0;
        return;
    }
    client->queue[client->n_queue++] = id;
}

static void owner_changed(struct client *client, DBusMessage *message)
{
    const char *name = NULL, *old_owner = NULL, *new_owner = NULL;

    if (!dbus_message_has_sender(message, DBUS_SERVICE_DBUS) ||
        !dbus_message_get_args(message, NULL, DBUS_TYPE_STRING, &name, DBUS_TYPE_STRING, &old_owner,
                               DBUS_TYPE_STRING, &new_owner, DBUS_TYPE_INVALID) ||
        strcmp(name, BROKER1_INTERFACE) != 0)
        return;

    free(client->owner);
    client->owner = NULL;
    if (new_owner[0] != '\0') {
        client->owner = strdup(new_owner);
        client->back = true;
        client->gone = false;
    } else {
        client->gone = true;
        client->back = false;
    }
}

static DBusHandlerResult on_message(DBusConnection *connection, DBusMessage *message,
                                    void *userdata)
{
    struct client *client = userdata;

    if (dbus_message_is_signal(message, DBUS_INTERFACE_LOCAL, "Disconnected")) {
        client->lost = true;
    } else if (dbus_message_is_signal(message, DBUS_INTERFACE_DBUS, "NameOwnerChanged")) {
        owner_changed(client, message);
    } else if (dbus_message_is_signal(message, BROKER1_INTERFACE, BROKER1_SIGNAL_CHANGED)) {
        const char *state = NULL;
        dbus_uint64_t id = 0;

        /* Anybody on the bus can send us a signal of this name. */
        if (client->owner && dbus_message_has_sender(message, client->owner) &&
            dbus_message_has_path(message, BROKER1_PATH) &&
            dbus_message_get_args(message, NULL, DBUS_TYPE_UINT64, &id, DBUS_TYPE_STRING, &state,
                                  DBUS_TYPE_INVALID))
            queue_push(client, id);
    }
    return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
}

static void on_alarm(int signal_number)
{
}

/* With the backlog of the bus full, libdbus stays in connect() without a limit; an interrupted
 * connect() it gives up. */
static DBusConnection *connect_in_time(DBusError *error)
{
    struct sigaction action = {.sa_handler = on_alarm}, saved;
    DBusConnection *connection;

    sigaction(SIGALRM, &action, &saved);
    alarm(CLIENT_CONNECT_SECONDS);
    connection = dbus_connection_open_private(CLIENT_BUS_ADDRESS, error);
    alarm(0);
    sigaction(SIGALRM, &saved, NULL);
    return connection;
}

int client_open(struct client **ret_client, struct failure *failure)
{
    DBusError error = DBUS_ERROR_INIT;
    CLEANUP_CLIENT struct client *client = calloc(1, sizeof(*client));

    if (!client)
        return failure_no_memory(failure);
    client->signal_fd = -1;

    client->connection = connect_in_time(&error);
    if (client->connection) {
        dbus_connection_set_exit_on_disconnect(client->connection, FALSE);
        if (!dbus_connection_add_filter(client->connection, on_message, client, NULL))
            return failure_no_memory(failure);
        dbus_bus_register(client->connection, &error);
    }
    if (dbus_error_is_set(&error)) {
        failure_set(failure, EXIT_NO_BROKER, "NoBus",
                    "no connection to the system bus at " CLIENT_BUS_SOCKET
                    " (%s), and without it nobody can be asked; look with: systemctl status dbus",
                    error.message);
        dbus_error_free(&error);
        return failure->exit;
    }

    *ret_client = TAKE_PTR(client);
    return 0;
}

struct client *client_close(struct client *client)
{
    if (!client)
        return NULL;
    if (client->connection) {
        dbus_connection_remove_filter(client->connection, on_message, client);
        dbus_connection_close(client->connection);
        dbus_connection_unref(client->connection);
    }
    cleanup_close(&client->signal_fd);
    free(client->owner);
    free(client);
    return NULL;
}

int client_guard_signals(struct client *client, struct failure *failure)
{
    sigset_t guarded;

    sigemptyset(&guarded);
    sigaddset(&guarded, SIGINT);
    sigaddset(&guarded, SIGTERM);
    sigaddset(&guarded, SIGHUP);
    client->signal_fd = signalfd(-1, &guarded, SFD_CLOEXEC | SFD_NONBLOCK);
    if (client->signal_fd < 0 || sigprocmask(SIG_BLOCK, &guarded, NULL) < 0)
        return failure_set(failure, EXIT_REFUSED, "Failed",
                           "cannot prepare for signals: %s; nothing was done", strerror(errno));
    return 0;
}

/* Moves messages both ways without waiting. */
static void client_pump(struct client *client)
{
    if (!dbus_connection_read_write(client->connection, 0))
        client->lost = true;
    while (dbus_connection_dispatch(client->connection) == DBUS_DISPATCH_DATA_REMAINS)
        ;
    if (!dbus_connection_get_is_connected(client->connection))
        client->lost = true;
}

enum wake { WAKE_NEVER, WAKE_SIGNAL, WAKE_INPUT, WAKE_BUS, WAKE_TIME };

/* Waits for a guarded signal, the descriptor `input` (or -1), the bus if `bus`, or the deadline. */
static enum wake client_poll(struct client *client, int input, bool bus, uint64_t deadline)
{
    int bus_fd = -1;

    if (bus && !dbus_connection_get_unix_fd(client->connection, &bus_fd))
        return WAKE_BUS;
    for (;;) {
        struct pollfd fds[] = {
            {.fd = client->signal_fd, .events = POLLIN},
            {.fd = input, .events = POLLIN},
            {.fd = bus_fd, .events = POLLIN},
        };
        uint64_t now = client_clock();
        int timeout = now >= deadline                    ? 0
                      : deadline - now < CLIENT_SLICE_MS ? (int)(deadline - now)
                                                         : CLIENT_SLICE_MS;

        if (bus && dbus_connection_has_messages_to_send(client->connection))
            fds[2].events |= POLLOUT;
        if (poll(fds, sizeof(fds) / sizeof(*fds), timeout) < 0 && errno != EINTR)
            return WAKE_SIGNAL;
        if (fds[0].revents)
            return WAKE_SIGNAL;
        if (fds[1].revents)
            return WAKE_INPUT;
        if (fds[2].revents)
            return WAKE_BUS;
        if (client_clock() >= deadline)
            return WAKE_TIME;
    }
}

static int interrupted(struct failure *failure)
{
    return failure_set(failure, EXIT_REFUSED, "Interrupted", "interrupted; nothing was done");
}

static int no_answer(enum client_call_kind kind, const char *why, struct failure *failure)
{
    if (kind == CLIENT_WRITE)
        return failure_set(failure, EXIT_UNKNOWN, "OutcomeUnknown",
                           "it was sent, but %s: whether it was done is not known", why);
    return failure_set(failure, EXIT_NO_BROKER, "NoBroker", "no answer from the broker: %s; %s",
                       why, REFUSAL_LOOK);
}

/* Waits until the call is answered, which leaves its reply in `pending`. */
static int client_await(struct client *client, enum client_call_kind kind, DBusPendingCall *pending,
                        struct failure *failure)
{
    uint64_t deadline = client_clock() + CLIENT_CALL_MS;

    for (;;) {
        client_pump(client);
        if (dbus_pending_call_get_completed(pending))
            return 0;
        if (client->lost)
            return no_answer(kind, "the connection to the system bus broke", failure);
        switch (client_poll(client, -1, true, deadline)) {
        case WAKE_SIGNAL:
            return kind == CLIENT_WRITE ? no_answer(kind, "you interrupted the wait", failure)
                                        : interrupted(failure);
        case WAKE_TIME:
            return no_answer(kind, "no answer came in time", failure);
        default:
            break;
        }
    }
}

int client_call(struct client *client, enum client_call_kind kind, DBusMessage *call,
                const char *reply_signature, DBusMessage **ret_reply, struct failure *failure)
{
    CLEANUP_PENDING DBusPendingCall *pending = NULL;
    CLEANUP_MESSAGE DBusMessage *reply = NULL;
    int r;

    client_pump(client);
    if (client->lost)
        return failure_set(failure, EXIT_NO_BROKER, "NoBus",
                           "the connection to the system bus broke; nothing was sent");
    if (client->signal_fd >= 0 && client_poll(client, -1, false, 0) == WAKE_SIGNAL)
        return interrupted(failure);

    if (!dbus_connection_send_with_reply(client->connection, call, &pending, DBUS_TIMEOUT_INFINITE))
        return failure_no_memory(failure);
    if (!pending)
        return failure_set(failure, EXIT_NO_BROKER, "NoBus",
                           "the connection to the system bus broke; nothing was sent");

    r = client_await(client, kind, pending, failure);
    if (r != 0) {
        dbus_pending_call_cancel(pending);
        return r;
    }
    reply = dbus_pending_call_steal_reply(pending);
    if (dbus_message_get_type(reply) == DBUS_MESSAGE_TYPE_ERROR)
        return refusal_from_message(reply, kind, failure);
    if (!dbus_message_has_signature(reply, reply_signature))
        return no_answer(kind, "the answer cannot be understood", failure);
    if (ret_reply)
        *ret_reply = TAKE_PTR(reply);
    return 0;
}

static int subscribe_to(struct client *client, const char *rule, struct failure *failure)
{
    CLEANUP_MESSAGE DBusMessage *call = dbus_message_new_method_call(
        DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS, "AddMatch");

    if (!call || !dbus_message_append_args(call, DBUS_TYPE_STRING, &rule, DBUS_TYPE_INVALID))
        return failure_no_memory(failure);
    return client_call(client, CLIENT_READ, call, "", NULL, failure);
}

/* Who the broker is now. It may well not be there yet: the first call starts it. */
static int learn_owner(struct client *client, struct failure *failure)
{
    CLEANUP_MESSAGE DBusMessage *call = dbus_message_new_method_call(
        DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS, "GetNameOwner");
    CLEANUP_MESSAGE DBusMessage *reply = NULL;
    const char *name = BROKER1_INTERFACE, *owner = NULL;
    int r;

    if (!call || !dbus_message_append_args(call, DBUS_TYPE_STRING, &name, DBUS_TYPE_INVALID))
        return failure_no_memory(failure);
    r = client_call(client, CLIENT_READ, call, "s", &reply, failure);
    if (r != 0)
        return strcmp(failure->name, "NoBroker") == 0 ? 0 : r;
    if (!client->owner &&
        dbus_message_get_args(reply, NULL, DBUS_TYPE_STRING, &owner, DBUS_TYPE_INVALID)) {
        client->owner = strdup(owner);
        if (!client->owner)
            return failure_no_memory(failure);
    }
    return 0;
}

int client_subscribe(struct client *client, struct failure *failure)
{
    int r =
        subscribe_to(client,
                     "type='signal',sender='" DBUS_SERVICE_DBUS "',interface='" DBUS_INTERFACE_DBUS
                     "',member='NameOwnerChanged',arg0='" BROKER1_INTERFACE "'",
                     failure);
    if (r != 0)
        return r;
    r = subscribe_to(client,
                     "type='signal',sender='" BROKER1_INTERFACE "',interface='" BROKER1_INTERFACE
                     "',path='" BROKER1_PATH "',member='" BROKER1_SIGNAL_CHANGED "'",
                     failure);
    return r != 0 ? r : learn_owner(client, failure);
}

static bool flag_taken(bool *flag)
{
    bool was = *flag;

    *flag = false;
    return was;
}

enum client_news client_wait(struct client *client, uint64_t deadline, uint64_t *ret_id)
{
    for (;;) {
        client_pump(client);
        if (flag_taken(&client->gone))
            return CLIENT_BROKER_GONE;
        if (flag_taken(&client->back))
            return CLIENT_BROKER_BACK;
        if (flag_taken(&client->missed))
            return CLIENT_MISSED;
        if (client->n_queue > 0) {
            *ret_id = client->queue[0];
            client->n_queue--;
            memmove(client->queue, client->queue + 1, client->n_queue * sizeof(*client->queue));
            return CLIENT_CHANGED;
        }
        if (client->lost)
            return CLIENT_LOST;
        switch (client_poll(client, -1, true, deadline)) {
        case WAKE_SIGNAL:
            return CLIENT_INTERRUPTED;
        case WAKE_TIME:
            return CLIENT_TIMEOUT;
        default:
            break;
        }
    }
}

int client_wait_input(struct client *client, int fd, struct failure *failure)
{
    return client_poll(client, fd, false, UINT64_MAX) == WAKE_INPUT ? 0 : interrupted(failure);
}
