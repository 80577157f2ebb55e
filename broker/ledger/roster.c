/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ledger/roster.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void roster_clear(struct roster *roster)
{
    for (size_t i = 0; i < roster->count; i++) {
        struct roster_entry *entry = &roster->entries[i];

        free(entry->name);
        identity_clear(&entry->user);
        for (char **member = entry->members; member && *member; member++)
            free(*member);
        free(entry->members);
    }
    *roster = (struct roster){0};
}

static bool entry_fits(const struct roster_entry *entry, enum roster_kind kind, const char *name,
                       uid_t uid, bool groups)
{
    if (entry->kind != kind || (groups && !entry->groups))
        return false;
    /* Whose groups could not be told may still be known without them. */
    if (!groups && entry->groups && entry->answered && entry->error < 0 && entry->error != -ENOENT)
        return false;
    return kind == ROSTER_UID ? entry->uid == uid : strcmp(entry->name, name) == 0;
}

/* The answered entry, or the reason why there is none. */
static int find(struct roster *roster, enum roster_kind kind, const char *name, uid_t uid,
                bool groups, struct roster_entry **ret_entry)
{
    for (size_t i = 0; i < roster->count; i++) {
        struct roster_entry *entry = &roster->entries[i];

        if (!entry_fits(entry, kind, name, uid, groups))
            continue;
        if (!entry->answered)
            return -EAGAIN;
        if (entry->error < 0)
            return entry->error;
        *ret_entry = entry;
        return 0;
    }
    if (roster->count == ROSTER_MAX)
        return -ENOSPC;

    struct roster_entry *wish = &roster->entries[roster->count];

    *wish = (struct roster_entry){.kind = kind, .uid = uid, .groups = groups};
    if (name && !(wish->name = strdup(name)))
        return -ENOMEM;
    roster->count++;
    return -EAGAIN;
}

int roster_user(struct roster *roster, const char *name, bool groups,
                const struct identity **ret_user)
{
    struct roster_entry *entry;
    int r = find(roster, ROSTER_USER, name, UID_UNSET, groups, &entry);

    if (r == 0)
        *ret_user = &entry->user;
    return r;
}

int roster_uid(struct roster *roster, uid_t uid, bool groups, const struct identity **ret_user)
{
    struct roster_entry *entry;
    int r = find(roster, ROSTER_UID, NULL, uid, groups, &entry);

    if (r == 0)
        *ret_user = &entry->user;
    return r;
}

int roster_members(struct roster *roster, const char *group, char *const **ret_members,
                   bool *ret_incomplete)
{
    struct roster_entry *entry;
    int r = find(roster, ROSTER_MEMBERS, group, UID_UNSET, true, &entry);

    if (r < 0)
        return r;
    *ret_members = entry->members;
    *ret_incomplete = entry->incomplete;
    return 0;
}
