/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <security/pam_ext.h>
#include <security/pam_modules.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "gate1.h"

/* The real entry points, between a PAM and a kernel made of the input: it holds the items, the
 * arguments, the environment and everything that the broker sends on each connection, well-formed
 * answers or raw bytes, the cgroups, and a seed by which calls fail that the module makes. Time
 * passes only in poll(), so that no wait takes any. The bus is one more connection, and the kernel
 * moves the login into the scope that it asks for there, or does not.
 *
 * Whatever fails: SUCCESS needs an "allow" among what was sent, IGNORE an "unmanaged" or "exempt"
 * or root itself; every descriptor is closed, the signal mask is as it was, and nothing leaks. Only
 * the kill file of a session's scope is ever opened. */

#define MAX_ARGUMENTS 8
#define MAX_CONNECTIONS 4
#define MAX_STREAM (160 * 1024)
#define MAX_FDS 64
#define MAX_DATA 4

extern char **environ;

struct bytes {
    const uint8_t *data;
    size_t size;
};

struct stream {
    uint8_t *data;
    size_t size;
};

static struct {
    bool armed; /* inside the module */
    uint32_t seed;
    unsigned fail_rate; /* one in so many calls fails; 0: none */
    uint64_t now_ms;
    unsigned long uid; /* of the caller */
    char *items[PAM_AUTHTOK_TYPE + 1];
    char *authinfo, *answer;
    struct stream streams[MAX_CONNECTIONS];
    size_t n_streams, next_stream;
    bool has_allow, has_ignore;
    char *cgroup, *parent_cgroup; /* what the files say; NULL: something usual */
    bool moves;                   /* the scope that was asked for is entered */
    char unit[64];                /* that scope */
    struct datum {
        char *name;
        void *value;
        void (*release)(pam_handle_t *pamh, void *value, int status);
    } data[MAX_DATA];
    int fds[MAX_FDS];
    size_t n_fds;
} world;

/* ---- the input ---- */

static uint8_t take_byte(struct bytes *bytes)
{
    if (bytes->size == 0)
        return 0;
    bytes->size--;
    return *bytes->data++;
}

/* A string that ends with a NUL or with the input; the caller frees. */
static char *take_string(struct bytes *bytes)
{
    size_t length = strnlen((const char *)bytes->data, bytes->size);
    char *string = strndup((const char *)bytes->data, length);

    FUZZ_ASSERT(string);
    length += length < bytes->size;
    bytes->data += length;
    bytes->size -= length;
    return string;
}

static void add_bytes(struct stream *stream, const void *data, size_t size)
{
    if (size > MAX_STREAM - stream->size)
        size = MAX_STREAM - stream->size;
    memcpy(stream->data + stream->size, data, size);
    stream->size += size;
}

static void add_message(struct stream *stream, DBusMessage *message)
{
    char *data = NULL;
    int size = 0;

    dbus_message_set_serial(message, 99);
    FUZZ_ASSERT(dbus_message_marshal(message, &data, &size));
    add_bytes(stream, data, (size_t)size);
    dbus_free(data);
    dbus_message_unref(message);
}

/* An answer as a broker would give it, to the call of that serial; to Prepare or to another. */
static void add_answer(struct stream *stream, struct bytes *bytes)
{
    static const char *const words[] = {"allow", "unmanaged", "exempt", "refused", "pending"};
    DBusMessage *message = dbus_message_new(DBUS_MESSAGE_TYPE_METHOD_RETURN);
    uint8_t kind = take_byte(bytes);
    dbus_uint64_t id = take_byte(bytes), end = 0, latest = UINT64_C(1) << (id & 63);
    dbus_bool_t terminate = kind / 40 % 2 == 0;
    CLEANUP_FREE char *text = NULL;
    const char *word = words[kind % 5], *shown;

    FUZZ_ASSERT(message);
    dbus_message_set_reply_serial(message, 1 + kind / 5 % 4);
    text = take_string(bytes);
    shown = dbus_validate_utf8(text, NULL) ? text : "";
    FUZZ_ASSERT(dbus_message_append_args(
        message, DBUS_TYPE_STRING, &word, DBUS_TYPE_UINT64, &id, DBUS_TYPE_UINT64, &end,
        DBUS_TYPE_STRING, &shown, kind / 20 % 2 ? DBUS_TYPE_UINT64 : DBUS_TYPE_INVALID, &latest,
        DBUS_TYPE_BOOLEAN, &terminate, DBUS_TYPE_INVALID));
    add_message(stream, message);
}

