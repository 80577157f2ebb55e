/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>

#include "doctor/examination.h"

/* Who is in one of these is root by a detour. */
static const struct {
    const char *group, *how;
} groups[] = {
    {"docker", "start a container that owns the whole file system"},
    {"podman", "start a container that owns the whole file system"},
    {"lxd", "start a container that owns the whole file system"},
    {"incus-admin", "start a container that owns the whole file system"},
    {"libvirt", "start a machine that owns the host's disks"},
    {"disk", "write to the disks"},
    {"shadow", "read the password hashes"},
    {"kmem", "read the kernel's memory"},
};

struct member_list {
    char text[256];
    size_t count;
};

static void add_member(const char *name, void *userdata)
{
    struct member_list *list = userdata;
    size_t length = strlen(list->text);

    (void)snprintf(list->text + length, sizeof(list->text) - length, "%s%s",
                   list->count++ ? ", " : "", name);
}

static void check_groups(struct examination *examination)
{
    for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++) {
        const struct group_entry *group = people_group(&examination->people, groups[i].group);
        struct member_list members = {.count = 0};

        if (!group)
            continue;
        people_each_member(&examination->people, group, add_member, &members);
        if (members.count > 0)
            findings_add(examination->findings, FINDING_WARNING, "way-group", "/etc/group", 0,
                         "Take them out of the group, or know that they need no check-out.",
                         "The members of the group %s (%s) can %s: a way to root without any gate.",
                         group->name, members.text, groups[i].how);
    }
}

/* Managed by uid, but sudoers and lists in stacks know names. check_sudo and the others look at
 * each of the names; this is for hosts whose policies manage no uid 0. */
static void check_uid_zero(struct examination *examination)
{
    const struct people *people = &examination->people;

    for (size_t i = 0; i < people->n_persons; i++)
        if (people->persons[i].uid == 0 && strcmp(people->persons[i].name, "root") != 0)
            findings_add(
                examination->findings, FINDING_WARNING, "way-uid-zero", "/etc/passwd", 0,
                "Remove the account, or give each of its doors a gate of its own as well.",
                "The account %s has uid 0, too. Sudoers and lists in stacks know accounts by "
                "name: what is set for root does not hold for it.",
                people->persons[i].name);
}

struct way {
    const char *path;
    mode_t mode;
    const char *name, *message, *fix;
};

void check_ways(struct examination *examination)
{
    static const struct way ways[] = {
        {"/usr/bin/pkexec", S_ISUID, "way-pkexec",
         "pkexec runs programs as root for whom polkit lets; it goes past every gate.",
         "Remove the package pkexec, or see to it with pkaction that only administrators whom you "
         "trust without a check-out are let in."},
        {"/usr/bin/run0", 0, "way-run0",
         "run0 and systemd-run start programs as root for whom polkit lets "
         "(org.freedesktop.systemd1.manage-units); they go past every gate.",
         "See to it in polkit's rules that nobody gets this by a password of their own."},
        {"/usr/bin/systemd-run", 0, "way-run0",
         "systemd-run starts programs as root for whom polkit lets "
         "(org.freedesktop.systemd1.manage-units); it goes past every gate.",
         "See to it in polkit's rules that nobody gets this by a password of their own."},
        {"/usr/bin/machinectl", 0, "way-machinectl",
         "machinectl shell .host opens a shell as root for whom polkit lets "
         "(org.freedesktop.machine1.host-shell); it goes past every gate.",
         "See to it in polkit's rules that nobody gets this by a password of their own."},
        {"/usr/sbin/cron", 0, "way-cron",
         "cron is here: what root's crontabs run, and who may write to those programs, needs no "
         "check-out; and whoever is root once can leave a job behind.",
         "Look at /etc/crontab, /etc/cron.d and /var/spool/cron after a check-out."},
        {"/usr/bin/at", S_ISUID, "way-at",
         "at is here: whoever is root once can leave a job behind that runs after the check-out.",
         "Remove the package at, or look at atq after a check-out."},
    };

    for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
        struct stat status;

        if (tree_stat(examination->tree, ways[i].path, &status) < 0 ||
            (status.st_mode & ways[i].mode) != ways[i].mode)
            continue;
        /* run0 says it for both. */
        if (i > 0 && strcmp(ways[i].name, ways[i - 1].name) == 0 &&
            findings_have(examination->findings, ways[i].name, ways[i - 1].path, 0))
            continue;
        findings_add(examination->findings, FINDING_NOTE, ways[i].name, ways[i].path, 0,
                     ways[i].fix, "%s", ways[i].message);
    }
    check_groups(examination);
    check_uid_zero(examination);
}
