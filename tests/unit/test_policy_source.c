/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "policy/policy_source.h"

static struct policy_source source_of(const char *text)
{
    struct policy_source source = {0};
    const char *problem = NULL;

    if (policy_source_parse(text, &source, &problem) != 0)
        fail_msg("%s %s", text, problem);
    return source;
}

static void test_good_ones(void **state)
{
    static const struct {
        const char *text;
        int family;
        unsigned prefix;
    } cases[] = {
        {"10.0.0.0/8", AF_INET, 8},
        {"10.1.2.3", AF_INET, 32},
        {"10.1.2.3/32", AF_INET, 32},
        {"0.0.0.0/0", AF_INET, 0},
        {"255.255.255.255", AF_INET, 32},
        {"10.128.0.0/9", AF_INET, 9},
        {"::/0", AF_INET6, 0},
        {"::1", AF_INET6, 128},
        {"fe80::/10", AF_INET6, 10},
        {"2001:db8:0:8000::/49", AF_INET6, 49},
        {"2001:0db8:0000:0000:0000:0000:0000:0001/128", AF_INET6, 128},
        {"::ffff:10.0.0.0/104", AF_INET, 8},
        {"::ffff:0:0/96", AF_INET, 0},
        {"::ffff:10.1.2.3", AF_INET, 32},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct policy_source source = source_of(cases[i].text);

        assert_false(source.local);
        if (source.family != cases[i].family || source.prefix != cases[i].prefix)
            fail_msg("%s: family %d, prefix %u", cases[i].text, source.family, source.prefix);
    }
    assert_true(source_of("local").local);
}

