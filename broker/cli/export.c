/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/export.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "cli/broker.h"

#define FORMAT "pam-checkout-ledger"
#define VERSION 1

DEFINE_CLEANUP(FILE *, stream, fclose);
#define CLEANUP_STREAM CLEANUP(cleanup_stream)

static const char *const tables[] = {
    [TRAIL_CHECKOUTS] = "checkout", [TRAIL_DECISIONS] = "decision", [TRAIL_SESSIONS] = "session"};
#define N_TABLES (sizeof(tables) / sizeof(tables[0]))

/* ---- written ---- */

struct writing {
    struct client *client;
    FILE *out;
    struct failure *failure;
    json_t *policies; /* digests that were written */
    const char *table;
    uint64_t records, rows;
};

/* Takes the value, which may be NULL for want of memory. */
static int put(struct writing *writing, json_t *value)
{
    CLEANUP_JSON json_t *line = value;
    int r = line ? json_dumpf(line, writing->out, JSON_COMPACT | JSON_ENSURE_ASCII) : -1;

    if (r < 0 || fputc('\n', writing->out) == EOF)
        return line ? failure_set(writing->failure, EXIT_REFUSED, "Output",
                                  "the export cannot be written: %s", strerror(errno))
                    : failure_no_memory(writing->failure);
    return 0;
}

static int put_policies(struct writing *writing, const char *digest)
{
    CLEANUP_FREE char *text = NULL;
    int r;

    if (!digest || json_object_get(writing->policies, digest))
        return 0;
    if (json_object_set_new(writing->policies, digest, json_true()) < 0)
        return failure_no_memory(writing->failure);
    r = broker_policy(writing->client, digest, &text, writing->failure);
    /* What the ledger has not cannot be exported: the proof says so. */
    if (r == EXIT_REFUSED)
        return 0;
    return r != 0 ? r : put(writing, json_pack("{s:s, s:s}", "digest", digest, "policies", text));
}

/* The row's own members of these names. */
static json_t *pick(const json_t *row, const char *const *names, size_t count)
{
    json_t *picked = json_object();

    for (size_t i = 0; picked && i < count; i++) {
        json_t *value = json_object_get(row, names[i]);

        if (value && json_object_set(picked, names[i], value) < 0) {
            json_decref(picked);
            return NULL;
        }
    }
    return picked;
}

static int put_record(json_t *row, void *userdata)
{
    static const char *const names[] = {"seq", "time", "event", "id", "record", "hash"};
    struct writing *writing = userdata;
    const char *event = value_text(row, "event");
    int r = event && strcmp(event, "policy-loaded") == 0
                ? put_policies(writing, value_text(row, "policy_digest"))
                : 0;

    writing->records++;
    return r == 0 ? put(writing, pick(row, names, sizeof(names) / sizeof(names[0]))) : r;
}

static int put_row(json_t *row, void *userdata)
{
    static const char *const names[] = {"number", "id", "row"};
    struct writing *writing = userdata;
    json_t *picked = pick(row, names, sizeof(names) / sizeof(names[0]));

    if (picked && json_object_set_new(picked, "table", json_string(writing->table)) < 0) {
        json_decref(picked);
        picked = NULL;
    }
    writing->rows++;
    return put(writing, picked);
}

static int write_all(struct writing *writing)
{
    uint64_t after = 0;
    int r = put(writing, json_pack("{s:s, s:i}", "format", FORMAT, "version", VERSION));

    if (r == 0)
        r = broker_audit(writing->client, 0, &after, put_record, writing, writing->failure);
    for (size_t i = 0; i < N_TABLES && r == 0; i++) {
        writing->table = tables[i];
        r = broker_rows(writing->client, tables[i], put_row, writing, writing->failure);
    }
    /* What happened meanwhile may be in the rows already. */
    if (r == 0)
        r = broker_audit(writing->client, 0, &after, put_record, writing, writing->failure);
    if (r == 0)
        r = put(writing,
                json_pack("{s:s, s:I, s:I}", "end", FORMAT, "records", (json_int_t)writing->records,
                          "rows", (json_int_t)writing->rows));
    return r;
}

