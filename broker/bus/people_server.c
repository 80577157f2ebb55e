/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus/people_server.h"

#include <errno.h>
#include <string.h>

#include "broker1.h"
#include "bus/caller.h"
#include "bus/decode.h"
#include "bus/encode.h"
#include "bus/loop.h"
#include "dict.h"
#include "caps.h"

/* SCM_RIGHTS carries no more (unix(7)). libdbus gives up a connection on which more come than it
 * was told to expect, and dbus-broker lets anybody send as many: they are taken, and closed with
 * the message that no method wants. */
#define PEOPLE_MESSAGE_FDS_MAX 253

struct people_server {
    struct bus *bus;
    DBusConnection *connection;
    struct loop *loop;
    void (*on_lost)(void *userdata);
    void *userdata;
    bool filtered;
    bool lost;
};

DEFINE_CLEANUP(struct people_server *, people_server, people_server_free);

/* Anybody on the bus can send a signal of this name: only the bus itself is believed. */
static bool is_name_lost(DBusMessage *message)
{
    const char *name = NULL;

    return dbus_message_is_signal(message, DBUS_INTERFACE_DBUS, "NameLost") &&
           dbus_message_has_sender(message, DBUS_SERVICE_DBUS) &&
           dbus_message_get_args(message, NULL, DBUS_TYPE_STRING, &name, DBUS_TYPE_INVALID) &&
           strcmp(name, BROKER1_INTERFACE) == 0;
}

static uint16_t *count_of_sender(struct bus *bus, const char *sender)
{
    return &bus->counts.of_sender[caller_number(sender) % CALL_PLACES];
}

/* Each call is kept until it is answered, and who waits for no reply can send without end. Whoever
 * is known already is refused here, before anything is kept. */
static bool is_too_many(const struct people_server *server, DBusMessage *message,
                        struct error *error)
{
    const char *sender = dbus_message_get_sender(message);
    const struct caller *caller;

    if (dbus_message_get_type(message) != DBUS_MESSAGE_TYPE_METHOD_CALL)
        return false;
    caller = caller_known(server->bus, sender);
    if (caller && caller_is_busy(server->bus, caller, error))
        return true;
    error_set(error, ERROR_LIMIT_REACHED, "too many calls are under way: wait for an answer first");
    return server->bus->counts.total >= LIMIT_CALLS_TOTAL ||
           *count_of_sender(server->bus, sender) >= LIMIT_CALLS_CONNECTION;
}

static DBusHandlerResult on_message(DBusConnection *connection, DBusMessage *message,
                                    void *userdata)
{
    struct people_server *server = userdata;
    struct error error;

    if (dbus_message_is_signal(message, DBUS_INTERFACE_LOCAL, "Disconnected") ||
        is_name_lost(message)) {
        if (!server->lost)
            server->on_lost(server->userdata);
        server->lost = true;
        return DBUS_HANDLER_RESULT_HANDLED;
    }
    if (is_too_many(server, message, &error))
        return call_refuse(connection, message, &error);
    return call_dispatch(server->bus, &broker1_interface, connection, message, server);
}

static int bus_error(DBusError *problem, struct error *error)
{
    error_set(error, ERROR_STORAGE_FAILED, "the system bus (" PEOPLE_BUS_ADDRESS "): %s",
              problem->message);
    dbus_error_free(problem);
    return ERROR_STORAGE_FAILED;
}

static int connect_to_bus(struct people_server *server, const char *address, struct error *error)
{
    DBusError problem = DBUS_ERROR_INIT;

    server->connection = dbus_connection_open_private(address, &problem);
    if (server->connection)
        dbus_connection_set_exit_on_disconnect(server->connection, FALSE);
    if (server->connection && dbus_bus_register(server->connection, &problem))
        dbus_connection_set_exit_on_disconnect(server->connection, FALSE);
    return dbus_error_is_set(&problem) ? bus_error(&problem, error) : 0;
}

