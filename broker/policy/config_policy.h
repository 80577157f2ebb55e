/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A [policy NAME] section as a policy: its keys (config_keys.h), what they mean together, and the
 * defaults that follow from them. */

#include "policy/config_document.h"
#include "policy/policy.h"

/* Makes a policy of the section `[policy NAME]`. Returns 0, or ERROR_INVALID_ARGUMENT with
 * "FILE:LINE: [policy NAME] KEY: what is wrong; what is allowed". */
int config_read_policy(const char *file, const struct config_section *section, const char *name,
                       struct policy **ret_policy, struct error *error);
