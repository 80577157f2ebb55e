/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sink/waiters.h"

#include <errno.h>
#include <sys/queue.h>

#include "cleanup.h"

struct waiter {
    LIST_ENTRY(waiter) link;
    struct waiters *waiters;
    uint64_t checkout_id;
    bool woken; /* something was decided; wake is due */
    waiter_wake wake;
    void *userdata;
    sd_event_source *timer;
};

struct waiters {
    sd_event *event;
    sd_event_source *deferred; /* wakes outside of the transaction's call chain */
    LIST_HEAD(, waiter) all;
};

DEFINE_CLEANUP(struct waiters *, waiters, waiters_free);

void waiter_cancel(struct waiter *waiter)
{
    if (!waiter)
        return;
    LIST_REMOVE(waiter, link);
    sd_event_source_disable_unref(waiter->timer);
    free(waiter);
}

static void wake(struct waiter *waiter, bool timed_out)
{
    waiter_wake call = waiter->wake;
    void *userdata = waiter->userdata;

    waiter_cancel(waiter);
    call(timed_out, userdata);
}

static struct waiter *first_woken(struct waiters *waiters)
{
    struct waiter *waiter;

    LIST_FOREACH(waiter, &waiters->all, link)
    if (waiter->woken)
        return waiter;
    return NULL;
}

/* One a round: waking one may cancel others. */
static int on_deferred(sd_event_source *source, void *userdata)
{
    struct waiters *waiters = userdata;
    struct waiter *waiter = first_woken(waiters);

    if (waiter)
        wake(waiter, false);
    return sd_event_source_set_enabled(source, first_woken(waiters) ? SD_EVENT_ON : SD_EVENT_OFF);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
    wake(userdata, true);
    return 0;
}

int waiters_new(sd_event *event, struct waiters **ret_waiters)
{
    CLEANUP(cleanup_waiters) struct waiters *waiters = calloc(1, sizeof(*waiters));
    int r;

    if (!waiters)
        return -ENOMEM;
    LIST_INIT(&waiters->all);
    waiters->event = sd_event_ref(event);
    r = sd_event_add_defer(event, &waiters->deferred, on_deferred, waiters);
    if (r >= 0)
        r = sd_event_source_set_enabled(waiters->deferred, SD_EVENT_OFF);
    if (r < 0)
        return r;
    *ret_waiters = TAKE_PTR(waiters);
    return 0;
}

struct waiters *waiters_free(struct waiters *waiters)
{
    if (!waiters)
        return NULL;
    while (!LIST_EMPTY(&waiters->all))
        waiter_cancel(LIST_FIRST(&waiters->all));
    sd_event_source_disable_unref(waiters->deferred);
    sd_event_unref(waiters->event);
    free(waiters);
    return NULL;
}

int waiters_add(struct waiters *waiters, uint64_t checkout_id, uint64_t seconds, waiter_wake call,
                void *userdata, struct waiter **ret_waiter)
{
    CLEANUP_FREE struct waiter *waiter = calloc(1, sizeof(*waiter));
    int r;

    if (!waiter)
        return -ENOMEM;
    waiter->waiters = waiters;
    waiter->checkout_id = checkout_id;
    waiter->wake = call;
    waiter->userdata = userdata;
    r = sd_event_add_time_relative(waiters->event, &waiter->timer, CLOCK_BOOTTIME,
                                   seconds * 1000000, 0, on_timer, waiter);
    if (r < 0)
        return r;
    LIST_INSERT_HEAD(&waiters->all, waiter, link);
    *ret_waiter = TAKE_PTR(waiter);
    return 0;
}

void waiters_sink(const struct event *event, void *userdata)
{
    struct waiters *waiters = userdata;
    struct waiter *waiter;
    bool any = false;

    /* One approval of several wakes too: the door says so to the person and waits on. */
    if (!event->checkout || event->kind == EVENT_REQUESTED || event->kind == EVENT_DECISION_REFUSED)
        return;
    LIST_FOREACH(waiter, &waiters->all, link)
    if (waiter->checkout_id == event->checkout->id)
        any = waiter->woken = true;
    if (any)
        (void)sd_event_source_set_enabled(waiters->deferred, SD_EVENT_ON);
}
