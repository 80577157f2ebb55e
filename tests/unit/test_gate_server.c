/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "bus/gate_server.h"
#include "gate1.h"
#include "stage.h"

struct scene {
    struct stage *stage;
    struct gate_server *server;
    char path[96], address[128];
};

static void open_gate(struct scene *scene)
{
    struct error error;

    if (gate_server_new(&scene->stage->bus, scene->address, &scene->server, &error) != 0)
        fail_msg("%s", error.text);
    assert_int_equal(chmod(scene->path, 0666), 0);
}

static int set_up(void **state)
{
    struct scene *scene = test_calloc(1, sizeof(*scene));

    stage_set_up((void **)&scene->stage);
    (void)snprintf(scene->path, sizeof(scene->path), "%s/gate", scene->stage->directory);
    (void)snprintf(scene->address, sizeof(scene->address), "unix:path=%s", scene->path);
    open_gate(scene);
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;

    gate_server_free(scene->server);
    stage_tear_down((void **)&scene->stage);
    test_free(scene);
    return 0;
}

static DBusConnection *knock(struct scene *scene)
{
    return stage_connect(scene->address, 0, false);
}

/* Sends it off: libdbus waits for the other side to be admitted before it does. */
static void post(struct scene *scene, DBusConnection *door, DBusMessage *call)
{
    assert_true(dbus_connection_send(door, call, NULL));
    while (dbus_connection_has_messages_to_send(door)) {
        (void)dbus_connection_read_write(door, 0);
        assert_true(sd_event_run(scene->stage->event, 0) >= 0);
    }
}

struct answer {
    char verdict[16], message[LIMIT_SENTENCE];
    uint64_t id, end;
};

static struct answer read_answer(DBusMessage *reply)
{
    const char *verdict = NULL, *message = NULL;
    dbus_uint64_t id = 0, end = 0;
    struct answer answer = {0};

    if (dbus_message_get_type(reply) == DBUS_MESSAGE_TYPE_ERROR) {
        (void)snprintf(answer.verdict, sizeof(answer.verdict), "error");
        (void)snprintf(answer.message, sizeof(answer.message), "%s",
                       dbus_message_get_error_name(reply));
        return answer;
    }
    assert_true(dbus_message_get_args(reply, NULL, DBUS_TYPE_STRING, &verdict, DBUS_TYPE_UINT64,
                                      &id, DBUS_TYPE_UINT64, &end, DBUS_TYPE_STRING, &message,
                                      DBUS_TYPE_INVALID));
    (void)snprintf(answer.verdict, sizeof(answer.verdict), "%s", verdict);
    (void)snprintf(answer.message, sizeof(answer.message), "%s", message);
    answer.id = id;
    answer.end = end;
    return answer;
}

static struct answer ask(struct scene *scene, DBusConnection *door, const char *method, uint64_t id,
                         const char *person, const char *account, uint32_t wait_seconds)
{
    CLEANUP_MESSAGE DBusMessage *call = stage_login(method, id, person, account, wait_seconds);
    CLEANUP_MESSAGE DBusMessage *reply = stage_call(scene->stage, door, call);

    return read_answer(reply);
}

/* A Resume under way. */
static DBusPendingCall *resume(DBusConnection *door, uint64_t id, const char *account,
                               uint32_t wait_seconds)
{
    CLEANUP_MESSAGE DBusMessage *call = stage_login("Resume", id, "alice", account, wait_seconds);
    DBusPendingCall *pending = NULL;

    assert_true(dbus_connection_send_with_reply(door, call, &pending, 60000));
    assert_non_null(pending);
    dbus_connection_flush(door);
    return pending;
}

static bool is_completed(void *userdata)
{
    return dbus_pending_call_get_completed(userdata);
}

static struct answer await(struct scene *scene, DBusConnection *door, DBusPendingCall *pending)
{
    CLEANUP_MESSAGE DBusMessage *reply = NULL;

    stage_until(scene->stage, is_completed, pending, &door, 1);
    reply = dbus_pending_call_steal_reply(pending);
    dbus_pending_call_unref(pending);
    return read_answer(reply);
}

static bool has_calls(void *userdata)
{
    struct scene *scene = userdata;
    struct call *call = LIST_FIRST(&scene->stage->bus.calls);

    return call && call->waiter;
}

