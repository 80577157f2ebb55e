/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Does a ledger hold together? Everything is computed anew from the records, rows and policy texts
 * that somebody hands in, in this order: anchors, records, rows, and records that were written
 * meanwhile. Knows no bus, no file and no clock; what does not fit is told by a callback. */

#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

struct proof;

enum proof_kind {
    PROOF_WRONG,     /* does not fit: somebody changed it, or the broker erred */
    PROOF_UNCHECKED, /* something that the check needs is not there */
    PROOF_ODD,       /* worth knowing, and no proof of anything: the clock went back */
};

struct proof_finding {
    enum proof_kind kind;
    uint64_t seq;     /* of the record concerned; 0: none */
    uint64_t id;      /* of the check-out concerned; 0: none */
    const char *text; /* one sentence; not escaped */
};

struct proof_settings {
    void (*tell)(const struct proof_finding *finding, void *userdata);
    /* The text of the policies of that digest, which the proof frees. 0 or a negative errno:
     * -ENOENT where the ledger has none. */
    int (*policy_text)(const char *digest, char **ret_text, void *userdata);
    void *userdata;
};

int proof_new(const struct proof_settings *settings, struct proof **ret_proof); /* 0 or -ENOMEM */
struct proof *proof_free(struct proof *proof);                                  /* accepts NULL */
DEFINE_CLEANUP(struct proof *, proof, proof_free);
#define CLEANUP_PROOF CLEANUP(cleanup_proof)

/* The chain's head as somebody else kept it: record `seq` had this hash. In any order, all before
 * the first record. Those of other machines are not to be handed in. 0 or -ENOMEM. */
int proof_anchor(struct proof *proof, uint64_t seq, const unsigned char hash[HASH_SIZE]);

/* The next record. 0 or -ENOMEM. */
int proof_record(struct proof *proof, const struct trail_entry *record);

/* A row, in any order, after the records that were there when the reading began. 0 or -ENOMEM. */
int proof_row(struct proof *proof, enum trail_table table, const struct trail_entry *row);

/* Something that whoever reads could not have a look at, in the words of the user. */
void proof_miss(struct proof *proof, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What can only be said at the end; with `rows`, those were all handed in. 0 or -ENOMEM. */
int proof_finish(struct proof *proof, bool rows);

struct proof_summary {
    uint64_t records, checkouts, approvals, sessions, anchors;
    uint64_t head_seq;
    char head_hash[HASH_SIZE * 2 + 1]; /* "" where there is no record */
    char machine_id[LIMIT_WORD + 1];   /* of the records */
    uint64_t first_time, last_time;
    uint64_t anchored_first, anchored_last; /* records that the anchors cover; 0: none */
    uint64_t wrong, unchecked, odd;
};
void proof_summarize(const struct proof *proof, struct proof_summary *ret_summary);
