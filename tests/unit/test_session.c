/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "scene.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PLAIN                                                                                      \
    "[policy plain]\n"                                                                             \
    "accounts = oracle, root\n"                                                                    \
    "requesters = alice, erin\n"                                                                   \
    "approvers = %security\n"                                                                      \
    "duration = 1h\n"

#define PLACE "/user.slice/user-1001.slice/"

static uint64_t checked_out(struct scene *scene, const char *person, const char *account)
{
    uint64_t id = scene_file(scene, person, account);

    assert_code(scene_approve(scene, "bob", id), 0);
    return id;
}

static int64_t records(struct scene *scene, const char *event)
{
    char sql[128];

    (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM audit WHERE event = '%s'", event);
    return scene_number(scene, sql);
}

static int64_t number(struct scene *scene, const char *what)
{
    char sql[256];

    (void)snprintf(sql, sizeof(sql), "SELECT %s", what);
    return scene_number(scene, sql);
}

static struct login login_of(const struct scene *scene, unsigned door, uint32_t pid)
{
    struct login login = scene_login(scene, door, "alice", "oracle");

    login.pid = pid;
    login.start_time = 1000 + pid;
    login.phase = "session";
    return login;
}

static void close_by_door(struct scene *scene, const struct login *login)
{
    assert_code(ledger_close_session(scene->ledger, login, &scene->now, &scene->error), 0);
}

static void end(struct scene *scene, const char *name, const char *how)
{
    assert_code(
        ledger_end_session(scene->ledger, name, how, "for the test", &scene->now, &scene->error),
        0);
}

/* Asked again after it was answered, as after a restart of the broker in between. */
static void test_open_twice(void **state)
{
    struct scene *scene = *state;
    struct login login = login_of(scene, DOOR_SUDO, 100), other = login_of(scene, DOOR_SUDO, 100);
    char name[SESSION_NAME_MAX];
    uint64_t id;

    scene_policies(scene, PLAIN "uses = 3\n");
    id = checked_out(scene, "alice", "oracle");
    assert_verdict(scene_open(scene, &login), VERDICT_ALLOW);
    memcpy(name, scene->verdict.session, sizeof(name));
    assert_int_equal(strlen(name), SESSION_NAME_MAX - 1);
    scene_restart(scene, PLAIN "uses = 3\n");
    assert_verdict(scene_open(scene, &login), VERDICT_ALLOW);
    assert_string_equal(scene->verdict.session, name);
    assert_int_equal(scene->verdict.id, id);
    assert_int_equal(records(scene, "session-opened"), 1);
    assert_int_equal(number(scene, "uses FROM checkout"), 1);

    other.start_time++; /* the number of a process that has gone */
    assert_verdict(scene_open(scene, &other), VERDICT_ALLOW);
    assert_string_not_equal(scene->verdict.session, name);
    scene_reboot(scene, 0);
    assert_verdict(scene_open(scene, &login), VERDICT_PENDING);
    assert_int_equal(records(scene, "session-opened"), 2);
}

static void test_placed_at_once(void **state)
{
    struct scene *scene = *state;
    struct login login = login_of(scene, DOOR_SUDO, 100);
    char unit[64], cgroup[128];
    uint64_t id;

    scene_policies(scene, PLAIN);
    id = checked_out(scene, "alice", "oracle");
    (void)snprintf(unit, sizeof(unit), "pam-checkout-%llu-1.scope", (unsigned long long)id);
    (void)snprintf(cgroup, sizeof(cgroup), PLACE "%s", unit);
    login.unit = unit;
    login.cgroup = cgroup;
    assert_verdict(scene_open(scene, &login), VERDICT_ALLOW);
    assert_verdict(scene_open(scene, &login), VERDICT_ALLOW);
    assert_int_equal(records(scene, "session-opened"), 1);
    assert_int_equal(records(scene, "session-placed"), 0);
    assert_int_equal(number(scene,
                            "count(*) FROM audit WHERE event = 'session-opened'"
                            " AND json_extract(record, '$.unit') LIKE 'pam-checkout-%-1.scope'"
                            " AND json_extract(record, '$.audit_session') = 12"),
                     1);
    /* It is over when its cgroup is empty, whatever the door says. */
    close_by_door(scene, &login);
    assert_int_equal(records(scene, "session-closed"), 0);
    end(scene, scene->verdict.session, SESSION_CLOSED);
    end(scene, scene->verdict.session, SESSION_CLOSED);
    assert_int_equal(records(scene, "session-closed"), 1);
    assert_int_equal(number(scene, "count(*) FROM session WHERE how = 'closed' AND closed > 0"), 1);
}

/* ssh: the first line of the stack opens, the second says where. */
static void test_placed_later(void **state)
{
    struct scene *scene = *state;
    struct login login = login_of(scene, DOOR_SSH, 100);

    scene_policies(scene, PLAIN "uses = 1\n");
    checked_out(scene, "alice", "oracle");
    login.audit_session = 0;
    assert_verdict(scene_open(scene, &login), VERDICT_ALLOW);
    login.unit = "session-4.scope";
    login.cgroup = PLACE "session-4.scope";
    login.audit_session = 4;
    assert_verdict(scene_open(scene, &login), VERDICT_ALLOW);
    assert_verdict(scene_open(scene, &login), VERDICT_ALLOW);
    assert_int_equal(records(scene, "session-placed"), 1);
    assert_int_equal(number(scene, "uses FROM checkout"), 1);
    assert_int_equal(number(scene, "audit_session FROM session"), 4);
    login.unit = "session-5.scope";
    login.cgroup = PLACE "session-5.scope";
    assert_verdict(scene_open(scene, &login), VERDICT_REFUSED);
    assert_int_equal(records(scene, "session-placed"), 1);
}

static void test_wrong_places(void **state)
{
    static const struct {
        unsigned door;
        const char *unit, *cgroup;
    } wrong[] = {
        {DOOR_SUDO, "pam-checkout-9-1.scope", PLACE "pam-checkout-9-1.scope"},
        {DOOR_SUDO, "session-4.scope", PLACE "session-4.scope"},
        {DOOR_SU, "session-4.scope", PLACE "session-4.scope"},
        {DOOR_SSH, "init.scope", "/init.scope"},
        {DOOR_SSH, "ssh.service", "/system.slice/ssh.service"},
        {DOOR_SSH, "session-4.scope", "/"},
        {DOOR_SSH, "session-4.scope", PLACE},
        {DOOR_SSH, "session-4.scope", PLACE "../session-4.scope"},
        {DOOR_SSH, "session-4.scope", NULL},
        {DOOR_SSH, NULL, PLACE "session-4.scope"},
    };
    struct scene *scene = *state;

    scene_policies(scene, PLAIN);
    checked_out(scene, "alice", "oracle");
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct login login = login_of(scene, wrong[i].door, 100);

        login.unit = wrong[i].unit;
        login.cgroup = wrong[i].cgroup;
        assert_verdict(scene_open(scene, &login), VERDICT_REFUSED);
        assert_string_equal(scene->verdict.session, "");
    }
    struct login login = login_of(scene, DOOR_SSH, 100);

    login.unit = "session-4.scope";
    login.cgroup = PLACE "session-4.scope";
    login.misplaced = "the handle ends something else";
    assert_verdict(scene_open(scene, &login), VERDICT_REFUSED);
    assert_non_null(strstr(scene->verdict.message, "something else"));
    assert_int_equal(records(scene, "session-opened"), 0);
    assert_int_equal(number(scene, "count(*) FROM session"), 0);
}

