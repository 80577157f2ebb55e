/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "scene.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger/ledger_internal.h"
#include "text.h"

#define PLAIN                                                                                      \
    "[policy plain]\n"                                                                             \
    "accounts = oracle\n"                                                                          \
    "requesters = alice, erin, bob\n"                                                              \
    "approvers = %security\n"                                                                      \
    "duration = 1h\n"                                                                              \
    "pending-timeout = 30min\n"

static void assert_says(const struct scene *scene, const char *part)
{
    if (!strstr(scene->verdict.message, part))
        fail_msg("'%s' is not in: %s", part, scene->verdict.message);
}

static int64_t records(struct scene *scene, const char *event)
{
    char sql[128];

    (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM audit WHERE event = '%s'", event);
    return scene_number(scene, sql);
}

static uint64_t checked_out(struct scene *scene, const char *person, const char *account)
{
    uint64_t id = scene_file(scene, person, account);

    assert_code(scene_approve(scene, "carol", id), 0);
    return id;
}

/* ---- who has nothing to ask ---- */

static void test_no_policy_at_all(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "alice", "oracle");

    assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
    assert_says(scene, "cannot be read");
    assert_verdict(scene_open(scene, &login), VERDICT_REFUSED);
    assert_verdict(scene_resume(scene, 1, &login), VERDICT_REFUSED);
    assert_int_equal(records(scene, "requested"), 0);
    assert_int_equal(ledger_reject_policies(scene->ledger, "10-root.conf:3: no such key",
                                            &scene->now, &scene->error),
                     0);
    assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
    /* root has what it asks for, and must be able to mend it */
    login = scene_login(scene, DOOR_SUDO, "root", "oracle");
    assert_verdict(scene_ask(scene, &login), VERDICT_EXEMPT);
    /* what was loaded before stays in force */
    scene_policies(scene, PLAIN);
    assert_int_equal(ledger_reject_policies(scene->ledger, "broken", &scene->now, &scene->error),
                     0);
    login = scene_login(scene, DOOR_SUDO, "alice", "oracle");
    assert_verdict(scene_ask(scene, &login), VERDICT_PENDING);
    assert_int_equal(records(scene, "policy-rejected"), 2);
}

static void test_unmanaged(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "alice", "backup");

    scene_policies(scene, PLAIN);
    assert_verdict(scene_ask(scene, &login), VERDICT_UNMANAGED);
    assert_int_equal(scene->verdict.id, 0);
    assert_verdict(scene_open(scene, &login), VERDICT_UNMANAGED);
    assert_int_equal(scene_number(scene, "SELECT count(*) FROM checkout"), 0);
    assert_int_equal(scene_number(scene, "SELECT count(*) FROM session"), 0);
    assert_int_equal(records(scene, "door-refused"), 0);
}

static void test_exempt(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SSH, "dave", "oracle");

    scene_policies(scene, PLAIN "exempt = %managers\n");
    assert_verdict(scene_ask(scene, &login), VERDICT_EXEMPT);
    assert_says(scene, "plain exempts dave");
    assert_verdict(scene_open(scene, &login), VERDICT_EXEMPT);
    login = scene_login(scene, DOOR_SSH, "alice", "oracle");
    assert_verdict(scene_ask(scene, &login), VERDICT_PENDING);
}

static void test_nobody_and_other_door(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "dave", "oracle");

    scene_policies(scene, PLAIN "doors = sudo\nfrom = 10.0.0.0/8, local\n");
    assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
    assert_says(scene, "no policy lets dave into oracle through sudo");
    login = scene_login(scene, DOOR_SU, "alice", "oracle");
    assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
    login = scene_login(scene, DOOR_SUDO, "alice", "oracle");
    login.rhost = "192.0.2.1";
    assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
    assert_says(scene, "from 192.0.2.1");
    login.rhost = "10.1.2.3";
    assert_verdict(scene_ask(scene, &login), VERDICT_PENDING);
    assert_int_equal(records(scene, "door-refused"), 3);
    assert_int_equal(records(scene, "requested"), 1);
}

static void test_outside_hours(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "alice", "oracle");
    uint64_t id;

    scene->now.wall = UINT64_C(1790000000) / 86400 * 86400 + 10 * 3600; /* 10:00 UTC */
    scene_policies(scene,
                   "[policy plain]\naccounts = oracle\nrequesters = alice\napprovers = bob, carol\n"
                   "duration = 8h\nhours = 09:00-17:00 UTC\n");
    id = checked_out(scene, "alice", "oracle");
    assert_verdict(scene_ask(scene, &login), VERDICT_ALLOW);
    scene_pass(scene, 7 * 3600 - 1);
    assert_verdict(scene_ask(scene, &login), VERDICT_ALLOW);
    scene_pass(scene, 1);
    assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
    assert_says(scene, "at this hour");
    assert_state(scene, id, STATE_ACTIVE);
}

static void test_no_such_people(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SSH, "ghost", "oracle");

    scene_policies(scene, PLAIN);
    assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
    assert_says(scene, "no user ghost");
    login = scene_login(scene, DOOR_SSH, "alice", "ghost");
    assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
    assert_says(scene, "no account ghost");
    assert_verdict(scene_open(scene, &login), VERDICT_REFUSED);
    assert_verdict(scene_resume(scene, 1, &login), VERDICT_REFUSED);
}

static void test_name_service_down(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "alice", "oracle");

    scene_policies(scene, PLAIN);
    checked_out(scene, "alice", "oracle");
    scene_user(scene, "alice")->groups_error = -ETIMEDOUT; /* not needed: she is named */
    assert_verdict(scene_ask(scene, &login), VERDICT_ALLOW);
    scene_policies(scene, "[policy a]\naccounts = oracle\nrequesters = %users\nexempt = %users\n"
                          "approvers = bob\n");
    assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
    assert_says(scene, "which groups");
    scene_policies(scene, PLAIN);
    scene_user(scene, "alice")->error = -ETIMEDOUT;
    assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
    assert_says(scene, "in time who alice");
    scene_user(scene, "alice")->error = 0;
    scene_user(scene, "oracle")->error = -EIO;
    assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
    assert_says(scene, "in time who oracle");
}

