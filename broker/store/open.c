/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Opening the ledger: what is refused, what is made new, what is brought up to date. */

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "store/migration.h"
#include "store/sqlite.h"

#define APPLICATION_ID                                                                             \
    0x70616d63 /* "pamc", so that file(1) and we can tell it from another database */

DEFINE_CLEANUP(struct store *, store, store_free);

static struct store *new_store(void)
{
    struct store *store = calloc(1, sizeof(*store));

    if (store)
        store->lock = -1;
    return store;
}

/* One number that a statement without parameters gives. */
static int query_number(struct store *store, const char *text, int64_t *ret_number)
{
    sqlite3_stmt *statement = NULL;
    int r = sqlite3_prepare_v2(store->database, text, -1, &statement, NULL);

    if (r == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW)
        *ret_number = sqlite3_column_int64(statement, 0);
    else
        r = -EIO;
    sqlite3_finalize(statement);
    return r == SQLITE_OK ? 0 : -EIO;
}

static int execute(struct store *store, const char *text)
{
    return sqlite3_exec(store->database, text, NULL, NULL, NULL) == SQLITE_OK ? 0 : -EIO;
}

static int open_database(struct store *store, const char *path)
{
    if (sqlite3_open_v2(path, &store->database,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_PRIVATECACHE |
                            SQLITE_OPEN_EXRESCODE,
                        NULL) != SQLITE_OK ||
        sqlite3_busy_timeout(store->database, 2000) != SQLITE_OK ||
        sqlite3_db_config(store->database, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) != SQLITE_OK ||
        sqlite3_db_config(store->database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL) != SQLITE_OK ||
        sqlite3_db_config(store->database, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL) != SQLITE_OK)
        return -EIO;
    /* FULL: an acknowledged decision survives a power cut (WAL with NORMAL may lose it). */
    return execute(store, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
}

/* What a crash left of a ledger that was being made: SQLite would take a log for the new one's. */
static int remove_draft(const char *draft)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};

    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        CLEANUP_FREE char *path = NULL;

        if (asprintf(&path, "%s%s", draft, suffixes[i]) < 0)
            return -ENOMEM;
        if (unlink(path) < 0 && errno != ENOENT)
            return -errno;
    }
    return 0;
}

/* A new ledger is made under another name and appears whole or not at all: an empty file at the
 * ledger's own name is therefore always damage. */
static int create(const char *path, const char *directory)
{
    CLEANUP(cleanup_store) struct store *store = new_store();
    CLEANUP_FREE char *draft = NULL;
    CLEANUP_CLOSE int fd = -1, directory_fd = -1;
    char setup[64];
    int r;

    if (!store || asprintf(&draft, "%s.new", path) < 0)
        return -ENOMEM;
    r = remove_draft(draft);
    if (r < 0)
        return r;
    fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || directory_fd < 0)
        return -errno;
    r = open_database(store, draft);
    if (r < 0)
        return r;
    (void)snprintf(setup, sizeof(setup), "PRAGMA application_id = %d", APPLICATION_ID);
    r = execute(store, setup);
    if (r == 0)
        r = store_migrate(store, 0);
    if (r == 0)
        r = execute(store, "PRAGMA wal_checkpoint(TRUNCATE)");
    if (r < 0)
        return r;
    store = store_free(store);
    if (fsync(fd) < 0 || renameat2(AT_FDCWD, draft, AT_FDCWD, path, RENAME_NOREPLACE) < 0 ||
        fsync(directory_fd) < 0)
        return -errno;
    return 0;
}

#define SEE " (RECOVERY in pam-checkout-broker(8))"

static int refuse_until(struct error *error, const char *path, const char *problem,
                        const char *remedy)
{
    return error_set(error, ERROR_STORAGE_FAILED,
                     "the ledger %s %s; it was left as it is: %s, then start the broker again" SEE,
                     path, problem, remedy);
}

static int refuse(struct error *error, const char *path, const char *problem)
{
    return refuse_until(error, path, problem, "restore it from a backup or move it away");
}

static int refuse_disk(struct error *error, const char *path, const char *problem)
{
    return error_set(error, ERROR_STORAGE_FAILED,
                     "the ledger %s cannot be read or written (%s); it was left as it is: see that "
                     "its disk works, is not full and may be written to, then start the broker "
                     "again" SEE,
                     path, problem);
}

