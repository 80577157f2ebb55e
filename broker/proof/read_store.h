/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The proof of a ledger that is there as a file (store_open_reader). */

#include "proof/proof.h"

/* Hands in everything and finishes. 0, -ENOMEM, or -EIO (store_problem says what). */
int proof_read_store(struct proof *proof, struct store *store);

/* For proof_settings.policy_text; userdata is the store. */
int proof_store_policy(const char *digest, char **ret_text, void *userdata);
