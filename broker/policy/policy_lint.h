/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What is allowed, but can hardly be meant. Sees what can be seen without the name service; whether
 * the names exist and the groups have members is the caller's to find out. Pure. */

#include "policy/policy.h"

/* Told of one finding: a sentence about the policy, without file and line; borrowed. */
typedef void (*policy_finding)(const struct policy *policy, const char *sentence, void *userdata);

/* Reports, policy by policy:
 * - one that never decides, because those before it take all that it names;
 * - an account of it that those before it take;
 * - an approver who is root, since approvals by uid 0 are refused;
 * - a quorum that its approvers cannot reach, and a requester for whom they cannot reach it because
 *   nobody approves the own request (both only where all approvers are single users);
 * - a requester named by itself without a manager where `manager` is an approver;
 * - `person = key` where no door is ssh.
 * Returns the number of findings, or -ENOMEM. */
int policy_lint(const struct policy_set *set, policy_finding report, void *userdata);
