/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A scope unit of systemd's for one login of sudo or su, which get no session of logind's. With it
 * everything that is started in the login can be found and ended, and nothing else. */

#include <stdbool.h>
#include <stdint.h>

#include "cgroup.h"
#include "peer.h"

struct scope {
    uint64_t checkout;  /* its number */
    uint32_t uid;       /* of the caller, in whose slice it lives */
    uint64_t latest;    /* Unix seconds at which systemd itself ends it; 0: never */
    const char *person; /* valid UTF-8, as is: */
    const char *account;
};

/* Moves this process into a scope of its own, and returns once it is there: with its cgroup, or a
 * negative errno and *problem filled in. A process that is in one already stays. Nothing is left
 * open. After an error the process may still be moved later, by a systemd that is slow. */
int scope_enter(const struct scope *scope, const struct patience *patience,
                struct cgroup *ret_cgroup, struct problem *problem);
