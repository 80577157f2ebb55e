/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cleanup.h"
#include "text.h"

#define MOUNT "/sys/fs/cgroup"
/* A line for each hierarchy of cgroups v1, and the long one of v2. */
#define FILE_MAX (LIMIT_CGROUP + 4096)

/* Reads the whole file. */
static int read_file(const char *name, char *content, size_t size)
{
    CLEANUP_CLOSE int fd = open(name, O_RDONLY | O_CLOEXEC);
    size_t used = 0;

    if (fd < 0)
        return -errno;
    for (;;) {
        ssize_t length = read(fd, content + used, size - used);

        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0)
            return -errno;
        used += (size_t)length;
        if (used == size)
            return -EBADMSG;
        if (length == 0)
            break;
    }
    content[used] = '\0';
    return strlen(content) == used ? 0 : -EBADMSG;
}

/* The kernel shows "/.." for what lies outside of the cgroup namespace (cgroup_namespaces(7)). */
static bool is_fit(const char *path)
{
    size_t length = strlen(path);

    return path[0] == '/' && text_is_valid(path, LIMIT_CGROUP) && !strstr(path, "//") &&
           !strstr(path, "/../") && !strstr(path, "/./") &&
           (length < 3 || strcmp(path + length - 3, "/..") != 0) &&
           (length < 2 || strcmp(path + length - 2, "/.") != 0);
}

int cgroup_read(pid_t pid, struct cgroup *ret_cgroup)
{
    char name[64] = "/proc/self/cgroup", content[FILE_MAX];
    char *rest = content, *line;
    int r;

    if (pid != 0)
        snprintf(name, sizeof(name), "/proc/%ld/cgroup", (long)pid);
    r = read_file(name, content, sizeof(content));
    if (r < 0)
        return r;
    while ((line = strsep(&rest, "\n"))) {
        if (strncmp(line, "0::", 3) != 0)
            continue;
        if (!is_fit(line + 3))
            return -EBADMSG;
        memcpy(ret_cgroup->path, line + 3, strlen(line + 3) + 1);
        return 0;
    }
    return -ENODATA;
}

const char *cgroup_unit(const struct cgroup *cgroup)
{
    return strrchr(cgroup->path, '/') + 1;
}

/* Is it the prefix, some of these characters, and ".scope"? */
static bool is_scope(const char *unit, size_t length, const char *prefix, const char *characters)
{
    static const char suffix[] = ".scope";
    size_t start = strlen(prefix), end;

    if (length <= start + strlen(suffix) || strncmp(unit, prefix, start) != 0)
        return false;
    end = start + strspn(unit + start, characters);
    return end > start && end + strlen(suffix) == length &&
           strncmp(unit + end, suffix, strlen(suffix)) == 0;
}

static bool is_session(const char *unit, size_t length)
{
    return is_scope(unit, length, "session-", "0123456789") ||
           is_scope(unit, length, "session-c", "0123456789");
}

static bool is_checkout(const char *unit, size_t length)
{
    return is_scope(unit, length, "pam-checkout-", "0123456789abcdef-");
}

bool cgroup_is_session(const char *unit)
{
    return is_session(unit, strlen(unit));
}

bool cgroup_is_checkout(const char *unit)
{
    return is_checkout(unit, strlen(unit));
}

bool cgroup_is_within_scope(const struct cgroup *cgroup)
{
    for (const char *part = cgroup->path; *part; part += strcspn(part, "/")) {
        size_t length = strcspn(++part, "/");

        if (is_session(part, length) || is_checkout(part, length))
            return true;
    }
    return false;
}

int cgroup_open_kill(const struct cgroup *cgroup, int *ret_fd, struct problem *problem)
{
    char name[sizeof(MOUNT) + LIMIT_CGROUP + sizeof("/cgroup.kill")];
    const char *unit = cgroup_unit(cgroup);
    CLEANUP_CLOSE int fd = -1;
    struct statfs status = {0};

    if (!is_fit(cgroup->path) || (!cgroup_is_session(unit) && !cgroup_is_checkout(unit)))
        return problem_set(problem, -EINVAL, "%s is no session's scope", cgroup->path);
    snprintf(name, sizeof(name), MOUNT "%s/cgroup.kill", cgroup->path);
    fd = open(name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
    if (fd < 0)
        return problem_errno(problem, -errno, name);
    if (fstatfs(fd, &status) < 0)
        return problem_errno(problem, -errno, name);
    if (status.f_type != CGROUP2_SUPER_MAGIC)
        return problem_set(problem, -EINVAL, "%s is not the kernel's", name);
    *ret_fd = TAKE_FD(fd);
    return 0;
}
