/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "session/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "audit_number.h"
#include "cleanup.h"

#define PATH_SIZE 40

int proc_read_file(const char *path, char *buffer, size_t size)
{
    CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    return fd < 0 ? -errno : proc_read_fd(fd, buffer, size);
}

int proc_read_fd(int fd, char *buffer, size_t size)
{
    size_t length = 0;

    for (;;) {
        ssize_t n = read(fd, buffer + length, size - length);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        length += (size_t)n;
        if (length == size)
            return -E2BIG;
    }
    buffer[length] = '\0';
    return 0;
}

int proc_cgroup(uint32_t pid, char ret_cgroup[static LIMIT_CGROUP + 1])
{
    /* A line for each hierarchy of version 1 may be there, too. */
    char path[PATH_SIZE], text[2 * LIMIT_CGROUP];
    int r;

    (void)snprintf(path, sizeof(path), "/proc/%" PRIu32 "/cgroup", pid);
    r = proc_read_file(path, text, sizeof(text));
    if (r < 0)
        return r;
    for (char *line = text; *line;) {
        size_t length = strcspn(line, "\n");
        char *next = line + length + (line[length] == '\n');

        line[length] = '\0';
        if (strncmp(line, "0::", 3) == 0) {
            if (length - 3 > LIMIT_CGROUP)
                return -E2BIG;
            memcpy(ret_cgroup, line + 3, length - 3 + 1);
            return 0;
        }
        line = next;
    }
    return -ENODATA;
}

int proc_stat_read(uint32_t pid, struct proc_stat *ret_stat)
{
    char path[PATH_SIZE], text[1024], *first, *last;
    struct proc_stat stat = {0};
    int terminal = 0;
    char state = '?';
    int r;

    (void)snprintf(path, sizeof(path), "/proc/%" PRIu32 "/stat", pid);
    r = proc_read_file(path, text, sizeof(text));
    if (r < 0)
        return r;
    /* The process chooses its name, parentheses included: the last one is not its. */
    first = strchr(text, '(');
    last = strrchr(text, ')');
    if (!first || !last || last < first)
        return -EBADMSG;
    *last = '\0';
    (void)snprintf(stat.command, sizeof(stat.command), "%s", first + 1);
    /* state ppid pgrp session tty_nr … the 22nd is the start time. */
    if (sscanf(last + 1,
               " %c %*d %*d %*d %d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d"
               " %" SCNu64,
               &state, &terminal, &stat.start_time) != 3)
        return -EBADMSG;
    stat.terminal = (uint32_t)terminal;
    stat.is_dead = state == 'Z' || state == 'X';
    *ret_stat = stat;
    return 0;
}

int proc_audit_session(uint32_t pid, uint32_t *ret_session)
{
    char path[PATH_SIZE];

    (void)snprintf(path, sizeof(path), "/proc/%" PRIu32 "/sessionid", pid);
    return audit_number_read(path, ret_session);
}

int proc_uid(uint32_t pid, uid_t *ret_uid)
{
    char path[PATH_SIZE];
    struct stat status;

    (void)snprintf(path, sizeof(path), "/proc/%" PRIu32, pid);
    if (stat(path, &status) < 0)
        return -errno;
    *ret_uid = status.st_uid;
    return 0;
}
