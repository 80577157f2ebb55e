/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One table: internal error <-> D-Bus error name <-> what a script and a person are told. */

#include "caps.h"

enum error_code {
    ERROR_NONE = 0,
    ERROR_NOT_FOUND,
    ERROR_NOT_PERMITTED,
    ERROR_SELF_APPROVAL,
    ERROR_WRONG_STATE,
    ERROR_ALREADY_DECIDED,
    ERROR_INVALID_ARGUMENT,
    ERROR_POLICY_REFUSED,
    ERROR_LIMIT_REACHED,
    ERROR_NO_APPROVER,
    ERROR_STORAGE_FAILED,
    ERROR_CHANGED,
    ERROR_CODE_COUNT
};

/* A refusal with its sentence. Lives on the caller's stack; owns nothing. */
struct error {
    enum error_code code;
    char text[LIMIT_SENTENCE];
};

/* Fills *error (which may be NULL) and returns the code, a positive number, so that a function can
 * `return error_set(...)`. The text is UTF-8; what does not fit is cut at a character's border.
 * Arguments that came from outside must have been checked or escaped before. */
int error_set(struct error *error, enum error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "org.pamcheckout.Error.NotFound" for ERROR_NOT_FOUND; never NULL (ERROR_STORAGE_FAILED's name for
 * a code out of range). */
const char *error_dbus_name(enum error_code code);

/* The code of a D-Bus error name, or ERROR_NONE if it is none of ours. NULL is none of ours. */
enum error_code error_from_dbus_name(const char *name);

/* The short name that scripts read in {"error":…}: "NotFound". Never NULL. */
const char *error_short_name(enum error_code code);
