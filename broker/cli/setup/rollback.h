/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Taking a change back after a while, whatever becomes of the terminal, the connection or this
 * process. */

#define ROLLBACK_SECONDS 120

/* Has `checkoutctl setup --roll-back NAME` run then: by a timer of systemd, or, where systemd is
 * not there, by a process of its own. Returns 0 or a negative errno. */
int rollback_arm(const char *name);

/* Ends the timer. What could not be ended finds the change confirmed, and leaves it. */
void rollback_disarm(const char *name);
