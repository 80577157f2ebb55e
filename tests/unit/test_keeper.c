/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "scene.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "session/handover.h"
#include "session/keeper.h"

#define PLAIN                                                                                      \
    "[policy plain]\n"                                                                             \
    "accounts = oracle\n"                                                                          \
    "requesters = alice\n"                                                                         \
    "approvers = %security\n"                                                                      \
    "duration = 1h\n"

/* A hierarchy of plain files, in which a test plays the kernel. */
static struct {
    struct scene *scene;
    sd_event *event;
    struct keeper *keeper;
    char cgroups[64];
    unsigned complaints;
} it;

static struct moment now(void)
{
    return it.scene->now;
}

static void complain(const char *problem)
{
    it.complaints++;
}

static void start_keeper(void)
{
    const struct keeper_settings settings = {.event = it.event,
                                             .ledger = it.scene->ledger,
                                             .cgroups = it.cgroups,
                                             .devices = "/dev",
                                             .now = now,
                                             .complain = complain};

    assert_int_equal(keeper_new(&settings, &it.keeper), 0);
    it.scene->also = keeper_sink;
    it.scene->also_userdata = it.keeper;
    keeper_start(it.keeper);
}

static void stop_keeper(void)
{
    it.scene->also = NULL;
    it.keeper = keeper_free(it.keeper);
}

static int set_up(void **state)
{
    if (scene_setup(state) != 0)
        return -1;
    it.scene = *state;
    it.complaints = 0;
    scene_make_directory(it.cgroups);
    assert_true(sd_event_new(&it.event) >= 0);
    scene_policies(it.scene, PLAIN);
    start_keeper();
    return 0;
}

static int tear_down(void **state)
{
    char command[128];

    stop_keeper();
    it.event = sd_event_unref(it.event);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", it.cgroups);
    assert_int_equal(system(command), 0);
    assert_int_equal(it.complaints, 0);
    return scene_teardown(state);
}

