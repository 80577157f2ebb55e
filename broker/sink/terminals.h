/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Tells the approvers who are logged in that a request waits for them, with a line on each of their
 * terminals. A courtesy: what cannot be told at once is told shorter, later, or not at all. */

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "core/event.h"
#include "names/names.h"
#include "sink/tty.h"

/* May this person, whose groups are known, decide about that request, now? Called from the loop. */
typedef bool (*terminals_may_decide)(uint64_t id, const struct identity *person, void *userdata);

struct terminals;

/* names and source (NULL: this machine's) are borrowed; names outlives it.
 * Returns 0 or a negative errno. */
int terminals_new(sd_event *event, struct names *names, const struct tty_source *source,
                  terminals_may_decide may_decide, void *userdata,
                  struct terminals **ret_terminals);
struct terminals *terminals_free(struct terminals *terminals);

/* Tells of a pending request everybody who may decide about it, save who asked; lapses_soon says
 * that, too. Nothing is done within the call. Returns 0, -ENOMEM, or -EBUSY when there are too many
 * to tell them all. */
int terminals_tell(struct terminals *terminals, const struct checkout *checkout, bool lapses_soon);

/* An event_sink that tells of every new request, and again of one that needs more approvals;
 * userdata is the struct terminals. */
void terminals_sink(const struct event *event, void *userdata);
