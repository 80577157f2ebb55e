/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "scene.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLAIN                                                                                      \
    "[policy plain]\n"                                                                             \
    "accounts = oracle, backup\n"                                                                  \
    "requesters = alice, erin, bob\n"                                                              \
    "approvers = %security\n"

static void assert_error(const struct scene *scene, const char *part)
{
    if (!strstr(scene->error.text, part))
        fail_msg("'%s' is not in: %s", part, scene->error.text);
}

static int ask(struct scene *scene, const char *person, struct request request)
{
    uint64_t id = 0;
    int r = scene_request(scene, person, &request, &id);

    assert_true(r == 0 ? id != 0 : id == 0);
    return r;
}

static void test_filed(void **state)
{
    struct scene *scene = *state;
    struct request request = {.account = "oracle",
                              .reason = "gr\xc3\xb6\xc3\x9f"
                                        "er",
                              .ticket = "CHG-1",
                              .to = "bob",
                              .door = DOOR_SSH,
                              .duration = 1234};
    uint64_t id = 0;

    scene_policies(scene, PLAIN);
    assert_code(scene_request(scene, "alice", &request, &id), 0);

    CLEANUP_CHECKOUT struct checkout *checkout = scene_checkout(scene, id);

    assert_int_equal(checkout->state, STATE_PENDING);
    assert_string_equal(checkout->person, "alice");
    assert_int_equal(checkout->person_uid, 1001);
    assert_int_equal(checkout->person_loginuid, 1001);
    assert_string_equal(checkout->account, "oracle");
    assert_int_equal(checkout->account_uid, 1006);
    assert_string_equal(checkout->host, "db1.example");
    assert_string_equal(checkout->machine_id, SCENE_MACHINE);
    assert_string_equal(checkout->door, "ssh");
    assert_string_equal(checkout->reason, request.reason);
    assert_string_equal(checkout->reason_source, "requester");
    assert_string_equal(checkout->ticket, "CHG-1");
    assert_string_equal(checkout->to, "bob");
    assert_string_equal(checkout->policy, "plain");
    assert_null(checkout->command);
    assert_false(checkout->waiting);
    assert_int_equal(checkout->duration, 1234);
    assert_int_equal(checkout->requested, SCENE_WALL);
    assert_int_equal(checkout->lapses, SCENE_WALL + 1800);
    assert_int_equal(checkout->start, 0);
    assert_int_equal(strlen(checkout->digest), 64);
    assert_int_equal(scene_event(scene, 0)->kind, EVENT_REQUESTED);
    assert_string_equal(scene_event(scene, 0)->actor, "alice");
}

