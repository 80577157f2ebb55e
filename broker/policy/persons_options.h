/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The options of a line of an ALLOWED SIGNERS file (ssh-keygen(1)), and the patterns that occur in
 * it. Pure, but for the zone of the machine where a time names none. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct persons_options {
    bool is_authority;                  /* cert-authority */
    bool other_purpose;                 /* namespaces= without ours */
    uint64_t valid_after, valid_before; /* Unix seconds, both included; 0: none */
};

/* What `namespaces=` must let through for a line to say whose key it is. */
#define PERSONS_NAMESPACE "pam-checkout"

/* How long the options at the beginning of the text are, up to the blank behind them: blanks within
 * quotes belong to them. -EINVAL where a quote is not closed. */
int persons_options_measure(const char *text, size_t *ret_length);

/* Reads options without a blank around them. Returns 0, -ENOMEM, or -EINVAL with what is wrong in
 * *ret_problem (a constant). */
int persons_options_read(const char *text, struct persons_options *ret_options,
                         const char **ret_problem);

/* ssh_config(5), PATTERNS: * and ?, separated by commas; a match of one with ! refuses. */
bool persons_pattern_list_fits(const char *list, const char *text);