static int take_name(struct people_server *server, struct error *error)
{
    DBusError problem = DBUS_ERROR_INIT;
    int owner = dbus_bus_request_name(server->connection, BROKER1_INTERFACE,
                                      DBUS_NAME_FLAG_DO_NOT_QUEUE, &problem);

    if (dbus_error_is_set(&problem))
        return bus_error(&problem, error);
    if (owner != DBUS_REQUEST_NAME_REPLY_PRIMARY_OWNER)
        return error_set(error, ERROR_STORAGE_FAILED,
                         "another broker has the name " BROKER1_INTERFACE " on the system bus");
    return 0;
}

int people_server_new(struct bus *bus, const char *address, void (*on_lost)(void *userdata),
                      void *userdata, struct people_server **ret_server, struct error *error)
{
    CLEANUP(cleanup_people_server) struct people_server *server = calloc(1, sizeof(*server));
    int r;

    if (!server)
        return error_set(error, ERROR_STORAGE_FAILED, "out of memory");
    server->bus = bus;
    server->on_lost = on_lost;
    server->userdata = userdata;
    r = connect_to_bus(server, address, error);
    if (r != 0)
        return r;
    dbus_connection_set_max_message_unix_fds(server->connection, PEOPLE_MESSAGE_FDS_MAX);
    *ret_server = TAKE_PTR(server);
    return 0;
}

int people_server_open(struct people_server *server, struct error *error)
{
    int r = take_name(server, error);

    if (r != 0)
        return r;
    server->filtered = dbus_connection_add_filter(server->connection, on_message, server, NULL);
    if (!server->filtered ||
        loop_attach_connection(server->bus->event, server->connection, &server->loop) < 0)
        return error_set(error, ERROR_STORAGE_FAILED, "out of memory");
    return 0;
}

struct people_server *people_server_free(struct people_server *server)
{
    if (!server)
        return NULL;
    if (server->connection) {
        calls_drop(server->bus, server->connection);
        loop_detach(server->loop);
        if (server->filtered)
            dbus_connection_remove_filter(server->connection, on_message, server);
        dbus_connection_close(server->connection);
        dbus_connection_unref(server->connection);
    }
    free(server);
    return NULL;
}

DBusConnection *people_server_connection(struct people_server *server)
{
    return server->connection;
}

/* ---- methods ---- */

static enum call_progress reply_id(struct call *call, int result, uint64_t id,
                                   const struct error *error)
{
    dbus_uint64_t number = id;

    return result == 0 ? call_reply(call, DBUS_TYPE_UINT64, &number, DBUS_TYPE_INVALID)
                       : call_reply_result(call, result, error);
}

static enum call_progress request_step(struct call *call)
{
    struct moment now = moment_now();
    struct request request;
    struct error error;
    uint64_t id = 0;
    int r = decode_request(call->message, &request, &error);

    if (r == 0)
        r = ledger_request(call->bus->ledger, &request, &call->caller, &call->roster, &now, &id,
                           &error);
    return reply_id(call, r, id, &error);
}

static enum call_progress approve_step(struct call *call)
{
    struct moment now = moment_now();
    struct approval_terms terms;
    struct error error;
    uint64_t id;
    int r = decode_approval(call->message, &id, &terms, &error);

    if (r == 0)
        r = ledger_approve(call->bus->ledger, id, &terms, &call->caller, &call->roster, &now,
                           &error);
    return call_reply_result(call, r, &error);
}

typedef int (*reasoned_verb)(struct ledger *ledger, uint64_t id, const char *reason,
                             const struct caller *caller, struct roster *roster,
                             const struct moment *now, struct error *error);

static enum call_progress reasoned(struct call *call, reasoned_verb verb)
{
    struct moment now = moment_now();
    const char *reason;
    struct error error;
    uint64_t id;
    int r = decode_id(call->message, &id, &reason, &error);

    if (r == 0)
        r = verb(call->bus->ledger, id, reason, &call->caller, &call->roster, &now, &error);
    return call_reply_result(call, r, &error);
}

