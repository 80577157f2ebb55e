/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/migration.h"

#include <errno.h>
#include <stdio.h>

static const char version_1[] =
#include "schema.sql.h"
    ;
static const char version_2[] =
#include "schema_2.sql.h"
    ;

/* What leads to each version from the one before. */
static const char *const steps[SCHEMA_VERSION] = {version_1, version_2};

const char *store_schema(unsigned version)
{
    return version >= 1 && version <= SCHEMA_VERSION ? steps[version - 1] : NULL;
}

static int execute(struct store *store, const char *text)
{
    if (sqlite3_exec(store->database, text, NULL, NULL, NULL) == SQLITE_OK)
        return 0;
    /* The rollback to come would forget it. */
    (void)snprintf(store->problem, sizeof(store->problem), "%s", sqlite3_errmsg(store->database));
    return -EIO;
}

int store_migrate(struct store *store, int64_t from)
{
    char version[48];
    int r = execute(store, "BEGIN IMMEDIATE");

    for (int64_t at = from; r == 0 && at < SCHEMA_VERSION; at++)
        r = execute(store, steps[at]);
    /* The version is in the file's header, and so part of the transaction. */
    (void)snprintf(version, sizeof(version), "PRAGMA user_version = %d", SCHEMA_VERSION);
    if (r == 0)
        r = execute(store, version);
    if (r == 0)
        r = execute(store, "COMMIT");
    if (r < 0 && !sqlite3_get_autocommit(store->database))
        (void)sqlite3_exec(store->database, "ROLLBACK", NULL, NULL, NULL);
    return r;
}
