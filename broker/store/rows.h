/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Records <-> rows, by one table of columns per record that serves reading and writing. */

#include <sqlite3.h>
#include <stddef.h>

#include "core/checkout.h"

enum column_type {
    COLUMN_TEXT,  /* char *, NULL is NULL */
    COLUMN_FIXED, /* char[size], NULL is "" */
    COLUMN_U64,
    COLUMN_U32,
    COLUMN_BOOL,
    COLUMN_STATE,   /* enum checkout_state by name */
    COLUMN_VERDICT, /* enum decision_verdict by name */
};

struct column {
    const char *name;
    enum column_type type;
    size_t offset;
    size_t size;
};

struct table {
    const char *name;
    const struct column *columns;
    size_t n_columns;
};

extern const struct table checkout_table; /* all but `id` */
extern const struct table decision_table; /* all but `checkout` */
extern const struct table session_table;

/* The name of a state or verdict that a column of that type holds. */
const char *column_name(const struct column *column, const void *member);

/* Binds every column of the record from parameter `first` on; the record must live until the
 * statement is reset. Returns an SQLite code. */
int row_bind(sqlite3_stmt *statement, int first, const struct table *table, const void *record);

/* Reads columns from `first` on into the record, whose pointers must be NULL. Returns 0, -ENOMEM,
 * or -EIO where a value is not what the record can hold. On failure the caller clears the record.
 */
int row_read(sqlite3_stmt *statement, int first, const struct table *table, void *record);
