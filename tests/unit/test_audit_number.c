/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "audit_number.h"
#include "cleanup.h"

/* What the reader says of a file with this text; *ret_number is 4711 where it wrote nothing. */
static int read_text(const char *text, size_t size, uint32_t *ret_number)
{
    char path[] = "/tmp/test_audit_number.XXXXXX";
    CLEANUP_CLOSE int fd = mkstemp(path);
    int r;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, size), size);
    *ret_number = 4711;
    r = audit_number_read(path, ret_number);
    unlink(path);
    return r;
}

static void test_numbers(void **state)
{
    uint32_t number;

    assert_int_equal(read_text("0", 1, &number), 0);
    assert_int_equal(number, 0);
    assert_int_equal(read_text("1000", 4, &number), 0);
    assert_int_equal(number, 1000);
    assert_int_equal(read_text("4294967295", 10, &number), 0);
    assert_int_equal(number, UINT32_MAX);
}

static void test_anything_else_is_an_error(void **state)
{
    static const char *const wrong[] = {
        "",      "-1",   "+1", " 1", "1 ", "1\n", "0x10", "4294967296", "99999999999999999999",
        "1000a", "alice"};
    uint32_t number;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(read_text(wrong[i], strlen(wrong[i]), &number), -EBADMSG);
        assert_int_equal(number, 4711);
    }
}

static void test_the_kernels_own(void **state)
{
    uint32_t number = 4711;

    assert_int_equal(audit_number_read("/nonexistent/loginuid", &number), -ENOENT);
    assert_int_equal(audit_number_read("/proc/self", &number), -EISDIR);
    assert_int_equal(number, 4711);
    if (access("/proc/self/loginuid", F_OK) == 0)
        assert_int_equal(audit_number_read("/proc/self/loginuid", &number), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_anything_else_is_an_error),
        cmocka_unit_test(test_the_kernels_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
