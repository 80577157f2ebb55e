/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <string.h>

#include "policy/config.h"
#include "policy/quorum.h"
#include "proof/proof_internal.h"

/* ---- the policies of the past ---- */

static bool is_digest_of(const char *digest, const char *text)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    char expected[DIGEST_TEXT_MAX];
    unsigned size = 0;

    if (EVP_Digest(text, strlen(text), hash, &size, EVP_sha256(), NULL) != 1 || size != HASH_SIZE)
        return false;
    hash_format(hash, expected);
    return strcmp(expected, digest) == 0;
}

/* Reads them anew; NULL where that cannot be, which is told. */
static struct policy_set *restore(struct proof *proof, uint64_t seq, const char *digest)
{
    CLEANUP_POLICY_SET struct policy_set *set = calloc(1, sizeof(*set));
    CLEANUP_FREE char *text = NULL;
    struct error error;
    int r = set ? proof->settings.policy_text(digest, &text, proof->settings.userdata) : -ENOMEM;

    if (r < 0)
        proof_tell(proof, PROOF_UNCHECKED, seq, 0,
                   "the text of the policies of record %" PRIu64
                   " is not there: what was decided under them was not recomputed",
                   seq);
    else if (!is_digest_of(digest, text))
        proof_tell(proof, PROOF_WRONG, seq, 0,
                   "the text of the policies of record %" PRIu64 " was changed: it is not that of "
                   "their digest",
                   seq);
    else if (config_restore_policies(set, "ledger", text, &error) != 0)
        proof_tell(proof, PROOF_UNCHECKED, seq, 0,
                   "the policies of record %" PRIu64 " cannot be read by this version: %s", seq,
                   error.text);
    else
        return TAKE_PTR(set);
    return NULL;
}

static const struct policy_set *policies_of(struct proof *proof, uint64_t seq, const char *digest)
{
    struct past_policies *place;

    for (size_t i = 0; i < proof->n_past; i++)
        if (strcmp(proof->past[i].digest, digest) == 0)
            return proof->past[i].set;
    if (proof->n_past == PAST_POLICIES_MAX) {
        policy_set_free(proof->past[0].set);
        proof->n_past--;
        memmove(proof->past, proof->past + 1, proof->n_past * sizeof(*proof->past));
    }
    place = &proof->past[proof->n_past++];
    *place = (struct past_policies){.set = restore(proof, seq, digest)};
    memcpy(place->digest, digest, strlen(digest) + 1);
    return place->set;
}

void approval_load(struct proof *proof, uint64_t seq, const json_t *record)
{
    const char *digest = record_text(record, "policy_digest");

    if (!digest || strlen(digest) >= sizeof(proof->policy_digest)) {
        proof_tell(proof, PROOF_WRONG, seq, 0, "record %" PRIu64 " loads no policies", seq);
        return;
    }
    memcpy(proof->policy_digest, digest, strlen(digest) + 1);
    (void)policies_of(proof, seq, digest);
}

/* The check-out's policy as it is in force. False where it is not there, which is told; *ret_policy
 * is NULL where nobody knows. */
static bool find_policy(struct proof *proof, const struct life *life, uint64_t seq,
                        const struct policy_set **ret_set, const struct policy **ret_policy)
{
    const struct policy_set *set =
        *proof->policy_digest ? policies_of(proof, seq, proof->policy_digest) : NULL;

    *ret_set = set;
    *ret_policy = NULL;
    for (size_t i = 0; set && life->policy && i < set->n_policies && !*ret_policy; i++)
        if (strcmp(set->policies[i]->name, life->policy) == 0)
            *ret_policy = set->policies[i];
    if (*ret_policy || (!set && *proof->policy_digest))
        return true;
    proof_tell(proof, PROOF_WRONG, seq, life->id,
               "record %" PRIu64 " decides under a policy that was not in force", seq);
    return false;
}

uint64_t approval_max_duration(struct proof *proof, const struct life *life, uint64_t seq)
{
    const struct policy_set *set;
    const struct policy *policy;

    return find_policy(proof, life, seq, &set, &policy) && policy ? policy->max_duration : 0;
}

uint64_t approval_granted(const struct life *life)
{
    uint64_t seconds = life->duration;

    for (size_t i = 0; i < life->n_marks; i++)
        if (life->marks[i].seconds && life->marks[i].seconds < seconds)
            seconds = life->marks[i].seconds;
    return seconds;
}

/* ---- decisions ---- */

static bool is_same_human(const struct life *life, const struct mark *mark)
{
    return mark->uid == life->person_uid || mark->loginuid == life->person_uid ||
           mark->uid == life->person_loginuid ||
           (mark->loginuid != LOGINUID_UNSET && mark->loginuid == life->person_loginuid);
}

static bool is_same_approver(const struct mark *a, const struct mark *b)
{
    return a->uid == b->uid || a->uid == b->loginuid || a->loginuid == b->uid ||
           (a->loginuid != LOGINUID_UNSET && a->loginuid == b->loginuid);
}

