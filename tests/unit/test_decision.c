/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "scene.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLAIN                                                                                      \
    "[policy plain]\n"                                                                             \
    "accounts = oracle\n"                                                                          \
    "requesters = alice, erin, bob\n"                                                              \
    "approvers = %security\n"

#define TWO                                                                                        \
    "[policy two]\n"                                                                               \
    "accounts = oracle\n"                                                                          \
    "requesters = alice, erin, bob\n"                                                              \
    "approvers = %security, %managers, erin\n"                                                     \
    "quorum = security:1 & managers:1\n"

static void assert_error(const struct scene *scene, const char *part)
{
    if (!strstr(scene->error.text, part))
        fail_msg("'%s' is not in: %s", part, scene->error.text);
}

static int approve_as(struct scene *scene, struct caller caller, uint64_t id)
{
    CLEANUP_CHECKOUT struct checkout *checkout = scene_checkout(scene, id);
    struct approval_terms terms = {.digest = checkout->digest};
    int r;

    SCENE_ANSWERED(
        scene, r,
        ledger_approve(scene->ledger, id, &terms, &caller, &roster, &scene->now, &scene->error));
    return r;
}

static int deny_as(struct scene *scene, struct caller caller, uint64_t id)
{
    int r;

    SCENE_ANSWERED(
        scene, r,
        ledger_deny(scene->ledger, id, "no", &caller, &roster, &scene->now, &scene->error));
    return r;
}

/* ---- approve ---- */

static void test_approve(void **state)
{
    struct scene *scene = *state;
    uint64_t id;

    scene_policies(scene, PLAIN);
    id = scene_file(scene, "alice", "oracle");
    scene_pass(scene, 60);
    assert_code(scene_approve(scene, "bob", id), 0);

    CLEANUP_CHECKOUT struct checkout *checkout = scene_checkout(scene, id);

    assert_int_equal(checkout->state, STATE_ACTIVE);
    assert_int_equal(checkout->approved_at, SCENE_WALL + 60);
    assert_int_equal(checkout->start, SCENE_WALL + 60);
    assert_int_equal(checkout->end, SCENE_WALL + 60 + 3600);
    assert_int_equal(checkout->end_boot, SCENE_BOOT + 60 + 3600);
    assert_int_equal(checkout->n_decisions, 1);
    assert_string_equal(checkout->decisions[0].actor, "bob");
    assert_int_equal(checkout->decisions[0].actor_uid, 1002);
    assert_int_equal(scene_event(scene, 2)->kind, EVENT_DECISION);
    assert_int_equal(scene_event(scene, 1)->kind, EVENT_APPROVED);
    assert_int_equal(scene_event(scene, 1)->state_new, STATE_APPROVED);
    assert_int_equal(scene_event(scene, 0)->kind, EVENT_STARTED);
    assert_string_equal(scene_event(scene, 0)->actor, "");
    /* too late for a second one, whoever it is */
    assert_code(scene_approve(scene, "bob", id), ERROR_ALREADY_DECIDED);
    assert_code(scene_approve(scene, "carol", id), ERROR_ALREADY_DECIDED);
    assert_error(scene, "was approved by bob at");
    assert_code(scene_deny(scene, "carol", id), ERROR_ALREADY_DECIDED);
}

static void test_who_may_approve(void **state)
{
    struct scene *scene = *state;
    struct caller caller;
    uint64_t id;

    scene_policies(scene, PLAIN);
    id = scene_file(scene, "alice", "oracle");
    assert_code(scene_approve(scene, "dave", id), ERROR_NOT_PERMITTED);
    assert_error(scene, "anyone in %security can");
    assert_code(scene_approve(scene, "alice", id), ERROR_SELF_APPROVAL);
    assert_code(scene_deny(scene, "alice", id), ERROR_SELF_APPROVAL);
    assert_code(scene_approve(scene, "root", id), ERROR_NOT_PERMITTED);
    assert_error(scene, "root is nobody in particular");
    assert_code(scene_deny(scene, "root", id), ERROR_NOT_PERMITTED);
    caller = scene_caller(scene, "bob");
    caller.loginuid_known = false;
    assert_code(approve_as(scene, caller, id), ERROR_NOT_PERMITTED);
    assert_error(scene, "could not be read");
    assert_code(deny_as(scene, caller, id), ERROR_NOT_PERMITTED);
    assert_int_equal(scene_number(scene, "SELECT count(*) FROM decision"), 0);
    assert_state(scene, id, STATE_PENDING);
    /* known to have none: cron, a service of bob's */
    caller.loginuid_known = true;
    caller.loginuid = LOGINUID_UNSET;
    assert_code(approve_as(scene, caller, id), 0);
}

