/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "proof/proof_internal.h"

/* More check-outs than this between two that follow one another there cannot be: the number was
 * changed. */
#define LIVES_SKIPPED_MAX 100000

struct life *life_free(struct life *life)
{
    if (!life)
        return NULL;
    free(life->person);
    free(life->policy);
    free(life->marks);
    free(life->strays);
    free(life);
    return NULL;
}

int life_find(struct proof *proof, uint64_t id, struct life **ret_life)
{
    if (id > proof->n_lives + LIVES_SKIPPED_MAX) {
        *ret_life = NULL;
        return 0;
    }
    if (id >= proof->n_lives) {
        size_t count = 2 * id + 16;
        struct life **grown = reallocarray(proof->lives, count, sizeof(struct life *));

        if (!grown)
            return -ENOMEM;
        memset(grown + proof->n_lives, 0, (count - proof->n_lives) * sizeof(struct life *));
        proof->lives = grown;
        proof->n_lives = count;
    }
    if (!proof->lives[id]) {
        proof->lives[id] = calloc(1, sizeof(struct life));
        if (!proof->lives[id])
            return -ENOMEM;
        proof->lives[id]->id = id;
        proof->lives[id]->person_loginuid = LOGINUID_UNSET;
    }
    *ret_life = proof->lives[id];
    return 0;
}

/* ---- sessions ---- */

struct visit *visit_free(struct visit *visit)
{
    struct visit *next = visit->next;

    free(visit->name);
    free(visit);
    return next;
}

/* FNV-1a; nobody but the broker chooses these names, and a slow look-up is all that others could
 * bring about. */
static size_t bucket_of(const struct proof *proof, const char *name)
{
    uint64_t hash = UINT64_C(14695981039346656037);

    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * UINT64_C(1099511628211);
    return hash & (proof->n_buckets - 1);
}

static int grow_visits(struct proof *proof)
{
    size_t count = proof->n_buckets ? 4 * proof->n_buckets : 64, old = proof->n_buckets;
    struct visit **buckets = calloc(count, sizeof(struct visit *)), **before = proof->visits;

    if (!buckets)
        return -ENOMEM;
    proof->visits = buckets;
    proof->n_buckets = count;
    for (size_t i = 0; i < old; i++)
        for (struct visit *visit = before[i], *next; visit; visit = next) {
            size_t bucket = bucket_of(proof, visit->name);

            next = visit->next;
            visit->next = buckets[bucket];
            buckets[bucket] = visit;
        }
    free(before);
    return 0;
}

int visit_find(struct proof *proof, const char *name, struct visit **ret_visit)
{
    struct visit *visit;
    size_t bucket;

    if (proof->n_visits >= proof->n_buckets && grow_visits(proof) < 0)
        return -ENOMEM;
    bucket = bucket_of(proof, name);
    for (visit = proof->visits[bucket]; visit; visit = visit->next)
        if (strcmp(visit->name, name) == 0) {
            *ret_visit = visit;
            return 0;
        }
    visit = calloc(1, sizeof(*visit));
    if (!visit)
        return -ENOMEM;
    visit->name = strdup(name);
    if (!visit->name) {
        free(visit);
        return -ENOMEM;
    }
    visit->next = proof->visits[bucket];
    proof->visits[bucket] = visit;
    proof->n_visits++;
    *ret_visit = visit;
    return 0;
}

/* Root goes on from within a session, whatever has become of the check-out: that session must be
 * one of the same check-out. */
static int check_inside(struct proof *proof, const struct life *life, uint64_t seq,
                        const char *inside)
{
    struct visit *around = NULL;
    int r = visit_find(proof, inside, &around);

    if (r == 0 && (around->opened_seq == 0 || around->id != life->id))
        proof_tell(proof, PROOF_WRONG, seq, life->id,
                   "record %" PRIu64 " opens a session inside one that check-out %" PRIu64
                   " has not",
                   seq, life->id);
    return r;
}

