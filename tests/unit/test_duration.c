/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>
#include <cmocka.h>

#include "duration.h"
#include "caps.h"

#define UNTOUCHED 4711

static void test_good_ones(void **state)
{
    static const struct {
        const char *text;
        uint64_t seconds;
    } cases[] = {
        {"1s", 1},
        {"1min", 60},
        {"1m", 60},
        {"1h", 3600},
        {"1d", 86400},
        {"1w", 604800},
        {"1h 30min", 5400},
        {"1h30min", 5400},
        {"1h30m", 5400},
        {" 1h\t30min ", 5400},
        {"1 h 30 min", 5400},
        {"30min 1h", 5400},
        {"1w 2d 3h 4min 5s", 788645},
        {"5s 4min 3h 2d 1w", 788645},
        {"0h 5min", 300},
        {"007s", 7},
        {"90min", 5400},
        {"366d", LIMIT_DURATION_SECONDS},
        {"52w 2d", LIMIT_DURATION_SECONDS},
        {"31622400s", LIMIT_DURATION_SECONDS},
        {"00000000000000000000000000000001s", 1},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t seconds = UNTOUCHED;
        int r = duration_parse(cases[i].text, &seconds);

        if (r != 0 || seconds != cases[i].seconds)
            fail_msg("\"%s\": %d, %llu s", cases[i].text, r, (unsigned long long)seconds);
    }
}

static void test_bad_ones(void **state)
{
    static const struct {
        const char *text;
        int error;
    } cases[] = {
        {NULL, -EINVAL},
        {"", -EINVAL},
        {" ", -EINVAL},
        {"1", -EINVAL},
        {"h", -EINVAL},
        {"1h 30", -EINVAL},
        {"30 1h", -EINVAL},
        {"1h min", -EINVAL},
        {"+1h", -EINVAL},
        {"-1h", -EINVAL},
        {"1h -30min", -EINVAL},
        {"1.5h", -EINVAL},
        {"1,5h", -EINVAL},
        {"1h, 30min", -EINVAL},
        {"0x10s", -EINVAL},
        {"1H", -EINVAL},
        {"1hour", -EINVAL},
        {"1mi", -EINVAL},
        {"1mins", -EINVAL},
        {"1minm", -EINVAL},
        {"1ms", -EINVAL},
        {"1y", -EINVAL},
        {"1h 1h", -EINVAL},
        {"1m 1min", -EINVAL},
        {"1min 1m", -EINVAL},
        {"1s\n", -EINVAL},
        {"1s\v", -EINVAL},
        {"1s;", -EINVAL},
        {"1\xc2\xa0h", -EINVAL},
        {"\xd9\xa1h", -EINVAL}, /* an Arabic-Indic digit */
        {"1h\xff", -EINVAL},
        {"infinity", -EINVAL},
        {"0s", -ERANGE},
        {"0w 0d 0h 0min 0s", -ERANGE},
        {"31622401s", -ERANGE},
        {"367d", -ERANGE},
        {"366d 1s", -ERANGE},
        {"1s 366d", -ERANGE},
        {"53w", -ERANGE},
        /* around 2^64, where a sum that wraps would come out small */
        {"18446744073709551615s", -ERANGE},
        {"18446744073709551616s", -ERANGE},
        {"18446744073709551617s", -ERANGE},
        {"307445734561825861min", -ERANGE},
        {"30500568904944w", -ERANGE},
        {"18446744073709551615s 1min", -ERANGE},
        {"99999999999999999999999999999999999999999999h", -ERANGE},
        /* not a duration at all comes before too long */
        {"99999999999999999999999999999999999999999999x", -EINVAL},
        {"400d 1d", -EINVAL},
        {"0s x", -EINVAL},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t seconds = UNTOUCHED;
        int r = duration_parse(cases[i].text, &seconds);

        if (r != cases[i].error || seconds != UNTOUCHED)
            fail_msg("\"%s\": %d, %llu s", cases[i].text ? cases[i].text : "(null)", r,
                     (unsigned long long)seconds);
    }
}

static void test_format(void **state)
{
    static const struct {
        uint64_t seconds;
        const char *text;
    } cases[] = {
        {0, "0s"},
        {1, "1s"},
        {59, "59s"},
        {60, "1min"},
        {61, "1min 1s"},
        {3599, "59min 59s"},
        {3600, "1h"},
        {3601, "1h 1s"},
        {5400, "1h 30min"},
        {86399, "23h 59min 59s"},
        {86400, "1d"},
        {604800, "7d"},
        {LIMIT_DURATION_SECONDS, "366d"},
        {UINT64_MAX, "213503982334601d 7h 15s"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char buffer[DURATION_TEXT_MAX];

        memset(buffer, 'x', sizeof(buffer));
        assert_ptr_equal(duration_format(cases[i].seconds, buffer), buffer);
        assert_string_equal(buffer, cases[i].text);
    }
}

static void test_what_was_formatted_parses_back(void **state)
{
    for (uint64_t seconds = 1; seconds <= LIMIT_DURATION_SECONDS; seconds += 977) {
        char buffer[DURATION_TEXT_MAX];
        uint64_t back = 0;

        assert_int_equal(duration_parse(duration_format(seconds, buffer), &back), 0);
        assert_int_equal(back, seconds);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_ones),
        cmocka_unit_test(test_bad_ones),
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_what_was_formatted_parses_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
