/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Every event as an entry of the systemd journal, for those who read that. The ledger is the record
 * and comes first; what could not be delivered is counted. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "core/event.h"

/* Delivers one entry. Returns 0 or a negative errno. */
typedef int (*journal_send)(const struct iovec *fields, int count);

struct journal;

/* send: NULL for journald itself. Returns 0 or -ENOMEM. */
int journal_new(journal_send send, struct journal **ret_journal);
struct journal *journal_free(struct journal *journal);

/* An event_sink; userdata is the struct journal. Never waits for journald. */
void journal_sink(const struct event *event, void *userdata);

/* Events that did not get into the journal. */
struct journal_gap {
    uint64_t missed; /* how many */
    uint64_t since;  /* Unix seconds: of the first */
    uint64_t first_seq, last_seq;
    int error; /* negative errno: why the last one was not delivered */
};

/* True when there is a gap and the journal has taken an entry again since, so that
 * EVENT_JOURNAL_GAP would get through: then it is handed over and forgotten. Not to be called from
 * a sink. */
bool journal_take_gap(struct journal *journal, struct journal_gap *ret_gap);

/* What is missing at the moment, for the broker's last words; missed is 0 where nothing is. */
struct journal_gap journal_current_gap(const struct journal *journal);

/* Is somebody there to take an entry, at once? sd_journal_sendv(3) itself says yes when there is
 * nobody, and waits for a journald that hangs. Returns 0, -ENOENT, -ECONNREFUSED, -EAGAIN or
 * another negative errno. */
int journal_probe(const char *socket_path);
#define JOURNAL_SOCKET "/run/systemd/journal/socket"
