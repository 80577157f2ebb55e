/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What goes to people and scripts. Whole lines are escaped, so that a terminal shows what somebody
 * else wrote and obeys nothing of it. */

#include <jansson.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "cli/failure.h"
#include "cli/wrap.h"

enum output_colour { COLOUR_NONE, COLOUR_GREEN, COLOUR_YELLOW, COLOUR_RED, COLOUR_BOLD };

/* Of lines that belong together. */
#define OUTPUT_INDENT 4

struct output {
    bool json;
    bool utf8;        /* what the user's locale says; without it a terminal gets ASCII alone */
    bool colour;      /* on a terminal where NO_COLOR is not set */
    struct wrap wrap; /* on a terminal */
    int error;        /* the errno of the first text that could not be put out; 0: none */
};

/* Sets the locale for widths too. */
void output_init(struct output *output);

/* Escapes one text; the caller frees. NULL when out of memory. `stream` is where it will go. */
char *output_escape(const struct output *output, FILE *stream, const char *text);

/* Formats, escapes the whole, and writes it, on a terminal in lines that fit: output_line with an
 * end of line. One line is finished before another stream is written to. */
void output_line(struct output *output, FILE *stream, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void output_part(struct output *output, FILE *stream, enum output_colour colour, const char *format,
                 ...) __attribute__((format(printf, 4, 5)));

/* The same for a text that is escaped already (text.h). */
void output_line_escaped(struct output *output, FILE *stream, const char *text);

/* How the next lines go on in another one: how far indented, and with "| " before it, where
 * somebody else's text could be taken for ours. */
void output_indent(struct output *output, size_t indent, bool mark);

/* Brings everything to standard output now. */
void output_flush(struct output *output);

/* The sequence that libsmartcols takes for a colour ("green"), or NULL. */
const char *output_colour_name(enum output_colour colour);

/* One object a line. Beyond ASCII everything is escaped (\uXXXX): the same to every reader of JSON,
 * and nothing in it can turn round what a terminal shows. */
void output_json(struct output *output, FILE *stream, const json_t *value);

/* Says on stderr what went wrong, and returns failure->exit. id 0: it concerns no request by
 * number. */
int output_failure(struct output *output, const struct failure *failure, uint64_t id);