static bool has_no_calls(void *userdata)
{
    struct scene *scene = userdata;

    return LIST_EMPTY(&scene->stage->bus.calls);
}

static bool is_closed(void *userdata)
{
    return !dbus_connection_get_is_connected(userdata);
}

struct expectation {
    struct scene *scene;
    uint64_t id;
    enum checkout_state state;
};

static bool is_in_state(void *userdata)
{
    struct expectation *expected = userdata;

    return stage_state(expected->scene->stage, expected->id) == expected->state;
}

/* Until the door at the other end is known to be gone: a door that comes later is answered. */
static void settle(struct scene *scene)
{
    DBusConnection *other = knock(scene);

    (void)ask(scene, other, "Ask", 0, "mallory", "oracle", 0);
    stage_hang_up(other);
    stage_run(scene->stage);
}

/* ---- answers ---- */

static void test_verdicts(void **state)
{
    struct scene *scene = *state;
    DBusConnection *door = knock(scene);
    struct answer answer;
    uint64_t id;

    answer = ask(scene, door, "Ask", 0, "alice", "bob", 0);
    assert_string_equal(answer.verdict, "unmanaged");
    answer = ask(scene, door, "Ask", 0, "mallory", "root", 0);
    assert_string_equal(answer.verdict, "refused");
    assert_int_equal(answer.id, 0);
    answer = ask(scene, door, "Ask", 0, "nobody-there", "root", 0);
    assert_string_equal(answer.verdict, "refused");
    answer = ask(scene, door, "Ask", 0, "fails-now", "root", 0);
    assert_string_equal(answer.verdict, "refused");
    assert_non_null(strstr(answer.message, "name service"));

    answer = ask(scene, door, "Ask", 0, "alice", "root", 0);
    assert_string_equal(answer.verdict, "pending");
    id = answer.id;
    assert_int_equal(ask(scene, door, "Ask", 0, "alice", "root", 0).id, id);
    assert_int_equal(stage_approve(scene->stage, id, BOB), 0);
    assert_string_equal(ask(scene, door, "Prepare", 0, "alice", "root", 0).verdict, "allow");
    assert_int_equal(scene->stage->events[EVENT_SESSION_OPENED], 0);
    answer = ask(scene, door, "Open", 0, "alice", "root", 0);
    assert_string_equal(answer.verdict, "allow");
    assert_int_equal(answer.id, id);
    assert_true(answer.end > 0);
    assert_int_equal(scene->stage->events[EVENT_SESSION_OPENED], 1);
    assert_string_equal(ask(scene, door, "Resume", id, "bob", "root", 0).verdict, "refused");
    assert_string_equal(ask(scene, door, "Resume", 999, "alice", "root", 0).verdict, "refused");
    stage_hang_up(door);
    stage_run(scene->stage);
}

/* What the door makes the session's scope of. */
static void test_prepare(void **state)
{
    struct scene *scene = *state;
    DBusConnection *door = knock(scene);
    CLEANUP_MESSAGE DBusMessage *call = stage_login("Prepare", 0, "alice", "root", 0);
    CLEANUP_MESSAGE DBusMessage *reply = NULL;
    const char *verdict = NULL, *message = NULL;
    dbus_uint64_t id = 0, end = 0, latest = 0;
    dbus_bool_t terminate = FALSE;

    assert_int_equal(
        stage_approve(scene->stage, ask(scene, door, "Ask", 0, "alice", "root", 0).id, BOB), 0);
    reply = stage_call(scene->stage, door, call);
    assert_true(dbus_message_get_args(reply, NULL, DBUS_TYPE_STRING, &verdict, DBUS_TYPE_UINT64,
                                      &id, DBUS_TYPE_UINT64, &end, DBUS_TYPE_STRING, &message,
                                      DBUS_TYPE_UINT64, &latest, DBUS_TYPE_BOOLEAN, &terminate,
                                      DBUS_TYPE_INVALID));
    assert_string_equal(verdict, "allow");
    assert_true(latest > end && end > 0);
    assert_true(terminate);
    stage_hang_up(door);
}

