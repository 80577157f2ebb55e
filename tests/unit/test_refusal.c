/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "scene.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger/ledger_internal.h"

#define PLAIN                                                                                      \
    "[policy plain]\n"                                                                             \
    "accounts = oracle\n"                                                                          \
    "requesters = alice, erin, dave, bob\n"                                                        \
    "approvers = %security\n"                                                                      \
    "max-open = 50\n"

static int64_t refused(const struct scene *scene)
{
    return scene_number(scene, "SELECT count(*) FROM audit WHERE event = 'decision-refused'");
}

static void assert_last(const struct scene *scene, const char *actor, uint64_t id,
                        const char *reason)
{
    const struct scene_event *event = scene_event(scene, 0);

    assert_int_equal(event->kind, EVENT_DECISION_REFUSED);
    assert_string_equal(event->actor, actor);
    assert_int_equal(event->id, id);
    assert_int_equal(event->state_old, event->state_new);
    if (strncmp(event->reason, reason, strlen(reason)) != 0)
        fail_msg("\"%s\" does not begin with \"%s\"", event->reason, reason);
}

static int deny_as(struct scene *scene, const char *name, uid_t loginuid, uint64_t id)
{
    struct caller caller = scene_caller(scene, name);
    int r;

    caller.loginuid = loginuid;
    SCENE_ANSWERED(
        scene, r,
        ledger_deny(scene->ledger, id, "x", &caller, &roster, &scene->now, &scene->error));
    return r;
}

static void test_kinds(void **state)
{
    struct scene *scene = *state;
    struct request request = {.account = "oracle", .reason = "x"};
    uid_t alice = scene_user(scene, "alice")->uid;
    uint64_t id, other;

    scene_policies(scene, PLAIN);
    id = scene_file(scene, "bob", "oracle");
    assert_code(scene_approve(scene, "bob", id), ERROR_SELF_APPROVAL);
    assert_last(scene, "bob", id, "approve: bob cannot decide about their own");
    other = scene_file(scene, "alice", "oracle");
    assert_code(scene_approve(scene, "root", other), ERROR_NOT_PERMITTED);
    assert_last(scene, "root", other, "approve: root is nobody");
    assert_code(scene_deny(scene, "erin", other), ERROR_NOT_PERMITTED);
    assert_last(scene, "erin", other, "deny: you may not decide");
    /* carol's account, in alice's login */
    assert_code(deny_as(scene, "carol", alice, other), ERROR_SELF_APPROVAL);
    assert_last(scene, "carol", other, "deny: you logged in as alice");
    assert_code(scene_cancel(scene, "erin", other), ERROR_NOT_PERMITTED);
    assert_last(scene, "erin", other, "cancel: ");
    assert_code(scene_approve(scene, "bob", other), 0);
    assert_code(scene_revoke(scene, "erin", other), ERROR_NOT_PERMITTED);
    assert_last(scene, "erin", other, "revoke: ");
    assert_code(scene_check_in(scene, "bob", other), ERROR_NOT_PERMITTED);
    assert_last(scene, "bob", other, "checkin: ");
    assert_code(scene_extend(scene, "bob", other, 60, &id), ERROR_NOT_PERMITTED);
    assert_last(scene, "bob", other, "extend: ");
    assert_code(scene_grant(scene, "erin", "dave", &request, &id), ERROR_NOT_PERMITTED);
    assert_last(scene, "erin", 0, "grant: ");
    assert_int_equal(scene_number(scene, "SELECT count(*) FROM audit WHERE"
                                         " event = 'decision-refused' AND"
                                         " json_extract(record, '$.person') = 'dave' AND"
                                         " json_extract(record, '$.account') = 'oracle'"),
                     1);
    assert_int_equal(refused(scene), 9);
    assert_int_equal(scene_number(scene, "SELECT count(*) FROM audit WHERE"
                                         " json_extract(record, '$.refusal') = 'SelfApproval'"),
                     2);
    assert_int_equal(scene_number(scene, "SELECT count(*) FROM audit WHERE"
                                         " json_extract(record, '$.refusal') = 'NotPermitted'"),
                     7);
}

