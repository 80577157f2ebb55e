/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLAIN                                                                                      \
    "[policy plain]\n"                                                                             \
    "accounts = oracle\n"                                                                          \
    "requesters = alice, erin\n"                                                                   \
    "approvers = %security\n"

static uint64_t checked_out(struct scene *scene, const char *person)
{
    uint64_t id = scene_file(scene, person, "oracle");

    assert_code(scene_approve(scene, "bob", id), 0);
    return id;
}

static void assert_end(struct scene *scene, uint64_t id, uint64_t seconds)
{
    CLEANUP_CHECKOUT struct checkout *checkout = scene_checkout(scene, id);

    assert_int_equal(checkout->end, SCENE_WALL + seconds);
    assert_int_equal(checkout->end_boot, SCENE_BOOT + seconds);
}

static void test_extend(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "alice", "oracle");
    uint64_t id, extension = 0, again = 0;

    scene_policies(scene, PLAIN "max-duration = 2h\n");
    id = checked_out(scene, "alice");
    scene_pass(scene, 1800);
    assert_code(scene_extend(scene, "alice", id, 3600, &extension), 0);
    assert_state(scene, extension, STATE_PENDING);
    assert_code(scene_extend(scene, "alice", id, 60, &again), 0);
    assert_int_equal(again, extension);
    assert_code(scene_approve(scene, "alice", extension), ERROR_SELF_APPROVAL);
    assert_code(scene_approve(scene, "bob", extension), 0);
    assert_state(scene, extension, STATE_APPLIED);
    assert_state(scene, id, STATE_ACTIVE);
    assert_end(scene, id, 7200);
    assert_int_equal(scene_event(scene, 0)->kind, EVENT_EXTENDED);
    assert_int_equal(scene_event(scene, 0)->id, id);
    assert_verdict(scene_ask(scene, &login), VERDICT_ALLOW);
    assert_int_equal(scene->verdict.id, id); /* the extension opens no door itself */
    assert_int_equal(scene->verdict.end, SCENE_WALL + 7200);
    assert_verdict(scene_resume(scene, extension, &login), VERDICT_REFUSED);
    /* never past max-duration counted from the first start */
    assert_code(scene_extend(scene, "alice", id, 1, &extension), ERROR_POLICY_REFUSED);
    assert_non_null(strstr(scene->error.text, "cannot be extended"));
    scene_pass(scene, 5400);
    assert_verdict(scene_ask(scene, &login), VERDICT_PENDING);
}

static void test_refused(void **state)
{
    struct scene *scene = *state;
    uint64_t id, extension = 0;

    scene_policies(scene, PLAIN "max-duration = 2h\n");
    assert_code(scene_extend(scene, "alice", 99, 60, &extension), ERROR_NOT_FOUND);
    id = scene_file(scene, "alice", "oracle");
    assert_code(scene_extend(scene, "alice", id, 60, &extension), ERROR_WRONG_STATE);
    assert_code(scene_approve(scene, "bob", id), 0);
    assert_code(scene_extend(scene, "bob", id, 60, &extension), ERROR_NOT_PERMITTED);
    assert_code(scene_extend(scene, "root", id, 60, &extension), ERROR_NOT_PERMITTED);
    assert_code(scene_extend(scene, "alice", id, 3601, &extension), ERROR_POLICY_REFUSED);
    assert_non_null(strstr(scene->error.text, "by 1h at most"));
    assert_code(scene_extend(scene, "alice", id, UINT64_MAX, &extension), ERROR_POLICY_REFUSED);
    assert_code(scene_extend(scene, "alice", id, UINT64_MAX - SCENE_WALL, &extension),
                ERROR_POLICY_REFUSED);
    scene_policies(scene, "[policy other]\naccounts = oracle\nrequesters = alice\n"
                          "approvers = bob\n");
    assert_code(scene_extend(scene, "alice", id, 60, &extension), ERROR_POLICY_REFUSED);
    scene_policies(scene, PLAIN);
    scene_pass(scene, 3600);
    assert_code(scene_extend(scene, "alice", id, 60, &extension), ERROR_WRONG_STATE);
    assert_non_null(strstr(scene->error.text, "is over"));
    assert_int_equal(extension, 0);
}

