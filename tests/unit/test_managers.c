/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "scene.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Approvers that depend on who asks, as the whole ledger sees them. */

#define BOTH                                                                                       \
    "[policy both]\n"                                                                              \
    "accounts = oracle\n"                                                                          \
    "requesters = alice, erin, carol, bob\n"                                                       \
    "approvers = manager, %security\n"                                                             \
    "quorum = manager & security:1\n"
#define ALONE                                                                                      \
    "[policy alone]\n"                                                                             \
    "accounts = backup\n"                                                                          \
    "requesters = alice, erin, carol, dave\n"                                                      \
    "approvers = manager\n"

/* dave is in no group of approvers; bob and carol are in security. */
#define MANAGERS "[managers]\nalice = dave\ncarol = erin\n"

static void assert_error(const struct scene *scene, const char *expected)
{
    assert_string_equal(scene->error.text, expected);
}

static void test_both_are_needed(void **state)
{
    struct scene *scene = *state;
    uint64_t id;

    scene_policies(scene, BOTH MANAGERS);
    id = scene_file(scene, "alice", "oracle");
    assert_code(scene_approve(scene, "dave", id), 0);
    assert_state(scene, id, STATE_PENDING);
    assert_code(scene_approve(scene, "bob", id), 0);
    assert_state(scene, id, STATE_ACTIVE);

    CLEANUP_CHECKOUT struct checkout *checkout = scene_checkout(scene, id);

    assert_int_equal(checkout->n_decisions, 2);
    assert_string_equal(checkout->decisions[0].term, "manager:1");
    assert_string_equal(checkout->decisions[1].term, "security:1");
}

static void test_two_of_security_are_no_manager(void **state)
{
    struct scene *scene = *state;
    uint64_t id;

    scene_policies(scene, BOTH MANAGERS);
    id = scene_file(scene, "alice", "oracle");
    assert_code(scene_approve(scene, "bob", id), 0);
    assert_code(scene_approve(scene, "carol", id), ERROR_NOT_PERMITTED);
    assert_error(scene,
                 "your approval would not help request 1 now: policy both wants the approval "
                 "of dave (alice's manager) and 1 approval of anyone in %security");
    assert_state(scene, id, STATE_PENDING);
}

static void test_somebody_elses_manager(void **state)
{
    struct scene *scene = *state;
    uint64_t alices, carols;

    scene_policies(scene, BOTH ALONE MANAGERS);
    alices = scene_file(scene, "alice", "backup");
    carols = scene_file(scene, "carol", "backup");
    assert_code(scene_approve(scene, "erin", alices), ERROR_NOT_PERMITTED);
    assert_error(scene, "you may not decide about request 1: dave (alice's manager) can");
    assert_code(scene_deny(scene, "erin", alices), ERROR_NOT_PERMITTED);
    assert_code(scene_approve(scene, "dave", carols), ERROR_NOT_PERMITTED);
    assert_error(scene, "you may not decide about request 2: erin (carol's manager) can");
    assert_code(scene_approve(scene, "dave", alices), 0);
    assert_state(scene, alices, STATE_ACTIVE);
    assert_code(scene_revoke(scene, "erin", alices), ERROR_NOT_PERMITTED);
    assert_code(scene_deny(scene, "erin", carols), 0);
    assert_state(scene, carols, STATE_DENIED);
    assert_code(scene_revoke(scene, "dave", alices), 0);
}

static void test_nobody_manages_themselves_in_the_end(void **state)
{
    struct scene *scene = *state;
    uint64_t id;

    /* dave is a manager, and has the manager alice */
    scene_policies(scene, ALONE "[managers]\nalice = dave\ndave = alice\n");
    id = scene_file(scene, "dave", "backup");
    assert_code(scene_approve(scene, "dave", id), ERROR_SELF_APPROVAL);
    assert_code(scene_approve(scene, "alice", id), 0);
    assert_state(scene, id, STATE_ACTIVE);
}

