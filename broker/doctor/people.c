/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "doctor/people.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void people_clear(struct people *people)
{
    for (size_t i = 0; i < people->n_persons; i++)
        free(people->persons[i].name);
    free(people->persons);
    for (size_t i = 0; i < people->n_groups; i++) {
        free(people->groups[i].name);
        free(people->groups[i].members);
    }
    free(people->groups);
    *people = (struct people){0};
}

static bool read_number(const char *text, unsigned *ret_number)
{
    char *end = NULL;
    unsigned long number;

    if (!text || text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    number = strtoul(text, &end, 10);
    if (*end != '\0' || errno != 0 || number >= UINT32_MAX)
        return false;
    *ret_number = (unsigned)number;
    return true;
}

static int add_person(struct people *people, char *line)
{
    const char *name = strsep(&line, ":");
    unsigned uid, gid;
    struct person *grown;

    (void)strsep(&line, ":");
    if (!read_number(line ? strsep(&line, ":") : NULL, &uid) ||
        !read_number(line ? strsep(&line, ":") : NULL, &gid) || name[0] == '\0')
        return 0;
    grown = reallocarray(people->persons, people->n_persons + 1, sizeof(*grown));
    if (!grown)
        return -ENOMEM;
    people->persons = grown;
    grown[people->n_persons] = (struct person){strdup(name), uid, gid};
    if (!grown[people->n_persons].name)
        return -ENOMEM;
    people->n_persons++;
    return 0;
}

static int add_group(struct people *people, char *line)
{
    const char *name = strsep(&line, ":"), *members;
    unsigned gid;
    struct group_entry *grown, added;

    (void)strsep(&line, ":");
    if (!read_number(line ? strsep(&line, ":") : NULL, &gid) || name[0] == '\0')
        return 0;
    members = line ? strsep(&line, ":") : "";
    grown = reallocarray(people->groups, people->n_groups + 1, sizeof(*grown));
    if (!grown)
        return -ENOMEM;
    people->groups = grown;
    added = (struct group_entry){strdup(name), gid, strdup(members)};
    if (!added.name || !added.members) {
        free(added.name);
        free(added.members);
        return -ENOMEM;
    }
    grown[people->n_groups++] = added;
    return 0;
}

static int read_lines(const struct tree *tree, const char *path, struct people *people,
                      int (*add)(struct people *people, char *line))
{
    CLEANUP_FREE char *text = NULL;
    int r = tree_read(tree, path, &text, NULL);
    char *rest = text, *line;

    while (r == 0 && (line = strsep(&rest, "\n")))
        r = add(people, line);
    return r;
}

int people_read(const struct tree *tree, struct people *ret_people)
{
    CLEANUP_PEOPLE struct people people = {0};
    int r = read_lines(tree, "/etc/passwd", &people, add_person);

    if (r == 0)
        r = read_lines(tree, "/etc/group", &people, add_group);
    if (r < 0)
        return r;
    *ret_people = people;
    people = (struct people){0};
    return 0;
}

const struct person *people_by_name(const struct people *people, const char *name)
{
    for (size_t i = 0; i < people->n_persons; i++)
        if (strcmp(people->persons[i].name, name) == 0)
            return &people->persons[i];
    return NULL;
}

const struct group_entry *people_group(const struct people *people, const char *name)
{
    for (size_t i = 0; i < people->n_groups; i++)
        if (strcmp(people->groups[i].name, name) == 0)
            return &people->groups[i];
    return NULL;
}

static bool lists(const char *members, const char *name)
{
    size_t length = strlen(name);

    for (const char *c = members; *c; c += strspn(c, ",")) {
        size_t n = strcspn(c, ",");

        if (n == length && strncmp(c, name, n) == 0)
            return true;
        c += n;
    }
    return false;
}

bool people_in_group(const struct people *people, const char *person, const char *group)
{
    const struct group_entry *entry = people_group(people, group);
    const struct person *found = people_by_name(people, person);

    return entry && ((found && found->gid == entry->gid) || lists(entry->members, person));
}

void people_each_member(const struct people *people, const struct group_entry *group,
                        void (*each)(const char *name, void *userdata), void *userdata)
{
    for (size_t i = 0; i < people->n_persons; i++)
        if (people_in_group(people, people->persons[i].name, group->name))
            each(people->persons[i].name, userdata);
}
