/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the keeper's own files share: keeper.c (which sessions there are), end.c (how one is ended),
 * warn.c (what its terminals are told). */

#include <sys/queue.h>

#include "session/keeper.h"
#include "session/stop.h"
#include "session/watch.h"

enum live_stage {
    LIVE_OPEN,
    LIVE_STOPPING, /* systemd was or will be asked */
    LIVE_KILLING,  /* the handle was used */
    LIVE_LEFT,     /* nothing more can or shall be done */
};

/* One session. */
struct live {
    LIST_ENTRY(live) link;
    struct keeper *keeper;
    struct session *session; /* a copy */
    struct watch *watch;     /* NULL: it cannot be watched */
    int kill;                /* -1: none */

    /* Its check-out, as the last event had it. */
    uint64_t end, end_boot;
    char *person, *policy; /* whose it is, and by which policy */
    uid_t account_uid;
    uint64_t warned; /* of this end */

    enum live_stage stage;
    bool is_over;       /* nothing of it is left: to be recorded */
    bool must_end;      /* by somebody's word, whatever the policy says of the end */
    char *why;          /* its check-out is over: a sentence; NULL: it is not */
    bool stop_asked;    /* systemd was asked, or cannot be */
    struct stop *stop;  /* under way */
    char *stop_problem; /* systemd did not; NULL: it does */
    sd_event_source *timer;
};

LIST_HEAD(live_list, live);

/* A check-out whose sessions are ended: what is left elsewhere is looked for when they are. */
struct ending {
    LIST_ENTRY(ending) link;
    uint64_t checkout_id;
    uid_t account_uid;
    uint64_t since; /* CLOCK_MONOTONIC, microseconds */
};

struct keeper {
    struct keeper_settings settings;
    struct live_list lives;
    LIST_HEAD(, ending) endings;
    sd_event_source *deferred; /* what an event has asked for, outside of its transaction */
    sd_event_source *looking;  /* for what is left elsewhere */
    sd_event_source *again;    /* what the ledger could not take */
    size_t stops;              /* questions to systemd that are under way */
};

struct live *live_free(struct live *live);

/* Has its cgroup gone, whatever has the name now? */
bool live_has_lost_name(const struct live *live);

/* Something is to be done with one of them: soon, from the loop. */
void keeper_stir(struct keeper *keeper);

/* Sends more questions to systemd, as many as may be under way. */
void end_ask_systemd(struct keeper *keeper);

/* Goes on with one whose check-out is over and that is still open. */
void end_begin(struct live *live);

/* What became of one that is over: a SESSION_ word. */
const char *end_how(const struct live *live);

/* Looks for what is left elsewhere of a check-out that has just ended. */
void end_note(struct keeper *keeper, uint64_t checkout_id, uid_t account_uid);
int end_on_look(sd_event_source *source, uint64_t usec, void *userdata);

/* Writes to the terminals of the session: that the end is near, or that it is there and why. */
void warn_near(struct live *live, const struct moment *now);
void warn_end(struct live *live, bool ends);

/* Seconds until its check-out ends, by the clock that is there first. */
uint64_t live_left(const struct live *live, const struct moment *now);
