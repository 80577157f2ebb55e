/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What is left of sessions that have been ended: processes that have left their cgroup and still
 * have the login's number. What systemd, at or another login has started for them cannot be seen
 * so. Only to be told of, never to be killed: it is not certain enough for that. */

#include "core/checkout.h"

struct processes; /* all there are, read once */

int processes_read(struct processes **ret_processes); /* 0 or a negative errno */
struct processes *processes_free(struct processes *processes);

/* The cgroups of sessions that live: their processes belong to them. */
struct living {
    const char **cgroups;
    size_t count;
};

/* "2 processes are still there: 4711 (sleep) in run-r1.scope, …", escaped; NULL where there is
 * none, or no memory. The caller frees. */
char *survivors_of(const struct processes *processes, const struct session *session,
                   uid_t account_uid, const struct living *living);