static void test_without_a_manager(void **state)
{
    struct scene *scene = *state;
    const struct request oracle = {.account = "oracle", .reason = "a reason"};
    const struct request backup = {.account = "backup", .reason = "a reason"};
    struct login login;
    uint64_t id = 0;

    scene_policies(scene, BOTH ALONE MANAGERS);
    assert_code(scene_request(scene, "erin", &oracle, &id), ERROR_NO_APPROVER);
    assert_error(scene, "policy both wants the approval of erin's manager (none is named) and 1 "
                        "approval of anyone in %security; no manager of erin is named in "
                        "[managers]: ask your administrator to name one");
    assert_code(scene_request(scene, "erin", &backup, &id), ERROR_NO_APPROVER);
    assert_error(scene, "policy alone wants 1 approval of erin's manager (none is named); no "
                        "manager of erin is named in [managers]: ask your administrator to name "
                        "one");
    login = scene_login(scene, DOOR_SUDO, "erin", "backup");
    assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
    assert_non_null(strstr(scene->verdict.message, "no manager of erin is named in [managers]"));
    assert_int_equal(id, 0);
    assert_int_equal(scene_number(scene, "SELECT count(*) FROM checkout"), 0);
}

/* Others may be approvers whom nobody can list, but none of them is the manager. */
static void test_without_a_manager_among_a_range(void **state)
{
    struct scene *scene = *state;
    const struct request request = {.account = "oracle", .reason = "a reason"};
    uint64_t id = 0;

#define RANGE                                                                                      \
    "[policy range]\naccounts = oracle\nrequesters = alice, erin\n"                                \
    "approvers = manager, %security, uid:1-9999\n"
    scene_policies(scene, RANGE "quorum = manager & security:1\n" MANAGERS);
    assert_code(scene_request(scene, "erin", &request, &id), ERROR_NO_APPROVER);
    assert_code(scene_request(scene, "alice", &request, &id), 0);
    scene_policies(scene, RANGE "quorum = manager | security:1\n" MANAGERS);
    assert_code(scene_request(scene, "erin", &request, &id), 0);
    assert_code(scene_approve(scene, "bob", id), 0);
    assert_state(scene, id, STATE_ACTIVE);
}

/* One person is not two, and root approves nothing. */
static void test_managers_who_cannot_complete_it(void **state)
{
    struct scene *scene = *state;
    const struct request request = {.account = "oracle", .reason = "a reason"};
    uint64_t id = 0;

    scene_user(scene, "bob")->groups[0] = '\0'; /* carol alone is security */
    scene_policies(scene, BOTH "[managers]\nalice = carol\nerin = root\n");
    assert_code(scene_request(scene, "alice", &request, &id), ERROR_NO_APPROVER);
    assert_error(scene, "policy both wants the approval of carol (alice's manager) and 1 approval "
                        "of anyone in %security, and without alice nobody can give that: ask your "
                        "administrator to name more approvers");
    assert_code(scene_request(scene, "erin", &request, &id), ERROR_NO_APPROVER);
}

static void test_who_can_approve(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "alice", "oracle");

    scene_policies(scene, BOTH MANAGERS);
    assert_verdict(scene_ask(scene, &login), VERDICT_PENDING);
    assert_string_equal(
        scene->verdict.message,
        "request 1 filed; dave (alice's manager) or anyone in %security can approve it");
    scene_policies(scene, BOTH);
    assert_verdict(scene_ask(scene, &login), VERDICT_PENDING);
    assert_non_null(strstr(scene->verdict.message,
                           "alice's manager (none is named) or anyone in %security can approve"));
}

/* With the map, whose approval counts changes too. */
static void test_another_manager(void **state)
{
    struct scene *scene = *state;
    uint64_t id;

    scene_policies(scene, BOTH MANAGERS);
    id = scene_file(scene, "alice", "oracle");
    assert_code(scene_approve(scene, "dave", id), 0);
    scene_policies(scene, BOTH "[managers]\nalice = erin\n");
    assert_code(scene_approve(scene, "bob", id), 0);
    assert_state(scene, id, STATE_PENDING);
    assert_code(scene_approve(scene, "erin", id), 0);
    assert_state(scene, id, STATE_ACTIVE);
}

