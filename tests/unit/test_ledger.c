/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "scene.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger/ledger_internal.h"
#include "store/sqlite.h"

#define PLAIN                                                                                      \
    "[policy plain]\n"                                                                             \
    "accounts = oracle\n"                                                                          \
    "requesters = alice, erin, dave\n"                                                             \
    "approvers = %security\n"

static uint64_t checked_out(struct scene *scene, const char *person)
{
    uint64_t id = scene_file(scene, person, "oracle");

    assert_code(scene_approve(scene, "bob", id), 0);
    return id;
}

static uint64_t scheduled(struct scene *scene, uint64_t start)
{
    struct request request = {.account = "oracle", .reason = "x", .start = start};
    uint64_t id = 0;

    assert_code(scene_request(scene, "alice", &request, &id), 0);
    assert_code(scene_approve(scene, "bob", id), 0);
    return id;
}

/* ---- time ---- */

static void test_expiry(void **state)
{
    struct scene *scene = *state;
    uint64_t id, wall = 0, boot = 0;

    scene_policies(scene, PLAIN);
    id = checked_out(scene, "alice");
    assert_int_equal(ledger_next_tick(scene->ledger, &scene->now, &wall, &boot), 0);
    assert_int_equal(wall, SCENE_WALL + 3600);
    assert_int_equal(boot, SCENE_BOOT + 3600);
    scene_pass(scene, 3599);
    scene_tick(scene);
    assert_state(scene, id, STATE_ACTIVE);
    scene_pass(scene, 1);
    scene_tick(scene);
    assert_state(scene, id, STATE_EXPIRED);
    assert_int_equal(scene_event(scene, 0)->kind, EVENT_EXPIRED);
    assert_string_equal(scene_event(scene, 0)->actor, "");
    assert_int_equal(ledger_next_tick(scene->ledger, &scene->now, &wall, &boot), 0);
    assert_int_equal(wall, 0);
    assert_int_equal(boot, 0);
}

static void test_each_clock_ends_it(void **state)
{
    struct scene *scene = *state;
    uint64_t id;

    scene_policies(scene, PLAIN);
    id = checked_out(scene, "alice");
    scene->now.wall += 3600; /* set forward */
    scene_tick(scene);
    assert_state(scene, id, STATE_EXPIRED);
    id = checked_out(scene, "alice");
    scene->now.wall -= 86400; /* set back */
    scene->now.boot += 3599;
    scene_tick(scene);
    assert_state(scene, id, STATE_ACTIVE);
    scene->now.boot += 1;
    scene_tick(scene);
    assert_state(scene, id, STATE_EXPIRED);
}

/* A start and an end that were slept through: both are written, in their order. */
static void test_slept_through(void **state)
{
    struct scene *scene = *state;
    uint64_t id;

    scene_policies(scene, PLAIN);
    id = scheduled(scene, SCENE_WALL + 1000);
    scene_pass(scene, 1000 + 3600);
    scene_tick(scene);
    assert_state(scene, id, STATE_EXPIRED);
    assert_int_equal(scene_event(scene, 1)->kind, EVENT_STARTED);
    assert_int_equal(scene_event(scene, 0)->kind, EVENT_EXPIRED);
}

/* A start that was slept past by less leaves what is left of the window. */
static void test_slept_into(void **state)
{
    struct scene *scene = *state;
    uint64_t id;

    scene_policies(scene, PLAIN);
    id = scheduled(scene, SCENE_WALL + 1000);
    scene_pass(scene, 2000);
    scene_tick(scene);

    CLEANUP_CHECKOUT struct checkout *checkout = scene_checkout(scene, id);

    assert_int_equal(checkout->state, STATE_ACTIVE);
    assert_int_equal(checkout->start, SCENE_WALL + 1000);
    assert_int_equal(checkout->end, SCENE_WALL + 4600);
    assert_int_equal(checkout->end_boot, SCENE_BOOT + 4600);
}

static void test_unused(void **state)
{
    struct scene *scene = *state;
    uint64_t id;

    scene_policies(scene, PLAIN "clock = first-use\nuse-within = 2h\n");
    id = checked_out(scene, "alice");
    scene_pass(scene, 7199);
    scene_tick(scene);
    assert_state(scene, id, STATE_APPROVED);
    scene_pass(scene, 1);
    scene_tick(scene);
    assert_state(scene, id, STATE_EXPIRED);
    assert_string_equal(scene_event(scene, 0)->reason, "it was not used in time");
    id = checked_out(scene, "alice");
    scene->now.wall -= 86400;
    scene->now.boot += 7200;
    scene_tick(scene);
    assert_state(scene, id, STATE_EXPIRED);
}

