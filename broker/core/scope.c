/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/scope.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SUFFIX ".scope"
#define USER_MANAGER "user@"

/* Is the text one or more of these characters, and then ".scope"? */
static bool is_suffixed(const char *text, const char *characters)
{
    size_t length = strspn(text, characters);

    return length > 0 && strcmp(text + length, SUFFIX) == 0;
}

bool scope_is_of(const char *unit, uint64_t checkout_id)
{
    char prefix[sizeof("pam-checkout--") + 20];
    int length = snprintf(prefix, sizeof(prefix), "pam-checkout-%" PRIu64 "-", checkout_id);

    return unit && checkout_id && strncmp(unit, prefix, (size_t)length) == 0 &&
           is_suffixed(unit + length, "0123456789abcdef-");
}

bool scope_is_login(const char *unit)
{
    static const char prefix[] = "session-";

    if (!unit || strncmp(unit, prefix, sizeof(prefix) - 1) != 0)
        return false;
    unit += sizeof(prefix) - 1;
    return is_suffixed(*unit == 'c' ? unit + 1 : unit, "0123456789");
}

bool scope_has_cgroup(const char *unit, const char *cgroup)
{
    const char *last = NULL;

    if (!unit || !*unit || !cgroup || *cgroup != '/')
        return false;
    for (const char *at = cgroup; *at == '/';) {
        size_t length = strcspn(++at, "/");

        if (length == 0 || strncmp(at, ".", length) == 0 || strncmp(at, "..", length) == 0)
            return false;
        /* What is below is the user's own, to name and to leave. */
        if (strncmp(at, USER_MANAGER, strlen(USER_MANAGER)) == 0)
            return false;
        last = at;
        at += length;
    }
    return last && strcmp(last, unit) == 0;
}

bool cgroup_contains(const char *outer, const char *inner)
{
    size_t length = outer ? strlen(outer) : 0;

    /* The root contains everything, and is nobody's session. */
    return inner && length > 1 && strncmp(outer, inner, length) == 0 &&
           (inner[length] == '\0' || inner[length] == '/');
}