static void test_refused(void **state)
{
    struct scene *scene = *state;
    static char long_reason[LIMIT_REASON + 2], long_ticket[LIMIT_TICKET + 2];

    memset(long_reason, 'x', LIMIT_REASON + 1);
    memset(long_ticket, 'x', LIMIT_TICKET + 1);
    assert_code(ask(scene, "alice", (struct request){.account = "oracle", .reason = "x"}),
                ERROR_POLICY_REFUSED);
    assert_error(scene, "cannot be read");
    scene_policies(scene, PLAIN "exempt = dave\nmax-duration = 2h\nreason-min-length = 5\n");

    static const struct {
        const char *person;
        struct request request;
        enum error_code code;
        const char *part;
    } cases[] = {
        {"alice", {.account = "ghost", .reason = "reason"}, ERROR_NOT_FOUND, "ghost"},
        {"alice",
         {.account = "root", .reason = "reason"},
         ERROR_POLICY_REFUSED,
         "no policy manages"},
        {"dave", {.account = "oracle", .reason = "reason"}, ERROR_POLICY_REFUSED, "exempts dave"},
        {"carol", {.account = "oracle", .reason = "reason"}, ERROR_POLICY_REFUSED, "lets carol"},
        {"alice", {.account = "oracle"}, ERROR_POLICY_REFUSED, "wants a reason"},
        {"alice", {.account = "oracle", .reason = ""}, ERROR_POLICY_REFUSED, "wants a reason"},
        {"alice", {.account = "oracle", .reason = "four"}, ERROR_POLICY_REFUSED, "too short"},
        {"alice", {.account = "oracle", .reason = "    \t  "}, ERROR_INVALID_ARGUMENT, "reason"},
        {"alice", {.account = "oracle", .reason = "rea\nson"}, ERROR_INVALID_ARGUMENT, "reason"},
        {"alice",
         {.account = "oracle", .reason = "rea\x1b[2Json"},
         ERROR_INVALID_ARGUMENT,
         "reason"},
        {"alice", {.account = "oracle", .reason = "reason\xff"}, ERROR_INVALID_ARGUMENT, "reason"},
        {"alice", {.account = "oracle", .reason = long_reason}, ERROR_INVALID_ARGUMENT, "reason"},
        {"alice",
         {.account = "oracle", .reason = "reason", .ticket = "a\rb"},
         ERROR_INVALID_ARGUMENT,
         "ticket"},
        {"alice",
         {.account = "oracle", .reason = "reason", .ticket = long_ticket},
         ERROR_INVALID_ARGUMENT,
         "ticket"},
        {"alice",
         {.account = "oracle", .reason = "reason", .duration = 7201},
         ERROR_POLICY_REFUSED,
         "at most 2h"},
        {"alice",
         {.account = "oracle", .reason = "reason", .duration = UINT64_MAX},
         ERROR_POLICY_REFUSED,
         "at most 2h"},
        {"alice",
         {.account = "oracle", .reason = "reason", .start = SCENE_WALL},
         ERROR_INVALID_ARGUMENT,
         "in the past"},
        {"alice",
         {.account = "oracle", .reason = "reason", .start = 1},
         ERROR_INVALID_ARGUMENT,
         "in the past"},
        {"alice",
         {.account = "oracle", .reason = "reason", .start = SCENE_WALL + 366 * 86400 + 1},
         ERROR_INVALID_ARGUMENT,
         "a year ahead"},
        {"alice",
         {.account = "oracle", .reason = "reason", .start = INT64_MAX},
         ERROR_INVALID_ARGUMENT,
         "a year ahead"},
        {"alice",
         {.account = "oracle", .reason = "reason", .start = UINT64_MAX},
         ERROR_INVALID_ARGUMENT,
         "a year ahead"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int r = ask(scene, cases[i].person, cases[i].request);

        if (r != (int)cases[i].code)
            fail_msg("case %zu: %d, %s", i, r, scene->error.text);
        assert_error(scene, cases[i].part);
    }
    assert_int_equal(scene_number(scene, "SELECT count(*) FROM checkout"), 0);
    assert_code(ask(scene, "alice",
                    (struct request){.account = "oracle",
                                     .reason = "reason",
                                     .duration = 7200,
                                     .start = SCENE_WALL + 366 * 86400}),
                0);
}

/* Whose login cannot be read might be an approver in another's name. */
static void test_loginuid_unknown(void **state)
{
    struct scene *scene = *state;
    struct caller caller = scene_caller(scene, "alice");
    struct request request = {.account = "oracle", .reason = "x"};
    uint64_t id = 0;
    int r;

    scene_policies(scene, PLAIN);
    caller.loginuid_known = false;
    caller.loginuid = LOGINUID_UNSET;
    SCENE_ANSWERED(
        scene, r,
        ledger_request(scene->ledger, &request, &caller, &roster, &scene->now, &id, &scene->error));
    assert_code(r, ERROR_NOT_PERMITTED);
    assert_error(scene, "logged in");
    id = scene_file(scene, "alice", "oracle");
    assert_code(scene_approve(scene, "bob", id), 0);
    SCENE_ANSWERED(scene, r,
                   ledger_extend(scene->ledger, id, 60, "more", &caller, &roster, &scene->now, &id,
                                 &scene->error));
    assert_code(r, ERROR_NOT_PERMITTED);
}

static void test_name_service(void **state)
{
    struct scene *scene = *state;
    struct caller nobody = {.uid = 4711, .loginuid = 4711, .loginuid_known = true};
    struct request request = {.account = "oracle", .reason = "x"};
    uint64_t id = 0;
    int r;

    scene_policies(scene, PLAIN);
    SCENE_ANSWERED(
        scene, r,
        ledger_request(scene->ledger, &request, &nobody, &roster, &scene->now, &id, &scene->error));
    assert_code(r, ERROR_NOT_PERMITTED);
    assert_error(scene, "uid 4711 has no name");
    scene_user(scene, "alice")->error = -ETIMEDOUT;
    assert_code(ask(scene, "alice", request), ERROR_NOT_PERMITTED);
    assert_error(scene, "try again");
    scene_user(scene, "alice")->error = 0;
    scene_user(scene, "oracle")->error = -ETIMEDOUT;
    assert_code(ask(scene, "alice", request), ERROR_POLICY_REFUSED);
    assert_error(scene, "try again");
    scene_user(scene, "oracle")->error = 0;
    /* whose groups cannot be told may ask where none are needed */
    scene_user(scene, "alice")->groups_error = -ETIMEDOUT;
    assert_code(ask(scene, "alice", request), 0);
    scene_policies(scene, "[policy g]\naccounts = oracle\nrequesters = %users\napprovers = bob\n");
    assert_code(ask(scene, "alice", request), ERROR_POLICY_REFUSED);
    assert_error(scene, "which groups alice is in");
}

/* ---- the same again ---- */

static void test_same_request(void **state)
{
    struct scene *scene = *state;
    struct request request = {.account = "oracle", .reason = "x"};
    uint64_t first = 0, id = 0;

    scene_add_user(scene, "oracle2", 1006, "dba wheel");
    scene_policies(scene, PLAIN "clock = first-use\n");
    assert_code(scene_request(scene, "alice", &request, &first), 0);
    request.reason = "another reason";
    assert_code(scene_request(scene, "alice", &request, &id), 0);
    assert_int_equal(id, first);
    /* another account, person, door, start, name: not the same */
    assert_code(scene_request(scene, "erin", &request, &id), 0);
    assert_int_not_equal(id, first);
    request.account = "backup";
    assert_code(scene_request(scene, "alice", &request, &id), 0);
    assert_int_not_equal(id, first);
    request.account = "oracle2";
    assert_code(scene_request(scene, "alice", &request, &id), 0);
    assert_int_not_equal(id, first);
    request.account = "oracle";
    request.door = DOOR_SSH;
    assert_code(scene_request(scene, "alice", &request, &id), 0);
    assert_int_not_equal(id, first);
    request.door = 0;
    request.start = SCENE_WALL + 5000;
    assert_code(scene_request(scene, "alice", &request, &id), 0);
    assert_int_not_equal(id, first);
    /* approved and waiting for its first use, and then active */
    request.start = 0;
    assert_code(scene_approve(scene, "bob", first), 0);
    assert_state(scene, first, STATE_APPROVED);
    assert_code(scene_request(scene, "alice", &request, &id), 0);
    assert_int_equal(id, first);

    struct login login = scene_login(scene, DOOR_SUDO, "alice", "oracle");

    assert_verdict(scene_ask(scene, &login), VERDICT_ALLOW);
    assert_code(scene_request(scene, "alice", &request, &id), 0);
    assert_int_equal(id, first);
    scene_pass(scene, 3600);
    assert_code(scene_request(scene, "alice", &request, &id), 0);
    assert_int_not_equal(id, first);
}

/* What is open under a policy that no longer decides opens nothing: it is no answer to a request.
 */
static void test_not_the_same_policy(void **state)
{
    struct scene *scene = *state;
    uint64_t old, new;

    scene_policies(scene, PLAIN);
    old = scene_file(scene, "alice", "oracle");
    assert_code(scene_approve(scene, "bob", old), 0);
    scene_policies(scene, "[policy other]\naccounts = oracle\nrequesters = alice\n"
                          "approvers = bob\n");
    new = scene_file(scene, "alice", "oracle");
    assert_int_not_equal(new, old);
    assert_state(scene, new, STATE_PENDING);
}

/* ---- caps ---- */

static void test_max_open(void **state)
{
    struct scene *scene = *state;
    uint64_t first, second;

    scene_policies(scene, PLAIN "max-open = 2\n");
    first = scene_file(scene, "alice", "oracle");
    assert_code(scene_approve(scene, "bob", first), 0);
    second = scene_file(scene, "alice", "backup");
    assert_code(
        ask(scene, "alice",
            (struct request){.account = "oracle", .reason = "x", .start = SCENE_WALL + 9000}),
        ERROR_LIMIT_REACHED);
    assert_error(scene, "allows 2 open");
    assert_code(ask(scene, "erin", (struct request){.account = "oracle", .reason = "x"}), 0);
    assert_code(scene_cancel(scene, "alice", second), 0);
    assert_code(
        ask(scene, "alice",
            (struct request){.account = "oracle", .reason = "x", .start = SCENE_WALL + 9000}),
        0);
}

static void test_rate(void **state)
{
    struct scene *scene = *state;

    scene_policies(scene, PLAIN);
    for (int i = 0; i < LIMIT_REQUESTS_PER_MINUTE; i++) {
        uint64_t id = scene_file(scene, "alice", "oracle");

        assert_code(scene_cancel(scene, "alice", id), 0);
    }
    assert_code(ask(scene, "alice", (struct request){.account = "oracle", .reason = "x"}),
                ERROR_LIMIT_REACHED);
    assert_error(scene, "within a minute");
    assert_code(ask(scene, "erin", (struct request){.account = "oracle", .reason = "x"}), 0);
    scene_pass(scene, 60);
    assert_code(ask(scene, "alice", (struct request){.account = "oracle", .reason = "x"}),
                ERROR_LIMIT_REACHED);
    scene_pass(scene, 1);
    assert_code(ask(scene, "alice", (struct request){.account = "oracle", .reason = "x"}), 0);
}

/* A clock that was set back locks nobody out. */
static void test_rate_after_the_clock_went_back(void **state)
{
    struct scene *scene = *state;

    scene_policies(scene, PLAIN);
    for (int i = 0; i < 2 * LIMIT_REQUESTS_PER_MINUTE; i++) {
        uint64_t id = scene_file(scene, "alice", "oracle");

        assert_code(scene_cancel(scene, "alice", id), 0);
        scene_pass(scene, 30);
    }
    scene->now.wall -= 86400;
    assert_code(ask(scene, "alice", (struct request){.account = "oracle", .reason = "x"}), 0);

    CLEANUP_CHECKOUT struct checkout *checkout =
        scene_checkout(scene, 2 * LIMIT_REQUESTS_PER_MINUTE + 1);

    assert_string_equal(checkout->reason_source, "requester; the clock was set back");
}

static void test_pending_per_person(void **state)
{
    struct scene *scene = *state;

    scene_policies(scene, PLAIN);
    for (uint64_t i = 0; i < LIMIT_PENDING_PERSON; i++) {
        assert_code(ask(scene, "alice",
                        (struct request){
                            .account = "oracle", .reason = "x", .start = SCENE_WALL + 10000 + i}),
                    0);
        scene_pass(scene, 10);
    }
    assert_code(ask(scene, "alice", (struct request){.account = "oracle", .reason = "x"}),
                ERROR_LIMIT_REACHED);
    assert_error(scene, "the most that one person may");
    assert_code(ask(scene, "erin", (struct request){.account = "oracle", .reason = "x"}), 0);
}

static void test_pending_of_all(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "alice", "oracle");
    uint64_t id;

    scene_policies(scene, PLAIN "pending-timeout = 30d\n");
    id = scene_file(scene, "erin", "oracle");
    assert_code(scene_cancel(scene, "erin", id), 0);
    scene_tamper(
        scene->path,
        "PRAGMA foreign_keys = OFF; PRAGMA synchronous = OFF;"
        " WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 10000)"
        " INSERT INTO checkout (id, uuid, state, person, person_uid,"
        " person_loginuid, account, account_uid, host, machine_id, door, service, tty, rhost,"
        " command, reason, reason_source, ticket, preferred, waiting, policy,"
        " policy_digest, digest, requested, lapses, duration, start_at, extends,"
        " approved_at, use_by, start, \"end\", end_boot, boot_id, uses, survive_reboot)"
        " SELECT 1000 + i, 'u' || i, 'pending', person, 9999,"
        " person_loginuid, account, 9999, host, machine_id, door, service, tty, rhost,"
        " command, reason, reason_source, ticket, preferred, waiting, policy,"
        " policy_digest, digest, requested, lapses, duration, start_at, extends,"
        " approved_at, use_by, start, \"end\", end_boot, boot_id, uses, survive_reboot"
        " FROM checkout, n WHERE checkout.id = 1");
    assert_code(ask(scene, "alice", (struct request){.account = "oracle", .reason = "x"}),
                ERROR_LIMIT_REACHED);
    assert_error(scene, "10000 requests are waiting");
    assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
    scene_tamper(scene->path, "DELETE FROM checkout WHERE id >= 1000");
}

