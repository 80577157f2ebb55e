/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/wrap.h"

/* Narrower ones are left to themselves. */
#define WRAP_WIDTH_MIN 8

/* Columns of the character that begins here; 0 for a byte within one. */
static size_t columns_of(char c)
{
    unsigned char byte = (unsigned char)c;

    return byte < 0x80 ? 1 : byte >= 0xc0 ? 2 : 0;
}

/* Columns up to the next blank. */
static size_t word_columns(const char *text)
{
    size_t columns = 0;

    for (; *text && *text != ' '; text++)
        columns += columns_of(*text);
    return columns;
}

void wrap_put(struct wrap *wrap, FILE *stream, const char *text)
{
    /* One column stays free: with the last one filled some terminals already begin another line. */
    size_t width = wrap->width > 0 ? wrap->width - 1 : 0;
    size_t indent = wrap->indent < width / 2 ? wrap->indent : width / 2;

    if (width < WRAP_WIDTH_MIN) {
        fputs(text, stream);
        return;
    }
    for (; *text; text++) {
        size_t columns = columns_of(*text), word = *text == ' ' ? word_columns(text + 1) : 0;
        bool breaks_here = word > 0 && wrap->column + 1 + word > width && indent + word <= width;

        if (breaks_here || wrap->column + columns > width) {
            fprintf(stream, "\n%*s", (int)indent, wrap->mark ? "| " : "");
            wrap->column = indent;
            if (breaks_here)
                continue;
        }
        fputc(*text, stream);
        wrap->column += columns;
    }
}
