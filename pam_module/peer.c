/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "peer.h"

#include <errno.h>
#include <poll.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#include "caps.h"

/* How often a connection is tried anew while the backlog is full: the kernel tells nobody when
 * there is room. */
#define RETRY_MS 20
/* A line of the authentication; "OK " and 32 digits are 35 bytes. */
#define LINE_MAX_BYTES 256

struct peer {
    int fd;
    uint32_t serial;
    bool greeted;   /* the answer to the authentication was read */
    bool takes_fds; /* and it was that file descriptors may be sent */
    size_t used;    /* bytes of the buffer that were received */
    /* dbus_message_demarshal reads it in place, as aligned as a message. */
    alignas(8) char buffer[LIMIT_GATE_MESSAGE];
};

int problem_set(struct problem *problem, int r, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    if (vsnprintf(problem->text, sizeof(problem->text), format, arguments) < 0)
        problem->text[0] = '\0';
    va_end(arguments);
    return r;
}

int problem_errno(struct problem *problem, int r, const char *what)
{
    const char *description = strerrordesc_np(-r);

    return problem_set(problem, r, "%s: %s", what, description ? description : "unknown error");
}

uint64_t peer_now(void)
{
    struct timespec now = {0};

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Waits until fd (-1: none) is ready or hung up. */
static int wait_ready(int fd, short events, const struct patience *patience)
{
    for (;;) {
        struct pollfd fds[] = {
            {.fd = patience->stop_fd, .events = POLLIN},
            {.fd = patience->client_fd, .events = POLLRDHUP},
            {.fd = fd, .events = events},
        };
        uint64_t now = peer_now();
        uint64_t left;

        if (now >= patience->deadline)
            return -ETIMEDOUT;
        left = patience->deadline - now;
        if (poll(fds, 3, left > INT32_MAX ? INT32_MAX : (int)left) < 0) {
            if (errno != EINTR)
                return -errno;
            continue;
        }
        if (fds[0].revents)
            return -ECANCELED;
        if (fds[1].revents)
            return -ESHUTDOWN;
        if (fds[2].revents)
            return 0;
    }
}

int peer_pause(uint64_t milliseconds, const struct patience *patience)
{
    struct patience nap = *patience;
    uint64_t until = peer_now() + milliseconds;
    int r;

    if (until >= patience->deadline)
        return wait_ready(-1, 0, patience);
    nap.deadline = until;
    r = wait_ready(-1, 0, &nap);
    return r == -ETIMEDOUT ? 0 : r;
}

/* Says what came of waiting for the peer. */
static int problem_io(struct problem *problem, int r)
{
    switch (r) {
    case -ETIMEDOUT:
        return problem_set(problem, r, "no answer in time");
    case -ECANCELED:
        return problem_set(problem, r, "given up");
    case -ECONNRESET:
    case -EPIPE:
        return problem_set(problem, r, "it hung up");
    default:
        return problem_errno(problem, r, "the connection failed");
    }
}

/* Only root may have made the socket, and only root may be able to put another in its place. */
static int check_socket(const char *path, enum peer_kind kind, struct problem *problem)
{
    CLEANUP_FREE char *directory = NULL;
    const char *slash = strrchr(path, '/');
    struct stat status;

    if (!slash)
        return problem_set(problem, -EPERM, "%s is not an absolute path", path);
    directory = strndup(path, slash == path ? 1 : (size_t)(slash - path));
    if (!directory)
        return problem_errno(problem, -ENOMEM, path);

    if (stat(directory, &status) < 0)
        return problem_errno(problem, -errno, directory);
    if (status.st_uid != 0 || (status.st_mode & 022) != 0)
        return problem_set(problem, -EPERM, "others than root can write to %s", directory);
    if (lstat(path, &status) < 0)
        return problem_errno(problem, -errno, path);
    if (!S_ISSOCK(status.st_mode))
        return problem_set(problem, -EPERM, "%s is not a socket", path);
    if (status.st_uid != 0)
        return problem_set(problem, -EPERM, "others than root own %s", path);
    if (kind == PEER_GATE && (status.st_mode & 077) != 0)
        return problem_set(problem, -EPERM, "others than root can use %s", path);
    return 0;
}

static int connect_socket(struct peer *peer, const char *path, const struct patience *patience,
                          struct problem *problem)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int r;

    if (strlen(path) >= sizeof(address.sun_path))
        return problem_errno(problem, -ENAMETOOLONG, path);
    memcpy(address.sun_path, path, strlen(path));

    peer->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (peer->fd < 0)
        return problem_errno(problem, -errno, "no socket");
    while (connect(peer->fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN)
            return problem_errno(problem, -errno, path);
        r = peer_pause(RETRY_MS, patience);
        if (r == -ETIMEDOUT)
            return problem_set(problem, r, "too many logins wait at %s", path);
        if (r < 0)
            return problem_io(problem, r);
    }
    return 0;
}

