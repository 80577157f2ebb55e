/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the files about persons share. */

#include "policy/persons.h"

/* For tsearch(3): by the key. */
int person_line_compare(const void *one, const void *other);

/* Can it be the name of a user, as everywhere in the policies? */
bool person_name_is_valid(const char *name);