/* The four ways in which two uids and two loginuids can be one person. */
static void test_self_approval(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SSH, "alice", "oracle");
    struct caller caller;
    uint64_t id;

    scene_policies(scene, PLAIN);
    id = scene_file(scene, "alice", "oracle");
    caller = scene_caller(scene, "bob");
    caller.loginuid = 1001; /* alice, su bob */
    assert_code(approve_as(scene, caller, id), ERROR_SELF_APPROVAL);
    assert_error(scene, "logged in as alice");
    assert_code(deny_as(scene, caller, id), ERROR_SELF_APPROVAL);
    assert_code(scene_cancel(scene, "alice", id), 0);

    login.loginuid = 1002; /* bob, in whatever way alice at this door */
    assert_verdict(scene_ask(scene, &login), VERDICT_PENDING);
    id = scene->verdict.id;
    assert_code(scene_approve(scene, "bob", id), ERROR_SELF_APPROVAL);
    caller = scene_caller(scene, "carol");
    caller.loginuid = 1002;
    assert_code(approve_as(scene, caller, id), ERROR_SELF_APPROVAL);
    assert_code(scene_cancel(scene, "alice", id), 0);

    /* two that have not logged in are not for that the same */
    login.loginuid = LOGINUID_UNSET;
    assert_verdict(scene_ask(scene, &login), VERDICT_PENDING);
    id = scene->verdict.id;
    caller.loginuid = LOGINUID_UNSET;
    assert_code(approve_as(scene, caller, id), 0);
}

static void test_self_approval_allowed(void **state)
{
    struct scene *scene = *state;
    struct caller caller = scene_caller(scene, "bob");
    uint64_t id;

    scene_policies(scene, PLAIN "self-approval = yes\n");
    id = scene_file(scene, "alice", "oracle");
    assert_code(scene_approve(scene, "alice", id), ERROR_NOT_PERMITTED); /* no approver */
    id = scene_file(scene, "bob", "oracle");
    caller.loginuid_known = false;
    assert_code(approve_as(scene, caller, id), ERROR_NOT_PERMITTED);
    assert_code(scene_approve(scene, "bob", id), 0);
}

static void test_digest(void **state)
{
    struct scene *scene = *state;
    struct approval_terms terms = {0};
    uint64_t id;

    scene_policies(scene, PLAIN);
    id = scene_file(scene, "alice", "oracle");
    assert_code(scene_approve_with(scene, "bob", id, &terms), ERROR_INVALID_ARGUMENT);
    terms.digest = "";
    assert_code(scene_approve_with(scene, "bob", id, &terms), ERROR_CHANGED);
    terms.digest = "0000000000000000000000000000000000000000000000000000000000000000";
    assert_code(scene_approve_with(scene, "bob", id, &terms), ERROR_CHANGED);
    assert_error(scene, "checkoutctl show 1");
    assert_state(scene, id, STATE_PENDING);
}

