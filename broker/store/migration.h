/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The tables, version by version: a new ledger goes through them all, an older one through what it
 * lacks, so that both end up the same. A version that has been released never changes. */

#include <stdint.h>

#include "store/sqlite.h"

#define SCHEMA_VERSION 2

/* From that version (0: no tables yet) up to SCHEMA_VERSION, in one transaction. 0, or -EIO with
 * nothing changed and store_problem() saying why. */
int store_migrate(struct store *store, int64_t from);

/* For tests: the tables of that version, 1 and on, or what leads to them from the one before. */
const char *store_schema(unsigned version);
