/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "proof/proof_internal.h"

static int hash_of(const char *text, unsigned char ret_hash[HASH_SIZE])
{
    return canonical_hash(NULL, text, ret_hash);
}

/* ---- check-outs ---- */

/* The digest that approvers were shown is that of this row, with the start as it was asked for. */
static void check_digest(struct proof *proof, const struct life *life, const json_t *row)
{
    struct checkout checkout = {
        .id = life->id,
        .person = (char *)record_text(row, "person"),
        .person_uid = record_uid(row, "person_uid"),
        .account = (char *)record_text(row, "account"),
        .account_uid = record_uid(row, "account_uid"),
        .machine_id = (char *)record_text(row, "machine_id"),
        .door = (char *)record_text(row, "door"),
        .reason = (char *)record_text(row, "reason"),
        .ticket = (char *)record_text(row, "ticket"),
        .duration = record_number(row, "duration"),
        .asked_start = life->start_asked,
        .policy = (char *)record_text(row, "policy"),
    };
    const char *uuid = record_text(row, "uuid"), *policies = record_text(row, "policy_digest");

    /* uid 0 is left out of a row. */
    if (checkout.person_uid == UID_UNSET)
        checkout.person_uid = 0;
    if (checkout.account_uid == UID_UNSET)
        checkout.account_uid = 0;
    if (uuid && strlen(uuid) < sizeof(checkout.uuid))
        memcpy(checkout.uuid, uuid, strlen(uuid) + 1);
    if (policies && strlen(policies) < sizeof(checkout.policy_digest))
        memcpy(checkout.policy_digest, policies, strlen(policies) + 1);
    if (*life->digest &&
        (checkout_seal(&checkout) < 0 || strcmp(checkout.digest, life->digest) != 0))
        proof_tell(proof, PROOF_WRONG, life->first_seq, life->id,
                   "check-out %" PRIu64 " is not what its approvers were shown", life->id);
}