static int check_peer(const struct peer *peer, struct problem *problem)
{
    struct ucred credentials = {.uid = (uid_t)-1};
    socklen_t size = sizeof(credentials);

    if (getsockopt(peer->fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
        return problem_errno(problem, -errno, "its credentials");
    if (size != sizeof(credentials) || credentials.uid != 0)
        return problem_set(problem, -EPERM, "the socket was not made by root");
    return 0;
}

/* As send(2), with the descriptor fd (-1: none) beside the bytes. */
static ssize_t send_with(struct peer *peer, const char *data, size_t size, int fd)
{
    alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(fd))] = {0};
    struct iovec vector = {.iov_base = (char *)data, .iov_len = size};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    struct cmsghdr *header;

    if (fd < 0)
        return send(peer->fd, data, size, MSG_NOSIGNAL);
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(fd));
    memcpy(CMSG_DATA(header), &fd, sizeof(fd));
    return sendmsg(peer->fd, &message, MSG_NOSIGNAL);
}

/* The descriptor goes with the first byte, once. */
static int send_all(struct peer *peer, const char *data, size_t size, int fd,
                    const struct patience *patience, struct problem *problem)
{
    while (size > 0) {
        ssize_t sent = send_with(peer, data, size, fd);
        int r = sent < 0 ? -errno : 0;

        if (r == -EAGAIN)
            r = wait_ready(peer->fd, POLLOUT, patience);
        else if (r == -EINTR)
            r = 0;
        if (r < 0)
            return problem_io(problem, r);
        if (sent > 0) {
            data += sent;
            size -= (size_t)sent;
            fd = -1;
        }
    }
    return 0;
}

/* Receives what is there, at least one byte. Without a control buffer the kernel drops file
 * descriptors (unix(7), recvmsg(2)). */
static int receive_some(struct peer *peer, const struct patience *patience, struct problem *problem)
{
    for (;;) {
        ssize_t received;
        int r;

        r = wait_ready(peer->fd, POLLIN, patience);
        if (r < 0)
            return problem_io(problem, r);
        received = recv(peer->fd, peer->buffer + peer->used, sizeof(peer->buffer) - peer->used, 0);
        if (received > 0) {
            peer->used += (size_t)received;
            return 0;
        }
        if (received == 0)
            return problem_io(problem, -ECONNRESET);
        if (errno != EAGAIN && errno != EINTR)
            return problem_io(problem, -errno);
    }
}

static void consume(struct peer *peer, size_t size)
{
    peer->used -= size;
    memmove(peer->buffer, peer->buffer + size, peer->used);
}

/* EXTERNAL authentication (D-Bus specification, "Authentication Protocol"): who we are is for the
 * kernel to say, the line only repeats it. BEGIN and the first message follow at once, as sd-bus
 * does it: what answers is read when it is needed, which saves a login a round to the broker and
 * back. */
static int authenticate(struct peer *peer, const struct patience *patience, struct problem *problem)
{
    static const char rest[] = "\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n";
    char digits[16], line[96] = "\0AUTH EXTERNAL ";
    size_t length = 1 + strlen(line + 1);

    snprintf(digits, sizeof(digits), "%u", (unsigned)geteuid());
    for (const char *digit = digits; *digit; digit++) {
        line[length++] = '3'; /* '0' to '9' are 30 to 39 in hexadecimal */
        line[length++] = *digit;
    }
    memcpy(line + length, rest, strlen(rest));
    return send_all(peer, line, length + strlen(rest), -1, patience, problem);
}

/* The next line of the authentication, without its end, cut where it is longer than `line`. */
static int receive_line(struct peer *peer, char *line, size_t size, const struct patience *patience,
                        struct problem *problem)
{
    const char *end;
    size_t length;
    int r;

    while (!(end = memmem(peer->buffer, peer->used, "\r\n", 2))) {
        if (peer->used >= LINE_MAX_BYTES)
            return problem_set(problem, -EPROTO, "it does not speak D-Bus");
        r = receive_some(peer, patience, problem);
        if (r < 0)
            return r;
    }
    length = (size_t)(end - peer->buffer);
    if (size > length + 1)
        size = length + 1;
    memcpy(line, peer->buffer, size - 1);
    line[size - 1] = '\0';
    consume(peer, length + 2);
    return 0;
}

