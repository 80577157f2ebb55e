/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Logins that wait for the decision of a request. A waiter costs memory and nothing else. */

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "core/event.h"

struct waiters;
struct waiter;

/* Called from the loop when something was decided about the request, or when the time ran out. The
 * waiter is gone by then. */
typedef void (*waiter_wake)(bool timed_out, void *userdata);

int waiters_new(sd_event *event, struct waiters **ret_waiters); /* 0 or a negative errno */
struct waiters *waiters_free(struct waiters *waiters);          /* wakes nobody */

/* Waits for at most that many seconds. *ret_waiter can be cancelled until wake was called. */
int waiters_add(struct waiters *waiters, uint64_t checkout_id, uint64_t seconds, waiter_wake wake,
                void *userdata, struct waiter **ret_waiter);
void waiter_cancel(struct waiter *waiter); /* NULL is fine; wake is not called */

/* An event_sink; userdata is the struct waiters. */
void waiters_sink(const struct event *event, void *userdata);
