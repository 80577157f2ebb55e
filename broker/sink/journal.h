/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Every event as an entry of the systemd journal, for those who read that. The ledger is the record
 * and comes first; what could not be delivered, or may have been lost on the way, is told again
 * from there, in order. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "core/event.h"

/* Delivers one entry. Returns 0 or a negative errno: see journal_socket_send(). */
typedef int (*journal_send)(const struct iovec *fields, int count);

struct journal;

/* send: NULL for journald itself; of another, everything that it takes is read at once. Returns 0
 * or -ENOMEM. */
int journal_new(journal_send send, struct journal **ret_journal);
struct journal *journal_free(struct journal *journal);

/* The journal is known to have the records up to `mark`, and there are some up to `head`. */
void journal_begin(struct journal *journal, uint64_t mark, uint64_t head);

/* An event_sink; userdata is the struct journal. Never waits for journald. While journal_next() is
 * not 0 it sends nothing: the event's turn comes by journal_retell(). */
void journal_sink(const struct event *event, void *userdata);

/* Looks how far journald has read: the last record that it has for certain. */
uint64_t journal_check(struct journal *journal);

/* Has it read everything that was sent, as far as was looked? */
bool journal_is_read(const struct journal *journal);

/* The record to be told again next; 0: none. */
uint64_t journal_next(const struct journal *journal);

/* An event_taker; userdata is the struct journal. */
bool journal_retell(const struct event *event, void *userdata);

/* Records that did not get into the journal in their time. */
struct journal_gap {
    uint64_t first_seq, last_seq;
    int error; /* negative errno: why; -EOWNERDEAD: a broker ended without knowing */
};

/* All records were told again: from now on events are sent as they come. True with the gap that was
 * filled, if anything was told again. */
bool journal_catch_up(struct journal *journal, struct journal_gap *ret_gap);
