/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "text.h"

#include <dbus/dbus.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct range {
    uint32_t first, last;
};

/* White_Space of the Unicode Character Database (PropList.txt). */
static const struct range white_space[] = {
    {0x09, 0x0d},     {0x20, 0x20},     {0x85, 0x85},     {0xa0, 0xa0},     {0x1680, 0x1680},
    {0x2000, 0x200a}, {0x2028, 0x2029}, {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000},
};

/* Letters and symbols that show nothing: Hangul fillers and the empty Braille pattern. */
static const struct range fillers[] = {
    {0x115f, 0x1160},
    {0x2800, 0x2800},
    {0x3164, 0x3164},
    {0xffa0, 0xffa0},
};

/* What reorders, hides or breaks the text around it: bidirectional controls, zero-width and other
 * format characters, tags, line and paragraph separators. */
static const struct range deceptive[] = {
    {0xad, 0xad},     {0x61c, 0x61c},   {0x180e, 0x180e}, {0x200b, 0x200f},   {0x2028, 0x202e},
    {0x2060, 0x206f}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe007f},
};

#define IN(character, ranges) in_ranges(character, ranges, sizeof(ranges) / sizeof((ranges)[0]))

static bool in_ranges(uint32_t character, const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (character >= ranges[i].first && character <= ranges[i].last)
            return true;
    return false;
}

static bool is_control(uint32_t character)
{
    return character < 0x20 || (character >= 0x7f && character <= 0x9f);
}

static bool is_noncharacter(uint32_t character)
{
    return (character & 0xfffe) == 0xfffe || (character >= 0xfdd0 && character <= 0xfdef);
}

static bool is_blank(uint32_t character)
{
    return IN(character, white_space) || IN(character, fillers) || IN(character, deceptive);
}

/* The character that the text begins with and its length in bytes; 0 if its bytes are not UTF-8
 * (RFC 3629). libc has only decoders that obey the locale, which belongs to the host program. */
static size_t decode(const char *text, uint32_t *ret_character)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *bytes = (const unsigned char *)text;
    uint32_t character;
    size_t length;

    if (bytes[0] < 0x80) {
        *ret_character = bytes[0];
        return 1;
    }
    if (bytes[0] >= 0xf0) {
        length = 4;
        character = bytes[0] & 0x0f; /* f8 and above come out too large */
    } else if (bytes[0] >= 0xe0) {
        length = 3;
        character = bytes[0] & 0x0f;
    } else if (bytes[0] >= 0xc0) {
        length = 2;
        character = bytes[0] & 0x1f;
    } else {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80) /* the final NUL included */
            return 0;
        character = character << 6 | (bytes[i] & 0x3f);
    }
    if (character < smallest[length] || character > 0x10ffff ||
        (character >= 0xd800 && character <= 0xdfff))
        return 0;
    *ret_character = character;
    return length;
}

static bool is_valid(const char *text, size_t max, bool lines)
{
    uint32_t character = 0;
    size_t length;

    if (!text)
        return false;
    length = strnlen(text, max);
    if (text[length] != '\0' || !dbus_validate_utf8(text, NULL))
        return false;

    for (; *text; text += length) {
        length = decode(text, &character);
        if (length == 0 || (is_control(character) && !(lines && character == '\n')))
            return false;
    }
    return true;
}

bool text_is_valid(const char *text, size_t max)
{
    return is_valid(text, max, false);
}

bool text_is_valid_lines(const char *text, size_t max)
{
    return is_valid(text, max, true);
}

/* The number of characters, those that show nothing at either end left out. */
static size_t count_shown(const char *text)
{
    size_t count = 0, shown = 0;
    uint32_t character = 0;
    size_t length;

    for (; *text; text += length) {
        length = decode(text, &character);
        if (length == 0)
            length = 1;
        else if (is_blank(character)) {
            count += shown > 0;
            continue;
        }
        shown = ++count;
    }
    return shown;
}

bool text_is_blank(const char *text)
{
    return !text || count_shown(text) == 0;
}

int text_check(const char *what, const char *text, size_t min, size_t max, struct error *error)
{
    if (!text)
        return error_set(error, ERROR_INVALID_ARGUMENT, "The %s is missing.", what);
    if (strnlen(text, max) == max && text[max] != '\0')
        return error_set(error, ERROR_INVALID_ARGUMENT,
                         "The %s is too long: at most %zu bytes are allowed.", what, max);
    if (!text_is_valid(text, max))
        return error_set(error, ERROR_INVALID_ARGUMENT,
                         "The %s is not plain text: only one line of UTF-8 without control "
                         "characters is allowed.",
                         what);
    if (text_is_blank(text))
        return error_set(error, ERROR_INVALID_ARGUMENT, "The %s is blank.", what);
    if (count_shown(text) < min)
        return error_set(error, ERROR_INVALID_ARGUMENT,
                         "The %s is too short: at least %zu characters are needed.", what, min);
    return 0;
}

/* What the first character of the text, or its first byte if it is not UTF-8, looks like outside.
 * Returns how many bytes of the text that was. At most four times as many are written, and a NUL.
 */
static size_t escape_one(const char *text, char escaped[static 17])
{
    uint32_t character = 0;
    size_t length = decode(text, &character);

    if (length == 0 || is_control(character)) {
        length = length == 0 ? 1 : length;
        for (size_t i = 0; i < length; i++)
            snprintf(escaped + 4 * i, 5, "\\x%02x", (unsigned char)text[i]);
    } else if (character == '\\') {
        memcpy(escaped, "\\\\", 3);
    } else if (IN(character, deceptive) || is_noncharacter(character)) {
        snprintf(escaped, 17, "\\u{%04X}", (unsigned)character);
    } else {
        memcpy(escaped, text, length);
        escaped[length] = '\0';
    }
    return length;
}

size_t text_escape_to(char *buffer, size_t size, const char *text)
{
    size_t written = 0;

    while (text && *text) {
        char escaped[17];
        size_t length;

        text += escape_one(text, escaped);
        length = strlen(escaped);
        if (length >= size - written)
            break;
        memcpy(buffer + written, escaped, length);
        written += length;
    }
    buffer[written] = '\0';
    return written;
}

char *text_escape(const char *text)
{
    size_t length = text ? strlen(text) : 0;
    size_t size;
    char *escaped;

    if (__builtin_mul_overflow(length, 4, &size) || __builtin_add_overflow(size, 1, &size))
        return NULL;
    escaped = malloc(size);
    if (escaped)
        text_escape_to(escaped, size, text);
    return escaped;
}

void text_mend_end(char *text)
{
    size_t start = strlen(text);

    while (start > 0 && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
        start--;
    if (start > 0)
        start--;
    if (!dbus_validate_utf8(text + start, NULL))
        text[start] = '\0';
}
