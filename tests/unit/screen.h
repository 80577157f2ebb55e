/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a program has written to a pseudo-terminal, for tests. */

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "sink/tty.h"

/* Opens one that takes messages and shows bytes as they are written. Returns 0 or -1. */
static inline int screen_open(int *ret_master, int *ret_slave, struct tty *ret_tty)
{
    struct termios settings;
    char path[64];

    if (openpty(ret_master, ret_slave, path, NULL, NULL) < 0 || fchmod(*ret_slave, 0620) < 0 ||
        tcgetattr(*ret_slave, &settings) < 0 || strncmp(path, "/dev/", 5) != 0)
        return -1;
    settings.c_oflag &= ~(tcflag_t)OPOST;
    ret_tty->uid = geteuid();
    strcpy(ret_tty->name, path + 5);
    return tcsetattr(*ret_slave, TCSANOW, &settings);
}

/* Writes to the terminal without waiting until it takes no more. */
static inline void screen_fill(int slave)
{
    int flags = fcntl(slave, F_GETFL);

    (void)fcntl(slave, F_SETFL, flags | O_NONBLOCK);
    while (write(slave, "x", 1) == 1)
        ;
    (void)fcntl(slave, F_SETFL, flags);
}

/* Reads everything so far. The kernel hands it over in the background, so that only a mark of our
 * own behind it tells the end. Returns buffer. */
static inline const char *screen_read(int master, int slave, char *buffer, size_t size)
{
    static const char mark[] = "\001";
    int flags = fcntl(slave, F_GETFL);
    struct pollfd readable = {.fd = master, .events = POLLIN};
    size_t length = 0;
    int marked = 0;

    (void)fcntl(slave, F_SETFL, flags | O_NONBLOCK);
    for (;;) {
        marked = marked || write(slave, mark, 1) == 1;
        if (poll(&readable, 1, 10000) <= 0)
            break;
        ssize_t n = read(master, buffer + length, size - 1 - length);
        if (n <= 0)
            break;
        length += (size_t)n;
        if (marked && buffer[length - 1] == *mark) {
            length--;
            break;
        }
    }
    (void)fcntl(slave, F_SETFL, flags);
    buffer[length] = '\0';
    return buffer;
}