/* A session begins inside the window of an active check-out, and in no other one. */
static int follow_session(struct proof *proof, struct life *life, uint64_t seq,
                          enum event_kind kind, const json_t *record)
{
    const char *name = record_text(record, "session"), *inside = record_text(record, "inside");
    uint64_t time = record_number(record, "time");
    struct visit *visit = NULL;
    int r;

    if (!name) {
        proof_tell(proof, PROOF_WRONG, seq, life->id, "record %" PRIu64 " names no session", seq);
        return 0;
    }
    r = visit_find(proof, name, &visit);
    if (r < 0)
        return r;
    visit->last_seq = seq;
    visit->has_row = record_hash(record, "session_row", visit->row);
    if (visit->row_differs && visit->has_row &&
        memcmp(visit->row, visit->row_stored, HASH_SIZE) == 0)
        visit->row_differs = false;
    if (kind != EVENT_SESSION_OPENED) {
        if (visit->opened_seq == 0 || visit->id != life->id)
            proof_tell(proof, PROOF_WRONG, seq, life->id,
                       "record %" PRIu64 " is about a session that check-out %" PRIu64
                       " has not opened",
                       seq, life->id);
        return 0;
    }
    if (visit->opened_seq)
        proof_tell(proof, PROOF_WRONG, seq, life->id,
                   "record %" PRIu64 " opens the session of record %" PRIu64 " again", seq,
                   visit->opened_seq);
    if (inside)
        r = check_inside(proof, life, seq, inside);
    else if (life->state == STATE_ACTIVE && life->end == 0)
        proof_tell(proof, PROOF_UNCHECKED, seq, life->id,
                   "the records of an older version do not say until when check-out %" PRIu64
                   " was open",
                   life->id);
    else if (life->state != STATE_ACTIVE || time >= life->end)
        proof_tell(proof, PROOF_WRONG, seq, life->id,
                   "record %" PRIu64 " opens a session outside the window of check-out %" PRIu64,
                   seq, life->id);
    visit->opened_seq = seq;
    visit->id = life->id;
    proof->summary.sessions++;
    return r;
}

/* ---- check-outs ---- */

static int copy(const char *text, char **ret_copy)
{
    free(*ret_copy);
    *ret_copy = text ? strdup(text) : NULL;
    return text && !*ret_copy ? -ENOMEM : 0;
}

static void copy_fixed(const char *text, char *buffer, size_t size)
{
    if (text && strlen(text) < size)
        memcpy(buffer, text, strlen(text) + 1);
}

/* The first record of a check-out says what was asked for. */
static int begin(struct proof *proof, struct life *life, uint64_t seq, const json_t *record)
{
    uid_t actor = record_uid(record, "actor_uid");

    life->first_seq = seq;
    life->person_uid = record_uid(record, "person_uid");
    life->account_uid = record_uid(record, "account_uid");
    if (actor == life->person_uid && actor != UID_UNSET)
        life->person_loginuid = record_uid(record, "actor_loginuid");
    life->duration = record_number(record, "duration");
    life->start_asked = record_number(record, "start");
    life->extends = record_number(record, "extends");
    copy_fixed(record_text(record, "uuid"), life->uuid, sizeof(life->uuid));
    copy_fixed(record_text(record, "digest"), life->digest, sizeof(life->digest));
    proof->summary.checkouts++;
    return copy(record_text(record, "person"), &life->person) < 0 ||
                   copy(record_text(record, "policy"), &life->policy) < 0
               ? -ENOMEM
               : 0;
}

