/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Who could approve under a policy, as the name service says now. */

#include "policy/policy.h"

struct candidates {
    struct identity *people; /* each with those of the approvers' groups that they are in */
    size_t count;
};

void candidates_clear(struct candidates *candidates);

/* Everybody but root among these principals. Users that do not exist and ranges of uids add nobody;
 * `manager` adds somebody of that name, whoever it may be. Returns 0 or -ENOMEM; *ret_candidates
 * only on success. */
int candidates_find(const struct principals *principals, struct candidates *ret_candidates);
