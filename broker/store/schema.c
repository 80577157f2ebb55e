/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/schema.h"

#include <errno.h>
#include <stddef.h>

/* What each version adds to the one before. */
static const char *const versions[SCHEMA_VERSION] = {
#include "schema-1.sql.h"
    ,
#include "schema-2.sql.h"
};

static int execute(sqlite3 *database, const char *text)
{
    return sqlite3_exec(database, text, NULL, NULL, NULL) == SQLITE_OK ? 0 : -EIO;
}

/* The version's own text, and its number. */
static int add_version(sqlite3 *database, int64_t version)
{
    char *number = sqlite3_mprintf("PRAGMA user_version = %lld", (long long)version);
    int r = number ? execute(database, versions[version - 1]) : -EIO;

    if (r == 0)
        r = execute(database, number);
    sqlite3_free(number);
    return r;
}

int schema_bring(sqlite3 *database, int64_t from)
{
    int r;

    if (from >= SCHEMA_VERSION)
        return 0;
    r = execute(database, "BEGIN IMMEDIATE");
    for (int64_t version = from + 1; r == 0 && version <= SCHEMA_VERSION; version++)
        r = add_version(database, version);
    if (r == 0)
        r = execute(database, "COMMIT");
    /* A ROLLBACK would overwrite the reason; closing the database does the same, silently. */
    return r;
}
