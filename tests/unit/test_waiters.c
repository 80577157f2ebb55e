/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sink/waiters.h"

struct scene {
    sd_event *event;
    struct waiters *waiters;
};

/* One that waits, and what its waking does. */
struct sleeper {
    struct waiter *waiter;
    unsigned woken;
    bool timed_out;
    struct sleeper *cancels; /* when it wakes */
    struct scene *adds_to;   /* waits again when it wakes, for number 99 */
};

static int set_up(void **state)
{
    struct scene *scene = test_calloc(1, sizeof(*scene));

    assert_int_equal(sd_event_new(&scene->event), 0);
    assert_int_equal(waiters_new(scene->event, &scene->waiters), 0);
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;

    waiters_free(scene->waiters);
    sd_event_unref(scene->event);
    test_free(scene);
    return 0;
}

static void on_wake(bool timed_out, void *userdata)
{
    struct sleeper *sleeper = userdata;

    sleeper->woken++;
    sleeper->timed_out = timed_out;
    sleeper->waiter = NULL;
    if (sleeper->cancels) {
        waiter_cancel(sleeper->cancels->waiter);
        sleeper->cancels->waiter = NULL;
    }
    if (sleeper->adds_to)
        assert_int_equal(
            waiters_add(sleeper->adds_to->waiters, 99, 3600, on_wake, sleeper, &sleeper->waiter),
            0);
}

static void add(struct scene *scene, struct sleeper *sleeper, uint64_t id, uint64_t seconds)
{
    assert_int_equal(waiters_add(scene->waiters, id, seconds, on_wake, sleeper, &sleeper->waiter),
                     0);
}

static void tell(struct scene *scene, enum event_kind kind, uint64_t id, enum checkout_state old,
                 enum checkout_state new)
{
    struct checkout checkout = {.id = id, .state = new};
    struct event event = {
        .kind = kind, .checkout = id ? &checkout : NULL, .state_old = old, .state_new = new};

    waiters_sink(&event, scene->waiters);
}

/* Runs what is due now; the number of turns that did something. */
static unsigned run(struct scene *scene)
{
    unsigned turns = 0;

    while (sd_event_run(scene->event, 0) > 0)
        assert_true(++turns < 1000);
    return turns;
}

static void test_decision_wakes_its_own(void **state)
{
    struct scene *scene = *state;
    struct sleeper first = {0}, second = {0}, other = {0};

    add(scene, &first, 17, 3600);
    add(scene, &second, 17, 3600);
    add(scene, &other, 18, 3600);
    tell(scene, EVENT_APPROVED, 17, STATE_PENDING, STATE_APPROVED);
    /* Never from within: the ledger may still be telling of the same transaction. */
    assert_int_equal(first.woken + second.woken, 0);
    tell(scene, EVENT_STARTED, 17, STATE_APPROVED, STATE_ACTIVE);
    run(scene);
    assert_int_equal(first.woken, 1);
    assert_false(first.timed_out);
    assert_int_equal(second.woken, 1);
    assert_int_equal(other.woken, 0);
    assert_non_null(other.waiter);
    /* Nothing is left to do: the loop rests. */
    assert_int_equal(run(scene), 0);
}

static void test_every_end_wakes(void **state)
{
    static const struct {
        enum event_kind kind;
        enum checkout_state new;
    } ends[] = {{EVENT_APPROVED, STATE_APPROVED},
                {EVENT_DENIED, STATE_DENIED},
                {EVENT_CANCELLED, STATE_CANCELLED},
                {EVENT_LAPSED, STATE_LAPSED}};
    struct scene *scene = *state;

    for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
        struct sleeper sleeper = {0};

        add(scene, &sleeper, 5, 3600);
        tell(scene, ends[i].kind, 5, STATE_PENDING, ends[i].new);
        run(scene);
        assert_int_equal(sleeper.woken, 1);
    }
}

static void test_what_changes_nothing_wakes_nobody(void **state)
{
    struct scene *scene = *state;
    struct sleeper sleeper = {0};

    add(scene, &sleeper, 17, 3600);
    tell(scene, EVENT_REQUESTED, 17, STATE_NONE, STATE_PENDING);
    tell(scene, EVENT_POLICY_LOADED, 0, STATE_NONE, STATE_NONE);
    assert_int_equal(run(scene), 0);
    assert_int_equal(sleeper.woken, 0);
    waiter_cancel(sleeper.waiter);
}