static void test_close(void **state)
{
    struct scene *scene = *state;
    DBusConnection *door = knock(scene);
    CLEANUP_MESSAGE DBusMessage *call = stage_login("Close", 0, "alice", "root", 0);
    CLEANUP_MESSAGE DBusMessage *reply = NULL, *again = NULL;
    uint64_t id = ask(scene, door, "Ask", 0, "alice", "root", 0).id;

    assert_int_equal(stage_approve(scene->stage, id, BOB), 0);
    assert_string_equal(ask(scene, door, "Open", 0, "alice", "root", 0).verdict, "allow");
    reply = stage_call(scene->stage, door, call);
    assert_int_equal(dbus_message_get_type(reply), DBUS_MESSAGE_TYPE_METHOD_RETURN);
    assert_true(dbus_message_has_signature(reply, ""));
    assert_int_equal(scene->stage->events[EVENT_SESSION_CLOSED], 1);
    /* Once more is no error and no event. */
    again = stage_call(scene->stage, door, call);
    assert_int_equal(dbus_message_get_type(again), DBUS_MESSAGE_TYPE_METHOD_RETURN);
    assert_int_equal(scene->stage->events[EVENT_SESSION_CLOSED], 1);
    stage_hang_up(door);
}

/* ---- waiting ---- */

static void test_resume_is_held_until_approved(void **state)
{
    struct scene *scene = *state;
    DBusConnection *door = knock(scene);
    uint64_t id = ask(scene, door, "Ask", 0, "alice", "root", 3600).id;
    DBusPendingCall *pending = resume(door, id, "root", 3600);
    struct answer answer;

    stage_until(scene->stage, has_calls, scene, &door, 1);
    assert_int_equal(stage_run(scene->stage), 0); /* waiting is free */
    assert_false(is_completed(pending));
    assert_int_equal(stage_approve(scene->stage, id, BOB), 0);
    answer = await(scene, door, pending);
    assert_string_equal(answer.verdict, "allow");
    assert_int_equal(answer.id, id);
    stage_hang_up(door);
    settle(scene);
    assert_int_equal(stage_state(scene->stage, id), STATE_ACTIVE);
}

/* Two must approve oracle: the login hears of the first, and comes back to wait for the second. */
static void test_resume_for_the_quorum(void **state)
{
    struct scene *scene = *state;
    DBusConnection *door = knock(scene);
    uint64_t id = ask(scene, door, "Ask", 0, "alice", "oracle", 3600).id;
    DBusPendingCall *pending = resume(door, id, "oracle", 3600);
    struct answer answer;

    stage_until(scene->stage, has_calls, scene, &door, 1);
    assert_int_equal(stage_approve(scene->stage, id, BOB), 0);
    answer = await(scene, door, pending);
    assert_string_equal(answer.verdict, "pending");
    assert_non_null(strstr(answer.message, "bob"));

    pending = resume(door, id, "oracle", 3600);
    stage_until(scene->stage, has_calls, scene, &door, 1);
    assert_int_equal(stage_approve(scene->stage, id, CAROL), 0);
    assert_string_equal(await(scene, door, pending).verdict, "allow");
    stage_hang_up(door);
}

/* Killed between the first approval and its next call: it waited no less. */
static void test_hanging_up_between_approvals_withdraws(void **state)
{
    struct scene *scene = *state;
    DBusConnection *door = knock(scene);
    uint64_t id = ask(scene, door, "Ask", 0, "alice", "oracle", 3600).id;
    DBusPendingCall *pending = resume(door, id, "oracle", 3600);
    struct expectation cancelled = {scene, id, STATE_CANCELLED};

    stage_until(scene->stage, has_calls, scene, &door, 1);
    assert_int_equal(stage_approve(scene->stage, id, BOB), 0);
    assert_string_equal(await(scene, door, pending).verdict, "pending");
    stage_hang_up(door);
    stage_until(scene->stage, is_in_state, &cancelled, NULL, 0);
}

static void test_resume_is_told_of_a_denial(void **state)
{
    struct scene *scene = *state;
    DBusConnection *door = knock(scene);
    uint64_t id = ask(scene, door, "Ask", 0, "alice", "root", 3600).id;
    DBusPendingCall *pending = resume(door, id, "root", 3600);
    struct answer answer;

    stage_until(scene->stage, has_calls, scene, &door, 1);
    assert_int_equal(stage_deny(scene->stage, id, BOB), 0);
    answer = await(scene, door, pending);
    assert_string_equal(answer.verdict, "refused");
    assert_non_null(strstr(answer.message, "denied by bob"));
    stage_hang_up(door);
}

