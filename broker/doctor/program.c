/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "doctor/program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"

#define OUTPUT_MAX ((size_t)4 * 1024 * 1024)
#define TIME_MAX 20000

const char *program_find(const char *name, char *buffer)
{
    static const char *const folders[] = {"/usr/bin", "/usr/sbin", "/bin", "/sbin"};

    for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
        int length = snprintf(buffer, PATH_MAX, "%s/%s", folders[i], name);

        if (length > 0 && length < PATH_MAX && access(buffer, X_OK) == 0)
            return buffer;
    }
    return NULL;
}

struct stream {
    int fd;
    char *text;
    size_t length;
};

static void stream_clear(struct stream *stream)
{
    if (stream->fd >= 0)
        close(stream->fd);
    free(stream->text);
}

/* A file with the input, at its beginning. */
static int input_file(const char *input)
{
    CLEANUP_CLOSE int fd = -1;
    size_t length = strlen(input);

    fd = memfd_create("input", MFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    for (size_t done = 0; done < length;) {
        ssize_t n = write(fd, input + done, length - done);

        if (n < 0 && errno != EINTR)
            return -errno;
        done += n > 0 ? (size_t)n : 0;
    }
    if (lseek(fd, 0, SEEK_SET) < 0)
        return -errno;
    return TAKE_FD(fd);
}

/* Returns 1 when there is more to come, 0 at the end. */
static int stream_read(struct stream *stream)
{
    char *grown = realloc(stream->text, stream->length + 65536 + 1);
    ssize_t n;

    if (!grown)
        return -ENOMEM;
    stream->text = grown;
    n = read(stream->fd, stream->text + stream->length, 65536);
    if (n < 0)
        return errno == EINTR || errno == EAGAIN ? 1 : -errno;
    stream->length += (size_t)n;
    stream->text[stream->length] = '\0';
    if (stream->length > OUTPUT_MAX)
        return -EFBIG;
    return n > 0;
}

static int milliseconds_left(const struct timespec *since)
{
    struct timespec now;
    long long gone;

    clock_gettime(CLOCK_MONOTONIC, &now);
    gone = (now.tv_sec - since->tv_sec) * 1000LL + (now.tv_nsec - since->tv_nsec) / 1000000;
    return gone >= TIME_MAX ? 0 : (int)(TIME_MAX - gone);
}

static int collect(struct stream streams[2])
{
    struct timespec since;

    clock_gettime(CLOCK_MONOTONIC, &since);
    while (streams[0].fd >= 0 || streams[1].fd >= 0) {
        struct pollfd polled[2] = {{streams[0].fd, POLLIN, 0}, {streams[1].fd, POLLIN, 0}};
        int n = poll(polled, 2, milliseconds_left(&since));

        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            return -ETIMEDOUT;
        for (int i = 0; i < 2 && n > 0; i++) {
            int r = polled[i].revents ? stream_read(&streams[i]) : 1;

            if (r < 0)
                return r;
            if (r == 0) {
                close(streams[i].fd);
                streams[i].fd = -1;
            }
        }
    }
    return 0;
}

static int start(const char *const *argv, const int fds[3], pid_t *ret_pid)
{
    static const char *const environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C",
                                              "SYSTEMD_PAGER=", "SYSTEMD_COLORS=0", NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    int r;

    sigemptyset(&none);
    sigfillset(&all);
    r = posix_spawn_file_actions_init(&actions);
    if (r != 0)
        return -r;
    r = posix_spawnattr_init(&attributes);
    if (r != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return -r;
    }
    for (int i = 0; i < 3 && r == 0; i++)
        r = posix_spawn_file_actions_adddup2(&actions, fds[i], i);
    if (r == 0)
        r = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    if (r == 0)
        r = posix_spawnattr_setsigmask(&attributes, &none);
    if (r == 0)
        r = posix_spawnattr_setsigdefault(&attributes, &all);
    if (r == 0)
        r = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (r == 0)
        r = posix_spawn(ret_pid, argv[0], &actions, &attributes, (char *const *)argv,
                        (char *const *)environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return -r;
}

int program_run(const char *const *argv, const char *input, char **ret_output, char **ret_errors,
                int *ret_status)
{
    CLEANUP(stream_clear) struct stream output = {.fd = -1}, errors = {.fd = -1};
    CLEANUP_CLOSE int in = -1, out_end = -1, error_end = -1;
    struct stream streams[2];
    int pipe_fds[2], status = 0, r;
    pid_t pid = -1;

    in = input ? input_file(input) : open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (in < 0)
        return input ? in : -errno;
    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        return -errno;
    streams[0] = (struct stream){.fd = pipe_fds[0]};
    out_end = pipe_fds[1];
    if (pipe2(pipe_fds, O_CLOEXEC) < 0) {
        close(streams[0].fd);
        return -errno;
    }
    streams[1] = (struct stream){.fd = pipe_fds[0]};
    error_end = pipe_fds[1];

    r = start(argv, (const int[]){in, out_end, error_end}, &pid);
    close(TAKE_FD(out_end));
    close(TAKE_FD(error_end));
    if (r == 0)
        r = collect(streams);
    output = streams[0];
    errors = streams[1];
    if (pid > 0) {
        if (r < 0)
            kill(pid, SIGKILL);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
    }
    if (r < 0)
        return r;
    if (ret_output)
        *ret_output = TAKE_PTR(output.text);
    if (ret_errors)
        *ret_errors = TAKE_PTR(errors.text);
    *ret_status = status;
    return 0;
}
