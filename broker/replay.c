/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "replay.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bus/moment.h"
#include "cleanup.h"

/* How often journald is looked at while it has something to read, or is not there. */
#define LOOK_USEC (1000 * 1000ULL)

/* Doors are answered between two batches. */
#define BATCH 64

/* At the end, at most so long. */
#define FINISH_STEPS 200
#define FINISH_STEP_NSEC (5 * 1000 * 1000)

struct replay {
    struct ledger *ledger;
    struct journal *journal;
    sd_event_source *timer;
    bool armed;
};

DEFINE_CLEANUP(struct replay *, replay, replay_free);

struct replay *replay_free(struct replay *replay)
{
    if (!replay)
        return NULL;
    sd_event_source_disable_unref(replay->timer);
    free(replay);
    return NULL;
}

static int arm(struct replay *replay, uint64_t usec)
{
    int r = sd_event_source_set_time_relative(replay->timer, usec);

    if (r >= 0)
        r = sd_event_source_set_enabled(replay->timer, SD_EVENT_ONESHOT);
    replay->armed = r >= 0;
    return r < 0 ? r : 0;
}

static const char *reason_of(int error)
{
    return error == -EOWNERDEAD ? "the broker ended before it knew that it had been read"
           : error == -EAGAIN   ? "journald did not read"
                                : "journald was not there";
}

static void record_gap(struct replay *replay, const struct journal_gap *gap)
{
    struct moment now = moment_now();
    struct error ignored;
    char reason[200];

    (void)snprintf(reason, sizeof(reason),
                   "records %" PRIu64 " to %" PRIu64 " were entered later (%s)", gap->first_seq,
                   gap->last_seq, reason_of(gap->error));
    /* What cannot be recorded is seen all the same: the entries themselves say CHECKOUT_REPLAYED.
     */
    (void)ledger_note(replay->ledger, EVENT_JOURNAL_GAP, reason, &now, &ignored);
}

/* Tells the next ones again. True if there is more to be told at once. */
static bool tell_again(struct replay *replay)
{
    uint64_t next = journal_next(replay->journal), after;
    struct journal_gap gap;

    if (!next)
        return false;
    if (ledger_retell(replay->ledger, next - 1, BATCH, journal_retell, replay->journal) < 0)
        return false;
    after = journal_next(replay->journal);
    if (after <= ledger_head(replay->ledger))
        return after > next;
    if (journal_catch_up(replay->journal, &gap))
        record_gap(replay, &gap);
    return false;
}

static bool has_work(const struct replay *replay)
{
    return journal_next(replay->journal) || !journal_is_read(replay->journal);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct replay *replay = userdata;
    bool more;

    replay->armed = false;
    ledger_note_journal(replay->ledger, journal_check(replay->journal));
    more = tell_again(replay);
    /* Kept with the next change otherwise, and with a later look. */
    if (!has_work(replay))
        (void)ledger_keep_journal_mark(replay->ledger);
    if (more)
        return arm(replay, 0);
    return has_work(replay) ? arm(replay, LOOK_USEC) : 0;
}

int replay_poll(struct replay *replay)
{
    return !replay->armed && has_work(replay) ? arm(replay, LOOK_USEC) : 0;
}

void replay_finish(struct replay *replay)
{
    const struct timespec step = {.tv_nsec = FINISH_STEP_NSEC};

    for (int i = 0; i < FINISH_STEPS; i++) {
        ledger_note_journal(replay->ledger, journal_check(replay->journal));
        if (!has_work(replay) || journal_next(replay->journal))
            break;
        (void)nanosleep(&step, NULL);
    }
    (void)ledger_keep_journal_mark(replay->ledger);
}

int replay_new(sd_event *event, struct ledger *ledger, struct journal *journal,
               struct replay **ret_replay)
{
    CLEANUP(cleanup_replay) struct replay *replay = calloc(1, sizeof(*replay));
    int r;

    if (!replay)
        return -ENOMEM;
    replay->ledger = ledger;
    replay->journal = journal;
    journal_begin(journal, ledger_journal_mark(ledger), ledger_head(ledger));
    r = sd_event_add_time_relative(event, &replay->timer, CLOCK_BOOTTIME, 0, 0, on_timer, replay);
    if (r >= 0)
        r = sd_event_source_set_exit_on_failure(replay->timer, true);
    if (r < 0)
        return r;
    replay->armed = true;
    *ret_replay = TAKE_PTR(replay);
    return 0;
}