/* Whatever has become of the check-out meanwhile. */
static void test_too_late(void **state)
{
    struct scene *scene = *state;
    uint64_t id, extension = 0;

    scene_policies(scene, PLAIN);
    id = checked_out(scene, "alice");
    assert_code(scene_extend(scene, "alice", id, 600, &extension), 0);
    assert_code(scene_check_in(scene, "alice", id), 0);
    assert_code(scene_approve(scene, "bob", extension), ERROR_WRONG_STATE);
    assert_state(scene, extension, STATE_PENDING);
    assert_state(scene, id, STATE_RETURNED);
    assert_int_equal(scene_number(scene, "SELECT count(*) FROM decision WHERE checkout = 2"), 0);

    /* it does not wait longer than the check-out lasts */
    id = checked_out(scene, "alice");
    scene_pass(scene, 3599);
    assert_code(scene_extend(scene, "alice", id, 600, &extension), 0);
    scene_pass(scene, 1);
    assert_code(scene_approve(scene, "bob", extension), ERROR_WRONG_STATE);
    assert_state(scene, extension, STATE_LAPSED);
    assert_state(scene, id, STATE_EXPIRED);
}

/* The policy allows less by now: the end does not move, and never backwards. */
static void test_less_room_by_now(void **state)
{
    struct scene *scene = *state;
    uint64_t id, extension = 0;

    scene_policies(scene, PLAIN);
    id = checked_out(scene, "alice");
    assert_code(scene_extend(scene, "alice", id, 1200, &extension), 0);
    scene_policies(scene, PLAIN "duration = 20min\nmax-duration = 30min\n");
    assert_code(scene_approve(scene, "bob", extension), ERROR_POLICY_REFUSED);
    assert_end(scene, id, 3600);
    scene_policies(scene, PLAIN);
    assert_code(scene_approve(scene, "bob", extension), 0);
    assert_end(scene, id, 4800);
}

static void test_shortened(void **state)
{
    struct scene *scene = *state;
    uint64_t id, extension = 0;

    scene_policies(scene, PLAIN);
    id = checked_out(scene, "alice");
    assert_code(scene_extend(scene, "alice", id, 1200, &extension), 0);

    CLEANUP_CHECKOUT struct checkout *checkout = scene_checkout(scene, extension);
    struct approval_terms terms = {.digest = checkout->digest, .duration = 600};

    assert_code(scene_approve_with(scene, "bob", extension, &terms), 0);
    assert_end(scene, id, 4200);
}

static void test_auto_approved(void **state)
{
    struct scene *scene = *state;
    uint64_t id, extension = 0;

    scene_policies(scene, "[policy p]\naccounts = oracle\nrequesters = alice\napproval = none\n"
                          "max-duration = 2h\n");
    id = scene_file(scene, "alice", "oracle");
    assert_code(scene_extend(scene, "alice", id, 600, &extension), 0);
    assert_state(scene, extension, STATE_APPLIED);
    assert_end(scene, id, 4200);
    assert_code(scene_extend(scene, "alice", id, 3000, &extension), 0);
    assert_end(scene, id, 7200);
    assert_code(scene_extend(scene, "alice", id, 1, &extension), ERROR_POLICY_REFUSED);
}

/* The time that is added must be nobody else's. */
static void test_exclusive(void **state)
{
    struct scene *scene = *state;
    struct request later = {.account = "oracle", .reason = "x", .start = SCENE_WALL + 5000};
    uint64_t id, extension = 0, other = 0;

    scene_policies(scene, PLAIN "exclusive = yes\n");
    id = checked_out(scene, "alice");
    assert_code(scene_request(scene, "erin", &later, &other), 0);
    assert_code(scene_extend(scene, "alice", id, 1401, &extension), 0);
    assert_code(scene_approve(scene, "bob", other), 0);
    assert_code(scene_approve(scene, "bob", extension), ERROR_POLICY_REFUSED);
    assert_non_null(strstr(scene->error.text, "checked out to erin"));
    assert_code(scene_cancel(scene, "alice", extension), 0);
    assert_code(scene_extend(scene, "alice", id, 1401, &extension), ERROR_POLICY_REFUSED);
    assert_code(scene_extend(scene, "alice", id, 1400, &extension), 0);
    assert_code(scene_approve(scene, "bob", extension), 0);
    assert_end(scene, id, 5000);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, scene_setup, scene_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_extend),    TEST(test_refused),       TEST(test_too_late),
        TEST(test_shortened), TEST(test_auto_approved), TEST(test_less_room_by_now),
        TEST(test_exclusive),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
