/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Tells when the last process of a session has gone, whatever ended it. */

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

struct watch;

/* Called from the loop, once; the watch is still the owner's to free, from within too. */
typedef void (*watch_over)(void *userdata);

/* Of everything in the cgroup below root; of one process. Where it has gone already that is told
 * from the loop, too. Returns 0 or a negative errno. */
int watch_cgroup(sd_event *event, const char *root, const char *cgroup, watch_over over,
                 void *userdata, struct watch **ret_watch);
int watch_process(sd_event *event, uint32_t pid, uint64_t start_time, watch_over over,
                  void *userdata, struct watch **ret_watch);
struct watch *watch_free(struct watch *watch);

/* Looks now, for a message that may have been missed: tells, if it has gone, before it returns. */
void watch_look(struct watch *watch);
