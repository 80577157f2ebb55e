/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/view.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cleanup.h"
#include "cli/value.h"
#include "cli/date.h"
#include "duration.h"

#define LABEL_WIDTH 14
/* Where a value goes on that is too long: to the right of where every value begins, so that it
 * cannot pass for another one. */
#define CONTINUED (LABEL_WIDTH + 4)

const char *const view_states[] = {"pending",   "approved", "active",   "denied",
                                   "cancelled", "lapsed",   "returned", "revoked",
                                   "expired",   "applied",  NULL};

enum output_colour view_state_colour(const char *state)
{
    static const struct {
        const char *state;
        enum output_colour colour;
    } table[] = {
        {"pending", COLOUR_YELLOW}, {"approved", COLOUR_GREEN}, {"active", COLOUR_GREEN},
        {"denied", COLOUR_RED},     {"revoked", COLOUR_RED},
    };

    for (size_t i = 0; state && i < sizeof(table) / sizeof(*table); i++)
        if (strcmp(table[i].state, state) == 0)
            return table[i].colour;
    return COLOUR_NONE;
}

bool view_state_is_final(const char *state)
{
    for (size_t i = VIEW_STATES_OPEN; state && view_states[i]; i++)
        if (strcmp(view_states[i], state) == 0)
            return true;
    return false;
}

/* How the value of a key is shown. */
enum view_form {
    FORM_TEXT,
    FORM_STATE,
    FORM_USER, /* with the uid of KEY_uid */
    FORM_NUMBER,
    FORM_TIME, /* absolute and relative */
    FORM_DURATION,
    FORM_HIDDEN, /* shown with another key */
};

struct view_field {
    const char *key, *label;
    enum view_form form;
    enum view_scope scope; /* VIEW_ALL: not where somebody must decide */
};

static const struct view_field fields[] = {
    {"id", "Request", FORM_NUMBER, VIEW_DECISION},
    {"state", "State", FORM_STATE, VIEW_DECISION},
    {"person", "Person", FORM_USER, VIEW_DECISION},
    {"account", "Account", FORM_USER, VIEW_DECISION},
    {"host", "Host", FORM_TEXT, VIEW_DECISION},
    {"door", "Door", FORM_TEXT, VIEW_DECISION},
    {"service", "Service", FORM_TEXT, VIEW_DECISION},
    {"tty", "Terminal", FORM_TEXT, VIEW_DECISION},
    {"rhost", "From", FORM_TEXT, VIEW_DECISION},
    {"command", "Says it runs", FORM_TEXT, VIEW_DECISION},
    {"reason", "Reason", FORM_TEXT, VIEW_DECISION},
    {"reason_source", "Reason from", FORM_TEXT, VIEW_DECISION},
    {"ticket", "Ticket", FORM_TEXT, VIEW_DECISION},
    {"to", "Meant for", FORM_TEXT, VIEW_DECISION},
    {"duration", "For", FORM_DURATION, VIEW_DECISION},
    {"extends", "Extends", FORM_NUMBER, VIEW_DECISION},
    {"requested", "Requested", FORM_TIME, VIEW_DECISION},
    {"lapses", "Lapses", FORM_TIME, VIEW_DECISION},
    {"start", "Start", FORM_TIME, VIEW_DECISION},
    {"end", "End", FORM_TIME, VIEW_DECISION},
    {"uses", "Uses", FORM_NUMBER, VIEW_ALL},
    {"policy", "Policy", FORM_TEXT, VIEW_DECISION},
    {"uuid", "UUID", FORM_TEXT, VIEW_ALL},
    {"machine_id", "Machine", FORM_TEXT, VIEW_ALL},
    {"boot_id", "Boot", FORM_TEXT, VIEW_ALL},
    {"policy_digest", "Policy digest", FORM_TEXT, VIEW_ALL},
    {"digest", "Digest", FORM_TEXT, VIEW_ALL},
    {"person_uid", NULL, FORM_HIDDEN, VIEW_ALL},
    {"account_uid", NULL, FORM_HIDDEN, VIEW_ALL},
    {"decisions", NULL, FORM_HIDDEN, VIEW_ALL},
    {"sessions", NULL, FORM_HIDDEN, VIEW_ALL},
};

