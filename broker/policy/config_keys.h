/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The keys of a [policy NAME] section: a table of what each is called and how it is read. */

#include "policy/config_document.h"
#include "policy/config_value.h"
#include "policy/policy.h"

enum policy_key {
    KEY_ACCOUNTS,
    KEY_REQUESTERS,
    KEY_DOORS,
    KEY_FROM,
    KEY_EXEMPT,
    KEY_APPROVAL,
    KEY_APPROVERS,
    KEY_QUORUM,
    KEY_SELF_APPROVAL,
    KEY_REASON,
    KEY_REASON_MIN_LENGTH,
    KEY_TICKET,
    KEY_TICKET_PATTERN,
    KEY_DURATION,
    KEY_MAX_DURATION,
    KEY_PENDING_TIMEOUT,
    KEY_USE_WITHIN,
    KEY_CLOCK,
    KEY_HOURS,
    KEY_EXCLUSIVE,
    KEY_USES,
    KEY_MAX_OPEN,
    KEY_PERSON,
    KEY_ON_END,
    KEY_WARN_BEFORE,
    KEY_RETURN_ON_LOGOUT,
    KEY_SURVIVE_REBOOT,
    KEY_COUNT
};

/* A policy while its section is read; owns nothing. */
struct config_reader {
    const char *file;
    const struct config_section *section;
    struct error *error;
    struct policy *policy;
    unsigned lines[KEY_COUNT]; /* where each key was seen last; 0: not yet */
    const char *quorum;        /* read when all approvers are known */
};

/* Reads one line into the policy. An unknown key, a second value for a key that takes one, and a
 * bad value are refused. Returns 0 or ERROR_INVALID_ARGUMENT. */
int config_read_key(struct config_reader *reader, const struct config_entry *entry);

/* Where the key was seen last; the section's own line where it was not. */
struct config_place config_place_of(const struct config_reader *reader, enum policy_key key);