/* ---- is the caller who the door says ---- */

static void test_loginuid(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "alice", "oracle");

    scene_policies(scene, PLAIN);
    checked_out(scene, "alice", "oracle");
    login.loginuid = LOGINUID_UNSET; /* cron, at: nobody has logged in */
    assert_verdict(scene_ask(scene, &login), VERDICT_ALLOW);
    login.loginuid = 1005;
    assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
    assert_says(scene, "logged in as another person (uid 1005) than alice");
    login.door = DOOR_SU;
    assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
    login.loginuid = 0;
    assert_verdict(scene_open(scene, &login), VERDICT_REFUSED);
    /* sshd has its own loginuid until the session */
    login.door = DOOR_SSH;
    login.loginuid = 1005;
    assert_verdict(scene_ask(scene, &login), VERDICT_ALLOW);
}

static void test_su_caller(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SU, "alice", "oracle");

    scene_policies(scene, PLAIN);
    checked_out(scene, "alice", "oracle");
    assert_verdict(scene_ask(scene, &login), VERDICT_ALLOW);
    login.ruid = 1005;
    assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
    login.ruid = 0;
    assert_verdict(scene_ask(scene, &login), VERDICT_ALLOW);

    /* the person root, but not called by root: something is wrong, and nobody is let through */
    login = scene_login(scene, DOOR_SU, "root", "oracle");
    assert_verdict(scene_ask(scene, &login), VERDICT_EXEMPT);
    login.ruid = 1005;
    assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
}

static void test_root(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "root", "oracle");

    scene_policies(scene, PLAIN);
    login.loginuid = 1001; /* sudo -i by alice, and on from there */
    assert_verdict(scene_ask(scene, &login), VERDICT_EXEMPT);
    assert_verdict(scene_open(scene, &login), VERDICT_EXEMPT);
    /* a door that says root of a program that root did not start */
    login.ruid = 1001;
    assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
    login.ruid = UID_UNSET;
    assert_verdict(scene_open(scene, &login), VERDICT_REFUSED);
    /* over ssh root is a person like any other */
    login.door = DOOR_SSH;
    assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
}

/* ---- filing at the door ---- */

static void test_file_and_come_back(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "alice", "oracle");
    uint64_t id;

    scene_policies(scene, PLAIN);
    assert_verdict(scene_ask(scene, &login), VERDICT_PENDING);
    assert_says(scene, "filed; anyone in %security can approve it");
    id = scene->verdict.id;
    assert_true(id > 0);
    /* asked again: the same request */
    assert_verdict(scene_ask(scene, &login), VERDICT_PENDING);
    assert_int_equal(scene->verdict.id, id);
    assert_verdict(scene_resume(scene, id, &login), VERDICT_PENDING);
    assert_verdict(scene_open(scene, &login), VERDICT_PENDING);
    assert_code(scene_approve(scene, "bob", id), 0);
    assert_verdict(scene_resume(scene, id, &login), VERDICT_ALLOW);
    assert_int_equal(scene->verdict.id, id);
    assert_int_equal(scene->verdict.end, SCENE_WALL + 3600);
    assert_verdict(scene_ask(scene, &login), VERDICT_ALLOW);
    assert_verdict(scene_open(scene, &login), VERDICT_ALLOW);
    assert_int_equal(records(scene, "requested"), 1);
    assert_int_equal(records(scene, "session-opened"), 1);
    assert_int_equal(records(scene, "door-refused"), 0);

    CLEANUP_CHECKOUT struct checkout *checkout = scene_checkout(scene, id);

    assert_string_equal(checkout->door, "sudo");
    assert_string_equal(checkout->command, "/usr/bin/id");
    assert_string_equal(checkout->tty, "/dev/pts/3");
    assert_string_equal(checkout->reason_source, "from environment");
    assert_int_equal(checkout->person_loginuid, 1001);
    assert_int_equal(checkout->uses, 1);
}

static void test_door_bound(void **state)
{
    struct scene *scene = *state;
    struct login sudo = scene_login(scene, DOOR_SUDO, "alice", "oracle");
    struct login ssh = scene_login(scene, DOOR_SSH, "alice", "oracle");
    uint64_t id, other;

    scene_policies(scene, PLAIN);
    assert_verdict(scene_ask(scene, &sudo), VERDICT_PENDING);
    id = scene->verdict.id;
    assert_code(scene_approve(scene, "bob", id), 0);
    assert_verdict(scene_ask(scene, &sudo), VERDICT_ALLOW);
    /* the other door finds nothing and asks for itself */
    assert_verdict(scene_ask(scene, &ssh), VERDICT_PENDING);
    other = scene->verdict.id;
    assert_true(other != id);
    assert_verdict(scene_resume(scene, id, &ssh), VERDICT_REFUSED);
    assert_says(scene, "not for this login");
    /* one that names no door opens all of its policy */
    assert_code(scene_cancel(scene, "alice", other), 0);
    assert_code(scene_check_in(scene, "alice", id), 0);
    checked_out(scene, "alice", "oracle");
    assert_verdict(scene_ask(scene, &sudo), VERDICT_ALLOW);
    assert_verdict(scene_ask(scene, &ssh), VERDICT_ALLOW);
}

