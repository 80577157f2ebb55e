/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the person at the door and the journal are told. */

#include <security/pam_modules.h>
#include <stdbool.h>

#include "gate1.h"

struct voice {
    pam_handle_t *pamh;
    bool aloud;
    bool refuses_aloud;
    bool is_su;
};

/* Without a terminal the text would end up in somebody's pipe, so it is silent there, but for the
 * refusals of sudo and su, which come out on standard error. It is silent with the argument quiet
 * and where the host asks for silence: sudo excepted, which always does. */
struct voice voice_init(pam_handle_t *pamh, int flags, bool quiet);

/* One line for the person, with "pam_checkout: " before it, escaped. */
void voice_tell(const struct voice *voice, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* One line for the journal at the syslog priority, escaped, with what is known of the login (NULL:
 * nothing is). */
void voice_log(const struct voice *voice, int priority, const struct gate1_login *login,
               const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The same line for both. Returns PAM_PERM_DENIED, the only no that every host takes for one. */
int voice_refuse(const struct voice *voice, int priority, const struct gate1_login *login,
                 const char *format, ...) __attribute__((format(printf, 4, 5)));
