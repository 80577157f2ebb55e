/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The interface for people, on a bus of its own whose policy forbids nothing: what the broker does
 * not check itself shows. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "broker1.h"
#include "bus/caller.h"
#include "bus/people_server.h"
#include "caps.h"
#include "stage.h"

extern char **environ;

struct scene {
    struct stage *stage;
    char address[128];
    pid_t bus; /* 0: killed */
    struct people_server *server;
    unsigned lost;
};

static void on_lost(void *userdata)
{
    ((struct scene *)userdata)->lost++;
}

static void start_bus(struct scene *scene)
{
    char config[96], option[128], byte;
    char *arguments[] = {(char *)"dbus-daemon",
                         option,
                         (char *)"--nofork",
                         (char *)"--nopidfile",
                         (char *)"--nosyslog",
                         (char *)"--print-address=9",
                         NULL};
    posix_spawn_file_actions_t actions;
    int ends[2];
    FILE *file;

    (void)snprintf(config, sizeof(config), "%s/bus.conf", scene->stage->directory);
    (void)snprintf(scene->address, sizeof(scene->address), "unix:path=%s/bus",
                   scene->stage->directory);
    (void)snprintf(option, sizeof(option), "--config-file=%s", config);
    file = fopen(config, "w");
    assert_non_null(file);
    (void)fprintf(file,
                  "<busconfig><type>system</type><listen>%s</listen><auth>EXTERNAL</auth>"
                  "<policy context='default'><allow user='*'/><allow own='*'/>"
                  "<allow send_type='method_call'/><allow send_type='signal'/>"
                  "<allow send_requested_reply='false' send_type='method_return'/>"
                  "<allow send_requested_reply='false' send_type='error'/>"
                  "<allow receive_requested_reply='false' receive_type='method_return'/>"
                  "<allow receive_requested_reply='false' receive_type='error'/>"
                  "<allow receive_type='method_call'/><allow receive_type='signal'/></policy>"
                  "<limit name='max_message_unix_fds'>250</limit></busconfig>",
                  scene->address);
    assert_int_equal(fclose(file), 0);

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 9);
    assert_int_equal(posix_spawnp(&scene->bus, "dbus-daemon", &actions, NULL, arguments, environ),
                     0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 1); /* it listens */
    close(ends[0]);
}

static void kill_bus(struct scene *scene)
{
    if (scene->bus) {
        kill(scene->bus, SIGKILL);
        assert_int_equal(waitpid(scene->bus, NULL, 0), scene->bus);
    }
    scene->bus = 0;
}

static int set_up(void **state)
{
    struct scene *scene = test_calloc(1, sizeof(*scene));
    struct error error;

    stage_set_up((void **)&scene->stage);
    start_bus(scene);
    if (people_server_new(&scene->stage->bus, scene->address, on_lost, scene, &scene->server,
                          &error) != 0 ||
        people_server_open(scene->server, &error) != 0)
        fail_msg("%s", error.text);
    scene->stage->signals = people_server_connection(scene->server);
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;

    people_server_free(scene->server);
    kill_bus(scene);
    stage_tear_down((void **)&scene->stage);
    test_free(scene);
    return 0;
}

static DBusConnection *come(struct scene *scene, uid_t uid)
{
    return stage_connect(scene->address, uid, true);
}

static DBusMessage *new_call(const char *method)
{
    DBusMessage *call =
        dbus_message_new_method_call(BROKER1_INTERFACE, BROKER1_PATH, BROKER1_INTERFACE, method);

    assert_non_null(call);
    return call;
}

static void put_entry(DBusMessageIter *dict, const char *key, const char *text)
{
    DBusMessageIter entry, variant;

    assert_true(dbus_message_iter_open_container(dict, DBUS_TYPE_DICT_ENTRY, NULL, &entry));
    assert_true(dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &key));
    assert_true(dbus_message_iter_open_container(&entry, DBUS_TYPE_VARIANT, "s", &variant));
    assert_true(dbus_message_iter_append_basic(&variant, DBUS_TYPE_STRING, &text));
    assert_true(dbus_message_iter_close_container(&entry, &variant));
    assert_true(dbus_message_iter_close_container(dict, &entry));
}