static void add_error(struct stream *stream, struct bytes *bytes)
{
    DBusMessage *message = dbus_message_new(DBUS_MESSAGE_TYPE_ERROR);
    uint8_t kind = take_byte(bytes);
    CLEANUP_FREE char *text = take_string(bytes);
    const char *shown = dbus_validate_utf8(text, NULL) ? text : "";

    FUZZ_ASSERT(message);
    dbus_message_set_reply_serial(message, 1 + kind % 4);
    FUZZ_ASSERT(dbus_message_set_error_name(message, kind & 0x80
                                                         ? "org.pamcheckout.Error.NotPermitted"
                                                         : "org.freedesktop.DBus.Error.Failed"));
    FUZZ_ASSERT(kind & 0x40 ||
                dbus_message_append_args(message, DBUS_TYPE_STRING, &shown, DBUS_TYPE_INVALID));
    add_message(stream, message);
}

/* What the broker sends on one connection. */
static void add_stream(struct bytes *bytes)
{
    static const char ok[] = "OK 0123456789abcdef0123456789abcdef\r\n";
    struct stream *stream = &world.streams[world.n_streams++];
    uint8_t flags = take_byte(bytes);

    stream->data = malloc(MAX_STREAM);
    stream->size = 0;
    FUZZ_ASSERT(stream->data);
    if (!(flags & 1))
        add_bytes(stream, ok, strlen(ok));
    if (!(flags & 1))
        add_bytes(stream, flags & 2 ? "ERROR\r\n" : "AGREE_UNIX_FD\r\n", flags & 2 ? 7 : 15);
    for (unsigned i = 0; i < (flags >> 4); i++) {
        uint8_t kind = take_byte(bytes);
        size_t size;

        switch (kind % 4) {
        case 0:
        case 1:
            add_answer(stream, bytes);
            break;
        case 2:
            add_error(stream, bytes);
            break;
        default:
            size = take_byte(bytes);
            size = size < bytes->size ? size : bytes->size;
            add_bytes(stream, bytes->data, size);
            bytes->data += size;
            bytes->size -= size;
        }
    }
    world.has_allow |= memmem(stream->data, stream->size, "allow", 5) != NULL;
    world.has_ignore |= memmem(stream->data, stream->size, "unmanaged", 9) != NULL ||
                        memmem(stream->data, stream->size, "exempt", 6) != NULL;
}

/* ---- what fails ---- */

static bool fails(void)
{
    if (!world.armed || world.fail_rate == 0)
        return false;
    world.seed = world.seed * 1664525 + 1013904223; /* Numerical Recipes' */
    return (world.seed >> 8) % world.fail_rate == 0;
}

static int keep_fd(int fd)
{
    if (fd >= 0 && world.armed && world.n_fds < MAX_FDS)
        world.fds[world.n_fds++] = fd;
    return fd;
}

#define WRAP(type, name, arguments)                                                                \
    type __real_##name arguments;                                                                  \
    type __wrap_##name arguments;                                                                  \
    type __wrap_##name arguments

/* A call that fails with an errno now and then, and is the real one otherwise. */
#define WRAP_FAILING(type, name, arguments, values, failure, number)                               \
    WRAP(type, name, arguments)                                                                    \
    {                                                                                              \
        if (fails()) {                                                                             \
            errno = number;                                                                        \
            return failure;                                                                        \
        }                                                                                          \
        return __real_##name values;                                                               \
    }

