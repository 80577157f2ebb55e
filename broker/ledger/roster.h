/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The people and groups that one question is about, as far as they were looked up. The ledger never
 * waits for the name service: where it needs somebody it does not know it notes the wish here and
 * returns -EAGAIN with nothing changed; the bus layer has the wishes looked up and asks again. */

#include "core/identity.h"

/* A question about more people than this is answered without the rest (who then do not count). */
#define ROSTER_MAX 32

enum roster_kind { ROSTER_USER, ROSTER_UID, ROSTER_MEMBERS };

struct roster_entry {
    enum roster_kind kind;
    char *name; /* of the user or group asked for; NULL for ROSTER_UID */
    uid_t uid;  /* ROSTER_UID */
    bool groups;
    bool answered;
    int error; /* once answered: 0, -ENOENT (there is no such), or why it could not be told */
    struct identity user;
    char **members;  /* ROSTER_MEMBERS; NULL-terminated */
    bool incomplete; /* some members may be missing */
};

struct roster {
    struct roster_entry entries[ROSTER_MAX];
    size_t count;
};

void roster_clear(struct roster *roster);

/* The user of that name, with groups if asked. Returns 0 and a borrowed identity; -EAGAIN with the
 * wish noted; -ENOENT; -ENOSPC; -ENOMEM; or the error of the look-up. */
int roster_user(struct roster *roster, const char *name, bool groups,
                const struct identity **ret_user);

/* The same by uid. */
int roster_uid(struct roster *roster, uid_t uid, bool groups, const struct identity **ret_user);

/* The members of a group; borrowed. *ret_incomplete: there may be more. */
int roster_members(struct roster *roster, const char *group, char *const **ret_members,
                   bool *ret_incomplete);
