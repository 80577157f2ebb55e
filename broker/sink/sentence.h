/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What happened, in one line for people. What came from outside is escaped (text.h). */

#include "core/event.h"

/* Room for the longest sentence and its NUL; what does not fit is cut. */
#define SENTENCE_MAX 4096

/* "bob approved request 17: alice may use root for 1h (ticket CHG-1234)". Returns the length. */
size_t sentence_of_event(const struct event *event, char buffer[static SENTENCE_MAX]);

/* Of an event, where its own members, its session or its check-out know it; NULL where none does.
 */
const char *event_person(const struct event *event);
const char *event_account(const struct event *event);
const char *event_door(const struct event *event);
const char *event_service(const struct event *event);
const char *event_tty(const struct event *event);
const char *event_rhost(const struct event *event);

/* The reason of the event itself; of a request, the requester's. */
const char *event_reason(const struct event *event);
