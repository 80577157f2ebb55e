/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "policy/quorum.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/quorum_private.h"

struct quorum *quorum_free(struct quorum *quorum)
{
    if (!quorum)
        return NULL;
    for (size_t i = 0; i < quorum->n_terms; i++) {
        free(quorum->terms[i].name);
        free(quorum->terms[i].text);
    }
    for (size_t i = 0; i < quorum->n_stages; i++)
        free(quorum->stages[i].choices);
    free(quorum);
    return NULL;
}

term_set quorum_terms_of(const struct quorum *quorum, const struct approvers *approvers,
                         const struct identity *person)
{
    bool is_approver = approvers_include(approvers, person) == 1;
    term_set terms = 0;

    for (size_t i = 0; i < quorum->n_terms; i++) {
        const struct quorum_term *term = &quorum->terms[i];
        bool fits = false;

        switch (term->kind) {
        case TERM_ANYBODY:
            fits = is_approver;
            break;
        case TERM_GROUP:
            fits = is_approver && identity_in_group(person, term->name);
            break;
        case TERM_USER:
            fits = is_approver && person->name && strcmp(person->name, term->name) == 0;
            break;
        case TERM_MANAGER:
            fits = is_approver && person->name && approvers->manager &&
                   strcmp(person->name, approvers->manager) == 0;
            break;
        }
        if (fits)
            terms |= (term_set)1 << i;
    }
    return terms;
}

/* People and the terms that they fill: a bipartite matching that is always the largest for the
 * people so far. More than QUORUM_APPROVALS_MAX of them are never matched, so no more are kept. */
struct matching {
    const struct quorum *quorum;
    term_set wanted;
    size_t count;
    struct matched {
        term_set could; /* fill */
        size_t fills;
    } people[QUORUM_APPROVALS_MAX];
    unsigned filled[QUORUM_TERMS_MAX];
};

/* Finds a term for the person, moving others if need be (Kuhn's augmenting path). A term that was
 * visited without success needs no second visit. */
static bool place(struct matching *matching, term_set could, term_set *visited, size_t *ret_term)
{
    for (size_t i = 0; i < matching->quorum->n_terms; i++) {
        term_set term = (term_set)1 << i;

        if ((could & matching->wanted & term) &&
            matching->filled[i] < matching->quorum->terms[i].needed) {
            matching->filled[i]++;
            *ret_term = i;
            return true;
        }
    }
    for (size_t i = 0; i < matching->quorum->n_terms; i++) {
        term_set term = (term_set)1 << i;

        if ((could & matching->wanted & term & ~*visited) == 0)
            continue;
        *visited |= term;
        for (size_t k = 0; k < matching->count; k++) {
            size_t other;

            if (matching->people[k].fills == i &&
                place(matching, matching->people[k].could, visited, &other)) {
                matching->people[k].fills = other;
                *ret_term = i;
                return true;
            }
        }
    }
    return false;
}

/* Adds a person if the matching grows by it; *ret_term (may be NULL) is then the term filled. */
static bool matching_add(struct matching *matching, term_set could, size_t *ret_term)
{
    term_set visited = 0;
    size_t term;

    if (matching->count == QUORUM_APPROVALS_MAX || !place(matching, could, &visited, &term))
        return false;
    matching->people[matching->count++] = (struct matched){.could = could, .fills = term};
    if (ret_term)
        *ret_term = term;
    return true;
}

static unsigned approvals_of(const struct quorum *quorum, term_set terms)
{
    unsigned sum = 0;

    for (size_t i = 0; i < quorum->n_terms; i++)
        if (terms & ((term_set)1 << i))
            sum += quorum->terms[i].needed;
    return sum;
}

/* What the approvals of one stage have come to. Only those are kept that fill a term in one of its
 * choices; such a one also grows the matching over all terms of the stage (what those before it
 * reach in all terms they also reach in fewer), so there are never more than the terms ask for
 * together. */
struct pool {
    term_set could[QUORUM_APPROVALS_MAX];
    size_t count;
};

static void match_pool(const struct quorum *quorum, const struct pool *pool, term_set wanted,
                       struct matching *ret_matching)
{
    *ret_matching = (struct matching){.quorum = quorum, .wanted = wanted};
    for (size_t i = 0; i < pool->count; i++)
        matching_add(ret_matching, pool->could[i], NULL);
}

/* The fewest further approvals that fill one of the stage's choices. */
static size_t stage_needs(const struct quorum *quorum, const struct quorum_stage *stage,
                          const struct pool *pool)
{
    size_t fewest = SIZE_MAX;

    for (size_t i = 0; i < stage->n_choices; i++) {
        struct matching matching;
        size_t needed;

        match_pool(quorum, pool, stage->choices[i], &matching);
        needed = approvals_of(quorum, stage->choices[i]) - matching.count;
        if (needed < fewest)
            fewest = needed;
    }
    return fewest;
}

/* The term of the stage that one more approver would fill: of the choice that is then nearest to
 * being filled. NULL if none. */
