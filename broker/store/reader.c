/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "store/sqlite.h"

DEFINE_CLEANUP(struct store *, store, store_free);

/* SQLite would make a log beside a copy that has none, and evidence is not to be changed: such a
 * file is opened as one that nobody changes (https://sqlite.org/c3ref/open.html, immutable). */
static char *uri_of(const char *path, struct error *error)
{
    CLEANUP_FREE char *log = NULL, *uri = NULL;
    struct stat file;
    bool has_log;
    FILE *out;
    size_t size = 0;

    if (asprintf(&log, "%s-wal", path) < 0) {
        log = NULL;
        error_set(error, ERROR_STORAGE_FAILED, "out of memory");
        return NULL;
    }
    has_log = stat(log, &file) == 0 && file.st_size > 0;
    out = open_memstream(&uri, &size);
    if (!out)
        return NULL;
    fputs("file:", out);
    for (const char *c = path; *c; c++)
        if ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
            *c == '/' || *c == '.' || *c == '-' || *c == '_')
            fputc(*c, out);
        else
            fprintf(out, "%%%02X", (unsigned char)*c);
    fputs(has_log ? "?mode=ro" : "?mode=ro&immutable=1", out);
    if (fclose(out) != 0) {
        error_set(error, ERROR_STORAGE_FAILED, "out of memory");
        return NULL;
    }
    return TAKE_PTR(uri);
}

int store_open_reader(const char *path, struct store **ret_store, struct error *error)
{
    CLEANUP(cleanup_store) struct store *store = calloc(1, sizeof(*store));
    CLEANUP_FREE char *uri = uri_of(path, error);
    struct trail page = {0};
    int r;

    if (!store)
        return error_set(error, ERROR_STORAGE_FAILED, "out of memory");
    store->lock = -1;
    if (!uri)
        return ERROR_STORAGE_FAILED;
    if (sqlite3_open_v2(uri, &store->database,
                        SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOFOLLOW |
                            SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE,
                        NULL) != SQLITE_OK ||
        sqlite3_busy_timeout(store->database, 2000) != SQLITE_OK ||
        sqlite3_db_config(store->database, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) != SQLITE_OK ||
        sqlite3_db_config(store->database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL) != SQLITE_OK ||
        /* One moment for all that is read, whatever the broker writes meanwhile. */
        sqlite3_exec(store->database, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
        return error_set(error, ERROR_STORAGE_FAILED, "%s: %s", path, store_problem(store));
    store->in_transaction = true;
    /* Tables of another version are found out now. */
    for (int table = TRAIL_CHECKOUTS; table <= TRAIL_SESSIONS; table++) {
        r = store_rows(store, (enum trail_table)table, 0, 1, 1, &page);
        trail_clear(&page);
        if (r < 0)
            return error_set(error, ERROR_STORAGE_FAILED,
                             "%s is no ledger of this version of pam_checkout: %s", path,
                             store_problem(store));
    }
    *ret_store = TAKE_PTR(store);
    return 0;
}
