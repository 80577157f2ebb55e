/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "policy/config_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "text.h"

static int fail_errno(struct error *error, const char *file, const char *verb, int code)
{
    if (code == EACCES || code == EPERM)
        return error_set(error, ERROR_INVALID_ARGUMENT,
                         "%s: cannot be %s by uid %u: permission denied; let that user read it",
                         file, verb, geteuid());
    return error_set(error, ERROR_INVALID_ARGUMENT, "%s: cannot be %s: %s", file, verb,
                     strerrordesc_np(code));
}

static int check_owner(const char *file, const struct stat *st, struct error *error)
{
    if (st->st_uid != 0 && st->st_uid != geteuid())
        return error_set(error, ERROR_INVALID_ARGUMENT,
                         "%s: belongs to uid %u; it must belong to root", file, st->st_uid);
    if (st->st_mode & (S_IWGRP | S_IWOTH))
        return error_set(
            error, ERROR_INVALID_ARGUMENT,
            "%s: is writable by group or others (mode %04o); only its owner may write it", file,
            st->st_mode & 07777u);
    return 0;
}

/* What O_NOFOLLOW says of a symbolic link is ELOOP, or ENOTDIR together with O_DIRECTORY (open(2)).
 */
static bool is_link(int directory_fd, const char *name)
{
    struct stat st;

    return fstatat(directory_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
}

int config_directory_open(const char *directory, int *ret_fd, struct error *error)
{
    CLEANUP_CLOSE int fd = -1;
    struct stat st;
    int r;

    fd = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        r = errno;
        if (r == ENOENT) {
            *ret_fd = -1;
            return 0;
        }
        if (is_link(AT_FDCWD, directory))
            return error_set(error, ERROR_INVALID_ARGUMENT,
                             "%s: is a symbolic link; it must be a directory", directory);
        return fail_errno(error, directory, "opened", r);
    }
    if (fstat(fd, &st) < 0)
        return fail_errno(error, directory, "examined", errno);
    r = check_owner(directory, &st, error);
    if (r != 0)
        return r;
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int config_file_read(int directory_fd, const char *name, const char *file, char **ret_text,
                     size_t *ret_length, struct error *error)
{
    CLEANUP_CLOSE int fd = -1;
    CLEANUP_FREE char *text = NULL;
    size_t length = 0;
    struct stat st;
    int r;

    /* O_NONBLOCK: a FIFO must not hold up the broker before it is seen to be one. */
    fd = openat(directory_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) {
        r = errno;
        if (r == ENOENT) {
            *ret_text = NULL;
            return 0;
        }
        if (is_link(directory_fd, name))
            return error_set(error, ERROR_INVALID_ARGUMENT,
                             "%s: is a symbolic link; it must be a regular file", file);
        return fail_errno(error, file, "opened", r);
    }
    if (fstat(fd, &st) < 0)
        return fail_errno(error, file, "examined", errno);
    if (!S_ISREG(st.st_mode))
        return error_set(error, ERROR_INVALID_ARGUMENT, "%s: is not a regular file", file);
    r = check_owner(file, &st, error);
    if (r != 0)
        return r;

    /* One byte more than allowed tells a file that is too long; one more is for the NUL. */
    text = malloc(CONFIG_FILE_MAX + 2);
    if (!text)
        return error_set(error, ERROR_INVALID_ARGUMENT, "%s: out of memory", file);
    while (length <= CONFIG_FILE_MAX) {
        ssize_t n = read(fd, text + length, CONFIG_FILE_MAX + 1 - length);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_errno(error, file, "read", errno);
        if (n == 0)
            break;
        length += (size_t)n;
    }
    if (length > CONFIG_FILE_MAX)
        return error_set(error, ERROR_INVALID_ARGUMENT, "%s: is longer than %d bytes", file,
                         CONFIG_FILE_MAX);
    text[length] = '\0';

    *ret_text = TAKE_PTR(text);
    *ret_length = length;
    return 0;
}

/* text_is_valid() refuses the tab as well, which may stand in a configuration file. */
static bool line_is_valid(char *line)
{
    for (char *c = line; *c; c++)
        if (*c == '\t')
            *c = ' ';
    return text_is_valid(line, CONFIG_FILE_MAX);
}

int config_text_check(const char *file, const char *text, size_t length, struct error *error)
{
    const char *at = text, *end = text + length;

    if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        return error_set(error, ERROR_INVALID_ARGUMENT,
                         "%s:1: begins with a byte order mark; save it as plain UTF-8", file);

    for (unsigned line = 1; at < end; line++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t size = (size_t)((stop ? stop : end) - at);
        CLEANUP_FREE char *copy = NULL;

        if (memchr(at, '\0', size))
            return error_set(error, ERROR_INVALID_ARGUMENT, "%s:%u: holds a NUL byte", file, line);
        if (memchr(at, '\r', size))
            return error_set(error, ERROR_INVALID_ARGUMENT,
                             "%s:%u: holds a carriage return; lines end with a newline alone", file,
                             line);
        copy = strndup(at, size);
        if (!copy)
            return error_set(error, ERROR_INVALID_ARGUMENT, "%s: out of memory", file);
        if (!line_is_valid(copy))
            return error_set(error, ERROR_INVALID_ARGUMENT,
                             "%s:%u: holds bytes that are not UTF-8 or a control character", file,
                             line);
        if (!stop)
            return error_set(error, ERROR_INVALID_ARGUMENT,
                             "%s:%u: ends without a newline, as a file does that was cut; end the "
                             "last line",
                             file, line);
        at = stop + 1;
    }
    return 0;
}
