/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz.h"

#include <errno.h>
#include <string.h>

#include "policy/quorum.h"
#include "policy/policy.h"

#define PEOPLE_MAX 24

static char a[] = "a", b[] = "b", c[] = "c", d[] = "d", dora[] = "dora", bob[] = "bob",
            manager[] = "manager", alice[] = "alice", carol[] = "carol";
static struct principal approver_items[] = {
    {.name = a, .is_group = true},
    {.name = b, .is_group = true},
    {.name = c, .is_group = true},
    {.name = d, .is_group = true},
    {.name = dora},
    {.name = bob},
    {.name = manager, .is_manager = true},
};
static const struct principals principals = {approver_items, 7};
static const struct approvers approvers = {&principals, alice, carol};

/* Every person is a byte: four bits of groups, one each for dora, bob and the manager carol. */
static size_t gather(const uint8_t *data, size_t size, struct identity *people, char *(*groups)[4])
{
    static char *const names[] = {a, b, c, d};
    static char nobody[] = "nobody";
    size_t count = size < PEOPLE_MAX ? size : PEOPLE_MAX;

    for (size_t i = 0; i < count; i++) {
        people[i] = (struct identity){.name = data[i] & 0x10   ? dora
                                              : data[i] & 0x20 ? bob
                                              : data[i] & 0x40 ? carol
                                                               : nobody,
                                      .uid = (uid_t)(1000 + i),
                                      .groups = groups[i],
                                      .groups_known = true};
        for (unsigned bit = 0; bit < 4; bit++)
            if (data[i] & (1u << bit))
                groups[i][people[i].n_groups++] = names[bit];
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = memchr(data, '\n', size);
    size_t length = end ? (size_t)(end - data) : size;
    CLEANUP_FREE char *text = fuzz_string(data, length);
    CLEANUP_QUORUM struct quorum *quorum = NULL;
    CLEANUP_FREE char *problem = NULL;
    CLEANUP_FREE char *sentence = NULL;
    struct identity people[PEOPLE_MAX];
    struct approval approvals[PEOPLE_MAX];
    char *groups[PEOPLE_MAX][4];
    struct quorum_progress before;
    size_t count = end ? gather(end + 1, size - length - 1, people, groups) : 0;
    int r = quorum_parse(text, &principals, &quorum, &problem);

    if (r != 0) {
        FUZZ_ASSERT(r == -EINVAL && !quorum && problem && *problem);
        return 0;
    }
    FUZZ_ASSERT(quorum && !problem);
    sentence = quorum_sentence(quorum, &approvers);
    FUZZ_ASSERT(sentence && *sentence);

    before = quorum_evaluate(quorum, &approvers, approvals, 0);
    FUZZ_ASSERT(!before.reached && before.stage == 0 && before.n_stages > 0);
    FUZZ_ASSERT(before.approvals_needed > 0 && before.approvals_needed <= 64);
    for (size_t i = 0; i < count; i++) {
        const char *term = quorum_term_for(quorum, &approvers, approvals, i, &people[i]);
        struct quorum_progress after;

        approvals[i] = (struct approval){.approver = &people[i], .time = i};
        after = quorum_evaluate(quorum, &approvers, approvals, i + 1);
        FUZZ_ASSERT(after.n_stages == before.n_stages);
        FUZZ_ASSERT(after.reached == (after.stage == after.n_stages));
        FUZZ_ASSERT(after.reached == (after.approvals_needed == 0));
        FUZZ_ASSERT(after.stage >= before.stage && after.stage <= before.stage + 1);
        FUZZ_ASSERT(after.approvals_needed <= before.approvals_needed);
        FUZZ_ASSERT(after.approvals_needed + 1 >= before.approvals_needed);
        /* who fills no term changes nothing */
        if (!term)
            FUZZ_ASSERT(after.stage == before.stage &&
                        after.approvals_needed == before.approvals_needed);
        if (before.reached)
            FUZZ_ASSERT(!term);
        if (after.reached)
            FUZZ_ASSERT(quorum_reachable(quorum, &approvers, people, i + 1));
        before = after;
    }
    if (quorum_needs_manager(quorum)) {
        const struct approvers without = {&principals, alice, NULL};

        FUZZ_ASSERT(!quorum_reachable(quorum, &without, people, count));
    }
    if (!quorum_reachable(quorum, &approvers, people, count))
        FUZZ_ASSERT(!before.reached);
    return 0;
}
