/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "policy/policy_managers.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

static void manager_free(void *memory)
{
    struct policy_manager *manager = memory;

    if (!manager)
        return;
    free(manager->person);
    free(manager->manager);
    free(manager->file);
    free(manager);
}

static void cleanup_manager(struct policy_manager **manager)
{
    manager_free(*manager);
}

static int compare(const void *one, const void *other)
{
    const struct policy_manager *a = one, *b = other;

    return strcmp(a->person, b->person);
}

int policy_managers_add(struct policy_set *set, const char *person, const char *manager,
                        const char *file, unsigned line, const struct policy_manager **ret_other)
{
    CLEANUP(cleanup_manager) struct policy_manager *added = calloc(1, sizeof(*added));
    struct policy_manager **found;

    if (!added)
        return -ENOMEM;
    added->person = strdup(person);
    added->manager = strdup(manager);
    added->file = strdup(file);
    added->line = line;
    if (!added->person || !added->manager || !added->file)
        return -ENOMEM;

    found = tsearch(added, &set->managers, compare);
    if (!found)
        return -ENOMEM;
    if (*found != added) {
        *ret_other = *found;
        return -EEXIST;
    }
    added = NULL; /* the tree's */
    return 0;
}

void policy_managers_clear(struct policy_set *set)
{
    tdestroy(set->managers, manager_free);
    set->managers = NULL;
}

const char *policy_manager_of(const struct policy_set *set, const char *person)
{
    const struct policy_manager key = {.person = (char *)person};
    struct policy_manager *const *found = tfind(&key, &set->managers, compare);

    return found ? (*found)->manager : NULL;
}

/* What goes through the tree with twalk_r(3). */
struct walk {
    void (*each)(const struct policy_manager *manager, void *userdata);
    void *userdata;
};

static void visit(const void *node, VISIT which, void *closure)
{
    const struct policy_manager *const *manager = node;
    const struct walk *walk = closure;

    if (which == postorder || which == leaf)
        walk->each(*manager, walk->userdata);
}

void policy_managers_each(const struct policy_set *set,
                          void (*each)(const struct policy_manager *manager, void *userdata),
                          void *userdata)
{
    struct walk walk = {each, userdata};

    twalk_r(set->managers, visit, &walk);
}

struct question {
    const char *name;
    bool found;
};

static void look_for(const struct policy_manager *manager, void *userdata)
{
    struct question *question = userdata;

    question->found = question->found || strcmp(manager->manager, question->name) == 0;
}

bool policy_manages_somebody(const struct policy_set *set, const char *name)
{
    struct question question = {.name = name};

    policy_managers_each(set, look_for, &question);
    return question.found;
}
