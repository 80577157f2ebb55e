/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "names/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "cleanup.h"

/* A killed process is gone at once, unless it sleeps in the kernel on a file system that does not
 * answer. Then whoever reaps orphans gets it. */
#define REAP_WAIT_MS 1000

struct process {
    pid_t pid; /* 0: gone */
    int fd;    /* -1: killed */
    sd_event_source *readable_source;
    sd_event_source *gone_source;
    process_handler readable;
    process_handler gone;
    void *userdata;
};

DEFINE_CLEANUP(struct process *, process, process_free);

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    struct process *process = userdata;

    process->readable(process, process->userdata);
    return 0;
}

static int on_gone(sd_event_source *source, const siginfo_t *status, void *userdata)
{
    struct process *process = userdata;

    /* sd-event reaps it when this has returned. */
    process->pid = 0;
    process->gone(process, process->userdata);
    return 0;
}

/* posix_spawn(3) shares memory with the child until it executes, so the size of the caller's does
 * not matter, and it works under valgrind and the sanitizers. */
static int spawn(const char *program, const char *argument, int fd, pid_t *ret_pid)
{
    char *const arguments[] = {(char *)program, (char *)argument, NULL};
    char *const environment[] = {NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    int r = posix_spawn_file_actions_init(&actions);

    if (r != 0)
        return -r;
    r = posix_spawnattr_init(&attributes);
    if (r != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return -r;
    }
    sigemptyset(&none);
    sigfillset(&all);
    if ((r = posix_spawn_file_actions_adddup2(&actions, fd, STDIN_FILENO)) == 0 &&
        (r = posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0)) ==
            0 &&
        (r = posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1)) == 0 &&
        (r = posix_spawnattr_setsigmask(&attributes, &none)) == 0 &&
        (r = posix_spawnattr_setsigdefault(&attributes, &all)) == 0 &&
        (r = posix_spawnattr_setflags(&attributes,
                                      POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF)) == 0)
        r = posix_spawn(ret_pid, program, &actions, &attributes, arguments, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return -r;
}

int process_start(sd_event *event, const char *program, const char *argument,
                  process_handler readable, process_handler gone, void *userdata,
                  struct process **ret_process)
{
    CLEANUP(cleanup_process) struct process *process = calloc(1, sizeof(*process));
    CLEANUP_CLOSE int child_end = -1;
    int pair[2];

    if (!process)
        return -ENOMEM;
    process->fd = -1;
    process->readable = readable;
    process->gone = gone;
    process->userdata = userdata;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    process->fd = pair[0];
    child_end = pair[1];

    int r = spawn(program, argument, child_end, &process->pid);
    if (r < 0) {
        process->pid = 0;
        return r;
    }
    r = sd_event_add_child(event, &process->gone_source, process->pid, WEXITED, on_gone, process);
    if (r >= 0)
        r = sd_event_add_io(event, &process->readable_source, process->fd, EPOLLIN, on_readable,
                            process);
    if (r < 0)
        return r;
    *ret_process = TAKE_PTR(process);
    return 0;
}

int process_send(struct process *process, const void *head, size_t head_size, const void *body,
                 size_t body_size)
{
    struct iovec parts[] = {{(void *)head, head_size}, {(void *)body, body_size}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};

    if (process->fd < 0)
        return -EBADF;
    return sendmsg(process->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

ssize_t process_receive(struct process *process, void *buffer, size_t size)
{
    ssize_t n;

    if (process->fd < 0)
        return -EBADF;
    do
        n = recv(process->fd, buffer, size, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    /* ECONNRESET: it left without reading what it was sent. */
    if (n == 0 || (n < 0 && errno == ECONNRESET))
        return -EIO;
    return n < 0 ? -errno : n;
}

bool process_is_usable(const struct process *process)
{
    return process->fd >= 0 && process->pid > 0;
}

void process_kill(struct process *process)
{
    if (process->fd < 0)
        return;
    /* Before it sees the end of its input, so that it does not begin to leave in an orderly way. */
    if (process->pid > 0)
        (void)kill(process->pid, SIGKILL);
    process->readable_source = sd_event_source_disable_unref(process->readable_source);
    close(TAKE_FD(process->fd));
}

static void reap(const struct process *process)
{
    int pidfd = process->gone_source ? sd_event_source_get_child_pidfd(process->gone_source) : -1;
    struct pollfd exited = {.fd = pidfd, .events = POLLIN};

    if (pidfd >= 0)
        (void)poll(&exited, 1, REAP_WAIT_MS);
    while (waitpid(process->pid, NULL, pidfd >= 0 ? WNOHANG : 0) < 0 && errno == EINTR)
        ;
}

struct process *process_free(struct process *process)
{
    if (!process)
        return NULL;
    process_kill(process);
    if (process->pid > 0)
        reap(process);
    sd_event_source_disable_unref(process->gone_source);
    free(process);
    return NULL;
}