static enum call_progress deny_step(struct call *call)
{
    return reasoned(call, ledger_deny);
}

static enum call_progress revoke_step(struct call *call)
{
    return reasoned(call, ledger_revoke);
}

typedef int (*plain_verb)(struct ledger *ledger, uint64_t id, const struct caller *caller,
                          struct roster *roster, const struct moment *now, struct error *error);

static enum call_progress plain(struct call *call, plain_verb verb)
{
    struct moment now = moment_now();
    struct error error;
    uint64_t id;
    int r = decode_id(call->message, &id, NULL, &error);

    if (r == 0)
        r = verb(call->bus->ledger, id, &call->caller, &call->roster, &now, &error);
    return call_reply_result(call, r, &error);
}

static enum call_progress cancel_step(struct call *call)
{
    return plain(call, ledger_cancel);
}

static enum call_progress check_in_step(struct call *call)
{
    return plain(call, ledger_check_in);
}

static enum call_progress reply_encoded(struct call *call, DBusMessage *reply, int encoded)
{
    struct error error;

    if (reply && encoded == 0)
        return call_reply_message(call, reply);
    error_set(&error, ERROR_STORAGE_FAILED, "%s",
              encoded == -EINVAL ? "the ledger holds text that is not UTF-8" : "out of memory");
    return call_reply_error(call, &error);
}

static enum call_progress get_step(struct call *call)
{
    CLEANUP_MESSAGE DBusMessage *reply = NULL;
    CLEANUP_CHECKOUT struct checkout *checkout = NULL;
    struct session **sessions = NULL;
    size_t n_sessions = 0;
    DBusMessageIter iter;
    struct error error;
    uint64_t id;
    int r = decode_id(call->message, &id, NULL, &error);

    if (r == 0)
        r = ledger_get(call->bus->ledger, id, &call->caller, &call->roster, &checkout, &sessions,
                       &n_sessions, &error);
    if (r != 0)
        return call_reply_result(call, r, &error);
    reply = dbus_message_new_method_return(call->message);
    if (reply) {
        dbus_message_iter_init_append(reply, &iter);
        r = encode_checkout(&iter, checkout, sessions, n_sessions);
    }
    while (n_sessions > 0)
        session_free(sessions[--n_sessions]);
    free(sessions);
    return reply_encoded(call, reply, r);
}

/* Of each those of its sessions that are open: of what has ended there may be thousands. */
static int encode_listed(DBusMessageIter *array, const struct checkout *checkout,
                         const struct sessions *open)
{
    CLEANUP_FREE struct session **own = calloc(open->count + 1, sizeof(struct session *));
    size_t count = 0;

    if (!own)
        return -ENOMEM;
    for (size_t i = 0; i < open->count; i++)
        if (open->items[i]->checkout_id == checkout->id)
            own[count++] = open->items[i];
    return encode_checkout(array, checkout, own, count);
}

static int encode_list(DBusMessage *reply, const struct checkouts *checkouts,
                       const struct sessions *open)
{
    static const struct sessions none = {0};
    DBusMessageIter iter, array;
    int r = 0;

    dbus_message_iter_init_append(reply, &iter);
    if (!dbus_message_iter_open_container(&iter, DBUS_TYPE_ARRAY, "a{sv}", &array))
        return -ENOMEM;
    for (size_t i = 0; i < checkouts->count && r == 0; i++)
        r = encode_listed(&array, checkouts->items[i], checkouts->items[i]->uses ? open : &none);
    if (r < 0) {
        dbus_message_iter_abandon_container(&iter, &array);
        return r;
    }
    return dbus_message_iter_close_container(&iter, &array) ? 0 : -ENOMEM;
}

static enum call_progress list_step(struct call *call)
{
    CLEANUP_MESSAGE DBusMessage *reply = NULL;
    CLEANUP_CHECKOUTS struct checkouts checkouts = {0};
    CLEANUP_SESSIONS struct sessions open = {0};
    struct list_request request;
    struct error error;
    int r = decode_list(call->message, &request, &error);

