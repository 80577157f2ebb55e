/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "session/handover.h"

#include <fcntl.h>
#include <limits.h>
#include <mntent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "caps.h"
#include "cleanup.h"
#include "session/proc.h"

/* A cgroup of the test's own with one process in it; only root can have one made. */
struct here {
    char root[PATH_MAX]; /* where the hierarchy is mounted */
    char unit[64], cgroup[80];
    pid_t pid; /* 0: none */
    int life;  /* the process ends when it is closed */
};

static const char root_nowhere[] = "/sys/fs/cgroup";

static bool find_hierarchy(char *ret_root, size_t size)
{
    FILE *mounts = setmntent("/proc/self/mounts", "re");
    struct mntent *mount;
    bool found = false;

    while (mounts && !found && (mount = getmntent(mounts)))
        if (strcmp(mount->mnt_type, "cgroup2") == 0)
            found = snprintf(ret_root, size, "%s", mount->mnt_dir) < (int)size;
    if (mounts)
        endmntent(mounts);
    return found;
}

static int open_file(const struct here *here, const char *name, int flags)
{
    char path[PATH_MAX + 128];

    (void)snprintf(path, sizeof(path), "%s%s/%s", here->root, here->cgroup, name);
    return open(path, flags | O_CLOEXEC);
}

static int set_up(void **state)
{
    struct here *here = calloc(1, sizeof(*here));
    char path[PATH_MAX + 128], byte;
    int ends[2];

    assert_non_null(here);
    *state = here;
    here->life = -1;
    (void)snprintf(here->unit, sizeof(here->unit), "pam-checkout-1-%ld.scope", (long)getpid());
    (void)snprintf(here->cgroup, sizeof(here->cgroup), "/%s", here->unit);
    if (geteuid() != 0 || !find_hierarchy(here->root, sizeof(here->root)))
        return 0;
    (void)snprintf(path, sizeof(path), "%s%s", here->root, here->cgroup);
    assert_int_equal(mkdir(path, 0755), 0);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    here->pid = fork();
    assert_true(here->pid >= 0);
    if (here->pid == 0) {
        close(ends[1]);
        _exit(read(ends[0], &byte, 1) != 0);
    }
    close(ends[0]);
    here->life = ends[1];

    CLEANUP_CLOSE int procs = open_file(here, "cgroup.procs", O_WRONLY);
    assert_true(procs >= 0);
    assert_true(dprintf(procs, "%ld", (long)here->pid) > 0);
    return 0;
}

static int tear_down(void **state)
{
    struct here *here = *state;
    char path[PATH_MAX + 128];

    if (here->pid) {
        close(here->life);
        assert_int_equal(waitpid(here->pid, NULL, 0), here->pid);
        (void)snprintf(path, sizeof(path), "%s%s", here->root, here->cgroup);
        assert_int_equal(rmdir(path), 0);
    }
    free(here);
    return 0;
}

static void assert_refused_at(const char *root, const struct handover *handover, const char *why)
{
    uint64_t inode = 0;
    struct error error;

    assert_int_equal(handover_check(handover, root, &inode, &error), ERROR_INVALID_ARGUMENT);
    if (!strstr(error.text, why))
        fail_msg("'%s' is not in: %s", why, error.text);
}

static void assert_refused(const struct handover *handover, const char *why)
{
    assert_refused_at(root_nowhere, handover, why);
}

static void test_names(void **state)
{
    const uint32_t pid = (uint32_t)getpid();

    assert_refused(&(struct handover){"session-1.scope", "/", pid, -1}, "not that of its unit");
    assert_refused(&(struct handover){"", "/", pid, -1}, "not that of its unit");
    assert_refused(&(struct handover){NULL, "/", pid, -1}, "not that of its unit");
    assert_refused(&(struct handover){"session-1.scope", NULL, pid, -1}, "not that of its unit");
    assert_refused(&(struct handover){"session-1.scope", "/../session-1.scope", pid, -1},
                   "not that of its unit");
    /* A handle alone says nothing. */
    assert_refused(&(struct handover){NULL, NULL, pid, 0}, "not that of its unit");
}

static void test_process(void **state)
{
    assert_refused(
        &(struct handover){"session-0.scope", "/session-0.scope", (uint32_t)getpid(), -1},
        "in another cgroup");
    assert_refused(&(struct handover){"session-0.scope", "/session-0.scope", 0, -1}, "has gone");
}

static void test_handles(void **state)
{
    const struct here *here = *state;
    CLEANUP_CLOSE int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    struct handover handover = {here->unit, here->cgroup, (uint32_t)here->pid, -1};
    uint64_t inode = 0, named = 0;
    struct error error;

    if (!here->pid) {
        print_message("test_handles: not root, or no cgroup2\n");
        return;
    }
    CLEANUP_CLOSE int kill = open_file(here, "cgroup.kill", O_WRONLY);
    CLEANUP_CLOSE int procs = open_file(here, "cgroup.procs", O_WRONLY);
    CLEANUP_CLOSE int both = open_file(here, "cgroup.procs", O_RDWR);
    CLEANUP_CLOSE int path = open_file(here, "cgroup.kill", O_PATH);

    assert_int_equal(handover_check(&handover, here->root, &inode, &error), 0);
    assert_int_equal(handover_inode(here->root, here->cgroup, &named), 0);
    assert_true(inode > 0 && inode == named);
    handover.kill = kill;
    assert_int_equal(handover_check(&handover, here->root, &inode, &error), 0);
    handover.kill = procs;
    assert_refused_at(here->root, &handover, "of another cgroup");
    handover.kill = both;
    assert_refused_at(here->root, &handover, "not open for writing alone");
    handover.kill = path;
    assert_refused_at(here->root, &handover, "not open for writing alone");
    handover.kill = null;
    assert_refused_at(here->root, &handover, "not in the hierarchy");
    handover.kill = 12345;
    assert_refused_at(here->root, &handover, "not open for writing alone");
    /* The right handle for another process. */
    handover.kill = kill;
    handover.pid = (uint32_t)getpid();
    assert_refused_at(here->root, &handover, "in another cgroup");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_process, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_handles, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
