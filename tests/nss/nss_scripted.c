/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A name service for tests, which hangs or fails on command: the first word of SCRIPT_FILE says
 * what it does. Used by "scripted" in nsswitch.conf(5). */

#include <errno.h>
#include <grp.h>
#include <nss.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SCRIPT_FILE "/run/nss-scripted"
#define EXPORT __attribute__((visibility("default")))

/* Its users: ALICE in the groups ALICE (primary) and OPS; its groups: these. */
#define ALICE "scripted-alice"
#define ALICE_ID 60001
#define OPS "scripted-ops"
#define OPS_ID 60100

/* Does what it is told to; what is left to the caller is to answer. */
static enum nss_status obey(int *ret_errno)
{
    char word[32] = "up";
    FILE *file = fopen(SCRIPT_FILE, "re");

    if (file) {
        if (fscanf(file, "%31s", word) != 1)
            strcpy(word, "up");
        fclose(file);
    }
    while (strcmp(word, "hang") == 0)
        pause();
    if (strcmp(word, "unavailable") == 0) {
        *ret_errno = ENOENT; /* as when the socket of a service is missing */
        return NSS_STATUS_UNAVAIL;
    }
    if (strcmp(word, "try-again") == 0) {
        *ret_errno = EAGAIN;
        return NSS_STATUS_TRYAGAIN;
    }
    *ret_errno = 0;
    return NSS_STATUS_SUCCESS;
}

static enum nss_status not_found(int *ret_errno)
{
    *ret_errno = ENOENT;
    return NSS_STATUS_NOTFOUND;
}

static enum nss_status answer_user(struct passwd *user, char *buffer, size_t size, int *ret_errno)
{
    if (size < sizeof(ALICE) + 1) {
        *ret_errno = ERANGE;
        return NSS_STATUS_TRYAGAIN;
    }
    char *empty = buffer + sizeof(ALICE);
    *empty = '\0';
    *user = (struct passwd){
        .pw_name = strcpy(buffer, ALICE),
        .pw_uid = ALICE_ID,
        .pw_gid = ALICE_ID,
        .pw_passwd = empty,
        .pw_gecos = empty,
        .pw_dir = empty,
        .pw_shell = empty,
    };
    return NSS_STATUS_SUCCESS;
}

static enum nss_status answer_group(struct group *group, gid_t gid, char *buffer, size_t size,
                                    int *ret_errno)
{
    struct layout {
        char *members[2];
        char name[32], member[32];
    } * layout;
    size_t skip = -(size_t)buffer % _Alignof(struct layout);

    if (size < skip + sizeof(*layout)) {
        *ret_errno = ERANGE;
        return NSS_STATUS_TRYAGAIN;
    }
    layout = (void *)(buffer + skip);
    strcpy(layout->name, gid == OPS_ID ? OPS : ALICE);
    strcpy(layout->member, ALICE);
    layout->members[0] = gid == OPS_ID ? layout->member : NULL;
    layout->members[1] = NULL;
    *group = (struct group){
        .gr_name = layout->name,
        .gr_passwd = layout->name + strlen(layout->name),
        .gr_gid = gid,
        .gr_mem = layout->members,
    };
    return NSS_STATUS_SUCCESS;
}

EXPORT enum nss_status _nss_scripted_getpwnam_r(const char *name, struct passwd *user, char *buffer,
                                                size_t size, int *ret_errno);
EXPORT enum nss_status _nss_scripted_getpwuid_r(uid_t uid, struct passwd *user, char *buffer,
                                                size_t size, int *ret_errno);
EXPORT enum nss_status _nss_scripted_getgrnam_r(const char *name, struct group *group, char *buffer,
                                                size_t size, int *ret_errno);
EXPORT enum nss_status _nss_scripted_getgrgid_r(gid_t gid, struct group *group, char *buffer,
                                                size_t size, int *ret_errno);
EXPORT enum nss_status _nss_scripted_initgroups_dyn(const char *name, gid_t primary, long *start,
                                                    long *size, gid_t **gids, long limit,
                                                    int *ret_errno);

enum nss_status _nss_scripted_getpwnam_r(const char *name, struct passwd *user, char *buffer,
                                         size_t size, int *ret_errno)
{
    enum nss_status status = obey(ret_errno);

    if (status != NSS_STATUS_SUCCESS)
        return status;
    return strcmp(name, ALICE) == 0 ? answer_user(user, buffer, size, ret_errno)
                                    : not_found(ret_errno);
}

enum nss_status _nss_scripted_getpwuid_r(uid_t uid, struct passwd *user, char *buffer, size_t size,
                                         int *ret_errno)
{
    enum nss_status status = obey(ret_errno);

    if (status != NSS_STATUS_SUCCESS)
        return status;
    return uid == ALICE_ID ? answer_user(user, buffer, size, ret_errno) : not_found(ret_errno);
}

enum nss_status _nss_scripted_getgrnam_r(const char *name, struct group *group, char *buffer,
                                         size_t size, int *ret_errno)
{
    enum nss_status status = obey(ret_errno);

    if (status != NSS_STATUS_SUCCESS)
        return status;
    if (strcmp(name, OPS) == 0)
        return answer_group(group, OPS_ID, buffer, size, ret_errno);
    if (strcmp(name, ALICE) == 0)
        return answer_group(group, ALICE_ID, buffer, size, ret_errno);
    return not_found(ret_errno);
}

enum nss_status _nss_scripted_getgrgid_r(gid_t gid, struct group *group, char *buffer, size_t size,
                                         int *ret_errno)
{
    enum nss_status status = obey(ret_errno);

    if (status != NSS_STATUS_SUCCESS)
        return status;
    if (gid == OPS_ID || gid == ALICE_ID)
        return answer_group(group, gid, buffer, size, ret_errno);
    return not_found(ret_errno);
}

/* glibc's array always has room for one more when it calls. */
enum nss_status _nss_scripted_initgroups_dyn(const char *name, gid_t primary, long *start,
                                             long *size, gid_t **gids, long limit, int *ret_errno)
{
    enum nss_status status = obey(ret_errno);

    if (status != NSS_STATUS_SUCCESS)
        return status;
    if (strcmp(name, ALICE) != 0)
        return not_found(ret_errno);
    if (*start < *size)
        (*gids)[(*start)++] = OPS_ID;
    return NSS_STATUS_SUCCESS;
}
