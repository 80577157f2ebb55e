/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a stack can come to without the gate's consent. Follows libpam's _pam_dispatch_aux() with
 * every result that each module may have. */

#include <stdint.h>

#include "doctor/pam_stack.h"

#define PAM_WALK_BIT(code) (UINT32_C(1) << (code))

/* All codes but PAM_INCOMPLETE, which is not the end of a call. */
#define PAM_WALK_ANY (PAM_WALK_BIT(31) - 1)

/* Which codes the handler may return: PAM_WALK_BIT()s. For the gate this is what it returns when it
 * refuses; that it may also agree is understood. */
typedef uint32_t (*pam_walk_codes)(const struct pam_handler *handler, void *userdata);
typedef bool (*pam_walk_is_gate)(const struct pam_handler *handler, void *userdata);

#define PAM_WALK_NOT_RUN (-1)

struct pam_walk {
    /* Set by the caller. */
    const struct pam_handlers *handlers;
    pam_walk_codes codes;
    pam_walk_is_gate is_gate;
    void *userdata;
    uint32_t wanted; /* which results matter: those that let in */

    /* Which of the wanted results can be had without the gate having agreed. */
    uint32_t reached;
    /* How the first of them comes about: what each handler returned, or PAM_WALK_NOT_RUN. As many
     * as there are handlers; NULL where nothing is reached. */
    int8_t *witness;
};

/* Returns 0, -ENOMEM, or -E2BIG for a stack with too many ways through it. */
int pam_walk_run(struct pam_walk *walk);
void pam_walk_clear(struct pam_walk *walk);

/* The first line on the way of the witness by which the gate was passed: which jumped over it or
 * ended the stack before it, or the gate itself where its refusal was not heeded. NULL where there
 * is no gate. */
const struct pam_handler *pam_walk_culprit(const struct pam_walk *walk);
