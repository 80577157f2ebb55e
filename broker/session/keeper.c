/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "session/keeper.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "session/handover.h"
#include "session/live.h"

/* How soon is tried again what the ledger could not take. */
#define AGAIN_USEC (10 * UINT64_C(1000000))

DEFINE_CLEANUP(struct keeper *, keeper, keeper_free);
DEFINE_CLEANUP(struct live *, live, live_free);

struct live *live_free(struct live *live)
{
    if (!live)
        return NULL;
    if (live->stop)
        live->keeper->stops--;
    stop_free(live->stop);
    watch_free(live->watch);
    sd_event_source_disable_unref(live->timer);
    cleanup_close(&live->kill);
    session_free(live->session);
    free(live->person);
    free(live->policy);
    free(live->why);
    free(live->stop_problem);
    free(live);
    return NULL;
}

static struct live *find(struct keeper *keeper, const char *session)
{
    struct live *live;

    LIST_FOREACH(live, &keeper->lives, link)
    if (strcmp(live->session->session, session) == 0)
        return live;
    return NULL;
}

static void forget(struct live *live)
{
    if (live->kill >= 0)
        fdstore_drop(live->session->session);
    LIST_REMOVE(live, link);
    live_free(live);
}

void keeper_stir(struct keeper *keeper)
{
    (void)sd_event_source_set_enabled(keeper->deferred, SD_EVENT_ONESHOT);
}

static void on_over(void *userdata)
{
    struct live *live = userdata;

    live->is_over = true;
    keeper_stir(live->keeper);
}

bool live_has_lost_name(const struct live *live)
{
    const struct session *session = live->session;
    uint64_t inode = 0;
    int r;

    if (!session->cgroup || !session->cgroup_inode)
        return false;
    r = handover_inode(live->keeper->settings.cgroups, session->cgroup, &inode);
    return r == -ENOENT || (r == 0 && inode != session->cgroup_inode);
}

/* ---- what is done outside of the ledger's transactions ---- */

/* True if it is recorded, and may be forgotten. */
static bool record_over(struct live *live)
{
    struct keeper *keeper = live->keeper;
    struct moment now = keeper->settings.now();
    struct error error;

    if (ledger_end_session(keeper->settings.ledger, live->session->session, end_how(live),
                           live->why, &now, &error) == 0)
        return true;
    keeper->settings.complain(error.text);
    (void)sd_event_source_set_time_relative(keeper->again, AGAIN_USEC);
    (void)sd_event_source_set_enabled(keeper->again, SD_EVENT_ONESHOT);
    return false;
}

static int on_deferred(sd_event_source *source, void *userdata)
{
    struct keeper *keeper = userdata;
    struct live *live;

    /* All are begun with before anything is written down: nobody waits for another's record. */
    LIST_FOREACH(live, &keeper->lives, link)
    if (live->why && live->stage == LIVE_OPEN && !live->is_over)
        end_begin(live);
    end_ask_systemd(keeper);
    live = LIST_FIRST(&keeper->lives);
    while (live) {
        struct live *next = LIST_NEXT(live, link);

        if (live->is_over && record_over(live))
            forget(live);
        live = next;
    }
    return 0;
}

static int on_again(sd_event_source *source, uint64_t usec, void *userdata)
{
    keeper_stir(userdata);
    return 0;
}

/* ---- sessions ---- */

/* By its cgroup where that is known, else by its process alone. */
static void watch(struct live *live)
{
    const struct keeper_settings *settings = &live->keeper->settings;
    const struct session *session = live->session;
    int r;

    live->watch = watch_free(live->watch);
    if (live_has_lost_name(live)) {
        on_over(live);
        return;
    }
    if (session->cgroup)
        r = watch_cgroup(settings->event, settings->cgroups, session->cgroup, on_over, live,
                         &live->watch);
    else
        r = watch_process(settings->event, session->pid, session->start_time, on_over, live,
                          &live->watch);
    if (r < 0)
        settings->complain(strerror(-r));
}

static void follow(struct live *live, const struct checkout *checkout)
{
    live->end = checkout->end;
    live->end_boot = checkout->end_boot;
    live->account_uid = checkout->account_uid;
    if (!live->person)
        live->person = strdup(checkout->person);
    if (!live->policy)
        live->policy = strdup(checkout->policy);
}

static struct live *add(struct keeper *keeper, const struct session *session,
                        const struct checkout *checkout)
{
    CLEANUP(cleanup_live) struct live *live = calloc(1, sizeof(*live));

    if (!live)
        return NULL;
    live->keeper = keeper;
    live->kill = -1;
    live->session = session_copy(session);
    if (!live->session)
        return NULL;
    follow(live, checkout);
    LIST_INSERT_HEAD(&keeper->lives, live, link);
    return TAKE_PTR(live);
}