/* ---- nobody could decide ---- */

static void test_no_approver(void **state)
{
    static const struct {
        const char *requester, *rules;
        bool filed;
    } cases[] = {
        {"alice", "approvers = bob\n", true},
        {"bob", "approvers = bob\n", false},
        {"bob", "approvers = bob\nself-approval = yes\n", true},
        {"alice", "approvers = root\n", false},
        {"alice", "approvers = %nobodies\n", false},
        {"alice", "approvers = %security\nquorum = 2\n", true},
        {"bob", "approvers = %security\nquorum = 2\n", false},
        {"bob", "approvers = %security, dave\nquorum = 2\n", true},
        {"alice", "approvers = %security\nquorum = 3\n", false},
        {"alice", "approvers = %security, %managers\nquorum = security:2 & managers:1\n", true},
        {"bob", "approvers = %security, %managers\nquorum = security:1 & managers:1\n", true},
        {"dave", "approvers = %security, %managers\nquorum = security:2 & managers:1\n", false},
        {"bob", "approvers = %security, %managers\nquorum = security:2 | managers:2\n", true},
        {"bob", "approvers = %security\nquorum = security:2\n", false},
        /* nobody can be counted: then it is not said that there is nobody */
        {"bob", "approvers = uid:1000-1001\nquorum = 3\n", true},
    };
    struct scene *scene = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char policies[512];
        int r;

        (void)snprintf(policies, sizeof(policies),
                       "[policy p%zu]\naccounts = oracle\nrequesters = alice, bob, dave\n%s", i,
                       cases[i].rules);
        scene_policies(scene, policies);
        r = ask(scene, cases[i].requester, (struct request){.account = "oracle", .reason = "x"});
        if (r != (cases[i].filed ? 0 : ERROR_NO_APPROVER))
            fail_msg("case %zu: %d %s", i, r, scene->error.text);
    }
}

