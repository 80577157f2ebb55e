/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "doctor/pam_walk.h"

#include <errno.h>
#include <security/pam_appl.h>
#include <stdlib.h>
#include <string.h>

#define LEVELS 17
#define NODES_MAX 200000
/* What libpam puts in place of nothing (PAM_MUST_FAIL_CODE). */
#define MUST_FAIL PAM_PERM_DENIED

enum impression { UNDEFINED, POSITIVE, NEGATIVE };

/* Where dispatching stands before a handler. */
struct place {
    uint16_t at;
    uint8_t previous_level, impression, status;
    uint8_t unused; /* no padding: places are compared byte by byte */
    struct {
        uint8_t impression, status;
    } saved[LEVELS]; /* on entering each substack */
};

struct node {
    struct place place;
    uint32_t parent; /* how we came here */
    uint16_t from;   /* the handler that returned ... */
    int8_t code;     /* ... this, or PAM_WALK_NOT_RUN */
};

struct search {
    struct pam_walk *walk;
    struct node *nodes;
    size_t count, room;
    uint32_t *index; /* open addressing: number of a node and one, 0: free */
    size_t n_index;
};

static uint32_t hash(const struct place *place)
{
    const unsigned char *bytes = (const unsigned char *)place;
    uint32_t h = 2166136261u;

    for (size_t i = 0; i < sizeof(*place); i++)
        h = (h ^ bytes[i]) * 16777619u;
    return h;
}

static int index_grow(struct search *search)
{
    size_t n = search->n_index ? search->n_index * 2 : 1024;
    uint32_t *index = calloc(n, sizeof(*index));

    if (!index)
        return -ENOMEM;
    for (size_t i = 0; i < search->count; i++) {
        size_t at = hash(&search->nodes[i].place) & (n - 1);

        while (index[at])
            at = (at + 1) & (n - 1);
        index[at] = (uint32_t)i + 1;
    }
    free(search->index);
    search->index = index;
    search->n_index = n;
    return 0;
}

/* Remembers a place, unless it is known. */
static int visit(struct search *search, const struct place *place, size_t parent, size_t from,
                 int code)
{
    size_t at;

    if (search->count * 2 >= search->n_index) {
        int r = index_grow(search);

        if (r < 0)
            return r;
    }
    for (at = hash(place) & (search->n_index - 1); search->index[at];
         at = (at + 1) & (search->n_index - 1))
        if (memcmp(&search->nodes[search->index[at] - 1].place, place, sizeof(*place)) == 0)
            return 0;
    if (search->count >= NODES_MAX)
        return -E2BIG;
    if (search->count == search->room) {
        size_t room = search->room ? search->room * 2 : 256;
        struct node *grown = reallocarray(search->nodes, room, sizeof(*grown));

        if (!grown)
            return -ENOMEM;
        search->nodes = grown;
        search->room = room;
    }
    search->nodes[search->count] = (struct node){
        .place = *place, .parent = (uint32_t)parent, .from = (uint16_t)from, .code = (int8_t)code};
    search->index[at] = (uint32_t)++search->count;
    return 0;
}

/* Only success and what lets in need to be told apart. */
static int simplify(const struct pam_walk *walk, int code)
{
    return code == PAM_SUCCESS || (walk->wanted & PAM_WALK_BIT(code)) ? code : MUST_FAIL;
}

/* Jumps over `number` lines behind `at`. Returns where it ends; *ret_left is what could not be
 * jumped.
 */
static size_t jump(const struct pam_handlers *handlers, size_t at, int number, int *ret_left)
{
    int level = handlers->items[at].level;

    while (at + 1 < handlers->count && handlers->items[at + 1].level >= level && number > 0) {
        do
            at++;
        while (at + 1 < handlers->count && handlers->items[at + 1].level > level);
        number--;
    }
    *ret_left = number;
    return at;
}

/* What one result does: the switch of _pam_dispatch_aux(). `place` is before and after. */
static void apply(const struct pam_walk *walk, struct place *place, int code)
{
    const struct pam_handlers *handlers = walk->handlers;
    const struct pam_handler *handler = &handlers->items[place->at];
    int action = handler->actions[code], level = handler->level, left = 0;
    size_t at = place->at;

    switch (action) {
    case PAM_DO_RESET:
        place->impression = place->saved[level].impression;
        place->status = place->saved[level].status;
        break;
    case PAM_DO_OK:
    case PAM_DO_DONE:
        if (place->impression == UNDEFINED ||
            (place->impression == POSITIVE && place->status == PAM_SUCCESS)) {
            place->impression = POSITIVE;
            place->status = (uint8_t)simplify(walk, code);
        }
        if (place->impression == POSITIVE && action == PAM_DO_DONE)
            while (at + 1 < handlers->count && handlers->items[at + 1].level >= level)
                at++;
        break;
    case PAM_DO_BAD:
    case PAM_DO_DIE:
        if (place->impression != NEGATIVE) {
            place->impression = NEGATIVE;
            place->status = (uint8_t)simplify(walk, code == PAM_IGNORE ? MUST_FAIL : code);
        }
        if (action == PAM_DO_DIE)
            while (at + 1 < handlers->count && handlers->items[at + 1].level >= level)
                at++;
        break;
    case PAM_DO_IGNORE:
        break;
    default:
        at = jump(handlers, at, action, &left);
        if (action < 0 || left > 0) {
            place->impression = NEGATIVE;
            place->status = MUST_FAIL;
        }
    }
    place->previous_level = (uint8_t)level;
    place->at = (uint16_t)(at + 1);
}

