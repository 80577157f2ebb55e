/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A program of the system that is asked for something: by absolute path, without a shell, with an
 * environment of its own. */

#include <stddef.h>

/* The first of the names, in /usr/bin, /usr/sbin, /bin and /sbin, that can be executed; NULL: none.
 * `buffer` has room for PATH_MAX bytes. */
const char *program_find(const char *name, char *buffer);

/* Runs it with `input` (NULL: nothing) on its standard input. What it writes, at most 4 MiB of
 * each, goes to *ret_output and *ret_errors (either may be NULL), which the caller frees. Returns 0
 * and the wait status (waitpid(2)), -ETIMEDOUT after 20 s, -EFBIG, or a negative errno. */
int program_run(const char *const *argv, const char *input, char **ret_output, char **ret_errors,
                int *ret_status);