/* Whose it is, for which account and under which policy never changes. */
static void check_same(struct proof *proof, const struct life *life, uint64_t seq,
                       const json_t *record)
{
    const char *uuid = record_text(record, "uuid"), *policy = record_text(record, "policy");

    if (record_uid(record, "person_uid") != life->person_uid ||
        record_uid(record, "account_uid") != life->account_uid || !uuid ||
        strcmp(uuid, life->uuid) != 0 || !policy || !life->policy ||
        strcmp(policy, life->policy) != 0)
        proof_tell(proof, PROOF_WRONG, seq, life->id,
                   "record %" PRIu64 " tells of another person, account or policy than record "
                   "%" PRIu64 ", the first of check-out %" PRIu64,
                   seq, life->first_seq, life->id);
}

static const struct {
    enum event_kind kind;
    enum lifecycle_event life; /* LIFE_EVENT_COUNT: the state stays */
} steps[] = {
    {EVENT_REQUESTED, LIFE_REQUESTED},
    {EVENT_DECISION, LIFE_DECIDED},
    {EVENT_APPROVED, LIFE_APPROVED},
    {EVENT_APPROVED, LIFE_APPLIED},
    {EVENT_APPROVED, LIFE_AUTO_APPROVED},
    {EVENT_DENIED, LIFE_DENIED},
    {EVENT_CANCELLED, LIFE_CANCELLED},
    {EVENT_LAPSED, LIFE_LAPSED},
    {EVENT_STARTED, LIFE_STARTED},
    {EVENT_EXTENDED, LIFE_EXTENDED},
    {EVENT_CARRIED_OVER, LIFE_CARRIED},
    {EVENT_RETURNED, LIFE_RETURNED},
    {EVENT_REVOKED, LIFE_REVOKED},
    {EVENT_EXPIRED, LIFE_EXPIRED},
    {EVENT_SESSION_OPENED, LIFE_USED},
    {EVENT_SESSION_PLACED, LIFE_EVENT_COUNT},
    {EVENT_SESSION_CLOSED, LIFE_EVENT_COUNT},
    {EVENT_SESSION_KILLED, LIFE_EVENT_COUNT},
    {EVENT_SESSION_SURVIVED, LIFE_EVENT_COUNT},
    {EVENT_DOOR_REFUSED, LIFE_EVENT_COUNT},
    {EVENT_DECISION_REFUSED, LIFE_EVENT_COUNT},
};

static bool is_legal(enum event_kind kind, enum checkout_state from, enum checkout_state to,
                     bool extends, bool inside)
{
    if (inside && kind == EVENT_SESSION_OPENED)
        return from == to && from != STATE_NONE;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (steps[i].kind != kind)
            continue;
        if (steps[i].life == LIFE_EVENT_COUNT
                ? from == to && from != STATE_NONE
                : lifecycle_next(from, steps[i].life) == to && to != STATE_NONE &&
                      (to == STATE_APPLIED) <= extends)
            return true;
    }
    return false;
}

/* The states that a record says are those of a legal step from where the check-out was. */
static void check_step(struct proof *proof, struct life *life, uint64_t seq, enum event_kind kind,
                       const json_t *record)
{
    const char *old_name = record_text(record, "state_old");
    const char *new_name = record_text(record, "state_new");
    enum checkout_state from = state_from_name(old_name), to = state_from_name(new_name);

    if ((old_name && from == STATE_NONE) || from != life->state)
        proof_tell(proof, PROOF_WRONG, seq, life->id,
                   "record %" PRIu64 " says that check-out %" PRIu64 " was %s before, and it was "
                   "%s",
                   seq, life->id, old_name ? old_name : "new", state_name(life->state));
    else if (!is_legal(kind, from, to, life->extends != 0, record_text(record, "inside")))
        proof_tell(proof, PROOF_WRONG, seq, life->id,
                   "record %" PRIu64 " leads check-out %" PRIu64 " from %s to %s, which '%s' "
                   "cannot do",
                   seq, life->id, old_name ? old_name : "nothing", new_name ? new_name : "nothing",
                   event_name(kind));
    life->state = to;
}

/* ---- windows ---- */