WRAP_FAILING(void *, malloc, (size_t size), (size), NULL, ENOMEM)
WRAP_FAILING(char *, strndup, (const char *text, size_t size), (text, size), NULL, ENOMEM)
WRAP_FAILING(ssize_t, read, (int fd, void *buffer, size_t size), (fd, buffer, size), -1, EIO)
WRAP_FAILING(char *, strdup, (const char *text), (text), NULL, ENOMEM)
WRAP_FAILING(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags),
             (fd, message, flags), -1, world.seed & 0x10000 ? ETOOMANYREFS : EINTR)
WRAP_FAILING(ssize_t, recv, (int fd, void *buffer, size_t size, int flags),
             (fd, buffer, size < 2 ? size : size / 2, flags), -1,
             world.seed & 0x10000 ? ECONNRESET : EINTR)
WRAP_FAILING(DBusMessage *, dbus_message_new_method_call,
             (const char *name, const char *path, const char *interface, const char *method),
             (name, path, interface, method), NULL, ENOMEM)
WRAP_FAILING(dbus_bool_t, dbus_message_iter_append_basic,
             (DBusMessageIter * iter, int type, const void *value), (iter, type, value), FALSE,
             ENOMEM)
WRAP_FAILING(dbus_bool_t, dbus_message_iter_open_container,
             (DBusMessageIter * iter, int type, const char *signature, DBusMessageIter *sub),
             (iter, type, signature, sub), FALSE, ENOMEM)
WRAP_FAILING(dbus_bool_t, dbus_message_marshal, (DBusMessage * message, char **data, int *size),
             (message, data, size), FALSE, ENOMEM)

/* Notes which scope systemd is asked for. */
static void note_unit(const char *data, size_t size)
{
    static const char prefix[] = "pam-checkout-";
    const char *unit = memmem(data, size, prefix, strlen(prefix));
    size_t length = unit ? strnlen(unit, (size_t)(data + size - unit)) : 0;

    if (length > 6 && length < sizeof(world.unit) && memcmp(unit + length - 6, ".scope", 6) == 0) {
        memcpy(world.unit, unit, length);
        world.unit[length] = '\0';
    }
}

WRAP(ssize_t, send, (int fd, const void *data, size_t size, int flags))
{
    if (fails()) {
        errno = world.seed & 0x10000 ? EPIPE : EINTR;
        return -1;
    }
    if (world.armed)
        note_unit(data, size);
    return __real_send(fd, data, size < 100 || world.fail_rate == 0 ? size : size / 2, flags);
}