static void test_nobody_else(void **state)
{
    struct scene *scene = *state;
    struct login alice = scene_login(scene, DOOR_SUDO, "alice", "oracle");
    struct login erin = scene_login(scene, DOOR_SUDO, "erin", "oracle");
    struct login backup = scene_login(scene, DOOR_SUDO, "alice", "backup");
    uint64_t id;

    scene_policies(scene, "[policy plain]\naccounts = oracle, backup\nrequesters = alice, erin\n"
                          "approvers = %security\n");
    id = checked_out(scene, "alice", "oracle");
    assert_verdict(scene_ask(scene, &alice), VERDICT_ALLOW);
    assert_verdict(scene_resume(scene, id, &erin), VERDICT_REFUSED);
    assert_verdict(scene_resume(scene, id, &backup), VERDICT_REFUSED);
    assert_verdict(scene_ask(scene, &erin), VERDICT_PENDING);
    assert_verdict(scene_ask(scene, &backup), VERDICT_PENDING);
    assert_verdict(scene_resume(scene, 99, &alice), VERDICT_REFUSED);
    assert_says(scene, "no request 99");
    assert_verdict(scene_resume(scene, UINT64_MAX, &alice), VERDICT_REFUSED);
    /* a replay is written down */
    assert_true(records(scene, "door-refused") >= 2);
}

/* Accounts are matched by uid and name; uid 0 is root under every name. */
static void test_second_names(void **state)
{
    struct scene *scene = *state;
    struct login login;

    scene_add_user(scene, "toor", 0, "root");
    scene_add_user(scene, "oracle2", 1006, "dba wheel");
    scene_add_user(scene, "alice2", 1001, "users");
    scene_policies(scene, "[policy p]\naccounts = oracle, root\nrequesters = alice, alice2\n"
                          "approvers = %security\n");
    checked_out(scene, "alice", "oracle");
    checked_out(scene, "alice", "root");
    login = scene_login(scene, DOOR_SUDO, "alice", "toor");
    assert_verdict(scene_ask(scene, &login), VERDICT_ALLOW);
    /* managed by its uid, and with groups of its own: not what was checked out */
    login = scene_login(scene, DOOR_SUDO, "alice", "oracle2");
    assert_verdict(scene_ask(scene, &login), VERDICT_PENDING);
    login = scene_login(scene, DOOR_SUDO, "alice2", "oracle");
    assert_verdict(scene_ask(scene, &login), VERDICT_PENDING);
}

static void test_what_is_missing_is_said(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "alice", "oracle");

    login.reason = NULL;
    scene_policies(scene, PLAIN);
    assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
    assert_string_equal(scene->verdict.message,
                        "policy plain wants a reason; type: checkoutctl request oracle --reason "
                        "\"why you need it\"");
    scene_policies(scene, PLAIN "ticket = required\nticket-pattern = CHG-[0-9]{4,}\n");
    login.reason = "disk is full";
    assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
    assert_string_equal(scene->verdict.message,
                        "policy plain wants a ticket of the form CHG-[0-9]{4,}; type: checkoutctl "
                        "request oracle --reason \"why you need it\" --ticket NUMBER");
    login.ticket = "CHG-12";
    assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
    assert_says(scene, "type: checkoutctl request oracle");
    scene_policies(scene, PLAIN "reason = no\nticket = required\n");
    login.reason = login.ticket = NULL;
    assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
    assert_string_equal(scene->verdict.message,
                        "policy plain wants a ticket; type: checkoutctl request oracle --ticket "
                        "NUMBER");
    login.ticket = "CHG-1234";
    assert_verdict(scene_ask(scene, &login), VERDICT_PENDING);
    assert_int_equal(records(scene, "requested"), 1);
}

/* The line is one that leads to this door: where another policy would take a request that names
 * none, it names the door. */
static void test_line_names_the_door_where_it_must(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "alice", "oracle");

    scene_policies(scene, "[policy ssh]\naccounts = oracle\nrequesters = alice\napprovers = bob\n"
                          "doors = ssh\n" PLAIN);
    login.reason = NULL;
    assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
    assert_string_equal(scene->verdict.message,
                        "policy plain wants a reason; type: checkoutctl request oracle --door sudo "
                        "--reason \"why you need it\"");
}

/* What another line to type would not mend does not come with one. */
static void test_no_line_where_it_would_not_help(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "alice", "oracle");

    scene_policies(scene, PLAIN "exclusive = yes\n");
    checked_out(scene, "erin", "oracle");
    assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
    assert_says(scene, "oracle is checked out to erin until");
    assert_null(strstr(scene->verdict.message, "type:"));
}

static void test_sudo_list_files_nothing(void **state)
{
    static const char *const words[] = {"list", "validate"};
    struct scene *scene = *state;

    scene_policies(scene, PLAIN "clock = first-use\n");
    for (size_t i = 0; i < 2; i++) {
        struct login login = scene_login(scene, DOOR_SUDO, "alice", "oracle");
        uint64_t id;

        login.command = words[i];
        login.wait_seconds = 60;
        assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
        assert_says(scene, "file no request");
        assert_int_equal(records(scene, "requested"), i);
        /* one that is pending already is nothing to wait for either */
        id = scene_file(scene, "alice", "oracle");
        assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
        assert_code(scene_approve(scene, "bob", id), 0);
        /* nor does it start a clock */
        assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
        assert_state(scene, id, STATE_APPROVED);
        login.command = "/usr/bin/id";
        assert_verdict(scene_ask(scene, &login), VERDICT_ALLOW);
        login.command = words[i];
        assert_verdict(scene_ask(scene, &login), VERDICT_ALLOW);
        assert_code(scene_check_in(scene, "alice", id), 0);
    }
    assert_int_equal(records(scene, "door-refused"), 0);
}

/* ---- logins that died while no broker saw it ---- */

static bool is_waited(uint64_t id, void *userdata)
{
    return id == *(const uint64_t *)userdata;
}

