/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utmpx.h>

#include <cmocka.h>

#include "cleanup.h"
#include "screen.h"
#include "sink/tty.h"

/* A pseudo-terminal of our own, under the name that it has below /dev. */
struct fixture {
    int master, slave;
    struct tty tty;
    char folder[32];
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    assert_int_equal(screen_open(&fixture->master, &fixture->slave, &fixture->tty), 0);
    strcpy(fixture->folder, "/tmp/test-tty-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    close(fixture->master);
    close(fixture->slave);
    assert_int_equal(rmdir(fixture->folder), 0);
    free(fixture);
    return 0;
}

static const char *screen(struct fixture *fixture)
{
    static char buffer[4096];

    return screen_read(fixture->master, fixture->slave, buffer, sizeof(buffer));
}

static void set_utf8(struct fixture *fixture, bool on)
{
    struct termios settings;

    assert_int_equal(tcgetattr(fixture->slave, &settings), 0);
    settings.c_iflag = on ? settings.c_iflag | IUTF8 : settings.c_iflag & ~(tcflag_t)IUTF8;
    assert_int_equal(tcsetattr(fixture->slave, TCSANOW, &settings), 0);
}

static void test_line(void **state)
{
    struct fixture *fixture = *state;

    set_utf8(fixture, true);
    assert_int_equal(tty_write_line("/dev", &fixture->tty, "Grüße, 日本"), 0);
    assert_string_equal(screen(fixture), "\r\nGrüße, 日本\r\n");
    /* 0x9b within a character is a control sequence to a terminal of 8-bit characters. */
    set_utf8(fixture, false);
    assert_int_equal(tty_write_line("/dev", &fixture->tty,
                                    "Gr\xc3\xbc\xc3\x9f"
                                    "e \xe2\x80\x9b"),
                     0);
    assert_string_equal(screen(fixture), "\r\nGr??e ?\r\n");
}

static void test_lines_that_are_not_safe(void **state)
{
    static const char *const lines[] = {"\033[2J", "a\nb", "\xff", "\xc2\x9b", "a\rb"};
    struct fixture *fixture = *state;
    char longer[4096];

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        assert_int_equal(tty_write_line("/dev", &fixture->tty, lines[i]), -EINVAL);
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    assert_int_equal(tty_write_line("/dev", &fixture->tty, longer), -EINVAL);
    assert_string_equal(screen(fixture), "");
}

static void test_mesg_n(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(fchmod(fixture->slave, 0600), 0);
    assert_int_equal(tty_write_line("/dev", &fixture->tty, "hello"), -EPERM);
    assert_string_equal(screen(fixture), "");
    assert_int_equal(fchmod(fixture->slave, 0620), 0);
    assert_int_equal(tty_write_line("/dev", &fixture->tty, "hello"), 0);
    assert_string_equal(screen(fixture), "\r\nhello\r\n");
}

static void test_foreign_owner(void **state)
{
    struct fixture *fixture = *state;

    fixture->tty.uid = geteuid() + 1;
    assert_int_equal(tty_write_line("/dev", &fixture->tty, "hello"), -EPERM);
    assert_string_equal(screen(fixture), "");
}

static void test_nobody_reads(void **state)
{
    struct fixture *fixture = *state;

    screen_fill(fixture->slave);
    assert_int_equal(tty_write_line("/dev", &fixture->tty, "hello"), -EAGAIN);
}

static void test_gone(void **state)
{
    struct fixture *fixture = *state;
    struct tty gone = {.uid = geteuid(), .name = "pts/999999"};

    assert_int_equal(tty_write_line("/dev", &gone, "hello"), -ENOENT);
    assert_int_equal(tty_write_line(fixture->folder, &gone, "hello"), -ENOENT);
    assert_int_equal(tty_write_line("/nonexistent", &gone, "hello"), -ENOENT);
}

static void test_names_that_lead_elsewhere(void **state)
{
    static const char *const names[] = {
        "",       "pts/../null", "../dev/null", "null",    "pts/", "tty", "watchdog",
        "pts//1", "/dev/pts",    "pts/1/2",     "pts/1\n", "ssh",  ":0"};
    struct tty tty = {.uid = 0};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        strcpy(tty.name, names[i]);
        assert_int_equal(tty_write_line("/dev", &tty, "hello"), -EINVAL);
    }
}

/* Builds a folder of devices in which nothing is a device. */
static void test_no_devices(void **state)
{
    struct fixture *fixture = *state;
    struct tty tty = {.uid = geteuid()};
    char folder[64], path[128], target[512];

    snprintf(folder, sizeof(folder), "%s/pts", fixture->folder);
    assert_int_equal(mkdir(folder, 0700), 0);

    snprintf(path, sizeof(path), "%s/1", folder);
    snprintf(target, sizeof(target), "/dev/%s", fixture->tty.name);
    assert_int_equal(symlink(target, path), 0);
    strcpy(tty.name, "pts/1");
    assert_int_equal(tty_write_line(fixture->folder, &tty, "hello"), -EPERM);
    assert_string_equal(screen(fixture), "");
    assert_int_equal(unlink(path), 0);

    CLEANUP_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0620);
    assert_int_equal(fchmod(fd, 0620), 0);
    assert_int_equal(tty_write_line(fixture->folder, &tty, "hello"), -EPERM);
    assert_int_equal(lseek(fd, 0, SEEK_END), 0);
    assert_int_equal(unlink(path), 0);

    assert_int_equal(mkfifo(path, 0620), 0);
    assert_int_equal(chmod(path, 0620), 0);
    assert_int_equal(tty_write_line(fixture->folder, &tty, "hello"), -EPERM);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

