/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz.h"

#include "names/message.h"

/* What was asked; the first byte of the input says from where on. */
static const struct names_item items[] = {
    {.kind = NAMES_USER, .name = "alice", .groups = true},
    {.kind = NAMES_USER, .name = "bob"},
    {.kind = NAMES_UID, .uid = 7},
    {.kind = NAMES_UID, .uid = 8, .groups = true},
    {.kind = NAMES_MEMBERS, .name = "wheel"},
};
#define ITEMS (sizeof(items) / sizeof(items[0]))

/* Nothing is read in two ways: what is understood is written back as it was. */
static void assert_same(const struct message_buffer *written, const uint8_t *data, size_t size)
{
    FUZZ_ASSERT(!written->error && written->size == size);
    FUZZ_ASSERT(memcmp(written->data, data, size) == 0);
}

static void read_request(const uint8_t *data, size_t size, size_t count)
{
    CLEANUP_MESSAGE_BUFFER struct message_buffer written = {0};
    CLEANUP_FREE struct names_item *read = NULL;

    if (message_read_request(data, size, count, &read) < 0)
        return;
    for (size_t i = 0; i < count; i++) {
        FUZZ_ASSERT(read[i].kind == NAMES_UID || message_name_is_valid(read[i].name));
        FUZZ_ASSERT((read[i].kind == NAMES_UID) == (read[i].uid != UID_UNSET));
    }
    FUZZ_ASSERT(message_write_request(&written, read, count) == 0);
    assert_same(&written, data, size);
}

static void read_answer(const uint8_t *data, size_t size, size_t first)
{
    CLEANUP_MESSAGE_BUFFER struct message_buffer written = {0};
    struct names_result results[ITEMS] = {0};
    size_t count = ITEMS - first;

    if (message_read_answer(data, size, items + first, count, results) < 0) {
        for (size_t i = 0; i < count; i++)
            FUZZ_ASSERT(!results[i].user.name && !results[i].members && !results[i].error);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        FUZZ_ASSERT(!results[i].error || results[i].user.uid == UID_UNSET);
        FUZZ_ASSERT(message_write_result(&written, &items[first + i], &results[i]) == 0);
    }
    assert_same(&written, data, size);
    message_results_clear(results, count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > MESSAGE_PAYLOAD_MAX)
        return 0;
    /* In memory of just its size. */
    CLEANUP_FREE uint8_t *rest = malloc(size);
    FUZZ_ASSERT(rest);
    memcpy(rest, data + 1, size - 1);
    uint8_t *exact = realloc(rest, size > 1 ? size - 1 : 1);
    FUZZ_ASSERT(exact);
    rest = exact;

    if (data[0] & 0x80)
        read_request(rest, size - 1, data[0] & 0x3f);
    else
        read_answer(rest, size - 1, data[0] % ITEMS);
    return 0;
}
