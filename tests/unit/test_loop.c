/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* libdbus on the loop: a server and its peers in one process, over a real socket. */

#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "bus/call.h"
#include "bus/loop.h"

/* ---- a timeout of our own, which libdbus never sees ---- */

struct fake_timeout {
    int interval;
    bool enabled;
    void *data;
    DBusFreeFunction free_data;
    unsigned handled;
    unsigned remove_after; /* 0: never */
};

static struct fake_timeout fake;
static DBusAddTimeoutFunction add_timeout;
static DBusRemoveTimeoutFunction remove_timeout;
static DBusTimeoutToggledFunction toggle_timeout;
static void *timeout_data;

#define FAKE ((DBusTimeout *)&fake)
#define REAL(function) ((__typeof__(&function))dlsym(RTLD_NEXT, #function))

int dbus_timeout_get_interval(DBusTimeout *timeout)
{
    return timeout == FAKE ? fake.interval : REAL(dbus_timeout_get_interval)(timeout);
}

dbus_bool_t dbus_timeout_get_enabled(DBusTimeout *timeout)
{
    return timeout == FAKE ? fake.enabled : REAL(dbus_timeout_get_enabled)(timeout);
}

void *dbus_timeout_get_data(DBusTimeout *timeout)
{
    return timeout == FAKE ? fake.data : REAL(dbus_timeout_get_data)(timeout);
}

void dbus_timeout_set_data(DBusTimeout *timeout, void *data, DBusFreeFunction free_data)
{
    if (timeout != FAKE) {
        REAL(dbus_timeout_set_data)(timeout, data, free_data);
        return;
    }
    if (fake.data && fake.free_data)
        fake.free_data(fake.data);
    fake.data = data;
    fake.free_data = free_data;
}

dbus_bool_t dbus_timeout_handle(DBusTimeout *timeout)
{
    if (timeout != FAKE)
        return REAL(dbus_timeout_handle)(timeout);
    if (++fake.handled == fake.remove_after)
        remove_timeout(FAKE, timeout_data);
    return TRUE;
}

dbus_bool_t dbus_connection_set_timeout_functions(DBusConnection *connection,
                                                  DBusAddTimeoutFunction add,
                                                  DBusRemoveTimeoutFunction remove,
                                                  DBusTimeoutToggledFunction toggle, void *data,
                                                  DBusFreeFunction free_data)
{
    if (add) {
        add_timeout = add;
        remove_timeout = remove;
        toggle_timeout = toggle;
        timeout_data = data;
    }
    return REAL(dbus_connection_set_timeout_functions)(connection, add, remove, toggle, data,
                                                       free_data);
}

/* ---- the scene ---- */

#define PEERS 2

struct peer {
    struct scene *scene;
    DBusConnection *here;
    struct loop *loop;
    DBusConnection *there; /* not on the loop */
    unsigned received, order;
    bool disconnected;
    bool detach_on_message;
};

struct scene {
    char directory[64], address[96];
    sd_event *event;
    DBusServer *server;
    struct loop *loop;
    struct peer peers[PEERS];
    size_t n_peers;
    unsigned dispatched;
};

static DBusHandlerResult on_message(DBusConnection *connection, DBusMessage *message,
                                    void *userdata)
{
    struct peer *peer = userdata;

    if (dbus_message_is_signal(message, DBUS_INTERFACE_LOCAL, "Disconnected"))
        peer->disconnected = true;
    else
        peer->received++;
    peer->order = ++peer->scene->dispatched;
    if (peer->detach_on_message) {
        peer->loop = loop_detach(peer->loop);
        dbus_connection_close(connection);
        dbus_connection_remove_filter(connection, on_message, peer);
        dbus_connection_unref(connection);
        peer->here = NULL;
    }
    return DBUS_HANDLER_RESULT_HANDLED;
}

static void on_new_connection(DBusServer *server, DBusConnection *connection, void *userdata)
{
    struct scene *scene = userdata;
    struct peer *peer = &scene->peers[scene->n_peers++];

    peer->scene = scene;
    peer->here = dbus_connection_ref(connection);
    dbus_connection_set_exit_on_disconnect(connection, FALSE);
    dbus_connection_set_max_message_size(connection, 1024 * 1024);
    assert_true(dbus_connection_add_filter(connection, on_message, peer, NULL));
    assert_int_equal(loop_attach_connection(scene->event, connection, &peer->loop), 0);
}