/* What the database says while it is opened: a disk that fails is not a ledger that is damaged. */
static int refuse_database(struct error *error, const char *path, const struct store *store)
{
    int code = store->database ? sqlite3_errcode(store->database) & 0xff : SQLITE_CANTOPEN;

    if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
        return refuse(error, path, "is damaged");
    return refuse_disk(error, path, store->database ? store_problem(store) : "cannot be opened");
}

/* SQLite would play the log of a ledger that has gone into the new one. */
static int check_no_log(const char *path, struct error *error)
{
    static const char *const suffixes[] = {"-wal", "-journal"};

    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        CLEANUP_FREE char *log = NULL;
        struct stat file;

        if (asprintf(&log, "%s%s", path, suffixes[i]) < 0)
            return error_set(error, ERROR_STORAGE_FAILED, "the ledger %s: out of memory", path);
        if (lstat(log, &file) == 0 || errno != ENOENT)
            return error_set(error, ERROR_STORAGE_FAILED,
                             "the ledger %s has gone, but its log %s is there: restore both from a "
                             "backup or move the log away too, then start the broker again",
                             path, log);
    }
    return 0;
}

static uint32_t big_endian(const unsigned char bytes[4])
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* Looked at before SQLite opens it, which changes what it opens: it makes a database of a file of a
 * few bytes, and WAL lasts. Offsets: https://sqlite.org/fileformat2.html#the_database_header */
static int check_header(const char *path, struct error *error)
{
    CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    unsigned char header[100];

    ssize_t length = fd < 0 ? -1 : pread(fd, header, sizeof(header), 0);

    if (length < 0)
        return refuse_disk(error, path, strerror(errno));
    if (length != sizeof(header) || memcmp(header, "SQLite format 3", 16) != 0)
        return refuse(error, path, "is not a database");
    if (big_endian(header + 68) != APPLICATION_ID)
        return refuse(error, path, "is some other program's database");
    if (big_endian(header + 60) > SCHEMA_VERSION && big_endian(header + 60) <= INT32_MAX)
        return refuse_until(error, path, "was written by a newer pam_checkout",
                            "install that version again or restore a backup from before it");
    return 0;
}

/* Ours, private, a plain file, in a directory where nobody else can put another in its place. */
static int check_file(const char *path, const char *directory, bool *ret_exists,
                      struct error *error)
{
    struct stat file, folder;

    if (stat(directory, &folder) < 0)
        return error_set(error, ERROR_STORAGE_FAILED, "the ledger's directory %s: %s", directory,
                         strerror(errno));
    if (folder.st_uid != geteuid() || folder.st_mode & 022)
        return error_set(error, ERROR_STORAGE_FAILED,
                         "the ledger's directory %s must belong to the broker's user and be "
                         "writable by nobody else",
                         directory);
    if (lstat(path, &file) < 0) {
        *ret_exists = false;
        return errno == ENOENT ? check_no_log(path, error)
                               : error_set(error, ERROR_STORAGE_FAILED, "the ledger %s: %s", path,
                                           strerror(errno));
    }
    if (!S_ISREG(file.st_mode) || file.st_nlink != 1)
        return refuse(error, path, "is not a plain file");
    if (file.st_uid != geteuid() || file.st_mode & 077)
        return refuse_until(error, path,
                            "must belong to the broker's user and be closed to all others",
                            "see who has changed that, and undo it with chown and chmod 600");
    if (file.st_size == 0)
        return refuse(error, path, "is empty");
    *ret_exists = true;
    return check_header(path, error);
}

static int check_database(struct store *store, const char *path, struct error *error)
{
    int64_t application = 0, version = 0;
    sqlite3_stmt *check = NULL;
    bool answered, sound;

    if (query_number(store, "PRAGMA application_id", &application) < 0 ||
        query_number(store, "PRAGMA user_version", &version) < 0)
        return refuse_database(error, path, store);
    if (application != APPLICATION_ID)
        return refuse(error, path, "is some other program's database");
    if (version > SCHEMA_VERSION)
        return refuse_until(error, path, "was written by a newer pam_checkout",
                            "install that version again or restore a backup from before it");
    if (version < 1)
        return refuse(error, path, "has no version");
    if (sqlite3_prepare_v2(store->database, "PRAGMA quick_check(1)", -1, &check, NULL) != SQLITE_OK)
        return refuse_database(error, path, store);
    answered = sqlite3_step(check) == SQLITE_ROW;
    sound = answered && strcmp((const char *)sqlite3_column_text(check, 0), "ok") == 0;
    sqlite3_finalize(check);
    if (!answered)
        return refuse_database(error, path, store);
    if (!sound)
        return refuse(error, path, "is damaged");
    if (version < SCHEMA_VERSION && store_migrate(store, version) < 0)
        return error_set(error, ERROR_STORAGE_FAILED,
                         "the ledger %s is of version %lld and could not be brought to version %d "
                         "(%s); it was left as it is: make room or mend that, then start the "
                         "broker again",
                         path, (long long)version, SCHEMA_VERSION, store_problem(store));
    return 0;
}

