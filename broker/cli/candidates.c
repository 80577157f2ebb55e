/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/candidates.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

void candidates_clear(struct candidates *candidates)
{
    for (size_t i = 0; i < candidates->count; i++)
        identity_clear(&candidates->people[i]);
    free(candidates->people);
    *candidates = (struct candidates){0};
}

/* The person of that name, a new one if need be; NULL when out of memory. */
static struct identity *candidate_of(struct candidates *candidates, const char *name, uid_t uid)
{
    struct identity *people;

    for (size_t i = 0; i < candidates->count; i++)
        if (strcmp(candidates->people[i].name, name) == 0)
            return &candidates->people[i];

    people = reallocarray(candidates->people, candidates->count + 1, sizeof(*people));
    if (!people)
        return NULL;
    candidates->people = people;
    people[candidates->count] =
        (struct identity){.name = strdup(name), .uid = uid, .groups_known = true};
    if (!people[candidates->count].name)
        return NULL;
    return &people[candidates->count++];
}

/* Notes that this person is a candidate, as a member of the group if there is one. */
static int candidate_add(struct candidates *candidates, const char *name, uid_t uid,
                         const char *group)
{
    struct identity *person;
    char **groups;

    if (uid == 0)
        return 0;
    person = candidate_of(candidates, name, uid);
    if (!person)
        return -ENOMEM;
    if (!group || identity_in_group(person, group))
        return 0;
    groups = reallocarray(person->groups, person->n_groups + 1, sizeof(*groups));
    if (!groups)
        return -ENOMEM;
    person->groups = groups;
    groups[person->n_groups] = strdup(group);
    if (!groups[person->n_groups])
        return -ENOMEM;
    person->n_groups++;
    return 0;
}

/* Those whose primary group it is are not listed in it. */
static int add_primary_members(struct candidates *candidates, const char *group, gid_t gid)
{
    const struct passwd *user;
    int r = 0;

    setpwent();
    while (r == 0 && (user = getpwent()))
        if (user->pw_gid == gid)
            r = candidate_add(candidates, user->pw_name, user->pw_uid, group);
    endpwent();
    return r;
}

static int add_group(struct candidates *candidates, const char *name)
{
    const struct group *group = getgrnam(name);
    int r = 0;

    if (!group)
        return 0;
    for (char **member = group->gr_mem; *member && r == 0; member++) {
        const struct passwd *user = getpwnam(*member);

        if (user)
            r = candidate_add(candidates, user->pw_name, user->pw_uid, name);
    }
    return r == 0 ? add_primary_members(candidates, name, group->gr_gid) : r;
}

static int add_user(struct candidates *candidates, const char *name)
{
    const struct passwd *user = getpwnam(name);

    return user ? candidate_add(candidates, user->pw_name, user->pw_uid, NULL) : 0;
}

int candidates_find(const struct principals *principals, struct candidates *ret_candidates)
{
    struct candidates candidates = {0};
    int r = 0;

    for (size_t i = 0; i < principals->count && r == 0; i++) {
        const struct principal *principal = &principals->items[i];

        if (principal->is_manager)
            r = candidate_add(&candidates, principal->name, UID_UNSET, NULL);
        else if (principal->is_group)
            r = add_group(&candidates, principal->name);
        else if (!principal->is_range)
            r = add_user(&candidates, principal->name);
    }
    if (r < 0) {
        candidates_clear(&candidates);
        return r;
    }
    *ret_candidates = candidates;
    return 0;
}