int export_write(struct client *client, const char *path, struct output *output,
                 struct failure *failure)
{
    CLEANUP_JSON json_t *policies = json_object();
    CLEANUP_STREAM FILE *file = NULL;
    struct writing writing = {
        .client = client, .out = stdout, .failure = failure, .policies = policies};
    int r;

    if (!policies)
        return failure_no_memory(failure);
    if (strcmp(path, "-") != 0) {
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

        if (fd >= 0) {
            file = fdopen(fd, "w");
            if (!file)
                close(fd);
        }
        if (!file)
            return failure_set(failure, EXIT_REFUSED, "Output", "%.500s: %s", path,
                               strerror(errno));
        writing.out = file;
    }
    r = write_all(&writing);
    if (r == 0 && (file ? fflush(file) != 0 || fsync(fileno(file)) < 0 : fflush(stdout) != 0))
        r = failure_set(failure, EXIT_REFUSED, "Output", "the export cannot be written: %s",
                        strerror(errno));
    if (r == 0 && file)
        output_line(output, stderr, "%" PRIu64 " records and %" PRIu64 " rows are in %s",
                    writing.records, writing.rows, path);
    return r;
}

/* ---- read ---- */

struct export
{
    FILE *in;
    char *path;
    json_t *policies; /* digest: text */
    char machine[LIMIT_WORD + 1];
    char *line;
    size_t size;
    uint64_t number; /* of the line */
};

struct export *export_close(struct export *export)
{
    if (!export)
        return NULL;
    if (export->in)
        fclose(export->in);
    free(export->path);
    free(export->line);
    json_decref(export->policies);
    free(export);
    return NULL;
}

bool export_is(const char *path)
{
    CLEANUP_STREAM FILE *in = fopen(path, "re");

    return in && getc(in) == '{';
}

static int bad_line(const struct export *export, const char *what, struct failure *failure)
{
    return failure_set(failure, EXIT_REFUSED, "BadExport", "%.500s: line %" PRIu64 " %s",
                       export->path, export->number, what);
}

/* The next line; *ret_line is NULL where there is none. */
static int read_line(struct export *export, json_t **ret_line, struct failure *failure)
{
    ssize_t length = getline(&export->line, &export->size, export->in);
    json_t *line;

    export->number++;
    if (length < 0) {
        *ret_line = NULL;
        return ferror(export->in) ? bad_line(export, "cannot be read", failure) : 0;
    }
    line = json_loads(export->line, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(line)) {
        json_decref(line);
        return bad_line(export, "is no object of JSON", failure);
    }
    *ret_line = line;
    return 0;
}

static int read_heading(struct export *export, struct failure *failure)
{
    CLEANUP_JSON json_t *line = NULL;
    const char *format;
    int r = read_line(export, &line, failure);

    if (r != 0)
        return r;
    format = value_text(line, "format");
    if (!format || strcmp(format, FORMAT) != 0)
        return bad_line(export, "does not say that this is an exported ledger", failure);
    if (value_number(line, "version") != VERSION)
        return bad_line(export, "says that it is of another version of checkoutctl", failure);
    return 0;
}

/* Looks ahead for the first record, which says whose ledger it is. */
static int read_machine(struct export *export, struct failure *failure)
{
    off_t here = ftello(export->in);
    uint64_t number = export->number;
    int r = here < 0
                ? bad_line(export, "cannot be gone back to: the file must be a plain one", failure)
                : 0;

    for (bool found = false; r == 0 && !found;) {
        CLEANUP_JSON json_t *line = NULL, *record = NULL;
        const char *machine;

        r = read_line(export, &line, failure);
        if (r != 0 || !line)
            break;
        found = json_object_get(line, "hash") != NULL;
        record =
            value_text(line, "record") ? json_loads(value_text(line, "record"), 0, NULL) : NULL;
        machine = value_text(record, "machine_id");
        if (machine && strlen(machine) < sizeof(export->machine))
            memcpy(export->machine, machine, strlen(machine) + 1);
    }
    export->number = number;
    if (r == 0 && fseeko(export->in, here, SEEK_SET) < 0)
        return bad_line(export, "cannot be gone back to: the file must be a plain one", failure);
    return r;
}

