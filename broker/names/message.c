/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "names/message.h"

#include <errno.h>
#include <string.h>

#include "caps.h"
#include "text.h"

#define ERRNO_MAX 4095

/* Followed by the name. */
struct item_record {
    uint32_t kind;
    uint32_t uid;
    uint16_t groups;
    uint16_t name_length;
};

/* Followed by n_strings times a length and that many bytes. Of a user the first string is the name,
 * the others are the groups. */
struct result_record {
    int32_t error;
    uint32_t uid;
    uint32_t incomplete;
    uint32_t n_strings;
};

typedef uint16_t string_length;

/* Leaves room to say of every item that it failed. */
#define RESULTS_MAX (MESSAGE_ANSWER_MAX - NAMES_BATCH_MAX * sizeof(struct result_record))

struct cursor {
    const uint8_t *at;
    size_t left;
};

void message_buffer_clear(struct message_buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct message_buffer){0};
}

static void append(struct message_buffer *buffer, const void *bytes, size_t size)
{
    if (buffer->error)
        return;
    if (size > MESSAGE_ANSWER_MAX - buffer->size) {
        buffer->error = -EMSGSIZE;
        return;
    }
    if (buffer->size + size > buffer->allocated) {
        size_t wanted = buffer->allocated ? buffer->allocated : 512;

        while (wanted < buffer->size + size)
            wanted *= 2;
        uint8_t *grown = realloc(buffer->data, wanted);
        if (!grown) {
            buffer->error = -ENOMEM;
            return;
        }
        buffer->data = grown;
        buffer->allocated = wanted;
    }
    memcpy(buffer->data + buffer->size, bytes, size);
    buffer->size += size;
}

static void append_string(struct message_buffer *buffer, const char *text)
{
    size_t length = strnlen(text, LIMIT_NAME + 1);
    string_length prefix = (string_length)length;

    if (length == 0 || !text_is_valid(text, LIMIT_NAME)) {
        if (!buffer->error)
            buffer->error = -EILSEQ;
        return;
    }
    append(buffer, &prefix, sizeof(prefix));
    append(buffer, text, length);
}

static int take(struct cursor *cursor, void *ret_bytes, size_t size)
{
    if (cursor->left < size)
        return -EBADMSG;
    memcpy(ret_bytes, cursor->at, size);
    cursor->at += size;
    cursor->left -= size;
    return 0;
}

/* A string of exactly this length in memory of its own. */
static int take_text(struct cursor *cursor, size_t length, char **ret_text)
{
    CLEANUP_FREE char *text = NULL;

    if (length == 0 || length > LIMIT_NAME || length > cursor->left)
        return -EBADMSG;
    text = malloc(length + 1);
    if (!text)
        return -ENOMEM;
    memcpy(text, cursor->at, length);
    text[length] = '\0';
    if (strlen(text) != length || !text_is_valid(text, LIMIT_NAME))
        return -EBADMSG;
    cursor->at += length;
    cursor->left -= length;
    *ret_text = TAKE_PTR(text);
    return 0;
}

static int take_string(struct cursor *cursor, char **ret_text)
{
    string_length length = 0;
    int r = take(cursor, &length, sizeof(length));

    return r < 0 ? r : take_text(cursor, length, ret_text);
}

bool message_name_is_valid(const char *name)
{
    return name && *name && text_is_valid(name, LIMIT_NAME) && !strpbrk(name, "/:");
}

int message_write_request(struct message_buffer *buffer, const struct names_item *items,
                          size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *name = items[i].kind == NAMES_UID ? "" : items[i].name;
        struct item_record record = {
            .kind = (uint32_t)items[i].kind,
            .uid = items[i].kind == NAMES_UID ? (uint32_t)items[i].uid : (uint32_t)UID_UNSET,
            .groups = items[i].groups,
            .name_length = (uint16_t)strlen(name),
        };

        append(buffer, &record, sizeof(record));
        append(buffer, name, record.name_length);
    }
    if (!buffer->error && buffer->size > MESSAGE_PAYLOAD_MAX)
        buffer->error = -EMSGSIZE;
    return buffer->error;
}

int message_read_request(const uint8_t *data, size_t size, size_t count,
                         struct names_item **ret_items)
{
    CLEANUP_FREE struct names_item *items = NULL;
    struct cursor cursor = {data, size};

    if (count == 0 || count > NAMES_BATCH_MAX)
        return -EBADMSG;

    /* The names, each with its NUL, take no more than the records they came with. */
    items = calloc(1, count * sizeof(*items) + size);
    if (!items)
        return -ENOMEM;
    char *names = (char *)(items + count);

