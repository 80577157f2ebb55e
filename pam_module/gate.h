/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The question to the broker and its answer. */

#include <stdbool.h>
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
    uint64_t latest;              /* GATE1_PREPARE: the latest end it could be given; 0: none */
    bool terminate;               /* GATE1_PREPARE: the session is ended then */
    char message[LIMIT_SENTENCE]; /* the broker's words, as it sent them; may be empty */
};

/* Calls GATE1_ASK, GATE1_PREPARE, GATE1_OPEN or, with an id, GATE1_RESUME, and hands over
 * login->cgroup_kill where there is one. A refusal by one of the project's own D-Bus errors is an
 * answer; any other error is none. Returns 0 or a negative errno with *problem filled in, as
 * peer_call does; -EPROTO for an answer that is not one. */
int gate_call(struct peer *peer, const char *method, uint64_t id, const struct gate1_login *login,
              const struct patience *patience, struct gate_answer *ret_answer,
              struct problem *problem);

/* The same on *peer or, where that is NULL or has hung up, on a new connection, which is left in
 * *peer for the caller to free. After an error *peer is NULL. */
int gate_ask(const char *path, const char *method, const struct gate1_login *login,
             const struct patience *patience, struct peer **peer, struct gate_answer *ret_answer,
             struct problem *problem);

/* Tells the broker that the session is over. Returns 0 or a negative errno with *problem filled in.
 */
int gate_close_session(const char *path, const struct gate1_login *login,
                       const struct patience *patience, struct problem *problem);
