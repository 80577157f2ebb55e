/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The terminals of people who are logged in, and one line on one of them. */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "caps.h"

/* `name` is relative to the folder of devices: "pts/3". */
struct tty {
    uid_t uid;
    char name[LIMIT_TTY + 1];
};

/* Where to look. Borrowed; lives as long as who uses it. */
struct tty_source {
    const char *devices; /* folder: /dev */
    const char *utmp;    /* file of utmp(5); it may be missing */
    /* Writes the logind sessions of people, at most max; name is "" where logind knows no terminal.
     * Returns how many. */
    size_t (*sessions)(struct tty *ret_sessions, size_t max);
};

/* This machine's. */
extern const struct tty_source tty_source_machine;

/* Finds terminals by the sessions, by utmp and, for who has a session without a known terminal (ssh
 * where there is no utmp), by the owner of the pseudo-terminals. Each once. Returns how many. */
size_t tty_list(const struct tty_source *source, struct tty *ret_ttys, size_t max);

/* Writes a line, which is safe to show, with line breaks around it and without waiting. Where the
 * terminal is not set to UTF-8 what is not ASCII becomes '?'. Returns 0, -EPERM if it is no
 * terminal of that user or takes no messages (mesg n), -EAGAIN if nobody reads it, or another
 * negative errno. */
int tty_write_line(const char *devices, const struct tty *tty, const char *line);
