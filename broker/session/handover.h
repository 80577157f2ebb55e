/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Is what a door hands over for the end of a session what it says it is? Ending the wrong cgroup
 * ends the host: what does not fit in every respect is refused. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

#define CGROUP_ROOT "/sys/fs/cgroup"

struct handover {
    const char *unit, *cgroup;
    uint32_t pid;
    int kill; /* opened cgroup.kill of the cgroup; -1: none */
};

/* The process is in the cgroup, which is the unit's, and the handle is that of this cgroup and
 * nothing else. root: CGROUP_ROOT. Returns 0 with the cgroup's inode, or ERROR_INVALID_ARGUMENT
 * with a sentence. */
int handover_check(const struct handover *handover, const char *root, uint64_t *ret_inode,
                   struct error *error);

/* What tells a cgroup from a later one of the same name. Returns 0 or a negative errno: -ENOENT
 * where there is none. */
int handover_inode(const char *root, const char *cgroup, uint64_t *ret_inode);
