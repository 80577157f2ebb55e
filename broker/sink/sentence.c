/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sink/sentence.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "duration.h"
#include "text.h"

/* A line that grows in the caller's buffer. */
struct line {
    char *buffer;
    size_t length;
};

/* Own words: a format whose arguments did not come from outside. */
static void add(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct line *line, const char *format, ...)
{
    size_t room = SENTENCE_MAX - line->length;
    va_list arguments;

    va_start(arguments, format);
    int length = vsnprintf(line->buffer + line->length, room, format, arguments);
    va_end(arguments);
    if (length > 0)
        line->length += (size_t)length < room ? (size_t)length : room - 1;
}

/* Somebody else's words. */
static void add_value(struct line *line, const char *value)
{
    line->length += text_escape_to(line->buffer + line->length, SENTENCE_MAX - line->length, value);
}

static void add_part(struct line *line, const char *before, const char *value, const char *after)
{
    if (!value || !*value)
        return;
    add(line, "%s", before);
    add_value(line, value);
    add(line, "%s", after);
}

static void add_duration(struct line *line, const char *before, uint64_t seconds)
{
    char text[DURATION_TEXT_MAX];

    if (seconds > 0)
        add(line, "%s%s", before, duration_format(seconds, text));
}

/* In UTC, so that the entry means the same wherever it is read. */
static void add_time(struct line *line, const char *before, uint64_t seconds)
{
    time_t time = (time_t)seconds;
    struct tm broken_down;
    char text[64];

    if (seconds > 0 && gmtime_r(&time, &broken_down) &&
        strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &broken_down) > 0)
        add(line, "%s%s", before, text);
}

#define PICK(event, member)                                                                        \
    ((event)->member                                ? (event)->member                              \
     : (event)->session && (event)->session->member ? (event)->session->member                     \
     : (event)->checkout                            ? (event)->checkout->member                    \
                                                    : NULL)

const char *event_person(const struct event *event)
{
    return PICK(event, person);
}

const char *event_account(const struct event *event)
{
    return PICK(event, account);
}

const char *event_door(const struct event *event)
{
    return PICK(event, door);
}

const char *event_service(const struct event *event)
{
    return PICK(event, service);
}

const char *event_tty(const struct event *event)
{
    return PICK(event, tty);
}

const char *event_rhost(const struct event *event)
{
    return PICK(event, rhost);
}

const char *event_reason(const struct event *event)
{
    if (!event->reason && event->kind == EVENT_REQUESTED && event->checkout)
        return event->checkout->reason;
    return event->reason;
}

static void add_person(struct line *line, const struct event *event)
{
    const char *person = event_person(event);

    add_value(line, person && *person ? person : "somebody");
}

static void add_account(struct line *line, const struct event *event)
{
    const char *account = event_account(event);

    add_value(line, account && *account ? account : "an account");
}

/* "request 17 of alice for root" */
static void add_subject(struct line *line, const struct event *event, const char *what,
                        const char *between)
{
    if (event->checkout)
        add(line, "%s %" PRIu64 " of ", what, event->checkout->id);
    else
        add(line, "a %s of ", what);
    add_person(line, event);
    add(line, " %s ", between);
    add_account(line, event);
}

static void add_reason(struct line *line, const struct event *event)
{
    add_part(line, ": ", event_reason(event), "");
}

static void add_ticket(struct line *line, const struct event *event)
{
    if (event->checkout)
        add_part(line, " (ticket ", event->checkout->ticket, ")");
}

/* What was asked for, or the least that an approver allowed. */
static uint64_t granted_seconds(const struct checkout *checkout)
{
    uint64_t seconds = checkout->duration;

    if (checkout->end > checkout->start && checkout->start > 0)
        return checkout->end - checkout->start;
    for (size_t i = 0; i < checkout->n_decisions; i++) {
        const struct decision *decision = &checkout->decisions[i];

        if (decision->verdict == DECISION_APPROVE && decision->seconds > 0 &&
            decision->seconds < seconds)
            seconds = decision->seconds;
    }
    return seconds;
}

static void say_requested(struct line *line, const struct event *event)
{
    const struct checkout *checkout = event->checkout;

    add_person(line, event);
    if (!checkout) {
        add(line, " asks for ");
        add_account(line, event);
        return;
    }
    if (checkout->extends > 0) {
        add(line, " asks to extend check-out %" PRIu64 " of ", checkout->extends);
        add_account(line, event);
        add_duration(line, " by ", checkout->duration);
    } else {
        add(line, " asks for ");
        add_account(line, event);
        add_duration(line, " for ", checkout->duration);
        add_time(line, " from ", checkout->start_at);
    }
    add(line, ", request %" PRIu64, checkout->id);
    add_ticket(line, event);
    add_reason(line, event);
}

static void say_decision(struct line *line, const struct event *event)
{
    const struct checkout *checkout = event->checkout;
    const char *verb = " decided about ";

    if (checkout && checkout->n_decisions > 0)
        verb = checkout->decisions[checkout->n_decisions - 1].verdict == DECISION_DENY
                   ? " is against "
                   : " is for ";
    add_value(line, event->actor ? event->actor : "somebody");
    add(line, "%s", verb);
    add_subject(line, event, "request", "for");
    add_part(line, ", as ", event->term, "");
    add_reason(line, event);
}

