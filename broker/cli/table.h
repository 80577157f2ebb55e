/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Check-outs as a table. */

#include <jansson.h>

#include "cli/output.h"

/* Prints an array of check-outs on stdout. No id and no state is ever cut: on a narrow terminal the
 * reason takes several lines. */
void table_print(struct output *output, const json_t *checkouts);