/* The file of a process: this one's, or its parent's. */
static int open_cgroup(bool own)
{
    const char *text = own ? world.cgroup : world.parent_cgroup;
    int fd = memfd_create("cgroup", MFD_CLOEXEC);

    FUZZ_ASSERT(fd >= 0);
    if (own && world.moves && world.unit[0])
        dprintf(fd, "1:name=systemd:/\n0::/user.slice/user-1000.slice/%s\n", world.unit);
    else
        dprintf(fd, "%s",
                text  ? text
                : own ? "0::/user.slice/user-1000.slice/session-3.scope\n"
                      : "0::/system.slice/ssh.service\n");
    FUZZ_ASSERT(lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

static void check_kill_path(const char *path)
{
    const char *end = path + strlen(path), *start = end;

    FUZZ_ASSERT(!strstr(path, "/.."));
    FUZZ_ASSERT(end - path > 18 && strcmp(end - 18, ".scope/cgroup.kill") == 0);
    for (start = end - 12; start > path && start[-1] != '/'; start--)
        ;
    FUZZ_ASSERT(strncmp(start, "session-", 8) == 0 || strncmp(start, "pam-checkout-", 13) == 0);
}

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...)
{
    size_t length = strlen(path);

    if (fails()) {
        errno = world.seed & 0x10000 ? ENOENT : EACCES;
        return -1;
    }
    if (world.armed && strncmp(path, "/proc/", 6) == 0 && length > 7 &&
        strcmp(path + length - 7, "/cgroup") == 0)
        return keep_fd(open_cgroup(strcmp(path, "/proc/self/cgroup") == 0));
    if (world.armed && strncmp(path, "/sys/fs/cgroup", 14) == 0) {
        check_kill_path(path);
        path = "/dev/null";
    }
    return keep_fd(__real_open64(path, flags));
}

WRAP(int, fstatfs64, (int fd, struct statfs *status))
{
    if (fails()) {
        errno = EIO;
        return -1;
    }
    *status = (struct statfs){.f_type = fails() ? TMPFS_MAGIC : CGROUP2_SUPER_MAGIC};
    return 0;
}

WRAP(DBusMessage *, dbus_message_demarshal, (const char *data, int size, DBusError *error))
{
    if (fails()) {
        dbus_set_error_const(error, DBUS_ERROR_NO_MEMORY, "out of memory");
        return NULL;
    }
    return __real_dbus_message_demarshal(data, size, error);
}

/* ---- the kernel; libFuzzer's own calls, which are wrapped as well, go to the real one ---- */

WRAP(int, stat64, (const char *path, struct stat *status))
{
    if (!world.armed)
        return __real_stat64(path, status);
    if (fails()) {
        errno = ENOENT;
        return -1;
    }
    *status = (struct stat){.st_mode = S_IFDIR | 0755};
    return 0;
}

WRAP(int, lstat64, (const char *path, struct stat *status))
{
    if (!world.armed)
        return __real_lstat64(path, status);
    if (fails()) {
        errno = ENOENT;
        return -1;
    }
    *status = (struct stat){.st_mode = S_IFSOCK | 0600};
    return 0;
}

/* The other end has said everything before it is connected to, and has hung up. */
WRAP(int, socket, (int domain, int type, int protocol))
{
    int pair[2], large = 4 * MAX_STREAM;

    if (!world.armed)
        return __real_socket(domain, type, protocol);
    if (fails() || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0) {
        errno = EMFILE;
        return -1;
    }
    setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &large, sizeof(large));
    if (world.next_stream < world.n_streams) {
        struct stream *stream = &world.streams[world.next_stream++];

        if (stream->size > 0 && __real_send(pair[1], stream->data, stream->size, MSG_NOSIGNAL) < 0)
            FUZZ_ASSERT(errno == EAGAIN);
    }
    shutdown(pair[1], SHUT_WR);
    FUZZ_ASSERT(fcntl(pair[1], F_DUPFD_CLOEXEC, 500) >= 500); /* closed after the run */
    close(pair[1]);
    return keep_fd(pair[0]);
}

WRAP(int, connect, (int fd, const struct sockaddr *address, socklen_t size))
{
    static const int numbers[] = {EAGAIN, EINTR, ECONNREFUSED, EACCES};

    if (!world.armed)
        return __real_connect(fd, address, size);
    if (fails()) {
        errno = numbers[world.seed >> 16 & 3];
        return -1;
    }
    return 0;
}

WRAP(int, getsockopt, (int fd, int level, int name, void *value, socklen_t *size))
{
    if (!world.armed || name != SO_PEERCRED)
        return __real_getsockopt(fd, level, name, value, size);
    if (fails() && world.seed & 0x10000) {
        errno = ENOBUFS;
        return -1;
    }
    *(struct ucred *)value = (struct ucred){.uid = fails() ? 1000 : 0};
    return 0;
}

WRAP(int, clock_gettime, (clockid_t clock, struct timespec *now))
{
    if (!world.armed)
        return __real_clock_gettime(clock, now);
    *now = (struct timespec){.tv_sec = (time_t)(world.now_ms / 1000),
                             .tv_nsec = (long)(world.now_ms % 1000 * 1000000)};
    return 0;
}

WRAP(int, poll, (struct pollfd * fds, nfds_t count, int timeout))
{
    int ready;

    if (!world.armed)
        return __real_poll(fds, count, timeout);
    if (fails()) {
        errno = world.seed & 0x10000 ? EINTR : ENOMEM;
        return -1;
    }
    ready = __real_poll(fds, count, 0);
    if (ready == 0)
        world.now_ms += (uint64_t)timeout;
    return ready;
}

WRAP(int, signalfd, (int fd, const sigset_t *mask, int flags))
{
    if (fails()) {
        errno = EMFILE;
        return -1;
    }
    return keep_fd(__real_signalfd(fd, mask, flags));
}