    for (size_t i = 0; i < count; i++) {
        struct item_record record;
        int r = take(&cursor, &record, sizeof(record));

        if (r < 0)
            return r;
        if (record.kind > NAMES_MEMBERS || record.groups > 1 || record.name_length > cursor.left ||
            (record.name_length == 0) != (record.kind == NAMES_UID) ||
            (record.uid == (uint32_t)UID_UNSET) == (record.kind == NAMES_UID))
            return -EBADMSG;
        items[i].kind = (enum names_kind)record.kind;
        items[i].uid = record.uid;
        items[i].groups = record.groups;
        if (record.kind == NAMES_UID)
            continue;
        memcpy(names, cursor.at, record.name_length);
        cursor.at += record.name_length;
        cursor.left -= record.name_length;
        if (strlen(names) != record.name_length || !message_name_is_valid(names))
            return -EBADMSG;
        items[i].name = names;
        names += record.name_length + 1;
    }
    if (cursor.left > 0)
        return -EBADMSG;
    *ret_items = TAKE_PTR(items);
    return 0;
}

int message_write_result(struct message_buffer *buffer, const struct names_item *item,
                         const struct names_result *result)
{
    struct result_record record = {.error = result->error, .uid = (uint32_t)UID_UNSET};
    size_t start = buffer->size;

    if (buffer->error)
        return buffer->error;
    if (result->error) {
        append(buffer, &record, sizeof(record));
    } else if (item->kind == NAMES_MEMBERS) {
        record.incomplete = result->incomplete;
        for (char **member = result->members; member && *member; member++)
            record.n_strings++;
        append(buffer, &record, sizeof(record));
        for (size_t i = 0; i < record.n_strings; i++)
            append_string(buffer, result->members[i]);
    } else {
        record.uid = (uint32_t)result->user.uid;
        record.n_strings = 1 + (uint32_t)result->user.n_groups;
        append(buffer, &record, sizeof(record));
        append_string(buffer, result->user.name);
        for (size_t i = 0; i < result->user.n_groups; i++)
            append_string(buffer, result->user.groups[i]);
    }

    int r = buffer->error;
    if (r == 0 && !result->error && buffer->size > RESULTS_MAX)
        r = -EMSGSIZE;
    if (r < 0) {
        buffer->size = start;
        buffer->error = 0;
    }
    return r;
}

static void strings_free(char **strings, size_t count)
{
    for (size_t i = 0; strings && i < count; i++)
        free(strings[i]);
    free(strings);
}

/* NULL-terminated; NULL with a count of 0 is not made. */
static int take_strings(struct cursor *cursor, size_t count, char ***ret_strings)
{
    char **strings = NULL;

    /* Before memory is promised: each needs its length and a byte. */
    if (count > cursor->left / (sizeof(string_length) + 1))
        return -EBADMSG;
    strings = calloc(count + 1, sizeof(*strings));
    if (!strings)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        int r = take_string(cursor, &strings[i]);

        if (r < 0) {
            strings_free(strings, i);
            return r;
        }
    }
    *ret_strings = strings;
    return 0;
}

static int take_user(struct cursor *cursor, const struct names_item *item,
                     const struct result_record *record, struct names_result *result)
{
    struct identity *user = &result->user;

    if (record->n_strings == 0 || record->uid == (uint32_t)UID_UNSET || record->incomplete ||
        (!item->groups && record->n_strings > 1) ||
        (item->kind == NAMES_UID && record->uid != (uint32_t)item->uid))
        return -EBADMSG;

    int r = take_string(cursor, &user->name);
    if (r < 0)
        return r;
    user->uid = record->uid;
    if (!item->groups)
        return 0;
    r = take_strings(cursor, record->n_strings - 1, &user->groups);
    if (r < 0)
        return r;
    user->n_groups = record->n_strings - 1;
    user->groups_known = true;
    return 0;
}

static int take_result(struct cursor *cursor, const struct names_item *item,
                       struct names_result *result)
{
    struct result_record record;
    int r = take(cursor, &record, sizeof(record));

    if (r < 0)
        return r;
    if (record.error > 0 || record.error < -ERRNO_MAX || record.incomplete > 1)
        return -EBADMSG;
    if (record.error < 0) {
        if (record.uid != (uint32_t)UID_UNSET || record.n_strings > 0 || record.incomplete)
            return -EBADMSG;
        result->user.uid = UID_UNSET;
        result->error = record.error;
        return 0;
    }
    if (item->kind != NAMES_MEMBERS)
        return take_user(cursor, item, &record, result);
    if (record.uid != (uint32_t)UID_UNSET)
        return -EBADMSG;
    result->user.uid = UID_UNSET;
    result->incomplete = record.incomplete;
    return take_strings(cursor, record.n_strings, &result->members);
}

int message_read_answer(const uint8_t *data, size_t size, const struct names_item *items,
                        size_t count, struct names_result *results)
{
    struct cursor cursor = {data, size};
    int r = 0;

    for (size_t i = 0; i < count && r == 0; i++)
        r = take_result(&cursor, &items[i], &results[i]);
    if (r == 0 && cursor.left > 0)
        r = -EBADMSG;
    if (r < 0)
        message_results_clear(results, count);
    return r;
}

void message_results_clear(struct names_result *results, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        identity_clear(&results[i].user);
        for (char **member = results[i].members; member && *member; member++)
            free(*member);
        free(results[i].members);
        results[i] = (struct names_result){0};
    }
}