static void on_opened(struct keeper *keeper, const struct event *event)
{
    struct moment now = keeper->settings.now();
    struct live *live = add(keeper, event->session, event->checkout);
    uint64_t warn_before;

    if (!live) {
        keeper->settings.complain("out of memory: a session is not watched");
        return;
    }
    watch(live);
    /* Who comes in so late has just been told until when. */
    (void)ledger_on_end(keeper->settings.ledger, event->checkout->policy, &warn_before);
    if (live_left(live, &now) <= warn_before)
        live->warned = live->end;
    if (state_is_final(event->checkout->state)) {
        live->why = strdup("it was over before root went on from it");
        live->must_end = true;
        keeper_stir(keeper);
    }
}

static void on_placed(struct keeper *keeper, const struct session *session)
{
    struct live *live = find(keeper, session->session);
    struct session *copy;

    if (!live)
        return;
    copy = session_copy(session);
    if (!copy) {
        keeper->settings.complain("out of memory: a session is watched by its process alone");
        return;
    }
    session_free(live->session);
    live->session = copy;
    watch(live);
}

/* ---- ends of check-outs ---- */

/* "the time is over", "bob has revoked it: reason" */
static char *say_why(const struct event *event)
{
    const char *verb = event->kind == EVENT_REVOKED    ? "revoked it"
                       : event->kind == EVENT_RETURNED ? "gave it back"
                                                       : "ended it";
    char *why = NULL;

    if (event->kind == EVENT_EXPIRED || !event->actor)
        return strdup(event->reason ? event->reason : "the time is over");
    if (asprintf(&why, "%s %s%s%s", event->actor, verb, event->reason ? ": " : "",
                 event->reason ? event->reason : "") < 0)
        return NULL;
    return why;
}

static void on_end(struct keeper *keeper, const struct event *event)
{
    struct live *live;

    LIST_FOREACH(live, &keeper->lives, link)
    {
        if (live->session->checkout_id != event->checkout->id || live->why)
            continue;
        live->why = say_why(event);
        if (!live->why)
            live->why = strdup("it is over");
        live->must_end = event->kind == EVENT_REVOKED;
    }
    if (event->checkout->uses > 0)
        end_note(keeper, event->checkout->id, event->checkout->account_uid);
    keeper_stir(keeper);
}

void keeper_sink(const struct event *event, void *userdata)
{
    struct keeper *keeper = userdata;
    struct live *live;

    if (!event->checkout)
        return;
    switch (event->kind) {
    case EVENT_SESSION_OPENED:
        on_opened(keeper, event);
        break;
    case EVENT_SESSION_PLACED:
        on_placed(keeper, event->session);
        break;
    case EVENT_SESSION_CLOSED:
    case EVENT_SESSION_KILLED:
        /* By the door: it is recorded, and only to be forgotten. */
        live = find(keeper, event->session->session);
        if (live) {
            live->is_over = true;
            keeper_stir(keeper);
        }
        break;
    case EVENT_EXTENDED:
        LIST_FOREACH(live, &keeper->lives, link)
        if (live->session->checkout_id == event->checkout->id)
            follow(live, event->checkout);
        break;
    case EVENT_EXPIRED:
    case EVENT_REVOKED:
    case EVENT_RETURNED:
        if (event->state_old == STATE_ACTIVE)
            on_end(keeper, event);
        break;
    default:
        break;
    }
}

/* ---- start ---- */

static void close_session(struct keeper *keeper, const struct session *session, const char *how,
                          const char *reason, const struct moment *now)
{
    struct error error;

    if (ledger_end_session(keeper->settings.ledger, session->session, how, reason, now, &error) !=
        0)
        keeper->settings.complain(error.text);
}

static void resume(struct keeper *keeper, const struct session *session, const struct moment *now)
{
    CLEANUP_CHECKOUT struct checkout *checkout = NULL;
    struct error error;
    struct live *live;

    if (!session->boot_id[0]) {
        close_session(keeper, session, SESSION_CLOSED,
                      "it was opened by a version that did not watch sessions", now);
        return;
    }
    if (strcmp(session->boot_id, now->boot_id) != 0) {
        close_session(keeper, session, SESSION_REBOOTED, "the machine was restarted", now);
        return;
    }
    if (ledger_checkout(keeper->settings.ledger, session->checkout_id, &checkout, &error) != 0) {
        keeper->settings.complain(error.text);
        return;
    }
    live = add(keeper, session, checkout);
    if (!live) {
        keeper->settings.complain("out of memory: a session is not watched");
        return;
    }
    if (keeper->settings.kept)
        live->kill = fdstore_take(keeper->settings.kept, session->session);
    watch(live);
    if (state_is_final(checkout->state)) {
        live->why = strdup("it is over");
        live->must_end = checkout->state == STATE_REVOKED;
        end_note(keeper, checkout->id, checkout->account_uid);
        keeper_stir(keeper);
    }
}