int export_open(const char *path, struct export **ret_export, struct failure *failure)
{
    CLEANUP(cleanup_export) struct export *export = calloc(1, sizeof(*export));
    int r;

    if (!export || !(export->path = strdup(path)) || !(export->policies = json_object()))
        return failure_no_memory(failure);
    export->in = fopen(path, "re");
    if (!export->in)
        return failure_set(failure, EXIT_REFUSED, "Input", "%.500s: %s", path, strerror(errno));
    r = read_heading(export, failure);
    if (r == 0)
        r = read_machine(export, failure);
    if (r == 0)
        *ret_export = TAKE_PTR(export);
    return r;
}

const char *export_machine(const struct export *export)
{
    return export->machine;
}

int export_policy(const char *digest, char **ret_text, void *userdata)
{
    const struct export *export = userdata;
    const char *text = value_text(export->policies, digest);
    char *copy = text ? strdup(text) : NULL;

    if (!text)
        return -ENOENT;
    if (!copy)
        return -ENOMEM;
    *ret_text = copy;
    return 0;
}

void trail_entry_of(const json_t *line, bool row, struct trail_entry *ret_entry)
{
    const char *hash = value_text(line, "hash");

    *ret_entry = (struct trail_entry){
        .number = value_number(line, row ? "number" : "seq"),
        .time = value_number(line, "time"),
        .event = (char *)value_text(line, "event"),
        .checkout_id = value_number(line, "id"),
        .text = (char *)value_text(line, row ? "row" : "record"),
    };
    ret_entry->has_hash = hash && hash_parse(hash, ret_entry->hash) == 0;
}

/* What the line is by the keys that it has. */
static int take_line(struct export *export, struct proof *proof, const json_t *line,
                     uint64_t *records, uint64_t *rows, struct failure *failure)
{
    const char *table = value_text(line, "table"), *digest = value_text(line, "digest");
    struct trail_entry entry;

    if (digest)
        return json_object_set(export->policies, digest, json_object_get(line, "policies")) < 0
                   ? failure_no_memory(failure)
                   : 0;
    trail_entry_of(line, table != NULL, &entry);
    if (!table) {
        (*records)++;
        return proof_record(proof, &entry) < 0 ? failure_no_memory(failure) : 0;
    }
    for (size_t i = 0; i < N_TABLES; i++)
        if (strcmp(tables[i], table) == 0) {
            (*rows)++;
            return proof_row(proof, (enum trail_table)i, &entry) < 0 ? failure_no_memory(failure)
                                                                     : 0;
        }
    return bad_line(export, "is a row of an unknown table", failure);
}

int export_prove(struct export *export, struct proof *proof, struct failure *failure)
{
    uint64_t records = 0, rows = 0;
    bool ended = false;
    int r = 0;

    while (r == 0) {
        CLEANUP_JSON json_t *line = NULL;

        r = read_line(export, &line, failure);
        if (r != 0 || !line)
            break;
        if (ended)
            return bad_line(export, "comes behind the last one", failure);
        if (json_object_get(line, "end")) {
            ended = true;
            if (value_number(line, "records") != records || value_number(line, "rows") != rows)
                return bad_line(export, "says that there should be another number of lines",
                                failure);
            continue;
        }
        r = take_line(export, proof, line, &records, &rows, failure);
    }
    if (r == 0 && !ended)
        return bad_line(export, "should be the last one and is not there: the file is cut off",
                        failure);
    if (r == 0 && proof_finish(proof, true) < 0)
        return failure_no_memory(failure);
    return r;
}
