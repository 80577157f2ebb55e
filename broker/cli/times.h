/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How long things took, in memory that does not grow with how many there were. */

#include <stdint.h>

/* Sixteen steps for each power of two, up to 2^32 s. */
#define TIMES_STEPS 464

struct times {
    uint64_t count, longest;
    uint64_t steps[TIMES_STEPS];
};

void times_add(struct times *times, uint64_t seconds);

/* Half took no longer than this: exact below 32 s, above it no more than 6 % too low. 0 where there
 * is none. */
uint64_t times_median(const struct times *times);