static void test_terms(void **state)
{
    struct scene *scene = *state;
    struct request request = {
        .account = "oracle", .reason = "x", .duration = 1000, .start = SCENE_WALL + 500};
    uint64_t id = 0;

    scene_policies(scene, PLAIN);
    assert_code(scene_request(scene, "alice", &request, &id), 0);

    CLEANUP_CHECKOUT struct checkout *checkout = scene_checkout(scene, id);
    struct approval_terms terms = {.digest = checkout->digest};

    terms.duration = 1001;
    assert_code(scene_approve_with(scene, "bob", id, &terms), ERROR_INVALID_ARGUMENT);
    assert_error(scene, "longer");
    terms.duration = UINT64_MAX;
    assert_code(scene_approve_with(scene, "bob", id, &terms), ERROR_INVALID_ARGUMENT);
    terms.duration = 300;
    terms.start = SCENE_WALL + 499;
    assert_code(scene_approve_with(scene, "bob", id, &terms), ERROR_INVALID_ARGUMENT);
    assert_error(scene, "earlier");
    terms.start = SCENE_WALL + LIMIT_DURATION_SECONDS + 1;
    assert_code(scene_approve_with(scene, "bob", id, &terms), ERROR_INVALID_ARGUMENT);
    terms.start = UINT64_MAX;
    assert_code(scene_approve_with(scene, "bob", id, &terms), ERROR_INVALID_ARGUMENT);
    terms.start = SCENE_WALL + 800;
    assert_code(scene_approve_with(scene, "bob", id, &terms), 0);
    scene_pass(scene, 799);
    scene_tick(scene);
    assert_state(scene, id, STATE_APPROVED);
    scene_pass(scene, 1);
    scene_tick(scene);
    assert_state(scene, id, STATE_ACTIVE);
    checkout_free(TAKE_PTR(checkout));
    checkout = scene_checkout(scene, id);
    assert_int_equal(checkout->start, SCENE_WALL + 800);
    assert_int_equal(checkout->end, SCENE_WALL + 1100);
    assert_int_equal(checkout->end_boot, SCENE_BOOT + 1100);
}

/* The digest covers what was asked for, whatever an approver made of it. */
static void test_digest_outlives_a_later_start(void **state)
{
    struct scene *scene = *state;
    uint64_t id;

    scene_policies(scene, PLAIN);
    id = scene_file(scene, "alice", "oracle");

    CLEANUP_CHECKOUT struct checkout *checkout = scene_checkout(scene, id);
    struct approval_terms terms = {.digest = checkout->digest, .start = SCENE_WALL + 500};
    CLEANUP_CHECKOUT struct checkout *after = NULL;

    assert_code(scene_approve_with(scene, "bob", id, &terms), 0);
    after = scene_checkout(scene, id);
    assert_int_equal(after->start_at, SCENE_WALL + 500);
    assert_int_equal(after->asked_start, 0);
    assert_int_equal(checkout_seal(after), 0);
    assert_string_equal(after->digest, checkout->digest);
}

static void test_start_in_the_past(void **state)
{
    struct scene *scene = *state;
    uint64_t id;

    scene_policies(scene, PLAIN);
    id = scene_file(scene, "alice", "oracle");

    CLEANUP_CHECKOUT struct checkout *checkout = scene_checkout(scene, id);
    struct approval_terms terms = {.digest = checkout->digest, .start = SCENE_WALL - 1};

    assert_code(scene_approve_with(scene, "bob", id, &terms), ERROR_INVALID_ARGUMENT);
    assert_error(scene, "has passed already");
    terms.start = SCENE_WALL;
    assert_code(scene_approve_with(scene, "bob", id, &terms), 0);
    assert_state(scene, id, STATE_ACTIVE);
}

/* "never longer than asked or max-duration", which is today's. */
static void test_max_duration_of_today(void **state)
{
    struct scene *scene = *state;
    struct request request = {.account = "oracle", .reason = "x", .duration = 8 * 3600};
    uint64_t id = 0;

    scene_policies(scene, PLAIN);
    assert_code(scene_request(scene, "alice", &request, &id), 0);
    scene_policies(scene, PLAIN "max-duration = 2h\n");

    CLEANUP_CHECKOUT struct checkout *checkout = scene_checkout(scene, id);
    struct approval_terms terms = {.digest = checkout->digest};

    assert_code(scene_approve_with(scene, "bob", id, &terms), ERROR_POLICY_REFUSED);
    assert_error(scene, "at most 2h");
    terms.duration = 7201;
    assert_code(scene_approve_with(scene, "bob", id, &terms), ERROR_POLICY_REFUSED);
    terms.duration = 7200;
    assert_code(scene_approve_with(scene, "bob", id, &terms), 0);
}

