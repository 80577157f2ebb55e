/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ticker.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "bus/moment.h"
#include "cleanup.h"

/* Approvers hear once more of what lapses within this time. */
#define REMIND_BEFORE (5 * 60)

/* Time is looked at this often even where nothing is due: a clock that is slewed is noticed. */
#define TICK_AT_MOST_USEC (60 * 1000000ULL)

/* What could not be recorded is tried again after this time. */
#define RETRY_USEC (5 * 1000000ULL)

struct ticker {
    struct ledger *ledger;
    struct terminals *terminals; /* NULL: approvers are not told */
    struct keeper *keeper;       /* NULL: not yet */
    ticker_complain *complain;
    sd_event_source *timer, *setting;
    int setting_fd;
    uint64_t reminded; /* wall time up to which lapses have been announced */
    bool changed;      /* something was written since the timer was set */
    bool failed;       /* what was due at the last tick could not be written */
};

DEFINE_CLEANUP(struct ticker *, ticker, ticker_free);

struct ticker *ticker_free(struct ticker *ticker)
{
    if (!ticker)
        return NULL;
    sd_event_source_disable_unref(ticker->timer);
    sd_event_source_disable_unref(ticker->setting);
    if (ticker->setting_fd >= 0)
        close(ticker->setting_fd);
    free(ticker);
    return NULL;
}

static int arm(struct ticker *ticker)
{
    struct moment now = moment_now();
    uint64_t wall = 0, boot = 0, wait = ticker->failed ? RETRY_USEC : TICK_AT_MOST_USEC;
    uint64_t warning = ticker->keeper ? keeper_next_tick(ticker->keeper, &now) : 0;

    if (ledger_next_tick(ticker->ledger, &now, &wall, &boot) == 0) {
        if (wall && (wall - now.wall) * 1000000 < wait)
            wait = (wall - now.wall) * 1000000;
        if (boot && (boot - now.boot) * 1000000 < wait)
            wait = (boot - now.boot) * 1000000;
    }
    if (warning && warning * 1000000 < wait)
        wait = warning * 1000000;
    ticker->changed = false;
    int r = sd_event_source_set_time_relative(ticker->timer, wait);

    return r < 0 ? r : sd_event_source_set_enabled(ticker->timer, SD_EVENT_ONESHOT);
}

/* Once for each request, and not for those that had little more time from the beginning. */
static void remind(struct ticker *ticker, const struct moment *now)
{
    CLEANUP_CHECKOUTS struct checkouts lapsing = {0};
    uint64_t until = now->wall + REMIND_BEFORE;

    if (ticker->terminals && ticker->reminded && until > ticker->reminded &&
        ledger_lapsing(ticker->ledger, ticker->reminded, until, &lapsing) == 0)
        for (size_t i = 0; i < lapsing.count; i++)
            if (lapsing.items[i]->lapses - lapsing.items[i]->requested > 2 * REMIND_BEFORE)
                (void)terminals_tell(ticker->terminals, lapsing.items[i], true);
    ticker->reminded = until;
}

static int tick(struct ticker *ticker)
{
    struct moment now = moment_now();
    struct error error;

    ticker->failed = ledger_tick(ticker->ledger, &now, &error) != 0;
    if (ticker->failed)
        ticker->complain(error.text);
    if (ticker->keeper)
        keeper_tick(ticker->keeper, &now);
    remind(ticker, &now);
    return arm(ticker);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
    return tick(userdata);
}

/* A timer that never ends tells of every setting of the clock (timerfd_create(2)). */
static int await_setting(struct ticker *ticker)
{
    const struct itimerspec never = {
        .it_value = {.tv_sec = (time_t)(sizeof(time_t) == 8 ? INT64_MAX : INT32_MAX)}};

    if (timerfd_settime(ticker->setting_fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never,
                        NULL) < 0)
        return -errno;
    return 0;
}

static int on_setting(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    struct ticker *ticker = userdata;
    uint64_t ignored;
    int r;

    if (read(fd, &ignored, sizeof(ignored)) < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    r = await_setting(ticker);
    return r < 0 ? r : tick(ticker);
}

void ticker_set_keeper(struct ticker *ticker, struct keeper *keeper)
{
    ticker->keeper = keeper;
}

void ticker_note(struct ticker *ticker)
{
    ticker->changed = true;
}

int ticker_poll(struct ticker *ticker)
{
    return ticker->changed ? arm(ticker) : 0;
}

/* sd-event silently switches a source off whose handler failed. */
static int add_sources(struct ticker *ticker, sd_event *event)
{
    int r = sd_event_add_time_relative(event, &ticker->timer, CLOCK_BOOTTIME, TICK_AT_MOST_USEC, 0,
                                       on_timer, ticker);

    if (r >= 0)
        r = sd_event_source_set_exit_on_failure(ticker->timer, true);
    if (r >= 0)
        r = sd_event_add_io(event, &ticker->setting, ticker->setting_fd, EPOLLIN, on_setting,
                            ticker);
    if (r >= 0)
        r = sd_event_source_set_exit_on_failure(ticker->setting, true);
    return r < 0 ? r : 0;
}

int ticker_new(sd_event *event, struct ledger *ledger, struct terminals *terminals,
               ticker_complain *complain, struct ticker **ret_ticker)
{
    CLEANUP(cleanup_ticker) struct ticker *ticker = calloc(1, sizeof(*ticker));
    int r;

    if (!ticker)
        return -ENOMEM;
    *ticker =
        (struct ticker){.ledger = ledger,
                        .terminals = terminals,
                        .complain = complain,
                        .setting_fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC)};
    if (ticker->setting_fd < 0)
        return -errno;
    r = await_setting(ticker);
    if (r >= 0)
        r = add_sources(ticker, event);
    if (r < 0)
        return r;
    *ret_ticker = TAKE_PTR(ticker);
    return 0;
}