/* What is no attempt at something forbidden is none. */
static void test_no_attempts(void **state)
{
    struct scene *scene = *state;
    uint64_t id;

    scene_policies(scene, PLAIN);
    id = scene_file(scene, "alice", "oracle");
    assert_code(scene_approve(scene, "bob", id), 0);
    assert_code(scene_approve(scene, "carol", id), ERROR_ALREADY_DECIDED);
    assert_code(scene_check_in(scene, "alice", id), 0);
    assert_code(scene_revoke(scene, "bob", id), ERROR_WRONG_STATE);
    assert_int_equal(refused(scene), 0);
}

static void test_counted(void **state)
{
    struct scene *scene = *state;
    uint64_t id, other;

    scene_policies(scene, PLAIN);
    id = scene_file(scene, "bob", "oracle");
    other = scene_file(scene, "alice", "oracle");
    for (int i = 0; i < 5; i++)
        assert_code(scene_approve(scene, "bob", id), ERROR_SELF_APPROVAL);
    assert_int_equal(refused(scene), 1);
    /* others, and other attempts, are not lost in it */
    assert_code(scene_approve(scene, "erin", id), ERROR_NOT_PERMITTED);
    assert_code(scene_approve(scene, "erin", other), ERROR_NOT_PERMITTED);
    assert_int_equal(refused(scene), 3);
    scene_pass(scene, 60);
    assert_code(scene_approve(scene, "erin", other), ERROR_NOT_PERMITTED);
    assert_last(scene, "erin", other, "approve: ");
    /* bob's four were written down when their minute was over, though bob tried no more */
    assert_int_equal(scene_number(scene, "SELECT count(*) FROM audit WHERE"
                                         " json_extract(record, '$.reason') = 'approve: "
                                         "the same again (and 3 times since it was "
                                         "last recorded)'"),
                     1);
    assert_int_equal(scene_number(scene, "SELECT sum(1 + coalesce(json_extract(record,"
                                         " '$.repeats'), 0)) FROM audit"
                                         " WHERE event = 'decision-refused'"),
                     8);
    assert_int_equal(refused(scene), 5);
    scene_pass(scene, 60);
    scene_tick(scene);
    assert_int_equal(refused(scene), 5);
}

/* A stop loses no count. */
static void test_counted_to_the_end(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "carol", "oracle");
    uint64_t id;

    scene_policies(scene, PLAIN);
    id = scene_file(scene, "bob", "oracle");
    for (int i = 0; i < 3; i++) {
        assert_code(scene_approve(scene, "bob", id), ERROR_SELF_APPROVAL);
        assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
    }
    assert_int_equal(
        ledger_note(scene->ledger, EVENT_BROKER_STOPPED, NULL, &scene->now, &scene->error), 0);
    assert_int_equal(scene_number(scene, "SELECT count(*) FROM audit WHERE"
                                         " event = 'decision-refused' AND"
                                         " json_extract(record, '$.reason') LIKE '%the same again"
                                         " (and 1 times since it was last recorded)'"),
                     1);
    assert_int_equal(scene_number(scene, "SELECT count(*) FROM audit WHERE"
                                         " event = 'door-refused' AND"
                                         " json_extract(record, '$.person') = 'carol' AND"
                                         " json_extract(record, '$.account') = 'oracle' AND"
                                         " json_extract(record, '$.reason') = 'the same again"
                                         " (and 1 times since it was last recorded)'"),
                     1);
}

/* One person's attempts at everything there is do not fill the ledger. */
static void test_flood(void **state)
{
    struct scene *scene = *state;
    char name[16];
    uint64_t ids[40];

    scene_policies(scene, "[policy plain]\naccounts = oracle\nrequesters = uid:5000-5999\n"
                          "approvers = bob\n");
    for (int i = 0; i < 40; i++) {
        (void)snprintf(name, sizeof(name), "p%02d", i);
        scene_add_user(scene, name, 5000 + (uid_t)i, "");
        ids[i] = scene_file(scene, name, "oracle");
    }
    for (int i = 0; i < 40; i++)
        assert_code(scene_deny(scene, "erin", ids[i]), ERROR_NOT_PERMITTED);
    assert_int_equal(refused(scene), 16);
    assert_code(scene_deny(scene, "dave", ids[0]), ERROR_NOT_PERMITTED);
    assert_int_equal(refused(scene), 17);
    scene_pass(scene, 60);
    scene_tick(scene);
    assert_last(scene, "erin", ids[15],
                "deny: the same again (and 23 times since it was last recorded)");
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, scene_setup, scene_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_kinds), TEST(test_no_attempts), TEST(test_counted), TEST(test_counted_to_the_end),
        TEST(test_flood),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