/* Out of time it is still pending, and stays so when the login goes: the person may come back. */
static void test_resume_out_of_time(void **state)
{
    struct scene *scene = *state;
    DBusConnection *door = knock(scene);
    uint64_t id = ask(scene, door, "Ask", 0, "alice", "root", 1).id;
    struct answer answer = await(scene, door, resume(door, id, "root", 1));

    assert_string_equal(answer.verdict, "pending");
    assert_int_equal(answer.id, id);
    stage_hang_up(door);
    settle(scene);
    assert_int_equal(stage_state(scene->stage, id), STATE_PENDING);
}

/* ---- hanging up ---- */

static void test_hanging_up_withdraws(void **state)
{
    struct scene *scene = *state;
    DBusConnection *door = knock(scene);
    uint64_t id = ask(scene, door, "Ask", 0, "alice", "root", 3600).id;
    DBusPendingCall *pending = resume(door, id, "root", 3600);
    struct expectation cancelled = {scene, id, STATE_CANCELLED};

    stage_until(scene->stage, has_calls, scene, &door, 1);
    dbus_pending_call_cancel(pending);
    dbus_pending_call_unref(pending);
    stage_hang_up(door);
    stage_until(scene->stage, is_in_state, &cancelled, NULL, 0);
    assert_true(has_no_calls(scene));
    assert_int_not_equal(stage_approve(scene->stage, id, BOB), 0);
}

/* Killed after the question and before it waits: nobody will ever use what is approved now. */
static void test_hanging_up_before_waiting_withdraws(void **state)
{
    struct scene *scene = *state;
    DBusConnection *door = knock(scene);
    uint64_t id = ask(scene, door, "Ask", 0, "alice", "root", 3600).id;
    struct expectation cancelled = {scene, id, STATE_CANCELLED};

    stage_hang_up(door);
    stage_until(scene->stage, is_in_state, &cancelled, NULL, 0);
}

static void test_only_the_last_waiter_withdraws(void **state)
{
    struct scene *scene = *state;
    DBusConnection *first = knock(scene), *second = knock(scene);
    uint64_t id = ask(scene, first, "Ask", 0, "alice", "root", 3600).id;
    DBusPendingCall *pending = resume(first, id, "root", 3600);
    struct expectation cancelled = {scene, id, STATE_CANCELLED};

    stage_until(scene->stage, has_calls, scene, &first, 1);
    /* The second has only asked so far. */
    assert_int_equal(ask(scene, second, "Ask", 0, "alice", "root", 3600).id, id);
    dbus_pending_call_cancel(pending);
    dbus_pending_call_unref(pending);
    stage_hang_up(first);
    settle(scene);
    assert_int_equal(stage_state(scene->stage, id), STATE_PENDING);
    stage_hang_up(second);
    stage_until(scene->stage, is_in_state, &cancelled, NULL, 0);
}

/* What a person filed by hand, or a login that does not wait, stays. */
static void test_hanging_up_leaves_others_alone(void **state)
{
    struct scene *scene = *state;
    DBusConnection *door = knock(scene);
    uint64_t by_hand = stage_request(scene->stage, ALICE, "root");
    uint64_t in_passing = ask(scene, door, "Ask", 0, "alice", "oracle", 0).id;
    DBusPendingCall *pending;

    assert_int_not_equal(in_passing, 0);
    assert_int_not_equal(in_passing, by_hand);
    pending = resume(door, in_passing, "oracle", 3600);
    stage_until(scene->stage, has_calls, scene, &door, 1);
    dbus_pending_call_cancel(pending);
    dbus_pending_call_unref(pending);
    stage_hang_up(door);
    stage_until(scene->stage, has_no_calls, scene, NULL, 0);
    settle(scene);
    assert_int_equal(stage_state(scene->stage, by_hand), STATE_PENDING);
    assert_int_equal(stage_state(scene->stage, in_passing), STATE_PENDING);
}

