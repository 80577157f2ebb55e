/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What has happened: made by the ledger, in the ledger by the time anybody else hears of it. */

#include <stdint.h>

#include "checkout.h"

enum event_kind {
    EVENT_REQUESTED,
    EVENT_DECISION,
    EVENT_APPROVED,
    EVENT_DENIED,
    EVENT_CANCELLED,
    EVENT_LAPSED,
    EVENT_STARTED,
    EVENT_EXTENDED,
    EVENT_CARRIED_OVER,
    EVENT_RETURNED,
    EVENT_REVOKED,
    EVENT_EXPIRED,
    EVENT_SESSION_OPENED,
    EVENT_SESSION_PLACED, /* it is known now where its processes are */
    EVENT_SESSION_CLOSED,
    EVENT_SESSION_KILLED,
    EVENT_SESSION_SURVIVED,
    EVENT_DOOR_REFUSED,
    EVENT_DECISION_REFUSED,
    EVENT_POLICY_LOADED,
    EVENT_POLICY_REJECTED,
    EVENT_BROKER_STARTED,
    EVENT_BROKER_STOPPED,
    EVENT_JOURNAL_GAP,
    EVENT_KIND_COUNT
};

/* "session-opened"; never NULL. */
const char *event_name(enum event_kind kind);

/* The event of that name, or EVENT_KIND_COUNT. */
enum event_kind event_from_name(const char *name);

/* Borrowed throughout: valid while the sink is called. */
struct event {
    enum event_kind kind;
    uint64_t seq;     /* of the audit record; never 0 */
    uint64_t time;    /* Unix seconds */
    const char *hash; /* of the audit record, hexadecimal: the head of the chain after it */
    const struct checkout *checkout;          /* as it is now; NULL where none is concerned */
    enum checkout_state state_old, state_new; /* STATE_NONE where no check-out is concerned */
    const char *actor;                        /* who did it; NULL: nobody, time or the broker did */
    uid_t actor_uid;
    uint32_t actor_loginuid;
    const char *reason; /* of this event: a denial's, a revocation's, a refusal's; NULL: none */
    const char *term;   /* the term of the quorum that a decision filled; NULL: none */
    const struct session *session; /* NULL where none is concerned */
    /* A refusal at the door with no check-out still names these; NULL where unknown. */
    const char *person, *account, *door, *service, *tty, *rhost, *policy, *policy_digest;
    bool retold; /* from the ledger, later */
};

/* Told of every event after its transaction was committed, in order. Must not call the ledger's
 * changing functions. */
typedef void (*event_sink)(const struct event *event, void *userdata);
