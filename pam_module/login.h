/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What PAM, the kernel and the environment say about the login that stands at the door. */

#include <security/pam_modules.h>
#include <stdbool.h>

#include "error.h"
#include "gate1.h"
#include "caps.h"
#include "options.h"

enum login_phase {
    LOGIN_AUTH,
    LOGIN_ACCOUNT,
    LOGIN_SESSION,
};

/* Must not be moved or copied: `wire` may point into `command`. */
struct login {
    struct gate1_login wire; /* strings are borrowed from PAM, the environment and `command` */
    char command[LIMIT_COMMAND + 1];
    /* root itself called sudo or su: it has what it asks for, and nobody is asked. Of `wire` only
     * the names, the door and the process are sure to be filled in then. */
    bool is_root;
};

/* Reads it anew from pamh: nothing of an earlier phase is used. Every text is checked. Never
 * changes an item, never prompts. Returns 0, or ERROR_INVALID_ARGUMENT or ERROR_STORAGE_FAILED with
 * a sentence; *ret_login is written only on success, and stays valid until the items change. */
int login_read(pam_handle_t *pamh, enum login_phase phase, const struct options *options,
               struct login *ret_login, struct error *error);

/* The service's own door, NULL if it has none. */
const char *login_door_of_service(const char *service);
