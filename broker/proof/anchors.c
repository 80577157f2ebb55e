/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "proof/proof_internal.h"

int proof_anchor(struct proof *proof, uint64_t seq, const unsigned char hash[HASH_SIZE])
{
    size_t count = proof->n_anchors;

    if ((count & (count - 1)) == 0) { /* room is made at 0, 1, 2, 4, 8 … */
        struct anchor *grown =
            reallocarray(proof->anchors, count ? 2 * count : 1, sizeof(*proof->anchors));

        if (!grown)
            return -ENOMEM;
        proof->anchors = grown;
    }
    proof->anchors[count].seq = seq;
    memcpy(proof->anchors[count].hash, hash, HASH_SIZE);
    proof->n_anchors++;
    return 0;
}

static int compare(const void *a, const void *b)
{
    const struct anchor *first = a, *second = b;

    if (first->seq != second->seq)
        return first->seq < second->seq ? -1 : 1;
    return memcmp(first->hash, second->hash, HASH_SIZE);
}

/* In order, each once: what the journal missed is written again, and may then be there twice. */
static void sort(struct proof *proof)
{
    size_t kept = 0;

    proof->anchors_sorted = true;
    if (proof->n_anchors == 0)
        return;
    qsort(proof->anchors, proof->n_anchors, sizeof(*proof->anchors), compare);
    for (size_t i = 0; i < proof->n_anchors; i++)
        if (kept == 0 || compare(&proof->anchors[kept - 1], &proof->anchors[i]) != 0)
            proof->anchors[kept++] = proof->anchors[i];
    proof->n_anchors = kept;
    proof->summary.anchored_first = proof->anchors[0].seq;
    proof->summary.anchored_last = proof->anchors[kept - 1].seq;
}

void anchors_check(struct proof *proof, uint64_t seq, const unsigned char hash[HASH_SIZE])
{
    bool known = false, differs = false;

    if (!proof->anchors_sorted)
        sort(proof);
    while (proof->next_anchor < proof->n_anchors && proof->anchors[proof->next_anchor].seq <= seq) {
        const struct anchor *anchor = &proof->anchors[proof->next_anchor++];

        known = known || anchor->seq == seq;
        if (anchor->seq != seq)
            proof_tell(proof, PROOF_WRONG, anchor->seq, 0,
                       "the journal has record %" PRIu64 ", and the ledger has not", anchor->seq);
        else
            differs = differs || memcmp(anchor->hash, hash, HASH_SIZE) != 0;
    }
    /* All behind a record that was replaced differ as well: the first one is told of, and at the
     * end the last one. */
    if (differs && proof->replaced++ == 0)
        proof_tell(proof, PROOF_WRONG, seq, 0,
                   "record %" PRIu64 " is not the one that the journal was told of: it, or one "
                   "before it, was replaced",
                   seq);
    if (differs)
        proof->replaced_last = seq;
    if (!known && proof->n_anchors && seq > proof->anchors[0].seq &&
        seq < proof->summary.anchored_last) {
        if (proof->unanchored++ == 0)
            proof->unanchored_first = seq;
        proof->unanchored_last = seq;
    }
}

void anchors_finish(struct proof *proof)
{
    struct proof_summary *summary = &proof->summary;

    if (!proof->anchors_sorted)
        sort(proof);
    if (proof->replaced > 1)
        proof_tell(proof, PROOF_WRONG, proof->replaced_last, 0,
                   "so it is with %" PRIu64 " more records up to %" PRIu64, proof->replaced - 1,
                   proof->replaced_last);
    if (proof->next_anchor < proof->n_anchors)
        proof_tell(proof, PROOF_WRONG, proof->anchors[proof->next_anchor].seq, 0,
                   "the ledger ends with record %" PRIu64 ", and the journal knows of record "
                   "%" PRIu64 ": its end was cut off, or it is an older copy",
                   summary->head_seq, summary->anchored_last);
    if (proof->unanchored)
        proof_tell(proof, PROOF_UNCHECKED, proof->unanchored_first, 0,
                   "%" PRIu64 " records from %" PRIu64 " to %" PRIu64 " have no entry in the "
                   "journal, which has those before and behind them",
                   proof->unanchored, proof->unanchored_first, proof->unanchored_last);
    if (proof->n_anchors && summary->anchored_last < summary->head_seq)
        proof_tell(proof, PROOF_UNCHECKED, summary->anchored_last + 1, 0,
                   "the journal has nothing of the records from %" PRIu64 " to %" PRIu64
                   ": nothing but their rows speaks for these",
                   summary->anchored_last + 1, summary->head_seq);
}