/* ---- reboot ---- */

static void test_reboot(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "alice", "oracle");
    uint64_t active, later, pending, unused;

    scene_policies(scene, PLAIN "clock = first-use\n");
    unused = checked_out(scene, "erin");
    scene_policies(scene, PLAIN);
    active = checked_out(scene, "alice");
    later = scheduled(scene, SCENE_WALL + 5000);
    pending = scene_file(scene, "dave", "oracle");
    scene_restart(scene, PLAIN); /* of the broker alone */
    scene_tick(scene);
    assert_state(scene, active, STATE_ACTIVE);
    assert_verdict(scene_ask(scene, &login), VERDICT_ALLOW);
    scene_reboot(scene, 60);
    scene_restart(scene, PLAIN);
    /* before anything has ticked */
    assert_verdict(scene_resume(scene, active, &login), VERDICT_REFUSED);
    assert_state(scene, active, STATE_EXPIRED);
    assert_state(scene, later, STATE_EXPIRED);
    assert_state(scene, unused, STATE_EXPIRED);
    assert_state(scene, pending, STATE_PENDING);
    assert_code(scene_approve(scene, "bob", pending), 0);
    assert_state(scene, pending, STATE_ACTIVE);
    login = scene_login(scene, DOOR_SUDO, "dave", "oracle");
    assert_verdict(scene_ask(scene, &login), VERDICT_ALLOW);
    assert_verdict(scene_resume(scene, pending, &login), VERDICT_ALLOW);
}

static void test_reboot_survived(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "alice", "oracle");
    uint64_t active, later, over;

    scene_policies(scene, PLAIN "survive-reboot = yes\n");
    over = checked_out(scene, "erin");
    scene_pass(scene, 3000);
    active = checked_out(scene, "alice");
    later = scheduled(scene, SCENE_WALL + 9000);
    scene_reboot(scene, 600);
    scene_restart(scene, PLAIN "survive-reboot = yes\n");
    scene_tick(scene);
    assert_state(scene, over, STATE_EXPIRED); /* its time was over before the boot */
    assert_state(scene, active, STATE_ACTIVE);
    assert_verdict(scene_ask(scene, &login), VERDICT_ALLOW);
    assert_int_equal(scene->verdict.end, SCENE_WALL + 3000 + 3600);
    /* both clocks end it in the new boot, too */
    scene->now.wall -= 86400;
    scene->now.boot += 2999;
    scene_tick(scene);
    assert_state(scene, active, STATE_ACTIVE);
    scene->now.boot += 1;
    scene_tick(scene);
    assert_state(scene, active, STATE_EXPIRED);
    scene->now.wall = SCENE_WALL + 9000;
    scene_tick(scene);
    assert_state(scene, later, STATE_ACTIVE);
    /* and the record says that they were carried over */
    assert_int_equal(scene_number(scene, "SELECT count(*) FROM audit WHERE event = 'carried-over'"),
                     2);
}

/* A broker to which nothing happens knows, too, how late it has been. */
static void test_idle_clock(void **state)
{
    struct scene *scene = *state;
    uint64_t before;

    scene_policies(scene, PLAIN);
    before = store_clock(scene->store);
    scene_pass(scene, 29);
    scene_tick(scene);
    assert_int_equal(store_clock(scene->store), before);
    scene_pass(scene, 3600);
    scene_tick(scene);
    assert_int_equal(store_clock(scene->store), before + 3629);
    assert_int_equal(scene_number(scene, "SELECT wall FROM clock"), before + 3629);
    scene->now.wall -= 1000;
    scene_tick(scene);
    assert_int_equal(store_clock(scene->store), before + 3629);
}

static void test_reboot_survived_first_use(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "alice", "oracle");
    uint64_t id;

    scene_policies(scene, PLAIN "survive-reboot = yes\nclock = first-use\nuse-within = 2h\n");
    id = checked_out(scene, "alice");
    scene_reboot(scene, 7199);
    scene_tick(scene);
    assert_state(scene, id, STATE_APPROVED);
    assert_verdict(scene_ask(scene, &login), VERDICT_ALLOW);
    assert_int_equal(scene->verdict.end, SCENE_WALL + 7199 + 3600);
}

