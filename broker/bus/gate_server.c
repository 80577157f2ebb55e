/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus/gate_server.h"

#include <errno.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "bus/decode.h"
#include "bus/loop.h"
#include "gate1.h"
#include "text.h"

struct peer {
    LIST_ENTRY(peer) link;
    struct gate_server *server;
    DBusConnection *connection;
    struct loop *loop;
    uint64_t asked; /* the pending request that it is about to wait for; 0: none */
};

struct gate_server {
    struct bus *bus;
    DBusServer *server;
    struct loop *loop;
    LIST_HEAD(, peer) peers;
};

DEFINE_CLEANUP(struct gate_server *, gate_server, gate_server_free);

/* ---- peers ---- */

static void peer_free(struct peer *peer)
{
    LIST_REMOVE(peer, link);
    calls_drop(peer->server->bus, peer->connection);
    loop_detach(peer->loop);
    dbus_connection_close(peer->connection);
    dbus_connection_unref(peer->connection);
    free(peer);
}

/* The peer that calls; NULL if it is none of ours. */
static struct peer *peer_of(const struct call *call)
{
    struct peer *peer = NULL;

    if (call->bus->gate)
        LIST_FOREACH(peer, &call->bus->gate->peers, link)
            if (peer->connection == call->connection)
                return peer;
    return NULL;
}

static bool is_awaited(const struct gate_server *server, uint64_t id)
{
    const struct peer *peer;

    LIST_FOREACH(peer, &server->peers, link)
        if (peer->asked == id)
            return true;
    return waiters_has(server->bus->waiters, id);
}

/* The door hung up: a request that was filed for a login that waited, or was about to, is withdrawn with
 * the last login that waits for it. */
static void peer_gone(struct peer *peer)
{
    struct gate_server *server = peer->server;
    struct bus *bus = server->bus;
    struct moment now = moment_now();
    uint64_t waited_for[8];
    size_t count = 0;
    struct call *call;
    struct error error;

    if (peer->asked)
        waited_for[count++] = peer->asked;
    LIST_FOREACH(call, &bus->calls, link)
    if (call->connection == peer->connection && call->waits_for && count < 8)
        waited_for[count++] = call->waits_for;
    peer_free(peer);
    for (size_t i = 0; i < count; i++)
        if (!is_awaited(server, waited_for[i]))
            (void)ledger_abandon(bus->ledger, waited_for[i], &now, &error);
}

static DBusHandlerResult on_message(DBusConnection *connection, DBusMessage *message, void *userdata)
{
    struct peer *peer = userdata;

    if (dbus_message_is_signal(message, DBUS_INTERFACE_LOCAL, "Disconnected")) {
        peer_gone(peer);
        return DBUS_HANDLER_RESULT_HANDLED;
    }
    return call_dispatch(peer->server->bus, &gate1_interface, connection, message);
}

static dbus_bool_t is_admitted(DBusConnection *connection, unsigned long uid, void *userdata)
{
    return uid == 0;
}

static void on_new_connection(DBusServer *dbus_server, DBusConnection *connection, void *userdata)
{
    struct gate_server *server = userdata;
    struct peer *peer = calloc(1, sizeof(*peer));

    if (!peer)
        return; /* libdbus drops a connection that nobody has taken a reference of */
    peer->server = server;
    peer->connection = dbus_connection_ref(connection);
    LIST_INSERT_HEAD(&server->peers, peer, link);

    dbus_connection_set_exit_on_disconnect(connection, FALSE);
    dbus_connection_set_allow_anonymous(connection, FALSE);
    dbus_connection_set_unix_user_function(connection, is_admitted, NULL, NULL);
    dbus_connection_set_max_message_size(connection, LIMIT_GATE_MESSAGE);
    dbus_connection_set_max_received_size(connection, LIMIT_GATE_MESSAGE);
    dbus_connection_set_max_message_unix_fds(connection, 1);
    if (!dbus_connection_add_filter(connection, on_message, peer, NULL) ||
        loop_attach_connection(server->bus->event, connection, &peer->loop) < 0)
        peer_free(peer);
}

/* ---- the server ---- */

int gate_server_new(struct bus *bus, const char *address, struct gate_server **ret_server,
                    struct error *error)
{
    static const char *mechanisms[] = {"EXTERNAL", NULL};
    CLEANUP(cleanup_gate_server) struct gate_server *server = calloc(1, sizeof(*server));
    DBusError problem = DBUS_ERROR_INIT;