static int set_up(void **state)
{
    struct scene *scene = test_calloc(1, sizeof(*scene));
    DBusError problem = DBUS_ERROR_INIT;

    strcpy(scene->directory, "/tmp/pam-checkout-test.XXXXXX");
    assert_non_null(mkdtemp(scene->directory));
    (void)snprintf(scene->address, sizeof(scene->address), "unix:path=%s/socket", scene->directory);
    assert_int_equal(sd_event_new(&scene->event), 0);
    scene->server = dbus_server_listen(scene->address, &problem);
    assert_non_null(scene->server);
    dbus_server_set_new_connection_function(scene->server, on_new_connection, scene, NULL);
    assert_int_equal(loop_attach_server(scene->event, scene->server, &scene->loop), 0);
    memset(&fake, 0, sizeof(fake));
    *state = scene;
    return 0;
}

static void close_there(struct peer *peer)
{
    if (!peer->there)
        return;
    dbus_connection_close(peer->there);
    dbus_connection_unref(peer->there);
    peer->there = NULL;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;
    char path[96];

    for (size_t i = 0; i < scene->n_peers; i++) {
        struct peer *peer = &scene->peers[i];

        peer->loop = loop_detach(peer->loop);
        if (peer->here) {
            dbus_connection_remove_filter(peer->here, on_message, peer);
            dbus_connection_close(peer->here);
            dbus_connection_unref(peer->here);
        }
        close_there(peer);
    }
    loop_detach(scene->loop);
    dbus_server_disconnect(scene->server);
    dbus_server_unref(scene->server);
    /* Nothing of ours is left on it. */
    assert_int_equal(sd_event_run(scene->event, 0), 0);
    sd_event_unref(scene->event);
    (void)snprintf(path, sizeof(path), "%s/socket", scene->directory);
    (void)unlink(path);
    assert_int_equal(rmdir(scene->directory), 0);
    test_free(scene);
    return 0;
}

static unsigned run(struct scene *scene)
{
    unsigned turns = 0;

    while (sd_event_run(scene->event, 0) > 0)
        assert_true(++turns < 100000);
    return turns;
}

/* A peer that is connected and admitted on both sides. */
static struct peer *connect_peer(struct scene *scene)
{
    struct peer *peer = &scene->peers[scene->n_peers];
    DBusConnection *there = dbus_connection_open_private(scene->address, NULL);

    assert_non_null(there);
    dbus_connection_set_exit_on_disconnect(there, FALSE);
    dbus_connection_set_max_received_size(there, 1024L * 1024 * 1024);
    while (!dbus_connection_get_is_authenticated(there)) {
        assert_true(dbus_connection_read_write(there, 0));
        assert_true(sd_event_run(scene->event, 1000) >= 0);
    }
    run(scene);
    peer->there = there;
    assert_non_null(peer->here);
    return peer;
}

static void send_signal(DBusConnection *connection, size_t size)
{
    CLEANUP_MESSAGE DBusMessage *message = dbus_message_new_signal("/a", "a.b", "C");
    char *text = test_calloc(size + 1, 1);

    memset(text, 'x', size);
    assert_true(dbus_message_append_args(message, DBUS_TYPE_STRING, &text, DBUS_TYPE_INVALID));
    assert_true(dbus_connection_send(connection, message, NULL));
    test_free(text);
}

/* What has arrived there, taken from the queue. */
static unsigned take(DBusConnection *there)
{
    DBusMessage *message;
    unsigned count = 0;

    (void)dbus_connection_read_write(there, 0);
    while ((message = dbus_connection_pop_message(there))) {
        count++;
        dbus_message_unref(message);
    }
    return count;
}

/* ---- messages ---- */

static void test_queued_before_attaching(void **state)
{
    enum { MANY = 5 };
    struct scene *scene = *state;
    struct peer *peer = connect_peer(scene);

    peer->loop = loop_detach(peer->loop);
    for (int i = 0; i < MANY; i++)
        send_signal(peer->there, 10);
    dbus_connection_flush(peer->there);
    /* As a blocking call does: read, and not dispatched. */
    assert_true(dbus_connection_read_write(peer->here, 1000));
    assert_int_equal(dbus_connection_get_dispatch_status(peer->here), DBUS_DISPATCH_DATA_REMAINS);
    assert_int_equal(loop_attach_connection(scene->event, peer->here, &peer->loop), 0);
    assert_int_equal(peer->received, 0); /* never from within */
    run(scene);
    assert_int_equal(peer->received, MANY);
    assert_int_equal(run(scene), 0);
}