int peer_await(struct peer *peer, const struct patience *patience, struct problem *problem)
{
    char line[32] = "";
    int r;

    if (peer->greeted)
        return 0;
    r = receive_line(peer, line, sizeof(line), patience, problem);
    if (r < 0)
        return r;
    if (strncmp(line, "OK ", 3) != 0)
        return problem_set(problem, -EPROTO, "it does not let this program in");
    r = receive_line(peer, line, sizeof(line), patience, problem);
    if (r < 0)
        return r;
    peer->takes_fds = strcmp(line, "AGREE_UNIX_FD") == 0;
    if (!peer->takes_fds && strncmp(line, "ERROR", 5) != 0)
        return problem_set(problem, -EPROTO, "it does not speak D-Bus");
    peer->greeted = true;
    return 0;
}

int peer_connect(const char *path, enum peer_kind kind, const struct patience *patience,
                 struct peer **ret_peer, struct problem *problem)
{
    CLEANUP(cleanup_peer) struct peer *peer = NULL;
    int r;

    r = check_socket(path, kind, problem);
    if (r < 0)
        return r;
    peer = malloc(sizeof(*peer));
    if (!peer)
        return problem_errno(problem, -ENOMEM, path);
    peer->fd = -1;
    peer->serial = 0;
    peer->greeted = false;
    peer->takes_fds = false;
    peer->used = 0;

    r = connect_socket(peer, path, patience, problem);
    if (r == 0)
        r = check_peer(peer, problem);
    if (r == 0)
        r = authenticate(peer, patience, problem);
    if (r < 0)
        return r;
    *ret_peer = TAKE_PTR(peer);
    return 0;
}

struct peer *peer_free(struct peer *peer)
{
    if (peer && peer->fd >= 0)
        close(peer->fd);
    free(peer);
    return NULL;
}

static int send_call(struct peer *peer, DBusMessage *call, int fd, const struct patience *patience,
                     struct problem *problem)
{
    char *data = NULL;
    int size = 0, r = 0;

    /* Only who has agreed to take them may be sent any. */
    if (fd >= 0)
        r = peer_await(peer, patience, problem);
    if (r == 0 && fd >= 0 && !peer->takes_fds)
        r = problem_set(problem, -EPROTO, "it takes no file descriptors");
    if (r < 0)
        return r;
    dbus_message_set_serial(call, ++peer->serial);
    if (!dbus_message_marshal(call, &data, &size))
        return problem_errno(problem, -ENOMEM, "no message");
    r = send_all(peer, data, (size_t)size, fd, patience, problem);
    dbus_free(data);
    return r;
}

/* The next whole message, of whatever kind. */
static int receive_message(struct peer *peer, const struct patience *patience,
                           DBusMessage **ret_message, struct problem *problem)
{
    DBusError error = DBUS_ERROR_INIT;
    int size, r;

    r = peer_await(peer, patience, problem);
    if (r < 0)
        return r;
    for (;;) {
        size = dbus_message_demarshal_bytes_needed(peer->buffer, (int)peer->used);
        if (size < 0)
            return problem_set(problem, -EBADMSG, "what it sends is not D-Bus");
        if ((size_t)size > sizeof(peer->buffer))
            return problem_set(problem, -EMSGSIZE, "its message is too long");
        if (size > 0 && (size_t)size <= peer->used)
            break;
        r = receive_some(peer, patience, problem);
        if (r < 0)
            return r;
    }
    *ret_message = dbus_message_demarshal(peer->buffer, size, &error);
    if (!*ret_message) {
        bool is_memory = dbus_error_has_name(&error, DBUS_ERROR_NO_MEMORY);

        dbus_error_free(&error);
        return is_memory ? problem_errno(problem, -ENOMEM, "its message")
                         : problem_set(problem, -EBADMSG, "what it sends is not D-Bus");
    }
    consume(peer, (size_t)size);
    return 0;
}

int peer_call(struct peer *peer, DBusMessage *call, int fd, const struct patience *patience,
              DBusMessage **ret_reply, struct problem *problem)
{
    int r;

    r = send_call(peer, call, fd, patience, problem);
    while (r == 0) {
        DBusMessage *message = NULL;
        int type;

        r = receive_message(peer, patience, &message, problem);
        if (r < 0)
            break;
        type = dbus_message_get_type(message);
        if ((type == DBUS_MESSAGE_TYPE_METHOD_RETURN || type == DBUS_MESSAGE_TYPE_ERROR) &&
            dbus_message_get_reply_serial(message) == peer->serial) {
            *ret_reply = message;
            return 0;
        }
        dbus_message_unref(message);
    }
    return r;
}