/* Might this person decide, under the policy as it was? Of groups in the past nobody knows. */
static void check_decider(struct proof *proof, const struct life *life, const struct mark *mark,
                          const char *actor)
{
    const struct policy_set *set;
    const struct policy *policy;
    struct approvers approvers;
    struct identity person = {.name = (char *)actor, .uid = mark->uid};

    if (!find_policy(proof, life, mark->seq, &set, &policy) || !policy)
        return;
    if (!policy->approval_required) {
        proof_tell(proof, PROOF_WRONG, mark->seq, life->id,
                   "record %" PRIu64 " decides where the policy asks for no approval", mark->seq);
        return;
    }
    if (!policy->self_approval && is_same_human(life, mark))
        proof_tell(proof, PROOF_WRONG, mark->seq, life->id,
                   "record %" PRIu64 " is a decision of the requester's own", mark->seq);
    approvers = approvers_of(set, policy, life->person);
    if (approvers_include(&approvers, &person) == 0)
        proof_tell(proof, PROOF_WRONG, mark->seq, life->id,
                   "record %" PRIu64 " is a decision of %s, who was no approver", mark->seq, actor);
}

int approval_check_decision(struct proof *proof, struct life *life, uint64_t seq,
                            const json_t *record, bool approve)
{
    const char *actor = record_text(record, "actor"), *digest = record_text(record, "digest");
    struct mark *marks = reallocarray(life->marks, life->n_marks + 1, sizeof(*marks));
    struct mark *mark;

    if (!marks)
        return -ENOMEM;
    life->marks = marks;
    mark = &marks[life->n_marks];
    *mark = (struct mark){.seq = seq,
                          .uid = record_uid(record, "actor_uid"),
                          .loginuid = record_uid(record, "actor_loginuid"),
                          .approve = approve,
                          .seconds = record_number(record, "seconds")};
    mark->has_row = record_hash(record, "decision_row", mark->row);

    if (!actor || mark->uid == UID_UNSET || mark->uid == 0)
        proof_tell(proof, PROOF_WRONG, seq, life->id, "record %" PRIu64 " is a decision of %s", seq,
                   mark->uid == 0 ? "root" : "nobody");
    else
        check_decider(proof, life, mark, actor);
    if (*life->digest && (!digest || strcmp(digest, life->digest) != 0))
        proof_tell(proof, PROOF_WRONG, seq, life->id,
                   "record %" PRIu64 " is a decision about something else than was asked for in "
                   "record %" PRIu64,
                   seq, life->first_seq);
    for (size_t i = 0; approve && i < life->n_marks; i++)
        if (marks[i].approve && is_same_approver(&marks[i], mark))
            proof_tell(proof, PROOF_WRONG, seq, life->id,
                       "record %" PRIu64 " is a second approval of whoever gave that of record "
                       "%" PRIu64,
                       seq, marks[i].seq);
    life->n_marks++;
    return 0;
}

/* ---- approvals ---- */

static bool has_approved(const struct life *life, uid_t uid)
{
    for (size_t i = 0; i < life->n_marks; i++)
        if (life->marks[i].approve && life->marks[i].uid == uid)
            return true;
    return false;
}

static void check_quorum(struct proof *proof, const struct life *life, uint64_t seq,
                         const struct policy *policy, const json_t *record)
{
    const char *evidence = record_text(record, "quorum");
    uid_t uids[QUORUM_WITNESSES_MAX];
    size_t count = 0;

    if (!evidence && !record_text(record, "row")) {
        proof_tell(proof, PROOF_UNCHECKED, seq, life->id,
                   "record %" PRIu64 " of an older version does not say who fills the quorum of "
                   "check-out %" PRIu64,
                   seq, life->id);
        return;
    }
    if (!evidence || quorum_check_evidence(policy->quorum, evidence, uids, &count) != 1) {
        proof_tell(proof, PROOF_WRONG, seq, life->id,
                   "record %" PRIu64 " approves check-out %" PRIu64
                   " without the quorum of policy %s",
                   seq, life->id, policy->name);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        bool doubled = false;

        for (size_t k = 0; k < i; k++)
            doubled = doubled || uids[k] == uids[i];
        if (doubled || !has_approved(life, uids[i]))
            proof_tell(proof, PROOF_WRONG, seq, life->id,
                       "record %" PRIu64 " counts an approval of uid %u that check-out %" PRIu64
                       " %s",
                       seq, (unsigned)uids[i], life->id, doubled ? "has but once" : "has not");
    }
}

int approval_check_complete(struct proof *proof, struct life *life, uint64_t seq,
                            const json_t *record)
{
    const struct policy_set *set;
    const struct policy *policy;

    proof->summary.approvals++;
    if (!find_policy(proof, life, seq, &set, &policy) || !policy)
        return 0;
    if (policy->approval_required)
        check_quorum(proof, life, seq, policy, record);
    if (!life->extends && approval_granted(life) > policy->max_duration)
        proof_tell(proof, PROOF_WRONG, seq, life->id,
                   "record %" PRIu64 " approves check-out %" PRIu64
                   " for longer than policy %s allows",
                   seq, life->id, policy->name);
    return 0;
}
