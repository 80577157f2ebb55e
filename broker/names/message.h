/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the broker and its look-up workers say to each other over a SOCK_SEQPACKET pair: one
 * request, then one answer, which may take several packets. Both ends are the same program on the
 * same machine, so numbers are in the machine's order; the magic number tells apart what is not. */

#include <stddef.h>
#include <stdint.h>

#include "cleanup.h"
#include "names/names.h"

/* Changes whenever the format does: a worker started after an upgrade may be another version. */
#define MESSAGE_MAGIC 0x4e4d5301u

/* Well below the default of net.core.wmem_default, which caps one packet. */
#define MESSAGE_PACKET_MAX (64 * 1024)

/* Tens of thousands of members fit. A longer answer is an error, never a part of the truth. */
#define MESSAGE_ANSWER_MAX (4 * 1024 * 1024)

/* Every packet begins with it. A request is one packet; the packets of an answer carry consecutive
 * parts of `total` bytes. */
struct message_header {
    uint32_t magic;
    uint32_t offset;
    uint32_t total;
    uint32_t count; /* items of the batch, in both directions */
    uint64_t id;
};

#define MESSAGE_PAYLOAD_MAX (MESSAGE_PACKET_MAX - sizeof(struct message_header))

/* Bytes that grow. After a failed append `error` is set and further appends do nothing. */
struct message_buffer {
    uint8_t *data;
    size_t size;
    size_t allocated;
    int error;
};

void message_buffer_clear(struct message_buffer *buffer);
#define CLEANUP_MESSAGE_BUFFER CLEANUP(message_buffer_clear)

/* True if the text may be asked about: 1 to LIMIT_NAME bytes of valid text without '/' and ':'. */
bool message_name_is_valid(const char *name);

/* Appends the request's items. Returns 0, -ENOMEM, or -EMSGSIZE. */
int message_write_request(struct message_buffer *buffer, const struct names_item *items,
                          size_t count);

/* Reads a request's payload; *ret_items is one allocation that holds the names too, the caller
 * frees. Returns 0, -EBADMSG or -ENOMEM. */
int message_read_request(const uint8_t *data, size_t size, size_t count,
                         struct names_item **ret_items);

/* Appends the answer to one item. Returns 0, -ENOMEM, -EMSGSIZE if it is too long in all, or
 * -EILSEQ if a name in it is no valid text; then nothing was appended. */
int message_write_result(struct message_buffer *buffer, const struct names_item *item,
                         const struct names_result *result);

/* Reads a whole answer into results[count], which must be zeroed. Anything out of place, in type,
 * range or length, is -EBADMSG; then, and on -ENOMEM, results are zeroed again. */
int message_read_answer(const uint8_t *data, size_t size, const struct names_item *items,
                        size_t count, struct names_result *results);

/* Frees what the results hold and zeroes them. */
void message_results_clear(struct names_result *results, size_t count);
