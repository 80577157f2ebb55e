/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One phase of one login, from the PAM items to the PAM code. */

#include "login.h"

/* Asks the broker and waits where that is wanted. Returns PAM_SUCCESS when the broker said yes,
 * PAM_IGNORE when it said that the login is none of ours, and PAM_PERM_DENIED for everything else,
 * after having told the person and the journal why. */
int door_enter(pam_handle_t *pamh, int flags, enum login_phase phase, int argc, const char **argv);

/* Tells the broker that the session is over, if it can be told. */
void door_leave(pam_handle_t *pamh, int flags, int argc, const char **argv);
