/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How a check-out looks to people: a block, a line, a sentence. */

#include <jansson.h>

#include "cli/output.h"

enum view_scope {
    VIEW_DECISION, /* what an approver must see */
    VIEW_ALL,      /* everything that is known */
};

/* Everything labelled, with the decisions in the order of time. */
void view_block(struct output *output, FILE *stream, const json_t *checkout, enum view_scope scope);

/* "17:07  17 pending  alice -> root on web1 by sudo: reason [ticket]", for a running list. `time`
 * stands at its beginning. */
void view_line(struct output *output, FILE *stream, uint64_t time, const json_t *checkout);

/* "request 17 waits for approval until 17:45 (in 27min), policy root-on-prod": one line about where
 * it stands. `subject` may take the place of "request 17". */
void view_sentence(struct output *output, FILE *stream, const json_t *checkout,
                   const char *subject);

/* The colour of a state; none for one that is not known. */
enum output_colour view_state_colour(const char *state);

/* A state that nothing leads out of. A state that is not known is none. */
bool view_state_is_final(const char *state);

/* All states, NULL at the end, the open ones first. */
extern const char *const view_states[];
#define VIEW_STATES_OPEN 3