/* ---- Finding them ---- */

static struct tty known_sessions[4];
static size_t n_known_sessions;

static size_t sessions(struct tty *ret_sessions, size_t max)
{
    assert_true(n_known_sessions <= max);
    memcpy(ret_sessions, known_sessions, n_known_sessions * sizeof(known_sessions[0]));
    return n_known_sessions;
}

static size_t count_of(const struct tty *ttys, size_t count, const char *name, uid_t uid)
{
    size_t found = 0;

    for (size_t i = 0; i < count; i++)
        found += strcmp(ttys[i].name, name) == 0 && ttys[i].uid == uid;
    return found;
}

static void test_list(void **state)
{
    struct fixture *fixture = *state;
    char utmp[64];
    struct tty_source source = {.devices = "/dev", .utmp = utmp, .sessions = sessions};
    struct tty ttys[64];
    struct utmpx records[] = {
        {.ut_type = USER_PROCESS},
        {.ut_type = USER_PROCESS},
        {.ut_type = DEAD_PROCESS},
        {.ut_type = USER_PROCESS},
    };

    snprintf(utmp, sizeof(utmp), "%s/utmp", fixture->folder);
    n_known_sessions = 0;
    assert_int_equal(tty_list(&source, ttys, 64), 0);

    /* utmp names ours, one that leads elsewhere, one that has ended, and one without an end. */
    strncpy(records[0].ut_line, fixture->tty.name, sizeof(records[0].ut_line) - 1);
    strcpy(records[1].ut_line, "../../etc/passwd");
    strncpy(records[2].ut_line, fixture->tty.name, sizeof(records[2].ut_line) - 1);
    memset(records[3].ut_line, 'x', sizeof(records[3].ut_line));
    CLEANUP_CLOSE int fd = open(utmp, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, records, sizeof(records)), sizeof(records));
    assert_int_equal(write(fd, "part of a record", 16), 16);
    assert_int_equal(tty_list(&source, ttys, 64), 1);
    assert_string_equal(ttys[0].name, fixture->tty.name);
    assert_int_equal(ttys[0].uid, geteuid());

    /* The session that has it too makes no second one of it; what is odd is left out. */
    known_sessions[0] = fixture->tty;
    known_sessions[1] = (struct tty){.uid = 5, .name = "tty5"};
    known_sessions[2] = (struct tty){.uid = 6, .name = "../null"};
    n_known_sessions = 3;
    assert_int_equal(tty_list(&source, ttys, 64), 2);
    assert_int_equal(count_of(ttys, 2, fixture->tty.name, geteuid()), 1);
    assert_int_equal(count_of(ttys, 2, "tty5", 5), 1);
    assert_int_equal(tty_list(&source, ttys, 1), 1);
    assert_int_equal(unlink(utmp), 0);
}

static void test_session_without_a_known_terminal(void **state)
{
    struct fixture *fixture = *state;
    struct tty_source source = {
        .devices = "/dev", .utmp = "/nonexistent/utmp", .sessions = sessions};
    struct tty ttys[256];
    size_t count;

    known_sessions[0] = (struct tty){.uid = geteuid(), .name = ""};
    n_known_sessions = 1;
    count = tty_list(&source, ttys, 256);
    assert_int_equal(count_of(ttys, count, fixture->tty.name, geteuid()), 1);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(ttys[i].uid, geteuid());

    assert_int_equal(fchmod(fixture->slave, 0600), 0);
    count = tty_list(&source, ttys, 256);
    assert_int_equal(count_of(ttys, count, fixture->tty.name, geteuid()), 0);

    /* Who has one that is known hears of it there and not everywhere. */
    assert_int_equal(fchmod(fixture->slave, 0620), 0);
    known_sessions[1] = (struct tty){.uid = geteuid(), .name = "tty63"};
    n_known_sessions = 2;
    assert_int_equal(tty_list(&source, ttys, 256), 1);
    assert_string_equal(ttys[0].name, "tty63");
}

static void test_this_machine(void **state)
{
    struct tty ttys[256];

    /* Whoever is logged in here: nothing but sane names, each once. */
    size_t count = tty_list(&tty_source_machine, ttys, 256);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(count_of(ttys, count, ttys[i].name, ttys[i].uid), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lines_that_are_not_safe, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_mesg_n, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_foreign_owner, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nobody_reads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_gone, set_up, tear_down),
        cmocka_unit_test(test_names_that_lead_elsewhere),
        cmocka_unit_test_setup_teardown(test_no_devices, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_list, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_session_without_a_known_terminal, set_up, tear_down),
        cmocka_unit_test(test_this_machine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
