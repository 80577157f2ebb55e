/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gate.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "error.h"

DEFINE_CLEANUP(DBusMessage *, message, dbus_message_unref);

static int make_call(const char *method, uint64_t id, const struct gate1_login *login,
                     DBusMessage **ret_call, struct problem *problem)
{
    CLEANUP(cleanup_message) DBusMessage *call = NULL;
    dbus_uint64_t number = id;
    DBusMessageIter iter;
    int r;

    call = dbus_message_new_method_call(NULL, GATE1_PATH, GATE1_INTERFACE, method);
    if (!call)
        return problem_set(problem, -ENOMEM, "no memory");
    dbus_message_iter_init_append(call, &iter);
    if (strcmp(method, GATE1_RESUME) == 0 &&
        !dbus_message_iter_append_basic(&iter, DBUS_TYPE_UINT64, &number))
        return problem_set(problem, -ENOMEM, "no memory");
    r = dict_write(&iter, &gate1_login_schema, login);
    if (r < 0)
        return problem_set(problem, r, r == -ENOMEM ? "no memory" : "this login is not valid");
    *ret_call = TAKE_PTR(call);
    return 0;
}

static int read_verdict(const char *word, enum gate_verdict *ret_verdict)
{
    static const struct {
        const char *word;
        enum gate_verdict verdict;
    } words[] = {
        {"allow", GATE_ALLOW},     {"exempt", GATE_EXEMPT},   {"unmanaged", GATE_UNMANAGED},
        {"pending", GATE_PENDING}, {"refused", GATE_REFUSED}, {"incomplete", GATE_INCOMPLETE},
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(word, words[i].word) == 0) {
            *ret_verdict = words[i].verdict;
            return 0;
        }
    return -EPROTO;
}

/* An error's text, if it has one. */
static const char *error_text(DBusMessage *reply)
{
    const char *text = "no reason given";
    DBusMessageIter iter;

    if (dbus_message_iter_init(reply, &iter) &&
        dbus_message_iter_get_arg_type(&iter) == DBUS_TYPE_STRING)
        dbus_message_iter_get_basic(&iter, &text);
    return text;
}

static int read_error(DBusMessage *reply, struct gate_answer *answer, struct problem *problem)
{
    const char *name = dbus_message_get_error_name(reply);

    if (error_from_dbus_name(name) == ERROR_NONE)
        return problem_set(problem, -EPROTO, "%s: %s", name ? name : "an error without a name",
                           error_text(reply));
    answer->verdict = GATE_REFUSED;
    snprintf(answer->message, sizeof(answer->message), "refused: %s", error_text(reply));
    return 0;
}

/* What Prepare says more than the others. */
static bool read_arguments(DBusMessage *reply, const char *method, const char **word,
                           dbus_uint64_t *id, dbus_uint64_t *end, const char **message,
                           dbus_uint64_t *latest, dbus_bool_t *terminate)
{
    bool prepares = strcmp(method, GATE1_PREPARE) == 0;

    return dbus_message_has_signature(reply, prepares ? GATE1_PREPARE_OUT : GATE1_ASK_OUT) &&
           dbus_message_get_args(reply, NULL, DBUS_TYPE_STRING, word, DBUS_TYPE_UINT64, id,
                                 DBUS_TYPE_UINT64, end, DBUS_TYPE_STRING, message,
                                 prepares ? DBUS_TYPE_UINT64 : DBUS_TYPE_INVALID, latest,
                                 DBUS_TYPE_BOOLEAN, terminate, DBUS_TYPE_INVALID);
}

static int read_answer(DBusMessage *reply, const char *method, struct gate_answer *ret_answer,
                       struct problem *problem)
{
    struct gate_answer answer = {.verdict = GATE_REFUSED};
    const char *word = NULL, *message = NULL;
    dbus_uint64_t id = 0, end = 0, latest = 0;
    dbus_bool_t terminate = FALSE;
    int r;

    if (dbus_message_get_type(reply) == DBUS_MESSAGE_TYPE_ERROR) {
        r = read_error(reply, &answer, problem);
        if (r < 0)
            return r;
        *ret_answer = answer;
        return 0;
    }
    if (!read_arguments(reply, method, &word, &id, &end, &message, &latest, &terminate))
        return problem_set(problem, -EPROTO, "its answer has the wrong form");
    if (read_verdict(word, &answer.verdict) < 0)
        return problem_set(problem, -EPROTO, "its verdict \"%.40s\" is not known", word);
    answer.id = id;
    answer.end = end;
    answer.latest = latest;
    answer.terminate = terminate;
    snprintf(answer.message, sizeof(answer.message), "%s", message);
    *ret_answer = answer;
    return 0;
}

int gate_call(struct peer *peer, const char *method, uint64_t id, const struct gate1_login *login,
              const struct patience *patience, struct gate_answer *ret_answer,
              struct problem *problem)
{
    CLEANUP(cleanup_message) DBusMessage *call = NULL;
    CLEANUP(cleanup_message) DBusMessage *reply = NULL;
    int r;

    r = make_call(method, id, login, &call, problem);
    if (r == 0)
        r = peer_call(peer, call, login->cgroup_kill, patience, &reply, problem);
    if (r < 0)
        return r;
    return read_answer(reply, method, ret_answer, problem);
}

int gate_ask(const char *path, const char *method, const struct gate1_login *login,
             const struct patience *patience, struct peer **peer, struct gate_answer *ret_answer,
             struct problem *problem)
{
    int r = 0, tries = 2;

    /* A broker that ends takes the question with it; the next one finds it in the socket that
     * systemd holds. To ask twice files and records nothing twice. */
    do {
        if (!*peer)
            r = peer_connect(path, PEER_GATE, patience, peer, problem);
        if (r == 0)
            r = gate_call(*peer, method, 0, login, patience, ret_answer, problem);
        if (r < 0)
            *peer = peer_free(*peer);
    } while ((r == -ECONNRESET || r == -EPIPE) && --tries > 0);
    return r;
}

int gate_close_session(const char *path, const struct gate1_login *login,
                       const struct patience *patience, struct problem *problem)
{
    CLEANUP(cleanup_peer) struct peer *peer = NULL;
    CLEANUP(cleanup_message) DBusMessage *call = NULL;
    CLEANUP(cleanup_message) DBusMessage *reply = NULL;
    int r;

    r = make_call(GATE1_CLOSE, 0, login, &call, problem);
    if (r == 0)
        r = peer_connect(path, PEER_GATE, patience, &peer, problem);
    if (r == 0)
        r = peer_call(peer, call, -1, patience, &reply, problem);
    if (r == 0 && dbus_message_get_type(reply) == DBUS_MESSAGE_TYPE_ERROR)
        r = problem_set(problem, -EPROTO, "%s", error_text(reply));
    return r;
}