/* ---- exclusive ---- */

static void test_exclusive(void **state)
{
    struct scene *scene = *state;
    uint64_t id, pending;

    scene_policies(scene, PLAIN "exclusive = yes\n");
    pending = scene_file(scene, "erin", "oracle");
    id = scene_file(scene, "alice", "oracle");
    assert_code(scene_approve(scene, "bob", id), 0);
    assert_code(ask(scene, "bob", (struct request){.account = "oracle", .reason = "x"}),
                ERROR_POLICY_REFUSED);
    assert_error(scene, "oracle is checked out to alice until ");
    assert_error(scene, "number 2");
    /* the one that was filed before cannot be approved now, and says why */
    assert_code(scene_approve(scene, "bob", pending), ERROR_POLICY_REFUSED);
    assert_error(scene, "checked out to alice");
    assert_state(scene, pending, STATE_PENDING);
    assert_int_equal(scene_number(scene, "SELECT count(*) FROM decision WHERE checkout = 1"), 0);
    /* another account, a later window */
    assert_code(ask(scene, "bob", (struct request){.account = "backup", .reason = "x"}), 0);
    assert_code(
        ask(scene, "bob",
            (struct request){.account = "oracle", .reason = "x", .start = SCENE_WALL + 3599}),
        ERROR_POLICY_REFUSED);
    assert_code(
        ask(scene, "bob",
            (struct request){.account = "oracle", .reason = "x", .start = SCENE_WALL + 3600}),
        0);
    assert_code(scene_check_in(scene, "alice", id), 0);
    assert_code(scene_approve(scene, "bob", pending), 0);
}