static int take_checkout(struct proof *proof, const struct trail_entry *entry)
{
    CLEANUP_JSON json_t *row = NULL;
    unsigned char hash[HASH_SIZE];
    struct life *life = NULL;
    int r = life_find(proof, entry->checkout_id, &life);

    if (r < 0)
        return r;
    row = entry->text ? json_loads(entry->text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    if (!life || !row || hash_of(entry->text, hash) < 0) {
        if (life)
            life->row_seen = true;
        proof_tell(proof, PROOF_WRONG, 0, entry->checkout_id,
                   "the row of check-out %" PRIu64 " cannot be read: somebody has damaged it",
                   entry->checkout_id);
        return 0;
    }
    life->row_seen = true;
    if (!life->has_row || memcmp(life->row, hash, HASH_SIZE) != 0) {
        life->row_differs = true; /* unless a later record says so */
        memcpy(life->row_stored, hash, HASH_SIZE);
    }
    if (life->first_seq)
        check_digest(proof, life, row);
    return 0;
}

/* ---- decisions ---- */

static bool match(struct life *life, const unsigned char hash[HASH_SIZE])
{
    for (size_t i = 0; i < life->n_marks; i++)
        if (life->marks[i].has_row && !life->marks[i].matched &&
            memcmp(life->marks[i].row, hash, HASH_SIZE) == 0) {
            life->marks[i].matched = true;
            return true;
        }
    return false;
}

static int take_decision(struct proof *proof, const struct trail_entry *entry)
{
    unsigned char hash[HASH_SIZE] = {0};
    struct life *life = NULL;
    int r = life_find(proof, entry->checkout_id, &life);

    if (r < 0)
        return r;
    if (!life) {
        proof_tell(proof, PROOF_WRONG, 0, entry->checkout_id,
                   "there is a decision about check-out %" PRIu64 ", which there is not",
                   entry->checkout_id);
        return 0;
    }
    if (entry->text && hash_of(entry->text, hash) == 0 && match(life, hash))
        return 0;
    unsigned char(*strays)[HASH_SIZE] =
        reallocarray(life->strays, life->n_strays + 1, sizeof(*strays));
    if (!strays)
        return -ENOMEM;
    life->strays = strays;
    memcpy(strays[life->n_strays++], hash, HASH_SIZE);
    return 0;
}

/* ---- sessions ---- */

static int take_session(struct proof *proof, const struct trail_entry *entry)
{
    CLEANUP_JSON json_t *row =
        entry->text ? json_loads(entry->text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    const char *name = record_text(row, "session");
    struct visit *visit = NULL;
    int r;

    if (!name) {
        proof_tell(proof, PROOF_WRONG, 0, entry->checkout_id,
                   "a session of check-out %" PRIu64 " cannot be read: somebody has damaged it",
                   entry->checkout_id);
        return 0;
    }
    r = visit_find(proof, name, &visit);
    if (r < 0)
        return r;
    visit->row_seen = true;
    visit->row_id = record_number(row, "checkout");
    if (hash_of(entry->text, visit->row_stored) < 0)
        return -ENOMEM;
    /* Unless a later record says so. */
    visit->row_differs = !visit->has_row || memcmp(visit->row, visit->row_stored, HASH_SIZE) != 0;
    return 0;
}

int proof_row(struct proof *proof, enum trail_table table, const struct trail_entry *row)
{
    if (!proof->rows_began) {
        proof->rows_began = true;
        proof->rows_seq = proof->summary.head_seq;
    }
    switch (table) {
    case TRAIL_CHECKOUTS:
        return take_checkout(proof, row);
    case TRAIL_DECISIONS:
        return take_decision(proof, row);
    default:
        return take_session(proof, row);
    }
}

/* ---- at the end ---- */

/* Was it there when the rows were read? */
static bool is_due(const struct proof *proof, uint64_t seq)
{
    return seq && seq <= proof->rows_seq;
}

static void finish_life(struct proof *proof, struct life *life)
{
    size_t unsaid = 0;

    if (life->first_seq == 0)
        proof_tell(proof, PROOF_WRONG, 0, life->id,
                   "there is a check-out %" PRIu64 " that no record tells of", life->id);
    else if (!life->row_seen && is_due(proof, life->first_seq))
        proof_tell(proof, PROOF_WRONG, life->first_seq, life->id,
                   "check-out %" PRIu64 " of record %" PRIu64 " is not among the check-outs",
                   life->id, life->first_seq);
    else if (life->row_differs && life->has_row)
        proof_tell(proof, PROOF_WRONG, life->last_seq, life->id,
                   "check-out %" PRIu64 " is not as record %" PRIu64
                   ", the last about it, left it: it was changed",
                   life->id, life->last_seq);
    else if (life->row_differs)
        proof_tell(proof, PROOF_UNCHECKED, life->last_seq, life->id,
                   "record %" PRIu64 " of an older version does not say how it left check-out "
                   "%" PRIu64,
                   life->last_seq, life->id);
    for (size_t i = 0; i < life->n_marks; i++)
        unsaid += !life->marks[i].has_row;
    for (size_t i = 0; i < life->n_strays; i++)
        if (match(life, life->strays[i]))
            continue;
        else if (unsaid && unsaid--)
            proof_tell(proof, PROOF_UNCHECKED, life->last_seq, life->id,
                       "the records of an older version do not say what a decision about check-out "
                       "%" PRIu64 " was",
                       life->id);
        else
            proof_tell(proof, PROOF_WRONG, life->last_seq, life->id,
                       "check-out %" PRIu64
                       " has a decision that is not what any record says: it was changed",
                       life->id);
    for (size_t i = 0; i < life->n_marks; i++)
        if (!life->marks[i].matched && life->marks[i].has_row && is_due(proof, life->marks[i].seq))
            proof_tell(proof, PROOF_WRONG, life->marks[i].seq, life->id,
                       "the decision of record %" PRIu64 " about check-out %" PRIu64
                       " is not among the decisions",
                       life->marks[i].seq, life->id);
}

static void finish_visit(struct proof *proof, const struct visit *visit)
{
    if (visit->opened_seq == 0 && visit->row_seen)
        proof_tell(proof, PROOF_WRONG, 0, visit->row_id,
                   "check-out %" PRIu64 " has a session that no record tells of", visit->row_id);
    else if (!visit->row_seen && is_due(proof, visit->opened_seq))
        proof_tell(proof, PROOF_WRONG, visit->opened_seq, visit->id,
                   "the session of record %" PRIu64 " is not among the sessions",
                   visit->opened_seq);
    else if (visit->row_differs && visit->has_row)
        proof_tell(proof, PROOF_WRONG, visit->last_seq, visit->id,
                   "the session of record %" PRIu64 " is not as record %" PRIu64
                   ", the last about it, left it: it was changed",
                   visit->opened_seq, visit->last_seq);
}

void rows_finish(struct proof *proof)
{
    if (!proof->rows_began)
        proof->rows_seq = proof->summary.head_seq;
    for (size_t i = 0; i < proof->n_lives; i++)
        if (proof->lives[i])
            finish_life(proof, proof->lives[i]);
    for (size_t i = 0; i < proof->n_buckets; i++)
        for (const struct visit *visit = proof->visits[i]; visit; visit = visit->next)
            finish_visit(proof, visit);
}