WRAP(int, pthread_sigmask, (int how, const sigset_t *set, sigset_t *old))
{
    if (how == SIG_BLOCK && fails())
        return EINVAL;
    return __real_pthread_sigmask(how, set, old);
}

WRAP(unsigned long, getauxval, (unsigned long type))
{
    if (!world.armed)
        return __real_getauxval(type);
    if (fails()) {
        errno = ENOENT;
        return 0;
    }
    return world.uid;
}

WRAP(uid_t, getuid, (void))
{
    return world.armed ? (uid_t)world.uid : __real_getuid();
}

/* ---- PAM ---- */

int pam_get_item(const pam_handle_t *pamh, int item, const void **ret)
{
    if (fails())
        return PAM_BAD_ITEM;
    *ret = world.items[item];
    return PAM_SUCCESS;
}

static struct datum *find_datum(const char *name)
{
    for (size_t i = 0; i < MAX_DATA; i++)
        if (world.data[i].name && strcmp(world.data[i].name, name) == 0)
            return &world.data[i];
    return NULL;
}

static void release_datum(pam_handle_t *pamh, struct datum *datum)
{
    if (datum->release)
        datum->release(pamh, datum->value, 0);
    free(datum->name);
    *datum = (struct datum){NULL};
}

int pam_get_data(const pam_handle_t *pamh, const char *name, const void **value)
{
    struct datum *datum = fails() ? NULL : find_datum(name);

    if (!datum)
        return PAM_NO_MODULE_DATA;
    *value = datum->value;
    return PAM_SUCCESS;
}

int pam_set_data(pam_handle_t *pamh, const char *name, void *value,
                 void (*release)(pam_handle_t *pamh, void *value, int status))
{
    struct datum *datum;
    char *copy = NULL;

    if (fails())
        return PAM_BUF_ERR;
    datum = find_datum(name);
    if (datum)
        release_datum(pamh, datum);
    for (size_t i = 0; i < MAX_DATA && (!datum || datum->name); i++)
        datum = &world.data[i];
    copy = __real_strndup(name, strlen(name));
    FUZZ_ASSERT(copy && datum && !datum->name);
    *datum = (struct datum){.name = copy, .value = value, .release = release};
    return PAM_SUCCESS;
}

const char *pam_getenv(pam_handle_t *pamh, const char *name)
{
    return world.authinfo;
}

/* Both must be given what a terminal and a log can take. */
static void __attribute__((format(printf, 1, 0))) check_line(const char *format, va_list arguments)
{
    char *line = NULL;

    FUZZ_ASSERT(vasprintf(&line, format, arguments) >= 0);
    for (const char *byte = line; *byte; byte++)
        FUZZ_ASSERT((unsigned char)*byte >= ' ' && *byte != 0x7f);
    FUZZ_ASSERT(dbus_validate_utf8(line, NULL));
    free(line);
}

void pam_syslog(const pam_handle_t *pamh, int priority, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    check_line(format, arguments);
    va_end(arguments);
}

int pam_prompt(pam_handle_t *pamh, int style, char **response, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    check_line(format, arguments);
    va_end(arguments);
    if (fails())
        return PAM_CONV_ERR;
    if (response)
        *response = world.answer ? strdup(world.answer) : NULL;
    return PAM_SUCCESS;
}

/* ---- one login ---- */

static int call(uint8_t phase, int flags, int argc, const char **argv)
{
    pam_handle_t *pamh = (pam_handle_t *)&world; /* nobody looks into it */
    int code;

    world.armed = true;
    switch (phase % 4) {
    case 0:
        code = pam_sm_acct_mgmt(pamh, flags, argc, argv);
        break;
    case 1:
        code = pam_sm_open_session(pamh, flags, argc, argv);
        break;
    case 2:
        code = pam_sm_authenticate(pamh, flags, argc, argv);
        break;
    default:
        code = pam_sm_close_session(pamh, flags, argc, argv);
        FUZZ_ASSERT(code == PAM_SUCCESS);
        code = PAM_PERM_DENIED;
    }
    /* The line behind pam_systemd, which has put the login somewhere. */
    if (phase & 0x40 && phase % 4 == 1 && code == PAM_SUCCESS) {
        free(world.cgroup);
        world.cgroup = NULL;
        code = pam_sm_open_session(pamh, flags, argc, argv);
    }
    world.armed = false;
    return code;
}