/* A window that lies ahead is held, too, and the sentence names its end. */
static void test_exclusive_scheduled(void **state)
{
    struct scene *scene = *state;
    struct request later = {.account = "oracle", .reason = "x", .start = SCENE_WALL + 7200};
    uint64_t id = 0;

    scene->now.wall = SCENE_WALL / 86400 * 86400;
    later.start = scene->now.wall + 7200;
    scene_policies(scene, PLAIN "exclusive = yes\n");
    assert_code(scene_request(scene, "alice", &later, &id), 0);
    assert_code(scene_approve(scene, "bob", id), 0);
    assert_code(
        ask(scene, "erin", (struct request){.account = "oracle", .reason = "x", .duration = 7201}),
        ERROR_POLICY_REFUSED);
    assert_error(scene, "to alice until 03:00");
    assert_code(
        ask(scene, "erin", (struct request){.account = "oracle", .reason = "x", .duration = 7200}),
        0);
}

/* An approver who sets a later start must not set it into somebody's window. */
static void test_exclusive_with_a_later_start(void **state)
{
    struct scene *scene = *state;
    struct request later = {.account = "oracle", .reason = "x", .start = SCENE_WALL + 7200};
    uint64_t held = 0, id;

    scene_policies(scene, PLAIN "exclusive = yes\n");
    assert_code(scene_request(scene, "alice", &later, &held), 0);
    assert_code(scene_approve(scene, "bob", held), 0);
    id = scene_file(scene, "erin", "oracle");

    CLEANUP_CHECKOUT struct checkout *checkout = scene_checkout(scene, id);
    struct approval_terms terms = {.digest = checkout->digest, .start = SCENE_WALL + 7000};

    assert_code(scene_approve_with(scene, "bob", id, &terms), ERROR_POLICY_REFUSED);
    terms.start = SCENE_WALL + 3600;
    assert_code(scene_approve_with(scene, "bob", id, &terms), 0);
    assert_state(scene, id, STATE_APPROVED);
}

