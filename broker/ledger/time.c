/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Windows, and what time does to check-outs. */

#include <string.h>

#include "ledger/ledger_internal.h"

/* The highest time that was seen is written down this often where nothing else is. */
#define CLOCK_STEP_SECONDS 30

/* The boot clock's reading when the wall clock, left alone, will be at that time. */
static uint64_t boot_at(uint64_t wall, const struct moment *now)
{
    return now->boot + (wall > now->wall ? wall - now->wall : 0);
}

void checkout_open_window(struct checkout *checkout, uint64_t start, const struct moment *now)
{
    checkout->start = start;
    checkout->end = start + checkout_granted_seconds(checkout);
    checkout->end_boot = boot_at(checkout->end, now);
    memcpy(checkout->boot_id, now->boot_id, sizeof(checkout->boot_id));
}

void checkout_approve(struct checkout *checkout, const struct policy *policy,
                      const struct moment *now)
{
    checkout->approved_at = now->wall;
    memcpy(checkout->boot_id, now->boot_id, sizeof(checkout->boot_id));
    for (size_t i = 0; i < checkout->n_decisions; i++)
        if (checkout->decisions[i].start > checkout->start_at)
            checkout->start_at = checkout->decisions[i].start;
    if (policy->clock == CLOCK_STARTS_AT_FIRST_USE) {
        uint64_t from = checkout->start_at > now->wall ? checkout->start_at : now->wall;

        checkout->use_by = from + policy->use_within;
        checkout->end_boot = boot_at(checkout->use_by, now);
    }
}

bool checkout_starts_now(const struct checkout *checkout, const struct moment *now)
{
    return !checkout->use_by && checkout->start_at <= now->wall;
}

/* A check-out that outlives a reboot gets its boot-clock end anew, unless the clock cannot be
 * trusted. */
static int carry_over(struct ledger *ledger, struct checkout *checkout, const struct moment *now,
                      struct error *error)
{
    struct change change = {.kind = EVENT_CARRIED_OVER, .life = LIFE_CARRIED, .checkout = checkout};

    if (checkout->start)
        checkout->end_boot = boot_at(checkout->end, now);
    else if (checkout->use_by)
        checkout->end_boot = boot_at(checkout->use_by, now);
    memcpy(checkout->boot_id, now->boot_id, sizeof(checkout->boot_id));
    return ledger_commit(ledger, &change, 1, now, error);
}

static int expire(struct ledger *ledger, struct checkout *checkout, const char *reason,
                  const struct moment *now, struct error *error)
{
    struct change change = {
        .kind = EVENT_EXPIRED, .life = LIFE_EXPIRED, .checkout = checkout, .reason = reason};

    return ledger_commit(ledger, &change, 1, now, error);
}

/* By the wall clock. */
static bool is_over(const struct checkout *checkout, const struct moment *now)
{
    return checkout->state == STATE_ACTIVE ? checkout->end <= now->wall
                                           : checkout->use_by && checkout->use_by <= now->wall;
}

/* What time does to one that is due. */
static int age(struct ledger *ledger, struct checkout *checkout, const struct moment *now,
               struct error *error)
{
    struct change change = {.checkout = checkout};

    if (checkout->state == STATE_PENDING) {
        change.kind = EVENT_LAPSED;
        change.life = LIFE_LAPSED;
        return ledger_commit(ledger, &change, 1, now, error);
    }
    if (strcmp(checkout->boot_id, now->boot_id) != 0) {
        if (!checkout->survive_reboot)
            return expire(ledger, checkout, "the machine was restarted", now, error);
        if (now->wall < store_clock(ledger->store))
            return expire(ledger, checkout, "the clock was set back over a restart", now, error);
        if (!is_over(checkout, now))
            return carry_over(ledger, checkout, now, error);
    }
    if (checkout->state == STATE_ACTIVE)
        return expire(ledger, checkout, "the time is over", now, error);
    if (checkout->use_by)
        return expire(ledger, checkout, "it was not used in time", now, error);

    checkout_open_window(checkout, checkout->start_at ? checkout->start_at : now->wall, now);
    change.kind = EVENT_STARTED;
    change.life = LIFE_STARTED;
    return ledger_commit(ledger, &change, 1, now, error);
}

/* An idle broker must know, too, that the clock went back. Not into the room that is kept for what
 * must still be written. */
static void keep_clock(struct ledger *ledger, const struct moment *now)
{
    struct store *store = ledger->store;

    if (now->wall < store_clock(store) + CLOCK_STEP_SECONDS || store_keep_room(store) < 0 ||
        store_begin(store) < 0)
        return;
    if (store_raise_clock(store, now->wall) < 0 || store_commit(store) < 0)
        store_rollback(store);
}

int ledger_tick(struct ledger *ledger, const struct moment *now, struct error *error)
{
    struct error problem;
    int first = 0; /* what went wrong with one does not keep time from the others */

    /* A later round sees what an earlier one made due: carried over a reboot, started, over
     * already. */
    for (int round = 0; round < 3 && first == 0; round++) {
        CLEANUP_FREE uint64_t *ids = NULL;
        size_t count = 0;
        int r = store_due(ledger->store, now, &ids, &count);

        if (r < 0)
            return ledger_storage_error(ledger, r, error);
        for (size_t i = 0; i < count; i++) {
            CLEANUP_CHECKOUT struct checkout *checkout = NULL;

            r = ledger_load(ledger, ids[i], &checkout, &problem);
            if (r == 0)
                r = age(ledger, checkout, now, &problem);
            if (r != 0 && first == 0) {
                first = r;
                *error = problem;
            }
        }
        if (count == 0)
            break;
    }
    refusals_settle(ledger, false, now);
    keep_clock(ledger, now);
    return first;
}

int ledger_next_tick(struct ledger *ledger, const struct moment *now, uint64_t *ret_wall,
                     uint64_t *ret_boot)
{
    return store_next_due(ledger->store, now, ret_wall, ret_boot);
}

int ledger_lapsing(struct ledger *ledger, uint64_t after, uint64_t until,
                   struct checkouts *ret_checkouts)
{
    return store_lapsing(ledger->store, after, until, ret_checkouts);
}
