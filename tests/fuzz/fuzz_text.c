/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz.h"

#include <dbus/dbus.h>

#include "cleanup.h"
#include "text.h"

/* Takes the escapes back; what was a character by number comes out as UTF-8. */
static void unescape(const char *escaped, char *text)
{
    while (*escaped) {
        char *end = NULL;
        unsigned long c;

        if (*escaped != '\\') {
            *text++ = *escaped++;
            continue;
        }
        switch (escaped[1]) {
        case '\\':
            *text++ = '\\';
            escaped += 2;
            break;
        case 'x': {
            char hex[3] = {escaped[2], escaped[3], '\0'};

            *text++ = (char)strtoul(hex, &end, 16);
            FUZZ_ASSERT(end == hex + 2);
            escaped += 4;
            break;
        }
        case 'u':
            FUZZ_ASSERT(escaped[2] == '{');
            c = strtoul(escaped + 3, &end, 16);
            FUZZ_ASSERT(*end == '}' && end - escaped >= 7 && c >= 0xad);
            escaped = end + 1;
            if (c < 0x800) {
                *text++ = (char)(0xc0 | c >> 6);
            } else if (c < 0x10000) {
                *text++ = (char)(0xe0 | c >> 12);
                *text++ = (char)(0x80 | (c >> 6 & 0x3f));
            } else {
                *text++ = (char)(0xf0 | c >> 18);
                *text++ = (char)(0x80 | (c >> 12 & 0x3f));
                *text++ = (char)(0x80 | (c >> 6 & 0x3f));
            }
            *text++ = (char)(0x80 | (c & 0x3f));
            break;
        default:
            FUZZ_ASSERT(!"an escape of ours");
        }
    }
    *text = '\0';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text CLEANUP_FREE = fuzz_string(data, size);
    char *escaped CLEANUP_FREE = text_escape(text);
    char *back CLEANUP_FREE = NULL, *cut CLEANUP_FREE = NULL;
    size_t length = strlen(text), max = size > 0 ? data[size - 1] : 0, cut_size = max + 1, written;
    struct error error = {0};
    int r;

    /* Outside it is plain text, and nothing was lost. */
    FUZZ_ASSERT(escaped && strlen(escaped) <= 4 * length);
    FUZZ_ASSERT(text_is_valid(escaped, SIZE_MAX));
    back = malloc(strlen(escaped) + 1);
    FUZZ_ASSERT(back);
    unescape(escaped, back);
    FUZZ_ASSERT(strcmp(back, text) == 0);

    /* Cut short it is a beginning of that, and plain text still. */
    cut = malloc(cut_size);
    FUZZ_ASSERT(cut);
    written = text_escape_to(cut, cut_size, text);
    FUZZ_ASSERT(written == strlen(cut) && written < cut_size);
    FUZZ_ASSERT(strncmp(cut, escaped, written) == 0);
    FUZZ_ASSERT(text_is_valid(cut, SIZE_MAX));
    FUZZ_ASSERT(escaped[written] == '\0' || written + strlen("\\u{10FFFF}") >= cut_size);
    unescape(cut, back);
    FUZZ_ASSERT(strncmp(back, text, strlen(back)) == 0);

    if (text_is_valid(text, max)) {
        FUZZ_ASSERT(length <= max && dbus_validate_utf8(text, NULL));
        FUZZ_ASSERT(text_is_valid_lines(text, max));
    }
    if (text_is_valid_lines(text, max))
        FUZZ_ASSERT(text_is_valid(text, max) || strchr(text, '\n'));
    r = text_check("reason", text, 3, max, &error);
    FUZZ_ASSERT(r == 0 || (r == ERROR_INVALID_ARGUMENT && error.code == ERROR_INVALID_ARGUMENT));
    FUZZ_ASSERT(r != 0 || (text_is_valid(text, max) && !text_is_blank(text) && length >= 3));
    return 0;
}
