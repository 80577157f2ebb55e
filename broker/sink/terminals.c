/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sink/terminals.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "text.h"

/* More people at once are not told. */
#define TTYS_MAX 128

/* Requests that wait to be told; what comes in a flood is folded into a number anyway. */
#define REQUESTS_MAX 32

/* Per terminal: a line for each interval, and so many at once. */
#define LINE_INTERVAL_US 2000000
#define LINE_BURST 5

/* Looking everybody up is work for the name service, which the doors need too: not more often. */
#define ROUND_INTERVAL_US 1000000

#define ACCURACY_US 50000

/* Words of others in a line: enough to know what it is about. */
#define SHOWN_NAME 64
#define SHOWN_REASON 200

struct request {
    uint64_t id;
    uid_t person_uid;
    uint32_t person_loginuid;
    char *line;
};

struct terminal {
    struct tty tty;
    uint64_t full_at; /* CLOCK_MONOTONIC, microseconds: when the whole burst is allowed again */
    unsigned folded;  /* requests that were not told one by one */
};

struct terminals {
    sd_event *event;
    struct names *names;
    const struct tty_source *source;
    terminals_may_decide may_decide;
    void *userdata;

    struct request waiting[REQUESTS_MAX]; /* for the next round */
    size_t n_waiting;
    sd_event_source *next_round;
    uint64_t last_round;

    /* The round: these are told to the users of these terminals, so far up to here. */
    struct request requests[REQUESTS_MAX];
    size_t n_requests;
    struct names_lookup *lookup;
    uid_t uids[TTYS_MAX];
    size_t n_uids, next_uid;

    struct terminal terminals[TTYS_MAX];
    size_t n_terminals;
    sd_event_source *next_fold; /* enabled while anything is folded */
};

DEFINE_CLEANUP(struct terminals *, terminals, terminals_free);

static uint64_t now_us(struct terminals *terminals)
{
    uint64_t now = 0;

    (void)sd_event_now(terminals->event, CLOCK_MONOTONIC, &now);
    return now;
}