    if (r == 0)
        r = ledger_list(call->bus->ledger, &request, &call->caller, &call->roster, &checkouts,
                        &error);
    if (r != 0)
        return call_reply_result(call, r, &error);
    if (ledger_open_sessions(call->bus->ledger, &open) < 0) {
        error_set(&error, ERROR_STORAGE_FAILED, "the sessions cannot be read from the ledger");
        return call_reply_error(call, &error);
    }
    reply = dbus_message_new_method_return(call->message);
    return reply_encoded(call, reply, reply ? encode_list(reply, &checkouts, &open) : -ENOMEM);
}

static enum call_progress reply_trail(struct call *call, int result, const struct trail *trail,
                                      bool rows, const struct error *error)
{
    CLEANUP_MESSAGE DBusMessage *reply = NULL;

    if (result != 0)
        return call_reply_result(call, result, error);
    reply = dbus_message_new_method_return(call->message);
    return reply_encoded(call, reply, reply ? encode_trail(reply, trail, rows) : -ENOMEM);
}

static enum call_progress audit_step(struct call *call)
{
    CLEANUP(trail_clear) struct trail trail = {0};
    struct error error;
    uint64_t after = 0;
    uint32_t limit = 0;
    int r = decode_page(call->message, NULL, &after, &limit, &error);

    if (r == 0)
        r = ledger_audit(call->bus->ledger, after, limit, &call->caller, &call->roster, &trail,
                         &error);
    return reply_trail(call, r, &trail, false, &error);
}

static enum call_progress trail_step(struct call *call)
{
    CLEANUP(trail_clear) struct trail trail = {0};
    struct error error;
    uint64_t id = 0, after = 0;
    uint32_t limit = 0;
    int r = decode_page(call->message, &id, &after, &limit, &error);

    if (r == 0)
        r = ledger_trail(call->bus->ledger, id, after, limit, &call->caller, &call->roster, &trail,
                         &error);
    return reply_trail(call, r, &trail, false, &error);
}

static enum call_progress rows_step(struct call *call)
{
    CLEANUP(trail_clear) struct trail trail = {0};
    enum trail_table table = TRAIL_CHECKOUTS;
    struct error error;
    uint64_t after = 0;
    uint32_t limit = 0;
    int r = decode_rows(call->message, &table, &after, &limit, &error);

    if (r == 0)
        r = ledger_rows(call->bus->ledger, table, after, limit, &call->caller, &call->roster,
                        &trail, &error);
    return reply_trail(call, r, &trail, true, &error);
}

static enum call_progress policy_step(struct call *call)
{
    CLEANUP_FREE char *text = NULL;
    const char *digest = NULL;
    struct error error;
    int r = decode_digest(call->message, &digest, &error);

    if (r == 0)
        r = ledger_policy_text(call->bus->ledger, digest, &call->caller, &call->roster, &text,
                               &error);
    if (r == 0 && !dbus_validate_utf8(text, NULL))
        r = error_set(&error, ERROR_STORAGE_FAILED, "the policy text in the ledger is damaged");
    return r == 0 ? call_reply(call, DBUS_TYPE_STRING, &text, DBUS_TYPE_INVALID)
                  : call_reply_result(call, r, &error);
}

static enum call_progress sessions_step(struct call *call)
{
    CLEANUP_MESSAGE DBusMessage *reply = NULL;
    CLEANUP_SESSIONS struct sessions sessions = {0};
    struct session_filter filter;
    struct error error;
    int r = decode_sessions(call->message, &filter, &error);

    if (r == 0)
        r = ledger_list_sessions(call->bus->ledger, &filter, &call->caller, &call->roster,
                                 &sessions, &error);
    if (r != 0)
        return call_reply_result(call, r, &error);
    reply = dbus_message_new_method_return(call->message);
    return reply_encoded(call, reply, reply ? encode_sessions(reply, &sessions) : -ENOMEM);
}