static void write_file(const char *cgroup, const char *name, const char *text)
{
    char path[512];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s%s/%s", it.cgroups, cgroup, name);
    file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void populate(const char *cgroup, bool populated)
{
    write_file(cgroup, "cgroup.events",
               populated ? "populated 1\nfrozen 0\n" : "populated 0\nfrozen 0\n");
}

static void make_cgroup(const char *cgroup)
{
    char path[512];

    (void)snprintf(path, sizeof(path), "%s%s", it.cgroups, cgroup);
    assert_int_equal(mkdir(path, 0700), 0);
    write_file(cgroup, "cgroup.kill", "");
    write_file(cgroup, "cgroup.procs", "");
    populate(cgroup, true);
}

static bool was_killed(const char *cgroup)
{
    char path[512], byte = 0;

    (void)snprintf(path, sizeof(path), "%s%s/cgroup.kill", it.cgroups, cgroup);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    ssize_t n = read(fd, &byte, 1);
    close(fd);
    return n == 1 && byte == '1';
}

static int64_t records(const char *event)
{
    char sql[128];

    (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM audit WHERE event = '%s'", event);
    return scene_number(it.scene, sql);
}

static int64_t sessions_that(const char *how)
{
    char sql[128];

    (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM session WHERE %s", how);
    return scene_number(it.scene, sql);
}

/* Until so many such records are there; a test that waits for ever is ended by who runs it. */
static void until(const char *event, int64_t count)
{
    while (records(event) < count)
        assert_true(sd_event_run(it.event, UINT64_MAX) >= 0);
    assert_int_equal(records(event), count);
}

static void run_what_is_due(void)
{
    while (sd_event_run(it.event, 0) > 0)
        ;
}

/* A session in a cgroup of its own, with or without a handle. */
static uint64_t open_session(uint32_t pid, bool handle, char ret_cgroup[static 64])
{
    struct login login = scene_login(it.scene, DOOR_SUDO, "alice", "oracle");
    uint64_t id = (uint64_t)scene_number(
        it.scene, "SELECT coalesce(max(id), 0) FROM checkout WHERE state = 'active'");
    char path[512];

    if (!id) {
        id = scene_file(it.scene, "alice", "oracle");
        assert_code(scene_approve(it.scene, "bob", id), 0);
    }
    (void)snprintf(ret_cgroup, 64, "/pam-checkout-%u-%u.scope", (unsigned)id, pid);
    make_cgroup(ret_cgroup);
    login.pid = pid;
    login.audit_session = 0; /* nobody's */
    login.unit = ret_cgroup + 1;
    login.cgroup = ret_cgroup;
    assert_int_equal(handover_inode(it.cgroups, ret_cgroup, &login.cgroup_inode), 0);
    assert_verdict(scene_open(it.scene, &login), VERDICT_ALLOW);
    if (handle) {
        (void)snprintf(path, sizeof(path), "%s%s/cgroup.kill", it.cgroups, ret_cgroup);
        keeper_adopt(it.keeper, it.scene->verdict.session, open(path, O_WRONLY | O_CLOEXEC));
    }
    return id;
}

static void test_closes_by_itself(void **state)
{
    char first[64], second[64];

    (void)open_session(100, true, first);
    (void)open_session(200, false, second);
    run_what_is_due();
    assert_int_equal(records("session-closed"), 0);
    populate(first, false);
    until("session-closed", 1);
    populate(second, false);
    until("session-closed", 2);
    assert_int_equal(sessions_that("how = 'closed' AND closed > 0"), 2);
    assert_false(was_killed(first));
}

/* systemd cannot be asked here: the handle is used at once, on those of this check-out alone. */
static void test_revoke_kills(void **state)
{
    char first[64], second[64];
    uint64_t id = open_session(100, true, first);

    (void)open_session(200, true, second);
    run_what_is_due();
    assert_code(scene_revoke(it.scene, "bob", id), 0);
    run_what_is_due();
    assert_true(was_killed(first) && was_killed(second));
    populate(first, false);
    populate(second, false);
    until("session-killed", 2);
    assert_int_equal(records("session-survived"), 0);
    assert_int_equal(sessions_that("how = 'killed' AND closed > 0"), 2);
}

static void test_expiry_and_check_in_kill(void **state)
{
    char cgroup[64];
    uint64_t id = open_session(100, true, cgroup);

    scene_pass(it.scene, 3600);
    scene_tick(it.scene);
    run_what_is_due();
    assert_true(was_killed(cgroup));
    populate(cgroup, false);
    until("session-killed", 1);
    id = open_session(200, true, cgroup);
    assert_code(scene_check_in(it.scene, "alice", id), 0);
    run_what_is_due();
    assert_true(was_killed(cgroup));
    populate(cgroup, false);
    until("session-killed", 2);
}

static void test_policy_lets_live(void **state)
{
    char cgroup[64];
    uint64_t id;

    scene_policies(it.scene, PLAIN "on-end = warn\n");
    id = open_session(100, true, cgroup);
    assert_code(scene_check_in(it.scene, "alice", id), 0);
    run_what_is_due();
    assert_false(was_killed(cgroup));
    assert_int_equal(sessions_that("closed = 0"), 1);
    populate(cgroup, false);
    until("session-closed", 1);
    /* What is taken away is taken away. */
    id = open_session(200, true, cgroup);
    assert_code(scene_revoke(it.scene, "bob", id), 0);
    run_what_is_due();
    assert_true(was_killed(cgroup));
}

static void test_cannot_be_ended(void **state)
{
    char cgroup[64];
    uint64_t id = open_session(100, false, cgroup);

    assert_code(scene_revoke(it.scene, "bob", id), 0);
    until("session-survived", 1);
    assert_non_null(strstr(scene_event(it.scene, 0)->reason, "no system bus"));
    assert_int_equal(sessions_that("how = 'survived' AND closed = 0"), 1);
    populate(cgroup, false);
    until("session-closed", 1);
    assert_int_equal(sessions_that("how = 'survived' AND closed > 0"), 1);
}

static void test_killed_and_still_there(void **state)
{
    char cgroup[64];
    uint64_t id = open_session(100, true, cgroup);

    assert_code(scene_revoke(it.scene, "bob", id), 0);
    until("session-survived", 1);
    assert_true(was_killed(cgroup));
    assert_int_equal(records("session-killed"), 0);
}

/* Without a cgroup it is over with its process, and cannot be ended. */
static void test_by_its_process(void **state)
{
    struct login login = scene_login(it.scene, DOOR_SUDO, "alice", "oracle");
    uint64_t id = scene_file(it.scene, "alice", "oracle");
    int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);

    if (pidfd < 0)
        skip(); /* under a valgrind that does not know it */
    close(pidfd);

    pid_t child = fork();

    if (child == 0) {
        pause();
        _exit(0);
    }
    assert_true(child > 0);
    assert_code(scene_approve(it.scene, "bob", id), 0);
    login.pid = (uint32_t)child;
    login.audit_session = 0;
    assert_verdict(scene_open(it.scene, &login), VERDICT_ALLOW);
    run_what_is_due();
    assert_int_equal(records("session-closed"), 0);
    assert_code(scene_revoke(it.scene, "bob", id), 0);
    until("session-survived", 1);
    assert_int_equal(kill(child, SIGKILL), 0);
    until("session-closed", 1);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static void test_restart(void **state)
{
    char stays[64], goes[64], path[512];
    uint64_t id = open_session(100, true, stays);

    (void)open_session(200, true, goes);
    stop_keeper();
    (void)snprintf(path, sizeof(path), "rm -rf '%s%s'", it.cgroups, goes);
    assert_int_equal(system(path), 0);
    scene_restart(it.scene, PLAIN);
    start_keeper();
    until("session-closed", 1);
    assert_int_equal(sessions_that("closed = 0"), 1);

    /* It ended while nobody was there: what is left of it ends now. */
    stop_keeper();
    assert_code(scene_revoke(it.scene, "bob", id), 0);
    start_keeper();
    until("session-survived", 1); /* the handle is with systemd, which is not there */
    populate(stays, false);
    until("session-closed", 2);
}

/* While no broker ran it ended, and somebody else has the name: there is no handle to tell them
 * apart. */
static void test_restart_and_name_of_a_later_one(void **state)
{
    char cgroup[64], from[512], to[512];
    uint64_t id = open_session(100, false, cgroup);

    stop_keeper();
    /* It stays as another name, so that its inode cannot come again. */
    (void)snprintf(from, sizeof(from), "%s%s", it.cgroups, cgroup);
    (void)snprintf(to, sizeof(to), "%s/old", it.cgroups);
    assert_int_equal(rename(from, to), 0);
    make_cgroup(cgroup);
    scene_restart(it.scene, PLAIN);
    start_keeper();
    until("session-closed", 1);
    assert_int_equal(sessions_that("how = 'closed' AND closed > 0"), 1);
    assert_code(scene_revoke(it.scene, "bob", id), 0);
    run_what_is_due();
    assert_int_equal(records("session-survived") + records("session-killed"), 0);
}

static void test_reboot(void **state)
{
    char cgroup[64];

    (void)open_session(100, true, cgroup);
    stop_keeper();
    scene_reboot(it.scene, 60);
    start_keeper();
    assert_int_equal(sessions_that("how = 'rebooted' AND closed > 0"), 1);
    assert_int_equal(records("session-closed"), 1);
}

/* When it warns: once for each end, and not who has just been told. */
static void test_when_to_warn(void **state)
{
    char cgroup[64], other[64];
    uint64_t id, extension = 0;

    scene_policies(it.scene, PLAIN "warn-before = 10min\n");
    id = open_session(100, true, cgroup);
    assert_int_equal(keeper_next_tick(it.keeper, &it.scene->now), 3000);
    scene_pass(it.scene, 2999);
    keeper_tick(it.keeper, &it.scene->now);
    assert_int_equal(keeper_next_tick(it.keeper, &it.scene->now), 1);
    scene_pass(it.scene, 1);
    keeper_tick(it.keeper, &it.scene->now);
    assert_int_equal(keeper_next_tick(it.keeper, &it.scene->now), 0);
    (void)open_session(200, true, other);
    assert_int_equal(keeper_next_tick(it.keeper, &it.scene->now), 0);
    assert_code(scene_extend(it.scene, "alice", id, 3600, &extension), 0);
    assert_code(scene_approve(it.scene, "bob", extension), 0);
    assert_int_equal(keeper_next_tick(it.keeper, &it.scene->now), 3600);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_closes_by_itself),
        TEST(test_revoke_kills),
        TEST(test_expiry_and_check_in_kill),
        TEST(test_policy_lets_live),
        TEST(test_cannot_be_ended),
        TEST(test_killed_and_still_there),
        TEST(test_by_its_process),
        TEST(test_restart),
        TEST(test_restart_and_name_of_a_later_one),
        TEST(test_reboot),
        TEST(test_when_to_warn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
