/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "duration.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "caps.h"

#define BLANKS " \t"
#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyz"

static const struct unit {
    const char *name;
    unsigned kind; /* the same for two names of one unit */
    uint64_t seconds;
} units[] = {
    {"s", 0, 1},       {"min", 1, 60},         {"m", 1, 60},
    {"h", 2, 60 * 60}, {"d", 3, 24 * 60 * 60}, {"w", 4, 7 * 24 * 60 * 60},
};

static const struct unit *find_unit(const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (strlen(units[i].name) == length && memcmp(units[i].name, name, length) == 0)
            return &units[i];
    return NULL;
}

int duration_parse(const char *text, uint64_t *ret_seconds)
{
    uint64_t total = 0;
    unsigned seen = 0;
    bool too_long = false;

    if (!text)
        return -EINVAL;

    text += strspn(text, BLANKS);
    while (*text) {
        size_t n_digits = strspn(text, DIGITS);
        const struct unit *unit;
        uint64_t part = 0;
        size_t n_letters;

        if (n_digits == 0)
            return -EINVAL;
        for (; n_digits > 0; n_digits--, text++)
            if (__builtin_mul_overflow(part, 10, &part) ||
                __builtin_add_overflow(part, (uint64_t)(*text - '0'), &part))
                too_long = true;

        text += strspn(text, BLANKS);
        n_letters = strspn(text, LETTERS);
        unit = find_unit(text, n_letters);
        if (!unit || (seen & 1u << unit->kind))
            return -EINVAL;
        seen |= 1u << unit->kind;
        if (__builtin_mul_overflow(part, unit->seconds, &part) ||
            __builtin_add_overflow(total, part, &total))
            too_long = true;

        text += n_letters;
        text += strspn(text, BLANKS);
    }

    if (seen == 0)
        return -EINVAL;
    if (too_long || total == 0 || total > LIMIT_DURATION_SECONDS)
        return -ERANGE;
    *ret_seconds = total;
    return 0;
}

char *duration_format(uint64_t seconds, char buffer[static DURATION_TEXT_MAX])
{
    /* Days are the largest: "10d" says more than "1w 3d". */
    static const struct unit shown[] = {
        {"d", 3, 24 * 60 * 60},
        {"h", 2, 60 * 60},
        {"min", 1, 60},
        {"s", 0, 1},
    };
    size_t length = 0;

    snprintf(buffer, DURATION_TEXT_MAX, "0s");
    for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
        uint64_t count = seconds / shown[i].seconds;

        seconds %= shown[i].seconds;
        if (count == 0)
            continue;
        /* At its longest "213503982334601d 23h 59min 59s". */
        length += (size_t)snprintf(buffer + length, DURATION_TEXT_MAX - length, "%s%" PRIu64 "%s",
                                   length > 0 ? " " : "", count, shown[i].name);
    }
    return buffer;
}