/* Gone while a look-up hangs: its answer finds nobody, and files nothing. */
static void test_hanging_up_during_a_look_up(void **state)
{
    struct scene *scene = *state;
    DBusConnection *door = knock(scene), *other = knock(scene);
    CLEANUP_MESSAGE DBusMessage *call = stage_login("Ask", 0, "hangs-long", "root", 3600);

    post(scene, door, call);
    /* Both are at work by the time this one is answered. */
    assert_string_equal(ask(scene, other, "Ask", 0, "mallory", "root", 0).verdict, "refused");
    stage_hang_up(door);
    stage_until(scene->stage, has_no_calls, scene, NULL, 0);
    stage_hang_up(other);
    assert_int_equal(scene->stage->events[EVENT_REQUESTED], 0);
    /* names still kills the worker that hangs, and comes to rest. */
    while (sd_event_run(scene->stage->event, 3 * 1000000) > 0)
        ;
}

/* The broker is stopped while doors wait, ask and look up. */
static void test_free_with_everything_pending(void **state)
{
    struct scene *scene = *state;
    DBusConnection *waiting = knock(scene), *looking = knock(scene), *silent = knock(scene);
    CLEANUP_MESSAGE DBusMessage *call = stage_login("Ask", 0, "hangs-long", "root", 3600);
    uint64_t id = ask(scene, waiting, "Ask", 0, "alice", "root", 3600).id;
    DBusPendingCall *pending = resume(waiting, id, "root", 3600);

    stage_until(scene->stage, has_calls, scene, &waiting, 1);
    post(scene, looking, call);
    stage_run(scene->stage);
    scene->server = gate_server_free(scene->server);
    assert_true(has_no_calls(scene));
    /* They come back to the next broker: nothing is withdrawn. */
    assert_int_equal(stage_state(scene->stage, id), STATE_PENDING);
    stage_until(scene->stage, is_closed, waiting, &waiting, 1);
    dbus_pending_call_cancel(pending);
    dbus_pending_call_unref(pending);
    stage_hang_up(waiting);
    stage_hang_up(looking);
    stage_hang_up(silent);

    open_gate(scene);
    waiting = knock(scene);
    assert_string_equal(ask(scene, waiting, "Ask", 0, "mallory", "root", 0).verdict, "refused");
    pending = resume(waiting, id, "root", 3600);
    stage_until(scene->stage, has_calls, scene, &waiting, 1);
    assert_int_equal(stage_approve(scene->stage, id, BOB), 0);
    assert_string_equal(await(scene, waiting, pending).verdict, "allow");
    stage_hang_up(waiting);
}

/* ---- who and what is not let in ---- */

static void test_only_root_is_admitted(void **state)
{
    static const uid_t strangers[] = {ALICE, MALLORY};
    struct scene *scene = *state;

    for (size_t i = 0; i < 2; i++) {
        DBusConnection *door = stage_connect(scene->address, strangers[i], false);
        CLEANUP_MESSAGE DBusMessage *call = stage_login("Ask", 0, "alice", "root", 0);

        assert_true(dbus_connection_send(door, call, NULL));
        stage_until(scene->stage, is_closed, door, &door, 1);
        stage_hang_up(door);
    }
    stage_run(scene->stage);
    assert_int_equal(scene->stage->events[EVENT_REQUESTED], 0);
}

/* A raw socket that says these bytes; what is left when the other side has closed. */
static void assert_hung_up_on(struct scene *scene, const void *bytes, size_t size)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    CLEANUP_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    time_t deadline = time(NULL) + 60;
    char answer[256];
    ssize_t n;

    strcpy(address.sun_path, scene->path);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_true(send(fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT) > 0);
    do {
        assert_true(time(NULL) < deadline);
        assert_true(sd_event_run(scene->stage->event, 1000) >= 0);
        n = recv(fd, answer, sizeof(answer), MSG_DONTWAIT);
    } while (n > 0 || (n < 0 && errno == EAGAIN));
}

static void test_garbage(void **state)
{
    static const char letters[] = "GET / HTTP/1.0\r\n\r\n";
    struct scene *scene = *state;
    DBusConnection *door;
    char *noise = test_calloc(1, 100000);

    memset(noise, 'x', 100000); /* no line end: libdbus's limit for a line of authentication */
    assert_hung_up_on(scene, letters, sizeof(letters) - 1);
    assert_hung_up_on(scene, noise, 100000);
    memset(noise, 0, 100000);
    assert_hung_up_on(scene, noise, 100000);
    test_free(noise);
    door = knock(scene);
    assert_string_equal(ask(scene, door, "Ask", 0, "mallory", "root", 0).verdict, "refused");
    stage_hang_up(door);
}