static void test_time_wakes(void **state)
{
    struct scene *scene = *state;
    struct sleeper soon = {0}, late = {0};

    add(scene, &late, 17, UINT32_MAX);
    add(scene, &soon, 17, 0);
    while (!soon.woken)
        assert_true(sd_event_run(scene->event, 10 * 1000000) > 0);
    assert_int_equal(soon.woken, 1);
    assert_true(soon.timed_out);
    assert_int_equal(late.woken, 0);
    assert_non_null(late.waiter);
}

/* Decided and out of time in the same turn: woken once. */
static void test_decision_and_time_together(void **state)
{
    struct scene *scene = *state;
    struct sleeper sleeper = {0};

    add(scene, &sleeper, 17, 0);
    tell(scene, EVENT_DENIED, 17, STATE_PENDING, STATE_DENIED);
    while (!sleeper.woken)
        assert_true(sd_event_run(scene->event, 10 * 1000000) > 0);
    run(scene);
    assert_int_equal(sleeper.woken, 1);
}

static void test_cancelled_is_not_woken(void **state)
{
    struct scene *scene = *state;
    struct sleeper before = {0}, after = {0};

    waiter_cancel(NULL);
    add(scene, &before, 17, 3600);
    waiter_cancel(before.waiter);
    add(scene, &after, 17, 3600);
    tell(scene, EVENT_DENIED, 17, STATE_PENDING, STATE_DENIED);
    waiter_cancel(after.waiter); /* woken already, but not yet called */
    run(scene);
    assert_int_equal(before.woken + after.woken, 0);
    assert_int_equal(run(scene), 0);
}

static void test_waking_may_cancel_and_add(void **state)
{
    struct scene *scene = *state;
    struct sleeper sleepers[3] = {0};

    /* Whichever is first cancels the others, and waits again. */
    for (size_t i = 0; i < 3; i++) {
        add(scene, &sleepers[i], 17, 3600);
        sleepers[i].adds_to = scene;
    }
    sleepers[0].cancels = &sleepers[1];
    sleepers[1].cancels = &sleepers[0];
    tell(scene, EVENT_DENIED, 17, STATE_PENDING, STATE_DENIED);
    run(scene);
    assert_int_equal(sleepers[0].woken + sleepers[1].woken, 1);
    assert_int_equal(sleepers[2].woken, 1);
    assert_non_null(sleepers[2].waiter);
    assert_int_equal(run(scene), 0);
}

/* Who waits is told of it, and waits on. */
static void test_an_approval_of_several_wakes(void **state)
{
    struct scene *scene = *state;
    struct sleeper sleeper = {0};

    add(scene, &sleeper, 17, 3600);
    tell(scene, EVENT_DECISION, 17, STATE_PENDING, STATE_PENDING);
    run(scene);
    assert_int_equal(sleeper.woken, 1);
}

/* tear_down frees waiters with these pending, woken and not; the sanitizers look on. */
static void test_free_with_pending(void **state)
{
    static struct sleeper sleepers[4]; /* outlives the function: a wake would be seen */
    struct scene *scene = *state;

    for (size_t i = 0; i < 4; i++)
        add(scene, &sleepers[i], 17 + i % 2, 3600);
    tell(scene, EVENT_DENIED, 17, STATE_PENDING, STATE_DENIED);
    scene->waiters = waiters_free(scene->waiters);
    run(scene);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(sleepers[i].woken, 0);
    assert_null(waiters_free(NULL));
}

/* Ten thousand that wait for one request are all woken by its decision, and cost no turn before. */
static void test_many(void **state)
{
    enum { MANY = 10000 };
    struct sleeper *sleepers = test_calloc(MANY, sizeof(*sleepers));
    struct scene *scene = *state;

    for (size_t i = 0; i < MANY; i++)
        add(scene, &sleepers[i], 17, 3600);
    assert_int_equal(run(scene), 0);
    tell(scene, EVENT_DENIED, 17, STATE_PENDING, STATE_DENIED);
    for (size_t turn = 0; turn < MANY; turn++)
        assert_true(sd_event_run(scene->event, 0) > 0);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(sleepers[i].woken, 1);
    test_free(sleepers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_decision_wakes_its_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_end_wakes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_changes_nothing_wakes_nobody, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_time_wakes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_decision_and_time_together, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cancelled_is_not_woken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_waking_may_cancel_and_add, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_approval_of_several_wakes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_free_with_pending, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