/* All that can come of one handler. */
static int step(struct search *search, size_t number)
{
    const struct pam_walk *walk = search->walk;
    struct place before = search->nodes[number].place;
    size_t at = before.at;
    const struct pam_handler *handler = &walk->handlers->items[at];
    uint32_t codes;

    if (handler->level >= LEVELS)
        return -E2BIG;
    if (before.previous_level < handler->level) {
        before.saved[handler->level].impression = before.impression;
        before.saved[handler->level].status = before.status;
    }
    if (handler->kind == PAM_SUBSTACK) {
        before.previous_level = (uint8_t)handler->level;
        before.at++;
        return visit(search, &before, number, at, PAM_WALK_NOT_RUN);
    }
    codes = handler->kind == PAM_MUST_FAIL ? PAM_WALK_BIT(MUST_FAIL)
                                           : walk->codes(handler, walk->userdata);
    for (int code = 0; code < PAM_TEXT_CODES - 1; code++) {
        struct place after = before;
        int r;

        if (!(codes & PAM_WALK_BIT(code)))
            continue;
        apply(walk, &after, code);
        r = visit(search, &after, number, at, code);
        if (r < 0)
            return r;
    }
    return 0;
}

static int keep_witness(struct search *search, size_t number)
{
    struct pam_walk *walk = search->walk;

    walk->witness = malloc(walk->handlers->count);
    if (!walk->witness)
        return -ENOMEM;
    memset(walk->witness, PAM_WALK_NOT_RUN, walk->handlers->count);
    for (; number != 0; number = search->nodes[number].parent)
        walk->witness[search->nodes[number].from] = search->nodes[number].code;
    return 0;
}

static int arrive(struct search *search, size_t number)
{
    struct pam_walk *walk = search->walk;
    const struct place *end = &search->nodes[number].place;
    int status = end->status;

    if (status == PAM_SUCCESS && end->impression != POSITIVE)
        status = MUST_FAIL;
    if (!(walk->wanted & PAM_WALK_BIT(status)) || (walk->reached & PAM_WALK_BIT(status)))
        return 0;
    walk->reached |= PAM_WALK_BIT(status);
    return walk->witness ? 0 : keep_witness(search, number);
}

int pam_walk_run(struct pam_walk *walk)
{
    struct search search = {.walk = walk};
    struct place start;
    int r;

    walk->reached = 0;
    walk->witness = NULL;
    /* libpam: "no modules loaded" */
    if (walk->handlers->count == 0) {
        walk->reached = walk->wanted & PAM_WALK_BIT(MUST_FAIL);
        return 0;
    }
    if (walk->handlers->count >= UINT16_MAX)
        return -E2BIG;
    memset(&start, 0, sizeof(start));
    start.status = MUST_FAIL;
    for (size_t i = 0; i < LEVELS; i++)
        start.saved[i].status = MUST_FAIL;
    r = visit(&search, &start, 0, 0, PAM_WALK_NOT_RUN);
    for (size_t i = 0; i < search.count && r == 0; i++)
        r = search.nodes[i].place.at < walk->handlers->count ? step(&search, i)
                                                             : arrive(&search, i);
    free(search.nodes);
    free(search.index);
    if (r < 0)
        pam_walk_clear(walk);
    return r;
}

void pam_walk_clear(struct pam_walk *walk)
{
    free(walk->witness);
    walk->witness = NULL;
    walk->reached = 0;
}

const struct pam_handler *pam_walk_culprit(const struct pam_walk *walk)
{
    const struct pam_handlers *handlers = walk->handlers;
    size_t gate = handlers->count;

    if (!walk->witness)
        return NULL;
    for (size_t i = 0; i < handlers->count; i++)
        if (walk->is_gate(&handlers->items[i], walk->userdata)) {
            /* It was asked, and its refusal lost: by its own control, or by a reset behind it. */
            if (walk->witness[i] != PAM_WALK_NOT_RUN)
                return &handlers->items[i];
            if (gate == handlers->count)
                gate = i;
        }
    if (gate == handlers->count)
        return NULL;
    /* The last line that ran before it sent the rest past it. */
    for (size_t i = gate; i > 0; i--)
        if (walk->witness[i - 1] != PAM_WALK_NOT_RUN)
            return &handlers->items[i - 1];
    return NULL;
}