static void test_bad_ones(void **state)
{
    static const struct {
        const char *text;
        const char *problem;
    } cases[] = {
        {"", "is not an address"},
        {"bastion.example.org", "is not an address"},
        {"localhost", "is not an address"},
        {"Local", "is not an address"},
        {"10.0.0", "is not an address"},
        {"10", "is not an address"},
        {"010.0.0.1", "is not an address"},
        {"10.0.0.256", "is not an address"},
        {"10.0.0.1 ", "is not an address"},
        {" 10.0.0.1", "is not an address"},
        {"/8", "is not an address"},
        {"fe80::1%eth0", "is not an address"},
        {"1:2:3:4:5:6:7:8:9", "is not an address"},
        {"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc", "is not an address"},
        {"10.0.0.0/", "has a bad length behind the slash"},
        {"10.0.0.0/33", "has a bad length behind the slash"},
        {"10.0.0.0/08", "has a bad length behind the slash"},
        {"10.0.0.0/+8", "has a bad length behind the slash"},
        {"10.0.0.0/8/8", "has a bad length behind the slash"},
        {"10.0.0.0/255.0.0.0", "has a bad length behind the slash"},
        {"::/129", "has a bad length behind the slash"},
        {"::/1280", "has a bad length behind the slash"},
        {"10.0.0.1/8", "has address bits set behind its length"},
        {"10.192.0.0/9", "has address bits set behind its length"},
        {"0.0.0.1/31", "has address bits set behind its length"},
        {"2001:db8::1/64", "has address bits set behind its length"},
        {"::ffff:10.0.0.1/104", "has address bits set behind its length"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct policy_source source = {.prefix = 4711};
        const char *problem = "";

        if (policy_source_parse(cases[i].text, &source, &problem) != -EINVAL)
            fail_msg("%s was taken", cases[i].text);
        assert_string_equal(problem, cases[i].problem);
        assert_int_equal(source.prefix, 4711);
    }
}

static void test_matches(void **state)
{
    static const struct {
        const char *source;
        const char *rhost;
        bool matches;
    } cases[] = {
        {"local", NULL, true},
        {"local", "", true},
        {"local", "127.0.0.1", false},
        {"local", "::1", false},
        {"local", "localhost", false},
        {"local", "local", false},
        {"0.0.0.0/0", NULL, false},
        {"0.0.0.0/0", "", false},
        {"0.0.0.0/0", "1.2.3.4", true},
        {"0.0.0.0/0", "::1", false},
        {"0.0.0.0/0", "::ffff:1.2.3.4", true},
        {"::/0", "::1", true},
        {"::/0", "1.2.3.4", false},
        {"::/0", "::ffff:1.2.3.4", false},
        {"10.0.0.0/8", "10.255.255.255", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"10.0.0.0/8", "9.255.255.255", false},
        {"10.0.0.0/8", "::ffff:10.1.2.3", true},
        {"10.0.0.0/8", "::ffff:a01:203", true},
        {"10.0.0.0/8", "::10.1.2.3", false},
        {"10.0.0.0/8", "10.example.org", false},
        {"10.0.0.0/8", "10.1.2.3.example.org", false},
        {"10.0.0.0/8", "10.1.2.3 ", false},
        {"10.0.0.0/8", "010.1.2.3", false},
        {"10.0.0.0/8", "0xa.1.2.3", false},
        {"10.0.0.0/8", "167772161", false},
        {"::ffff:10.0.0.0/104", "10.1.2.3", true},
        {"10.128.0.0/9", "10.127.255.255", false},
        {"10.128.0.0/9", "10.128.0.0", true},
        {"192.0.2.7", "192.0.2.7", true},
        {"192.0.2.7", "192.0.2.6", false},
        {"192.0.2.6/31", "192.0.2.7", true},
        {"2001:db8::/33", "2001:db8:7fff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
        {"fe80::/10", "fe80::1%eth0", true},
        {"fe80::/10", "fe80::1%", true},
        {"fe80::/10", "%eth0", false},
        {"2001:db8::1", "2001:0db8:0000:0000:0000:0000:0000:0001", true},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct policy_source source = source_of(cases[i].source);

        if (policy_source_matches(&source, cases[i].rhost) != cases[i].matches)
            fail_msg("%s, %s: not %d", cases[i].source, cases[i].rhost ? cases[i].rhost : "NULL",
                     cases[i].matches);
    }
}

static void test_long_hosts_match_nothing(void **state)
{
    struct policy_source source = source_of("::/0");
    const char *problem;
    char host[4096];

    memset(host, '1', sizeof(host) - 1);
    host[sizeof(host) - 1] = '\0';
    assert_false(policy_source_matches(&source, host));
    /* the longest address, and what no longer has room for its NUL */
    host[INET6_ADDRSTRLEN] = '\0';
    assert_false(policy_source_matches(&source, host));
    assert_int_equal(policy_source_parse(host, &source, &problem), -EINVAL);
    assert_true(policy_source_matches(&source, "2001:0db8:1111:2222:3333:4444:255.255.255.255"));
}

static void test_covers(void **state)
{
    static const struct {
        const char *outer;
        const char *inner;
        bool covers;
    } cases[] = {
        {"local", "local", true},
        {"local", "0.0.0.0/0", false},
        {"0.0.0.0/0", "local", false},
        {"10.0.0.0/8", "10.0.0.0/8", true},
        {"10.0.0.0/8", "10.1.0.0/16", true},
        {"10.1.0.0/16", "10.0.0.0/8", false},
        {"10.0.0.0/8", "11.0.0.0/16", false},
        {"0.0.0.0/0", "::/0", false},
        {"::/0", "2001:db8::/32", true},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct policy_source outer = source_of(cases[i].outer), inner = source_of(cases[i].inner);

        if (policy_source_covers(&outer, &inner) != cases[i].covers)
            fail_msg("%s, %s: not %d", cases[i].outer, cases[i].inner, cases[i].covers);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_ones), cmocka_unit_test(test_bad_ones),
        cmocka_unit_test(test_matches),   cmocka_unit_test(test_long_hosts_match_nothing),
        cmocka_unit_test(test_covers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
