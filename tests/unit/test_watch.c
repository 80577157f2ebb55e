/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "session/watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "session/handover.h"

#define CGROUP "/a.scope"

/* A folder that looks like a hierarchy with one cgroup. */
struct hierarchy {
    char root[32];
    sd_event *event;
    struct watch *watch;
    unsigned told;
};

static void write_file(const char *root, const char *name, const char *text)
{
    char path[64];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s" CGROUP "/%s", root, name);
    file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void make_cgroup(const struct hierarchy *hierarchy, const char *events)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "%s" CGROUP, hierarchy->root);
    assert_int_equal(mkdir(path, 0700), 0);
    write_file(hierarchy->root, "cgroup.events", events);
    write_file(hierarchy->root, "cgroup.kill", "");
}

/* It stays as another name, so that its inodes cannot come again. */
static void remove_cgroup(const struct hierarchy *hierarchy)
{
    char from[64], to[64];

    (void)snprintf(from, sizeof(from), "%s" CGROUP, hierarchy->root);
    (void)snprintf(to, sizeof(to), "%s/old", hierarchy->root);
    assert_int_equal(rename(from, to), 0);
}

static int set_up(void **state)
{
    struct hierarchy *hierarchy = calloc(1, sizeof(*hierarchy));

    assert_non_null(hierarchy);
    (void)snprintf(hierarchy->root, sizeof(hierarchy->root), "/tmp/watch-XXXXXX");
    assert_non_null(mkdtemp(hierarchy->root));
    assert_true(sd_event_new(&hierarchy->event) >= 0);
    *state = hierarchy;
    return 0;
}

static int tear_down(void **state)
{
    static const char *const folders[] = {CGROUP, "/old"};
    static const char *const files[] = {"/cgroup.events", "/cgroup.kill", ""};
    struct hierarchy *hierarchy = *state;
    char path[64];

    watch_free(hierarchy->watch);
    sd_event_unref(hierarchy->event);
    for (size_t i = 0; i < 2; i++)
        for (size_t j = 0; j < 3; j++) {
            (void)snprintf(path, sizeof(path), "%s%s%s", hierarchy->root, folders[i], files[j]);
            (void)remove(path);
        }
    assert_int_equal(rmdir(hierarchy->root), 0);
    free(hierarchy);
    return 0;
}

static void on_over(void *userdata)
{
    struct hierarchy *hierarchy = userdata;

    hierarchy->told++;
}

static int begin(struct hierarchy *hierarchy)
{
    return watch_cgroup(hierarchy->event, hierarchy->root, CGROUP, on_over, hierarchy,
                        &hierarchy->watch);
}

/* All that is due now. */
static void run(const struct hierarchy *hierarchy)
{
    int r;

    do
        r = sd_event_run(hierarchy->event, 0);
    while (r > 0);
    assert_int_equal(r, 0);
}

static void test_it_empties(void **state)
{
    struct hierarchy *hierarchy = *state;

    make_cgroup(hierarchy, "populated 1\nfrozen 0\n");
    assert_int_equal(begin(hierarchy), 0);
    run(hierarchy);
    assert_int_equal(hierarchy->told, 0);
    write_file(hierarchy->root, "cgroup.events", "populated 0\nfrozen 0\n");
    run(hierarchy);
    watch_look(hierarchy->watch);
    assert_int_equal(hierarchy->told, 1);
}

static void test_it_has_gone_before(void **state)
{
    struct hierarchy *hierarchy = *state;

    assert_int_equal(begin(hierarchy), 0);
    run(hierarchy);
    assert_int_equal(hierarchy->told, 1);
}

static void test_another_has_its_name(void **state)
{
    struct hierarchy *hierarchy = *state;

    make_cgroup(hierarchy, "populated 1\n");
    assert_int_equal(begin(hierarchy), 0);
    run(hierarchy);
    remove_cgroup(hierarchy);
    make_cgroup(hierarchy, "populated 1\n");
    watch_look(hierarchy->watch);
    assert_int_equal(hierarchy->told, 1);
}

static void test_another_comes_before_the_first_look(void **state)
{
    struct hierarchy *hierarchy = *state;

    assert_int_equal(begin(hierarchy), 0);
    make_cgroup(hierarchy, "populated 1\n");
    run(hierarchy);
    assert_int_equal(hierarchy->told, 1);
}

/* With no room for an inotify it looks from time to time. */
static void test_nobody_tells(void **state)
{
    struct hierarchy *hierarchy = *state;
    CLEANUP_CLOSE int first = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct rlimit limit, none;

    make_cgroup(hierarchy, "populated 1\n");
    assert_true(first >= 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = (struct rlimit){.rlim_cur = (rlim_t)first + 1, .rlim_max = limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_int_equal(inotify_init1(IN_CLOEXEC), -1);
    /* Timers were made with the loop's first: systemd holds one for each clock. */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);

    sd_event_source *timer = NULL;

    assert_true(sd_event_add_time_relative(hierarchy->event, &timer, CLOCK_MONOTONIC, 1000000000, 0,
                                           NULL, NULL) >= 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    int r = begin(hierarchy);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    sd_event_source_unref(timer);

    assert_int_equal(r, 0);
    run(hierarchy);
    assert_int_equal(hierarchy->told, 0);
    write_file(hierarchy->root, "cgroup.events", "populated 0\n");
    while (hierarchy->told == 0)
        assert_true(sd_event_run(hierarchy->event, UINT64_MAX) > 0);
    assert_int_equal(hierarchy->told, 1);
}

static void test_a_later_one_is_another(void **state)
{
    struct hierarchy *hierarchy = *state;
    uint64_t inode = 0, later = 0;

    make_cgroup(hierarchy, "populated 1\n");
    assert_int_equal(handover_inode(hierarchy->root, CGROUP, &inode), 0);
    remove_cgroup(hierarchy);
    assert_int_equal(handover_inode(hierarchy->root, CGROUP, &later), -ENOENT);
    make_cgroup(hierarchy, "populated 1\n");
    assert_int_equal(handover_inode(hierarchy->root, CGROUP, &later), 0);
    assert_int_not_equal(inode, later);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_it_empties, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_it_has_gone_before, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_another_has_its_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_another_comes_before_the_first_look, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_nobody_tells, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_later_one_is_another, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