/* A call with one argument of that type (0: none), and a dictionary of one entry (key NULL: empty).
 */
static DBusMessage *call_with_dict(const char *method, int type, const void *argument,
                                   const char *key, const char *text)
{
    DBusMessage *call = new_call(method);
    DBusMessageIter iter, dict;

    dbus_message_iter_init_append(call, &iter);
    if (type)
        assert_true(dbus_message_iter_append_basic(&iter, type, argument));
    assert_true(dbus_message_iter_open_container(&iter, DBUS_TYPE_ARRAY, "{sv}", &dict));
    if (key)
        put_entry(&dict, key, text);
    assert_true(dbus_message_iter_close_container(&iter, &dict));
    return call;
}

/* Sends, and returns the reply; consumes the call. */
static DBusMessage *send_call(struct scene *scene, DBusConnection *person, DBusMessage *call)
{
    CLEANUP_MESSAGE DBusMessage *sent = call;

    return stage_call(scene->stage, person, sent);
}

static void assert_error(DBusMessage *reply, const char *name)
{
    assert_int_equal(dbus_message_get_type(reply), DBUS_MESSAGE_TYPE_ERROR);
    assert_string_equal(dbus_message_get_error_name(reply), name);
}

/* The string of a key in a reply's dictionary; borrowed, NULL if it has none. */
static const char *look_up(DBusMessage *reply, const char *key)
{
    DBusMessageIter iter, array, entry, variant;

    assert_true(dbus_message_has_signature(reply, "a{sv}"));
    dbus_message_iter_init(reply, &iter);
    for (dbus_message_iter_recurse(&iter, &array);
         dbus_message_iter_get_arg_type(&array) == DBUS_TYPE_DICT_ENTRY;
         dbus_message_iter_next(&array)) {
        const char *text;

        dbus_message_iter_recurse(&array, &entry);
        dbus_message_iter_get_basic(&entry, &text);
        if (strcmp(text, key) != 0)
            continue;
        dbus_message_iter_next(&entry);
        dbus_message_iter_recurse(&entry, &variant);
        assert_int_equal(dbus_message_iter_get_arg_type(&variant), DBUS_TYPE_STRING);
        dbus_message_iter_get_basic(&variant, &text);
        return text;
    }
    return NULL;
}

static uint64_t request(struct scene *scene, DBusConnection *person, const char *account)
{
    CLEANUP_MESSAGE DBusMessage *reply = send_call(
        scene, person, call_with_dict("Request", DBUS_TYPE_STRING, &account, "reason", "a test"));
    dbus_uint64_t id = 0;

    assert_true(dbus_message_get_args(reply, NULL, DBUS_TYPE_UINT64, &id, DBUS_TYPE_INVALID));
    return id;
}

static DBusMessage *get(struct scene *scene, DBusConnection *person, uint64_t id)
{
    DBusMessage *call = new_call("Get");
    dbus_uint64_t number = id;

    assert_true(dbus_message_append_args(call, DBUS_TYPE_UINT64, &number, DBUS_TYPE_INVALID));
    return send_call(scene, person, call);
}

/* Until everything that was sent before is dealt with. */
static void settle(struct scene *scene, DBusConnection *person)
{
    CLEANUP_MESSAGE DBusMessage *reply = get(scene, person, 999999);

    assert_error(reply, "org.pamcheckout.Error.NotFound");
}

/* ---- the main job ---- */

