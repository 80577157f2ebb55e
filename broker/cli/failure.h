/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Why something was not done: how the program ends, what a script reads, what a person is told. */

#include <stddef.h>

#include "caps.h"

/* How the program ends (a contract; the manual page explains them). */
enum exit_code {
    EXIT_DONE = 0,
    EXIT_REFUSED = 1,   /* refused, denied, findings; not done */
    EXIT_USAGE = 2,     /* wrong arguments */
    EXIT_WAITED = 3,    /* the wait ran out, or the request lapsed */
    EXIT_NO_BROKER = 4, /* nobody there to ask */
    EXIT_UNKNOWN = 5,   /* something was sent and its outcome is unknown */
    EXIT_UNPROVEN = 6,  /* nothing was found wrong, and not everything could be looked at */
};

#define FAILURE_NAME_MAX 64

/* Lives on the caller's stack; owns nothing. Not escaped: that is for whoever shows it. */
struct failure {
    enum exit_code exit;
    char name[FAILURE_NAME_MAX]; /* "NotFound" */
    char text[LIMIT_SENTENCE];
};

/* Fills *failure and returns the exit code, so that a function can `return failure_set(...)`. What
 * does not fit is cut at a character's border. */
int failure_set(struct failure *failure, enum exit_code exit_code, const char *name,
                const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Adds to the sentence, with "; " before it. */
void failure_add(struct failure *failure, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

int failure_no_memory(struct failure *failure);