static void arm(sd_event_source *source, uint64_t time)
{
    (void)sd_event_source_set_time(source, time);
    (void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static void requests_clear(struct request *requests, size_t *count)
{
    for (size_t i = 0; i < *count; i++)
        free(requests[i].line);
    *count = 0;
}

/* ---- One terminal ---- */

/* A bucket of LINE_BURST lines that fills by one each interval. */
static bool terminal_may_speak(const struct terminal *terminal, uint64_t now)
{
    return terminal->full_at <= now + (LINE_BURST - 1) * LINE_INTERVAL_US;
}

static void terminal_speak(struct terminals *terminals, struct terminal *terminal, const char *line)
{
    uint64_t now = now_us(terminals);

    if (tty_write_line(terminals->source->devices, &terminal->tty, line) < 0)
        return;
    if (terminal->full_at < now)
        terminal->full_at = now;
    terminal->full_at += LINE_INTERVAL_US;
}

static void terminal_tell(struct terminals *terminals, struct terminal *terminal, const char *line)
{
    int enabled = SD_EVENT_OFF;

    if (terminal->folded == 0 && terminal_may_speak(terminal, now_us(terminals))) {
        terminal_speak(terminals, terminal, line);
        return;
    }
    terminal->folded++;
    (void)sd_event_source_get_enabled(terminals->next_fold, &enabled);
    if (enabled == SD_EVENT_OFF)
        arm(terminals->next_fold, now_us(terminals) + LINE_INTERVAL_US);
}

static int on_fold(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct terminals *terminals = userdata;
    uint64_t now = now_us(terminals);
    bool any = false;

    for (size_t i = 0; i < terminals->n_terminals; i++) {
        struct terminal *terminal = &terminals->terminals[i];

        if (terminal->folded > 0 && terminal_may_speak(terminal, now)) {
            char line[128];

            snprintf(line, sizeof(line),
                     "[pam_checkout] and %u more %s: checkoutctl list --decidable",
                     terminal->folded, terminal->folded == 1 ? "request waits" : "requests wait");
            terminal->folded = 0;
            terminal_speak(terminals, terminal, line);
        }
        any = any || terminal->folded > 0;
    }
    if (any)
        arm(source, now + LINE_INTERVAL_US);
    return 0;
}

/* ---- A round ---- */

static void round_end(struct terminals *terminals)
{
    requests_clear(terminals->requests, &terminals->n_requests);
    terminals->n_uids = 0;
    if (terminals->n_waiting > 0)
        arm(terminals->next_round, terminals->last_round + ROUND_INTERVAL_US);
}

static bool is_requester(const struct request *request, uid_t uid)
{
    return uid == request->person_uid ||
           (request->person_loginuid != LOGINUID_UNSET && uid == request->person_loginuid);
}

static void tell_person(struct terminals *terminals, const struct identity *person)
{
    for (size_t i = 0; i < terminals->n_requests; i++) {
        const struct request *request = &terminals->requests[i];

        if (is_requester(request, person->uid) ||
            !terminals->may_decide(request->id, person, terminals->userdata))
            continue;
        for (size_t j = 0; j < terminals->n_terminals; j++) {
            if (terminals->terminals[j].tty.uid == person->uid)
                terminal_tell(terminals, &terminals->terminals[j], request->line);
        }
    }
}

static void look_up_next(struct terminals *terminals);

static void on_people(const struct names_item *items, struct names_result *results, size_t count,
                      void *userdata)
{
    struct terminals *terminals = userdata;

    terminals->lookup = NULL;
    for (size_t i = 0; i < count; i++) {
        if (results[i].error == 0 && results[i].user.groups_known)
            tell_person(terminals, &results[i].user);
    }
    look_up_next(terminals);
}

/* A batch at a time, so that the doors' own look-ups find workers. */
static void look_up_next(struct terminals *terminals)
{
    struct names_item items[NAMES_BATCH_MAX];
    size_t count = 0;

    for (; count < NAMES_BATCH_MAX && terminals->next_uid < terminals->n_uids; count++)
        items[count] = (struct names_item){
            .kind = NAMES_UID,
            .uid = terminals->uids[terminals->next_uid++],
            .groups = true,
        };
    if (count == 0 || names_look_up(terminals->names, NAMES_PEOPLE, items, count, on_people,
                                    terminals, &terminals->lookup) < 0)
        round_end(terminals);
}

/* Lists today's terminals; those that were there before keep what they were told. */
static int refresh_terminals(struct terminals *terminals)
{
    CLEANUP_FREE struct tty *ttys = calloc(TTYS_MAX, sizeof(*ttys));
    CLEANUP_FREE struct terminal *fresh = calloc(TTYS_MAX, sizeof(*fresh));

    if (!ttys || !fresh)
        return -ENOMEM;
    size_t count = tty_list(terminals->source, ttys, TTYS_MAX);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < terminals->n_terminals; j++) {
            const struct terminal *old = &terminals->terminals[j];

            if (old->tty.uid == ttys[i].uid && strcmp(old->tty.name, ttys[i].name) == 0)
                fresh[i] = *old;
        }
        fresh[i].tty = ttys[i];
    }
    memcpy(terminals->terminals, fresh, count * sizeof(*fresh));
    terminals->n_terminals = count;
    return 0;
}

static void collect_uids(struct terminals *terminals)
{
    terminals->n_uids = terminals->next_uid = 0;
    for (size_t i = 0; i < terminals->n_terminals; i++) {
        uid_t uid = terminals->terminals[i].tty.uid;
        bool known = uid == UID_UNSET;

        for (size_t j = 0; j < terminals->n_uids && !known; j++)
            known = terminals->uids[j] == uid;
        if (!known)
            terminals->uids[terminals->n_uids++] = uid;
    }
}

static int on_round(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct terminals *terminals = userdata;

    terminals->last_round = now_us(terminals);
    memcpy(terminals->requests, terminals->waiting, sizeof(terminals->waiting));
    terminals->n_requests = terminals->n_waiting;
    terminals->n_waiting = 0;
    if (refresh_terminals(terminals) < 0) {
        round_end(terminals);
        return 0;
    }
    collect_uids(terminals);
    look_up_next(terminals);
    return 0;
}

/* ---- The module ---- */

