/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "names/message.h"

static void test_every_cut_and_every_flipped_bit(void **state)
{
    CLEANUP_MESSAGE_BUFFER struct message_buffer buffer = {0};
    char alice[] = "alice", bob[] = "bob", lp[] = "lp", wheel[] = "wheel", ops[] = "ops";
    char *groups[] = {wheel, ops};
    char *members[] = {alice, bob, NULL};
    struct names_item items[] = {
        {.kind = NAMES_USER, .name = "alice", .groups = true},
        {.kind = NAMES_UID, .uid = 7},
        {.kind = NAMES_MEMBERS, .name = "wheel"},
        {.kind = NAMES_USER, .name = "nobody"},
    };
    struct names_result results[] = {
        {.user = {.name = alice, .uid = 1000, .groups = groups, .n_groups = 2}},
        {.user = {.name = lp, .uid = 7}},
        {.members = members, .incomplete = true},
        {.error = -ENOENT},
    };
    struct names_result read[4] = {0};

    for (size_t i = 0; i < 4; i++)
        assert_int_equal(message_write_result(&buffer, &items[i], &results[i]), 0);
    assert_int_equal(message_read_answer(buffer.data, buffer.size, items, 4, read), 0);
    assert_string_equal(read[0].user.name, "alice");
    assert_int_equal(read[0].user.uid, 1000);
    assert_int_equal(read[0].user.n_groups, 2);
    assert_string_equal(read[0].user.groups[1], "ops");
    assert_int_equal(read[1].user.uid, 7);
    assert_string_equal(read[2].members[1], "bob");
    assert_true(read[2].incomplete);
    assert_int_equal(read[3].error, -ENOENT);
    assert_int_equal(read[3].user.uid, UID_UNSET);
    message_results_clear(read, 4);

    for (size_t size = 0; size < buffer.size; size++) {
        /* In memory of its exact size, so that a byte too many shows under the sanitizers. */
        uint8_t *cut = malloc(size ? size : 1);
        memcpy(cut, buffer.data, size);
        assert_int_equal(message_read_answer(cut, size, items, 4, read), -EBADMSG);
        free(cut);
    }
    for (size_t bit = 0; bit < buffer.size * 8; bit++) {
        buffer.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        int r = message_read_answer(buffer.data, buffer.size, items, 4, read);
        assert_true(r == 0 || r == -EBADMSG);
        message_results_clear(read, 4);
        buffer.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    /* Groups that were not asked for. */
    items[0].groups = false;
    assert_int_equal(message_read_answer(buffer.data, buffer.size, items, 4, read), -EBADMSG);
    /* Another's uid. */
    items[0].groups = true;
    items[1].uid = 8;
    assert_int_equal(message_read_answer(buffer.data, buffer.size, items, 4, read), -EBADMSG);
}

static void test_requests(void **state)
{
    CLEANUP_MESSAGE_BUFFER struct message_buffer buffer = {0};
    struct names_item items[] = {
        {.kind = NAMES_USER, .name = "alice", .groups = true},
        {.kind = NAMES_UID, .uid = 7},
        {.kind = NAMES_MEMBERS, .name = "wheel"},
    };
    CLEANUP_FREE struct names_item *read = NULL;

    assert_int_equal(message_write_request(&buffer, items, 3), 0);
    for (size_t size = 0; size < buffer.size; size++) {
        uint8_t *cut = malloc(size ? size : 1);
        struct names_item *none = NULL;

        memcpy(cut, buffer.data, size);
        assert_int_equal(message_read_request(cut, size, 3, &none), -EBADMSG);
        assert_null(none);
        free(cut);
    }
    assert_int_equal(message_read_request(buffer.data, buffer.size, 2, &read), -EBADMSG);
    assert_int_equal(message_read_request(buffer.data, buffer.size, 0, &read), -EBADMSG);
    assert_int_equal(message_read_request(buffer.data, buffer.size, 3, &read), 0);
    assert_string_equal(read[0].name, "alice");
    assert_true(read[0].groups);
    assert_int_equal(read[1].uid, 7);
    assert_int_equal(read[2].kind, NAMES_MEMBERS);
    assert_string_equal(read[2].name, "wheel");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_cut_and_every_flipped_bit),
        cmocka_unit_test(test_requests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
