/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Whose manager is who: the lines of the sections [managers] of all files together. */

#include "policy/policy.h"

/* `alice = carol`: the manager of alice is carol. */
struct policy_manager {
    char *person, *manager;
    char *file; /* where it stands, for messages */
    unsigned line;
};

/* Adds one; everything is copied. Returns 0, -ENOMEM, or -EEXIST with what says who manages this
 * person already (borrowed) in *ret_other. */
int policy_managers_add(struct policy_set *set, const char *person, const char *manager,
                        const char *file, unsigned line, const struct policy_manager **ret_other);

/* Frees them all; the set's own. */
void policy_managers_clear(struct policy_set *set);

/* The name of this person's manager, borrowed; NULL: none is named. */
const char *policy_manager_of(const struct policy_set *set, const char *person);

/* Is it anybody's manager? */
bool policy_manages_somebody(const struct policy_set *set, const char *name);

/* Calls `each` with every one, by the names of the persons. */
void policy_managers_each(const struct policy_set *set,
                          void (*each)(const struct policy_manager *manager, void *userdata),
                          void *userdata);