/* A start and an end within the time that the machine was off. */
static void test_reboot_slept_through(void **state)
{
    struct scene *scene = *state;
    uint64_t id;

    scene_policies(scene, PLAIN "survive-reboot = yes\n");
    id = scheduled(scene, SCENE_WALL + 1000);
    scene_reboot(scene, 10000);
    scene_tick(scene);
    assert_state(scene, id, STATE_EXPIRED);
}

/* With the clock behind what was seen before the boot, nobody knows how much of the time is over.
 */
static void test_reboot_with_the_clock_set_back(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "alice", "oracle");
    uint64_t active;

    scene_policies(scene, PLAIN "survive-reboot = yes\n");
    active = checked_out(scene, "alice");
    scene_reboot(scene, 0);
    scene->now.wall -= 1;
    scene_restart(scene, PLAIN "survive-reboot = yes\n");
    scene_tick(scene);
    assert_state(scene, active, STATE_EXPIRED);
    assert_string_equal(scene_event(scene, 0)->reason, "the clock was set back over a restart");
    /* new requests are allowed, and flagged */
    scene->now.wall -= 10000;
    assert_verdict(scene_ask(scene, &login), VERDICT_PENDING);

    CLEANUP_CHECKOUT struct checkout *checkout = scene_checkout(scene, scene->verdict.id);

    assert_non_null(strstr(checkout->reason_source, "the clock was set back"));
}

/* ---- extremes ---- */

static void test_wall_near_zero(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "alice", "oracle");
    uint64_t id;

    scene->now.wall = 1;
    scene->now.boot = 0;
    scene_policies(scene, PLAIN);
    id = checked_out(scene, "alice");
    assert_verdict(scene_ask(scene, &login), VERDICT_ALLOW);
    assert_int_equal(scene->verdict.end, 3601);
    scene_pass(scene, 3600);
    assert_verdict(scene_ask(scene, &login), VERDICT_PENDING);
    assert_state(scene, id, STATE_EXPIRED);
}

static void test_far_future(void **state)
{
    struct scene *scene = *state;
    struct login login = scene_login(scene, DOOR_SUDO, "alice", "oracle");
    struct request request = {.account = "oracle", .reason = "x"};
    uint64_t id = 0;

    scene->now.wall = UINT64_C(8277292036); /* as far as Linux lets the clock be set: 2232 */
    scene_policies(scene, PLAIN "max-duration = 366d\nclock = first-use\nuse-within = 366d\n");
    request.duration = LIMIT_DURATION_SECONDS;
    request.start = scene->now.wall + LIMIT_DURATION_SECONDS;
    assert_code(scene_request(scene, "alice", &request, &id), 0);
    assert_code(scene_approve(scene, "bob", id), 0);
    scene_pass(scene, LIMIT_DURATION_SECONDS);
    assert_verdict(scene_ask(scene, &login), VERDICT_ALLOW);
    assert_int_equal(scene->verdict.end, scene->now.wall + LIMIT_DURATION_SECONDS);
}

static void test_when(void **state)
{
    struct scene *scene = *state;
    char buffer[WHEN_TEXT_MAX];
    struct moment now = {.wall = 1790000000}; /* 2026-09-21 14:13:20 UTC */

    assert_non_null(scene);
    assert_string_equal(when_format(1790000000 + 60, &now, buffer), "14:14");
    assert_string_equal(when_format(1790000000 + 86400, &now, buffer), "2026-09-22 14:13");
    assert_string_equal(when_format(1790000000 - 365 * 86400, &now, buffer), "2025-09-21 14:13");
    assert_string_equal(when_format(0, &now, buffer), "1970-01-01 00:00");
    assert_string_equal(when_format(UINT64_MAX / 2, &now, buffer), "?");
    assert_true(strlen(when_format(INT32_MAX * UINT64_C(31556952), &now, buffer)) < WHEN_TEXT_MAX);
}

/* ---- policies and notes ---- */