/* Authenticated, and then something else than a message. */
static void test_garbage_after_hello(void **state)
{
    static const char hello[] = "\0AUTH EXTERNAL 30\r\nBEGIN\r\n";
    struct scene *scene = *state;
    char bytes[sizeof(hello) - 1 + 64];

    memcpy(bytes, hello, sizeof(hello) - 1);
    memset(bytes + sizeof(hello) - 1, 'Z', 64);
    assert_hung_up_on(scene, bytes, sizeof(bytes));
    stage_run(scene->stage);
}

static void test_oversize(void **state)
{
    struct scene *scene = *state;
    DBusConnection *door = knock(scene);
    CLEANUP_MESSAGE DBusMessage *call =
        dbus_message_new_method_call(NULL, GATE1_PATH, GATE1_INTERFACE, "Ask");
    size_t size = LIMIT_GATE_MESSAGE + 1;
    char *text = test_calloc(1, size + 1);

    memset(text, 'x', size);
    assert_true(dbus_message_append_args(call, DBUS_TYPE_STRING, &text, DBUS_TYPE_INVALID));
    assert_true(dbus_connection_send(door, call, NULL));
    stage_until(scene->stage, is_closed, door, &door, 1);
    stage_hang_up(door);
    test_free(text);
}

/* A login with everything at its cap is taken, and leaves room to hear that it hangs up. */
static void test_largest_login(void **state)
{
    struct scene *scene = *state;
    DBusConnection *door = knock(scene);
    CLEANUP_MESSAGE DBusMessage *call = NULL;
    struct gate1_login login = GATE1_LOGIN_INIT;
    static char authinfo[LIMIT_AUTHINFO + 1], command[LIMIT_COMMAND + 1];
    uint64_t id = ask(scene, door, "Ask", 0, "alice", "root", 3600).id;
    struct expectation cancelled = {scene, id, STATE_CANCELLED};
    dbus_uint64_t number = id;
    DBusMessageIter iter;

    memset(authinfo, 'k', LIMIT_AUTHINFO);
    memset(command, 'c', LIMIT_COMMAND);
    login.door = login.service = "sudo";
    login.person = "alice";
    login.account = "root";
    login.authinfo = authinfo;
    login.command = login.cgroup = command;
    login.pid = 1;
    login.wait_seconds = 3600;
    login.has = GATE1_LOGIN_HAS_PID | GATE1_LOGIN_HAS_WAIT_SECONDS;
    call = dbus_message_new_method_call(NULL, GATE1_PATH, GATE1_INTERFACE, "Resume");
    dbus_message_iter_init_append(call, &iter);
    assert_true(dbus_message_iter_append_basic(&iter, DBUS_TYPE_UINT64, &number));
    assert_int_equal(dict_write(&iter, &gate1_login_schema, &login), 0);
    assert_true(dbus_connection_send(door, call, NULL));
    stage_until(scene->stage, has_calls, scene, &door, 1);
    stage_hang_up(door);
    stage_until(scene->stage, is_in_state, &cancelled, NULL, 0);
}

/* The kill handle that comes with a login is not kept. */
static void test_fd_is_closed(void **state)
{
    struct scene *scene = *state;
    DBusConnection *door = knock(scene);
    struct gate1_login login = GATE1_LOGIN_INIT;
    size_t before;

    (void)ask(scene, door, "Ask", 0, "mallory", "root", 0);
    before = stage_count_fds();
    for (int i = 0; i < 3; i++) {
        CLEANUP_MESSAGE DBusMessage *call =
            dbus_message_new_method_call(NULL, GATE1_PATH, GATE1_INTERFACE, "Open");
        CLEANUP_MESSAGE DBusMessage *reply = NULL;
        DBusMessageIter iter;

        login.door = login.service = "sudo";
        login.person = "mallory";
        login.account = "root";
        login.pid = 1;
        login.cgroup_kill = STDIN_FILENO;
        login.has = GATE1_LOGIN_HAS_PID;
        dbus_message_iter_init_append(call, &iter);
        assert_int_equal(dict_write(&iter, &gate1_login_schema, &login), 0);
        reply = stage_call(scene->stage, door, call);
        assert_string_equal(read_answer(reply).verdict, "refused");
    }
    assert_int_equal(stage_count_fds(), before);
    stage_hang_up(door);
}

