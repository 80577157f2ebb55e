/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the kernel says of a process (proc(5)). All return 0 or a negative errno: -ESRCH or -ENOENT
 * where there is no such process. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "caps.h"

/* A name of our own for a path: "0::" of /proc/PID/cgroup. -ENODATA where it is in no cgroup of
 * version 2. */
int proc_cgroup(uint32_t pid, char ret_cgroup[static LIMIT_CGROUP + 1]);

#define PROC_COMMAND_MAX 17

struct proc_stat {
    char command[PROC_COMMAND_MAX]; /* as the process calls itself: anything */
    bool is_dead;                   /* and nobody has taken notice yet */
    uint64_t start_time;            /* ticks since the machine's start: no two processes of one
                                     * number have the same */
    uint32_t terminal;              /* device number; 0: none */
};
int proc_stat_read(uint32_t pid, struct proc_stat *ret_stat);

/* Number of the login that it belongs to; UINT32_MAX: none. */
int proc_audit_session(uint32_t pid, uint32_t *ret_session);

/* Whose it is. */
int proc_uid(uint32_t pid, uid_t *ret_uid);

/* The file whole, with a NUL behind it; what does not fit is -E2BIG. */
int proc_read_file(const char *path, char *buffer, size_t size);
int proc_read_fd(int fd, char *buffer, size_t size);
