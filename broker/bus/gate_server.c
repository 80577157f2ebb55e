/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus/gate_server.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "bus/decode.h"
#include "bus/loop.h"
#include "gate1.h"
#include "session/handover.h"
#include "session/proc.h"
#include "text.h"

/* A file descriptor for each, and so many for everything else: ledger, buses, look-ups, kill
 * handles. No more logins than may have requests waiting. */
#define GATE_FDS_RESERVED 64
#define GATE_PEERS_MAX LIMIT_PENDING_TOTAL

struct peer {
    LIST_ENTRY(peer) link;
    struct gate_server *server;
    DBusConnection *connection;
    struct loop *loop;
    bool filtered;
    uint64_t waits_for; /* the request that its login waits for, or is about to; 0: none */
};

struct gate_server {
    struct bus *bus;
    DBusServer *server;
    struct loop *loop;
    LIST_HEAD(, peer) peers;
    size_t n_peers, max_peers;
};

DEFINE_CLEANUP(struct gate_server *, gate_server, gate_server_free);

static DBusHandlerResult on_message(DBusConnection *connection, DBusMessage *message,
                                    void *userdata);

/* ---- peers ---- */

static void peer_free(struct peer *peer)
{
    struct gate_server *server = peer->server;

    LIST_REMOVE(peer, link);
    if (server->n_peers-- == server->max_peers && server->loop)
        loop_pause(server->loop, false);
    calls_drop(server->bus, peer->connection);
    loop_detach(peer->loop);
    if (peer->filtered)
        dbus_connection_remove_filter(peer->connection, on_message, peer);
    dbus_connection_close(peer->connection);
    dbus_connection_unref(peer->connection);
    free(peer);
}

/* The door hung up: a request that was filed for a login that waited is withdrawn with the last
 * login that waits for it. */
static void peer_gone(struct peer *peer)
{
    struct gate_server *server = peer->server;
    struct moment now = moment_now();
    uint64_t id = peer->waits_for;
    struct error error;

    peer_free(peer);
    if (id == 0)
        return;
    LIST_FOREACH(peer, &server->peers, link)
    if (peer->waits_for == id)
        return;
    (void)ledger_abandon(server->bus->ledger, id, &now, &error);
}

static DBusHandlerResult on_message(DBusConnection *connection, DBusMessage *message,
                                    void *userdata)
{
    struct peer *peer = userdata;

    if (dbus_message_is_signal(message, DBUS_INTERFACE_LOCAL, "Disconnected")) {
        peer_gone(peer);
        return DBUS_HANDLER_RESULT_HANDLED;
    }
    return call_dispatch(peer->server->bus, &gate1_interface, connection, message, peer);
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
    /* Who comes now waits in the socket's backlog until somebody leaves. */
    if (++server->n_peers == server->max_peers)
        loop_pause(server->loop, true);

    dbus_connection_set_exit_on_disconnect(connection, FALSE);
    dbus_connection_set_allow_anonymous(connection, FALSE);
    dbus_connection_set_unix_user_function(connection, is_admitted, NULL, NULL);
    dbus_connection_set_max_message_size(connection, LIMIT_GATE_MESSAGE);
    dbus_connection_set_max_received_size(connection, LIMIT_GATE_MESSAGE);
    dbus_connection_set_max_message_unix_fds(connection, 1);
    peer->filtered = dbus_connection_add_filter(connection, on_message, peer, NULL);
    if (!peer->filtered || loop_attach_connection(server->bus->event, connection, &peer->loop) < 0)
        peer_free(peer);
}

/* ---- the server ---- */

static size_t count_room(void)
{
    struct rlimit limit;
    size_t room = GATE_PEERS_MAX;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
        return room;
    if (limit.rlim_cur < 2 * GATE_FDS_RESERVED)
        room = limit.rlim_cur / 2;
    else if (limit.rlim_cur - GATE_FDS_RESERVED < room)
        room = limit.rlim_cur - GATE_FDS_RESERVED;
    return room ? room : 1;
}

int gate_server_new(struct bus *bus, const char *address, struct gate_server **ret_server,
                    struct error *error)
{
    static const char *mechanisms[] = {"EXTERNAL", NULL};
    CLEANUP(cleanup_gate_server) struct gate_server *server = calloc(1, sizeof(*server));
    DBusError problem = DBUS_ERROR_INIT;