static void test_unattended(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "alice", "oracle");
    struct login other = scene_login(scene, DOOR_SU, "erin", "oracle");
    struct login patient = scene_login(scene, DOOR_SUDO, "dave", "oracle");
    uint64_t dead, alive, over, filed;

    scene_policies(scene, "[policy plain]\naccounts = oracle\napprovers = bob\n"
                          "requesters = alice, erin, dave, carol\n");
    patient.wait_seconds = 10;
    assert_verdict(scene_ask(scene, &patient), VERDICT_PENDING);
    over = scene->verdict.id;
    login.wait_seconds = other.wait_seconds = 120;
    scene_pass(scene, 10);
    assert_verdict(scene_ask(scene, &login), VERDICT_PENDING);
    dead = scene->verdict.id;
    assert_verdict(scene_ask(scene, &other), VERDICT_PENDING);
    alive = scene->verdict.id;
    filed = scene_file(scene, "carol", "oracle");
    assert_code(
        ledger_abandon_unattended(scene->ledger, is_waited, &alive, &scene->now, &scene->error), 0);
    assert_state(scene, dead, STATE_CANCELLED);
    assert_string_equal(scene_event(scene, 0)->reason, "the login that waited for it has gone");
    assert_state(scene, alive, STATE_PENDING);
    assert_state(scene, over, STATE_PENDING); /* waited its time out, and may come back */
    assert_state(scene, filed, STATE_PENDING);
}

/* ---- an account whose uid nobody could tell ---- */

static void test_other_name_of_an_open_account(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "alice", "dba");
    uid_t uid = scene_user(scene, "oracle")->uid;

    scene_forget_user(scene, "oracle");
    scene_policies(scene, PLAIN);
    scene_add_user(scene, "oracle", uid, "");
    scene_add_user(scene, "dba", uid, "");
    scene_add_user(scene, "other", uid + 500, "");
    assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
    assert_says(scene, "dba is another name of oracle, which is managed");
    login.account = "other";
    assert_verdict(scene_ask(scene, &login), VERDICT_UNMANAGED);
    ledger_learn_account(scene->ledger, "oracle", uid);
    login.account = "dba";
    assert_verdict(scene_ask(scene, &login), VERDICT_PENDING);
    login.account = "other";
    assert_verdict(scene_ask(scene, &login), VERDICT_UNMANAGED);
}

/* Only sudo says by itself what it does: elsewhere the person could say it to stay out of the
 * records. */
static void test_other_doors_have_no_list(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SU, "alice", "oracle");

    scene_policies(scene, PLAIN);
    login.command = "list";
    assert_verdict(scene_ask(scene, &login), VERDICT_PENDING);
    login = scene_login(scene, DOOR_SU, "dave", "oracle");
    login.command = "list";
    assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
    assert_int_equal(records(scene, "door-refused"), 1);
}

static void test_people_who_may_not_file_nothing(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "dave", "oracle");

    scene_policies(scene, PLAIN);
    assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
    assert_int_equal(scene_number(scene, "SELECT count(*) FROM checkout"), 0);
}

static void test_no_approver(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "bob", "oracle");

    scene_policies(scene,
                   "[policy p]\naccounts = oracle\nrequesters = bob\napprovers = bob, root\n");
    assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
    assert_says(scene, "without bob nobody can give that");
    assert_int_equal(scene_number(scene, "SELECT count(*) FROM checkout"), 0);
}

/* ---- time ---- */

static void test_window(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "alice", "oracle");
    uint64_t id;

    scene_policies(scene, PLAIN);
    id = checked_out(scene, "alice", "oracle");
    scene_pass(scene, 3599);
    assert_verdict(scene_ask(scene, &login), VERDICT_ALLOW);
    assert_verdict(scene_open(scene, &login), VERDICT_ALLOW);
    scene_pass(scene, 1);
    assert_verdict(scene_open(scene, &login), VERDICT_PENDING); /* a new one, with no tick before */
    assert_true(scene->verdict.id != id);
    assert_state(scene, id, STATE_EXPIRED);
}

static void test_clock_set_back(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "alice", "oracle");
    uint64_t id;

    scene_policies(scene, PLAIN);
    id = checked_out(scene, "alice", "oracle");
    scene->now.wall -= 100000;
    assert_verdict(scene_ask(scene, &login), VERDICT_ALLOW);
    scene_pass(scene, 3599);
    assert_verdict(scene_ask(scene, &login), VERDICT_ALLOW);
    scene_pass(scene, 1); /* by the wall clock there is a day left */
    assert_verdict(scene_ask(scene, &login), VERDICT_PENDING);
    assert_state(scene, id, STATE_EXPIRED);
}

/* Time that the machine slept counts. */
static void test_suspended(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "alice", "oracle");
    uint64_t id;

    scene_policies(scene, PLAIN);
    id = checked_out(scene, "alice", "oracle");
    scene->now.boot += 3600;
    assert_verdict(scene_ask(scene, &login), VERDICT_PENDING);
    assert_state(scene, id, STATE_EXPIRED);
}

static void test_scheduled(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "alice", "oracle");
    struct request request = {
        .account = "oracle", .reason = "maintenance", .start = SCENE_WALL + 7200};
    uint64_t id = 0;

    scene_policies(scene, PLAIN);
    assert_code(scene_request(scene, "alice", &request, &id), 0);
    assert_code(scene_approve(scene, "bob", id), 0);
    assert_state(scene, id, STATE_APPROVED);
    scene_pass(scene, 7199);
    assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
    assert_says(scene, "starts at");
    assert_int_equal(scene->verdict.id, id);
    assert_verdict(scene_resume(scene, id, &login), VERDICT_REFUSED);
    /* the door may be there before the clock has ticked */
    scene_pass(scene, 1);
    assert_verdict(scene_ask(scene, &login), VERDICT_ALLOW);
    assert_int_equal(scene->verdict.end, SCENE_WALL + 7200 + 3600);
    assert_state(scene, id, STATE_ACTIVE);
    assert_int_equal(records(scene, "requested"), 1);
}

static void test_scheduled_and_waited_for(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "alice", "oracle");
    struct request request = {
        .account = "oracle", .reason = "maintenance", .start = SCENE_WALL + 7200};
    uint64_t id = 0;

    scene_policies(scene, PLAIN);
    assert_code(scene_request(scene, "alice", &request, &id), 0);
    assert_code(scene_approve(scene, "bob", id), 0);
    scene_pass(scene, 7200);
    assert_verdict(scene_resume(scene, id, &login), VERDICT_ALLOW);
}