static const struct quorum_term *stage_term(const struct quorum *quorum,
                                            const struct quorum_stage *stage,
                                            const struct pool *pool, term_set could)
{
    const struct quorum_term *found = NULL;
    size_t fewest = SIZE_MAX;

    for (size_t i = 0; i < stage->n_choices; i++) {
        struct matching matching;
        size_t needed, term;

        match_pool(quorum, pool, stage->choices[i], &matching);
        if (!matching_add(&matching, could, &term))
            continue;
        needed = approvals_of(quorum, stage->choices[i]) - matching.count;
        if (needed < fewest) {
            fewest = needed;
            found = &quorum->terms[term];
        }
    }
    return found;
}

/* One more approval. One that fills nothing in the stage that is asked when it comes is passed
 * over.
 */
static void step(const struct quorum *quorum, term_set could, size_t *stage, struct pool *pool)
{
    if (*stage == quorum->n_stages || pool->count == QUORUM_APPROVALS_MAX ||
        !stage_term(quorum, &quorum->stages[*stage], pool, could))
        return;
    pool->could[pool->count++] = could;
    if (stage_needs(quorum, &quorum->stages[*stage], pool) == 0) {
        (*stage)++;
        pool->count = 0;
    }
}

/* Goes through the approvals in order. */
static size_t walk(const struct quorum *quorum, const struct approvers *approvers,
                   const struct approval *approvals, size_t n_approvals, struct pool *ret_pool)
{
    struct pool pool = {0};
    size_t stage = 0;

    for (size_t i = 0; i < n_approvals && stage < quorum->n_stages; i++)
        step(quorum, quorum_terms_of(quorum, approvers, approvals[i].approver), &stage, &pool);
    *ret_pool = pool;
    return stage;
}

bool quorum_is_filled(const struct quorum *quorum, const term_set *could, size_t count)
{
    struct pool pool = {0};
    size_t stage = 0;

    for (size_t i = 0; i < count; i++)
        step(quorum, could[i], &stage, &pool);
    return stage == quorum->n_stages;
}

struct quorum_progress quorum_evaluate(const struct quorum *quorum,
                                       const struct approvers *approvers,
                                       const struct approval *approvals, size_t n_approvals)
{
    static const struct pool nobody = {0};
    struct quorum_progress progress = {0};
    struct pool pool;

    if (!quorum)
        return progress;
    progress.n_stages = quorum->n_stages;
    progress.stage = walk(quorum, approvers, approvals, n_approvals, &pool);
    progress.reached = progress.stage == quorum->n_stages;
    for (size_t i = progress.stage; i < quorum->n_stages; i++)
        progress.approvals_needed +=
            stage_needs(quorum, &quorum->stages[i], i == progress.stage ? &pool : &nobody);
    return progress;
}

const char *quorum_term_for(const struct quorum *quorum, const struct approvers *approvers,
                            const struct approval *approvals, size_t n_approvals,
                            const struct identity *approver)
{
    const struct quorum_term *term;
    struct pool pool;
    size_t stage;

    if (!quorum)
        return NULL;
    stage = walk(quorum, approvers, approvals, n_approvals, &pool);
    if (stage == quorum->n_stages)
        return NULL;
    term = stage_term(quorum, &quorum->stages[stage], &pool,
                      quorum_terms_of(quorum, approvers, approver));
    return term ? term->text : NULL;
}

/* Can the people fill all these terms together? */
static bool can_fill(const struct quorum *quorum, const struct approvers *approvers,
                     const struct identity *people, size_t n_people, term_set wanted)
{
    struct matching matching = {.quorum = quorum, .wanted = wanted};
    unsigned needed = approvals_of(quorum, wanted);

    for (size_t i = 0; i < n_people && matching.count < needed; i++)
        matching_add(&matching, quorum_terms_of(quorum, approvers, &people[i]), NULL);
    return matching.count == needed;
}

static bool choice_needs_manager(const struct quorum *quorum, term_set choice)
{
    for (size_t i = 0; i < quorum->n_terms; i++)
        if ((choice & ((term_set)1 << i)) && quorum->terms[i].kind == TERM_MANAGER)
            return true;
    return false;
}

bool quorum_needs_manager(const struct quorum *quorum)
{
    for (size_t i = 0; i < quorum->n_stages; i++) {
        const struct quorum_stage *stage = &quorum->stages[i];
        bool needed = true;

        for (size_t k = 0; k < stage->n_choices && needed; k++)
            needed = choice_needs_manager(quorum, stage->choices[k]);
        if (needed)
            return true;
    }
    return false;
}

bool quorum_reachable(const struct quorum *quorum, const struct approvers *approvers,
                      const struct identity *people, size_t n_people)
{
    size_t choice[QUORUM_STAGES_MAX] = {0};

    if (!quorum)
        return false;
    /* Who has approved in one stage cannot do so in the next, so the stages are filled together,
     * for every combination of their choices. */
    for (;;) {
        term_set wanted = 0;
        size_t stage = 0;

        for (size_t i = 0; i < quorum->n_stages; i++)
            wanted |= quorum->stages[i].choices[choice[i]];
        if (can_fill(quorum, approvers, people, n_people, wanted))
            return true;
        while (stage < quorum->n_stages && ++choice[stage] == quorum->stages[stage].n_choices)
            choice[stage++] = 0;
        if (stage == quorum->n_stages)
            return false;
    }
}
