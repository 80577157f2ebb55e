/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/identity.h"

#include <errno.h>
#include <string.h>

#include "cleanup.h"

void identity_clear(struct identity *identity)
{
    if (!identity)
        return;
    free(identity->name);
    for (size_t i = 0; i < identity->n_groups; i++)
        free(identity->groups[i]);
    free(identity->groups);
    *identity = (struct identity){0};
}

int identity_copy(const struct identity *identity, struct identity *ret_copy)
{
    CLEANUP(identity_clear) struct identity copy = {0};

    copy.uid = identity->uid;
    copy.groups_known = identity->groups_known;
    if (identity->name) {
        copy.name = strdup(identity->name);
        if (!copy.name)
            return -ENOMEM;
    }
    if (identity->n_groups > 0) {
        copy.groups = calloc(identity->n_groups, sizeof(*copy.groups));
        if (!copy.groups)
            return -ENOMEM;
    }
    for (; copy.n_groups < identity->n_groups; copy.n_groups++) {
        copy.groups[copy.n_groups] = strdup(identity->groups[copy.n_groups]);
        if (!copy.groups[copy.n_groups])
            return -ENOMEM;
    }

    *ret_copy = copy;
    copy = (struct identity){0};
    return 0;
}

bool identity_in_group(const struct identity *identity, const char *group)
{
    if (!identity->groups_known)
        return false;
    for (size_t i = 0; i < identity->n_groups; i++)
        if (strcmp(identity->groups[i], group) == 0)
            return true;
    return false;
}
