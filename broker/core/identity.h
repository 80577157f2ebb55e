/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Who somebody is, as the name service said when it was asked for this very question. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define UID_UNSET ((uid_t)-1)
/* What /proc/PID/loginuid holds while nobody has set it. */
#define LOGINUID_UNSET UINT32_MAX

struct identity {
    char *name;
    uid_t uid;
    /* Names of all groups of the user, the primary one included. Only meaningful where known. */
    char **groups;
    size_t n_groups;
    bool groups_known;
};

/* Frees what it holds and zeroes it; accepts a zeroed one. */
void identity_clear(struct identity *identity);

/* Deep copy; *ret_copy is written only on success. Returns 0 or -ENOMEM. */
int identity_copy(const struct identity *identity, struct identity *ret_copy);

/* True if the groups are known and this is one of them. */
bool identity_in_group(const struct identity *identity, const char *group);
