/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* "1h 30min" <-> seconds. Units s, min (or m), h, d, w; blanks between and around are allowed; each
 * unit at most once, from large to small is not required. No sign, no fraction, no bare number. */

#include <stddef.h>
#include <stdint.h>

/* Room for every formatted duration and its NUL. */
#define DURATION_TEXT_MAX 48

/* Returns 0 and the seconds (1 to LIMIT_DURATION_SECONDS), -EINVAL if it is not a duration, -ERANGE
 * if it is zero or too long. */
int duration_parse(const char *text, uint64_t *ret_seconds);

/* "1h 30min", "0s". Never fails; writes at most DURATION_TEXT_MAX bytes and returns buffer. */
char *duration_format(uint64_t seconds, char buffer[static DURATION_TEXT_MAX]);
