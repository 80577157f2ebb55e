/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Who calls, as the bus and the kernel say: never a parameter. */

#include "bus/call.h"

/* Asks the bus for the sender's uid and process, once for a connection, reads its loginuid, fills
 * call->caller and then runs the step. What cannot be told is an error: no step runs, the caller
 * gets NotPermitted.
 *
 * The loginuid is read through the process's number. A number can be used again once its process
 * has gone: the caller's uid, which the bus took when the connection was made, is what decides; the
 * loginuid only ever refuses. */
void caller_find(struct call *call, call_step step);

/* Of ":1.NUMBER", as the bus calls its connections in order; 0 for any other name. */
uint64_t caller_number(const char *sender);

/* What the bus said of this connection before; NULL: it was not asked yet. Borrowed until the next
 * message. */
const struct caller *caller_known(const struct bus *bus, const char *sender);

/* Too many calls of this person are under way: fills in the error. */
bool caller_is_busy(const struct bus *bus, const struct caller *caller, struct error *error);
