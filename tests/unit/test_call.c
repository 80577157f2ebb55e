/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One call from its arrival to its answer, with handlers of the test's own where the ledger's would
 * hide what happens. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bus/gate_server.h"
#include "gate1.h"
#include "stage.h"

struct scene {
    struct stage *stage;
    struct gate_server *server;
    char path[96], address[128];
    DBusConnection *door; /* its messages are handed to call_dispatch by hand */
};

/* What the handler under test does; set before each call. */
static struct {
    call_step step;
    unsigned steps;
    const char *names[ROSTER_MAX + 1]; /* it wants to know these */
    bool groups;                       /* with their groups */
    int found[ROSTER_MAX + 1];         /* what it was told */
    size_t n_names;
} plan;

static void on_probe(struct call *call)
{
    call_run(call, plan.step);
}

static const struct interface_method methods[] = {{"Probe", "", "", on_probe}};
static const struct interface interface = {.name = "org.example.Test",
                                           .path = "/org/example/Test",
                                           .introspection = "<node/>",
                                           .methods = methods,
                                           .n_methods = 1};

static int set_up(void **state)
{
    struct scene *scene = test_calloc(1, sizeof(*scene));
    struct error error;

    stage_set_up((void **)&scene->stage);
    (void)snprintf(scene->path, sizeof(scene->path), "%s/gate", scene->stage->directory);
    (void)snprintf(scene->address, sizeof(scene->address), "unix:path=%s", scene->path);
    assert_int_equal(gate_server_new(&scene->stage->bus, scene->address, &scene->server, &error),
                     0);
    scene->door = stage_connect(scene->address, 0, false);
    memset(&plan, 0, sizeof(plan));
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;

    calls_drop(&scene->stage->bus, NULL);
    stage_hang_up(scene->door);
    gate_server_free(scene->server);
    stage_tear_down((void **)&scene->stage);
    test_free(scene);
    return 0;
}

static void probe(struct scene *scene)
{
    CLEANUP_MESSAGE DBusMessage *message =
        dbus_message_new_method_call(NULL, "/org/example/Test", "org.example.Test", "Probe");

    dbus_message_set_serial(message, 1);
    assert_int_equal(call_dispatch(&scene->stage->bus, &interface, scene->door, message, NULL),
                     DBUS_HANDLER_RESULT_HANDLED);
}

static bool has_no_calls(void *userdata)
{
    struct scene *scene = userdata;

    return LIST_EMPTY(&scene->stage->bus.calls);
}

/* Asks for everybody in the plan, as the ledger does: from nothing each time. */
static enum call_progress ask_for_people(struct call *call)
{
    const struct identity *user;
    bool wait = false;

    plan.steps++;
    for (size_t i = 0; i < plan.n_names; i++) {
        plan.found[i] = roster_user(&call->roster, plan.names[i], plan.groups, &user);
        wait = wait || plan.found[i] == -EAGAIN;
    }
    return wait ? CALL_NEEDS_PEOPLE : call_reply(call, DBUS_TYPE_INVALID);
}

static void test_people_are_found(void **state)
{
    struct scene *scene = *state;

    plan.step = ask_for_people;
    plan.names[plan.n_names++] = "alice";
    plan.names[plan.n_names++] = "nobody-there";
    plan.names[plan.n_names++] = "fails-now";
    probe(scene);
    assert_int_equal(plan.steps, 1); /* never answered from within */
    stage_until(scene->stage, has_no_calls, scene, NULL, 0);
    assert_int_equal(plan.steps, 2);
    assert_int_equal(plan.found[0], 0);
    assert_int_equal(plan.found[1], -ENOENT);
    assert_true(plan.found[2] < 0 && plan.found[2] != -ENOENT && plan.found[2] != -EAGAIN);
}

static void test_slow_name_service(void **state)
{
    struct scene *scene = *state;

    plan.step = ask_for_people;
    plan.names[plan.n_names++] = "hangs-long";
    probe(scene);
    stage_until(scene->stage, has_no_calls, scene, NULL, 0);
    assert_int_equal(plan.found[0], -ETIMEDOUT);
}

/* Its groups hang, and what needs none is answered before. */
static unsigned plain_answered;

static enum call_progress plain_then_groups(struct call *call)
{
    const struct identity *user;
    int groups = roster_user(&call->roster, "hangs-groups", true, &user);
    int plain = roster_user(&call->roster, "alice", false, &user);

    plan.steps++;
    if (plain == 0 && groups == -EAGAIN)
        plain_answered++;
    return plain == -EAGAIN || groups == -EAGAIN ? CALL_NEEDS_PEOPLE
                                                 : call_reply(call, DBUS_TYPE_INVALID);
}

static void test_plain_before_groups(void **state)
{
    struct scene *scene = *state;

    plain_answered = 0;
    plan.step = plain_then_groups;
    probe(scene);
    stage_until(scene->stage, has_no_calls, scene, NULL, 0);
    assert_int_equal(plain_answered, 1);
    assert_int_equal(plan.steps, 3);
}