static void test_not_there(void **state)
{
    static const uint64_t ids[] = {0, 1, 99, INT64_MAX, UINT64_MAX};
    struct scene *scene = *state;
    struct approval_terms terms = {.digest = "x"};

    scene_policies(scene, PLAIN);
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        assert_code(scene_approve_with(scene, "bob", ids[i], &terms), ERROR_NOT_FOUND);
        assert_code(scene_deny(scene, "bob", ids[i]), ERROR_NOT_FOUND);
        assert_code(scene_cancel(scene, "bob", ids[i]), ERROR_NOT_FOUND);
        assert_code(scene_check_in(scene, "bob", ids[i]), ERROR_NOT_FOUND);
        assert_code(scene_revoke(scene, "bob", ids[i]), ERROR_NOT_FOUND);
    }
}

static void test_lapsed_at_the_boundary(void **state)
{
    struct scene *scene = *state;
    uint64_t first, second;

    scene_policies(scene, PLAIN);
    first = scene_file(scene, "alice", "oracle");
    second = scene_file(scene, "erin", "oracle");
    scene_pass(scene, 1799);
    assert_code(scene_approve(scene, "bob", first), 0);
    scene_pass(scene, 1);
    assert_code(scene_approve(scene, "bob", second), ERROR_WRONG_STATE);
    assert_error(scene, "lapsed");
    assert_state(scene, second, STATE_LAPSED);
    assert_code(scene_cancel(scene, "erin", second), ERROR_WRONG_STATE);
}

/* ---- quorum ---- */

static void test_quorum_of_two(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "alice", "oracle");
    struct caller caller;
    uint64_t id;

    scene_policies(scene, PLAIN "quorum = 2\n");
    id = scene_file(scene, "alice", "oracle");
    assert_code(scene_approve(scene, "bob", id), 0);
    assert_state(scene, id, STATE_PENDING);
    assert_int_equal(scene_event(scene, 0)->kind, EVENT_DECISION);
    assert_verdict(scene_ask(scene, &login), VERDICT_PENDING);
    assert_non_null(strstr(scene->verdict.message, "approved so far by bob"));
    assert_code(scene_approve(scene, "bob", id), ERROR_ALREADY_DECIDED);
    /* a second name of the same login is no second person */
    caller = scene_caller(scene, "carol");
    caller.loginuid = 1002;
    assert_code(approve_as(scene, caller, id), ERROR_ALREADY_DECIDED);
    assert_code(scene_approve(scene, "carol", id), 0);
    assert_state(scene, id, STATE_ACTIVE);
    assert_int_equal(scene_number(scene, "SELECT count(*) FROM decision"), 2);
}

/* Two were asked for and one has approved; one is enough by now. */
static void test_quorum_is_smaller_now(void **state)
{
    struct scene *scene = *state;
    uint64_t id;

    scene_policies(scene, PLAIN "quorum = 2\n");
    id = scene_file(scene, "alice", "oracle");
    assert_code(scene_approve(scene, "bob", id), 0);
    scene_policies(scene, PLAIN);
    assert_code(scene_approve(scene, "erin", id), ERROR_NOT_PERMITTED);
    assert_code(scene_approve(scene, "carol", id), 0);
    assert_state(scene, id, STATE_ACTIVE);
}

static void test_quorum_of_groups(void **state)
{
    struct scene *scene = *state;
    uint64_t id;

    scene_policies(scene, TWO);
    id = scene_file(scene, "alice", "oracle");
    assert_code(scene_approve(scene, "erin", id), ERROR_NOT_PERMITTED);
    assert_error(scene, "would not help");
    assert_code(scene_approve(scene, "bob", id), 0);
    assert_int_equal(scene_number(scene, "SELECT term = 'security:1' FROM decision"), 1);
    assert_state(scene, id, STATE_PENDING);
    assert_code(scene_approve(scene, "dave", id), 0);
    assert_state(scene, id, STATE_ACTIVE);
}