static void test_request_and_approve(void **state)
{
    struct scene *scene = *state;
    DBusConnection *alice = come(scene, ALICE), *bob = come(scene, BOB),
                   *mallory = come(scene, MALLORY);
    CLEANUP_MESSAGE DBusMessage *seen = NULL, *denied = NULL, *approved = NULL, *now = NULL,
                                *own = NULL;
    dbus_uint64_t id = request(scene, alice, "root");

    assert_int_equal(request(scene, alice, "root"), id);
    seen = get(scene, bob, id);
    assert_string_equal(look_up(seen, "person"), "alice");
    assert_string_equal(look_up(seen, "state"), "pending");
    denied = get(scene, mallory, id);
    assert_error(denied, "org.pamcheckout.Error.NotPermitted");
    own = send_call(
        scene, alice,
        call_with_dict("Approve", DBUS_TYPE_UINT64, &id, "digest", look_up(seen, "digest")));
    assert_int_equal(dbus_message_get_type(own), DBUS_MESSAGE_TYPE_ERROR);
    approved = send_call(
        scene, bob,
        call_with_dict("Approve", DBUS_TYPE_UINT64, &id, "digest", look_up(seen, "digest")));
    assert_int_equal(dbus_message_get_type(approved), DBUS_MESSAGE_TYPE_METHOD_RETURN);
    now = get(scene, alice, id);
    assert_string_equal(look_up(now, "state"), "active");
    stage_hang_up(alice);
    stage_hang_up(bob);
    stage_hang_up(mallory);
}

static void test_list(void **state)
{
    struct scene *scene = *state;
    DBusConnection *alice = come(scene, ALICE), *mallory = come(scene, MALLORY);
    CLEANUP_MESSAGE DBusMessage *two = NULL, *none = NULL, *bad = NULL;
    DBusMessageIter iter, array;
    int count = 0;

    (void)request(scene, alice, "root");
    (void)request(scene, alice, "oracle");
    two = send_call(scene, alice, call_with_dict("List", 0, NULL, "person", "alice"));
    assert_true(dbus_message_has_signature(two, "aa{sv}"));
    dbus_message_iter_init(two, &iter);
    for (dbus_message_iter_recurse(&iter, &array);
         dbus_message_iter_get_arg_type(&array) == DBUS_TYPE_ARRAY; dbus_message_iter_next(&array))
        count++;
    assert_int_equal(count, 2);
    none = send_call(scene, mallory, call_with_dict("List", 0, NULL, NULL, NULL));
    assert_true(dbus_message_has_signature(none, "aa{sv}"));
    dbus_message_iter_init(none, &iter);
    assert_int_equal(dbus_message_iter_get_element_count(&iter), 0);
    bad = send_call(scene, alice, call_with_dict("List", 0, NULL, "colour", "red"));
    assert_error(bad, "org.pamcheckout.Error.InvalidArgument");
    stage_hang_up(alice);
    stage_hang_up(mallory);
}

struct hearing {
    unsigned count;
    dbus_uint64_t id;
    char state[32];
};

static DBusHandlerResult on_heard(DBusConnection *connection, DBusMessage *message, void *userdata)
{
    struct hearing *hearing = userdata;
    const char *text = NULL;

    if (!dbus_message_is_signal(message, BROKER1_INTERFACE, "Changed"))
        return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
    assert_true(dbus_message_get_args(message, NULL, DBUS_TYPE_UINT64, &hearing->id,
                                      DBUS_TYPE_STRING, &text, DBUS_TYPE_INVALID));
    (void)snprintf(hearing->state, sizeof(hearing->state), "%s", text);
    hearing->count++;
    return DBUS_HANDLER_RESULT_HANDLED;
}

static void test_changed(void **state)
{
    struct scene *scene = *state;
    DBusConnection *alice = come(scene, ALICE);
    struct hearing hearing = {0};
    uint64_t id;

    dbus_bus_add_match(alice, "type='signal',interface='" BROKER1_INTERFACE "'", NULL);
    assert_true(dbus_connection_add_filter(alice, on_heard, &hearing, NULL));
    id = request(scene, alice, "root");
    assert_int_equal(hearing.count, 1);
    assert_int_equal(hearing.id, id);
    assert_string_equal(hearing.state, "pending");
    assert_int_equal(stage_deny(scene->stage, id, BOB), 0);
    settle(scene, alice);
    assert_int_equal(hearing.id, id);
    assert_string_equal(hearing.state, "denied");
    dbus_connection_remove_filter(alice, on_heard, &hearing);
    stage_hang_up(alice);
}

/* ---- who calls ---- */

