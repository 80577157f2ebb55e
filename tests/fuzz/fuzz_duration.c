/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz.h"

#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "duration.h"
#include "caps.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text CLEANUP_FREE = fuzz_string(data, size);
    char buffer[DURATION_TEXT_MAX];
    uint64_t seconds = 0, back = 0;
    int r = duration_parse(text, &seconds);

    if (r == 0) {
        FUZZ_ASSERT(seconds > 0 && seconds <= LIMIT_DURATION_SECONDS);
        FUZZ_ASSERT(duration_parse(duration_format(seconds, buffer), &back) == 0);
        FUZZ_ASSERT(back == seconds);
    } else {
        FUZZ_ASSERT(r == -EINVAL || r == -ERANGE);
        FUZZ_ASSERT(seconds == 0);
    }

    /* any number at all can be shown */
    memcpy(&seconds, data, size < sizeof(seconds) ? size : sizeof(seconds));
    duration_format(seconds, buffer);
    FUZZ_ASSERT(strlen(buffer) >= 2 && strlen(buffer) < DURATION_TEXT_MAX);
    return 0;
}