void keeper_start(struct keeper *keeper)
{
    CLEANUP_SESSIONS struct sessions open = {0};
    struct moment now = keeper->settings.now();
    int r = ledger_open_sessions(keeper->settings.ledger, &open);

    if (r < 0) {
        keeper->settings.complain("the sessions that are open cannot be read from the ledger");
        return;
    }
    for (size_t i = 0; i < open.count; i++)
        resume(keeper, open.items[i], &now);
    if (keeper->settings.kept)
        fdstore_forget_others(keeper->settings.kept);
}

void keeper_adopt(struct keeper *keeper, const char *session, int kill)
{
    CLEANUP_CLOSE int owned = kill;
    struct live *live = find(keeper, session);

    if (!live || live->kill >= 0 || owned < 0)
        return;
    live->kill = TAKE_FD(owned);
    fdstore_keep(session, live->kill);
}

/* ---- time ---- */

/* Its time is over, and the ledger has not said so: it cannot be written. The sessions end all the
 * same, and that is recorded when it can. */
static void end_unrecorded(struct live *live)
{
    live->why = strdup("the time is over");
    if (!live->why)
        return;
    end_note(live->keeper, live->session->checkout_id, live->account_uid);
    keeper_stir(live->keeper);
}

void keeper_tick(struct keeper *keeper, const struct moment *now)
{
    struct live *live;

    LIST_FOREACH(live, &keeper->lives, link)
    {
        uint64_t warn_before = 0;
        enum policy_on_end on_end =
            ledger_on_end(keeper->settings.ledger, live->policy ? live->policy : "", &warn_before);

        watch_look(live->watch);
        if (live->why || live->is_over)
            continue;
        if (live_left(live, now) == 0) {
            end_unrecorded(live);
            continue;
        }
        if (live->warned == live->end || on_end == ON_END_NOTHING ||
            live_left(live, now) > warn_before)
            continue;
        live->warned = live->end;
        warn_near(live, now);
    }
}

uint64_t keeper_next_tick(const struct keeper *keeper, const struct moment *now)
{
    const struct live *live;
    uint64_t next = 0;

    LIST_FOREACH(live, &keeper->lives, link)
    {
        uint64_t warn_before = 0, left = live_left(live, now), wait;

        (void)ledger_on_end(keeper->settings.ledger, live->policy ? live->policy : "",
                            &warn_before);
        if (live->why || live->warned == live->end || warn_before == 0)
            continue;
        wait = left > warn_before ? left - warn_before : 1;
        if (next == 0 || wait < next)
            next = wait;
    }
    return next;
}

/* ---- the module ---- */

int keeper_new(const struct keeper_settings *settings, struct keeper **ret_keeper)
{
    CLEANUP(cleanup_keeper) struct keeper *keeper = calloc(1, sizeof(*keeper));
    int r;

    if (!keeper)
        return -ENOMEM;
    keeper->settings = *settings;
    LIST_INIT(&keeper->lives);
    LIST_INIT(&keeper->endings);
    r = sd_event_add_defer(settings->event, &keeper->deferred, on_deferred, keeper);
    if (r >= 0)
        r = sd_event_source_set_enabled(keeper->deferred, SD_EVENT_OFF);
    if (r >= 0)
        r = sd_event_add_time_relative(settings->event, &keeper->looking, CLOCK_MONOTONIC, 0, 0,
                                       end_on_look, keeper);
    if (r >= 0)
        r = sd_event_source_set_enabled(keeper->looking, SD_EVENT_OFF);
    if (r >= 0)
        r = sd_event_add_time_relative(settings->event, &keeper->again, CLOCK_MONOTONIC, 0, 0,
                                       on_again, keeper);
    if (r >= 0)
        r = sd_event_source_set_enabled(keeper->again, SD_EVENT_OFF);
    if (r < 0)
        return r;
    *ret_keeper = TAKE_PTR(keeper);
    return 0;
}

struct keeper *keeper_free(struct keeper *keeper)
{
    if (!keeper)
        return NULL;
    while (!LIST_EMPTY(&keeper->lives)) {
        struct live *live = LIST_FIRST(&keeper->lives);

        LIST_REMOVE(live, link);
        live_free(live);
    }
    while (!LIST_EMPTY(&keeper->endings)) {
        struct ending *ending = LIST_FIRST(&keeper->endings);

        LIST_REMOVE(ending, link);
        free(ending);
    }
    sd_event_source_disable_unref(keeper->deferred);
    sd_event_source_disable_unref(keeper->looking);
    sd_event_source_disable_unref(keeper->again);
    free(keeper);
    return NULL;
}
