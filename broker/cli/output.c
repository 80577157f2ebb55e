/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/output.h"

#include <errno.h>
#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cleanup.h"
#include "cli/value.h"
#include "text.h"

void output_init(struct output *output)
{
    const char *no_colour = getenv("NO_COLOR");

    setlocale(LC_CTYPE, "");
    output->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    /* All our text is UTF-8, and the width of tables is computed by the locale. */
    if (!output->utf8)
        setlocale(LC_CTYPE, "C.UTF-8");
    output->wrap.indent = OUTPUT_INDENT;
    output->colour = isatty(STDOUT_FILENO) && (!no_colour || no_colour[0] == '\0');
}

/* Replaces everything beyond ASCII in valid UTF-8 by \u{NNNN}: in another character set the bytes
 * could be control characters. */
static char *ascii_only(const char *text)
{
    /* \u{10ffff} is ten bytes for four, \u{80} six for two. */
    CLEANUP_FREE char *ascii = malloc(strlen(text) * 3 + 1);
    char *end = ascii;

    if (!ascii)
        return NULL;
    for (const unsigned char *c = (const unsigned char *)text; *c;) {
        unsigned length = *c < 0x80 ? 1 : *c < 0xe0 ? 2 : *c < 0xf0 ? 3 : 4;
        uint32_t point = length == 1 ? *c : *c & (0x7fu >> length);

        for (unsigned i = 1; i < length && c[i]; i++)
            point = point << 6 | (c[i] & 0x3f);
        if (length == 1)
            *end++ = (char)*c;
        else
            end += snprintf(end, 11, "\\u{%" PRIX32 "}", point);
        c += length;
    }
    *end = '\0';
    return TAKE_PTR(ascii);
}

char *output_escape(const struct output *output, FILE *stream, const char *text)
{
    CLEANUP_FREE char *escaped = text_escape(text);

    if (!escaped || output->utf8 || !isatty(fileno(stream)))
        return TAKE_PTR(escaped);
    return ascii_only(escaped);
}

/* The reason is gone by the time that the stream is closed. */
static void note_error(struct output *output, FILE *stream)
{
    if (stream == stdout && ferror(stream) && output->error == 0)
        output->error = errno;
}

void output_flush(struct output *output)
{
    fflush(stdout);
    note_error(output, stdout);
}

/* 0 where there is no terminal. */
static size_t terminal_width(FILE *stream)
{
    struct winsize size = {0};

    if (!isatty(fileno(stream)))
        return 0;
    return ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

void output_indent(struct output *output, size_t indent, bool mark)
{
    output->wrap.indent = indent;
    output->wrap.mark = mark;
}

static void put(struct output *output, FILE *stream, const char *before, const char *after,
                const char *format, va_list arguments) __attribute__((format(printf, 5, 0)));

static void put(struct output *output, FILE *stream, const char *before, const char *after,
                const char *format, va_list arguments)
{
    CLEANUP_FREE char *raw = NULL, *escaped = NULL;

    if (vasprintf(&raw, format, arguments) < 0) {
        raw = NULL;
        output->error = ENOMEM;
        return;
    }
    escaped = output_escape(output, stream, raw);
    if (!escaped) {
        output->error = ENOMEM;
        return;
    }
    output->wrap.width = terminal_width(stream);
    fputs(before, stream);
    wrap_put(&output->wrap, stream, escaped);
    fputs(after, stream);
    note_error(output, stream);
}

void output_line_escaped(struct output *output, FILE *stream, const char *text)
{
    bool ascii = !output->utf8 && isatty(fileno(stream));
    CLEANUP_FREE char *copy = ascii ? ascii_only(text) : NULL;

    if (ascii && !copy) {
        output->error = ENOMEM;
        return;
    }
    output->wrap.width = terminal_width(stream);
    wrap_put(&output->wrap, stream, copy ? copy : text);
    fputc('\n', stream);
    note_error(output, stream);
    output->wrap.column = 0;
}

void output_line(struct output *output, FILE *stream, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    put(output, stream, "", "\n", format, arguments);
    va_end(arguments);
    output->wrap.column = 0;
}

static const struct {
    const char *name, *sequence;
} colours[] = {
    [COLOUR_NONE] = {NULL, ""},
    [COLOUR_GREEN] = {"green", "\033[32m"},
    [COLOUR_YELLOW] = {"brown", "\033[33m"},
    [COLOUR_RED] = {"red", "\033[31m"},
    [COLOUR_BOLD] = {"bold", "\033[1m"},
};

const char *output_colour_name(enum output_colour colour)
{
    return colours[colour].name;
}

void output_part(struct output *output, FILE *stream, enum output_colour colour, const char *format,
                 ...)
{
    bool coloured = colour != COLOUR_NONE && output->colour && isatty(fileno(stream));
    va_list arguments;

    va_start(arguments, format);
    put(output, stream, coloured ? colours[colour].sequence : "", coloured ? "\033[0m" : "", format,
        arguments);
    va_end(arguments);
}

void output_json(struct output *output, FILE *stream, const json_t *value)
{
    CLEANUP_FREE char *text = json_dumps(value, JSON_COMPACT | JSON_ENSURE_ASCII);

    if (!text) {
        output->error = ENOMEM;
        return;
    }
    for (const char *c = text; *c; c++)
        /* The one control character that JSON lets stand as it is. */
        if (*c == 0x7f)
            fputs("\\u007f", stream);
        else
            fputc(*c, stream);
    fputc('\n', stream);
    note_error(output, stream);
}

static void failure_json(struct output *output, const struct failure *failure, uint64_t id)
{
    CLEANUP_JSON json_t *object = json_object();
    CLEANUP_FREE char *escaped = text_escape(failure->text);
    json_t *message = json_string(failure->text);

    /* What was typed need not be UTF-8. */
    if (!message && escaped)
        message = json_string(escaped);
    if (!object || json_object_set_new(object, "error", json_string(failure->name)) < 0 ||
        json_object_set_new(object, "message", message) < 0 ||
        (id != 0 && json_object_set_new(object, "id", json_integer((json_int_t)id)) < 0)) {
        output->error = ENOMEM;
        return;
    }
    output_json(output, stderr, object);
}

/* "check-out 17 was …" need not be told that it is about request 17. */
static bool names_request(const char *text, uint64_t id)
{
    static const char *const words[] = {"request", "check-out", "number"};

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        char name[40];
        int length = snprintf(name, sizeof(name), "%s %" PRIu64, words[i], id);
        const char *found = strstr(text, name);

        if (found && (found[length] < '0' || found[length] > '9'))
            return true;
    }
    return false;
}

int output_failure(struct output *output, const struct failure *failure, uint64_t id)
{
    if (output->json)
        failure_json(output, failure, id);
    else if (id != 0 && !names_request(failure->text, id))
        output_line(output, stderr, "checkoutctl: request %" PRIu64 ": %s", id, failure->text);
    else
        output_line(output, stderr, "checkoutctl: %s", failure->text);
    return failure->exit;
}
