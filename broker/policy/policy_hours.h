/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* `hours`: when a policy lets people in. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "Mon..Fri 07:00-19:00 Europe/Berlin": minutes since midnight, [from, to). to may be 1440; where
 * to < from the hours run over midnight and belong to the day they began on. */
struct policy_hours {
    unsigned days; /* bit 0: Monday … bit 6: Sunday */
    unsigned from, to;
    char *zone; /* NULL: the machine's own */
};

/* Reads "[DAYS] HH:MM-HH:MM [ZONE]"; the zone must be one that the machine has (this looks at
 * /usr/share/zoneinfo). Returns 0, -ENOMEM, or -EINVAL with what is wrong in *ret_problem (a
 * constant string). */
int policy_hours_parse(const char *text, struct policy_hours *ret_hours, const char **ret_problem);
void policy_hours_clear(struct policy_hours *hours);

/* Is the Unix time within these hours, by the clocks on the walls of their zone? False where that
 * cannot be told. Swaps TZ for the moment: only for processes of one thread. */
bool policy_hours_include(const struct policy_hours *hours, uint64_t wall);