#define N_FIELDS (sizeof(fields) / sizeof(*fields))

static void put_label(struct output *output, FILE *stream, const char *label)
{
    output_part(output, stream, COLOUR_BOLD, "%*s", LABEL_WIDTH, label);
    output_part(output, stream, COLOUR_NONE, "  ");
}

static void put_user(struct output *output, FILE *stream, const json_t *checkout, const char *key)
{
    const json_t *uid =
        json_object_get(checkout, strcmp(key, "person") == 0 ? "person_uid" : "account_uid");
    const char *name = value_text(checkout, key);

    if (json_is_integer(uid))
        output_line(output, stream, "%s (uid %" JSON_INTEGER_FORMAT ")", name ? name : "?",
                    json_integer_value(uid));
    else
        output_line(output, stream, "%s", name ? name : "?");
}

/* A value of whatever type. */
static void put_value(struct output *output, FILE *stream, const json_t *value)
{
    CLEANUP_FREE char *text = NULL;

    if (json_is_string(value)) {
        output_line(output, stream, "%s", json_string_value(value));
        return;
    }
    text = json_dumps(value, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
    output_line(output, stream, "%s", text ? text : "?");
}

static void put_field(struct output *output, FILE *stream, const json_t *checkout,
                      const struct view_field *field, const json_t *value)
{
    char absolute[DATE_TEXT_MAX], relative[DATE_TEXT_MAX], duration[DURATION_TEXT_MAX];
    uint64_t number = json_is_integer(value) && json_integer_value(value) > 0
                          ? (uint64_t)json_integer_value(value)
                          : 0;

    put_label(output, stream, field->label);
    switch (field->form) {
    case FORM_STATE:
        output_part(output, stream, view_state_colour(json_string_value(value)), "%s",
                    json_is_string(value) ? json_string_value(value) : "?");
        output_line(output, stream, "%s", "");
        return;
    case FORM_USER:
        put_user(output, stream, checkout, field->key);
        return;
    case FORM_TIME:
        if (number == 0)
            break;
        output_line(output, stream, "%s (%s)", date_format(number, absolute),
                    date_format_distance(number, (uint64_t)time(NULL), relative));
        return;
    case FORM_DURATION:
        if (number == 0)
            break;
        output_line(output, stream, "%s", duration_format(number, duration));
        return;
    default:
        break;
    }
    put_value(output, stream, value);
}

static int decision_compare(const void *a, const void *b)
{
    uint64_t first = value_number(*(json_t *const *)a, "time");
    uint64_t second = value_number(*(json_t *const *)b, "time");

    return (first > second) - (first < second);
}

static void put_decision(struct output *output, FILE *stream, const json_t *decision)
{
    const char *actor = value_text(decision, "actor"), *verdict = value_text(decision, "verdict");
    const char *reason = value_text(decision, "reason"), *term = value_text(decision, "term");
    uint64_t when = value_number(decision, "time"), seconds = value_number(decision, "seconds");
    char absolute[DATE_TEXT_MAX], duration[DURATION_TEXT_MAX];

    if (verdict && strcmp(verdict, "approve") == 0)
        verdict = "approved";
    else if (verdict && strcmp(verdict, "deny") == 0)
        verdict = "denied";
    output_line(output, stream, "%s  %s %s%s%s%s%s%s%s", when ? date_format(when, absolute) : "?",
                actor ? actor : "?", verdict ? verdict : "?", term && term[0] ? " as " : "",
                term ? term : "", seconds ? ", for at most " : "",
                seconds ? duration_format(seconds, duration) : "", reason ? ": " : "",
                reason ? reason : "");
}

static void put_decisions(struct output *output, FILE *stream, const json_t *checkout)
{
    const json_t *decisions = json_object_get(checkout, "decisions");
    size_t n_decisions = json_array_size(decisions);
    CLEANUP_FREE const json_t **sorted = calloc(n_decisions + 1, sizeof(*sorted));

    if (!sorted) {
        output->error = ENOMEM;
        return;
    }
    for (size_t i = 0; i < n_decisions; i++)
        sorted[i] = json_array_get(decisions, i);
    qsort(sorted, n_decisions, sizeof(*sorted), decision_compare);
    for (size_t i = 0; i < n_decisions; i++) {
        put_label(output, stream, i == 0 ? "Decisions" : "");
        put_decision(output, stream, sorted[i]);
    }
}

static void put_session(struct output *output, FILE *stream, const json_t *session)
{
    const char *name = value_text(session, "session"), *service = value_text(session, "service");
    const char *tty = value_text(session, "tty"), *rhost = value_text(session, "rhost");
    uint64_t opened = value_number(session, "opened"), closed = value_number(session, "closed");
    const char *how = value_text(session, "how"), *unit = value_text(session, "unit");
    char from[DATE_TEXT_MAX], to[DATE_TEXT_MAX];

    output_line(output, stream, "%s to %s  %s%s%s%s%s%s%s%s%s%s%s",
                opened ? date_format(opened, from) : "?", closed ? date_format(closed, to) : "now",
                service ? service : "", tty ? " on " : "", tty ? tty : "", rhost ? " from " : "",
                rhost ? rhost : "", unit ? " in " : "", unit ? unit : "",
                how && strcmp(how, "closed") != 0 ? ", " : "",
                how && strcmp(how, "closed") != 0 ? how : "", name ? ", session " : "",
                name ? name : "");
}

/* What a newer broker tells beyond what has a name here. */
static void put_others(struct output *output, FILE *stream, const json_t *checkout)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)checkout, key, value)
    {
        bool known = false;

        for (size_t i = 0; i < N_FIELDS && !known; i++)
            known = strcmp(fields[i].key, key) == 0;
        if (known)
            continue;
        put_label(output, stream, key);
        put_value(output, stream, value);
    }
}

