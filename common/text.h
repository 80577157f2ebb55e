/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Text from outside: what may come in, and how it goes out to a terminal. */

#include <stdbool.h>
#include <stddef.h>

#include "error.h"

/* True if the text is valid UTF-8 without a control character (C0, DEL, C1) or a noncharacter that
 * D-Bus refuses, and no longer than max bytes. The empty text is valid. NULL is not.
 * libdbus aborts the process on a string that is not UTF-8, so nothing is appended to a message
 * before this was asked. */
bool text_is_valid(const char *text, size_t max);

/* The same, but line feeds are valid in it. */
bool text_is_valid_lines(const char *text, size_t max);

/* True if there is nothing to be seen in it: white space (Unicode's included), invisible format
 * characters and fillers, or nothing at all, NULL included. */
bool text_is_blank(const char *text);

/* Checks a text that a person gave: valid as above, not blank, at least min characters
 * without what is blank at either end. `what` names it in the error ("reason"). Returns 0 or
 * ERROR_INVALID_ARGUMENT with *error filled in. */
int text_check(const char *what, const char *text, size_t min, size_t max, struct error *error);

/* vsnprintf() cuts between bytes: drops the last character if it lost its end. */
void text_mend_end(char *text);

/* Writes the text into buffer so that a terminal, a log or a table shows it as it is and obeys
 * nothing in it: control characters and bytes that are not UTF-8 become \xNN, bidirectional and
 * invisible format characters and line separators become \u{NNNN}, the backslash becomes \\.
 * Always terminates; what does not fit is cut at the border of a character or escape. Returns the
 * length written. size must be at least 1; a text that is NULL is empty. */
size_t text_escape_to(char *buffer, size_t size, const char *text);

/* The same in memory of its own; the caller frees. NULL when there is none left. */
char *text_escape(const char *text);