/* Who has left the group no longer fills its term; who has come does not count before approving. */
static void test_quorum_somebody_left(void **state)
{
    struct scene *scene = *state;
    uint64_t id;

    scene_policies(scene, TWO);
    id = scene_file(scene, "alice", "oracle");
    assert_code(scene_approve(scene, "bob", id), 0);
    strcpy(scene_user(scene, "bob")->groups, "users");
    assert_code(scene_approve(scene, "dave", id), 0);
    assert_state(scene, id, STATE_PENDING);
    assert_code(scene_approve(scene, "carol", id), 0);
    assert_state(scene, id, STATE_ACTIVE);
}

static void test_quorum_somebody_is_gone(void **state)
{
    struct scene *scene = *state;
    uint64_t id;

    scene_policies(scene, TWO);
    id = scene_file(scene, "alice", "oracle");
    assert_code(scene_approve(scene, "bob", id), 0);
    /* another person by that name now */
    scene_user(scene, "bob")->uid = 2222;
    assert_code(scene_approve(scene, "dave", id), 0);
    assert_state(scene, id, STATE_PENDING);
    scene_forget_user(scene, "bob");
    assert_code(scene_approve(scene, "carol", id), 0);
    assert_state(scene, id, STATE_ACTIVE);
}

/* An earlier approval that cannot be counted now must not be taken for none: the later one would be
 * used up and nobody be left who could decide. */
static void test_quorum_name_service_down(void **state)
{
    struct scene *scene = *state;
    uint64_t id;

    scene_policies(scene, PLAIN "quorum = 2\n");
    id = scene_file(scene, "alice", "oracle");
    assert_code(scene_approve(scene, "bob", id), 0);
    scene_user(scene, "bob")->groups_error = -ETIMEDOUT;
    assert_code(scene_approve(scene, "carol", id), ERROR_NOT_PERMITTED);
    assert_error(scene, "try again");
    scene_user(scene, "bob")->groups_error = 0;
    scene_user(scene, "carol")->groups_error = -ETIMEDOUT;
    assert_code(scene_approve(scene, "carol", id), ERROR_NOT_PERMITTED);
    assert_error(scene, "try again");
    scene_user(scene, "carol")->groups_error = 0;
    assert_code(scene_approve(scene, "carol", id), 0);
    assert_state(scene, id, STATE_ACTIVE);
}

/* ---- today's policy ---- */

static void test_policy_gone(void **state)
{
    struct scene *scene = *state;
    uint64_t id, active;

    scene_policies(scene, PLAIN);
    active = scene_file(scene, "erin", "oracle");
    assert_code(scene_approve(scene, "bob", active), 0);
    id = scene_file(scene, "alice", "oracle");
    scene_policies(scene, TWO);
    assert_code(scene_approve(scene, "bob", id), ERROR_POLICY_REFUSED);
    assert_error(scene, "no longer there");
    assert_code(scene_deny(scene, "bob", id), ERROR_POLICY_REFUSED);
    assert_code(scene_revoke(scene, "bob", active), ERROR_NOT_PERMITTED);
    assert_code(scene_revoke(scene, "root", active), 0);
    assert_code(scene_cancel(scene, "alice", id), 0);
    scene_policies(scene, PLAIN);
    id = scene_file(scene, "alice", "oracle");
    /* another set of people by now */
    scene_policies(scene, "[policy plain]\naccounts = oracle\nrequesters = alice\n"
                          "approvers = dave\n");
    assert_code(scene_approve(scene, "bob", id), ERROR_NOT_PERMITTED);
    assert_code(scene_approve(scene, "dave", id), 0);
    /* none needed any more: nothing to decide */
    scene_policies(scene, PLAIN);
    id = scene_file(scene, "erin", "oracle");
    scene_policies(scene, "[policy plain]\naccounts = oracle\nrequesters = erin\n"
                          "approval = none\n");
    assert_code(scene_approve(scene, "bob", id), ERROR_POLICY_REFUSED);
}

/* ---- deny ---- */

