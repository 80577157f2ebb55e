/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "session/fdstore.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>
#include <cmocka.h>

#include "cleanup.h"

/* Failures are exit codes: assertions of cmocka's do not leave a child. */
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            _exit(__LINE__ % 200 + 1);                                                             \
    } while (0)

static void be_started(const char *names, const int *fds, int count)
{
    char text[32];

    for (int i = 0; i < count; i++)
        CHECK(dup2(fds[i], SD_LISTEN_FDS_START + i) >= 0);
    for (int i = 0; i < count; i++)
        CHECK(fcntl(SD_LISTEN_FDS_START + i, F_SETFD, 0) == 0);
    (void)snprintf(text, sizeof(text), "%d", (int)getpid());
    CHECK(setenv("LISTEN_PID", text, 1) == 0);
    (void)snprintf(text, sizeof(text), "%d", count);
    CHECK(setenv("LISTEN_FDS", text, 1) == 0);
    CHECK(setenv("LISTEN_FDNAMES", names, 1) == 0);
}

static int listening(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    CHECK(fd >= 0);
    /* Without a name the kernel gives it one (unix(7), autobind). */
    CHECK(bind(fd, (struct sockaddr *)&address, sizeof(address.sun_family)) == 0);
    CHECK(listen(fd, 1) == 0);
    return fcntl(fd, F_DUPFD, 50);
}

static bool is_same(int a, int b)
{
    struct stat one, other;

    return fstat(a, &one) == 0 && fstat(b, &other) == 0 && one.st_ino == other.st_ino &&
           one.st_dev == other.st_dev;
}

static void take_all(void)
{
    int gate = listening(), null = fcntl(open("/dev/null", O_WRONLY), F_DUPFD, 60);
    int zero = fcntl(open("/dev/zero", O_WRONLY), F_DUPFD, 70);
    const int fds[] = {null, zero, gate, null};
    struct fdstore *store = NULL;
    int taken;

    CHECK(gate >= 0 && null >= 0 && zero >= 0);
    be_started("kill-one:kill-two:gate:stored", fds, 4);
    CHECK(fdstore_open(&store) == 0);
    /* libdbus finds the gate and nothing else. */
    CHECK(sd_listen_fds(0) == 1);
    CHECK(is_same(SD_LISTEN_FDS_START, gate));
    CHECK(sd_is_socket(SD_LISTEN_FDS_START, AF_UNIX, SOCK_STREAM, 1) > 0);
    taken = fdstore_take(store, "two");
    CHECK(taken >= 0 && is_same(taken, zero));
    CHECK(fdstore_take(store, "two") == -1);
    CHECK(fdstore_take(store, "three") == -1);
    CHECK(fcntl(taken, F_GETFD) & FD_CLOEXEC);
    fdstore_forget_others(store);
    CHECK(fdstore_take(store, "one") == -1);
    CHECK(fcntl(taken, F_GETFD) >= 0);
    fdstore_free(store);
    _exit(0);
}

static void take_nothing(void)
{
    struct fdstore *store = NULL;

    (void)unsetenv("LISTEN_FDS");
    CHECK(fdstore_open(&store) == 0);
    CHECK(fdstore_take(store, "one") == -1);
    CHECK(sd_listen_fds(0) == 0);
    fdstore_free(store);
    _exit(0);
}

static void take_handles_alone(void)
{
    int null = fcntl(open("/dev/null", O_WRONLY), F_DUPFD, 60);
    const int fds[] = {null};
    struct fdstore *store = NULL;

    be_started("kill-one", fds, 1);
    CHECK(fdstore_open(&store) == 0);
    CHECK(sd_listen_fds(0) == 0);
    CHECK(fdstore_take(store, "one") >= 0);
    fdstore_free(store);
    _exit(0);
}

static void assert_child(void (*run)(void))
{
    int status = 0;
    pid_t child = fork();

    if (child == 0)
        run();
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_all(void **unused)
{
    assert_child(take_all);
}

static void test_nothing(void **unused)
{
    assert_child(take_nothing);
}

static void test_handles_alone(void **unused)
{
    assert_child(take_handles_alone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_handles_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
