/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "session/proc.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static uint32_t self(void)
{
    return (uint32_t)getpid();
}

/* What a process calls itself may look like the rest of the line. */
static void test_stat(void **unused)
{
    struct proc_stat before, named, parent;

    assert_int_equal(proc_stat_read(self(), &before), 0);
    assert_int_equal(prctl(PR_SET_NAME, "a) Z 1 (b"), 0);
    assert_int_equal(proc_stat_read(self(), &named), 0);
    assert_string_equal(named.command, "a) Z 1 (b");
    assert_int_equal(named.start_time, before.start_time);
    assert_true(named.start_time > 0);
    assert_false(named.is_dead);
    assert_int_equal(proc_stat_read((uint32_t)getppid(), &parent), 0);
    assert_true(parent.start_time <= named.start_time);
}

static void test_dead(void **unused)
{
    struct proc_stat stat;
    siginfo_t info;
    pid_t child = fork();

    if (child == 0)
        _exit(0);
    assert_true(child > 0);
    assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(proc_stat_read((uint32_t)child, &stat), 0);
    assert_true(stat.is_dead);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(proc_stat_read((uint32_t)child, &stat), -ENOENT);
}

static void test_others(void **unused)
{
    char cgroup[LIMIT_CGROUP + 1], small[4];
    uid_t uid = 12345;
    int r = proc_cgroup(self(), cgroup);

    assert_true(r == 0 || r == -ENODATA); /* a machine without version 2 */
    if (r == 0)
        assert_int_equal(cgroup[0], '/');
    assert_int_equal(proc_uid(self(), &uid), 0);
    assert_int_equal(uid, geteuid());
    assert_int_equal(proc_uid(0, &uid), -ENOENT);
    assert_int_equal(proc_cgroup(0, cgroup), -ENOENT);
    assert_int_equal(proc_read_file("/proc/self/stat", small, sizeof(small)), -E2BIG);
    assert_int_equal(proc_read_file("/nonexistent", small, sizeof(small)), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stat),
        cmocka_unit_test(test_dead),
        cmocka_unit_test(test_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
