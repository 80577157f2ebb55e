/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "cleanup.h"
#include "core/canonical.h"

/* RFC 8785: no blanks, keys in the order of their code units, strings in UTF-8 with nothing escaped
 * that need not be, integers up to 2^53 bare. The texts and hashes here were computed with Python.
 */
static void test_text(void **unused)
{
    json_t *object = json_object();
    CLEANUP_FREE char *text = NULL;

    assert_int_equal(json_object_set_new(object, "z", json_string("")), 0);
    assert_int_equal(canonical_add_text(object, "peach", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
                     0);
    assert_int_equal(canonical_add_number(object, "a", 0), 0);
    assert_int_equal(canonical_add_text(object, "B", "\\\"/"), 0);
    assert_int_equal(canonical_add_number(object, "aa", UINT64_C(9007199254740992)), 0);
    assert_int_equal(json_object_set_new(object, "-", json_integer(-1)), 0);
    text = canonical_text(object);
    assert_string_equal(text, "{\"-\":-1,\"B\":\"\\\\\\\"/\",\"a\":0,\"aa\":9007199254740992,"
                              "\"peach\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\",\"z\":\"\"}");
    json_decref(object);
}

static void test_order_of_insertion_is_nothing(void **unused)
{
    static const char *const keys[] = {"id", "uuid", "person", "person_uid", "account"};
    CLEANUP_FREE char *forward = NULL, *backward = NULL;
    json_t *one = json_object(), *other = json_object();

    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(canonical_add_text(one, keys[i], keys[i]), 0);
        assert_int_equal(canonical_add_text(other, keys[4 - i], keys[4 - i]), 0);
    }
    forward = canonical_text(one);
    backward = canonical_text(other);
    assert_string_equal(forward, backward);
    json_decref(one);
    json_decref(other);
}

static void test_absent(void **unused)
{
    json_t *object = json_object();

    assert_int_equal(canonical_add_text(object, "a", NULL), 0);
    assert_int_equal(canonical_add_text(object, "b", ""), 0);
    assert_int_equal(json_object_size(object), 0);
    json_decref(object);
}

static void test_not_utf8(void **unused)
{
    static const char *const texts[] = {"\xff", "a\xc3", "\xc0\xaf", "\xed\xa0\x80",
                                        "\xf4\x90\x80\x80"};
    json_t *object = json_object();

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_int_equal(canonical_add_text(object, "reason", texts[i]), -ENOMEM);
    assert_int_equal(json_object_size(object), 0);
    json_decref(object);
}

static void assert_hash(const unsigned char hash[HASH_SIZE], const char *expected)
{
    char text[2 * HASH_SIZE + 1];

    hash_format(hash, text);
    assert_string_equal(text, expected);
}

static void test_hash(void **unused)
{
    unsigned char hash[HASH_SIZE], next[HASH_SIZE], ones[HASH_SIZE];
    unsigned char genesis[HASH_SIZE] = {0};
    CLEANUP_FREE char *large = malloc(100001);

    assert_int_equal(canonical_hash(NULL, "{}", hash), 0);
    assert_hash(hash, "fb1634c4e6cd4b1f1afe3ce2d6ef080f7ac5d1f357d723ad4dfca782733b62db");
    assert_int_equal(canonical_hash(genesis, "{}", next), 0);
    assert_memory_equal(hash, next, HASH_SIZE);
    assert_int_equal(canonical_hash(hash, "{\"a\":1}", next), 0);
    assert_hash(next, "6b8882c8f1d94bb7545679bed986371a884d1382c93e4d8042a259a58276551d");
    /* into the block that it comes from */
    assert_int_equal(canonical_hash(hash, "{\"a\":1}", hash), 0);
    assert_memory_equal(hash, next, HASH_SIZE);

    memset(ones, 0xff, sizeof(ones));
    memset(large, 'x', 100000);
    large[100000] = '\0';
    assert_int_equal(canonical_hash(ones, large, hash), 0);
    assert_hash(hash, "3f92a344ff37929fd66a700ea13fd4b15b3a3fe9450f4b5a5d87a1730a150338");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),   cmocka_unit_test(test_order_of_insertion_is_nothing),
        cmocka_unit_test(test_absent), cmocka_unit_test(test_not_utf8),
        cmocka_unit_test(test_hash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