/* Whoever is not known to the host is nobody, and uid 0 is not assumed for want of an answer. */
static void test_unknown_uid(void **state)
{
    struct scene *scene = *state;
    DBusConnection *stranger = come(scene, NOBODY_HERE);
    CLEANUP_MESSAGE DBusMessage *reply = get(scene, stranger, 1);

    assert_error(reply, "org.pamcheckout.Error.NotPermitted");
    stage_hang_up(stranger);
}

static bool is_completed(void *userdata)
{
    return dbus_pending_call_get_completed(userdata);
}

static bool has_no_calls(void *userdata)
{
    struct scene *scene = userdata;

    return LIST_EMPTY(&scene->stage->bus.calls);
}

/* Gone before the bus could say who it was. */
static void test_sender_gone(void **state)
{
    struct scene *scene = *state;
    DBusConnection *alice = come(scene, ALICE), *bob = come(scene, BOB);
    const char *account = "root";

    for (int i = 0; i < 20; i++) {
        CLEANUP_MESSAGE DBusMessage *call =
            call_with_dict("Request", DBUS_TYPE_STRING, &account, "reason", "a test");

        assert_true(dbus_connection_send(alice, call, NULL));
    }
    dbus_connection_flush(alice);
    stage_hang_up(alice);
    settle(scene, bob);
    stage_until(scene->stage, has_no_calls, scene, NULL, 0);
    stage_hang_up(bob);
    assert_int_equal(scene->lost, 0);
}

/* Stopped with questions under way. */
static void test_free_with_pending(void **state)
{
    struct scene *scene = *state;
    DBusConnection *alice = come(scene, ALICE);
    const char *account = "root";

    for (int i = 0; i < 5; i++) {
        CLEANUP_MESSAGE DBusMessage *call =
            call_with_dict("Request", DBUS_TYPE_STRING, &account, "reason", "a test");

        assert_true(dbus_connection_send(alice, call, NULL));
    }
    dbus_connection_flush(alice);
    while (has_no_calls(scene))
        assert_true(sd_event_run(scene->stage->event, 60 * 1000000) > 0);
    scene->stage->signals = NULL;
    scene->server = people_server_free(scene->server);
    assert_true(has_no_calls(scene));
    stage_run(scene->stage);
    stage_hang_up(alice);
    assert_int_equal(scene->lost, 0);
}

/* A reply that mallory made up for the broker's question who she is: uid 0. The question and a
 * hundred such replies are in the broker's queue before it has asked. */
static void test_forged_credentials(void **state)
{
    struct scene *scene = *state;
    DBusConnection *alice = come(scene, ALICE), *bob = come(scene, BOB), *mallory;
    CLEANUP_MESSAGE DBusMessage *question = new_call("Get");
    CLEANUP_MESSAGE DBusMessage *answer = NULL;
    DBusPendingCall *pending = NULL;
    dbus_uint64_t id;

    id = request(scene, alice, "root");
    assert_true(dbus_message_append_args(question, DBUS_TYPE_UINT64, &id, DBUS_TYPE_INVALID));
    stage_hang_up(alice);
    mallory = come(scene, MALLORY); /* who must not see it */
    assert_true(dbus_connection_send_with_reply(mallory, question, &pending, 60000));
    for (dbus_uint32_t serial = 1; serial <= 100; serial++) {
        CLEANUP_MESSAGE DBusMessage *forged = dbus_message_new(DBUS_MESSAGE_TYPE_METHOD_RETURN);
        const char *const keys[] = {"UnixUserID", "ProcessID"};
        const dbus_uint32_t values[] = {0, 1};
        DBusMessageIter iter, dict, entry, variant;

        dbus_message_set_destination(forged, BROKER1_INTERFACE);
        dbus_message_set_reply_serial(forged, serial);
        dbus_message_iter_init_append(forged, &iter);
        dbus_message_iter_open_container(&iter, DBUS_TYPE_ARRAY, "{sv}", &dict);
        for (size_t i = 0; i < 2; i++) {
            dbus_message_iter_open_container(&dict, DBUS_TYPE_DICT_ENTRY, NULL, &entry);
            dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &keys[i]);
            dbus_message_iter_open_container(&entry, DBUS_TYPE_VARIANT, "u", &variant);
            dbus_message_iter_append_basic(&variant, DBUS_TYPE_UINT32, &values[i]);
            dbus_message_iter_close_container(&entry, &variant);
            dbus_message_iter_close_container(&dict, &entry);
        }
        dbus_message_iter_close_container(&iter, &dict);
        assert_true(dbus_connection_send(mallory, forged, NULL));
    }
    dbus_connection_flush(mallory);
    dbus_connection_flush(bob);
    settle(scene, bob);
    stage_until(scene->stage, is_completed, pending, &mallory, 1);
    answer = dbus_pending_call_steal_reply(pending);
    dbus_pending_call_unref(pending);
    assert_error(answer, "org.pamcheckout.Error.NotPermitted");
    stage_hang_up(mallory);
    stage_hang_up(bob);
}