static void test_cannot_listen(void **state)
{
    struct scene *scene = *state;
    struct gate_server *none = NULL;
    struct error error = {0};

    assert_int_equal(gate_server_new(&scene->stage->bus, "unix:path=/nowhere/gate", &none, &error),
                     ERROR_STORAGE_FAILED);
    assert_non_null(strstr(error.text, "/nowhere/gate"));
    assert_int_equal(gate_server_new(&scene->stage->bus, "systemd:", &none, &error),
                     ERROR_STORAGE_FAILED);
    assert_int_equal(gate_server_new(&scene->stage->bus, "", &none, &error), ERROR_STORAGE_FAILED);
    assert_null(none);
    assert_null(gate_server_free(NULL));
}

/* ---- many ---- */

static struct rlimit limit_fds(rlim_t soft)
{
    struct rlimit before, limit;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    limit = before;
    limit.rlim_cur = soft;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    return before;
}

static int raw_knock(const struct scene *scene)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    strcpy(address.sun_path, scene->path);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

/* More doors than there is room for wait in the socket's backlog; the loop rests, and takes the
 * next when one leaves. */
static void test_full_house(void **state)
{
    enum { SOFT = 40, DOORS = 30 };
    struct scene *scene = *state;
    struct rlimit before;
    int fds[DOORS];
    size_t room, accepted;

    gate_server_free(scene->server);
    before = limit_fds(SOFT); /* room for 20 */
    open_gate(scene);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    room = stage_count_fds();
    for (size_t i = 0; i < DOORS; i++)
        fds[i] = raw_knock(scene);
    stage_run(scene->stage);
    accepted = stage_count_fds() - room - DOORS;
    assert_int_equal(accepted, SOFT / 2);
    assert_int_equal(stage_run(scene->stage), 0);

    for (size_t i = 0; i < 5; i++)
        close(fds[i]);
    stage_run(scene->stage);
    assert_int_equal(stage_count_fds() - room - (DOORS - 5), SOFT / 2);
    for (size_t i = 5; i < DOORS; i++)
        close(fds[i]);
    stage_run(scene->stage);
    assert_int_equal(stage_count_fds(), room);
}

/* Out of file descriptors for other reasons: accept(2) fails and the socket stays readable. */
static void test_no_fds_left_is_no_busy_loop(void **state)
{
    enum { DOORS = 4 };
    struct scene *scene = *state;
    size_t used = stage_count_fds();
    struct rlimit before;
    int fds[DOORS];
    unsigned turns = 0;
    uint64_t now, end;

    for (size_t i = 0; i < DOORS; i++)
        fds[i] = raw_knock(scene);
    before = limit_fds(used + 1);
    assert_int_equal(sd_event_now(scene->stage->event, CLOCK_MONOTONIC, &now) >= 0, 1);
    for (end = now + 1000000; now < end;) {
        assert_true(sd_event_run(scene->stage->event, end - now) >= 0);
        assert_true(sd_event_now(scene->stage->event, CLOCK_MONOTONIC, &now) >= 0);
        turns++;
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_true(turns < 5000);
    /* And they get in when there are some again. */
    while (stage_count_fds() < used + 2 * DOORS)
        assert_true(sd_event_run(scene->stage->event, 60 * 1000000) > 0);
    for (size_t i = 0; i < DOORS; i++)
        close(fds[i]);
    stage_run(scene->stage);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_verdicts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_prepare, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_close, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_resume_is_held_until_approved, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_resume_for_the_quorum, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_hanging_up_between_approvals_withdraws, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_resume_is_told_of_a_denial, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_resume_out_of_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_hanging_up_withdraws, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_hanging_up_before_waiting_withdraws, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_only_the_last_waiter_withdraws, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_hanging_up_leaves_others_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_hanging_up_during_a_look_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_free_with_everything_pending, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_only_root_is_admitted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_garbage, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_garbage_after_hello, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_oversize, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_largest_login, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_fd_is_closed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cannot_listen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_full_house, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_fds_left_is_no_busy_loop, set_up, tear_down),
    };
    int code;

    if (stage_is_worker(argc, argv, &code))
        return code;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
