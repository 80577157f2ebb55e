/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/lifecycle.h"

#include <stddef.h>
#include <string.h>

static const char *const state_names[STATE_COUNT] = {
    [STATE_NONE] = "none",       [STATE_PENDING] = "pending",   [STATE_APPROVED] = "approved",
    [STATE_ACTIVE] = "active",   [STATE_DENIED] = "denied",     [STATE_CANCELLED] = "cancelled",
    [STATE_LAPSED] = "lapsed",   [STATE_RETURNED] = "returned", [STATE_REVOKED] = "revoked",
    [STATE_EXPIRED] = "expired", [STATE_APPLIED] = "applied",
};

/* What is not in the table cannot happen. */
static const enum checkout_state transitions[STATE_COUNT][LIFE_EVENT_COUNT] = {
    [STATE_NONE] =
        {
            [LIFE_REQUESTED] = STATE_PENDING,
            [LIFE_AUTO_APPROVED] = STATE_APPROVED,
        },
    [STATE_PENDING] =
        {
            [LIFE_DECIDED] = STATE_PENDING,
            [LIFE_APPROVED] = STATE_APPROVED,
            [LIFE_DENIED] = STATE_DENIED,
            [LIFE_CANCELLED] = STATE_CANCELLED,
            [LIFE_LAPSED] = STATE_LAPSED,
            [LIFE_APPLIED] = STATE_APPLIED,
        },
    [STATE_APPROVED] =
        {
            [LIFE_STARTED] = STATE_ACTIVE,
            [LIFE_EXTENDED] = STATE_APPROVED,
            [LIFE_CARRIED] = STATE_APPROVED,
            [LIFE_RETURNED] = STATE_RETURNED,
            [LIFE_REVOKED] = STATE_REVOKED,
            [LIFE_EXPIRED] = STATE_EXPIRED,
        },
    [STATE_ACTIVE] =
        {
            [LIFE_USED] = STATE_ACTIVE,
            [LIFE_EXTENDED] = STATE_ACTIVE,
            [LIFE_CARRIED] = STATE_ACTIVE,
            [LIFE_RETURNED] = STATE_RETURNED,
            [LIFE_REVOKED] = STATE_REVOKED,
            [LIFE_EXPIRED] = STATE_EXPIRED,
        },
};

enum checkout_state lifecycle_next(enum checkout_state state, enum lifecycle_event event)
{
    if ((unsigned)state >= STATE_COUNT || (unsigned)event >= LIFE_EVENT_COUNT)
        return STATE_NONE;
    return transitions[state][event];
}

bool state_is_final(enum checkout_state state)
{
    return state != STATE_NONE && state != STATE_PENDING && state != STATE_APPROVED &&
           state != STATE_ACTIVE;
}

const char *state_name(enum checkout_state state)
{
    return (unsigned)state < STATE_COUNT ? state_names[state] : state_names[STATE_NONE];
}

enum checkout_state state_from_name(const char *name)
{
    for (enum checkout_state state = STATE_PENDING; name && state < STATE_COUNT; state++)
        if (strcmp(state_names[state], name) == 0)
            return state;
    return STATE_NONE;
}
