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

#include "policy/policy_hours.h"

#define MON (1u << 0)
#define TUE (1u << 1)
#define FRI (1u << 4)
#define SAT (1u << 5)
#define SUN (1u << 6)
#define WORKDAYS 0x1fu
#define ALL 0x7fu

static struct policy_hours hours_of(const char *text)
{
    struct policy_hours hours = {0};
    const char *problem = NULL;

    if (policy_hours_parse(text, &hours, &problem) != 0)
        fail_msg("%s %s", text, problem);
    return hours;
}

static void test_good_ones(void **state)
{
    static const struct {
        const char *text;
        unsigned days, from, to;
        const char *zone;
    } cases[] = {
        {"Mon..Fri 07:00-19:00 Europe/Berlin", WORKDAYS, 420, 1140, "Europe/Berlin"},
        {"Sat,Sun 10:00-12:00", SAT | SUN, 600, 720, NULL},
        {"22:00-06:00", ALL, 1320, 360, NULL},
        {"00:00-24:00", ALL, 0, 1440, NULL},
        {"00:00-00:01 UTC", ALL, 0, 1, "UTC"},
        {"23:59-24:00", ALL, 1439, 1440, NULL},
        {"Fri..Mon 08:00-09:00", FRI | SAT | SUN | MON, 480, 540, NULL},
        {"Mon..Sun 08:00-09:00", ALL, 480, 540, NULL},
        {"Mon..Tue,Sat 08:00-09:00", MON | TUE | SAT, 480, 540, NULL},
        {"Mon..Mon 08:00-09:00", MON, 480, 540, NULL},
        {"mon..FRI 08:00-09:00", WORKDAYS, 480, 540, NULL},
        {"  Mon \t 08:00-09:00   America/Argentina/Buenos_Aires ", MON, 480, 540,
         "America/Argentina/Buenos_Aires"},
        {"08:00-09:00 Zulu", ALL, 480, 540, "Zulu"},
        {"08:00-09:00 Etc/GMT+10", ALL, 480, 540, "Etc/GMT+10"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct policy_hours hours = hours_of(cases[i].text);

        if (hours.days != cases[i].days || hours.from != cases[i].from || hours.to != cases[i].to)
            fail_msg("%s: days %x, %u to %u", cases[i].text, hours.days, hours.from, hours.to);
        if (cases[i].zone)
            assert_string_equal(hours.zone, cases[i].zone);
        else
            assert_null(hours.zone);
        policy_hours_clear(&hours);
    }
}

static void test_bad_ones(void **state)
{
    static const struct {
        const char *text;
        const char *problem;
    } cases[] = {
        {"", "is empty"},
        {"   ", "is empty"},
        {"Mon..Fri", "has no times"},
        {"Mon,Tuesday 08:00-09:00", "has days that cannot be read"},
        {"Mon- 08:00-09:00", "has days that cannot be read"},
        {"Mon, 08:00-09:00", "has days that cannot be read"},
        {"Mon..08 08:00-09:00", "has days that cannot be read"},
        {"Mon... 08:00-09:00", "has days that cannot be read"},
        {"Monday 08:00-09:00", "has days that cannot be read"},
        {"Mo 08:00-09:00", "has times that cannot be read"},
        {"Europe/Berlin 08:00-09:00", "has times that cannot be read"},
        {"8:00-09:00", "has times that cannot be read"},
        {"08:00-9:00", "has times that cannot be read"},
        {"08.00-09.00", "has times that cannot be read"},
        {"08:00 - 09:00", "has times that cannot be read"},
        {"08:00", "has times that cannot be read"},
        {"08:60-09:00", "has times that cannot be read"},
        {"08:00-24:01", "has times that cannot be read"},
        {"08:00-25:00", "has times that cannot be read"},
        {"24:00-08:00", "has times that cannot be read"},
        {"-8:00-09:00", "has times that cannot be read"},
        {"08:00-09:00x", "has times that cannot be read"},
        {"08:00-08:00", "begins and ends at the same time"},
        {"08:00-09:00 Europe/Berlin 10:00-11:00", "has too many words"},
        {"Mon 08:00-09:00 Europe/Berlin UTC", "has too many words"},
        {"08:00-09:00 Europe/Nowhere", "names a time zone that is not in /usr/share/zoneinfo/"},
        {"08:00-09:00 Europe", "names a time zone that is not in /usr/share/zoneinfo/"},
        {"08:00-09:00 zone.tab", "names a time zone that is not in /usr/share/zoneinfo/"},
        {"08:00-09:00 tzdata.zi", "names a time zone that is not in /usr/share/zoneinfo/"},
        {"08:00-09:00 ../../../etc/localtime",
         "names a time zone that is not in /usr/share/zoneinfo/"},
        {"08:00-09:00 /usr/share/zoneinfo/UTC",
         "names a time zone that is not in /usr/share/zoneinfo/"},
        {"08:00-09:00 CET-1CEST,M3.5.0,M10.5.0",
         "names a time zone that is not in /usr/share/zoneinfo/"},
        {"08:00-09:00 "
         "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
         "names a time zone that is not in /usr/share/zoneinfo/"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct policy_hours hours = {.days = 4711};
        const char *problem = "";

        if (policy_hours_parse(cases[i].text, &hours, &problem) != -EINVAL)
            fail_msg("%s was taken", cases[i].text);
        if (strcmp(problem, cases[i].problem) != 0)
            fail_msg("%s: %s", cases[i].text, problem);
        assert_int_equal(hours.days, 4711);
    }
}

/* All by `TZ=ZONE date -d @SECONDS`. */
static void test_include(void **state)
{
    static const struct {
        const char *hours;
        uint64_t wall;
        bool include;
    } cases[] = {
        /* Monday 2026-07-20, 07:00 in Berlin is 05:00 UTC */
        {"Mon..Fri 07:00-19:00 Europe/Berlin", 1784523599, false},
        {"Mon..Fri 07:00-19:00 Europe/Berlin", 1784523600, true},
        {"Mon..Fri 07:00-19:00 Europe/Berlin", 1784566799, true},
        {"Mon..Fri 07:00-19:00 Europe/Berlin", 1784566800, false},
        /* Sunday at the same time */
        {"Mon..Fri 07:00-19:00 Europe/Berlin", 1784523600 - 86400, false},
        {"Sat,Sun 07:00-19:00 Europe/Berlin", 1784523600 - 86400, true},
        /* and in winter 07:00 is 06:00 UTC: Monday 2026-01-19 */
        {"Mon..Fri 07:00-19:00 Europe/Berlin", 1768802399, false},
        {"Mon..Fri 07:00-19:00 Europe/Berlin", 1768802400, true},

        /* Sunday 2026-03-29, 01:59:59 CET is followed by 03:00:00 CEST at 01:00 UTC */
        {"01:00-02:00 Europe/Berlin", 1774745999, true},
        {"01:00-02:00 Europe/Berlin", 1774746000, false},
        {"02:00-03:00 Europe/Berlin", 1774745999, false},
        {"02:00-03:00 Europe/Berlin", 1774746000, false},
        {"03:00-04:00 Europe/Berlin", 1774746000, true},
        {"03:00-04:00 Europe/Berlin", 1774745999, false},
        {"Sun 02:30-03:30 Europe/Berlin", 1774746000, true},
        /* Sunday 2026-10-25, 02:59:59 CEST is followed by 02:00:00 CET at 01:00 UTC */
        {"02:00-03:00 Europe/Berlin", 1792886399, false},
        {"02:00-03:00 Europe/Berlin", 1792886400, true},
        {"02:00-03:00 Europe/Berlin", 1792889999, true},
        {"02:00-03:00 Europe/Berlin", 1792890000, true},
        {"02:00-03:00 Europe/Berlin", 1792893599, true},
        {"02:00-03:00 Europe/Berlin", 1792893600, false},
        {"03:00-04:00 Europe/Berlin", 1792893600, true},

        /* over midnight: the hours belong to the day they began on */
        {"Fri 22:00-06:00 UTC", 1784325600 - 1, false},           /* Fri 2026-07-17 21:59:59 */
        {"Fri 22:00-06:00 UTC", 1784325600, true},                /* Fri 22:00 */
        {"Fri 22:00-06:00 UTC", 1784325600 + 2 * 3600, true},     /* Sat 00:00 */
        {"Fri 22:00-06:00 UTC", 1784325600 + 8 * 3600 - 1, true}, /* Sat 05:59:59 */
        {"Fri 22:00-06:00 UTC", 1784325600 + 8 * 3600, false},    /* Sat 06:00 */
        {"Fri 22:00-06:00 UTC", 1784325600 + 24 * 3600, false},   /* Sat 22:00 */
        {"Fri 22:00-06:00 UTC", 1784325600 - 17 * 3600, false},   /* Fri 05:00 */
        {"Sun 22:00-06:00 UTC", 1784325600 + 50 * 3600, true},    /* Mon 00:00 */
        {"Fri 22:00-00:00 UTC", 1784325600 + 2 * 3600 - 1, true},
        {"Fri 22:00-00:00 UTC", 1784325600 + 2 * 3600, false},
        {"Fri 22:00-24:00 UTC", 1784325600 + 2 * 3600 - 1, true},
        {"Fri 22:00-24:00 UTC", 1784325600 + 2 * 3600, false},
        {"00:00-24:00 UTC", 1784325600 + 2 * 3600, true},

        /* odd offsets: +05:45, +12:45 and +13:45, -03:30 and -02:30 */
        {"Mon 10:45-11:00 Asia/Kathmandu", 1784523600, true},
        {"Mon 10:46-11:00 Asia/Kathmandu", 1784523600, false},
        {"Mon 17:45-18:00 Pacific/Chatham", 1784523600, true},
        {"Mon 19:45-20:00 Pacific/Chatham", 1768802400, true},
        {"Mon 02:30-03:00 America/St_Johns", 1784523600, true},
        {"Mon 02:30-03:00 America/St_Johns", 1768802400, true},
        /* a half hour of summer time: Lord Howe, +10:30 and +11 */
        {"Mon 15:30-15:31 Australia/Lord_Howe", 1784523600, true},
        {"Mon 17:00-17:01 Australia/Lord_Howe", 1768802400, true},
        /* the day is that of the zone: 2026-07-19 18:00 UTC is Monday in Auckland */
        {"Mon 06:00-06:01 Pacific/Auckland", 1784523600 - 11 * 3600, true},
        {"Sun 00:00-24:00 Pacific/Auckland", 1784523600 - 11 * 3600, false},

        {"Thu 00:00-24:00 UTC", 0, true},
        {"00:00-24:00 UTC", UINT64_MAX, false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct policy_hours hours = hours_of(cases[i].hours);

        if (policy_hours_include(&hours, cases[i].wall) != cases[i].include)
            fail_msg("%s at %llu: not %d", cases[i].hours, (unsigned long long)cases[i].wall,
                     cases[i].include);
        policy_hours_clear(&hours);
    }
}

static void test_leaves_the_process_alone(void **state)
{
    struct policy_hours hours = hours_of("00:00-24:00 Pacific/Chatham");
    time_t now = 1784523600;
    struct tm local;

    assert_int_equal(setenv("TZ", "Asia/Kathmandu", 1), 0);
    tzset();
    assert_true(policy_hours_include(&hours, (uint64_t)now));
    assert_string_equal(getenv("TZ"), "Asia/Kathmandu");
    assert_non_null(localtime_r(&now, &local));
    assert_int_equal(local.tm_hour, 10);
    assert_int_equal(local.tm_min, 45);

    assert_int_equal(unsetenv("TZ"), 0);
    tzset();
    assert_true(policy_hours_include(&hours, (uint64_t)now));
    assert_null(getenv("TZ"));
    policy_hours_clear(&hours);
}

/* Without a zone the hours are the machine's, whatever the process was told. */
static void test_the_machines_own_zone(void **state)
{
    struct policy_hours hours = hours_of("00:00-24:00");
    time_t now = 1784523600;
    struct tm local;

    assert_int_equal(unsetenv("TZ"), 0);
    tzset();
    assert_non_null(localtime_r(&now, &local));

    assert_int_equal(setenv("TZ", "Asia/Kathmandu", 1), 0);
    hours.from = (unsigned)(local.tm_hour * 60 + local.tm_min);
    hours.to = hours.from + 1;
    hours.days = 1u << ((local.tm_wday + 6) % 7);
    assert_true(policy_hours_include(&hours, (uint64_t)now));
    hours.days ^= ALL;
    assert_false(policy_hours_include(&hours, (uint64_t)now));
    assert_int_equal(unsetenv("TZ"), 0);
}

static void test_a_zone_that_has_gone_shuts(void **state)
{
    struct policy_hours hours = hours_of("00:00-24:00");

    hours.zone = strdup("Europe/Nowhere");
    assert_non_null(hours.zone);
    assert_false(policy_hours_include(&hours, 1784523600));
    policy_hours_clear(&hours);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_ones),
        cmocka_unit_test(test_bad_ones),
        cmocka_unit_test(test_include),
        cmocka_unit_test(test_leaves_the_process_alone),
        cmocka_unit_test(test_the_machines_own_zone),
        cmocka_unit_test(test_a_zone_that_has_gone_shuts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