static void test_manager_taken_away(void **state)
{
    struct scene *scene = *state;
    uint64_t id;

    scene_policies(scene, BOTH MANAGERS);
    id = scene_file(scene, "alice", "oracle");
    assert_code(scene_approve(scene, "dave", id), 0);
    scene_policies(scene, BOTH);
    assert_code(scene_approve(scene, "bob", id), 0);
    assert_state(scene, id, STATE_PENDING);
    assert_code(scene_deny(scene, "dave", id), ERROR_NOT_PERMITTED);
    assert_state(scene, id, STATE_PENDING);
}

static void test_grants(void **state)
{
    struct scene *scene = *state;
    const struct request request = {.account = "backup", .reason = "a reason"};
    uint64_t id = 0;

    scene_policies(scene, ALONE MANAGERS);
    assert_code(scene_grant(scene, "erin", "alice", &request, &id), ERROR_NOT_PERMITTED);
    assert_code(scene_grant(scene, "dave", "erin", &request, &id), ERROR_NO_APPROVER);
    assert_int_equal(id, 0);
    assert_code(scene_grant(scene, "dave", "alice", &request, &id), 0);
    assert_state(scene, id, STATE_ACTIVE);
}

static size_t listed(struct scene *scene, const char *name, bool decidable)
{
    struct caller caller = scene_caller(scene, name);
    const struct list_request request = {
        .filter = {.person_uid = UID_UNSET, .seen_by = UID_UNSET, .limit = 100},
        .decidable = decidable};
    CLEANUP_CHECKOUTS struct checkouts found = {0};
    int r;

    SCENE_ANSWERED(scene, r,
                   ledger_list(scene->ledger, &request, &caller, &roster, &found, &scene->error));
    assert_int_equal(r, 0);
    return found.count;
}

static int get(struct scene *scene, const char *name, uint64_t id)
{
    struct caller caller = scene_caller(scene, name);
    CLEANUP_CHECKOUT struct checkout *checkout = NULL;
    struct session **sessions = NULL;
    size_t n_sessions = 0;
    int r;

    SCENE_ANSWERED(scene, r,
                   ledger_get(scene->ledger, id, &caller, &roster, &checkout, &sessions,
                              &n_sessions, &scene->error));
    free(sessions);
    return r;
}

static bool hears(struct scene *scene, const char *name, uid_t uid, uint64_t id)
{
    const struct identity person = {.name = (char *)name, .uid = uid, .groups_known = true};

    return ledger_waits_for(scene->ledger, id, &person);
}

/* A manager sees and hears of the own people's requests alone. */
static void test_views(void **state)
{
    struct scene *scene = *state;
    uint64_t alices, carols;

    scene_policies(scene, ALONE MANAGERS);
    alices = scene_file(scene, "alice", "backup");
    carols = scene_file(scene, "carol", "backup");
    assert_int_equal(listed(scene, "dave", false), 1);
    assert_int_equal(listed(scene, "dave", true), 1);
    assert_int_equal(listed(scene, "erin", true), 1);
    assert_int_equal(listed(scene, "alice", false), 1); /* the own one */
    assert_int_equal(listed(scene, "alice", true), 0);
    assert_int_equal(listed(scene, "bob", false), 0);
    assert_code(get(scene, "dave", alices), 0);
    assert_code(get(scene, "dave", carols), ERROR_NOT_PERMITTED);
    assert_code(get(scene, "bob", alices), ERROR_NOT_PERMITTED);
    assert_true(hears(scene, "dave", scene_user(scene, "dave")->uid, alices));
    assert_false(hears(scene, "dave", scene_user(scene, "dave")->uid, carols));
    assert_false(hears(scene, "bob", scene_user(scene, "bob")->uid, alices));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, scene_setup, scene_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_both_are_needed),
        TEST(test_two_of_security_are_no_manager),
        TEST(test_somebody_elses_manager),
        TEST(test_nobody_manages_themselves_in_the_end),
        TEST(test_without_a_manager),
        TEST(test_without_a_manager_among_a_range),
        TEST(test_managers_who_cannot_complete_it),
        TEST(test_who_can_approve),
        TEST(test_another_manager),
        TEST(test_manager_taken_away),
        TEST(test_grants),
        TEST(test_views),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