static void test_deny(void **state)
{
    struct scene *scene = *state;
    uint64_t id;

    scene_policies(scene, PLAIN "quorum = 2\n");
    id = scene_file(scene, "alice", "oracle");
    assert_code(scene_deny(scene, "dave", id), ERROR_NOT_PERMITTED);
    assert_code(scene_approve(scene, "bob", id), 0);
    assert_code(scene_deny(scene, "carol", id), 0); /* one ends it */
    assert_state(scene, id, STATE_DENIED);
    assert_int_equal(scene_event(scene, 0)->kind, EVENT_DENIED);
    assert_string_equal(scene_event(scene, 0)->reason, "not today");
    assert_code(scene_approve(scene, "carol", id), ERROR_ALREADY_DECIDED);
    assert_error(scene, "was denied by carol");
    assert_code(scene_deny(scene, "bob", id), ERROR_ALREADY_DECIDED);
}

/* Who has approved may still stop it; both are kept. */
static void test_deny_after_approving(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "alice", "oracle");
    uint64_t id;

    scene_policies(scene, PLAIN "quorum = 2\n");
    id = scene_file(scene, "alice", "oracle");
    assert_code(scene_approve(scene, "bob", id), 0);
    assert_code(scene_deny(scene, "bob", id), 0);
    assert_state(scene, id, STATE_DENIED);

    CLEANUP_CHECKOUT struct checkout *checkout = scene_checkout(scene, id);

    assert_int_equal(checkout->n_decisions, 2);
    assert_int_equal(checkout->decisions[0].verdict, DECISION_APPROVE);
    assert_int_equal(checkout->decisions[1].verdict, DECISION_DENY);
    assert_verdict(scene_resume(scene, id, &login), VERDICT_REFUSED);
    assert_non_null(strstr(scene->verdict.message, "was denied by bob: not today"));
}

/* ---- cancel, check in, revoke ---- */

static void test_cancel(void **state)
{
    struct scene *scene = *state;
    uint64_t id;

    scene_policies(scene, PLAIN);
    id = scene_file(scene, "alice", "oracle");
    assert_code(scene_cancel(scene, "bob", id), ERROR_NOT_PERMITTED);
    assert_code(scene_cancel(scene, "root", id), ERROR_NOT_PERMITTED);
    assert_code(scene_check_in(scene, "alice", id), ERROR_WRONG_STATE);
    assert_error(scene, "checkoutctl cancel 1");
    assert_code(scene_revoke(scene, "bob", id), ERROR_WRONG_STATE);
    assert_error(scene, "still pending");
    assert_code(scene_cancel(scene, "alice", id), 0);
    assert_state(scene, id, STATE_CANCELLED);
    assert_code(scene_cancel(scene, "alice", id), ERROR_WRONG_STATE);
    assert_error(scene, "cancelled by alice");
    id = scene_file(scene, "alice", "oracle");
    assert_code(scene_approve(scene, "bob", id), 0);
    assert_code(scene_cancel(scene, "alice", id), ERROR_WRONG_STATE);
    assert_error(scene, "checkoutctl checkin 2");
}

static void test_check_in(void **state)
{
    struct scene *scene = *state;
    uint64_t id;

    scene_policies(scene, PLAIN "clock = first-use\n");
    id = scene_file(scene, "alice", "oracle");
    assert_code(scene_approve(scene, "bob", id), 0);
    assert_code(scene_check_in(scene, "bob", id), ERROR_NOT_PERMITTED);
    assert_code(scene_check_in(scene, "alice", id), 0); /* approved */
    assert_state(scene, id, STATE_RETURNED);
    scene_policies(scene, PLAIN);
    id = scene_file(scene, "alice", "oracle");
    assert_code(scene_approve(scene, "bob", id), 0);
    assert_code(scene_check_in(scene, "alice", id), 0); /* active */
    assert_state(scene, id, STATE_RETURNED);
    assert_code(scene_check_in(scene, "alice", id), ERROR_WRONG_STATE);
    assert_error(scene, "checked in by alice");
    id = scene_file(scene, "alice", "oracle");
    assert_code(scene_approve(scene, "bob", id), 0);
    scene_pass(scene, 3600);
    assert_code(scene_check_in(scene, "alice", id), ERROR_WRONG_STATE);
    assert_error(scene, "expired");
}

