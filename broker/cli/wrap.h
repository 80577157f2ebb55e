/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Lines for a terminal, broken before the terminal does it: what somebody wrote goes on below where
 * it began, never at the left edge, where it could pass for a line of ours. */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct wrap {
    size_t width;  /* of the terminal; 0: lines are as long as they are */
    size_t indent; /* of what goes on in another line */
    bool mark;     /* with "| " before it */
    size_t column; /* where the next character comes to stand */
};

/* Writes text without control characters. Breaks at blanks where that helps. A character beyond
 * ASCII counts as two columns: terminals do not agree about them, and too early does no harm. */
void wrap_put(struct wrap *wrap, FILE *stream, const char *text);