/* ---- the bus ---- */

static bool is_lost(void *userdata)
{
    return ((struct scene *)userdata)->lost > 0;
}

static void test_bus_killed(void **state)
{
    struct scene *scene = *state;

    scene->stage->signals = NULL;
    kill_bus(scene);
    stage_until(scene->stage, is_lost, scene, NULL, 0);
    stage_run(scene->stage);
    assert_int_equal(scene->lost, 1);
}

/* Anybody may send the broker a signal: it must not take it for the bus's own. */
static void test_forged_name_lost(void **state)
{
    struct scene *scene = *state;
    DBusConnection *mallory = come(scene, MALLORY);
    const char *const signals[][2] = {{DBUS_INTERFACE_DBUS, "NameLost"},
                                      {DBUS_INTERFACE_DBUS, "NameOwnerChanged"},
                                      {DBUS_INTERFACE_DBUS, "Disconnected"}};
    const char *name = BROKER1_INTERFACE;

    for (size_t i = 0; i < 3; i++) {
        CLEANUP_MESSAGE DBusMessage *forged =
            dbus_message_new_signal(DBUS_PATH_DBUS, signals[i][0], signals[i][1]);

        dbus_message_set_destination(forged, BROKER1_INTERFACE);
        dbus_message_append_args(forged, DBUS_TYPE_STRING, &name, DBUS_TYPE_INVALID);
        assert_true(dbus_connection_send(mallory, forged, NULL));
    }
    settle(scene, mallory);
    assert_int_equal(scene->lost, 0);
    stage_hang_up(mallory);
}

static void test_name_lost(void **state)
{
    struct scene *scene = *state;
    DBusConnection *bob = come(scene, BOB);
    CLEANUP_MESSAGE DBusMessage *release = dbus_message_new_method_call(
        DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS, "ReleaseName");
    DBusConnection *connection = people_server_connection(scene->server);
    const char *other = "org.example.Other", *name = BROKER1_INTERFACE;

    /* Of another name it is none of its business. */
    assert_int_equal(dbus_bus_request_name(connection, other, 0, NULL),
                     DBUS_REQUEST_NAME_REPLY_PRIMARY_OWNER);
    assert_int_equal(dbus_bus_release_name(connection, other, NULL),
                     DBUS_RELEASE_NAME_REPLY_RELEASED);
    settle(scene, bob);
    assert_int_equal(scene->lost, 0);

    dbus_message_append_args(release, DBUS_TYPE_STRING, &name, DBUS_TYPE_INVALID);
    assert_true(dbus_connection_send(connection, release, NULL));
    stage_until(scene->stage, is_lost, scene, NULL, 0);
    scene->stage->signals = NULL;
    kill_bus(scene); /* once said is enough */
    for (int i = 0; i < 100 && dbus_connection_get_is_connected(connection); i++)
        assert_true(sd_event_run(scene->stage->event, 1000000) >= 0);
    stage_run(scene->stage);
    assert_int_equal(scene->lost, 1);
    stage_hang_up(bob);
}

