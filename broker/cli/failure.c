/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/failure.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Appends to text, and leaves no half character at its end. */
static void text_append(char *text, size_t size, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

static void text_append(char *text, size_t size, const char *format, va_list arguments)
{
    size_t used = strlen(text);
    int length = vsnprintf(text + used, size - used, format, arguments);

    if (length < 0) {
        text[used] = '\0';
        return;
    }
    if ((size_t)length < size - used)
        return;

    size_t end = size - 1;
    while (end > used && ((unsigned char)text[end - 1] & 0xc0) == 0x80)
        end--;
    if (end > used && (unsigned char)text[end - 1] >= 0xc0)
        end--;
    text[end] = '\0';
}

int failure_set(struct failure *failure, enum exit_code exit_code, const char *name,
                const char *format, ...)
{
    va_list arguments;

    failure->exit = exit_code;
    snprintf(failure->name, sizeof(failure->name), "%s", name);
    failure->text[0] = '\0';
    va_start(arguments, format);
    text_append(failure->text, sizeof(failure->text), format, arguments);
    va_end(arguments);
    return exit_code;
}

void failure_add(struct failure *failure, const char *format, ...)
{
    va_list arguments;
    size_t used = strlen(failure->text);

    if (used > 0 && used + 3 < sizeof(failure->text))
        strncat(failure->text, "; ", sizeof(failure->text) - used - 1);
    va_start(arguments, format);
    text_append(failure->text, sizeof(failure->text), format, arguments);
    va_end(arguments);
}

int failure_no_memory(struct failure *failure)
{
    return failure_set(failure, EXIT_REFUSED, "OutOfMemory", "out of memory; nothing was done");
}
