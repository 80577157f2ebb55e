/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "audit_number.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "cleanup.h"

int audit_number_read(const char *path, uint32_t *ret_number)
{
    CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    char text[16] = "", *end = NULL;
    unsigned long number;
    ssize_t length;

    if (fd < 0)
        return -errno;
    do
        length = read(fd, text, sizeof(text) - 1);
    while (length < 0 && errno == EINTR);
    if (length < 0)
        return -errno;
    text[length] = '\0';
    errno = 0;
    number = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || number > UINT32_MAX)
        return -EBADMSG;
    *ret_number = (uint32_t)number;
    return 0;
}
