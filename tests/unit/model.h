/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the documents say that the ledger does, said once more and as simply as can be: no database,
 * no names, no messages. Time takes effect at once. Written from the design and the contracts, not
 * from the ledger. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ledger/ledger.h"

enum person { ROOT, ALICE, BOB, CAROL, DAVE, ERIN, PEOPLE };
enum account { ORACLE, BACKUP, APP, PRIVILEGED, GAMES, ACCOUNTS };

#define BIT(n) (1u << (n))

/* A policy; masks of people. */
struct rules {
    const char *name;
    enum account account;
    unsigned requesters, exempt;
    unsigned doors; /* 0: all */
    bool auto_approved;
    bool security, managers; /* approvers: these groups, */
    unsigned approvers;      /* and these people */
    bool one_of_each;        /* quorum = security:1 & managers:1; else: */
    unsigned quorum;
    uint64_t duration, max_duration, pending_timeout, use_within;
    bool first_use, exclusive, survive;
    unsigned uses, max_open;
};

struct model_decision {
    enum person actor;
    uint64_t seconds, start;
};

struct model_checkout {
    enum checkout_state state;
    enum person person;
    enum account account;
    unsigned door;
    const struct rules *rules; /* under which it was filed */
    bool waiting;
    uint64_t requested, lapses, duration, start_at, extends;
    uint64_t use_by, start, end, end_boot; /* end_boot: also of use_by */
    unsigned boot, uses;
    struct model_decision decisions[8];
    size_t n_decisions;
};

#define MODEL_MAX 200000
#define MODEL_OPEN_MAX 4000

struct model {
    const struct rules *rules; /* in force */
    size_t n_rules;
    unsigned security, managers; /* who is in them today */
    uint64_t wall, boot_clock, highest_wall;
    unsigned boot;
    struct model_checkout *all; /* by id, from 1 */
    uint64_t last;
    uint64_t open[MODEL_OPEN_MAX]; /* ids of those that are not final */
    size_t n_open;
};

/* Refusals that apply, as bits of enum error_code: the ledger may name any of them. 0: it is done.
 */
typedef unsigned refusals;

void model_time(struct model *model);

/* What a door may answer: the verdicts that are right, as bits, and for allow and pending the ids.
 */
struct model_answer {
    enum verdict_kind kind;
    uint64_t ids[MODEL_OPEN_MAX]; /* any of these; none: no id is expected */
    size_t n_ids;
    bool filed; /* a new one, whose id is the next */
};
void model_ask(struct model *model, enum person person, enum account account, unsigned door,
               bool only_asks, bool waits, struct model_answer *ret_answer);
/* The door chose this one of the answer's ids. */
void model_entered(struct model *model, uint64_t id, bool session);
/* Until when the person is told that it lasts, by the wall clock of now. */
uint64_t model_closes(const struct model *model, uint64_t id);
enum verdict_kind model_resume(struct model *model, uint64_t id, enum person person,
                               enum account account, unsigned door);

/* *ret_same: the request that is there already, which is the answer then; 0: none. */
refusals model_request(struct model *model, enum person person, enum account account, unsigned door,
                       uint64_t duration, uint64_t start, uint64_t *ret_same);
refusals model_grant(struct model *model, enum person granter, enum person person,
                     enum account account, uint64_t duration, uint64_t start);
refusals model_extend(struct model *model, enum person person, uint64_t id, uint64_t seconds,
                      uint64_t *ret_same);
refusals model_approve(struct model *model, enum person person, uint64_t id, bool right_digest,
                       uint64_t seconds, uint64_t start);
refusals model_deny(struct model *model, enum person person, uint64_t id);
refusals model_cancel(struct model *model, enum person person, uint64_t id);
refusals model_check_in(struct model *model, enum person person, uint64_t id);
refusals model_revoke(struct model *model, enum person person, uint64_t id);
refusals model_abandon(struct model *model, uint64_t id);