static void check_started(struct proof *proof, struct life *life, uint64_t seq,
                          const json_t *record)
{
    life->start = record_number(record, "start");
    life->end = record_number(record, "end");
    if (life->end < life->start || life->end - life->start > approval_granted(life))
        proof_tell(proof, PROOF_WRONG, seq, life->id,
                   "record %" PRIu64 " opens a longer window for check-out %" PRIu64
                   " than was approved",
                   seq, life->id);
}

static void check_extended(struct proof *proof, struct life *life, uint64_t seq,
                           const json_t *record)
{
    uint64_t most = approval_max_duration(proof, life, seq);
    uint64_t start = record_number(record, "start"), end = record_number(record, "end");

    if (start != life->start || end <= life->end || (most && end - start > most))
        proof_tell(proof, PROOF_WRONG, seq, life->id,
                   "record %" PRIu64 " moves the end of check-out %" PRIu64
                   " where its policy does not let it",
                   seq, life->id);
    life->end = end;
}

static void check_carried(struct proof *proof, const struct life *life, uint64_t seq,
                          const json_t *record)
{
    if (record_number(record, "start") != life->start || record_number(record, "end") != life->end)
        proof_tell(proof, PROOF_WRONG, seq, life->id,
                   "record %" PRIu64 " carries check-out %" PRIu64
                   " over a restart with another window",
                   seq, life->id);
}

/* The event of that name; EVENT_KIND_COUNT: there is none. */
static enum event_kind kind_of(const char *event)
{
    for (int kind = 0; kind < EVENT_KIND_COUNT; kind++)
        if (strcmp(event_name((enum event_kind)kind), event) == 0)
            return (enum event_kind)kind;
    return EVENT_KIND_COUNT;
}

static int follow(struct proof *proof, struct life *life, uint64_t seq, enum event_kind kind,
                  const json_t *record)
{
    switch (kind) {
    case EVENT_DECISION:
        return approval_check_decision(proof, life, seq, record, true);
    case EVENT_DENIED:
        return approval_check_decision(proof, life, seq, record, false);
    case EVENT_APPROVED:
        return approval_check_complete(proof, life, seq, record);
    case EVENT_STARTED:
        check_started(proof, life, seq, record);
        return 0;
    case EVENT_EXTENDED:
        check_extended(proof, life, seq, record);
        return 0;
    case EVENT_CARRIED_OVER:
        check_carried(proof, life, seq, record);
        return 0;
    case EVENT_SESSION_OPENED:
    case EVENT_SESSION_PLACED:
    case EVENT_SESSION_CLOSED:
    case EVENT_SESSION_KILLED:
    case EVENT_SESSION_SURVIVED:
        return follow_session(proof, life, seq, kind, record);
    default:
        return 0;
    }
}

int life_follow(struct proof *proof, uint64_t seq, const char *event, const json_t *record)
{
    uint64_t id = record_number(record, "id");
    enum event_kind kind = kind_of(event);
    struct life *life = NULL;
    int r = life_find(proof, id, &life);

    if (r < 0)
        return r;
    if (!life) {
        proof_tell(proof, PROOF_WRONG, seq, id,
                   "record %" PRIu64 " is about check-out %" PRIu64 ", and there are not so many",
                   seq, id);
        return 0;
    }
    if (kind == EVENT_KIND_COUNT) {
        proof_tell(proof, PROOF_UNCHECKED, seq, id,
                   "record %" PRIu64 " tells of '%.*s', which this version does not know", seq,
                   LIMIT_WORD, event);
        return 0;
    }
    if (life->first_seq == 0)
        r = begin(proof, life, seq, record);
    else
        check_same(proof, life, seq, record);
    if (r < 0)
        return r;
    check_step(proof, life, seq, kind, record);
    life->last_seq = seq;
    life->has_row = record_hash(record, "row", life->row);
    if (life->row_differs && life->has_row && memcmp(life->row, life->row_stored, HASH_SIZE) == 0)
        life->row_differs = false;
    return follow(proof, life, seq, kind, record);
}
