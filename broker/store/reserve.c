/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/reserve.h"

#include <fcntl.h>
#include <unistd.h>

#include "cleanup.h"

/* A transaction writes some ten pages of 4 KB into the log: enough for two dozen of them. */
#define RESERVE_BYTES (1024 * 1024)

int reserve_keep(const char *path)
{
    CLEANUP_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    int r;

    if (fd < 0)
        return -errno;
    r = posix_fallocate(fd, 0, RESERVE_BYTES);
    if (r != 0)
        (void)unlink(path); /* what it got of it is for others */
    return -r;
}

bool reserve_give(const char *path)
{
    return unlink(path) == 0;
}