static void test_policy_records(void **state)
{
    struct scene *scene = *state;

    assert_null(ledger_policies(scene->ledger));
    scene_policies(scene, PLAIN);
    assert_non_null(ledger_policies(scene->ledger));
    assert_int_equal(scene_event(scene, 0)->kind, EVENT_POLICY_LOADED);
    assert_string_equal(scene_event(scene, 0)->reason, "added: plain");
    scene_policies(scene, PLAIN "exclusive = yes\n");
    assert_string_equal(scene_event(scene, 0)->reason, "changed: plain");
    /* also what was changed while there was no broker */
    scene_restart(scene, PLAIN);
    assert_string_equal(scene_event(scene, 0)->reason, "changed: plain");
    assert_int_equal(scene_number(scene, "SELECT count(*) FROM policy"), 2);
    assert_int_equal(scene_number(scene, "SELECT count(*) FROM audit"), 3);
    assert_int_equal(
        ledger_reject_policies(scene->ledger, "a.conf:3: broken", &scene->now, &scene->error), 0);
    assert_string_equal(scene_event(scene, 0)->reason, "a.conf:3: broken");
    assert_int_equal(
        ledger_note(scene->ledger, EVENT_BROKER_STOPPED, NULL, &scene->now, &scene->error), 0);
    assert_int_equal(scene_event(scene, 0)->kind, EVENT_BROKER_STOPPED);
}

/* A set that could not be recorded is not in force. */
static void test_policy_not_recorded(void **state)
{
    struct scene *scene = *state;
    struct policy_set *set = calloc(1, sizeof(*set));
    const struct policy_set *before;

    assert_non_null(set);
    scene_policies(scene, PLAIN);
    before = ledger_policies(scene->ledger);
    scene_tamper(scene->path, "CREATE TRIGGER no BEFORE INSERT ON audit"
                              " BEGIN SELECT raise(ABORT, 'no room'); END");
    assert_code(ledger_load_policies(scene->ledger, set, &scene->now, &scene->error),
                ERROR_STORAGE_FAILED);
    assert_ptr_equal(ledger_policies(scene->ledger), before);
    policy_set_free(set);
    scene_tamper(scene->path, "DROP TRIGGER no");
}

/* ---- one transaction ---- */

