/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A section [managers]: whom `manager` means for whom. */

#include "policy/config_document.h"
#include "policy/policy.h"

#define MANAGERS_SECTION "managers"

/* Adds what its lines say. A bad name, a person with a manager already, in whatever file, and one
 * who would be their own manager are refused. Returns 0 or ERROR_INVALID_ARGUMENT. */
int config_read_managers(struct policy_set *set, const char *file,
                         const struct config_section *section, struct error *error);
