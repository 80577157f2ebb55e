/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/scope.h"
#include "session/live.h"
#include "session/survivors.h"

/* What gets SIGTERM and SIGHUP may take so long to clean up. */
#define GRACE_USEC (5 * UINT64_C(1000000))
/* systemd answers within milliseconds, unless polkit or it is ill. */
#define STOP_TIMEOUT_MS 2000
/* What was killed is gone by then, but for what the kernel does not let go. */
#define KILLED_USEC (1 * UINT64_C(1000000))
/* Without a handle it is systemd that kills, when its own time for that is over: 5 s for the scopes
 * of sudo and su. */
#define SYSTEMD_USEC (2 * UINT64_C(1000000))
/* dbus-daemon lets one connection wait for 128 answers; some are for others. */
#define STOPS_MAX 64
/* When is looked for what is left elsewhere: once everything here has gone, or by then. */
#define LOOK_USEC (500 * UINT64_C(1000))
#define LOOK_AT_LAST_USEC (8 * UINT64_C(1000000))

static int arm(struct live *live, uint64_t usec, sd_event_time_handler_t handler)
{
    live->timer = sd_event_source_disable_unref(live->timer);
    return sd_event_add_time_relative(live->keeper->settings.event, &live->timer, CLOCK_BOOTTIME,
                                      usec, 0, handler, live);
}

static void record_survival(struct live *live, const char *problem)
{
    struct moment now = live->keeper->settings.now();
    struct error error;

    live->stage = LIVE_LEFT;
    live->timer = sd_event_source_disable_unref(live->timer);
    if (ledger_end_session(live->keeper->settings.ledger, live->session->session, SESSION_SURVIVED,
                           problem, &now, &error) != 0)
        live->keeper->settings.complain(error.text);
}

static void look_last(struct live *live)
{
    char problem[LIMIT_SENTENCE / 2];

    watch_look(live->watch);
    if (live->is_over)
        return;
    if (live->stage == LIVE_KILLING)
        (void)snprintf(problem, sizeof(problem),
                       "it was killed, and something in it does not go: a process that waits in "
                       "the kernel, or one that is in no cgroup of its");
    else if (live->session->inside && !live->session->unit)
        (void)snprintf(problem, sizeof(problem),
                       "it has no scope of its own, and did not end with the session that it was "
                       "opened from");
    else if (!live->session->unit)
        (void)snprintf(
            problem, sizeof(problem),
            "the door handed no scope over, so its processes cannot be told from others");
    else
        (void)snprintf(problem, sizeof(problem),
                       "systemd did not end %.100s (%.300s), and the broker has no handle to "
                       "kill it with",
                       live->session->unit,
                       live->stop_problem ? live->stop_problem : "it still runs");
    record_survival(live, problem);
}

static int on_last_look(sd_event_source *source, uint64_t usec, void *userdata)
{
    look_last(userdata);
    return 0;
}

/* Whatever is in the scope, however it shields itself. */
static void use_handle(struct live *live)
{
    if (live->stage == LIVE_KILLING || live->is_over)
        return;
    if (live->kill < 0 || write(live->kill, "1", 1) != 1) {
        if (live->kill >= 0 && errno == ENODEV) { /* the cgroup has gone */
            watch_look(live->watch);
            if (live->is_over)
                return;
        }
        look_last(live);
        return;
    }
    live->stage = LIVE_KILLING;
    if (arm(live, KILLED_USEC, on_last_look) < 0)
        look_last(live);
}

static int on_grace_over(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct live *live = userdata;

    watch_look(live->watch);
    if (live->is_over)
        return 0;
    if (live->kill < 0 && live->session->unit && !live->stop_problem &&
        arm(live, SYSTEMD_USEC, on_last_look) >= 0)
        return 0;
    use_handle(live);
    return 0;
}

/* ---- systemd ---- */

static void on_stop_answered(const char *problem, void *userdata)
{
    struct live *live = userdata;
    struct keeper *keeper = live->keeper;

    keeper->stops--;
    live->stop = stop_free(live->stop);
    if (problem && live->stage == LIVE_STOPPING) {
        free(live->stop_problem);
        live->stop_problem = strdup(problem);
        watch_look(live->watch);
        if (!live->is_over)
            use_handle(live);
    }
    keeper_stir(keeper);
}

/* systemd goes by the name, which may be somebody else's by now. */
static void ask(struct live *live)
{
    struct keeper *keeper = live->keeper;
    int r;

    watch_look(live->watch);
    if (!live->is_over && live_has_lost_name(live)) {
        live->is_over = true;
        keeper_stir(keeper);
    }
    if (live->is_over)
        return;
    r = stop_unit(keeper->settings.bus, live->session->unit, STOP_TIMEOUT_MS, on_stop_answered,
                  live, &live->stop);
    live->stop_asked = true;
    if (r == 0) {
        keeper->stops++;
        return;
    }
    live->stop_problem = strdup(r == -ENOMEM ? "out of memory" : "there is no system bus");
    use_handle(live);
}

void end_ask_systemd(struct keeper *keeper)
{
    struct live *live;

    LIST_FOREACH(live, &keeper->lives, link)
    {
        if (keeper->stops >= STOPS_MAX)
            return;
        if (live->stage == LIVE_STOPPING && !live->stop_asked && !live->is_over)
            ask(live);
    }
}

