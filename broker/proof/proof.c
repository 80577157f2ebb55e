/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "proof/proof.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "proof/proof_internal.h"

int proof_new(const struct proof_settings *settings, struct proof **ret_proof)
{
    struct proof *proof = calloc(1, sizeof(*proof));

    if (!proof)
        return -ENOMEM;
    proof->settings = *settings;
    *ret_proof = proof;
    return 0;
}

struct proof *proof_free(struct proof *proof)
{
    if (!proof)
        return NULL;
    for (size_t i = 0; i < proof->n_lives; i++)
        life_free(proof->lives[i]);
    free(proof->lives);
    for (size_t i = 0; i < proof->n_buckets; i++)
        while (proof->visits[i])
            proof->visits[i] = visit_free(proof->visits[i]);
    free(proof->visits);
    free(proof->anchors);
    for (size_t i = 0; i < proof->n_past; i++)
        policy_set_free(proof->past[i].set);
    free(proof);
    return NULL;
}

static void tell(struct proof *proof, enum proof_kind kind, uint64_t seq, uint64_t id,
                 const char *format, va_list arguments) __attribute__((format(printf, 5, 0)));

static void tell(struct proof *proof, enum proof_kind kind, uint64_t seq, uint64_t id,
                 const char *format, va_list arguments)
{
    struct proof_finding finding = {.kind = kind, .seq = seq, .id = id};
    char text[LIMIT_SENTENCE];

    (void)vsnprintf(text, sizeof(text), format, arguments);
    finding.text = text;
    *(kind == PROOF_WRONG       ? &proof->summary.wrong
      : kind == PROOF_UNCHECKED ? &proof->summary.unchecked
                                : &proof->summary.odd) += 1;
    proof->settings.tell(&finding, proof->settings.userdata);
}

void proof_tell(struct proof *proof, enum proof_kind kind, uint64_t seq, uint64_t id,
                const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    tell(proof, kind, seq, id, format, arguments);
    va_end(arguments);
}

void proof_miss(struct proof *proof, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    tell(proof, PROOF_UNCHECKED, 0, 0, format, arguments);
    va_end(arguments);
}

/* ---- what a record says ---- */

const char *record_text(const json_t *record, const char *key)
{
    return json_string_value(json_object_get(record, key));
}

uint64_t record_number(const json_t *record, const char *key)
{
    json_int_t number = json_integer_value(json_object_get(record, key));

    return number > 0 ? (uint64_t)number : 0;
}

uid_t record_uid(const json_t *record, const char *key)
{
    const json_t *value = json_object_get(record, key);
    json_int_t number = json_integer_value(value);

    return json_is_integer(value) && number >= 0 && number < UID_UNSET ? (uid_t)number : UID_UNSET;
}

bool record_hash(const json_t *record, const char *key, unsigned char ret_hash[HASH_SIZE])
{
    const char *text = record_text(record, key);

    return text && hash_parse(text, ret_hash) == 0;
}

/* ---- the chain ---- */

/* The columns beside a record say what the record says, and it follows the one before. */
static void check_columns(struct proof *proof, const struct trail_entry *entry,
                          const json_t *record)
{
    const char *event = record_text(record, "event");

    if (record_number(record, "seq") != entry->number)
        proof_tell(proof, PROOF_WRONG, entry->number, 0,
                   "record %" PRIu64 " says of itself that it is record %" PRIu64, entry->number,
                   record_number(record, "seq"));
    if (record_number(record, "time") != entry->time)
        proof_tell(proof, PROOF_WRONG, entry->number, 0,
                   "record %" PRIu64 " has another time in the column beside it", entry->number);
    if (!event || !entry->event || strcmp(event, entry->event) != 0)
        proof_tell(proof, PROOF_WRONG, entry->number, 0,
                   "record %" PRIu64 " has another event in the column beside it", entry->number);
    if (record_number(record, "id") != entry->checkout_id)
        proof_tell(proof, PROOF_WRONG, entry->number, 0,
                   "record %" PRIu64 " has another check-out in the column beside it",
                   entry->number);
}

