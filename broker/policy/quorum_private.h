/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What quorum_parse.c makes and quorum.c evaluates.
 *
 * An expression of `&` and `|` is kept as its alternatives: the sets of terms of which one set must
 * be filled. Whether the people at hand can fill a set is then a question of bipartite matching,
 * which has an exact answer, and the number of sets is capped when the expression is read. */

#include "policy/policy.h"
#include "policy/quorum.h"

#define QUORUM_TEXT_MAX 1024
#define QUORUM_DEPTH_MAX 16
#define QUORUM_TERMS_MAX 32     /* bits of a term set */
#define QUORUM_APPROVALS_MAX 64 /* of all terms together */
#define QUORUM_CHOICES_MAX 256  /* alternatives of all stages, multiplied */
#define QUORUM_STAGES_MAX 16

typedef uint32_t term_set;

enum term_kind { TERM_ANYBODY, TERM_GROUP, TERM_USER, TERM_MANAGER };

struct quorum_term {
    enum term_kind kind;
    char *name;      /* of the group or user; NULL for the others */
    char *text;      /* "security:1", "" for TERM_ANYBODY */
    unsigned needed; /* approvals */
};

struct quorum_stage {
    term_set *choices; /* one of them must be filled */
    size_t n_choices;
};

struct quorum {
    struct quorum_term terms[QUORUM_TERMS_MAX];
    size_t n_terms;
    struct quorum_stage stages[QUORUM_STAGES_MAX];
    size_t n_stages;
};

/* The terms that this person could fill. Whose groups are not known fills no term of a group. */
term_set quorum_terms_of(const struct quorum *quorum, const struct approvers *approvers,
                         const struct identity *person);

/* Do approvals that could fill these terms reach it, in this order? */
bool quorum_is_filled(const struct quorum *quorum, const term_set *could, size_t count);
