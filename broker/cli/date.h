/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Points in time as people write and read them, in the local time zone. */

#include <stddef.h>
#include <stdint.h>

#define DATE_TEXT_MAX 64

/* Where "09:00" without a day belongs. */
enum date_side {
    DATE_NEXT, /* the next time it is that late */
    DATE_LAST, /* the last time it was */
};

/* "2026-11-23 09:00[:30]" (or with a T), "09:00[:30]", "+2h", "-2h", "now", "@1795424400". Returns
 * 0, -EINVAL if it is none of these or no such time exists (a leap of the clock), -ERANGE if it
 * lies before 1970 or too far away. */
int date_parse(const char *text, uint64_t now, enum date_side side, uint64_t *ret_time);

/* What date_parse takes, for people. */
#define DATE_FORMS "\"2026-11-23 09:00\", \"09:00\" or \"+2h\""

/* "2026-11-22 17:07:12 UTC". Never fails; returns buffer. */
char *date_format(uint64_t time, char buffer[static DATE_TEXT_MAX]);

/* "17:07" if that is today, "2026-11-21 17:07" otherwise. Never fails; returns buffer. */
char *date_format_short(uint64_t time, uint64_t now, char buffer[static DATE_TEXT_MAX]);

/* "in 27min", "5s ago", "now": two units at most. Never fails; returns buffer. */
char *date_format_distance(uint64_t time, uint64_t now, char buffer[static DATE_TEXT_MAX]);

/* "27min 13s", "2d 3h": two units at most, rounded down. Never fails; returns buffer. */
char *date_format_span(uint64_t seconds, char buffer[static DATE_TEXT_MAX]);
