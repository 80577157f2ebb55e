/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "cleanup.h"
#include "sink/journal_socket.h"

struct place {
    char folder[32];
    struct sockaddr_un address;
    int journald;
    struct journal_socket *socket;
};

static int open_journald(const struct place *place)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&place->address, sizeof(place->address)), 0);
    return fd;
}

static void close_journald(struct place *place)
{
    close(place->journald);
    place->journald = -1;
    assert_int_equal(unlink(place->address.sun_path), 0);
}

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    assert_non_null(place);
    place->journald = -1;
    (void)snprintf(place->folder, sizeof(place->folder), "/tmp/test-journal-XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    place->address.sun_family = AF_UNIX;
    (void)snprintf(place->address.sun_path, sizeof(place->address.sun_path), "%s/socket",
                   place->folder);
    assert_int_equal(journal_socket_new(place->address.sun_path, &place->socket), 0);
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;

    journal_socket_free(place->socket);
    if (place->journald >= 0)
        close(place->journald);
    (void)unlink(place->address.sun_path);
    assert_int_equal(rmdir(place->folder), 0);
    free(place);
    return 0;
}

static int say(const struct place *place, const char *text)
{
    struct iovec field = {(char *)text, strlen(text)};

    return journal_socket_send(place->socket, &field, 1);
}

static ssize_t hear(const struct place *place, char *buffer, size_t size)
{
    return recv(place->journald, buffer, size, MSG_DONTWAIT);
}

static void test_protocol(void **state)
{
    static const char expected[] = "MESSAGE=one\nREASON\n\x08\0\0\0\0\0\0\0two\nli=e\nEMPTY=\n";
    struct place *place = *state;
    struct iovec fields[] = {
        {(char *)"MESSAGE=one", 11}, {(char *)"REASON=two\nli=e", 15}, {(char *)"EMPTY=", 6}};
    char buffer[256];

    place->journald = open_journald(place);
    assert_int_equal(journal_socket_send(place->socket, fields, 3), 0);
    assert_int_equal(hear(place, buffer, sizeof(buffer)), sizeof(expected) - 1);
    assert_memory_equal(buffer, expected, sizeof(expected) - 1);
}

/* The kernel tells what has been read. */
static void test_read(void **state)
{
    struct place *place = *state;
    char buffer[256];

    place->journald = open_journald(place);
    assert_int_equal(journal_socket_settled(place->socket), 0); /* nobody knows yet */
    assert_int_equal(say(place, "A=1"), 0);
    assert_int_equal(say(place, "A=2"), 0);
    assert_int_equal(journal_socket_settled(place->socket), 0);
    assert_int_equal(hear(place, buffer, sizeof(buffer)), 4);
    assert_int_equal(journal_socket_settled(place->socket), 0);
    assert_int_equal(hear(place, buffer, sizeof(buffer)), 4);
    assert_int_equal(journal_socket_settled(place->socket), 1);
    /* it asked with an empty datagram, which journald ignores */
    assert_int_equal(hear(place, buffer, sizeof(buffer)), 0);
}

static void test_nobody(void **state)
{
    struct place *place = *state;

    assert_int_equal(say(place, "A=1"), -ENOENT);
    place->journald = open_journald(place);
    close(place->journald);
    place->journald = -1;
    assert_int_equal(say(place, "A=1"), -ECONNREFUSED);
}

/* Gone with what it had not read, which looks like having read it. */
static void test_gone(void **state)
{
    struct place *place = *state;
    char buffer[256];

    place->journald = open_journald(place);
    assert_int_equal(say(place, "A=1"), 0);
    close_journald(place);
    assert_int_equal(journal_socket_settled(place->socket), -ECONNRESET);
    assert_int_equal(say(place, "A=2"), -ENOENT);

    place->journald = open_journald(place);
    assert_int_equal(say(place, "A=2"), 0);
    close_journald(place);
    place->journald = open_journald(place);
    assert_int_equal(say(place, "A=3"), -ECONNRESET);
    assert_int_equal(say(place, "A=3"), 0);
    assert_int_equal(hear(place, buffer, sizeof(buffer)), 4);
    assert_memory_equal(buffer, "A=3\n", 4);
    assert_int_equal(journal_socket_settled(place->socket), 1);
}

/* One that hangs is not waited for. */
static void test_full(void **state)
{
    struct place *place = *state;
    char buffer[256];
    int r;

    place->journald = open_journald(place);
    while ((r = say(place, "A=1")) == 0)
        ;
    assert_int_equal(r, -EAGAIN);
    assert_int_equal(journal_socket_settled(place->socket), 0);
    while (hear(place, buffer, sizeof(buffer)) > 0)
        ;
    assert_int_equal(say(place, "A=2"), 0);
}

static void test_long_path(void **unused)
{
    struct journal_socket *socket = NULL;
    char path[200];

    memset(path, 'x', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    assert_int_equal(journal_socket_new(path, &socket), -ENOMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_protocol, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nobody, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_full, set_up, tear_down),
        cmocka_unit_test(test_long_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
