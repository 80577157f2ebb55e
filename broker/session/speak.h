/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A line on the terminals of one session: on the one that it was opened on, and on those that its
 * processes have. */

#include "core/checkout.h"

/* The line is safe to show. root: of the cgroups; devices: "/dev". A courtesy: what cannot be told
 * is not. Returns how many terminals took it. */
size_t speak(const struct session *session, const char *root, const char *devices,
             const char *line);

/* The processes in a cgroup, at most max; returns how many. */
size_t cgroup_processes(const char *root, const char *cgroup, uint32_t *ret_pids, size_t max);
