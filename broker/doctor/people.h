/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The accounts and groups in a host's /etc/passwd and /etc/group. What a name service beyond these
 * files has cannot be listed. */

#include <stdbool.h>
#include <sys/types.h>

#include "doctor/tree.h"

struct person {
    char *name;
    uid_t uid;
    gid_t gid;
};

struct group_entry {
    char *name;
    gid_t gid;
    char *members; /* with commas, as written */
};

struct people {
    struct person *persons;
    size_t n_persons;
    struct group_entry *groups;
    size_t n_groups;
};

void people_clear(struct people *people);
#define CLEANUP_PEOPLE CLEANUP(people_clear)

/* Lines that are not understood are left out. Returns 0 or a negative errno. */
int people_read(const struct tree *tree, struct people *ret_people);

const struct person *people_by_name(const struct people *people, const char *name);
const struct group_entry *people_group(const struct people *people, const char *name);

/* Is the person in this group, by its primary one or as a member? */
bool people_in_group(const struct people *people, const char *person, const char *group);

/* Calls with each member's name, those whose primary group it is besides. */
void people_each_member(const struct people *people, const struct group_entry *group,
                        void (*each)(const char *name, void *userdata), void *userdata);