static void test_nested(void **state)
{
    struct scene *scene = *state;
    struct login login = login_of(scene, DOOR_SSH, 100), root = login_of(scene, DOOR_SU, 200);
    struct sessions open = {0};
    uint64_t id;

    scene_policies(scene, PLAIN);
    id = checked_out(scene, "alice", "oracle");
    login.unit = "session-4.scope";
    login.cgroup = PLACE "session-4.scope";
    assert_verdict(scene_open(scene, &login), VERDICT_ALLOW);

    root.person = "root";
    root.account = "backup";
    root.ruid = 0;
    assert_verdict(scene_open(scene, &root), VERDICT_EXEMPT);
    root.parent_cgroup = PLACE "session-5.scope";
    assert_verdict(scene_open(scene, &root), VERDICT_EXEMPT);
    assert_int_equal(records(scene, "session-opened"), 1);

    root.parent_cgroup = PLACE "session-4.scope/below";
    root.unit = "session-c1.scope";
    root.cgroup = "/user.slice/user-0.slice/session-c1.scope";
    assert_verdict(scene_open(scene, &root), VERDICT_ALLOW);
    assert_int_equal(scene->verdict.id, id);
    assert_verdict(scene_open(scene, &root), VERDICT_ALLOW);
    assert_int_equal(records(scene, "session-opened"), 2);
    assert_int_equal(number(scene, "uses FROM checkout"), 1);
    assert_int_equal(ledger_open_sessions(scene->ledger, &open), 0);
    assert_int_equal(open.count, 2);
    assert_string_equal(open.items[1]->inside, open.items[0]->session);
    assert_string_equal(open.items[1]->person, "alice");
    assert_string_equal(open.items[1]->account, "backup");
    sessions_clear(&open);

    /* From the inner one further on; somebody else than root is asked as ever. */
    root.pid = 300;
    root.parent_cgroup = root.cgroup;
    root.unit = root.cgroup = NULL;
    assert_verdict(scene_open(scene, &root), VERDICT_ALLOW);
    close_by_door(scene, &root);
    assert_int_equal(records(scene, "session-closed"), 1);
    login.pid = 400;
    login.person = "erin";
    login.loginuid = login.ruid = 1005;
    login.parent_cgroup = PLACE "session-4.scope";
    assert_verdict(scene_open(scene, &login), VERDICT_PENDING);
}

