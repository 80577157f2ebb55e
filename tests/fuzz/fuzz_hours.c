/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "policy/policy_hours.h"
#include "policy/policy_source.h"

/* Hours, and what the library itself says of the same minute. */
static void check_hours(const char *text, uint64_t wall)
{
    struct policy_hours hours = {0}, rest;
    const char *problem = NULL;
    int r = policy_hours_parse(text, &hours, &problem);

    if (r != 0) {
        FUZZ_ASSERT(r == -EINVAL && problem);
        return;
    }
    FUZZ_ASSERT(hours.days > 0 && hours.days <= 0x7f);
    FUZZ_ASSERT(hours.from < 1440 && hours.to <= 1440 && hours.from != hours.to);
    FUZZ_ASSERT(policy_hours_include(&hours, wall) == policy_hours_include(&hours, wall));

    /* every minute is either in the hours of all days, or in what is left of the day */
    hours.days = 0x7f;
    rest = hours;
    rest.from = hours.to % 1440;
    rest.to = hours.from;
    if (rest.from != rest.to && wall < UINT32_MAX)
        FUZZ_ASSERT(policy_hours_include(&hours, wall) != policy_hours_include(&rest, wall));
    policy_hours_clear(&hours);
    FUZZ_ASSERT(getenv("TZ") == NULL);
}

static void check_source(const char *text)
{
    struct policy_source source = {0};
    const char *problem = NULL;
    int r = policy_source_parse(text, &source, &problem);

    if (r != 0) {
        FUZZ_ASSERT(r == -EINVAL && problem);
        return;
    }
    FUZZ_ASSERT(policy_source_covers(&source, &source));
    FUZZ_ASSERT(policy_source_matches(&source, NULL) == source.local);
    /* an address or a network's own is in it */
    if (!source.local) {
        CLEANUP_FREE char *address = strndup(text, strcspn(text, "/"));

        FUZZ_ASSERT(address && policy_source_matches(&source, address));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t wall = 0;
    CLEANUP_FREE char *text = NULL;

    if (size < sizeof(wall))
        return 0;
    memcpy(&wall, data, sizeof(wall));
    text = fuzz_string(data + sizeof(wall), size - sizeof(wall));
    unsetenv("TZ");
    check_hours(text, wall);
    check_hours(text, wall % UINT32_MAX);
    check_source(text);
    return 0;
}
