/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "cli/date.h"

#define UNTOUCHED 4711
/* 2026-11-23 09:00:00 UTC, a Monday */
#define NOW 1795424400

static void zone(const char *name)
{
    assert_int_equal(setenv("TZ", name, 1), 0);
    tzset();
}

static void good(const char *text, uint64_t now, enum date_side side, uint64_t expected)
{
    uint64_t time = UNTOUCHED;

    assert_int_equal(date_parse(text, now, side, &time), 0);
    assert_int_equal(time, expected);
}

static void bad(const char *text, int expected)
{
    uint64_t time = UNTOUCHED;

    assert_int_equal(date_parse(text, NOW, DATE_NEXT, &time), expected);
    assert_int_equal(time, UNTOUCHED);
}

static void test_dates(void **state)
{
    zone("UTC");
    good("2026-11-23 09:00", 0, DATE_NEXT, NOW);
    good("2026-11-23T09:00:30", 0, DATE_LAST, NOW + 30);
    good("1970-01-01 00:00", NOW, DATE_NEXT, 0);
    good("2028-02-29 23:59:59", NOW, DATE_NEXT, 1835481599);
    good("9999-12-31 23:59:59", NOW, DATE_NEXT, 253402300799);
    good("@0", NOW, DATE_NEXT, 0);
    good("@253402300799", NOW, DATE_NEXT, 253402300799);
    bad("2027-02-29 09:00", -EINVAL);
    bad("2026-11-31 09:00", -EINVAL);
    bad("2026-11-23 24:00", -EINVAL);
    bad("2026-11-23 09:00:60", -EINVAL);
    bad("2026-11-23 09:00 ", -EINVAL);
    bad("1969-12-31 23:59", -ERANGE);
    bad("@253402300800", -ERANGE);
    bad("@18446744073709551616", -ERANGE);
    bad("@", -EINVAL);
    bad("@ 1", -EINVAL);
    bad("@-1", -EINVAL);
    bad("", -EINVAL);
    bad("1:", -EINVAL);
}

static void test_distances(void **state)
{
    good("now", NOW, DATE_NEXT, NOW);
    good("+2h", NOW, DATE_LAST, NOW + 7200);
    good("-1h 30min", NOW, DATE_NEXT, NOW - 5400);
    good("-1s", 1, DATE_NEXT, 0);
    bad("+0s", -ERANGE);
    bad("+367d", -ERANGE);
    bad("+", -EINVAL);
    bad("+-1h", -EINVAL);
}

static void test_before_1970(void **state)
{
    uint64_t time = UNTOUCHED;

    assert_int_equal(date_parse("-2s", 1, DATE_NEXT, &time), -ERANGE);
    assert_int_equal(time, UNTOUCHED);
}

static void test_clock_times(void **state)
{
    zone("UTC");
    good("09:00", NOW, DATE_NEXT, NOW + 86400);
    good("09:00", NOW, DATE_LAST, NOW);
    good("09:01", NOW, DATE_NEXT, NOW + 60);
    good("09:01", NOW, DATE_LAST, NOW + 60 - 86400);
    good("08:59:59", NOW, DATE_NEXT, NOW + 86399);
    good("00:00", NOW, DATE_NEXT, NOW + 15 * 3600);
    bad("24:00", -EINVAL);
    bad("9:00", -EINVAL);
    bad("09:0", -EINVAL);
    bad("09:00:0", -EINVAL);
}

/* Berlin goes from 02:00 to 03:00 on 2027-03-28 and from 03:00 back to 02:00 on 2026-10-25. */
static void test_changes_of_the_clock(void **state)
{
    zone("Europe/Berlin");
    bad("2027-03-28 02:30", -EINVAL);
    good("2027-03-28 03:00", NOW, DATE_NEXT, 1806195600);
    /* The evening before, to the next morning: 23 hours of a day are no day. */
    good("09:00", 1806195600 - 6 * 3600, DATE_NEXT, 1806195600 + 6 * 3600);
    good("09:00", 1806195600 + 12 * 3600, DATE_LAST, 1806195600 + 6 * 3600);
    /* 2026-10-24 12:00 to 2026-10-25 11:00 are 24 hours. */
    good("11:00", 1792836000, DATE_NEXT, 1792836000 + 24 * 3600);
    /* 02:30 comes on the day after the one that lacks it. */
    uint64_t time = UNTOUCHED;
    assert_int_equal(date_parse("02:30", 1806195600 - 6 * 3600, DATE_NEXT, &time), -EINVAL);
    assert_int_equal(time, UNTOUCHED);
    zone("UTC");
}

static void formatted(char *(*format)(uint64_t, char *), uint64_t value, const char *expected)
{
    char buffer[DATE_TEXT_MAX];

    assert_string_equal(format(value, buffer), expected);
}

static char *format(uint64_t time, char *buffer)
{
    return date_format(time, buffer);
}

static char *format_short(uint64_t time, char *buffer)
{
    return date_format_short(time, NOW, buffer);
}

static char *format_distance(uint64_t time, char *buffer)
{
    return date_format_distance(time, NOW, buffer);
}

static char *format_span(uint64_t seconds, char *buffer)
{
    return date_format_span(seconds, buffer);
}

static void test_formats(void **state)
{
    zone("UTC");
    formatted(format, NOW, "2026-11-23 09:00:00 UTC");
    formatted(format, UINT64_MAX, "@18446744073709551615");
    formatted(format_short, NOW + 60, "09:01");
    formatted(format_short, NOW + 86400, "2026-11-24 09:00");
    formatted(format_short, UINT64_MAX, "@18446744073709551615");
    formatted(format_distance, NOW, "now");
    formatted(format_distance, NOW + 1, "in 1s");
    formatted(format_distance, NOW - 3660, "1h 1min ago");
    formatted(format_distance, UINT64_MAX, "in 213503982313820d 22h");
    formatted(format_span, 0, "0s");
    formatted(format_span, 59, "59s");
    formatted(format_span, 60, "1min");
    formatted(format_span, 3599, "59min 59s");
    formatted(format_span, 3601, "1h");
    formatted(format_span, 90061, "1d 1h");
    formatted(format_span, UINT64_MAX, "213503982334601d 7h");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dates),       cmocka_unit_test(test_distances),
        cmocka_unit_test(test_before_1970), cmocka_unit_test(test_clock_times),
        cmocka_unit_test(test_formats),     cmocka_unit_test(test_changes_of_the_clock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