static void test_return_on_logout(void **state)
{
    struct scene *scene = *state;
    struct login first = login_of(scene, DOOR_SUDO, 100), second = login_of(scene, DOOR_SU, 200);
    uint64_t id;

    scene_policies(scene, PLAIN "return-on-logout = yes\n");
    id = checked_out(scene, "alice", "oracle");
    assert_verdict(scene_open(scene, &first), VERDICT_ALLOW);
    assert_verdict(scene_open(scene, &second), VERDICT_ALLOW);
    close_by_door(scene, &first);
    assert_state(scene, id, STATE_ACTIVE);
    close_by_door(scene, &second);
    assert_state(scene, id, STATE_RETURNED);
    assert_int_equal(scene_event(scene, 0)->kind, EVENT_RETURNED);
    assert_string_equal(scene_event(scene, 0)->actor, "alice");
    close_by_door(scene, &second);
    assert_int_equal(records(scene, "returned"), 1);

    /* One that was ended, or a machine that was restarted, gives nothing back. */
    id = checked_out(scene, "alice", "oracle");
    assert_verdict(scene_open(scene, &first), VERDICT_ALLOW);
    end(scene, scene->verdict.session, SESSION_REBOOTED);
    assert_state(scene, id, STATE_ACTIVE);
    assert_verdict(scene_open(scene, &first), VERDICT_ALLOW);
    assert_code(scene_revoke(scene, "bob", id), 0);
    end(scene, scene->verdict.session, SESSION_ENDED);
    assert_state(scene, id, STATE_REVOKED);
}

