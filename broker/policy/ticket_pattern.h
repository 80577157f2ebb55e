/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a ticket must look like: a Perl-compatible regular expression for the whole of it. PCRE2 and
 * not regcomp(3): glibc's unrolls what is repeated and takes gigabytes for sixty plus signs, and
 * its match has no limit on what a requester can make it do. */

#include <stdbool.h>
#include <stddef.h>

#include "cleanup.h"

#define TICKET_PATTERN_MAX 256

struct ticket_pattern;

/* Returns 0, -ENOMEM, or -EINVAL with PCRE2's words in problem (cut to size). */
int ticket_pattern_new(const char *text, struct ticket_pattern **ret_pattern, char *problem,
                       size_t size);
struct ticket_pattern *ticket_pattern_free(struct ticket_pattern *pattern);

/* As it was written; borrowed. */
const char *ticket_pattern_text(const struct ticket_pattern *pattern);

/* Does the pattern fit the whole ticket? What takes too long or too much memory does not. */
bool ticket_pattern_fits(const struct ticket_pattern *pattern, const char *ticket);

DEFINE_CLEANUP(struct ticket_pattern *, ticket_pattern, ticket_pattern_free);