/* libdbus drops a connection on which more file descriptors come than it expects. */
static void test_message_with_fds(void **state)
{
    static const int counts[] = {1, 16, 17, 250};
    struct scene *scene = *state;
    DBusConnection *mallory = come(scene, MALLORY);
    size_t before;

    settle(scene, mallory);
    before = stage_count_fds();
    for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
        CLEANUP_MESSAGE DBusMessage *call = new_call("Get");
        CLEANUP_MESSAGE DBusMessage *reply = NULL;
        int fd = STDIN_FILENO;

        for (int n = 0; n < counts[i]; n++)
            assert_true(dbus_message_append_args(call, DBUS_TYPE_UNIX_FD, &fd, DBUS_TYPE_INVALID));
        reply = stage_call(scene->stage, mallory, call);
        assert_error(reply, "org.pamcheckout.Error.InvalidArgument");
    }
    settle(scene, mallory);
    assert_int_equal(scene->lost, 0);
    assert_int_equal(stage_count_fds(), before);
    stage_hang_up(mallory);
}

static void test_second_broker(void **state)
{
    struct scene *scene = *state;
    struct people_server *second = NULL;
    struct error error = {0};

    assert_int_equal(
        people_server_new(&scene->stage->bus, scene->address, on_lost, scene, &second, &error), 0);
    assert_int_equal(people_server_open(second, &error), ERROR_STORAGE_FAILED);
    assert_non_null(strstr(error.text, "another broker"));
    second = people_server_free(second);
    stage_run(scene->stage);
    assert_int_equal(scene->lost, 0);
}

static void test_no_bus(void **state)
{
    struct scene *scene = *state;
    struct people_server *none = NULL;
    struct error error = {0};

    assert_int_equal(people_server_new(&scene->stage->bus, "unix:path=/nowhere/bus", on_lost, scene,
                                       &none, &error),
                     ERROR_STORAGE_FAILED);
    assert_non_null(strstr(error.text, "/nowhere/bus"));
    assert_null(none);
    assert_null(people_server_free(NULL));
}

/* ---- what is no method ---- */

static void test_dispatch(void **state)
{
    static const struct {
        const char *path, *interface, *member;
        const char *error; /* NULL: is answered */
    } calls[] = {
        {"/", BROKER1_INTERFACE, "Get", DBUS_ERROR_UNKNOWN_OBJECT},
        {"/org/pamcheckout/Gate1", BROKER1_INTERFACE, "Get", DBUS_ERROR_UNKNOWN_OBJECT},
        {BROKER1_PATH, BROKER1_INTERFACE, "Get", "org.pamcheckout.Error.InvalidArgument"},
        {BROKER1_PATH, NULL, "Get", "org.pamcheckout.Error.InvalidArgument"},
        {BROKER1_PATH, BROKER1_INTERFACE, "get", DBUS_ERROR_UNKNOWN_METHOD},
        {BROKER1_PATH, BROKER1_INTERFACE, "Ask", DBUS_ERROR_UNKNOWN_METHOD},
        {BROKER1_PATH, "org.pamcheckout.Gate1", "Ask", DBUS_ERROR_UNKNOWN_METHOD},
        {BROKER1_PATH, DBUS_INTERFACE_PROPERTIES, "GetAll", DBUS_ERROR_UNKNOWN_METHOD},
        {BROKER1_PATH, DBUS_INTERFACE_PEER, "Ping", NULL},
        {BROKER1_PATH, DBUS_INTERFACE_INTROSPECTABLE, "Introspect", NULL},
    };
    struct scene *scene = *state;
    DBusConnection *alice = come(scene, ALICE);

    for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
        DBusMessage *call = dbus_message_new_method_call(BROKER1_INTERFACE, calls[i].path,
                                                         calls[i].interface, calls[i].member);
        CLEANUP_MESSAGE DBusMessage *reply = send_call(scene, alice, call);

        if (calls[i].error)
            assert_error(reply, calls[i].error);
        else
            assert_int_equal(dbus_message_get_type(reply), DBUS_MESSAGE_TYPE_METHOD_RETURN);
    }
    stage_hang_up(alice);
}