static void test_lapse(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "alice", "oracle");
    uint64_t id;

    scene_policies(scene, PLAIN);
    assert_verdict(scene_ask(scene, &login), VERDICT_PENDING);
    id = scene->verdict.id;
    scene_pass(scene, 1799);
    assert_verdict(scene_resume(scene, id, &login), VERDICT_PENDING);
    scene_pass(scene, 1);
    assert_verdict(scene_resume(scene, id, &login), VERDICT_REFUSED);
    assert_says(scene, "lapsed");
    assert_state(scene, id, STATE_LAPSED);
    assert_verdict(scene_ask(scene, &login), VERDICT_PENDING);
    assert_true(scene->verdict.id != id);
}

static void test_first_use(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "alice", "oracle");
    uint64_t id;

    scene_policies(scene, PLAIN "clock = first-use\nuse-within = 2h\n");
    id = checked_out(scene, "alice", "oracle");
    assert_state(scene, id, STATE_APPROVED);
    scene_pass(scene, 7199);
    scene_tick(scene);
    assert_verdict(scene_ask(scene, &login), VERDICT_ALLOW);
    assert_int_equal(scene->verdict.end, SCENE_WALL + 7199 + 3600);
    assert_state(scene, id, STATE_ACTIVE);
    assert_int_equal(scene_event(scene, 0)->kind, EVENT_STARTED);
    scene_pass(scene, 3599);
    assert_verdict(scene_open(scene, &login), VERDICT_ALLOW);
    scene_pass(scene, 1);
    assert_verdict(scene_open(scene, &login), VERDICT_PENDING);
}

#define BRIEF                                                                                      \
    "[policy plain]\n"                                                                             \
    "accounts = oracle\n"                                                                          \
    "requesters = alice\n"                                                                         \
    "approvers = %security\n"                                                                      \
    "duration = 10min\n"                                                                           \
    "max-duration = 10min\n"                                                                       \
    "on-end = warn\n"

/* What a session would live until, before there is one. */
static void test_prepare(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "alice", "oracle");
    uint64_t id;

    scene_policies(scene, PLAIN "clock = first-use\nmax-duration = 3h\n");
    assert_verdict(scene_prepare(scene, &login), VERDICT_PENDING);
    id = scene->verdict.id;
    assert_int_equal(scene->verdict.latest, 0);
    assert_code(scene_approve(scene, "bob", id), 0);
    assert_verdict(scene_prepare(scene, &login), VERDICT_ALLOW);
    assert_int_equal(scene->verdict.id, id);
    assert_int_equal(scene->verdict.end, SCENE_WALL + 3600);
    assert_int_equal(scene->verdict.latest, SCENE_WALL + 3 * 3600);
    assert_true(scene->verdict.terminate);
    assert_state(scene, id, STATE_APPROVED);
    assert_int_equal(scene_number(scene, "SELECT count(*) FROM session"), 0);
    assert_verdict(scene_open(scene, &login), VERDICT_ALLOW);
    assert_state(scene, id, STATE_ACTIVE);

    /* The policy allows less than was approved, and ends nothing. */
    scene_policies(scene, BRIEF);
    assert_verdict(scene_prepare(scene, &login), VERDICT_ALLOW);
    assert_int_equal(scene->verdict.latest, SCENE_WALL + 3600);
    assert_false(scene->verdict.terminate);
    scene_pass(scene, 3600);
    assert_verdict(scene_prepare(scene, &login), VERDICT_PENDING);
    assert_int_equal(scene->verdict.latest, 0);
}

/* The wall clock says what is left, whatever it was set to since. */
static void test_prepare_after_the_clock_was_set(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "alice", "oracle");

    scene_policies(scene, PLAIN "max-duration = 3h\n");
    assert_verdict(scene_open(scene, &login), VERDICT_PENDING);
    assert_code(scene_approve(scene, "bob", scene->verdict.id), 0);
    scene_pass(scene, 600);
    scene->now.wall -= 2 * 3600;
    assert_verdict(scene_prepare(scene, &login), VERDICT_ALLOW);
    assert_int_equal(scene->verdict.end, scene->now.wall + 3000);
    assert_int_equal(scene->verdict.latest, scene->now.wall + 3 * 3600 - 600);
    scene->now.wall += 2 * 3600 + 60;
    assert_verdict(scene_prepare(scene, &login), VERDICT_ALLOW);
    assert_int_equal(scene->verdict.end, SCENE_WALL + 3600);
    assert_int_equal(scene->verdict.latest, SCENE_WALL + 3 * 3600);
}

static void test_first_use_too_late(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "alice", "oracle");
    uint64_t id;

    scene_policies(scene, PLAIN "clock = first-use\nuse-within = 2h\n");
    id = checked_out(scene, "alice", "oracle");
    scene_pass(scene, 7200);
    assert_verdict(scene_resume(scene, id, &login), VERDICT_REFUSED);
    assert_state(scene, id, STATE_EXPIRED);
    /* setting the clock back gives no more time */
    id = checked_out(scene, "alice", "oracle");
    scene->now.wall -= 100000;
    scene_pass(scene, 7200);
    assert_verdict(scene_resume(scene, id, &login), VERDICT_REFUSED);
    assert_state(scene, id, STATE_EXPIRED);
}

/* A door that is open already starts no other clock. */
static void test_first_use_where_another_is_active(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "alice", "oracle");
    struct request request = {.account = "oracle", .reason = "x", .door = DOOR_SUDO};
    uint64_t waits, active = 0;

    scene_policies(scene, PLAIN "clock = first-use\n");
    waits = scene_file(scene, "alice", "oracle");
    assert_code(scene_request(scene, "alice", &request, &active), 0);
    assert_code(scene_approve(scene, "bob", waits), 0);
    scene_policies(scene, PLAIN);
    assert_code(scene_approve(scene, "bob", active), 0);
    assert_state(scene, active, STATE_ACTIVE);
    scene_policies(scene, PLAIN "clock = first-use\n");
    assert_verdict(scene_ask(scene, &login), VERDICT_ALLOW);
    assert_int_equal(scene->verdict.id, active);
    assert_state(scene, waits, STATE_APPROVED);
}

