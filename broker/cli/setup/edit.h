/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What gating a service makes of the texts of its files. Pure. Texts that come out belong to the
 * caller; each function returns NULL when out of memory. */

#include <stdbool.h>

/* The stack of sudo with the gate for this account in it. */
char *edit_sudo_service(const char *text, const char *account);

/* Our file in sudoers.d with the lines for this account. text NULL: there is none yet. */
char *edit_sudoers(const char *text, const char *account);

/* The included gate for su and ssh with the account in its lists. text NULL: there is none yet. */
char *edit_gate(const char *text, const char *account);

/* The stack of su, with the included gate: before the account lines, behind the session lines, and
 * with `twice` (ssh) before them, too. */
char *edit_service(const char *text, bool twice);
