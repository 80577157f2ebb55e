/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The question to the broker and its answer. */

#include <stdint.h>

#include "gate1.h"
#include "caps.h"
#include "peer.h"

/* What is not known to be something else is a refusal. */
enum gate_verdict {
    GATE_REFUSED,
    GATE_PENDING,
    GATE_ALLOW,
    GATE_UNMANAGED,
    GATE_EXEMPT,
    GATE_INCOMPLETE, /* the policy wants words that the person can be asked for */
};

struct gate_answer {
    enum gate_verdict verdict;
    uint64_t id;                  /* of the request or check-out; 0: none */
    uint64_t end;                 /* Unix seconds; 0: none */
    char message[LIMIT_SENTENCE]; /* the broker's words, as it sent them; may be empty */
};

/* Calls GATE1_ASK, GATE1_OPEN or, with an id, GATE1_RESUME. A refusal by one of the project's own
 * D-Bus errors is an answer; any other error is none. Returns 0 or a negative errno with *problem
 * filled in, as peer_call does; -EPROTO for an answer that is not one. */
int gate_call(struct peer *peer, const char *method, uint64_t id, const struct gate1_login *login,
              const struct patience *patience, struct gate_answer *ret_answer,
              struct problem *problem);

/* The same on a connection of its own, within LIMIT_ANSWER_MS in all. With ret_peer the connection
 * is left open for the caller, who frees it. */
int gate_ask(const char *path, const char *method, const struct gate1_login *login,
             struct gate_answer *ret_answer, struct peer **ret_peer, struct problem *problem);

/* Tells the broker that the session is over. Returns 0 or a negative errno with *problem filled in.
 */
int gate_close_session(const char *path, const struct gate1_login *login, struct problem *problem);
