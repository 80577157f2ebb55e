/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Where a process lives in the unified cgroup hierarchy, and the handle that ends what lives there.
 *
 * Killing the wrong cgroup kills the machine, so a path is looked at twice before it is opened. */

#include <stdbool.h>
#include <sys/types.h>

#include "caps.h"
#include "peer.h"

struct cgroup {
    char path[LIMIT_CGROUP + 1]; /* below the root of the hierarchy; begins with a slash */
};

/* Reads the cgroup of a process; 0: of this one. Returns 0, -ENODATA where there is no unified
 * hierarchy, -EBADMSG for a path that is not fit to be used, or another negative errno. */
int cgroup_read(pid_t pid, struct cgroup *ret_cgroup);

/* The name of the unit: the path's last component, within the cgroup. */
const char *cgroup_unit(const struct cgroup *cgroup);

/* Is it the scope of a logind session, or one that this module has made? */
bool cgroup_is_session(const char *unit);
bool cgroup_is_checkout(const char *unit);

/* Does it lie in a scope of one of the two kinds, or is it one? */
bool cgroup_is_within_scope(const struct cgroup *cgroup);

/* Opens what ends every process of the scope when "1" is written to it (cgroups(7), cgroup.kill).
 * Only of a scope of the two kinds. Returns 0 or a negative errno with *problem filled in. */
int cgroup_open_kill(const struct cgroup *cgroup, int *ret_fd, struct problem *problem);
