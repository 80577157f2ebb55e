/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the ledger needs of a store. Rows in, rows out: it decides nothing. Every function returns 0
 * or a negative errno: -EIO for what the database could not do (store_problem says what), -ENOMEM,
 * -ENOENT where a row is missing. */

#include <stdint.h>

#include "core/canonical.h"
#include "core/checkout.h"
#include "error.h"

struct store;

/* Opens the ledger, making a new one only where there is no file. A file that is damaged, newer,
 * not a regular file, not ours or open to others is refused and left alone: ERROR_STORAGE_FAILED
 * with a sentence that says what to do. Returns 0 or that code. */
int store_open(const char *path, struct store **ret_store, struct error *error);

/* Opens a ledger, or a copy of one, to read it and nothing else; as it is at this moment. */
int store_open_reader(const char *path, struct store **ret_store, struct error *error);
struct store *store_free(struct store *store); /* accepts NULL, returns NULL */

/* The database's own words about the last failure; borrowed. */
const char *store_problem(const struct store *store);

/* Keeps room on the disk for what must not fail when it is full. 0, or -ENOSPC: the disk is full,
 * or so good as. */
int store_keep_room(struct store *store);

/* Gives it to whoever writes next, where the last write failed for want of room. True if there was
 * any. */
bool store_give_room(struct store *store);

/* A transaction that holds the write lock from its beginning. A commit that fails is rolled back.
 */
int store_begin(struct store *store);
int store_commit(struct store *store);
void store_rollback(struct store *store); /* harmless outside one */

/* Gives checkout->id. */
int store_insert_checkout(struct store *store, struct checkout *checkout);

/* Writes what may change (state, digest, window, uses). Only a row that is still in state_old:
 * otherwise -ESTALE. */
int store_update_checkout(struct store *store, const struct checkout *checkout,
                          enum checkout_state state_old);

/* -EEXIST if that person has given this verdict already. */
int store_insert_decision(struct store *store, uint64_t checkout_id,
                          const struct decision *decision);

int store_insert_session(struct store *store, const struct session *session);

/* -ENOENT where it is not open. What is already known of how it ended stays. */
int store_close_session(struct store *store, const char *session, uint64_t closed, const char *how);
/* How it ended, whether it is closed or not. */
int store_mark_session(struct store *store, const char *session, const char *how);
/* Where its processes are: unit, cgroup and audit session. */
int store_place_session(struct store *store, const struct session *session);

int store_get_session(struct store *store, const char *name, struct session **ret_session);
/* The newest open session of this process under any check-out: -ENOENT if there is none. By its
 * service, or by what tells it from others that had or will have its number. */
int store_find_session(struct store *store, uint32_t pid, const char *service,
                       struct session **ret_session);
int store_process_session(struct store *store, uint32_t pid, uint64_t start_time,
                          const char *boot_id, struct session **ret_session);
int store_sessions_of(struct store *store, uint64_t checkout_id, struct session ***ret_sessions,
                      size_t *ret_count);

/* A list that owns its members, oldest first. */
struct sessions {
    struct session **items;
    size_t count;
};
void sessions_clear(struct sessions *sessions);
#define CLEANUP_SESSIONS CLEANUP(sessions_clear)

/* Those that are not closed. */
int store_open_sessions(struct store *store, struct sessions *ret_sessions);

/* Borrowed. */
struct name_list {
    const char **items;
    size_t count;
};

/* What store_list_sessions selects; 0 and NULL select everything. */
struct session_filter {
    const char *person, *account;
    uint64_t checkout_id;
    uint64_t since, until; /* when it was opened: [since, until) */
    bool open;             /* only those that are not closed */
    bool is_seen;          /* only those of check-outs that seen_by asked for or decided, */
    uid_t seen_by;
    struct name_list policies; /* or that are under one of these */
    uint64_t after;            /* numbers above this */
    size_t limit;              /* must not be 0 */
};
/* With their numbers. */
int store_list_sessions(struct store *store, const struct session_filter *filter,
                        struct sessions *ret_sessions);

/* The last audit record: its number (0: none) and hash. */
void store_head(const struct store *store, uint64_t *ret_seq, unsigned char ret_hash[HASH_SIZE]);

/* Appends record number head + 1. checkout_id 0: none. */
int store_append_audit(struct store *store, uint64_t time, const char *event, uint64_t checkout_id,
                       const char *record, const unsigned char hash[HASH_SIZE]);

/* Whole, with its decisions. */
int store_get_checkout(struct store *store, uint64_t id, struct checkout **ret_checkout);

/* A list that owns its members. */
struct checkouts {
    struct checkout **items;
    size_t count;
};
void checkouts_clear(struct checkouts *checkouts);
#define CLEANUP_CHECKOUTS CLEANUP(checkouts_clear)

/* Pending, approved and active ones of a person for an account, oldest first. */
int store_open_checkouts(struct store *store, uid_t person_uid, uid_t account_uid,
                         struct checkouts *ret_checkouts);

