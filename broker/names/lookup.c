/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "names/lookup.h"

#include <errno.h>
#include <string.h>

static int copy_item(const struct names_item *item, struct names_item *copy)
{
    *copy = (struct names_item){.kind = item->kind, .uid = UID_UNSET};
    switch (item->kind) {
    case NAMES_UID:
        copy->uid = item->uid;
        copy->groups = item->groups;
        return item->uid == UID_UNSET ? -EINVAL : 0;
    case NAMES_USER:
        copy->groups = item->groups;
        break;
    case NAMES_MEMBERS:
        break;
    default:
        return -EINVAL;
    }
    if (!message_name_is_valid(item->name))
        return -EINVAL;
    copy->name = strdup(item->name);
    return copy->name ? 0 : -ENOMEM;
}

int lookup_new(const struct names_item *items, size_t count, struct names_lookup **ret_lookup)
{
    CLEANUP(cleanup_lookup) struct names_lookup *lookup = NULL;
    int r = 0;

    if (count == 0 || count > NAMES_BATCH_MAX)
        return -EINVAL;
    lookup = calloc(1, sizeof(*lookup) + count * sizeof(lookup->items[0]));
    if (!lookup)
        return -ENOMEM;
    lookup->results = calloc(count, sizeof(*lookup->results));
    if (!lookup->results)
        return -ENOMEM;
    for (; lookup->count < count && r == 0; lookup->count++)
        r = copy_item(&items[lookup->count], &lookup->items[lookup->count]);
    if (r == 0)
        r = message_write_request(&lookup->request, lookup->items, count);
    if (r < 0)
        return r;
    *ret_lookup = TAKE_PTR(lookup);
    return 0;
}

struct names_lookup *lookup_free(struct names_lookup *lookup)
{
    if (!lookup)
        return NULL;
    if (lookup->results)
        message_results_clear(lookup->results, lookup->count);
    free(lookup->results);
    message_buffer_clear(&lookup->request);
    for (size_t i = 0; i < lookup->count; i++)
        free((char *)lookup->items[i].name);
    free(lookup);
    return NULL;
}

bool lookup_needs_groups(const struct names_lookup *lookup)
{
    for (size_t i = 0; i < lookup->count; i++) {
        if (lookup->items[i].groups || lookup->items[i].kind == NAMES_MEMBERS)
            return true;
    }
    return false;
}
