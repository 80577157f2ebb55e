/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What comes from the broker row by row: printed at once as JSON, or kept for a table. */

#include <jansson.h>

#include "cli/output.h"

struct listing {
    struct output *output;
    json_t *rows; /* for the table, whose widths all rows decide */
};

/* Takes a row, which stays the caller's; userdata is the listing. Returns 0, or EXIT_REFUSED with
 * output->error set when the row could not be printed or kept. */
int listing_add(json_t *row, void *userdata);
