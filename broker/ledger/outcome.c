/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ledger/ledger_internal.h"

/* The event that brought a check-out into its state. */
static enum event_kind event_of(enum checkout_state state)
{
    switch (state) {
    case STATE_APPROVED:
    case STATE_ACTIVE:
    case STATE_APPLIED:
        return EVENT_APPROVED;
    case STATE_DENIED:
        return EVENT_DENIED;
    case STATE_CANCELLED:
        return EVENT_CANCELLED;
    case STATE_LAPSED:
        return EVENT_LAPSED;
    case STATE_RETURNED:
        return EVENT_RETURNED;
    case STATE_REVOKED:
        return EVENT_REVOKED;
    case STATE_EXPIRED:
        return EVENT_EXPIRED;
    default:
        return EVENT_REQUESTED;
    }
}

void outcome_find(struct ledger *ledger, const struct checkout *checkout, struct step *ret_step)
{
    /* What cannot be read is left out of the sentence. */
    if (store_find_step(ledger->store, checkout->id, event_name(event_of(checkout->state)),
                        ret_step) < 0)
        *ret_step = (struct step){.time = checkout->requested};
}

int outcome_refuse(struct ledger *ledger, const struct checkout *checkout, const struct moment *now,
                   struct error *error)
{
    CLEANUP_STEP struct step step = {0};
    unsigned long long id = checkout->id;
    char when[WHEN_TEXT_MAX];

    outcome_find(ledger, checkout, &step);
    when_format(step.time, now, when);
    switch (checkout->state) {
    case STATE_PENDING:
        return error_set(error, ERROR_WRONG_STATE,
                         "request %llu is still pending: deny or cancel it instead", id);
    case STATE_APPROVED:
    case STATE_ACTIVE:
    case STATE_APPLIED:
        return error_set(error, ERROR_ALREADY_DECIDED, "request %llu was approved by %s at %s", id,
                         checkout->n_decisions && step.actor ? step.actor : "its policy", when);
    case STATE_DENIED:
        return error_set(error, ERROR_ALREADY_DECIDED, "request %llu was denied by %s at %s", id,
                         step.actor ? step.actor : "an approver", when);
    case STATE_LAPSED:
        return error_set(error, ERROR_WRONG_STATE, "request %llu lapsed at %s, undecided", id,
                         when);
    case STATE_CANCELLED:
        return step.actor
                   ? error_set(error, ERROR_WRONG_STATE, "request %llu was cancelled by %s at %s",
                               id, step.actor, when)
                   : error_set(error, ERROR_WRONG_STATE, "request %llu was cancelled at %s: %s", id,
                               when, step.reason ? step.reason : "nobody waited for it");
    case STATE_RETURNED:
        return error_set(error, ERROR_WRONG_STATE, "check-out %llu was checked in by %s at %s", id,
                         step.actor ? step.actor : checkout->person, when);
    case STATE_REVOKED:
        return error_set(error, ERROR_WRONG_STATE, "check-out %llu was revoked by %s at %s", id,
                         step.actor ? step.actor : "an administrator", when);
    default:
        return error_set(error, ERROR_WRONG_STATE, "check-out %llu expired at %s: %s", id, when,
                         step.reason ? step.reason : "the time is over");
    }
}

int outcome_refuse_cancel(struct ledger *ledger, const struct checkout *checkout,
                          const struct moment *now, struct error *error)
{
    struct error what;

    (void)outcome_refuse(ledger, checkout, now, &what);
    return error_set(error, ERROR_WRONG_STATE, "%s: give it back with checkoutctl checkin %llu",
                     what.text, (unsigned long long)checkout->id);
}