static void test_back_pressure(void **state)
{
    enum { MANY = 300, SIZE = 100 * 1024 };
    struct scene *scene = *state;
    struct peer *peer = connect_peer(scene);
    unsigned arrived = 0, turns;
    time_t deadline = time(NULL) + 60;

    for (int i = 0; i < MANY; i++)
        send_signal(peer->here, SIZE);
    turns = run(scene);
    assert_true(turns < 1000);
    assert_int_equal(run(scene), 0); /* the other side does not read: nothing to do */
    assert_true(dbus_connection_has_messages_to_send(peer->here));
    /* The other direction is not in its way. */
    send_signal(peer->there, 10);
    dbus_connection_read_write(peer->there, 0);
    run(scene);
    assert_int_equal(peer->received, 1);

    while (arrived < MANY) {
        assert_true(time(NULL) < deadline);
        arrived += take(peer->there);
        run(scene);
    }
    assert_int_equal(arrived, MANY);
    assert_false(dbus_connection_has_messages_to_send(peer->here));
    assert_int_equal(run(scene), 0);
}

/* One peer sends without end; the other's single message is not kept waiting until it is done. */
static void test_talkative_peer_starves_nobody(void **state)
{
    enum { MANY = 20000 };
    struct scene *scene = *state;
    struct peer *talkative = connect_peer(scene), *quiet = connect_peer(scene);

    for (int i = 0; i < MANY; i++)
        send_signal(talkative->there, 10);
    for (int i = 0; i < 100; i++)
        (void)dbus_connection_read_write(talkative->there, 0);
    send_signal(quiet->there, 10);
    (void)dbus_connection_read_write(quiet->there, 0);
    while (!quiet->received)
        assert_true(sd_event_run(scene->event, 1000000) > 0);
    assert_true(quiet->order < 200);
}

/* Who sends faster than it is handled does not fill our memory: little is read ahead. */
static void test_little_is_read_ahead(void **state)
{
    enum { MANY = 20000 };
    struct scene *scene = *state;
    struct peer *peer = connect_peer(scene);
    DBusMessage *message;
    unsigned ahead = 0;

    for (int i = 0; i < MANY; i++)
        send_signal(peer->there, 10);
    for (int i = 0; i < 500; i++) {
        (void)dbus_connection_read_write(peer->there, 0);
        assert_true(sd_event_run(scene->event, 1000000) > 0);
    }
    while ((message = dbus_connection_pop_message(peer->here))) {
        dbus_message_unref(message);
        ahead++;
    }
    assert_in_range(ahead, 0, 64);
}

/* ---- hanging up ---- */

static void test_hang_up(void **state)
{
    struct scene *scene = *state;
    struct peer *peer = connect_peer(scene);

    send_signal(peer->there, 10);
    dbus_connection_flush(peer->there);
    close_there(peer);
    run(scene);
    assert_int_equal(peer->received, 1); /* what was said before counts */
    assert_true(peer->disconnected);
    assert_int_equal(run(scene), 0);
}

static void test_hang_up_with_full_queue(void **state)
{
    struct scene *scene = *state;
    struct peer *peer = connect_peer(scene);
    unsigned turns;

    for (int i = 0; i < 100; i++)
        send_signal(peer->here, 100 * 1024);
    run(scene);
    assert_true(dbus_connection_has_messages_to_send(peer->here));
    close_there(peer);
    turns = run(scene);
    assert_true(peer->disconnected);
    assert_true(turns < 100);
    assert_int_equal(run(scene), 0);
}

/* libdbus stops reading when what was received is not used up: nothing is then wanted of the
 * socket, and its hang-up must not wake the loop for ever. */
static void test_hang_up_while_not_reading(void **state)
{
    struct scene *scene = *state;
    struct peer *peer = connect_peer(scene);
    DBusMessage *kept[64];
    size_t n = 0;
    unsigned turns;

    dbus_connection_set_max_received_size(peer->here, 1000);
    for (int i = 0; i < 3; i++)
        send_signal(peer->there, 2000);
    dbus_connection_flush(peer->there);
    /* Somebody keeps the messages. */
    dbus_connection_remove_filter(peer->here, on_message, peer);
    peer->loop = loop_detach(peer->loop);
    for (int i = 0; i < 10; i++) {
        dbus_connection_read_write(peer->here, 0);
        while (n < 64 && (kept[n] = dbus_connection_pop_message(peer->here)))
            n++;
    }
    assert_true(n > 0 && n < 3);
    assert_true(dbus_connection_add_filter(peer->here, on_message, peer, NULL));
    assert_int_equal(loop_attach_connection(scene->event, peer->here, &peer->loop), 0);
    close_there(peer);
    turns = run(scene);
    assert_true(turns < 100);
    while (n > 0)
        dbus_message_unref(kept[--n]);
    run(scene);
    assert_true(peer->disconnected);
}

