/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "policy/quorum.h"

#include <stdio.h>
#include <stdlib.h>

#include "policy/quorum_private.h"

static void write_term(FILE *out, const struct quorum_term *term, const struct approvers *approvers,
                       const char *anybody)
{
    if (term->kind == TERM_MANAGER) {
        fputs("the approval of ", out);
        approvers_write_manager(out, approvers);
        return;
    }
    if (term->kind == TERM_USER) {
        fprintf(out, "the approval of %s", term->name);
        return;
    }
    fprintf(out, "%u %s of ", term->needed, term->needed == 1 ? "approval" : "approvals");
    if (term->kind == TERM_GROUP)
        fprintf(out, "anyone in %%%s", term->name);
    else
        fputs(anybody, out);
}

static void write_choice(FILE *out, const struct quorum *quorum, term_set choice,
                         const struct approvers *approvers, const char *anybody)
{
    const char *joint = "";

    for (size_t i = 0; i < quorum->n_terms; i++) {
        if ((choice & ((term_set)1 << i)) == 0)
            continue;
        fputs(joint, out);
        write_term(out, &quorum->terms[i], approvers, anybody);
        joint = " and ";
    }
}

char *quorum_sentence(const struct quorum *quorum, const struct approvers *approvers)
{
    CLEANUP_FREE char *anybody = NULL;
    CLEANUP_FREE char *text = NULL;
    size_t size = 0;
    FILE *out;

    anybody = approvers_sentence(approvers);
    if (!anybody)
        return NULL;
    out = open_memstream(&text, &size);
    if (!out)
        return NULL;

    for (size_t i = 0; i < quorum->n_stages; i++) {
        const struct quorum_stage *stage = &quorum->stages[i];

        if (quorum->n_stages > 1)
            fputs(i == 0 ? "first " : "; then ", out);
        for (size_t k = 0; k < stage->n_choices; k++) {
            if (k > 0)
                fputs(", or ", out);
            write_choice(out, quorum, stage->choices[k], approvers, anybody);
        }
    }

    if (fclose(out) != 0)
        return NULL;
    return TAKE_PTR(text);
}
