/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Configuration files as bytes: opened with care, refused unless they are plain text. */

#include <stddef.h>

#include "error.h"

#define CONFIG_FILE_MAX (1024 * 1024) /* bytes of one file */

/* Opens the directory: no symbolic link, of root or the caller's own uid, writable by nobody else.
 * Returns 0 with *ret_fd -1 where there is none, 0 with the descriptor (the caller's to close), or
 * ERROR_INVALID_ARGUMENT. */
int config_directory_open(const char *directory, int *ret_fd, struct error *error);

/* Reads the file `name` in the directory (AT_FDCWD: a path), to which the same rules apply; `file`
 * is what messages call it. Returns 0 with the bytes and a NUL behind them (the caller frees) or
 * with *ret_text NULL where there is none, or ERROR_INVALID_ARGUMENT. */
int config_file_read(int directory_fd, const char *name, const char *file, char **ret_text,
                     size_t *ret_length, struct error *error);

/* Refuses a byte order mark, NUL, CR, control characters, what is not UTF-8, and a last line
 * without its end (the file was cut). Returns 0 or ERROR_INVALID_ARGUMENT with "FILE:LINE: …". */
int config_text_check(const char *file, const char *text, size_t length, struct error *error);