static void test_uses(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "alice", "oracle");
    uint64_t id;

    scene_policies(scene, PLAIN "uses = 2\n");
    id = checked_out(scene, "alice", "oracle");
    for (int i = 0; i < 2; i++) {
        login.pid++;
        assert_verdict(scene_ask(scene, &login), VERDICT_ALLOW);
        assert_verdict(scene_open(scene, &login), VERDICT_ALLOW);
    }
    /* The same process once more is no other use. */
    assert_verdict(scene_prepare(scene, &login), VERDICT_ALLOW);
    assert_verdict(scene_open(scene, &login), VERDICT_ALLOW);
    assert_int_equal(scene->verdict.id, id);
    login.pid++;
    assert_verdict(scene_ask(scene, &login), VERDICT_PENDING);
    assert_true(scene->verdict.id != id);
    assert_verdict(scene_open(scene, &login), VERDICT_PENDING);
    assert_int_equal(records(scene, "session-opened"), 2);
}

/* ---- today's rules ---- */

static void test_policy_gone_or_renamed(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "alice", "oracle");
    uint64_t id;

    scene_policies(scene, PLAIN);
    id = checked_out(scene, "alice", "oracle");
    assert_verdict(scene_ask(scene, &login), VERDICT_ALLOW);
    scene_policies(scene, "[policy renamed]\naccounts = oracle\nrequesters = alice\n"
                          "approvers = bob\n");
    assert_verdict(scene_ask(scene, &login), VERDICT_PENDING);
    assert_true(scene->verdict.id != id);
    assert_verdict(scene_resume(scene, id, &login), VERDICT_REFUSED);
    scene_policies(scene, "[policy plain]\naccounts = oracle\nrequesters = erin\n"
                          "approvers = bob\n");
    assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
    assert_verdict(scene_resume(scene, id, &login), VERDICT_REFUSED);
    scene_policies(scene, PLAIN);
    assert_verdict(scene_ask(scene, &login), VERDICT_ALLOW);
}

static void test_other_machine(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "alice", "oracle");
    uint64_t id;

    scene_policies(scene, PLAIN);
    id = checked_out(scene, "alice", "oracle");
    scene->ledger = ledger_free(scene->ledger);

    const struct ledger_settings settings = {
        .store = scene->store, .host = "db2", .machine_id = "0000000000000000000000000000ffff"};
    assert_int_equal(ledger_new(&settings, &scene->ledger), 0);
    login.command = "list"; /* nothing is to be written under the other machine's name */
    scene->now.wall--;

    struct policy_set *set = calloc(1, sizeof(*set));

    assert_non_null(set);
    scene->ledger->policies = set;
    assert_verdict(scene_ask(scene, &login), VERDICT_UNMANAGED);
    scene_restart(scene, PLAIN);
    assert_verdict(scene_ask(scene, &login), VERDICT_ALLOW);
    scene_tamper(scene->path,
                 "UPDATE checkout SET machine_id = '0000000000000000000000000000ffff'");
    assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
    assert_verdict(scene_resume(scene, id, &login), VERDICT_REFUSED);
    scene_tamper(scene->path, "UPDATE checkout SET machine_id = '" SCENE_MACHINE "'");
}

/* ---- approval = none ---- */

static void test_auto_approval(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "alice", "oracle");

    scene_policies(scene, "[policy p]\naccounts = oracle\nrequesters = alice\napproval = none\n"
                          "duration = 10min\n");
    assert_verdict(scene_ask(scene, &login), VERDICT_ALLOW);
    assert_int_equal(scene->verdict.end, SCENE_WALL + 600);
    assert_int_equal(records(scene, "requested"), 0);
    assert_int_equal(records(scene, "approved"), 1);
    assert_int_equal(records(scene, "started"), 1);
    assert_verdict(scene_open(scene, &login), VERDICT_ALLOW);
    scene_pass(scene, 600);
    assert_verdict(scene_ask(scene, &login), VERDICT_ALLOW);
    assert_int_equal(records(scene, "approved"), 2);
}

static void test_auto_approval_first_use(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "alice", "oracle");

    scene_policies(scene, "[policy p]\naccounts = oracle\nrequesters = alice\napproval = none\n"
                          "duration = 10min\nclock = first-use\n");
    assert_verdict(scene_ask(scene, &login), VERDICT_ALLOW);
    assert_int_equal(scene->verdict.end, SCENE_WALL + 600);
}

/* ---- outcomes ---- */

static void test_outcomes(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "alice", "oracle");
    uint64_t id;

    scene_policies(scene, PLAIN);
    id = scene_file(scene, "alice", "oracle");
    assert_code(scene_deny(scene, "bob", id), 0);
    assert_verdict(scene_resume(scene, id, &login), VERDICT_REFUSED);
    assert_says(scene, "was denied by bob: not today");
    assert_int_equal(scene->verdict.id, id);
    id = scene_file(scene, "alice", "oracle");
    assert_code(scene_cancel(scene, "alice", id), 0);
    assert_verdict(scene_resume(scene, id, &login), VERDICT_REFUSED);
    assert_says(scene, "cancelled");
    id = checked_out(scene, "alice", "oracle");
    assert_code(scene_revoke(scene, "bob", id), 0);
    assert_verdict(scene_resume(scene, id, &login), VERDICT_REFUSED);
    assert_says(scene, "revoked");
    assert_verdict(scene_open(scene, &login), VERDICT_PENDING);
}

/* ---- whoever waited ---- */