static enum call_progress extend_step(struct call *call)
{
    struct moment now = moment_now();
    uint64_t id = 0, seconds = 0, extension = 0;
    const char *reason = NULL;
    struct error error;
    int r = decode_extend(call->message, &id, &seconds, &reason, &error);

    if (r == 0)
        r = ledger_extend(call->bus->ledger, id, seconds, reason, &call->caller, &call->roster,
                          &now, &extension, &error);
    return reply_id(call, r, extension, &error);
}

static enum call_progress grant_step(struct call *call)
{
    struct moment now = moment_now();
    const char *person = NULL;
    struct request request;
    struct error error;
    uint64_t id = 0;
    int r = decode_grant(call->message, &person, &request, &error);

    if (r == 0)
        r = ledger_grant(call->bus->ledger, person, &request, &call->caller, &call->roster, &now,
                         &id, &error);
    return reply_id(call, r, id, &error);
}

static enum call_progress explain_step(struct call *call)
{
    CLEANUP_MESSAGE DBusMessage *reply = NULL;
    struct moment now = moment_now();
    struct explain_request request;
    struct explanation explanation = {0};
    DBusMessageIter iter;
    struct error error;
    int r = decode_question(call->message, &request, &error);

    if (r == 0)
        r = ledger_explain(call->bus->ledger, &request, &call->caller, &call->roster, &now,
                           &explanation, &error);
    if (r != 0)
        return call_reply_result(call, r, &error);
    reply = dbus_message_new_method_return(call->message);
    if (reply) {
        struct broker1_explanation dict = {.verdict = policy_verdict_name(explanation.verdict),
                                           .policy = explanation.policy,
                                           .policy_digest = explanation.policy_digest,
                                           .explanation = explanation.lines,
                                           .at = request.at ? request.at : now.wall,
                                           .has = BROKER1_EXPLANATION_HAS_AT};

        dbus_message_iter_init_append(reply, &iter);
        r = dict_write(&iter, &broker1_explanation_schema, &dict);
    }
    explanation_clear(&explanation);
    return reply_encoded(call, reply, r);
}

static enum call_progress reload_step(struct call *call)
{
    struct error error;
    int r = ledger_check_reload(call->bus->ledger, &call->caller, &call->roster, &error);

    if (r != 0)
        return call_reply_result(call, r, &error);
    call->reload = call->bus->reload(call->bus->userdata);
    if (call->reload)
        return CALL_PARKED;
    error_set(&error, ERROR_STORAGE_FAILED, "out of memory");
    return call_reply_error(call, &error);
}

void people_answer_reload(struct bus *bus, uint64_t done, const char *problem)
{
    struct call *call = LIST_FIRST(&bus->calls);
    struct error error = {0};

    if (problem)
        error_set(&error, ERROR_INVALID_ARGUMENT, "%s", problem);
    while (call) {
        struct call *next = LIST_NEXT(call, link);

        if (call->reload && call->reload <= done)
            call_finish(call, problem ? &error : NULL);
        call = next;
    }
}

static void begin(struct call *call, call_step step)
{
    call->queue = NAMES_PEOPLE;
    call_count(call, &call->bus->counts.total);
    call_count(call, count_of_sender(call->bus, dbus_message_get_sender(call->message)));
    caller_find(call, step);
}

/* Every method asks first who calls. */
#define HANDLER(method)                                                                            \
    void broker1_on_##method(struct call *call);                                                   \
    void broker1_on_##method(struct call *call)                                                    \
    {                                                                                              \
        begin(call, method##_step);                                                                \
    }                                                                                              \
    struct handler_##method##_needs_semicolon

HANDLER(request);
HANDLER(approve);
HANDLER(deny);
HANDLER(cancel);
HANDLER(check_in);
HANDLER(revoke);
HANDLER(get);
HANDLER(list);
HANDLER(sessions);
HANDLER(extend);
HANDLER(grant);
HANDLER(audit);
HANDLER(trail);
HANDLER(rows);
HANDLER(policy);
HANDLER(explain);
HANDLER(reload);