/* ---- one session ---- */

void end_begin(struct live *live)
{
    uint64_t warn_before;
    enum policy_on_end on_end = ledger_on_end(live->keeper->settings.ledger,
                                              live->policy ? live->policy : "", &warn_before);

    if (live->must_end)
        on_end = ON_END_TERMINATE;
    if (on_end != ON_END_NOTHING)
        warn_end(live, on_end == ON_END_TERMINATE);
    if (on_end != ON_END_TERMINATE) {
        live->stage = LIVE_LEFT;
        return;
    }
    live->stage = LIVE_STOPPING;
    /* Without a scope it may still go with the one that it was opened from. */
    live->stop_asked = !live->session->unit;
    if (!live->session->unit && !live->session->inside)
        look_last(live);
    else if (arm(live, live->session->unit ? GRACE_USEC : GRACE_USEC + KILLED_USEC, on_grace_over) <
             0)
        use_handle(live);
}

const char *end_how(const struct live *live)
{
    return live->stage == LIVE_KILLING                                    ? SESSION_KILLED
           : live->why && live->stage != LIVE_OPEN && live->session->unit ? SESSION_ENDED
                                                                          : SESSION_CLOSED;
}

/* ---- what is left elsewhere ---- */

static uint64_t now_usec(struct keeper *keeper)
{
    uint64_t usec = 0;

    (void)sd_event_now(keeper->settings.event, CLOCK_MONOTONIC, &usec);
    return usec;
}

static void arm_look(struct keeper *keeper)
{
    (void)sd_event_source_set_time_relative(keeper->looking, LOOK_USEC);
    (void)sd_event_source_set_enabled(keeper->looking, SD_EVENT_ONESHOT);
}

void end_note(struct keeper *keeper, uint64_t checkout_id, uid_t account_uid)
{
    struct ending *ending;

    LIST_FOREACH(ending, &keeper->endings, link)
    if (ending->checkout_id == checkout_id)
        return;
    ending = calloc(1, sizeof(*ending));
    if (!ending)
        return;
    *ending = (struct ending){
        .checkout_id = checkout_id, .account_uid = account_uid, .since = now_usec(keeper)};
    LIST_INSERT_HEAD(&keeper->endings, ending, link);
    arm_look(keeper);
}

static bool has_open(const struct keeper *keeper, uint64_t checkout_id)
{
    const struct live *live;

    LIST_FOREACH(live, &keeper->lives, link)
    if (live->session->checkout_id == checkout_id && live->stage != LIVE_LEFT)
        return true;
    return false;
}

/* Later sessions of the same login have nothing that the first one has not. */
static bool is_repeated(const struct sessions *all, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (!all->items[i]->inside &&
            all->items[i]->audit_session == all->items[at]->audit_session &&
            strcmp(all->items[i]->boot_id, all->items[at]->boot_id) == 0)
            return true;
    return false;
}

static void report(struct keeper *keeper, const struct ending *ending,
                   const struct processes *processes, const struct living *living)
{
    CLEANUP_SESSIONS struct sessions all = {0};
    struct moment now = keeper->settings.now();
    struct error error;

    if (ledger_sessions_of(keeper->settings.ledger, ending->checkout_id, &all) < 0)
        return;
    for (size_t i = 0; i < all.count; i++) {
        CLEANUP_FREE char *left = NULL;

        if (strcmp(all.items[i]->boot_id, now.boot_id) != 0 || all.items[i]->inside ||
            is_repeated(&all, i))
            continue;
        left = survivors_of(processes, all.items[i], ending->account_uid, living);
        if (!left)
            continue;
        if (ledger_end_session(keeper->settings.ledger, all.items[i]->session, SESSION_SURVIVED,
                               left, &now, &error) != 0)
            keeper->settings.complain(error.text);
    }
}

static size_t collect_living(const struct keeper *keeper, struct living *ret_living)
{
    const struct live *live;
    size_t count = 0;

    LIST_FOREACH(live, &keeper->lives, link)
    count++;
    ret_living->cgroups = calloc(count + 1, sizeof(*ret_living->cgroups));
    if (!ret_living->cgroups)
        return 0;
    LIST_FOREACH(live, &keeper->lives, link)
    if (live->session->cgroup)
        ret_living->cgroups[ret_living->count++] = live->session->cgroup;
    return ret_living->count;
}

int end_on_look(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct keeper *keeper = userdata;
    struct processes *processes = NULL;
    struct living living = {0};
    struct ending *ending = LIST_FIRST(&keeper->endings);
    uint64_t now = now_usec(keeper);

    while (ending) {
        struct ending *next = LIST_NEXT(ending, link);

        if (!has_open(keeper, ending->checkout_id) || now - ending->since > LOOK_AT_LAST_USEC) {
            if (!processes && processes_read(&processes) == 0)
                (void)collect_living(keeper, &living);
            if (processes && living.cgroups)
                report(keeper, ending, processes, &living);
            LIST_REMOVE(ending, link);
            free(ending);
        }
        ending = next;
    }
    processes_free(processes);
    free(living.cgroups);
    if (!LIST_EMPTY(&keeper->endings))
        arm_look(keeper);
    return 0;
}
