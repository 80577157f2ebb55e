/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "proof/journal.h"

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "cleanup.h"

DEFINE_CLEANUP(sd_journal *, sd_journal, sd_journal_close);
DEFINE_CLEANUP(FILE *, stream, fclose);

/* What of an entry is of interest here. */
struct entry {
    char unit[64], machine[64], seq[24], hash[HASH_SIZE * 2 + 1];
    char received[24]; /* microseconds; exported entries only */
    bool doubled;      /* journald's own fields are there once */
};

static const struct {
    const char *name;
    size_t offset, size;
} fields[] = {
    {"_SYSTEMD_UNIT", offsetof(struct entry, unit), sizeof(((struct entry *)0)->unit)},
    {"_MACHINE_ID", offsetof(struct entry, machine), sizeof(((struct entry *)0)->machine)},
    {"CHECKOUT_SEQ", offsetof(struct entry, seq), sizeof(((struct entry *)0)->seq)},
    {"CHECKOUT_HASH", offsetof(struct entry, hash), sizeof(((struct entry *)0)->hash)},
    {"__REALTIME_TIMESTAMP", offsetof(struct entry, received),
     sizeof(((struct entry *)0)->received)},
};
#define N_FIELDS (sizeof(fields) / sizeof(fields[0]))
#define N_STORED (N_FIELDS - 1) /* the last one is none that a journal file stores */

/* Keeps the value if it is one of these, and not longer than one of ours can be. */
static void keep(struct entry *entry, const char *name, size_t name_length, const char *value,
                 size_t length)
{
    for (size_t i = 0; i < N_FIELDS; i++) {
        char *place = (char *)entry + fields[i].offset;

        if (strlen(fields[i].name) != name_length || memcmp(fields[i].name, name, name_length) != 0)
            continue;
        if (*place)
            entry->doubled = true;
        if (length < fields[i].size && !memchr(value, '\0', length)) {
            memcpy(place, value, length);
            place[length] = '\0';
        }
    }
}

static int hand_on(const struct entry *entry, const char *machine_id, journal_each each,
                   void *userdata)
{
    unsigned char hash[HASH_SIZE];
    char *end = NULL;
    unsigned long long seq;

    if (entry->doubled || strcmp(entry->unit, JOURNAL_UNIT) != 0 ||
        (*machine_id && strcmp(entry->machine, machine_id) != 0) || entry->seq[0] < '1' ||
        entry->seq[0] > '9' || hash_parse(entry->hash, hash) < 0)
        return 0;
    errno = 0;
    seq = strtoull(entry->seq, &end, 10);
    return errno != 0 || *end || seq > INT64_MAX ? 0 : each(seq, hash, userdata);
}

/* ---- journal files ---- */

static int read_entry(sd_journal *journal, struct entry *entry)
{
    for (size_t i = 0; i < N_STORED; i++) {
        const void *data = NULL;
        size_t length = 0, name = strlen(fields[i].name);
        int r = sd_journal_get_data(journal, fields[i].name, &data, &length);

        if (r == -ENOENT)
            continue;
        if (r < 0)
            return r;
        if (length > name)
            keep(entry, fields[i].name, name, (const char *)data + name + 1, length - name - 1);
    }
    return 0;
}

static int read_files(sd_journal *journal, const char *machine_id, uint64_t since,
                      journal_each each, void *userdata)
{
    int r = sd_journal_add_match(journal, "_SYSTEMD_UNIT=" JOURNAL_UNIT, 0);

    if (r >= 0)
        r = since ? sd_journal_seek_realtime_usec(journal, since * 1000000)
                  : sd_journal_seek_head(journal);
    while (r >= 0 && (r = sd_journal_next(journal)) > 0) {
        struct entry entry = {.doubled = false};

        r = read_entry(journal, &entry);
        /* One that is damaged is no anchor. */
        if (r == -EBADMSG || r == -EADDRNOTAVAIL || r == -E2BIG)
            r = 0;
        if (r >= 0)
            r = hand_on(&entry, machine_id, each, userdata);
    }
    return r;
}

static int open_journal(const char *path, bool folder, sd_journal **ret_journal)
{
    const char *paths[] = {path, NULL};

    if (!path)
        return sd_journal_open(ret_journal, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM);
    return folder ? sd_journal_open_directory(ret_journal, path, 0)
                  : sd_journal_open_files(ret_journal, paths, 0);
}

