/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sink/journal_socket.h"

#include <endian.h>
#include <errno.h>
#include <linux/sockios.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "cleanup.h"

struct journal_socket {
    struct sockaddr_un address;
    int fd; /* connected to one peer for good; -1: to none */
};

DEFINE_CLEANUP(FILE *, file, fclose);

int journal_socket_new(const char *path, struct journal_socket **ret_socket)
{
    struct journal_socket *socket = calloc(1, sizeof(*socket));

    path = path ? path : JOURNAL_SOCKET;
    if (!socket || strlen(path) >= sizeof(socket->address.sun_path)) {
        free(socket);
        return -ENOMEM;
    }
    socket->address.sun_family = AF_UNIX;
    memcpy(socket->address.sun_path, path, strlen(path));
    socket->fd = -1;
    *ret_socket = socket;
    return 0;
}

struct journal_socket *journal_socket_free(struct journal_socket *socket)
{
    if (!socket)
        return NULL;
    cleanup_close(&socket->fd);
    free(socket);
    return NULL;
}

static int find_peer(struct journal_socket *journald)
{
    CLEANUP_CLOSE int fd = -1;

    if (journald->fd >= 0)
        return 0;
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 ||
        connect(fd, (const struct sockaddr *)&journald->address, sizeof(journald->address)) < 0)
        return -errno;
    journald->fd = TAKE_FD(fd);
    return 0;
}

/* Sends one datagram. -ECONNRESET where the peer that we were connected to has closed its socket:
 * a datagram socket stays connected to the dead one, and send(2) fails with ECONNREFUSED. */
static int send_datagram(struct journal_socket *socket, const void *bytes, size_t size)
{
    int problem;

    if (send(socket->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
        return 0;
    problem = errno;
    if (problem != ECONNREFUSED && problem != ENOTCONN && problem != ECONNRESET)
        return problem == ENOBUFS ? -EAGAIN : -problem;
    cleanup_close(&socket->fd);
    socket->fd = -1;
    return -ECONNRESET;
}

/* https://systemd.io/JOURNAL_NATIVE_PROTOCOL */
static void write_field(FILE *out, const char *field, size_t length)
{
    const char *value = memchr(field, '=', length);
    size_t name = value ? (size_t)(value - field) : length;
    uint64_t size;

    if (!value)
        return;
    if (!memchr(field, '\n', length)) {
        fwrite(field, 1, length, out);
        fputc('\n', out);
        return;
    }
    size = htole64(length - name - 1);
    fwrite(field, 1, name, out);
    fputc('\n', out);
    fwrite(&size, sizeof(size), 1, out);
    fwrite(value + 1, 1, length - name - 1, out);
    fputc('\n', out);
}

int journal_socket_send(struct journal_socket *socket, const struct iovec *fields, int count)
{
    CLEANUP_FREE char *text = NULL;
    size_t size = 0;
    CLEANUP(cleanup_file) FILE *out = open_memstream(&text, &size);
    int r;

    if (!out)
        return -ENOMEM;
    for (int i = 0; i < count; i++)
        write_field(out, fields[i].iov_base, fields[i].iov_len);
    if (fclose(TAKE_PTR(out)) != 0)
        return -ENOMEM;
    r = find_peer(socket);
    return r < 0 ? r : send_datagram(socket, text, size);
}

int journal_socket_settled(struct journal_socket *socket)
{
    int unread = 0;

    if (socket->fd < 0)
        return 0;
    /* unix(7) does not say so, the kernel's unix_ioctl() does: of a sending socket it is what the
     * other side has not yet read. It is 0, too, when the other side is gone, and then nothing can
     * be sent any more: a datagram of no bytes, which journald ignores, tells the two apart. */
    if (ioctl(socket->fd, SIOCOUTQ, &unread) < 0 || unread > 0)
        return 0;
    return send_datagram(socket, "", 0) == -ECONNRESET ? -ECONNRESET : 1;
}