static void test_revoke(void **state)
{
    static const char *const may[] = {"bob", "root", "dave"};
    struct scene *scene = *state;
    uint64_t id;

    strcpy(scene_user(scene, "dave")->groups, "users wheel"); /* the administrators */
    scene_policies(scene, PLAIN);
    for (size_t i = 0; i < 3; i++) {
        id = scene_file(scene, "alice", "oracle");
        assert_code(scene_approve(scene, "carol", id), 0);
        assert_code(scene_revoke(scene, "erin", id), ERROR_NOT_PERMITTED);
        assert_code(scene_revoke(scene, "alice", id), ERROR_NOT_PERMITTED);
        assert_code(scene_revoke(scene, may[i], id), 0);
        assert_state(scene, id, STATE_REVOKED);
        assert_string_equal(scene_event(scene, 0)->reason, "enough");
        assert_string_equal(scene_event(scene, 0)->actor, may[i]);
        assert_code(scene_revoke(scene, may[i], id), ERROR_WRONG_STATE);
    }
    /* one's own, as an approver */
    id = scene_file(scene, "bob", "oracle");
    assert_code(scene_approve(scene, "carol", id), 0);
    assert_code(scene_revoke(scene, "bob", id), 0);
    /* scheduled */
    struct request request = {.account = "oracle", .reason = "x", .start = SCENE_WALL + 500};

    assert_code(scene_request(scene, "alice", &request, &id), 0);
    assert_code(scene_approve(scene, "carol", id), 0);
    assert_code(scene_revoke(scene, "bob", id), 0);
}

/* Taking away what is there does not hang on something else that cannot be read. */
static void test_revoke_beside_a_damaged_row(void **state)
{
    struct scene *scene = *state;
    uint64_t id, broken;
    int64_t end;
    char sql[80];

    scene_policies(scene, PLAIN);
    id = scene_file(scene, "alice", "oracle");
    assert_code(scene_approve(scene, "carol", id), 0);
    scene_pass(scene, 600);
    broken = scene_file(scene, "erin", "oracle");
    assert_code(scene_approve(scene, "carol", broken), 0);
    end = scene_number(scene, "SELECT \"end\" FROM checkout WHERE id = 2");
    scene_tamper(scene->path, "UPDATE checkout SET \"end\" = 5, uses = -1 WHERE id = 2");
    assert_code(scene_revoke(scene, "bob", id), 0);
    assert_state(scene, id, STATE_REVOKED);
    (void)snprintf(sql, sizeof(sql), "UPDATE checkout SET \"end\" = %lld, uses = 0 WHERE id = 2",
                   (long long)end);
    scene_tamper(scene->path, sql);
}

static void test_who_can_approve(void **state)
{
    struct scene *scene = *state;
    uint64_t id;

    scene_policies(scene, TWO);
    id = scene_file(scene, "alice", "oracle");

    CLEANUP_CHECKOUT struct checkout *checkout = scene_checkout(scene, id);
    CLEANUP_FREE char *who = ledger_who_can_approve(scene->ledger, checkout);

    assert_string_equal(who, "anyone in %security, anyone in %managers or erin can approve it");
    scene_policies(scene, PLAIN);
    free(TAKE_PTR(who));
    who = ledger_who_can_approve(scene->ledger, checkout);
    assert_string_equal(who, "");
}

/* ---- grant ---- */

