/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The keys of a [policy NAME] section: a table of what each is called and how it is read. */

#include "core/config_document.h"
#include "core/policy.h"

/* Makes a policy of the section `[policy NAME]`. Returns 0, or ERROR_INVALID_ARGUMENT with
 * "FILE:LINE: [policy NAME] KEY: what is wrong; what is allowed". */
int config_read_policy(const char *file, const struct config_section *section, const char *name,
                       struct policy **ret_policy, struct error *error);
