/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus/moment.h"

#include <systemd/sd-id128.h>
#include <time.h>

struct moment moment_now(void)
{
    struct moment now = {0};
    struct timespec wall = {0}, boot = {0};
    sd_id128_t id;

    clock_gettime(CLOCK_REALTIME, &wall);
    clock_gettime(CLOCK_BOOTTIME, &boot);
    now.wall = (uint64_t)wall.tv_sec;
    now.boot = (uint64_t)boot.tv_sec;
    if (sd_id128_get_boot(&id) == 0)
        sd_id128_to_string(id, now.boot_id);
    return now;
}