int terminals_new(sd_event *event, struct names *names, const struct tty_source *source,
                  terminals_may_decide may_decide, void *userdata, struct terminals **ret_terminals)
{
    CLEANUP(cleanup_terminals) struct terminals *terminals = calloc(1, sizeof(*terminals));
    int r;

    if (!terminals)
        return -ENOMEM;
    terminals->event = sd_event_ref(event);
    terminals->names = names;
    terminals->source = source ? source : &tty_source_machine;
    terminals->may_decide = may_decide;
    terminals->userdata = userdata;
    r = sd_event_add_time(event, &terminals->next_round, CLOCK_MONOTONIC, 0, ACCURACY_US, on_round,
                          terminals);
    if (r >= 0)
        r = sd_event_source_set_enabled(terminals->next_round, SD_EVENT_OFF);
    if (r >= 0)
        r = sd_event_add_time(event, &terminals->next_fold, CLOCK_MONOTONIC, 0, ACCURACY_US,
                              on_fold, terminals);
    if (r >= 0)
        r = sd_event_source_set_enabled(terminals->next_fold, SD_EVENT_OFF);
    if (r < 0)
        return r;
    *ret_terminals = TAKE_PTR(terminals);
    return 0;
}

struct terminals *terminals_free(struct terminals *terminals)
{
    if (!terminals)
        return NULL;
    names_cancel(terminals->lookup);
    sd_event_source_disable_unref(terminals->next_round);
    sd_event_source_disable_unref(terminals->next_fold);
    requests_clear(terminals->waiting, &terminals->n_waiting);
    requests_clear(terminals->requests, &terminals->n_requests);
    sd_event_unref(terminals->event);
    free(terminals);
    return NULL;
}

/* Escaped, and no longer than a glance takes. */
static const char *shorten(char *buffer, size_t size, const char *text)
{
    CLEANUP_FREE char *escaped = text_escape(text ? text : "");
    size_t length = text_escape_to(buffer, size - 3, text ? text : "");

    if (!escaped || strlen(escaped) > length)
        memcpy(buffer + length, "...", 4);
    return buffer;
}

static char *compose_line(const struct checkout *checkout, bool lapses_soon)
{
    char person[SHOWN_NAME], account[SHOWN_NAME], host[SHOWN_NAME], ticket[SHOWN_NAME];
    char reason[SHOWN_REASON];
    char *line = NULL;

    shorten(person, sizeof(person), checkout->person);
    shorten(account, sizeof(account), checkout->account);
    shorten(host, sizeof(host), checkout->host);
    shorten(ticket, sizeof(ticket), checkout->ticket);
    shorten(reason, sizeof(reason), checkout->reason);
    int length = asprintf(
        &line,
        "[pam_checkout] %s asks for %s%s%s%s%s%s%s%s%s%s%s; decide with: checkoutctl approve "
        "%" PRIu64,
        person, checkout->extends > 0 ? "more time as " : "", account, *host ? " on " : "", host,
        *reason ? ": \"" : "", reason, *reason ? "\"" : "", *ticket ? " (ticket " : "", ticket,
        *ticket ? ")" : "", lapses_soon ? "; it lapses in a few minutes" : "", checkout->id);
    return length < 0 ? NULL : line;
}

int terminals_tell(struct terminals *terminals, const struct checkout *checkout, bool lapses_soon)
{
    struct request *request = &terminals->waiting[terminals->n_waiting];

    if (terminals->n_waiting >= REQUESTS_MAX)
        return -EBUSY;
    *request = (struct request){
        .id = checkout->id,
        .person_uid = checkout->person_uid,
        .person_loginuid = checkout->person_loginuid,
        .line = compose_line(checkout, lapses_soon),
    };
    if (!request->line)
        return -ENOMEM;
    if (terminals->n_waiting++ == 0 && terminals->n_requests == 0)
        arm(terminals->next_round,
            terminals->last_round ? terminals->last_round + ROUND_INTERVAL_US : 0);
    return 0;
}

void terminals_sink(const struct event *event, void *userdata)
{
    /* A decision may have brought the next stage of the quorum to its turn. */
    if ((event->kind == EVENT_REQUESTED || event->kind == EVENT_DECISION) && event->checkout &&
        event->state_new == STATE_PENDING)
        (void)terminals_tell(userdata, event->checkout, false);
}
