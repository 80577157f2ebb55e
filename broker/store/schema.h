/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The ledger's tables, version by version. */

#include <sqlite3.h>
#include <stdint.h>

#define SCHEMA_VERSION 2

/* Brings a database from that version (0: an empty one) to SCHEMA_VERSION, in one transaction: all
 * of it or none. Returns 0, or -EIO with the reason in sqlite3_errmsg(). */
int schema_bring(sqlite3 *database, int64_t from);