static bool is_root(void)
{
    const char *person = world.items[PAM_RUSER];

    return world.uid == 0 && person && strcmp(person, "root") == 0;
}

static void check(int code)
{
    switch (code) {
    case PAM_SUCCESS:
        FUZZ_ASSERT(world.has_allow);
        break;
    case PAM_IGNORE:
        FUZZ_ASSERT(world.has_ignore || is_root());
        break;
    default:
        FUZZ_ASSERT(code == PAM_PERM_DENIED);
    }
    for (size_t i = 0; i < world.n_fds; i++)
        FUZZ_ASSERT(fcntl(world.fds[i], F_GETFD) < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int items[] = {PAM_SERVICE, PAM_USER, PAM_RUSER, PAM_TTY, PAM_RHOST};
    const struct timespec at_once = {0};
    struct bytes bytes = {data, size};
    char *arguments[MAX_ARGUMENTS], *variables[4] = {NULL};
    char **old_environment = environ;
    sigset_t before, after, interrupt;
    int n_arguments, n_variables, code;
    uint8_t phase = take_byte(&bytes), flags = take_byte(&bytes);

    memset(&world, 0, sizeof(world));
    world.now_ms = 1000;
    world.seed = take_byte(&bytes);
    world.fail_rate = flags & 1 ? 1 + take_byte(&bytes) : 0;
    world.uid = flags & 2 ? 0 : 1000;
    for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++)
        if (!(flags >> 3 & 1 << i))
            world.items[items[i]] = take_string(&bytes);
    n_arguments = take_byte(&bytes) % (MAX_ARGUMENTS + 1);
    for (int i = 0; i < n_arguments; i++)
        arguments[i] = take_string(&bytes);
    n_variables = take_byte(&bytes);
    if (n_variables & 4)
        world.authinfo = take_string(&bytes);
    if (n_variables & 8)
        world.answer = take_string(&bytes);
    if (n_variables & 16)
        world.cgroup = take_string(&bytes);
    if (n_variables & 32)
        world.parent_cgroup = take_string(&bytes);
    world.moves = !(n_variables & 64);
    n_variables %= 4;
    for (int i = 0; i < n_variables; i++)
        variables[i] = take_string(&bytes);
    do
        add_stream(&bytes);
    while (bytes.size > 0 && world.n_streams < MAX_CONNECTIONS);

    sigemptyset(&interrupt);
    sigaddset(&interrupt, SIGINT);
    if (flags & 4) {
        sigprocmask(SIG_BLOCK, &interrupt, NULL);
        raise(SIGINT);
    }
    sigprocmask(SIG_BLOCK, NULL, &before);
    environ = variables;
    code = call(phase, phase & 0x80 ? PAM_SILENT : 0, n_arguments, (const char **)arguments);
    environ = old_environment;
    sigprocmask(SIG_BLOCK, NULL, &after);
    for (int i = 1; i < NSIG; i++)
        FUZZ_ASSERT(sigismember(&before, i) == sigismember(&after, i));
    if (flags & 4) {
        FUZZ_ASSERT(sigtimedwait(&interrupt, NULL, &at_once) == SIGINT); /* left for the host */
        sigprocmask(SIG_UNBLOCK, &interrupt, NULL);
    }
    check(code);

    close_range(500, ~0U, 0);
    for (size_t i = 0; i < sizeof(world.items) / sizeof(world.items[0]); i++)
        free(world.items[i]);
    for (int i = 0; i < n_arguments; i++)
        free(arguments[i]);
    for (int i = 0; i < n_variables; i++)
        free(variables[i]);
    for (size_t i = 0; i < world.n_streams; i++)
        free(world.streams[i].data);
    for (size_t i = 0; i < MAX_DATA; i++)
        release_datum(NULL, &world.data[i]);
    free(world.cgroup);
    free(world.parent_cgroup);
    free(world.authinfo);
    free(world.answer);
    return 0;
}