static void test_abandon(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "alice", "oracle");
    uint64_t id;

    scene_policies(scene, PLAIN);
    login.wait_seconds = 60;
    assert_verdict(scene_ask(scene, &login), VERDICT_PENDING);
    id = scene->verdict.id;
    assert_int_equal(ledger_abandon(scene->ledger, id, &scene->now, &scene->error), 0);
    assert_state(scene, id, STATE_CANCELLED);
    assert_string_equal(scene_event(scene, 0)->reason, "the login that waited for it has gone");
    assert_string_equal(scene_event(scene, 0)->actor, "");
    /* gone is gone: approving it later does nothing */
    assert_code(scene_approve(scene, "bob", id), ERROR_WRONG_STATE);
    assert_int_equal(ledger_abandon(scene->ledger, id, &scene->now, &scene->error), 0);
    assert_code(ledger_abandon(scene->ledger, 99, &scene->now, &scene->error), ERROR_NOT_FOUND);

    /* not what was filed for later, nor what is approved already */
    login.wait_seconds = 0;
    assert_verdict(scene_ask(scene, &login), VERDICT_PENDING);
    id = scene->verdict.id;
    assert_int_equal(ledger_abandon(scene->ledger, id, &scene->now, &scene->error), 0);
    assert_state(scene, id, STATE_PENDING);
    assert_code(scene_cancel(scene, "alice", id), 0);
    login.wait_seconds = 60;
    assert_verdict(scene_ask(scene, &login), VERDICT_PENDING);
    id = scene->verdict.id;
    assert_code(scene_approve(scene, "bob", id), 0);
    assert_int_equal(ledger_abandon(scene->ledger, id, &scene->now, &scene->error), 0);
    assert_state(scene, id, STATE_ACTIVE);
}

/* ---- refusals ---- */

static void test_refusals_are_counted(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "dave", "oracle");

    scene_policies(scene, PLAIN);
    for (int i = 0; i < 50; i++)
        assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
    assert_int_equal(records(scene, "door-refused"), 1);
    assert_string_equal(scene_event(scene, 0)->reason, scene->verdict.message);
    scene_pass(scene, 59);
    assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
    assert_int_equal(records(scene, "door-refused"), 1);
    scene_pass(scene, 1);
    assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
    assert_int_equal(records(scene, "door-refused"), 2);
    assert_non_null(strstr(scene_event(scene, 0)->reason, "and 50 times since"));
    /* another door, another person, another account: another refusal */
    login.door = DOOR_SU;
    assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
    login = scene_login(scene, DOOR_SUDO, "carol", "oracle");
    assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
    assert_int_equal(records(scene, "door-refused"), 4);
}

/* A flood of names that nobody has is one refusal. */
static void test_refusals_of_nobodies(void **state)
{
    struct scene *scene = *state;
    char name[32];

    scene_policies(scene, PLAIN);
    for (int i = 0; i < 300; i++) {
        struct login login;

        (void)snprintf(name, sizeof(name), "nobody%d", i);
        login = scene_login(scene, DOOR_SSH, name, name);
        assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
    }
    assert_int_equal(records(scene, "door-refused"), 1);
}

/* Whoever runs through many accounts is written down about each of them once, not in every round.
 */
static void test_refusals_of_many(void **state)
{
    struct scene *scene = *state;
    char name[32];

    scene_policies(scene, "[policy p]\naccounts = uid:2000-2999\nrequesters = alice\n"
                          "approvers = bob\n");
    for (uid_t i = 0; i < 300; i++) {
        (void)snprintf(name, sizeof(name), "service%u", i);
        scene_add_user(scene, name, 2000 + i, "");
    }
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < 300; i++) {
            struct login login;

            (void)snprintf(name, sizeof(name), "service%d", i);
            login = scene_login(scene, DOOR_SU, "dave", name);
            assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
        }
    assert_true(records(scene, "door-refused") <= 300);
}

/* What is too long is cut between characters: half a character could be written to no record. */
static void test_long_message(void **state)
{
    struct scene *scene = *state;
    char policies[4096], names[3000] = "", name[64];
    struct login login;

    for (int i = 0; i < 60; i++) {
        (void)snprintf(name, sizeof(name),
                       "%s\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97"
                       "\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97%02d",
                       i ? ", " : "", i);
        strcat(names, name);
    }
    for (int shift = 0; shift < 3; shift++) {
        (void)snprintf(policies, sizeof(policies),
                       "[policy %.*s]\naccounts = oracle\nrequesters = %s\napprovers = %s\n"
                       "quorum = 61\n",
                       1 + shift, "ppp", shift ? "erin" : "alice", names);
        scene_policies(scene, policies);
        login = scene_login(scene, DOOR_SUDO, shift ? "erin" : "alice", "oracle");
        if (shift == 2)
            login.door = DOOR_SU;
        assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
        assert_true(strlen(scene->verdict.message) > 1500);
        assert_true(text_is_valid(scene->verdict.message, sizeof(scene->verdict.message)));
        assert_int_equal(records(scene, "door-refused"), shift + 1);
    }
}

/* ---- sessions ---- */

static void test_sessions(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "alice", "oracle");
    struct login other;
    uint64_t id;

    scene_policies(scene, PLAIN);
    id = checked_out(scene, "alice", "oracle");
    assert_verdict(scene_open(scene, &login), VERDICT_ALLOW);
    assert_int_equal(scene->verdict.id, id);
    assert_int_equal(scene_event(scene, 0)->kind, EVENT_SESSION_OPENED);
    /* of another process, service, person or account there is none to close */
    other = login;
    other.pid++;
    assert_int_equal(ledger_close_session(scene->ledger, &other, &scene->now, &scene->error), 0);
    other = login;
    other.service = "sudo-i";
    assert_int_equal(ledger_close_session(scene->ledger, &other, &scene->now, &scene->error), 0);
    other = login;
    other.person = "erin";
    assert_int_equal(ledger_close_session(scene->ledger, &other, &scene->now, &scene->error), 0);
    other = login;
    other.account = "backup";
    assert_int_equal(ledger_close_session(scene->ledger, &other, &scene->now, &scene->error), 0);
    assert_int_equal(records(scene, "session-closed"), 0);
    scene_pass(scene, 7200);
    scene_tick(scene);
    assert_int_equal(ledger_close_session(scene->ledger, &login, &scene->now, &scene->error), 0);
    assert_int_equal(records(scene, "session-closed"), 1);
    assert_int_equal(ledger_close_session(scene->ledger, &login, &scene->now, &scene->error), 0);
    assert_int_equal(records(scene, "session-closed"), 1);
    assert_int_equal(scene_number(scene, "SELECT closed FROM session"), SCENE_WALL + 7200);
    assert_state(scene, id, STATE_EXPIRED);
}