/* Approved and active ones of an account, whoever has them. */
int store_holders(struct store *store, uid_t account_uid, struct checkouts *ret_checkouts);

/* What store_list selects; 0, NULL, an empty mask and UID_UNSET select everything. */
struct checkout_filter {
    const char *person, *account;
    uint32_t states;           /* 1 << enum checkout_state */
    uint64_t since, until;     /* of the request: [since, until) */
    uint64_t after;            /* ids above this */
    const char *approver;      /* has decided it */
    uid_t person_uid;          /* UID_UNSET: anybody's */
    uint64_t extends;          /* extensions of that one */
    uid_t seen_by;             /* UID_UNSET: all; else what this person asked for or decided, */
    struct name_list policies; /* and what is under one of these */
    size_t limit;              /* rows at most; must not be 0 */
};
int store_list(struct store *store, const struct checkout_filter *filter,
               struct checkouts *ret_checkouts);

/* Ids that time has done something to: pending past `lapses`, approved past their start or unused
 * past use_by, active past an end, by either clock, approved or active and of another boot. Sorted.
 */
int store_due(struct store *store, const struct moment *now, uint64_t **ret_ids, size_t *ret_count);

/* The earliest of those times after now, by wall clock and by boot clock of this boot; 0: none. */
int store_next_due(struct store *store, const struct moment *now, uint64_t *ret_wall,
                   uint64_t *ret_boot);

/* Pending ones that lapse in (after, until]. */
int store_lapsing(struct store *store, uint64_t after, uint64_t until,
                  struct checkouts *ret_checkouts);

/* How many there are, for caps. */
struct tally {
    uint64_t open;    /* pending, approved and active ones of the person */
    uint64_t pending; /* of the person */
    uint64_t recent;  /* requests of the person from `since` to `until`, whatever became of them */
    uint64_t pending_all; /* everybody's */
};
int store_tally(struct store *store, uid_t person_uid, uint64_t since, uint64_t until,
                struct tally *ret_tally);

int store_put_policy(struct store *store, const char *digest, uint64_t loaded, const char *text);

/* The policies that were in force at that time; the caller frees both. -ENOENT before the first. */
int store_policy_at(struct store *store, uint64_t wall, char **ret_digest, char **ret_text);

/* The text of the policies of that digest; the caller frees. -ENOENT. */
int store_policy_text(struct store *store, const char *digest, char **ret_text);

/* ---- for auditors: what is stored, as it is stored (trail.c, row_text.c) ---- */

/* An audit record, or the row of a table. What is NULL or absent cannot be read: somebody has
 * damaged it. */
struct trail_entry {
    uint64_t number;      /* of the record or the row; pages go on behind it */
    uint64_t time;        /* records: the column beside the text */
    char *event;          /* the same */
    uint64_t checkout_id; /* the same; 0: none */
    char *text;           /* canonical JSON */
    bool has_hash;
    unsigned char hash[HASH_SIZE];
};
struct trail {
    struct trail_entry *items;
    size_t count;
};
void trail_clear(struct trail *trail);

/* Records above `after`, of one check-out or of all (0), ascending: at most `limit`, and no more
 * once their texts have come to `bytes`. */
int store_trail(struct store *store, uint64_t checkout_id, uint64_t after, size_t limit,
                size_t bytes, struct trail *ret_trail);

enum trail_table { TRAIL_CHECKOUTS, TRAIL_DECISIONS, TRAIL_SESSIONS };

/* The same of the rows of a table. */
int store_rows(struct store *store, enum trail_table table, uint64_t after, size_t limit,
               size_t bytes, struct trail *ret_trail);

/* A row as canonical JSON: its columns by their names, but those that are NULL or the number 0. An
 * audit record holds the digest of the row that it leaves behind. The caller frees. */
int store_checkout_text(const struct checkout *checkout, char **ret_text);
int store_decision_text(uint64_t checkout_id, const struct decision *decision, char **ret_text);
int store_session_text(const struct session *session, char **ret_text);

/* Who did something to a check-out, when and why; NULL where the record does not say. */
struct step {
    char *actor, *reason;
    uint64_t time;
};
void step_clear(struct step *step);
#define CLEANUP_STEP CLEANUP(step_clear)

/* The last such step of a check-out, as the audit has it. -ENOENT if there was none. */
int store_find_step(struct store *store, uint64_t checkout_id, const char *event,
                    struct step *ret_step);

/* The highest wall time that was written by earlier transactions; raising it is part of one. */
uint64_t store_clock(const struct store *store);
int store_raise_clock(struct store *store, uint64_t wall);

/* The last audit record that the journal is known to have, by earlier transactions; raising it is
 * part of one. */
uint64_t store_journal_mark(const struct store *store);
int store_raise_journal_mark(struct store *store, uint64_t seq);
