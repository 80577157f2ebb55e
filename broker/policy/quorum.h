/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How many approvals, of whom, in which order: `2`, `security:1 & ops:2 | managers:1`, and stages
 * joined by `then`. `&` binds tighter than `|`. One person fills one term. The term `manager` is
 * the requester's manager's, so it takes a requester to evaluate any of it. Pure. */

#include <stdbool.h>
#include <stddef.h>

#include "cleanup.h"
#include "core/checkout.h"
#include "core/identity.h"

struct quorum;
struct approvers;
struct principals;

/* Parses. A GROUP must be a group or a user among the approvers. Returns 0, -ENOMEM, or -EINVAL
 * with a sentence in *ret_problem (the caller frees) that quotes the offending part. */
int quorum_parse(const char *text, const struct principals *approvers, struct quorum **ret_quorum,
                 char **ret_problem);
struct quorum *quorum_free(struct quorum *quorum);
DEFINE_CLEANUP(struct quorum *, quorum, quorum_free);
#define CLEANUP_QUORUM CLEANUP(cleanup_quorum)

/* One approval that counts: by whom, in the order of time. Identities carry today's groups: who has
 * left the group since fills no term of it. The caller has left out requester, uid 0 and doubles.
 */
struct approval {
    const struct identity *approver;
    uint64_t time;
};

struct quorum_progress {
    bool reached;
    size_t stage, n_stages;  /* the stage that is asked now, from 0 */
    size_t approvals_needed; /* fewest further approvals that could reach the whole quorum */
};

/* Where the approvals have got to. Those of a later stage given too early do not count for it.
 * Never fails; with nothing to go by nothing is reached. */
struct quorum_progress quorum_evaluate(const struct quorum *quorum,
                                       const struct approvers *approvers,
                                       const struct approval *approvals, size_t n_approvals);

/* The term of the current stage that this approver would fill given the earlier approvals
 * ("security:1"), or "" for a plain count; NULL if none: then the approval helps nothing.
 * Borrowed from the quorum. */
const char *quorum_term_for(const struct quorum *quorum, const struct approvers *approvers,
                            const struct approval *approvals, size_t n_approvals,
                            const struct identity *approver);

/* Could these people together reach it, one term each? For "nobody can decide this". */
bool quorum_reachable(const struct quorum *quorum, const struct approvers *approvers,
                      const struct identity *people, size_t n_people);

/* Is there no way to reach it without the requester's manager? */
bool quorum_needs_manager(const struct quorum *quorum);

/* Who could fill which of the quorum's terms, in the order of time, for those who come later and
 * know no groups of today: "1002:1 1003:1,2" says that the approver with uid 1002 could fill the
 * first term of the quorum's text, and 1003 the first and the second. The caller frees. */
char *quorum_evidence(const struct quorum *quorum, const struct approvers *approvers,
                      const struct approval *approvals, size_t n_approvals);

/* Does that evidence reach the quorum? The uids of its approvers are handed over, of which there
 * are QUORUM_WITNESSES_MAX at most. 1 yes, 0 no, -EINVAL if it is none. */
#define QUORUM_WITNESSES_MAX 128
int quorum_check_evidence(const struct quorum *quorum, const char *evidence,
                          uid_t ret_uids[static QUORUM_WITNESSES_MAX], size_t *ret_count);

/* "2 approvals of bob or anyone in %security" and the like; the caller frees. */
char *quorum_sentence(const struct quorum *quorum, const struct approvers *approvers);