static void check_hash(struct proof *proof, const struct trail_entry *entry)
{
    unsigned char hash[HASH_SIZE];

    if (!entry->has_hash) {
        proof_tell(proof, PROOF_WRONG, entry->number, 0, "record %" PRIu64 " has no hash",
                   entry->number);
        return;
    }
    if (!entry->text || canonical_hash(proof->head, entry->text, hash) < 0 ||
        memcmp(hash, entry->hash, HASH_SIZE) != 0)
        proof_tell(proof, PROOF_WRONG, entry->number, 0,
                   "record %" PRIu64 " does not fit its hash and the record before it: one of "
                   "them was changed",
                   entry->number);
    anchors_check(proof, entry->number, entry->hash);
    /* On from what is stored: one change is told of where it is, not at every record behind it. */
    memcpy(proof->head, entry->hash, HASH_SIZE);
}

static void check_order(struct proof *proof, const struct trail_entry *entry)
{
    struct proof_summary *summary = &proof->summary;

    if (entry->number <= summary->head_seq)
        proof_tell(proof, PROOF_WRONG, entry->number, 0,
                   "record %" PRIu64 " comes behind record %" PRIu64, entry->number,
                   summary->head_seq);
    else if (entry->number == summary->head_seq + 2)
        proof_tell(proof, PROOF_WRONG, summary->head_seq + 1, 0, "record %" PRIu64 " is missing",
                   summary->head_seq + 1);
    else if (entry->number > summary->head_seq + 2)
        proof_tell(proof, PROOF_WRONG, summary->head_seq + 1, 0,
                   "records %" PRIu64 " to %" PRIu64 " are missing", summary->head_seq + 1,
                   entry->number - 1);
    if (entry->time < summary->last_time)
        proof_tell(proof, PROOF_ODD, entry->number, 0,
                   "record %" PRIu64 " is %" PRIu64 " s older than the one before it: the clock "
                   "went back",
                   entry->number, summary->last_time - entry->time);
    if (summary->records == 0)
        summary->first_time = entry->time;
    summary->last_time = entry->time;
    summary->head_seq = entry->number;
    summary->records++;
}

static void check_machine(struct proof *proof, uint64_t seq, const json_t *record)
{
    const char *machine = record_text(record, "machine_id");
    char *known = proof->summary.machine_id;

    if (!machine || strlen(machine) >= sizeof(proof->summary.machine_id))
        return;
    if (!*known)
        memcpy(known, machine, strlen(machine) + 1);
    else if (strcmp(known, machine) != 0) {
        proof_tell(proof, PROOF_ODD, seq, 0, "record %" PRIu64 " is of another machine", seq);
        memcpy(known, machine, strlen(machine) + 1);
    }
}

int proof_record(struct proof *proof, const struct trail_entry *entry)
{
    CLEANUP_JSON json_t *record =
        entry->text ? json_loads(entry->text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    const char *event = record_text(record, "event");

    check_order(proof, entry);
    check_hash(proof, entry);
    if (!record) {
        proof_tell(proof, PROOF_WRONG, entry->number, entry->checkout_id,
                   "record %" PRIu64 " cannot be read: somebody has damaged it", entry->number);
        return 0;
    }
    check_columns(proof, entry, record);
    check_machine(proof, entry->number, record);
    if (!event)
        return 0;
    if (strcmp(event, event_name(EVENT_POLICY_LOADED)) == 0)
        approval_load(proof, entry->number, record);
    return record_number(record, "id") ? life_follow(proof, entry->number, event, record) : 0;
}

int proof_finish(struct proof *proof, bool rows)
{
    anchors_finish(proof);
    if (rows)
        rows_finish(proof);
    return 0;
}

void proof_summarize(const struct proof *proof, struct proof_summary *ret_summary)
{
    *ret_summary = proof->summary;
    ret_summary->anchors = proof->n_anchors;
    if (proof->summary.records)
        hash_format(proof->head, ret_summary->head_hash);
}