static void test_introspection(void **state)
{
    struct scene *scene = *state;
    DBusConnection *alice = come(scene, ALICE);
    CLEANUP_MESSAGE DBusMessage *reply =
        send_call(scene, alice,
                  dbus_message_new_method_call(BROKER1_INTERFACE, BROKER1_PATH,
                                               DBUS_INTERFACE_INTROSPECTABLE, "Introspect"));
    const char *text = NULL;

    assert_true(dbus_message_get_args(reply, NULL, DBUS_TYPE_STRING, &text, DBUS_TYPE_INVALID));
    assert_non_null(strstr(text, "<interface name=\"org.pamcheckout.Broker1\">"));
    assert_non_null(strstr(text, "<method name=\"Revoke\">"));
    stage_hang_up(alice);
}

/* Carried out, and not answered. */
static void test_no_reply(void **state)
{
    struct scene *scene = *state;
    DBusConnection *alice = come(scene, ALICE);
    const char *account = "root";
    CLEANUP_MESSAGE DBusMessage *call =
        call_with_dict("Request", DBUS_TYPE_STRING, &account, "reason", "a test");
    CLEANUP_MESSAGE DBusMessage *wrong = new_call("Get");
    DBusMessage *left;

    dbus_message_set_no_reply(call, TRUE);
    dbus_message_set_no_reply(wrong, TRUE);
    assert_true(dbus_connection_send(alice, call, NULL));
    assert_true(dbus_connection_send(alice, wrong, NULL));
    dbus_connection_flush(alice);
    while (scene->stage->events[EVENT_REQUESTED] == 0)
        assert_true(sd_event_run(scene->stage->event, 60 * 1000000) > 0);
    stage_run(scene->stage);
    dbus_connection_read_write(alice, 0);
    while ((left = dbus_connection_pop_message(alice))) {
        assert_int_not_equal(dbus_message_get_type(left), DBUS_MESSAGE_TYPE_METHOD_RETURN);
        assert_int_not_equal(dbus_message_get_type(left), DBUS_MESSAGE_TYPE_ERROR);
        dbus_message_unref(left);
    }
    stage_hang_up(alice);
}

/* Who never listens, nor waits for an answer, has only so many calls kept, and the broker goes on.
 */
static void test_flood(void **state)
{
    enum { MANY = 5000 };
    struct scene *scene = *state;
    DBusConnection *mallory = come(scene, MALLORY), *alice = come(scene, ALICE);
    CLEANUP_MESSAGE DBusMessage *answer = NULL;
    size_t kept, most = 0;
    struct call *call;

    for (int i = 0; i < MANY; i++) {
        CLEANUP_MESSAGE DBusMessage *list = call_with_dict("List", 0, NULL, NULL, NULL);

        dbus_message_set_no_reply(list, TRUE);
        assert_true(dbus_connection_send(mallory, list, NULL));
    }
    dbus_connection_flush(mallory);
    for (int i = 0; i < 3 * MANY && sd_event_run(scene->stage->event, 100000) > 0; i++) {
        kept = 0;
        LIST_FOREACH(call, &scene->stage->bus.calls, link)
        kept++;
        most = kept > most ? kept : most;
    }
    assert_in_range(most, 1, LIMIT_CALLS_CONNECTION);
    answer = get(scene, alice, request(scene, alice, "root"));
    assert_string_equal(look_up(answer, "person"), "alice");
    stage_hang_up(mallory);
    stage_hang_up(alice);
}

/* Of every call that came, the bus has said whose it is. */
static bool has_all_known(void *userdata)
{
    struct scene *scene = userdata;
    struct call *call;
    size_t n = 0;

    LIST_FOREACH(call, &scene->stage->bus.calls, link)
    {
        n++;
        if (call->credentials)
            return false;
    }
    return n >= LIMIT_CALLS_PERSON;
}

static void on_door_names(const struct names_item *items, struct names_result *results,
                          size_t count, void *userdata)
{
    *(int *)userdata = results[0].error;
}

static bool is_answered(void *userdata)
{
    return *(int *)userdata <= 0;
}