/* COMMIT itself fails: nothing stays, in the file or in memory, and nobody hears of it. */
static void test_commit_fails(void **state)
{
    struct scene *scene = *state;
    struct checkout checkout = {.machine_id = (char *)SCENE_MACHINE,
                                .person = (char *)"alice",
                                .account = (char *)"oracle",
                                .host = (char *)"h",
                                .policy = (char *)"p",
                                .policy_digest = "d",
                                .uuid = "u"};
    struct change changes[] = {
        {.kind = EVENT_REQUESTED, .life = LIFE_REQUESTED, .checkout = &checkout},
        {.kind = EVENT_CANCELLED, .life = LIFE_CANCELLED, .checkout = &checkout}};
    unsigned char before[HASH_SIZE], after[HASH_SIZE];
    uint64_t seq, seq_after;
    size_t events;

    scene_policies(scene, PLAIN);
    events = scene->n_events;
    store_head(scene->store, &seq, before);
    /* a constraint that is looked at only when the transaction ends */
    assert_int_equal(sqlite3_exec(scene->store->database,
                                  "CREATE TEMP TRIGGER late AFTER INSERT ON audit BEGIN"
                                  " INSERT INTO session (session, checkout, person, account, door,"
                                  " pid, audit_session, opened, closed)"
                                  " SELECT 's', 99999, 'p', 'a', 'd', 1, 1, 1, 0; END;"
                                  "PRAGMA defer_foreign_keys = ON",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(store_begin(scene->store), 0);
    assert_int_equal(
        sqlite3_exec(scene->store->database, "PRAGMA defer_foreign_keys = ON", NULL, NULL, NULL),
        SQLITE_OK);
    assert_int_equal(store_append_audit(scene->store, 1, "x", 0, "{}", before), 0);
    assert_int_equal(store_commit(scene->store), -EIO);
    if (!strstr(store_problem(scene->store), "FOREIGN KEY"))
        fail_msg("%s", store_problem(scene->store));
    store_head(scene->store, &seq_after, after);
    assert_int_equal(seq_after, seq);

    assert_code(ledger_commit(scene->ledger, changes, 2, &scene->now, &scene->error),
                ERROR_STORAGE_FAILED);
    assert_int_equal(checkout.state, STATE_NONE);
    assert_int_equal(checkout.id, 0);
    assert_string_equal(checkout.digest, "");
    assert_int_equal(scene->n_events, events);
    store_head(scene->store, &seq_after, after);
    assert_int_equal(seq_after, seq);
    assert_memory_equal(before, after, HASH_SIZE);
    assert_int_equal(sqlite3_exec(scene->store->database, "DROP TRIGGER late", NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(scene_number(scene, "SELECT count(*) FROM checkout"), 0);
    assert_int_equal(ledger_commit(scene->ledger, changes, 2, &scene->now, &scene->error), 0);
    assert_int_equal(checkout.state, STATE_CANCELLED);
}

static void test_impossible_steps(void **state)
{
    struct scene *scene = *state;
    uint64_t id;

    scene_policies(scene, PLAIN);
    id = checked_out(scene, "alice");

    CLEANUP_CHECKOUT struct checkout *checkout = scene_checkout(scene, id);
    struct change changes[] = {
        {.kind = EVENT_RETURNED, .life = LIFE_RETURNED, .checkout = checkout},
        {.kind = EVENT_REVOKED, .life = LIFE_REVOKED, .checkout = checkout}};
    struct change many[LEDGER_CHANGES_MAX + 1] = {0};

    assert_code(ledger_commit(scene->ledger, changes, 2, &scene->now, &scene->error),
                ERROR_WRONG_STATE);
    assert_int_equal(checkout->state, STATE_ACTIVE);
    assert_state(scene, id, STATE_ACTIVE);
    assert_code(
        ledger_commit(scene->ledger, many, LEDGER_CHANGES_MAX + 1, &scene->now, &scene->error),
        ERROR_STORAGE_FAILED);
    /* what is in memory is not what is stored */
    checkout->state = STATE_APPROVED;
    assert_code(ledger_commit(scene->ledger, changes, 1, &scene->now, &scene->error),
                ERROR_WRONG_STATE);
    assert_state(scene, id, STATE_ACTIVE);
}

/* The disk fills up in the middle, at every place where it can. */
static void test_disk_full(void **state)
{
    struct scene *scene = *state;
    char reason[LIMIT_REASON + 1];
    struct request request = {.account = "oracle", .reason = reason};
    int refused = 0, filed = 0;

    memset(reason, 'x', LIMIT_REASON);
    reason[LIMIT_REASON] = '\0';
    scene_policies(scene, PLAIN "max-open = 1000\n");
    for (int pages = 0; pages < 12; pages++) {
        char sql[64];
        int64_t before = scene_number(scene, "SELECT count(*) FROM audit");

        (void)snprintf(sql, sizeof(sql), "PRAGMA max_page_count = %d",
                       (int)scene_number(scene, "PRAGMA page_count") + pages);
        assert_int_equal(sqlite3_exec(scene->store->database, sql, NULL, NULL, NULL), SQLITE_OK);
        for (int i = 0; i < 12; i++) {
            uint64_t id = 0;
            int r;

            scene_pass(scene, 30);
            request.start = scene->now.wall + 100000 + (uint64_t)i;
            r = scene_request(scene, i % 2 ? "alice" : "erin", &request, &id);
            if (r == 0) {
                filed++;
                before++;
                if (scene_cancel(scene, i % 2 ? "alice" : "erin", id) == 0)
                    before++;
            } else {
                refused++;
                assert_code(r, ERROR_STORAGE_FAILED);
                assert_non_null(strstr(scene->error.text, "full"));
            }
            assert_int_equal(scene_number(scene, "SELECT count(*) FROM audit"), before);
        }
        scene_prove(scene->path);
        assert_int_equal(sqlite3_exec(scene->store->database, "PRAGMA max_page_count = 1000000",
                                      NULL, NULL, NULL),
                         SQLITE_OK);
    }
    assert_true(refused > 0 && filed > 0);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, scene_setup, scene_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_expiry),
        TEST(test_each_clock_ends_it),
        TEST(test_slept_through),
        TEST(test_slept_into),
        TEST(test_unused),
        TEST(test_reboot),
        TEST(test_reboot_survived),
        TEST(test_idle_clock),
        TEST(test_reboot_survived_first_use),
        TEST(test_reboot_slept_through),
        TEST(test_reboot_with_the_clock_set_back),
        TEST(test_wall_near_zero),
        TEST(test_far_future),
        TEST(test_when),
        TEST(test_policy_records),
        TEST(test_policy_not_recorded),
        TEST(test_commit_fails),
        TEST(test_impossible_steps),
        TEST(test_disk_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