    if (!server)
        return error_set(error, ERROR_STORAGE_FAILED, "out of memory");
    server->bus = bus;
    LIST_INIT(&server->peers);
    server->max_peers = count_room();
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

bool gate_server_waits_for(const struct gate_server *server, uint64_t id)
{
    const struct peer *peer;

    LIST_FOREACH(peer, &server->peers, link)
    if (peer->waits_for == id)
        return true;
    return false;
}

struct gate_server *gate_server_free(struct gate_server *server)
{
    if (!server)
        return NULL;
    server->loop = loop_detach(server->loop);
    while (!LIST_EMPTY(&server->peers))
        peer_free(LIST_FIRST(&server->peers));
    if (server->server) {
        dbus_server_disconnect(server->server);
        dbus_server_unref(server->server);
    }
    free(server);
    return NULL;
}

/* ---- methods ---- */

/* Answers, and notes whether the login goes on waiting: a request that was filed to be waited for
 * must not outlive it, even where it goes between two of its calls. */
static enum call_progress reply_verdict(struct call *call, const struct login *login,
                                        const struct verdict *verdict, bool prepares)
{
    struct peer *peer = call->origin;
    const char *name = verdict_name(verdict->kind);
    const char *message = dbus_validate_utf8(verdict->message, NULL) ? verdict->message : "";
    dbus_uint64_t id = verdict->id, end = verdict->end, latest = verdict->latest;
    dbus_bool_t terminate = verdict->terminate;

    peer->waits_for =
        verdict->kind == VERDICT_PENDING && login->wait_seconds > 0 && !call->timed_out ? id : 0;
    return call_reply(call, DBUS_TYPE_STRING, &name, DBUS_TYPE_UINT64, &id, DBUS_TYPE_UINT64, &end,
                      DBUS_TYPE_STRING, &message, prepares ? DBUS_TYPE_UINT64 : DBUS_TYPE_INVALID,
                      &latest, DBUS_TYPE_BOOLEAN, &terminate, DBUS_TYPE_INVALID);
}

/* It tells a process from those that had its number before. 0: it cannot be read. */
static uint64_t start_time_of(uint32_t pid)
{
    struct proc_stat stat;

    return proc_stat_read(pid, &stat) == 0 ? stat.start_time : 0;
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

    if (decode_login(call->message, NULL, &login, &error) != 0)
        return call_reply_error(call, &error);
    login.start_time = start_time_of(login.pid);
    if (question(call->bus->ledger, &login, &call->roster, &now, &verdict) == -EAGAIN)
        return CALL_NEEDS_PEOPLE;
    return reply_verdict(call, &login, &verdict, question == ledger_prepare_session);
}

static enum call_progress ask_step(struct call *call)
{
    return ask(call, ledger_ask);
}

static enum call_progress prepare_step(struct call *call)
{
    return ask(call, ledger_prepare_session);
}

static enum call_progress open_step(struct call *call)
{
    CLEANUP_CLOSE int kill = -1;
    struct moment now = moment_now();
    struct error error, misplaced;
    struct verdict verdict;
    struct login login;

    if (decode_login(call->message, NULL, &login, &error) != 0 ||
        decode_kill_handle(call->message, &kill, &error) != 0)
        return call_reply_error(call, &error);
    login.start_time = start_time_of(login.pid);
    if (login.unit || login.cgroup || kill >= 0) {
        struct handover handover = {login.unit, login.cgroup, login.pid, kill};

        if (handover_check(&handover, CGROUP_ROOT, &login.cgroup_inode, &misplaced) != 0)
            login.misplaced = misplaced.text;
    }
    if (ledger_open_session(call->bus->ledger, &login, &call->roster, &now, &verdict) == -EAGAIN)
        return CALL_NEEDS_PEOPLE;
    if (call->bus->keeper && verdict.session[0] && kill >= 0)
        keeper_adopt(call->bus->keeper, verdict.session, TAKE_FD(kill));
    return reply_verdict(call, &login, &verdict, false);
}

static void on_woken(bool timed_out, void *userdata)
{
    struct call *call = userdata;

    call->waiter = NULL;
    call->wait_over = true;
    call->timed_out = timed_out;
    /* It may have waited for hours: who everybody is now, is asked anew. */
    roster_clear(&call->roster);
    call_continue(call);
}

static enum call_progress resume_step(struct call *call)
{
    struct moment now = moment_now();
    struct peer *peer = call->origin;
    struct verdict verdict;
    struct login login;
    struct error error;
    uint64_t id;

    if (decode_login(call->message, &id, &login, &error) != 0)
        return call_reply_error(call, &error);
    if (ledger_resume(call->bus->ledger, id, &login, &call->roster, &now, &verdict) == -EAGAIN)
        return CALL_NEEDS_PEOPLE;
    if (verdict.kind != VERDICT_PENDING || call->wait_over || login.wait_seconds == 0)
        return reply_verdict(call, &login, &verdict, false);
    if (waiters_add(call->bus->waiters, id, login.wait_seconds, on_woken, call, &call->waiter) < 0)
        return reply_verdict(call, &login, &verdict, false);
    peer->waits_for = id;
    return CALL_PARKED;
}

static enum call_progress close_step(struct call *call)
{
    struct moment now = moment_now();
    struct login login;
    struct error error;

    if (decode_login(call->message, NULL, &login, &error) != 0)
        return call_reply_error(call, &error);
    return call_reply_result(call, ledger_close_session(call->bus->ledger, &login, &now, &error),
                             &error);
}

void gate1_on_ask(struct call *call);
void gate1_on_resume(struct call *call);
void gate1_on_prepare(struct call *call);
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

void gate1_on_prepare(struct call *call)
{
    call_run(call, prepare_step);
}

void gate1_on_open(struct call *call)
{
    call_run(call, open_step);
}

void gate1_on_close(struct call *call)
{
    call_run(call, close_step);
}
