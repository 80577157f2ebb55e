/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What PAM modules may return, as far as that is certain: PAM_WALK_BIT()s. */

#include <stdint.h>

#include "doctor/pam_walk.h"
#include "doctor/people.h"

struct pam_module_case {
    enum pam_phase phase;
    const struct people *people;
    const char *user;  /* PAM_USER; NULL: not certain */
    bool assume_gated; /* user NULL: take it for one whom pam_succeed_if does not let past */
};

uint32_t pam_module_codes(const struct pam_handler *handler, const struct pam_module_case *which);