/* ---- journalctl -o export (systemd.io/JOURNAL_EXPORT_FORMATS) ---- */

/* A field of a value with line feeds: its length, 64 bits in little endian, and the bytes. Returns
 * 0 or a negative errno. */
static int read_binary(FILE *in, struct entry *entry, const char *name, size_t name_length)
{
    char value[256];
    uint64_t length;
    size_t kept;

    if (fread(&length, sizeof(length), 1, in) != 1)
        return -EBADMSG;
    length = le64toh(length);
    kept = length < sizeof(value) ? (size_t)length : sizeof(value);
    if (fread(value, 1, kept, in) != kept)
        return -EBADMSG;
    keep(entry, name, name_length, value, length > sizeof(value) ? SIZE_MAX : kept);
    for (length -= kept; length > 0; length--)
        if (getc(in) == EOF)
            return -EBADMSG;
    return getc(in) == '\n' ? 0 : -EBADMSG;
}

static int hand_on_since(const struct entry *entry, const char *machine_id, uint64_t since,
                         journal_each each, void *userdata)
{
    if (since && strtoull(entry->received, NULL, 10) / 1000000 < since)
        return 0;
    return hand_on(entry, machine_id, each, userdata);
}

static int read_export(FILE *in, const char *machine_id, uint64_t since, journal_each each,
                       void *userdata)
{
    struct entry entry = {.doubled = false};
    CLEANUP_FREE char *line = NULL;
    size_t size = 0;
    ssize_t length;
    int r = 0;

    while (r == 0 && (length = getline(&line, &size, in)) > 0) {
        char *equals;

        if (line[length - 1] != '\n')
            return -EBADMSG;
        line[--length] = '\0';
        if (length == 0) { /* the end of an entry */
            r = hand_on_since(&entry, machine_id, since, each, userdata);
            entry = (struct entry){.doubled = false};
            continue;
        }
        equals = memchr(line, '=', (size_t)length);
        if (equals)
            keep(&entry, line, (size_t)(equals - line), equals + 1,
                 (size_t)(line + length - equals - 1));
        else
            r = read_binary(in, &entry, line, (size_t)length);
    }
    if (r == 0 && ferror(in))
        r = -EIO;
    return r == 0 ? hand_on_since(&entry, machine_id, since, each, userdata) : r;
}

static bool is_journal_file(FILE *in)
{
    char magic[8] = "";
    bool is = fread(magic, 1, sizeof(magic), in) == sizeof(magic) &&
              memcmp(magic, "LPKSHHRH", sizeof(magic)) == 0;

    rewind(in);
    return is;
}

/* What `each` returned must not be taken for what the journal did. */
struct guarded {
    journal_each each;
    void *userdata;
    int failed;
};

static int guard(uint64_t seq, const unsigned char hash[HASH_SIZE], void *userdata)
{
    struct guarded *guarded = userdata;

    guarded->failed = guarded->each(seq, hash, guarded->userdata);
    return guarded->failed;
}

int journal_read(const char *path, const char *machine_id, uint64_t since, journal_each each,
                 void *userdata, struct error *error)
{
    CLEANUP(cleanup_sd_journal) sd_journal *journal = NULL;
    CLEANUP(cleanup_stream) FILE *in = NULL;
    struct guarded guarded = {each, userdata, 0};
    struct stat file = {0};
    bool folder;
    int r = 0;

    if (path && stat(path, &file) < 0)
        return error_set(error, ERROR_STORAGE_FAILED, "%s: %s", path, strerror(errno));
    folder = path && S_ISDIR(file.st_mode);
    if (path && !folder) {
        in = fopen(path, "re");
        if (!in)
            return error_set(error, ERROR_STORAGE_FAILED, "%s: %s", path, strerror(errno));
    }
    if (in && !is_journal_file(in)) {
        r = read_export(in, machine_id, since, guard, &guarded);
    } else {
        r = open_journal(path, folder, &journal);
        if (r >= 0)
            r = read_files(journal, machine_id, since, guard, &guarded);
    }
    if (guarded.failed)
        return guarded.failed;
    return r < 0 ? error_set(error, ERROR_STORAGE_FAILED, "%s: %s", path ? path : "the journal",
                             r == -EBADMSG ? "it is cut off or damaged" : strerror(-r))
                 : 0;
}