static void test_grant(void **state)
{
    struct scene *scene = *state;
    struct request request = {.account = "oracle", .reason = "on call", .duration = 600};
    struct caller caller = scene_caller(scene, "bob");
    uint64_t id = 0;
    int r;

    scene_policies(scene, PLAIN);
    assert_code(scene_grant(scene, "dave", "alice", &request, &id), ERROR_NOT_PERMITTED);
    assert_code(scene_grant(scene, "root", "alice", &request, &id), ERROR_NOT_PERMITTED);
    assert_code(scene_grant(scene, "bob", "bob", &request, &id), ERROR_SELF_APPROVAL);
    assert_code(scene_grant(scene, "bob", "dave", &request, &id), ERROR_POLICY_REFUSED);
    assert_code(scene_grant(scene, "bob", "ghost", &request, &id), ERROR_NOT_FOUND);
    caller.loginuid = 1001; /* alice, su bob: grants herself */
    SCENE_ANSWERED(scene, r,
                   ledger_grant(scene->ledger, "alice", &request, &caller, &roster, &scene->now,
                                &id, &scene->error));
    assert_code(r, ERROR_SELF_APPROVAL);
    assert_int_equal(scene_number(scene, "SELECT count(*) FROM checkout"), 0);
    assert_code(scene_grant(scene, "bob", "alice", &request, &id), 0);
    assert_state(scene, id, STATE_ACTIVE);
    assert_int_equal(scene_event(scene, 3)->kind, EVENT_REQUESTED);
    assert_string_equal(scene_event(scene, 3)->actor, "bob");
    /* the quorum stays what it is */
    scene_policies(scene, PLAIN "quorum = 2\n");
    assert_code(scene_grant(scene, "bob", "erin", &request, &id), 0);
    assert_state(scene, id, STATE_PENDING);
    assert_code(scene_approve(scene, "bob", id), ERROR_ALREADY_DECIDED);
    assert_code(scene_approve(scene, "erin", id), ERROR_SELF_APPROVAL);
    assert_code(scene_approve(scene, "carol", id), 0);
    assert_state(scene, id, STATE_ACTIVE);
    scene_policies(scene, "[policy n]\naccounts = oracle\nrequesters = alice\n"
                          "approval = none\n");
    assert_code(scene_grant(scene, "bob", "alice", &request, &id), ERROR_POLICY_REFUSED);
}

/* ---- nothing can be written ---- */

static void test_nothing_can_be_written(void **state)
{
    static const char *const tables[] = {"audit", "decision"};
    struct scene *scene = *state;
    uint64_t id;

    scene_policies(scene, PLAIN);
    id = scene_file(scene, "alice", "oracle");
    for (size_t i = 0; i < 2; i++) {
        char sql[128];

        (void)snprintf(sql, sizeof(sql),
                       "CREATE TRIGGER no BEFORE INSERT ON %s BEGIN SELECT raise(ABORT, 'no room');"
                       " END",
                       tables[i]);
        scene_tamper(scene->path, sql);
        assert_code(scene_approve(scene, "bob", id), ERROR_STORAGE_FAILED);
        assert_error(scene, "no room");
        assert_error(scene, "nothing was changed");
        assert_code(scene_deny(scene, "bob", id), ERROR_STORAGE_FAILED);
        assert_state(scene, id, STATE_PENDING);
        assert_int_equal(scene_number(scene, "SELECT count(*) FROM decision"), 0);
        scene_tamper(scene->path, "DROP TRIGGER no");
    }
    assert_code(scene_approve(scene, "bob", id), 0);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, scene_setup, scene_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_approve),
        TEST(test_who_may_approve),
        TEST(test_self_approval),
        TEST(test_self_approval_allowed),
        TEST(test_digest),
        TEST(test_terms),
        TEST(test_digest_outlives_a_later_start),
        TEST(test_start_in_the_past),
        TEST(test_max_duration_of_today),
        TEST(test_not_there),
        TEST(test_lapsed_at_the_boundary),
        TEST(test_quorum_of_two),
        TEST(test_quorum_is_smaller_now),
        TEST(test_quorum_of_groups),
        TEST(test_quorum_somebody_left),
        TEST(test_quorum_somebody_is_gone),
        TEST(test_quorum_name_service_down),
        TEST(test_policy_gone),
        TEST(test_deny),
        TEST(test_deny_after_approving),
        TEST(test_cancel),
        TEST(test_check_in),
        TEST(test_revoke),
        TEST(test_revoke_beside_a_damaged_row),
        TEST(test_who_can_approve),
        TEST(test_grant),
        TEST(test_nothing_can_be_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