static void say_approved(struct line *line, const struct event *event)
{
    const struct checkout *checkout = event->checkout;
    uint64_t id = checkout ? checkout->id : 0;

    if (event->actor) {
        add_value(line, event->actor);
        add(line, " approved request %" PRIu64 ": ", id);
    } else {
        add(line, "Request %" PRIu64 " needs no approval: ", id);
    }
    add_person(line, event);
    add(line, " may use ");
    add_account(line, event);
    if (checkout) {
        add_duration(line, " for ", granted_seconds(checkout));
        if (checkout->start == 0)
            add_time(line, " from ", checkout->start_at);
    }
    add_ticket(line, event);
    add_reason(line, event);
}

static void say_session(struct line *line, const struct event *event, const char *verb)
{
    add_person(line, event);
    add(line, " %s ", verb);
    add_account(line, event);
    add_part(line, " by ", event_door(event), "");
    add_part(line, " on ", event_tty(event), "");
    add_part(line, " from ", event_rhost(event), "");
    if (event->checkout)
        add(line, ", check-out %" PRIu64, event->checkout->id);
    add_reason(line, event);
}

/* "bob revoked check-out 17 of alice for root: no need" or, where time did it, "Check-out 17 …
 * expired". */
static void say_ended(struct line *line, const struct event *event, const char *what,
                      const char *verb)
{
    if (event->actor) {
        add_value(line, event->actor);
        add(line, " %s ", verb);
        add_subject(line, event, what, "for");
    } else {
        add_subject(line, event, what, "for");
        add(line, " was %s", verb);
    }
    add_reason(line, event);
}

size_t sentence_of_event(const struct event *event, char buffer[static SENTENCE_MAX])
{
    struct line line = {.buffer = buffer};

    buffer[0] = '\0';
    switch (event->kind) {
    case EVENT_REQUESTED:
        say_requested(&line, event);
        break;
    case EVENT_DECISION:
        say_decision(&line, event);
        break;
    case EVENT_APPROVED:
        say_approved(&line, event);
        break;
    case EVENT_DENIED:
        say_ended(&line, event, "request", "denied");
        break;
    case EVENT_CANCELLED:
        say_ended(&line, event, "request", "cancelled");
        break;
    case EVENT_LAPSED:
        add_subject(&line, event, "request", "for");
        add(&line, " lapsed: nobody decided in time");
        break;
    case EVENT_STARTED:
        add_subject(&line, event, "check-out", "for");
        add(&line, " started");
        if (event->checkout)
            add_time(&line, " and ends at ", event->checkout->end);
        break;
    case EVENT_EXTENDED:
        say_ended(&line, event, "check-out", "extended");
        if (event->checkout)
            add_time(&line, ", it now ends at ", event->checkout->end);
        break;
    case EVENT_CARRIED_OVER:
        add_subject(&line, event, "check-out", "for");
        add(&line, " outlives a restart of the machine");
        if (event->checkout)
            add_time(&line, " and ends at ", event->checkout->end);
        break;
    case EVENT_RETURNED:
        say_ended(&line, event, "check-out", "returned");
        break;
    case EVENT_REVOKED:
        say_ended(&line, event, "check-out", "revoked");
        break;
    case EVENT_EXPIRED:
        add_subject(&line, event, "check-out", "for");
        add(&line, " expired");
        add_reason(&line, event);
        break;
    case EVENT_SESSION_OPENED:
        say_session(&line, event, "entered");
        break;
    case EVENT_SESSION_PLACED:
        say_session(&line, event, "is in");
        if (event->session)
            add_part(&line, ", in ", event->session->unit, "");
        break;
    case EVENT_SESSION_CLOSED:
        say_session(&line, event, "left");
        break;
    case EVENT_SESSION_KILLED:
        say_session(&line, event, "was put out of");
        break;
    case EVENT_SESSION_SURVIVED:
        say_session(&line, event, "still has processes running that were started from");
        break;
    case EVENT_DOOR_REFUSED:
        say_session(&line, event, "was not let into");
        break;
    case EVENT_DECISION_REFUSED:
        add_value(&line, event->actor ? event->actor : "somebody");
        add(&line, " tried what they may not with ");
        add_subject(&line, event, "request", "for");
        add_reason(&line, event);
        break;
    case EVENT_POLICY_LOADED:
        add(&line, "The policies were loaded");
        add_part(&line, ", digest ", event->policy_digest, "");
        add_reason(&line, event);
        break;
    case EVENT_POLICY_REJECTED:
        add(&line, "The policies could not be loaded, those from before stay in force");
        add_reason(&line, event);
        break;
    case EVENT_BROKER_STARTED:
        add(&line, "The broker started");
        add_reason(&line, event);
        break;
    case EVENT_BROKER_STOPPED:
        add(&line, "The broker stops");
        break;
    case EVENT_JOURNAL_GAP:
        add(&line, "Events did not reach the journal when they happened, the ledger has them");
        add_reason(&line, event);
        break;
    case EVENT_KIND_COUNT:
        break;
    }
    return line.length;
}
