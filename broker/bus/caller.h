/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Who calls, as the bus and the kernel say: never a parameter. */

#include "bus/call.h"

/* Asks the bus for the sender's uid and process, reads its loginuid, fills call->caller and then
 * runs the step. What cannot be told is an error: no step runs, the caller gets NotPermitted.
 *
 * The loginuid is read through the process's number. A number can be used again once its process
 * has gone: the caller's uid, which the bus took when the connection was made, is what decides; the
 * loginuid only ever refuses. */
void caller_find(struct call *call, call_step step);
