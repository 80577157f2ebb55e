/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "cli/times.h"

static uint64_t median_of(const uint64_t *seconds, size_t count)
{
    struct times times = {0};

    for (size_t i = 0; i < count; i++)
        times_add(&times, seconds[i]);
    return times_median(&times);
}

static void test_small_ones_are_exact(void **state)
{
    static const uint64_t odd[] = {3, 1, 2}, even[] = {7, 1, 9, 3}, zeros[] = {0, 0, 5};
    struct times none = {0};

    assert_int_equal(times_median(&none), 0);
    assert_int_equal(median_of(odd, 3), 2);
    assert_int_equal(median_of(even, 4), 3);
    assert_int_equal(median_of(zeros, 3), 0);
    for (uint64_t seconds = 0; seconds < 32; seconds++)
        assert_int_equal(median_of(&seconds, 1), seconds);
}

static void test_large_ones_are_near(void **state)
{
    for (uint64_t seconds = 32; seconds < UINT32_MAX; seconds += seconds / 37 + 1) {
        uint64_t median = median_of(&seconds, 1);

        assert_true(median <= seconds);
        assert_true((seconds - median) * 100 <= seconds * 6);
    }
}

static void test_longest(void **state)
{
    struct times times = {0};

    times_add(&times, 5);
    times_add(&times, UINT64_MAX);
    times_add(&times, 7);
    assert_true(times.longest == UINT64_MAX);
    assert_int_equal(times.count, 3);
    assert_int_equal(times_median(&times), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_ones_are_exact),
        cmocka_unit_test(test_large_ones_are_near),
        cmocka_unit_test(test_longest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
