/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Policies against what the name service knows. */

#include "policy/policy.h"

/* Told of one finding; policy NULL: about what stands elsewhere; where: how a line for people
 * begins, before the policy's name. Borrowed. */
typedef void (*policy_check_finding)(const char *policy, const char *where, const char *file,
                                     unsigned line, const char *sentence, void *userdata);

/* Fills in the uids of the accounts, too. Returns 0 or -ENOMEM. */
int policy_check(struct policy_set *set, policy_check_finding report, void *userdata);