/* More wishes than fit are refused to the step at once, not looked up for ever. */
static void test_too_many_people(void **state)
{
    static char names[ROSTER_MAX + 1][16];
    struct scene *scene = *state;

    plan.step = ask_for_people;
    for (size_t i = 0; i < ROSTER_MAX + 1; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "person%zu", i);
        plan.names[plan.n_names++] = names[i];
    }
    probe(scene);
    stage_until(scene->stage, has_no_calls, scene, NULL, 0);
    assert_int_equal(plan.found[0], -ENOENT);
    assert_int_equal(plan.found[ROSTER_MAX], -ENOSPC);
}

/* A name that cannot be one fails the look-up before it begins. */
static void test_refused_look_up(void **state)
{
    struct scene *scene = *state;

    plan.step = ask_for_people;
    plan.names[plan.n_names++] = "no/name";
    probe(scene);
    assert_true(has_no_calls(scene));
    assert_int_equal(plan.steps, 2);
    assert_int_equal(plan.found[0], -EINVAL);
}

static void ignore_names(const struct names_item *items, struct names_result *results, size_t count,
                         void *userdata)
{
}

/* The name service hangs and everybody waits for it: the next is told so at once. */
static void test_busy_name_service(void **state)
{
    const struct names_item item = {.kind = NAMES_USER, .name = "hangs-long"};
    struct scene *scene = *state;
    int r;

    do
        r = names_look_up(scene->stage->names, NAMES_DOORS, &item, 1, ignore_names, NULL, NULL);
    while (r == 0);
    assert_int_equal(r, -EBUSY);
    plan.step = ask_for_people;
    plan.names[plan.n_names++] = "alice";
    probe(scene);
    assert_true(has_no_calls(scene));
    assert_int_equal(plan.found[0], -EBUSY);
}

static enum call_progress wants_nobody(struct call *call)
{
    plan.steps++;
    return CALL_NEEDS_PEOPLE;
}

/* A step that asks for people and names none must not go round for ever. */
static void test_no_wishes(void **state)
{
    struct scene *scene = *state;

    plan.step = wants_nobody;
    probe(scene);
    assert_true(has_no_calls(scene));
    assert_int_equal(plan.steps, 1);
}

/* The caller goes while its look-up is under way. */
static void test_dropped_during_look_up(void **state)
{
    struct scene *scene = *state;

    plan.step = ask_for_people;
    plan.names[plan.n_names++] = "alice";
    probe(scene);
    probe(scene);
    calls_drop(&scene->stage->bus, scene->door);
    assert_true(has_no_calls(scene));
    while (sd_event_run(scene->stage->event, 500 * 1000) > 0)
        ;
    assert_int_equal(plan.steps, 2);
}

/* Only the connection's own go. */
static void test_drop_leaves_others(void **state)
{
    struct scene *scene = *state;
    DBusConnection *mine = scene->door, *other = stage_connect(scene->address, 0, false);

    plan.step = ask_for_people;
    plan.names[plan.n_names++] = "alice";
    probe(scene);
    scene->door = other;
    probe(scene);
    scene->door = mine;
    calls_drop(&scene->stage->bus, mine);
    assert_false(has_no_calls(scene));
    stage_until(scene->stage, has_no_calls, scene, NULL, 0);
    assert_int_equal(plan.steps, 3);
    stage_hang_up(other);
}

static void test_what_is_no_call(void **state)
{
    struct scene *scene = *state;
    CLEANUP_MESSAGE DBusMessage *signal =
        dbus_message_new_signal("/org/example/Test", "org.example.Test", "Probe");
    CLEANUP_MESSAGE DBusMessage *other =
        dbus_message_new_method_call(NULL, "/org/example/Test", "org.example.Other", "Probe");
    CLEANUP_MESSAGE DBusMessage *unknown =
        dbus_message_new_method_call(NULL, "/org/example/Test", "org.example.Test", "Prob");
    CLEANUP_MESSAGE DBusMessage *elsewhere =
        dbus_message_new_method_call(NULL, "/", "org.example.Test", "Probe");
    CLEANUP_MESSAGE DBusMessage *nameless =
        dbus_message_new_method_call(NULL, "/org/example/Test", NULL, "Probe");
    DBusMessage *const left[] = {signal, other, unknown};
    struct bus *bus = &scene->stage->bus;

    plan.step = ask_for_people;
    for (size_t i = 0; i < 3; i++) {
        dbus_message_set_serial(left[i], 1);
        assert_int_equal(call_dispatch(bus, &interface, scene->door, left[i], NULL),
                         DBUS_HANDLER_RESULT_NOT_YET_HANDLED);
    }
    dbus_message_set_serial(elsewhere, 1);
    assert_int_equal(call_dispatch(bus, &interface, scene->door, elsewhere, NULL),
                     DBUS_HANDLER_RESULT_HANDLED);
    assert_int_equal(plan.steps, 0);
    /* Without an interface the member alone says it (D-Bus specification, "Message Types"). */
    dbus_message_set_serial(nameless, 1);
    assert_int_equal(call_dispatch(bus, &interface, scene->door, nameless, NULL),
                     DBUS_HANDLER_RESULT_HANDLED);
    assert_int_equal(plan.steps, 1);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_people_are_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_slow_name_service, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_plain_before_groups, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_too_many_people, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused_look_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_busy_name_service, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_wishes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_dropped_during_look_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_drop_leaves_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_no_call, set_up, tear_down),
    };
    int code;

    if (stage_is_worker(argc, argv, &code))
        return code;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