/* Reads the chain's head and proves that it belongs to its record and the one before. */
static int read_head(struct store *store, const char *path, struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *head = NULL, *clock = NULL, *mark = NULL;
    unsigned char hash[HASH_SIZE];
    int r;

    if (store_statement(store, STATEMENT_HEAD, &head) < 0 ||
        store_statement(store, STATEMENT_CLOCK, &clock) < 0 || sqlite3_step(clock) != SQLITE_ROW)
        return refuse_database(error, path, store);
    store->wall = store->wall_committed = (uint64_t)sqlite3_column_int64(clock, 0);
    if (store_statement(store, STATEMENT_JOURNAL_MARK, &mark) < 0 ||
        sqlite3_step(mark) != SQLITE_ROW)
        return refuse_database(error, path, store);
    store->journal_mark = store->journal_mark_committed = (uint64_t)sqlite3_column_int64(mark, 0);

    r = sqlite3_step(head);
    if (r == SQLITE_DONE)
        return 0;
    if (r != SQLITE_ROW)
        return refuse_database(error, path, store);

    const unsigned char *stored = sqlite3_column_blob(head, 1);
    const char *record = (const char *)sqlite3_column_text(head, 2);
    const unsigned char *before = sqlite3_column_blob(head, 3);

    if (!stored || !record || sqlite3_column_bytes(head, 1) != HASH_SIZE ||
        (before && sqlite3_column_bytes(head, 3) != HASH_SIZE) ||
        canonical_hash(before, record, hash) < 0 || memcmp(hash, stored, HASH_SIZE) != 0)
        return refuse(error, path, "has an audit record that does not fit its hash");
    store->head_seq = store->head_seq_committed = (uint64_t)sqlite3_column_int64(head, 0);
    memcpy(store->head_hash, hash, HASH_SIZE);
    memcpy(store->head_hash_committed, hash, HASH_SIZE);
    return 0;
}

/* One writer: the chain's head is kept in memory, and a second writer's record would be refused as
 * a copy ever after. SQLite's own locks are per file and per process (fcntl(2)), this one is on the
 * directory and leaves readers alone. */
static int lock_directory(struct store *store, const char *path, const char *directory,
                          struct error *error)
{
    store->lock = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store->lock >= 0 && flock(store->lock, LOCK_EX | LOCK_NB) == 0)
        return 0;
    return error_set(error, ERROR_STORAGE_FAILED, "the ledger %s %s", path,
                     errno == EWOULDBLOCK ? "is another broker's that runs already: stop it first"
                                          : strerror(errno));
}

int store_open(const char *path, struct store **ret_store, struct error *error)
{
    CLEANUP(cleanup_store) struct store *store = new_store();
    CLEANUP_FREE char *copy = strdup(path);
    const char *directory = copy ? dirname(copy) : NULL;
    bool exists;
    int r;

    if (!store || !directory || asprintf(&store->reserve, "%s.reserve", path) < 0)
        return error_set(error, ERROR_STORAGE_FAILED, "the ledger %s: out of memory", path);
    r = check_file(path, directory, &exists, error);
    if (r == 0)
        r = lock_directory(store, path, directory, error);
    if (r != 0)
        return r;
    if (!exists) {
        r = create(path, directory);
        if (r < 0)
            return error_set(error, ERROR_STORAGE_FAILED, "the ledger %s cannot be made: %s", path,
                             strerror(-r));
    }
    if (open_database(store, path) < 0)
        return refuse_database(error, path, store);
    r = check_database(store, path, error);
    if (r == 0)
        r = read_head(store, path, error);
    if (r != 0)
        return r;
    *ret_store = TAKE_PTR(store);
    return 0;
}
