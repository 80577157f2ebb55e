/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "cleanup.h"
#include "cli/date.h"
#include "cli/value.h"
#include "sink/sentence.h"
#include "text.h"

/* The order of the columns; new ones come at the end. */
static const char *const keys[] = {
    "seq",         "time",       "event",          "id",          "uuid",
    "person",      "person_uid", "account",        "account_uid", "machine_id",
    "actor",       "actor_uid",  "actor_loginuid", "state_old",   "state_new",
    "reason",      "ticket",     "door",           "service",     "tty",
    "rhost",       "session",    "boot_id",        "policy",      "policy_digest",
    "term",        "digest",     "requested",      "duration",    "start",
    "end",         "extends",    "seconds",        "quorum",      "refusal",
    "repeats",     "pid",        "audit_session",  "row",         "decision_row",
    "session_row", "unit",       "inside",
};

json_t *record_of(const json_t *row)
{
    const char *text = value_text(row, "record");
    json_t *record = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;

    if (json_is_object(record))
        return record;
    json_decref(record);
    record = json_copy((json_t *)row);
    if (record) {
        (void)json_object_del(record, "record");
        (void)json_object_del(record, "hash");
    }
    return record;
}

/* ---- for people ---- */

static enum event_kind kind_of(const char *name)
{
    for (int kind = 0; name && kind < EVENT_KIND_COUNT; kind++)
        if (strcmp(event_name((enum event_kind)kind), name) == 0)
            return (enum event_kind)kind;
    return EVENT_KIND_COUNT;
}

bool record_is_event(const char *name, size_t length)
{
    for (int kind = 0; kind < EVENT_KIND_COUNT; kind++)
        if (strlen(event_name((enum event_kind)kind)) == length &&
            strncmp(event_name((enum event_kind)kind), name, length) == 0)
            return true;
    return false;
}

/* The broker's own sentence about the event, as far as the record tells it. */
static void sentence(const json_t *record, enum event_kind kind, char buffer[static SENTENCE_MAX])
{
    struct decision decision = {.verdict = DECISION_APPROVE};
    bool started = kind == EVENT_STARTED || kind == EVENT_EXTENDED || kind == EVENT_CARRIED_OVER;
    struct checkout checkout = {
        .id = value_number(record, "id"),
        .person = (char *)value_text(record, "person"),
        .account = (char *)value_text(record, "account"),
        .reason = (char *)value_text(record, "reason"),
        .ticket = (char *)value_text(record, "ticket"),
        .duration = value_number(record, "duration"),
        .extends = value_number(record, "extends"),
        .start_at = started ? 0 : value_number(record, "start"),
        .start = started ? value_number(record, "start") : 0,
        .end = value_number(record, "end"),
        .decisions = &decision,
        .n_decisions = kind == EVENT_DECISION,
    };
    struct event event = {
        .kind = kind,
        .checkout = checkout.id ? &checkout : NULL,
        .actor = value_text(record, "actor"),
        .reason = value_text(record, "reason"),
        .term = value_text(record, "term"),
        .person = checkout.person,
        .account = checkout.account,
        .door = value_text(record, "door"),
        .service = value_text(record, "service"),
        .tty = value_text(record, "tty"),
        .rhost = value_text(record, "rhost"),
        .policy = value_text(record, "policy"),
        .policy_digest = value_text(record, "policy_digest"),
    };

    (void)sentence_of_event(&event, buffer);
}

void record_line(struct output *output, FILE *stream, const json_t *record)
{
    const char *event = value_text(record, "event");
    enum event_kind kind = kind_of(event);
    char text[SENTENCE_MAX] = "", time[DATE_TEXT_MAX];

    if (kind != EVENT_KIND_COUNT)
        sentence(record, kind, text);
    output_part(output, stream, COLOUR_NONE, "%s  ",
                date_format(value_number(record, "time"), time));
    if (value_number(record, "id"))
        output_part(output, stream, COLOUR_NONE, "%5" PRIu64 "  ", value_number(record, "id"));
    else
        output_part(output, stream, COLOUR_NONE, "%5s  ", "-");
    output_part(output, stream, COLOUR_BOLD, "%s", event ? event : "(damaged)");
    output_part(output, stream, COLOUR_NONE, "%s", *text ? ": " : "");
    output_line_escaped(output, stream, text);
}

/* ---- for spreadsheets ---- */

void record_csv_cell(struct output *output, FILE *stream, const char *text, bool first)
{
    CLEANUP_FREE char *escaped = text_escape(text);

    if (!escaped) {
        output->error = ENOMEM;
        return;
    }
    if (!first)
        fputc(',', stream);
    /* https://owasp.org/www-community/attacks/CSV_Injection */
    bool formula = *escaped && strchr("=+-@", *escaped);
    bool quoted = formula || escaped[strcspn(escaped, "\",")];

    if (quoted)
        fputc('"', stream);
    if (formula)
        fputc('\'', stream);
    for (const char *c = escaped; *c; c++) {
        if (*c == '"')
            fputc('"', stream);
        fputc(*c, stream);
    }
    if (quoted)
        fputc('"', stream);
}

void record_csv_heading(struct output *output, FILE *stream)
{
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        record_csv_cell(output, stream, keys[i], i == 0);
    fputs("\r\n", stream);
}

void record_csv(struct output *output, FILE *stream, const json_t *record)
{
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        const json_t *value = json_object_get(record, keys[i]);
        char number[24];

        snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        record_csv_cell(output, stream,
                        json_is_integer(value)  ? number
                        : json_is_string(value) ? json_string_value(value)
                                                : "",
                        i == 0);
    }
    fputs("\r\n", stream);
}
