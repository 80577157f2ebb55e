/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The chain's head as the journal kept it. Only fields that journald itself adds are believed: what
 * the broker's unit wrote is told from what anybody else did by _SYSTEMD_UNIT. */

#include "core/canonical.h"
#include "error.h"

#define JOURNAL_UNIT "pam-checkout-broker.service"

/* What it returns, other than 0, ends the reading and is returned. */
typedef int (*journal_each)(uint64_t seq, const unsigned char hash[HASH_SIZE], void *userdata);

/* Every anchor of that machine that was received at `since` (Unix seconds) or later. path NULL: the
 * journal of this host; else a journal file, a folder of such, or what `journalctl -o export`
 * wrote. Returns 0, a negative errno of `each`, or ERROR_STORAGE_FAILED with a sentence. */
int journal_read(const char *path, const char *machine_id, uint64_t since, journal_each each,
                 void *userdata, struct error *error);
