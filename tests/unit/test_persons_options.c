/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "policy/persons_options.h"

static struct persons_options read_options(const char *text)
{
    struct persons_options options;
    const char *problem = NULL;

    if (persons_options_read(text, &options, &problem) != 0)
        fail_msg("%s: %s", text, problem);
    return options;
}

static void assert_refused(const char *text, const char *sentence)
{
    struct persons_options options = {.valid_after = 7};
    const char *problem = NULL;

    assert_int_equal(persons_options_read(text, &options, &problem), -EINVAL);
    assert_string_equal(problem, sentence);
    assert_int_equal(options.valid_after, 7);
}

static void test_options(void **state)
{
    struct persons_options options = read_options("cert-authority");

    assert_true(options.is_authority && !options.other_purpose && !options.valid_after);
    options =
        read_options("Cert-Authority,NAMESPACES=\"git,pam-checkout\",valid-after=\"20240101Z\","
                     "valid-before=\"20250101000000z\"");
    assert_true(options.is_authority && !options.other_purpose);
    assert_int_equal(options.valid_after, 1704067200);
    assert_int_equal(options.valid_before, 1735689600);
    assert_true(read_options("namespaces=\"git\"").other_purpose);
    assert_true(read_options("namespaces=\"\"").other_purpose);
    assert_true(read_options("namespaces=\"*,!pam-*\"").other_purpose);
    assert_false(read_options("namespaces=\"pam-check???\"").other_purpose);
    assert_true(read_options("namespaces=\"a\\\"b\"").other_purpose);
}

static void test_bad_options(void **state)
{
    static const char none[] = "has neither a key nor options behind the name; options are "
                               "cert-authority, namespaces, valid-after and valid-before";
    static const char time[] =
        "has a time that is not \"YYYYMMDD\" or \"YYYYMMDDHHMM\", with seconds or Z";
    static const char *const times[] = {
        "20240101",
        "\"2024\"",
        "\"\"",
        "\"20240230Z\"",
        "\"20241301Z\"",
        "\"202401012460Z\"",
        "\"20240101235960Z\"",
        "\"20240101X\"",
        "\"19600101Z\"",
        "\"20240101ZZ\"",
        "\"20240101",
    };

    assert_refused("", none);
    assert_refused("no-touch-required", none);
    assert_refused("cert-authorityx", none);
    assert_refused("cert-authority,", none);
    assert_refused("cert-authority,,valid-after=\"20240101\"", none);
    assert_refused("namespaces", none);
    assert_refused("namespaces=git", "has namespaces that are not in quotes");
    assert_refused("namespaces=\"a\"b", "has an option with something behind it");
    assert_refused("namespaces=\"a\",namespaces=\"b\"", "says one option twice");
    assert_refused("valid-after=\"20240101\",valid-after=\"20240101\"", "says one option twice");
    assert_refused("valid-after=\"20240101Z\",valid-before=\"20240101Z\"",
                   "is never valid: valid-before is not behind valid-after");
    for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
        char text[64] = "valid-after=";

        assert_refused(strcat(text, times[i]), time);
    }
}

/* Without Z it is the machine's zone, with its summer. */
static void test_zone(void **state)
{
    setenv("TZ", "Europe/Berlin", 1);
    tzset();
    assert_int_equal(read_options("valid-after=\"20240101\"").valid_after, 1704067200 - 3600);
    assert_int_equal(read_options("valid-after=\"202407011200\"").valid_after, 1719828000);
    assert_int_equal(read_options("valid-after=\"202407011000Z\"").valid_after, 1719828000);
    unsetenv("TZ");
    tzset();
}

static void test_measure(void **state)
{
    size_t length = 0;

    assert_int_equal(persons_options_measure("a=\"b c\\\" d\" e", &length), 0);
    assert_int_equal(length, strlen("a=\"b c\\\" d\""));
    assert_int_equal(persons_options_measure("a\tb", &length), 0);
    assert_int_equal(length, 1);
    assert_int_equal(persons_options_measure("", &length), 0);
    assert_int_equal(length, 0);
    assert_int_equal(persons_options_measure("a=\"b", &length), -EINVAL);
}

static void test_patterns(void **state)
{
    static const struct {
        const char *list, *text;
        bool fits;
    } cases[] = {
        {"alice", "alice", true},   {"alice", "alic", false},
        {"alice", "alicea", false}, {"*", "", true},
        {"*", "x", true},           {"", "", true},
        {"", "x", false},           {"a*e", "alice", true},
        {"a*i*e", "alice", true},   {"a?ice", "alice", true},
        {"a?ice", "aice", false},   {"*a*b", "aaab", true},
        {"bob,al*", "alice", true}, {"bob,al*", "carol", false},
        {"*,!bob", "alice", true},  {"*,!bob", "bob", false},
        {"!bob,*", "bob", false},   {"!bob", "alice", false},
        {"*,!b*", "bob", false},    {"alice", "Alice", false},
        {"a**e", "alice", true},    {"*a*a*a*b", "aaaaaaaa", false},
        {"?", "", false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        if (persons_pattern_list_fits(cases[i].list, cases[i].text) != cases[i].fits)
            fail_msg("%s, %s", cases[i].list, cases[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options),  cmocka_unit_test(test_bad_options),
        cmocka_unit_test(test_zone),     cmocka_unit_test(test_measure),
        cmocka_unit_test(test_patterns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