static void test_ends(void **state)
{
    static const char *const hows[] = {SESSION_ENDED, SESSION_KILLED, SESSION_REBOOTED};
    struct scene *scene = *state;
    char name[SESSION_NAME_MAX];

    scene_policies(scene, PLAIN);
    checked_out(scene, "alice", "oracle");
    for (uint32_t i = 0; i < 3; i++) {
        struct login login = login_of(scene, DOOR_SUDO, 100 + i);

        assert_verdict(scene_open(scene, &login), VERDICT_ALLOW);
        end(scene, scene->verdict.session, hows[i]);
    }
    assert_int_equal(records(scene, "session-closed"), 2);
    assert_int_equal(records(scene, "session-killed"), 1);
    assert_int_equal(number(scene, "count(*) FROM session WHERE closed = 0"), 0);

    /* What survived is open, and stays marked when it goes after all. */
    struct login login = login_of(scene, DOOR_SUDO, 200);

    assert_verdict(scene_open(scene, &login), VERDICT_ALLOW);
    memcpy(name, scene->verdict.session, sizeof(name));
    end(scene, name, SESSION_SURVIVED);
    assert_int_equal(number(scene, "count(*) FROM session WHERE closed = 0 AND how = 'survived'"),
                     1);
    end(scene, name, SESSION_CLOSED);
    end(scene, name, SESSION_SURVIVED); /* what is elsewhere may be seen later */
    assert_int_equal(number(scene, "count(*) FROM session WHERE closed > 0 AND how = 'survived'"),
                     1);
    assert_int_equal(records(scene, "session-survived"), 2);
}

static size_t list(struct scene *scene, const char *person, struct session_filter filter)
{
    struct caller caller = scene_caller(scene, person);
    struct sessions found = {0};
    size_t count;
    int r;

    filter.limit = filter.limit ? filter.limit : 100;
    SCENE_ANSWERED(
        scene, r,
        ledger_list_sessions(scene->ledger, &filter, &caller, &roster, &found, &scene->error));
    assert_code(r, 0);
    count = found.count;
    sessions_clear(&found);
    return count;
}

static void test_list(void **state)
{
    struct scene *scene = *state;
    uint64_t id;

    scene_policies(scene, PLAIN);
    id = checked_out(scene, "alice", "oracle");
    checked_out(scene, "erin", "oracle");
    for (uint32_t i = 0; i < 5; i++) {
        struct login login = scene_login(scene, DOOR_SUDO, i < 3 ? "alice" : "erin", "oracle");

        login.pid = 100 + i;
        assert_verdict(scene_open(scene, &login), VERDICT_ALLOW);
    }
    end(scene, scene->verdict.session, SESSION_CLOSED);
    assert_int_equal(list(scene, "root", (struct session_filter){0}), 5);
    assert_int_equal(list(scene, "root", (struct session_filter){.open = true}), 4);
    assert_int_equal(list(scene, "root", (struct session_filter){.limit = 2}), 2);
    assert_int_equal(list(scene, "root", (struct session_filter){.after = 3}), 2);
    assert_int_equal(list(scene, "root", (struct session_filter){.checkout_id = id}), 3);
    assert_int_equal(list(scene, "root", (struct session_filter){.person = "erin"}), 2);
    assert_int_equal(list(scene, "root", (struct session_filter){.account = "root"}), 0);
    assert_int_equal(list(scene, "root", (struct session_filter){.since = scene->now.wall + 1}), 0);
    assert_int_equal(list(scene, "root", (struct session_filter){.until = scene->now.wall}), 0);
    assert_int_equal(list(scene, "bob", (struct session_filter){0}), 5);   /* approves */
    assert_int_equal(list(scene, "alice", (struct session_filter){0}), 3); /* her own */
    assert_int_equal(list(scene, "alice", (struct session_filter){.person = "erin"}), 0);
    assert_int_equal(list(scene, "dave", (struct session_filter){0}), 0);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, scene_setup, scene_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_open_twice),   TEST(test_placed_at_once), TEST(test_placed_later),
        TEST(test_wrong_places), TEST(test_nested),         TEST(test_return_on_logout),
        TEST(test_ends),         TEST(test_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
