/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* For LD_PRELOAD: while the file /run/io-errors is there, the calls that it names fail with EIO on
 * files of the ledger. */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

ssize_t pread64(int fd, void *buffer, size_t size, off64_t offset);
ssize_t pwrite64(int fd, const void *buffer, size_t size, off64_t offset);

static bool fails(int fd, const char *call)
{
    char link[64], path[256] = "", calls[128] = "";
    int saved = errno, file = open("/run/io-errors", O_RDONLY | O_CLOEXEC);
    bool found = false;

    if (file >= 0) {
        (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        if (read(file, calls, sizeof(calls) - 1) > 0 && readlink(link, path, sizeof(path) - 1) > 0)
            found = strstr(path, "ledger.db") && strstr(calls, call);
        close(file);
    }
    errno = found ? EIO : saved;
    return found;
}

EXPORT ssize_t pread64(int fd, void *buffer, size_t size, off64_t offset)
{
    ssize_t (*real)(int, void *, size_t, off64_t) = dlsym(RTLD_NEXT, "pread64");

    return fails(fd, "pread") ? -1 : real(fd, buffer, size, offset);
}

EXPORT ssize_t pwrite64(int fd, const void *buffer, size_t size, off64_t offset)
{
    ssize_t (*real)(int, const void *, size_t, off64_t) = dlsym(RTLD_NEXT, "pwrite64");

    return fails(fd, "pwrite") ? -1 : real(fd, buffer, size, offset);
}

EXPORT int fdatasync(int fd)
{
    int (*real)(int) = dlsym(RTLD_NEXT, "fdatasync");

    return fails(fd, "fdatasync") ? -1 : real(fd);
}
