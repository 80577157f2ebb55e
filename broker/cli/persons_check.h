/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What can be said of the file `persons` on this host before anybody logs in. */

#include "policy/persons.h"
#include "policy/policy.h"

/* The sentence is valid during the call. */
typedef void (*persons_finding)(const struct person_line *line, const char *sentence,
                                void *userdata);

/* Reports every line that can match nobody, or somebody whom the door refuses: a user who does not
 * exist here, uid 0, a second name, a shared account, a time that is over, another purpose. The set
 * must have a file of persons. */
void persons_check(const struct policy_set *set, uint64_t now, persons_finding report,
                   void *userdata);

/* The errno of a look-up that found nothing, in words. getpwnam(3) lists what systems leave in it
 * where there simply is no such name. */
const char *check_why_unknown(int error);