/* No record, no session. */
static void test_session_that_cannot_be_recorded(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "alice", "oracle");
    uint64_t id;

    scene_policies(scene, PLAIN);
    id = checked_out(scene, "alice", "oracle");
    scene_tamper(scene->path, "CREATE TRIGGER no BEFORE INSERT ON session"
                              " BEGIN SELECT raise(ABORT, 'no room'); END");
    assert_verdict(scene_open(scene, &login), VERDICT_REFUSED);
    assert_says(scene, "no room");
    assert_int_equal(scene_number(scene, "SELECT uses FROM checkout"), 0);
    scene_tamper(scene->path, "DROP TRIGGER no");
    assert_verdict(scene_open(scene, &login), VERDICT_ALLOW);
    assert_int_equal(scene_number(scene, "SELECT uses FROM checkout"), 1);
    assert_int_equal(scene->verdict.id, id);
}

/* Nothing can be written: who has a check-out may still be told so, nobody gets a new one or is
 * waved through, and every refusal is a refusal. */
static void test_nothing_can_be_written(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "alice", "oracle");
    struct login erin = scene_login(scene, DOOR_SUDO, "erin", "oracle");
    struct login dave = scene_login(scene, DOOR_SUDO, "dave", "oracle");

    scene_policies(scene, PLAIN);
    checked_out(scene, "alice", "oracle");
    scene_pass(scene, 10);
    scene_file(scene, "bob", "oracle");
    scene_pass(scene, 1800); /* bob's has lapsed, which cannot be written either */
    scene_tamper(scene->path, "CREATE TRIGGER no BEFORE INSERT ON audit"
                              " BEGIN SELECT raise(ABORT, 'no room'); END");
    assert_verdict(scene_ask(scene, &login), VERDICT_ALLOW);
    assert_verdict(scene_open(scene, &login), VERDICT_REFUSED);
    assert_verdict(scene_ask(scene, &erin), VERDICT_REFUSED);
    assert_says(scene, "no room");
    assert_verdict(scene_ask(scene, &dave), VERDICT_REFUSED);
    scene_pass(scene, 3600);
    assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
    scene_tamper(scene->path, "DROP TRIGGER no");
    assert_verdict(scene_ask(scene, &login), VERDICT_PENDING);
}

static void test_ledger_cannot_be_read(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "alice", "oracle");

    scene_policies(scene, PLAIN);
    checked_out(scene, "alice", "oracle");
    scene_tamper(scene->path, "UPDATE checkout SET uses = -1");
    assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
    assert_says(scene, "cannot be read");
    assert_verdict(scene_resume(scene, 1, &login), VERDICT_REFUSED);
    assert_verdict(scene_open(scene, &login), VERDICT_REFUSED);
    scene_tamper(scene->path, "UPDATE checkout SET uses = 0");
}

static void test_verdict_names(void **state)
{
    assert_string_equal(verdict_name(VERDICT_REFUSED), "refused");
    assert_string_equal(verdict_name(VERDICT_PENDING), "pending");
    assert_string_equal(verdict_name(VERDICT_ALLOW), "allow");
    assert_string_equal(verdict_name(VERDICT_UNMANAGED), "unmanaged");
    assert_string_equal(verdict_name(VERDICT_EXEMPT), "exempt");
    assert_string_equal(verdict_name((enum verdict_kind)77), "refused");
    assert_string_equal(verdict_name((enum verdict_kind) - 1), "refused");
    assert_int_equal(VERDICT_REFUSED, 0); /* what is zeroed refuses */
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, scene_setup, scene_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_no_policy_at_all),
        TEST(test_unmanaged),
        TEST(test_unattended),
        TEST(test_other_name_of_an_open_account),
        TEST(test_exempt),
        TEST(test_nobody_and_other_door),
        TEST(test_outside_hours),
        TEST(test_no_such_people),
        TEST(test_name_service_down),
        TEST(test_loginuid),
        TEST(test_su_caller),
        TEST(test_root),
        TEST(test_file_and_come_back),
        TEST(test_door_bound),
        TEST(test_nobody_else),
        TEST(test_second_names),
        TEST(test_what_is_missing_is_said),
        TEST(test_line_names_the_door_where_it_must),
        TEST(test_no_line_where_it_would_not_help),
        TEST(test_sudo_list_files_nothing),
        TEST(test_other_doors_have_no_list),
        TEST(test_people_who_may_not_file_nothing),
        TEST(test_no_approver),
        TEST(test_window),
        TEST(test_clock_set_back),
        TEST(test_suspended),
        TEST(test_scheduled),
        TEST(test_scheduled_and_waited_for),
        TEST(test_lapse),
        TEST(test_prepare),
        TEST(test_prepare_after_the_clock_was_set),
        TEST(test_first_use),
        TEST(test_first_use_too_late),
        TEST(test_first_use_where_another_is_active),
        TEST(test_uses),
        TEST(test_policy_gone_or_renamed),
        TEST(test_other_machine),
        TEST(test_auto_approval),
        TEST(test_auto_approval_first_use),
        TEST(test_outcomes),
        TEST(test_abandon),
        TEST(test_refusals_are_counted),
        TEST(test_refusals_of_nobodies),
        TEST(test_refusals_of_many),
        TEST(test_long_message),
        TEST(test_sessions),
        TEST(test_session_that_cannot_be_recorded),
        TEST(test_nothing_can_be_written),
        TEST(test_ledger_cannot_be_read),
        TEST(test_verdict_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
