/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The life of a check-out as data: which event leads from which state to which. Pure. */

#include <stdbool.h>

enum checkout_state {
    STATE_NONE, /* before there is a request */
    STATE_PENDING,
    STATE_APPROVED,
    STATE_ACTIVE,
    STATE_DENIED,
    STATE_CANCELLED,
    STATE_LAPSED,
    STATE_RETURNED,
    STATE_REVOKED,
    STATE_EXPIRED,
    STATE_APPLIED,
    STATE_COUNT
};

/* What can happen to one. */
enum lifecycle_event {
    LIFE_REQUESTED,     /* filed, under a policy that asks for approval */
    LIFE_AUTO_APPROVED, /* filed, under `approval = none` */
    LIFE_DECIDED,       /* one more approval, quorum not reached */
    LIFE_APPROVED,      /* the approval that reached the quorum */
    LIFE_DENIED,
    LIFE_CANCELLED,
    LIFE_LAPSED,
    LIFE_STARTED,
    LIFE_USED,     /* a door was opened with it */
    LIFE_EXTENDED, /* its end was moved by an applied extension */
    LIFE_CARRIED,  /* it outlives a restart of the machine */
    LIFE_APPLIED,  /* it was an extension and took effect */
    LIFE_RETURNED,
    LIFE_REVOKED,
    LIFE_EXPIRED,
    LIFE_EVENT_COUNT
};

/* The state after the event, or STATE_NONE where the event cannot happen in that state. */
enum checkout_state lifecycle_next(enum checkout_state state, enum lifecycle_event event);

/* No event leads out of it. */
bool state_is_final(enum checkout_state state);

/* "pending"; never NULL. STATE_NONE is "none". */
const char *state_name(enum checkout_state state);

/* The state of that name, or STATE_NONE. */
enum checkout_state state_from_name(const char *name);
