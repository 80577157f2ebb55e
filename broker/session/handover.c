/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "session/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "caps.h"
#include "cleanup.h"
#include "core/scope.h"
#include "session/proc.h"

static int refuse(struct error *error, const struct handover *handover, const char *problem)
{
    return error_set(
        error, ERROR_INVALID_ARGUMENT,
        "the session cannot be put into the hands of the broker, which must be able to "
        "end it: %s (unit %.100s, cgroup %.300s)",
        problem, handover->unit ? handover->unit : "unknown",
        handover->cgroup ? handover->cgroup : "unknown");
}

/* A cgroup, or a file in it. */
static int look(const char *root, const char *cgroup, const char *file, struct stat *ret_named)
{
    CLEANUP_FREE char *path = NULL;

    if (asprintf(&path, "%s%s%s", root, cgroup, file) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    return lstat(path, ret_named) < 0 ? -errno : 0;
}

static bool is_current(int kill, const char *root, const char *cgroup)
{
    struct stat opened, named;

    return fstat(kill, &opened) == 0 && look(root, cgroup, "/cgroup.kill", &named) == 0 &&
           opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

/* Through an opened file "1" can be written to, and there is no other way to it. */
static int check_handle(const struct handover *handover, const char *root, struct error *error)
{
    struct statfs system;
    int flags = fcntl(handover->kill, F_GETFL);

    if (flags < 0 || (flags & O_ACCMODE) != O_WRONLY || flags & O_PATH)
        return refuse(error, handover, "its kill handle is not open for writing alone");
    if (fstatfs(handover->kill, &system) < 0 || system.f_type != CGROUP2_SUPER_MAGIC)
        return refuse(error, handover, "its kill handle is not in the hierarchy of cgroups");
    if (!is_current(handover->kill, root, handover->cgroup))
        return refuse(error, handover, "its kill handle is that of another cgroup, or of none");
    return 0;
}

int handover_inode(const char *root, const char *cgroup, uint64_t *ret_inode)
{
    struct stat named;
    int r = look(root, cgroup, "", &named);

    if (r == 0)
        *ret_inode = named.st_ino;
    return r;
}

int handover_check(const struct handover *handover, const char *root, uint64_t *ret_inode,
                   struct error *error)
{
    char cgroup[LIMIT_CGROUP + 1];
    int r;

    if (!scope_has_cgroup(handover->unit, handover->cgroup))
        return refuse(error, handover, "its cgroup is not that of its unit");
    r = proc_cgroup(handover->pid, cgroup);
    if (r < 0)
        return refuse(error, handover, "the process that opens it has gone");
    if (strcmp(cgroup, handover->cgroup) != 0)
        return refuse(error, handover, "the process that opens it is in another cgroup");
    if (handover_inode(root, cgroup, ret_inode) < 0)
        return refuse(error, handover, "its cgroup is not there");
    return handover->kill >= 0 ? check_handle(handover, root, error) : 0;
}