/* What waits for its first use may start at any moment until then. */
static void test_exclusive_first_use(void **state)
{
    struct scene *scene = *state;
    struct request later = {.account = "oracle", .reason = "x", .start = SCENE_WALL + 20000};
    uint64_t held = 0, id = 0;

    scene_policies(scene, PLAIN "exclusive = yes\nclock = first-use\nuse-within = 6h\n");
    assert_code(scene_request(scene, "alice", &later, &held), 0);
    assert_code(scene_approve(scene, "bob", held), 0);
    assert_code(ask(scene, "erin", (struct request){.account = "oracle", .reason = "x"}),
                ERROR_POLICY_REFUSED);
    assert_code(scene_check_in(scene, "alice", held), 0);
    id = scene_file(scene, "erin", "oracle");
    assert_code(scene_approve(scene, "bob", id), 0);
    assert_code(
        ask(scene, "alice",
            (struct request){.account = "oracle", .reason = "x", .start = SCENE_WALL + 6 * 3600}),
        ERROR_POLICY_REFUSED);
    assert_code(
        ask(scene, "alice",
            (struct request){.account = "oracle", .reason = "x", .start = SCENE_WALL + 7 * 3600}),
        0);
}

/* ---- approval = none ---- */

static void test_auto_approval(void **state)
{
    struct scene *scene = *state;
    struct request request = {.account = "oracle", .reason = "x", .start = SCENE_WALL + 100};
    uint64_t now = 0, later = 0;

    scene_policies(scene, "[policy p]\naccounts = oracle\nrequesters = alice\napproval = none\n");
    assert_code(scene_request(scene, "alice", &request, &later), 0);
    assert_state(scene, later, STATE_APPROVED);
    request.start = 0;
    assert_code(scene_request(scene, "alice", &request, &now), 0);
    assert_state(scene, now, STATE_ACTIVE);
    assert_code(scene_approve(scene, "bob", now), ERROR_ALREADY_DECIDED);
    assert_error(scene, "approved by its policy");
    assert_code(scene_deny(scene, "bob", later), ERROR_ALREADY_DECIDED);
}

static void test_auto_approval_exclusive(void **state)
{
    struct scene *scene = *state;

    scene_policies(scene, "[policy p]\naccounts = oracle\nrequesters = alice, erin\n"
                          "approval = none\nexclusive = yes\nclock = first-use\n");
    assert_code(ask(scene, "alice", (struct request){.account = "oracle", .reason = "x"}), 0);
    assert_code(ask(scene, "erin", (struct request){.account = "oracle", .reason = "x"}),
                ERROR_POLICY_REFUSED);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, scene_setup, scene_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_filed),
        TEST(test_refused),
        TEST(test_loginuid_unknown),
        TEST(test_name_service),
        TEST(test_same_request),
        TEST(test_not_the_same_policy),
        TEST(test_max_open),
        TEST(test_rate),
        TEST(test_rate_after_the_clock_went_back),
        TEST(test_pending_per_person),
        TEST(test_pending_of_all),
        TEST(test_no_approver),
        TEST(test_exclusive),
        TEST(test_exclusive_scheduled),
        TEST(test_exclusive_with_a_later_start),
        TEST(test_exclusive_first_use),
        TEST(test_auto_approval),
        TEST(test_auto_approval_exclusive),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
