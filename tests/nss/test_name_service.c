/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Look-ups through glibc's own name service switch and a service that hangs or fails on command. It
 * is put in place in a mount namespace of our own, so this needs root; without, it is skipped.
 * NSS_SCRIPTED in the environment is the path of the service's library. */

#include <dlfcn.h>
#include <fcntl.h>
#include <libgen.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../unit/names_fixture.h"

#define SCRATCH "/run"

static bool in_place;

static void write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static int copy_file(const char *from, const char *to)
{
    char buffer[65536];
    ssize_t n = -1;
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);

    while (in >= 0 && out >= 0 && (n = read(in, buffer, sizeof(buffer))) > 0) {
        if (write(out, buffer, (size_t)n) != n)
            n = -1;
    }
    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
    return n == 0 ? 0 : -1;
}

/* Lays a folder of ours over one of the system. */
static int cover(const char *folder, const char *name)
{
    char upper[64], work[64], options[512];

    snprintf(upper, sizeof(upper), SCRATCH "/%s", name);
    snprintf(work, sizeof(work), SCRATCH "/%s.work", name);
    if ((mkdir(upper, 0755) < 0 && errno != EEXIST) || mkdir(work, 0755) < 0)
        return -1;
    snprintf(options, sizeof(options), "lowerdir=%s,upperdir=%s,workdir=%s", folder, upper, work);
    return mount("overlay", folder, "overlay", 0, options);
}

static int put_in_place(const char *library)
{
    char libc[4096];
    Dl_info info;

    if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("tmpfs", SCRATCH, "tmpfs", 0, NULL) < 0)
        return -1;
    if (mkdir(SCRATCH "/etc", 0755) < 0 || mkdir(SCRATCH "/lib", 0755) < 0 ||
        copy_file(library, SCRATCH "/lib/libnss_scripted.so.2") < 0)
        return -1;
    write_file(SCRATCH "/etc/nsswitch.conf", "passwd: files scripted\ngroup: files scripted\n");
    /* Beside libc is where the loader looks without a cache. */
    if (dladdr(dlsym(RTLD_DEFAULT, "getpwnam_r"), &info) == 0 || !realpath(info.dli_fname, libc))
        return -1;
    return cover("/etc", "etc") < 0 || cover(dirname(libc), "lib") < 0 ? -1 : 0;
}

static int set_up_service(void **state)
{
    if (in_place)
        write_file(SCRATCH "/nss-scripted", "up");
    return set_up(state);
}

static void service(const char *word)
{
    if (!in_place)
        skip();
    write_file(SCRATCH "/nss-scripted", word);
}

static struct names_result *ask_members(const char *group)
{
    return ask(&(struct names_item){.kind = NAMES_MEMBERS, .name = group}, 1);
}

static bool has_group(const struct names_result *result, const char *group)
{
    return identity_in_group(&result->user, group);
}

static void test_up(void **state)
{
    service("up");
    struct names_result *result = ask_user("scripted-alice", true);
    assert_int_equal(result->error, 0);
    assert_int_equal(result->user.uid, 60001);
    assert_int_equal(result->user.n_groups, 2);
    assert_true(has_group(result, "scripted-alice"));
    assert_true(has_group(result, "scripted-ops"));

    result = ask(&(struct names_item){.kind = NAMES_UID, .uid = 60001}, 1);
    assert_int_equal(result->error, 0);
    assert_string_equal(result->user.name, "scripted-alice");
    result = ask_members("scripted-ops");
    assert_int_equal(result->error, 0);
    assert_string_equal(result->members[0], "scripted-alice");

    assert_int_equal(ask_user("scripted-nobody", true)->error, -ENOENT);
    assert_int_equal(ask_members("scripted-nobody")->error, -ENOENT);
    assert_int_equal(ask_user("root", true)->error, 0);
}

/* Each way in which a service may fail is told apart from "there is no such". */
static void assert_could_not_be_told(int error)
{
    assert_true(error < 0);
    assert_int_not_equal(error, -ENOENT);
}

static void test_failing(void **state)
{
    static const char *const words[] = {"unavailable", "try-again"};

    for (size_t i = 0; i < 2; i++) {
        service(words[i]);
        assert_could_not_be_told(ask_user("scripted-alice", false)->error);
        assert_could_not_be_told(ask_user("scripted-nobody", false)->error);
        assert_could_not_be_told(
            ask(&(struct names_item){.kind = NAMES_UID, .uid = 60001}, 1)->error);
        assert_could_not_be_told(ask_members("scripted-ops")->error);
        /* root is in a file, but nobody can say which groups the service would have added. */
        assert_int_equal(ask_user("root", false)->error, 0);
        assert_could_not_be_told(ask_user("root", true)->error);
    }
}

static void test_hanging(void **state)
{
    service("hang");
    forget_calls();
    look_up_user("scripted-alice", false, 1);
    look_up_user("root", true, 2);
    look_up_user("root", false, 3);
    wait_for(1);
    assert_int_equal(fixture->calls[0].index, 3);
    assert_int_equal(fixture->calls[0].error, 0);
    wait_for(3);
    assert_int_equal(fixture->calls[1].error, -ETIMEDOUT);
    assert_int_equal(fixture->calls[2].error, -ETIMEDOUT);

    service("up");
    assert_int_equal(ask_user("scripted-alice", true)->error, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_up, set_up_service, tear_down),
        cmocka_unit_test_setup_teardown(test_failing, set_up_service, tear_down),
        cmocka_unit_test_setup_teardown(test_hanging, set_up_service, tear_down),
    };
    const char *library = getenv("NSS_SCRIPTED");

    if (argc == 2 && strcmp(argv[1], NAMES_WORKER_ARGUMENT) == 0)
        return names_worker_main();
    in_place = library && put_in_place(library) == 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
