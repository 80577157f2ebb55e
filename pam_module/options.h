/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The module's arguments in the PAM configuration. */

#include <stdbool.h>
#include <stdint.h>

#include "error.h"

#define OPTIONS_DEFAULT_GATE "/run/pam-checkout/gate"
#define OPTIONS_DEFAULT_HELP "ask your administrator; root at the console is not gated"

/* Strings are borrowed from the arguments. */
struct options {
    const char *account; /* NULL: not given */
    const char *door;    /* NULL: the one of the service */
    const char *gate;
    const char *help;
    uint32_t wait_seconds; /* 0: never wait */
    bool prompt;
    bool quiet;
};

/* Returns 0, or ERROR_INVALID_ARGUMENT with a sentence that names the argument: unknown, malformed
 * and doubled ones are errors. *ret_options is written only on success. */
int options_parse(int argc, const char **argv, struct options *ret_options, struct error *error);