    if (!server)
        return error_set(error, ERROR_STORAGE_FAILED, "out of memory");
    server->bus = bus;
    bus->gate = server;
    LIST_INIT(&server->peers);
    server->server = dbus_server_listen(address, &problem);
    if (!server->server) {
        error_set(error, ERROR_STORAGE_FAILED, "the gate cannot listen on %s: %s", address,
                  problem.message);
        dbus_error_free(&problem);
        return ERROR_STORAGE_FAILED;
    }
    dbus_server_set_new_connection_function(server->server, on_new_connection, server, NULL);
    if (!dbus_server_set_auth_mechanisms(server->server, mechanisms) ||
        loop_attach_server(bus->event, server->server, &server->loop) < 0)
        return error_set(error, ERROR_STORAGE_FAILED, "out of memory");
    *ret_server = TAKE_PTR(server);
    return 0;
}

struct gate_server *gate_server_free(struct gate_server *server)
{
    if (!server)
        return NULL;
    server->bus->gate = NULL;
    while (!LIST_EMPTY(&server->peers))
        peer_free(LIST_FIRST(&server->peers));
    loop_detach(server->loop);
    if (server->server) {
        dbus_server_disconnect(server->server);
        dbus_server_unref(server->server);
    }
    free(server);
    return NULL;
}

/* ---- methods ---- */

static enum call_progress reply_verdict(struct call *call, const struct verdict *verdict)
{
    const char *name = verdict_name(verdict->kind);
    const char *message = dbus_validate_utf8(verdict->message, NULL) ? verdict->message : "";
    dbus_uint64_t id = verdict->id, end = verdict->end;

    return call_reply(call, DBUS_TYPE_STRING, &name, DBUS_TYPE_UINT64, &id, DBUS_TYPE_UINT64, &end,
                      DBUS_TYPE_STRING, &message, DBUS_TYPE_INVALID);
}

typedef int (*door_question)(struct ledger *ledger, const struct login *login,
                             struct roster *roster, const struct moment *now,
                             struct verdict *ret_verdict);

static enum call_progress ask(struct call *call, door_question question)
{
    struct moment now = moment_now();
    struct verdict verdict;
    struct login login;
    struct error error;
    struct peer *peer;

    if (decode_login(call->message, NULL, &login, &error) != 0)
        return call_reply_error(call, &error);
    if (question(call->bus->ledger, &login, &call->roster, &now, &verdict) == -EAGAIN)
        return CALL_NEEDS_PEOPLE;
    peer = peer_of(call);
    if (peer)
        peer->asked = verdict.kind == VERDICT_PENDING && login.wait_seconds > 0 ? verdict.id : 0;
    return reply_verdict(call, &verdict);
}

static enum call_progress ask_step(struct call *call)
{
    return ask(call, ledger_ask);
}

static enum call_progress open_step(struct call *call)
{
    return ask(call, ledger_open_session);
}

static void on_woken(void *userdata)
{
    struct call *call = userdata;

    call->waiter = NULL;
    call->waits_for = 0;
    call->wait_over = true;
    call_continue(call);
}

static enum call_progress resume_step(struct call *call)
{
    struct moment now = moment_now();
    struct verdict verdict;
    struct login login;
    struct error error;
    struct peer *peer;
    uint64_t id;

    if (decode_login(call->message, &id, &login, &error) != 0)
        return call_reply_error(call, &error);
    if (ledger_resume(call->bus->ledger, id, &login, &call->roster, &now, &verdict) == -EAGAIN)
        return CALL_NEEDS_PEOPLE;
    if (verdict.kind != VERDICT_PENDING || call->wait_over || login.wait_seconds == 0)
        return reply_verdict(call, &verdict);
    if (waiters_add(call->bus->waiters, id, login.wait_seconds, on_woken, call, &call->waiter) < 0)
        return reply_verdict(call, &verdict);
    call->waits_for = id;
    peer = peer_of(call);
    if (peer)
        peer->asked = 0;
    return CALL_PARKED;
}

static enum call_progress close_step(struct call *call)
{
    struct moment now = moment_now();
    struct login login;
    struct error error;

    if (decode_login(call->message, NULL, &login, &error) != 0)
        return call_reply_error(call, &error);
    return call_reply_result(
        call, ledger_close_session(call->bus->ledger, &login, &now, &error), &error);
}

void gate1_on_ask(struct call *call);
void gate1_on_resume(struct call *call);
void gate1_on_open(struct call *call);
void gate1_on_close(struct call *call);

void gate1_on_ask(struct call *call)
{
    call_run(call, ask_step);
}

void gate1_on_resume(struct call *call)
{
    call_run(call, resume_step);
}

void gate1_on_open(struct call *call)
{
    call_run(call, open_step);
}

void gate1_on_close(struct call *call)
{
    call_run(call, close_step);
}