/* The same person on many connections. */
static void test_flood_on_many_connections(void **state)
{
    enum { CONNECTIONS = 4, EACH = LIMIT_CALLS_CONNECTION };
    struct scene *scene = *state;
    DBusConnection *connections[CONNECTIONS + 1];
    CLEANUP_MESSAGE DBusMessage *answer = NULL;
    const char *hanging = "hangs-person", *account = "root";
    size_t kept = 0;
    struct call *call;
    int door = 1;

    for (size_t i = 0; i < CONNECTIONS; i++) {
        connections[i] = come(scene, BOB);
        for (int j = 0; j < EACH; j++) {
            CLEANUP_MESSAGE DBusMessage *grant = new_call("Grant");
            DBusMessageIter iter, dict;

            dbus_message_iter_init_append(grant, &iter);
            assert_true(dbus_message_iter_append_basic(&iter, DBUS_TYPE_STRING, &hanging));
            assert_true(dbus_message_iter_append_basic(&iter, DBUS_TYPE_STRING, &account));
            assert_true(dbus_message_iter_open_container(&iter, DBUS_TYPE_ARRAY, "{sv}", &dict));
            assert_true(dbus_message_iter_close_container(&iter, &dict));
            assert_true(dbus_connection_send(connections[i], grant, NULL));
        }
        dbus_connection_flush(connections[i]);
    }
    stage_until(scene->stage, has_all_known, scene, NULL, 0);
    LIST_FOREACH(call, &scene->stage->bus.calls, link)
    kept++;
    assert_int_equal(kept, LIMIT_CALLS_PERSON);
    /* They all hang in the name service, and a door's look-up is answered. */
    assert_int_equal(names_look_up(scene->stage->names, NAMES_DOORS,
                                   &(struct names_item){.kind = NAMES_USER, .name = "root"}, 1,
                                   on_door_names, &door, NULL),
                     0);
    stage_until(scene->stage, is_answered, &door, NULL, 0);
    assert_int_equal(door, 0);
    connections[CONNECTIONS] = come(scene, BOB);
    answer = get(scene, connections[CONNECTIONS], 999999);
    assert_error(answer, "org.pamcheckout.Error.LimitReached");
    for (size_t i = 0; i <= CONNECTIONS; i++)
        stage_hang_up(connections[i]);
}

/* The bus is asked once for a connection; a stranger in the same place of the table is asked about.
 */
static void test_known_caller(void **state)
{
    struct scene *scene = *state;
    struct bus *bus = &scene->stage->bus;
    DBusConnection *alice = come(scene, ALICE), *bob = come(scene, BOB);
    const char *name = dbus_bus_get_unique_name(alice);
    struct known_caller *place = &bus->known[caller_number(name) % KNOWN_CALLERS];
    CLEANUP_MESSAGE DBusMessage *first = NULL, *second = NULL, *third = NULL;
    uint64_t id;

    assert_null(caller_known(bus, name));
    id = request(scene, alice, "root");
    assert_non_null(caller_known(bus, name));
    assert_int_equal(caller_known(bus, name)->uid, ALICE);
    assert_null(caller_known(bus, dbus_bus_get_unique_name(bob)));
    assert_null(caller_known(bus, NULL));
    assert_null(caller_known(bus, ""));
    first = get(scene, alice, id);
    assert_string_equal(look_up(first, "person"), "alice");

    place->caller.uid = MALLORY;
    second = get(scene, alice, id);
    assert_error(second, "org.pamcheckout.Error.NotPermitted");
    (void)snprintf(place->sender, sizeof(place->sender), ":7.%" PRIu64, caller_number(name));
    third = get(scene, alice, id);
    assert_string_equal(look_up(third, "person"), "alice");
    stage_hang_up(alice);
    stage_hang_up(bob);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_request_and_approve, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_list, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_changed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unknown_uid, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sender_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_free_with_pending, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_forged_credentials, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bus_killed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_forged_name_lost, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_name_lost, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_message_with_fds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_second_broker, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_bus, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_dispatch, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_introspection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_reply, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_flood, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_flood_on_many_connections, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_known_caller, set_up, tear_down),
    };
    int code;

    if (stage_is_worker(argc, argv, &code))
        return code;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
