/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/times.h"

#include <stddef.h>

/* Below 16 each second is a step; from there on the four bits behind the highest one choose it. */
static size_t step_of(uint64_t seconds)
{
    unsigned power;

    if (seconds < 16)
        return (size_t)seconds;
    if (seconds > UINT32_MAX)
        seconds = UINT32_MAX;
    power = 63 - (unsigned)__builtin_clzll(seconds);
    return (size_t)(power - 3) * 16 + ((seconds >> (power - 4)) & 15);
}

/* The least that falls into the step. */
static uint64_t least_of(size_t step)
{
    unsigned power;

    if (step < 16)
        return step;
    power = (unsigned)(step / 16) + 3;
    return (UINT64_C(16) + step % 16) << (power - 4);
}

void times_add(struct times *times, uint64_t seconds)
{
    times->count++;
    times->steps[step_of(seconds)]++;
    if (seconds > times->longest)
        times->longest = seconds;
}

uint64_t times_median(const struct times *times)
{
    uint64_t wanted = (times->count + 1) / 2, passed = 0;

    for (size_t step = 0; step < TIMES_STEPS; step++) {
        passed += times->steps[step];
        if (passed >= wanted && wanted > 0)
            return least_of(step);
    }
    return 0;
}
