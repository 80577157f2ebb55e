/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the files of the proof share: proof.c (records one by one, and their chain), anchors.c,
 * life.c (what happens to a check-out), approval.c (by whom, under which policy), rows.c. */

#include <jansson.h>

#include "core/event.h"
#include "policy/policy.h"
#include "proof/proof.h"

DEFINE_CLEANUP(json_t *, json, json_decref);
#define CLEANUP_JSON CLEANUP(cleanup_json)

/* A decision as its record tells of it. */
struct mark {
    uint64_t seq;
    uid_t uid;
    uint32_t loginuid;
    bool approve, has_row, matched;
    unsigned char row[HASH_SIZE];
    uint64_t seconds;
};

/* A check-out as its records tell of it. */
struct life {
    uint64_t id, first_seq, last_seq;
    enum checkout_state state;
    char uuid[UUID_TEXT_MAX];
    char *person, *policy;
    uid_t person_uid, account_uid;
    uint32_t person_loginuid;
    char digest[DIGEST_TEXT_MAX];
    uint64_t duration, start_asked, extends;
    uint64_t start, end; /* of the window */
    struct mark *marks;
    size_t n_marks;

    bool has_row;
    unsigned char row[HASH_SIZE]; /* what its last record says of the row */
    bool row_seen, row_differs;
    unsigned char row_stored[HASH_SIZE]; /* the row as it was handed in, where it differs */
    unsigned char (*strays)[HASH_SIZE];  /* rows of decisions that fit no record yet */
    size_t n_strays;
};

/* A session as records and row tell of it. */
struct visit {
    struct visit *next; /* in the same bucket */
    char *name;
    uint64_t id;         /* of its check-out */
    uint64_t opened_seq; /* 0: no record tells of it yet */
    uint64_t last_seq;
    bool has_row;
    unsigned char row[HASH_SIZE]; /* what its last record says of the row */
    bool row_seen, row_differs;
    unsigned char row_stored[HASH_SIZE];
    uint64_t row_id;
};

struct anchor {
    uint64_t seq;
    unsigned char hash[HASH_SIZE];
};

/* Policies that were in force, read anew. */
struct past_policies {
    char digest[DIGEST_TEXT_MAX];
    struct policy_set *set; /* NULL: no text, or it cannot be read */
};

#define PAST_POLICIES_MAX 16

struct proof {
    struct proof_settings settings;
    struct proof_summary summary;
    unsigned char head[HASH_SIZE];

    struct life **lives; /* by id; NULL: not heard of */
    size_t n_lives;
    struct visit **visits;
    size_t n_buckets, n_visits;

    struct anchor *anchors;
    size_t n_anchors, next_anchor;
    bool anchors_sorted;
    uint64_t replaced, replaced_last;
    uint64_t unanchored, unanchored_first, unanchored_last; /* between others */

    char policy_digest[DIGEST_TEXT_MAX]; /* in force; "": none */
    struct past_policies past[PAST_POLICIES_MAX];
    size_t n_past;

    bool rows_began;
    uint64_t rows_seq; /* the last record before the first row */
};

/* What a record says; NULL and 0 where it says nothing. */
const char *record_text(const json_t *record, const char *key);
uint64_t record_number(const json_t *record, const char *key);
/* UID_UNSET where it says nothing. */
uid_t record_uid(const json_t *record, const char *key);
/* A hash in hexadecimal. False where there is none. */
bool record_hash(const json_t *record, const char *key, unsigned char ret_hash[HASH_SIZE]);

/* Counts the finding and tells it. */
void proof_tell(struct proof *proof, enum proof_kind kind, uint64_t seq, uint64_t id,
                const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Looks at the hash of the record that is next in the chain. */
void anchors_check(struct proof *proof, uint64_t seq, const unsigned char hash[HASH_SIZE]);
void anchors_finish(struct proof *proof);

/* The check-out, made where nobody has heard of it; NULL where the number cannot be one. */
int life_find(struct proof *proof, uint64_t id, struct life **ret_life);
struct life *life_free(struct life *life);
struct visit *visit_free(struct visit *visit);
int visit_find(struct proof *proof, const char *name, struct visit **ret_visit);

/* What the record does to its check-out. 0 or -ENOMEM. */
int life_follow(struct proof *proof, uint64_t seq, const char *event, const json_t *record);

/* A decision; an approval that is said to be complete; one that needs none. 0 or -ENOMEM. */
int approval_check_decision(struct proof *proof, struct life *life, uint64_t seq,
                            const json_t *record, bool approve);
int approval_check_complete(struct proof *proof, struct life *life, uint64_t seq,
                            const json_t *record);
/* The window that the policy in force allows; 0: not known, which was told. */
uint64_t approval_max_duration(struct proof *proof, const struct life *life, uint64_t seq);
void approval_load(struct proof *proof, uint64_t seq, const json_t *record);
/* What was asked for, or less where an approver set less. */
uint64_t approval_granted(const struct life *life);

void rows_finish(struct proof *proof);
