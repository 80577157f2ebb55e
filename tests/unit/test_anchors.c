/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "cleanup.h"
#include "proof/journal.h"

#define MACHINE "fedcba9876543210fedcba9876543210"
#define HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define OURS                                                                                       \
    "_SYSTEMD_UNIT=pam-checkout-broker.service\n_MACHINE_ID=" MACHINE "\nCHECKOUT_HASH=" HASH "\n"

struct found {
    char text[256]; /* the numbers */
    int answer;
};

static int note(uint64_t seq, const unsigned char hash[HASH_SIZE], void *userdata)
{
    struct found *found = userdata;

    assert_int_equal(hash[1], 0x11);
    assert_int_equal(hash[31], 0xff);
    (void)snprintf(found->text + strlen(found->text), sizeof(found->text) - strlen(found->text),
                   "%llu ", (unsigned long long)seq);
    return found->answer;
}

static int read_back(const char *text, size_t length, uint64_t since, struct found *found)
{
    char path[] = "/tmp/anchors-XXXXXX";
    int fd = mkstemp(path), r;
    struct error error;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, length), length);
    close(fd);
    found->text[0] = '\0';
    r = journal_read(path, MACHINE, since, note, found, &error);
    unlink(path);
    return r;
}

static void expect(const char *text, const char *numbers)
{
    struct found found = {.answer = 0};

    assert_int_equal(read_back(text, strlen(text), 0, &found), 0);
    assert_string_equal(found.text, numbers);
}

static void test_who_is_believed(void **state)
{
    expect("", "");
    expect("__CURSOR=x\n" OURS "CHECKOUT_SEQ=1\nMESSAGE=a=b\n\n" OURS "CHECKOUT_SEQ=2\n\n", "1 2 ");
    expect(OURS "CHECKOUT_SEQ=3\n", "3 "); /* the last one may lack its end */
    /* another unit, or none; another machine, or none */
    expect("_SYSTEMD_UNIT=user@1000.service\n_MACHINE_ID=" MACHINE "\nCHECKOUT_HASH=" HASH
           "\nCHECKOUT_SEQ=1\n\n",
           "");
    expect("_MACHINE_ID=" MACHINE "\nCHECKOUT_HASH=" HASH "\nCHECKOUT_SEQ=1\n\n", "");
    expect("_SYSTEMD_UNIT=pam-checkout-broker.service\n_MACHINE_ID=ab\nCHECKOUT_HASH=" HASH
           "\nCHECKOUT_SEQ=1\n\n",
           "");
    expect("_SYSTEMD_UNIT=pam-checkout-broker.service\nCHECKOUT_HASH=" HASH "\nCHECKOUT_SEQ=1\n\n",
           "");
    /* a field that is there twice */
    expect(OURS "CHECKOUT_SEQ=1\nCHECKOUT_SEQ=2\n\n", "");
    expect(OURS "CHECKOUT_SEQ=1\n_SYSTEMD_UNIT=user@1000.service\n\n", "");
}

static void test_what_is_no_anchor(void **state)
{
    static const char *const numbers[] = {
        "", "0", "-1", "+1", " 1", "1x", "0x1", "1.5", "9223372036854775808"};
    char text[512];

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        (void)snprintf(text, sizeof(text), OURS "CHECKOUT_SEQ=%s\n\n", numbers[i]);
        expect(text, "");
    }
    expect("_SYSTEMD_UNIT=pam-checkout-broker.service\n_MACHINE_ID=" MACHINE
           "\nCHECKOUT_HASH=0011\nCHECKOUT_SEQ=1\n\n",
           "");
    expect("_SYSTEMD_UNIT=pam-checkout-broker.service\n_MACHINE_ID=" MACHINE "\nCHECKOUT_SEQ=1\n\n",
           "");
}

/* A value with line feeds comes with its length; what looks like fields in it is none. */
static void test_binary_values(void **state)
{
    static const char value[] = "x\n_SYSTEMD_UNIT=pam-checkout-broker.service\nCHECKOUT_SEQ=7\n\n";
    char text[1024];
    uint64_t length = htole64(sizeof(value) - 1);
    struct found found = {.answer = 0};
    size_t at;

    at = (size_t)snprintf(text, sizeof(text), "MESSAGE\n");
    memcpy(text + at, &length, sizeof(length));
    at += sizeof(length);
    memcpy(text + at, value, sizeof(value) - 1);
    at += sizeof(value) - 1;
    at += (size_t)snprintf(text + at, sizeof(text) - at, "\n" OURS "CHECKOUT_SEQ=8\n\n");
    assert_int_equal(read_back(text, at, 0, &found), 0);
    assert_string_equal(found.text, "8 ");

    /* cut off anywhere before the entry ends: said, not taken for less */
    for (size_t cut = 9; cut < 8 + sizeof(length) + sizeof(value); cut++)
        assert_int_equal(read_back(text, cut, 0, &found), ERROR_STORAGE_FAILED);
    length = htole64(UINT64_MAX);
    memcpy(text + 8, &length, sizeof(length));
    assert_int_equal(read_back(text, at, 0, &found), ERROR_STORAGE_FAILED);
}

static void test_since(void **state)
{
    static const char text[] = "__REALTIME_TIMESTAMP=1000000000\n" OURS "CHECKOUT_SEQ=1\n\n"
                               "__REALTIME_TIMESTAMP=2000000000\n" OURS "CHECKOUT_SEQ=2\n\n";
    struct found found = {.answer = 0};

    assert_int_equal(read_back(text, strlen(text), 1000, &found), 0);
    assert_string_equal(found.text, "1 2 ");
    assert_int_equal(read_back(text, strlen(text), 1001, &found), 0);
    assert_string_equal(found.text, "2 ");
}

static void test_the_reader_can_stop(void **state)
{
    static const char text[] = OURS "CHECKOUT_SEQ=1\n\n" OURS "CHECKOUT_SEQ=2\n\n";
    struct found found = {.answer = -ENOMEM};

    assert_int_equal(read_back(text, strlen(text), 0, &found), -ENOMEM);
    assert_string_equal(found.text, "1 ");
}

static void test_no_such_file(void **state)
{
    struct found found = {.answer = 0};
    struct error error;

    assert_int_equal(journal_read("/nonexistent/journal", MACHINE, 0, note, &found, &error),
                     ERROR_STORAGE_FAILED);
    assert_non_null(strstr(error.text, "/nonexistent/journal"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_is_believed),     cmocka_unit_test(test_what_is_no_anchor),
        cmocka_unit_test(test_binary_values),       cmocka_unit_test(test_since),
        cmocka_unit_test(test_the_reader_can_stop), cmocka_unit_test(test_no_such_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