/* Paused it rests, whatever comes; then nothing was lost. */
static void test_pause(void **state)
{
    struct scene *scene = *state;
    struct peer *peer = connect_peer(scene);
    struct peer *second;

    loop_pause(peer->loop, true);
    send_signal(peer->there, 10);
    dbus_connection_flush(peer->there);
    assert_int_equal(run(scene), 0);
    send_signal(peer->here, 10); /* wants to write, and must not turn it on again */
    assert_int_equal(peer->received, 0);
    loop_pause(peer->loop, false);
    run(scene);
    assert_int_equal(peer->received, 1);

    loop_pause(scene->loop, true);
    scene->peers[1].there = dbus_connection_open_private(scene->address, NULL);
    assert_non_null(scene->peers[1].there);
    assert_int_equal(run(scene), 0);
    assert_int_equal(scene->n_peers, 1);
    loop_pause(scene->loop, false);
    run(scene);
    second = &scene->peers[1];
    assert_int_equal(scene->n_peers, 2);
    assert_non_null(second->here);
}

static void test_detach_inside_a_message(void **state)
{
    struct scene *scene = *state;
    struct peer *peer = connect_peer(scene);

    peer->detach_on_message = true;
    for (int i = 0; i < 3; i++)
        send_signal(peer->there, 10);
    dbus_connection_flush(peer->there);
    run(scene);
    assert_null(peer->here);
    assert_null(peer->loop);
    assert_int_equal(peer->received, 1);
    assert_int_equal(run(scene), 0);
    assert_null(loop_detach(NULL));
}

/* ---- timeouts ---- */

static void test_pending_call_times_out(void **state)
{
    struct scene *scene = *state;
    struct peer *peer = connect_peer(scene);
    CLEANUP_MESSAGE DBusMessage *call = dbus_message_new_method_call(NULL, "/a", "a.b", "C");
    CLEANUP_MESSAGE DBusMessage *reply = NULL;
    DBusPendingCall *pending = NULL;
    time_t deadline = time(NULL) + 60;

    assert_true(dbus_connection_send_with_reply(peer->here, call, &pending, 20));
    while (!dbus_pending_call_get_completed(pending)) {
        assert_true(time(NULL) < deadline);
        assert_true(sd_event_run(scene->event, 1000000) >= 0);
    }
    reply = dbus_pending_call_steal_reply(pending);
    assert_string_equal(dbus_message_get_error_name(reply), DBUS_ERROR_NO_REPLY);
    dbus_pending_call_unref(pending);
    assert_int_equal(run(scene), 0);
}

static void fire(struct scene *scene, unsigned times)
{
    time_t deadline = time(NULL) + 60;

    while (fake.handled < times) {
        assert_true(time(NULL) < deadline);
        assert_true(sd_event_run(scene->event, 1000000) >= 0);
    }
}

static void test_timeouts_repeat(void **state)
{
    struct scene *scene = *state;

    (void)connect_peer(scene);
    fake = (struct fake_timeout){.interval = 1, .enabled = true};
    assert_true(add_timeout(FAKE, timeout_data));
    fire(scene, 3);
    /* Switched off it rests, switched on it goes on. */
    fake.enabled = false;
    toggle_timeout(FAKE, timeout_data);
    fake.handled = 0;
    assert_int_equal(sd_event_run(scene->event, 300 * 1000), 0);
    assert_int_equal(fake.handled, 0);
    fake.enabled = true;
    toggle_timeout(FAKE, timeout_data);
    fire(scene, 2);
    remove_timeout(FAKE, timeout_data);
    assert_null(fake.data);
    fake.handled = 0;
    assert_int_equal(sd_event_run(scene->event, 300 * 1000), 0);
    assert_int_equal(fake.handled, 0);
}

static void test_timeout_added_disabled(void **state)
{
    struct scene *scene = *state;

    (void)connect_peer(scene);
    fake = (struct fake_timeout){.interval = 1};
    assert_true(add_timeout(FAKE, timeout_data));
    assert_int_equal(sd_event_run(scene->event, 300 * 1000), 0);
    assert_int_equal(fake.handled, 0);
    fake.enabled = true;
    toggle_timeout(FAKE, timeout_data);
    fire(scene, 1);
    remove_timeout(FAKE, timeout_data);
}

/* Handling it takes it away: its event source is gone while it is being dispatched. */
static void test_timeout_removed_while_handled(void **state)
{
    struct scene *scene = *state;

    (void)connect_peer(scene);
    fake = (struct fake_timeout){.interval = 1, .enabled = true, .remove_after = 2};
    assert_true(add_timeout(FAKE, timeout_data));
    fire(scene, 2);
    assert_null(fake.data);
    assert_int_equal(sd_event_run(scene->event, 300 * 1000), 0);
    assert_int_equal(fake.handled, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_queued_before_attaching, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_back_pressure, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_talkative_peer_starves_nobody, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_little_is_read_ahead, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_hang_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_hang_up_with_full_queue, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_hang_up_while_not_reading, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pause, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_detach_inside_a_message, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pending_call_times_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_timeouts_repeat, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_timeout_added_disabled, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_timeout_removed_while_handled, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
