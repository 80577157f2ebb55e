/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A name service that can be told to misbehave: these stand before the functions of libc in the
 * program that includes them. Names that are not mentioned here are looked up as ever. */

#include <dlfcn.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The function of libc that one of ours stands before. */
#define REAL(function) ((__typeof__(&function))dlsym(RTLD_NEXT, #function))

#define ODD_UID 424242
#define FAILING_GID 424200
#define NAMELESS_GID 424201
#define MANY_GROUPS 300

static inline _Noreturn void hang(void)
{
    for (;;)
        pause();
}

static inline int fake_user(struct passwd *user, char *buffer, size_t size, const char *name,
                            uid_t uid, gid_t gid, struct passwd **found)
{
    *found = NULL;
    if (size < strlen(name) + 1)
        return ERANGE;
    *user = (struct passwd){
        .pw_name = strcpy(buffer, name),
        .pw_uid = uid,
        .pw_gid = gid,
    };
    *found = user;
    return 0;
}

int getpwnam_r(const char *name, struct passwd *user, char *buffer, size_t size,
               struct passwd **found)
{
    *found = NULL;
    if (strcmp(name, "hangs") == 0)
        hang();
    if (strcmp(name, "crashes") == 0)
        raise(SIGKILL);
    if (strcmp(name, "leaves") == 0)
        _exit(0);
    if (strcmp(name, "no-file") == 0)
        return ENOENT;
    if (strcmp(name, "no-server") == 0)
        return ECONNREFUSED;
    if (strcmp(name, "interrupted") == 0) {
        static bool again;

        again = !again;
        if (again)
            return EINTR;
    }
    if (strcmp(name, "minus-one") == 0)
        return fake_user(user, buffer, size, name, (uid_t)-1, 1, found);
    if (strcmp(name, "unprintable") == 0)
        return fake_user(user, buffer, size, "un\033printable", ODD_UID, 1, found);
    if (strcmp(name, "large") == 0 && size < 1000000)
        return ERANGE;
    if (strcmp(name, "endless") == 0)
        return ERANGE;
    if (strcmp(name, "failing-group") == 0)
        return fake_user(user, buffer, size, name, ODD_UID, FAILING_GID, found);
    if (strcmp(name, "many-groups") == 0 || strcmp(name, "large") == 0 ||
        strcmp(name, "interrupted") == 0 || strcmp(name, "half-told") == 0)
        return fake_user(user, buffer, size, name, ODD_UID, 0, found);
    return REAL(getpwnam_r)(name, user, buffer, size, found);
}

int getpwuid_r(uid_t uid, struct passwd *user, char *buffer, size_t size, struct passwd **found)
{
    if (uid == ODD_UID)
        return fake_user(user, buffer, size, "somebody-else", 0, 0, found);
    return REAL(getpwuid_r)(uid, user, buffer, size, found);
}

/* What getgrouplist could not say is only seen afterwards. */
static bool groups_fail;

int getgrouplist(const char *name, gid_t primary, gid_t *gids, int *count)
{
    int room = *count;

    groups_fail = strcmp(name, "half-told") == 0;
    if (strcmp(name, "many-groups") != 0)
        return REAL(getgrouplist)(name, primary, gids, count);
    *count = MANY_GROUPS + 2;
    for (int i = 0; i < room && i < *count; i++)
        gids[i] = i == 0 ? primary : i == 1 ? NAMELESS_GID : (gid_t)(500000 + i - 2);
    return room < *count ? -1 : *count;
}

static inline int fake_group(struct group *group, char *buffer, size_t size, gid_t gid,
                             struct group **found)
{
    static char *nobody[] = {NULL};

    if (snprintf(buffer, size, "a group of many with number %u", gid) >= (int)size)
        return ERANGE;
    *group = (struct group){.gr_name = buffer, .gr_gid = gid, .gr_mem = nobody};
    *found = group;
    return 0;
}

int getgrgid_r(gid_t gid, struct group *group, char *buffer, size_t size, struct group **found)
{
    *found = NULL;
    if (gid == FAILING_GID)
        return EIO;
    if (gid == NAMELESS_GID)
        return 0;
    if (gid >= 500000 && gid < 500000 + MANY_GROUPS)
        return fake_group(group, buffer, size, gid, found);
    return REAL(getgrgid_r)(gid, group, buffer, size, found);
}

static bool enumeration_is_endless, enumeration_fails;

int getgrnam_r(const char *name, struct group *group, char *buffer, size_t size,
               struct group **found)
{
    static char zoe[] = "zoe", root[] = "root", adam[] = "adam", odd[] = "\033";
    static char *members[] = {zoe, root, adam, zoe, odd, NULL};

    *found = NULL;
    if (groups_fail)
        return EAGAIN;
    enumeration_is_endless = strcmp(name, "endless") == 0;
    enumeration_fails = strcmp(name, "unlisted") == 0;
    if (strcmp(name, "crowd") == 0) {
        static char *crowd[40001];

        for (size_t i = 0; i < 40000; i++) {
            if (!crowd[i] && asprintf(&crowd[i], "member-%05zu-of-the-crowd", i) < 0)
                return ENOMEM;
        }
        *group = (struct group){.gr_name = root, .gr_gid = NAMELESS_GID, .gr_mem = crowd};
        *found = group;
        return 0;
    }
    if (strcmp(name, "endless") == 0 || strcmp(name, "unlisted") == 0 ||
        strcmp(name, "zero") == 0) {
        *group = (struct group){.gr_name = root, .gr_gid = 0, .gr_mem = members};
        *found = group;
        return 0;
    }
    return REAL(getgrnam_r)(name, group, buffer, size, found);
}

int getpwent_r(struct passwd *user, char *buffer, size_t size, struct passwd **found)
{
    if (enumeration_is_endless)
        return fake_user(user, buffer, size, "one-of-many", ODD_UID, 1, found);
    if (enumeration_fails)
        return EIO;
    return REAL(getpwent_r)(user, buffer, size, found);
}
