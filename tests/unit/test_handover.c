/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "session/handover.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "caps.h"
#include "cleanup.h"
#include "session/proc.h"

/* The test's own cgroup, under the name that its last component has. What is accepted needs a
 * scope, which a test on a booted host has; here is all that must not be. */
struct here {
    char cgroup[LIMIT_CGROUP + 1];
    const char *unit;
};

static int set_up(void **state)
{
    struct here *here = calloc(1, sizeof(*here));

    if (!here || proc_cgroup((uint32_t)getpid(), here->cgroup) < 0)
        here ? (void)strcpy(here->cgroup, "/") : (void)0;
    here->unit = strrchr(here->cgroup, '/') + 1;
    *state = here;
    return 0;
}

static int tear_down(void **state)
{
    free(*state);
    return 0;
}

static void assert_refused(const struct handover *handover, const char *why)
{
    struct error error;

    assert_int_equal(handover_check(handover, CGROUP_ROOT, &error), ERROR_INVALID_ARGUMENT);
    if (!strstr(error.text, why))
        fail_msg("'%s' is not in: %s", why, error.text);
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
    CLEANUP_CLOSE int readable = open("/dev/null", O_RDONLY | O_CLOEXEC);
    CLEANUP_CLOSE int both = open("/dev/null", O_RDWR | O_CLOEXEC);
    CLEANUP_CLOSE int path = open("/dev/null", O_PATH | O_CLOEXEC);
    struct handover handover = {here->unit, here->cgroup, (uint32_t)getpid(), -1};
    char other[LIMIT_CGROUP + 64];
    struct error error;

    if (!*here->unit)
        skip(); /* in the root */
    assert_int_equal(handover_check(&handover, CGROUP_ROOT, &error), 0);
    handover.kill = null;
    assert_refused(&handover, "not in the hierarchy");
    handover.kill = readable;
    assert_refused(&handover, "not open for writing alone");
    handover.kill = both;
    assert_refused(&handover, "not open for writing alone");
    handover.kill = path;
    assert_refused(&handover, "not open for writing alone");
    handover.kill = 12345;
    assert_refused(&handover, "not open for writing alone");

    /* Of the same hierarchy, but another file; where a test may open one. */
    (void)snprintf(other, sizeof(other), CGROUP_ROOT "%s/cgroup.procs", here->cgroup);
    CLEANUP_CLOSE int procs = open(other, O_WRONLY | O_CLOEXEC);

    handover.kill = procs;
    if (procs >= 0)
        assert_refused(&handover, "its ");
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