static bool is_telling(const json_t *checkout, const struct view_field *field, const json_t *value)
{
    const char *state = value_text(checkout, "state");

    if (field->form == FORM_HIDDEN || (json_is_string(value) && json_string_length(value) == 0))
        return false;
    /* When it would have lapsed says nothing about what was decided. */
    return strcmp(field->key, "lapses") != 0 || !state || strcmp(state, "pending") == 0 ||
           strcmp(state, "lapsed") == 0;
}

void view_block(struct output *output, FILE *stream, const json_t *checkout, enum view_scope scope)
{
    const json_t *sessions = json_object_get(checkout, "sessions");

    output_indent(output, CONTINUED, true);
    for (size_t i = 0; i < N_FIELDS; i++) {
        const json_t *value = json_object_get(checkout, fields[i].key);

        if (value && is_telling(checkout, &fields[i], value) && fields[i].scope <= scope)
            put_field(output, stream, checkout, &fields[i], value);
    }
    put_others(output, stream, checkout);
    put_decisions(output, stream, checkout);
    for (size_t i = 0; i < json_array_size(sessions); i++) {
        put_label(output, stream, i == 0 ? "Sessions" : "");
        put_session(output, stream, json_array_get(sessions, i));
    }
    output_indent(output, OUTPUT_INDENT, false);
}

void view_line(struct output *output, FILE *stream, uint64_t when, const json_t *checkout)
{
    const char *state = value_text(checkout, "state"), *person = value_text(checkout, "person");
    const char *account = value_text(checkout, "account"), *host = value_text(checkout, "host");
    const char *door = value_text(checkout, "door"), *reason = value_text(checkout, "reason");
    const char *ticket = value_text(checkout, "ticket");
    char text[DATE_TEXT_MAX];

    output_indent(output, OUTPUT_INDENT, true);
    output_part(output, stream, COLOUR_NONE, "%s  %" PRIu64 "  ", date_format(when, text),
                value_number(checkout, "id"));
    output_part(output, stream, view_state_colour(state), "%-9s", state ? state : "?");
    output_line(output, stream, "  %s -> %s%s%s%s%s%s%s%s%s%s", person ? person : "?",
                account ? account : "?", host ? " on " : "", host ? host : "", door ? " by " : "",
                door ? door : "", reason ? ": " : "", reason ? reason : "", ticket ? " [" : "",
                ticket ? ticket : "", ticket ? "]" : "");
    output_indent(output, OUTPUT_INDENT, false);
}
