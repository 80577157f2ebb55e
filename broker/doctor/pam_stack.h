/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The stack of modules that libpam makes of a service's files: @include, include and substack
 * followed, /usr/lib/pam.d behind /etc/pam.d, pam.conf where there is neither, `other` for a phase
 * that has no line. */

#include <stdbool.h>
#include <stddef.h>

#include "caps.h"
#include "cleanup.h"
#include "doctor/pam_text.h"
#include "doctor/tree.h"

enum pam_phase {
    PAM_PHASE_AUTH,
    PAM_PHASE_ACCOUNT,
    PAM_PHASE_SESSION,
    PAM_PHASE_PASSWORD,
    PAM_PHASES
};

/* "account" */
const char *pam_phase_name(enum pam_phase phase);

enum pam_handler_kind {
    PAM_MODULE,
    PAM_MUST_FAIL, /* a line that libpam cannot use: it fails when it is its turn */
    PAM_SUBSTACK,  /* the lines of it come next, one level deeper */
};

struct pam_handler {
    enum pam_handler_kind kind;
    int level;                   /* of substacks */
    int actions[PAM_TEXT_CODES]; /* enum pam_action, or a jump */
    bool uncertain;              /* Debian's libpam does with its failure what chance says */
    char *control;               /* as written, without brackets */
    char *module;                /* as written; NULL for MUST_FAIL */
    char **arguments;
    size_t n_arguments;
    char *file; /* where it stands */
    unsigned line;
};

struct pam_handlers {
    struct pam_handler *items;
    size_t count;
};

/* Something that libpam takes for an error, or where its releases differ. */
struct pam_remark {
    bool is_error; /* else: not certain */
    char *file;
    unsigned line;
    char text[LIMIT_SENTENCE];
};

struct pam_stack {
    char *service;
    bool found;  /* it has a file of its own, or lines in pam.conf; false: all is `other`'s */
    bool broken; /* libpam refuses to start: nobody gets in */
    struct pam_handlers own[PAM_PHASES], other[PAM_PHASES];
    struct pam_remark *remarks;
    size_t n_remarks;
};

/* The service is a name or the absolute path of its file. Returns 0, -ENOMEM, or -EACCES where a
 * file could not be read that libpam, as root, would read: *ret_unreadable (which may be NULL) then
 * names it; the caller frees. *ret_stack only on success.
 */
int pam_stack_load(const struct tree *tree, const char *service, struct pam_stack **ret_stack,
                   char **ret_unreadable);
/* Accepts NULL, returns NULL. */
struct pam_stack *pam_stack_free(struct pam_stack *stack);
DEFINE_CLEANUP(struct pam_stack *, pam_stack, pam_stack_free);
#define CLEANUP_PAM_STACK CLEANUP(cleanup_pam_stack)

/* What runs in this phase. */
const struct pam_handlers *pam_stack_phase(const struct pam_stack *stack, enum pam_phase phase);

/* Does the line load this module ("pam_checkout.so"), by name or by path? */
bool pam_handler_is(const struct pam_handler *handler, const char *module);

/* The file of a service below /etc/pam.d or /usr/lib/pam.d; the caller frees. Returns 0, -ENOENT or
 * -ENOMEM. */
int pam_stack_file(const struct tree *tree, const char *service, char **ret_path);
