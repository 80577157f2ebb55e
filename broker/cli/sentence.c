/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "cleanup.h"
#include "cli/value.h"
#include "cli/view.h"
#include "cli/date.h"

/* What every sentence may want to say. */
struct facts {
    uint64_t start, end, lapses, now;
    const char *person, *account, *policy;
};

/* "approved by carol, dave; ", or "" if nobody has; the caller frees. NULL when out of memory. */
static char *approvals(const json_t *checkout)
{
    const json_t *decisions = json_object_get(checkout, "decisions");
    CLEANUP_FREE char *text = strdup("");

    for (size_t i = 0; text && i < json_array_size(decisions); i++) {
        const json_t *decision = json_array_get(decisions, i);
        const char *verdict = value_text(decision, "verdict"),
                   *actor = value_text(decision, "actor");
        char *longer = NULL;

        if (!verdict || !actor || strcmp(verdict, "approve") != 0)
            continue;
        if (asprintf(&longer, "%s%s%s", text, text[0] ? ", " : "; approved by ", actor) < 0)
            return NULL;
        free(text);
        text = longer;
    }
    return TAKE_PTR(text);
}

static const json_t *denial(const json_t *checkout)
{
    const json_t *decisions = json_object_get(checkout, "decisions");

    for (size_t i = 0; i < json_array_size(decisions); i++) {
        const json_t *decision = json_array_get(decisions, i);
        const char *verdict = value_text(decision, "verdict");

        if (verdict && strcmp(verdict, "deny") == 0)
            return decision;
    }
    return NULL;
}

static void say_pending(struct output *output, FILE *stream, const json_t *checkout,
                        const struct facts *facts)
{
    CLEANUP_FREE char *approved = approvals(checkout);
    char absolute[DATE_TEXT_MAX], relative[DATE_TEXT_MAX];

    output_part(output, stream, COLOUR_NONE, "waits for approval");
    if (facts->lapses > facts->now)
        output_part(output, stream, COLOUR_NONE, " until %s (%s)",
                    date_format_short(facts->lapses, facts->now, absolute),
                    date_format_distance(facts->lapses, facts->now, relative));
    if (facts->policy)
        output_part(output, stream, COLOUR_NONE, ", policy %s", facts->policy);
    output_line(output, stream, "%s%s", approved ? approved : "",
                approved && approved[0] ? ", which is not enough yet" : "");
}

static void say_approved(struct output *output, FILE *stream, const struct facts *facts)
{
    char start[DATE_TEXT_MAX], end[DATE_TEXT_MAX];

    output_part(output, stream, COLOUR_NONE, "is approved: %s may enter %s", facts->person,
                facts->account);
    if (facts->start > facts->now)
        output_part(output, stream, COLOUR_NONE, " from %s",
                    date_format_short(facts->start, facts->now, start));
    if (facts->end)
        output_part(output, stream, COLOUR_NONE, " until %s",
                    date_format_short(facts->end, facts->now, end));
    if (!facts->start && !facts->end)
        output_part(output, stream, COLOUR_NONE, "; the time runs from the first use");
    output_line(output, stream, "%s", "");
}

static void say_denied(struct output *output, FILE *stream, const json_t *checkout)
{
    const json_t *decision = denial(checkout);
    const char *actor = value_text(decision, "actor"), *reason = value_text(decision, "reason");

    output_line(output, stream, "was denied%s%s%s%s", actor ? " by " : "", actor ? actor : "",
                reason ? ": " : "", reason ? reason : "");
}

/* The states about which there is no more to say than this. */
static const char *plain_sentence(const char *state)
{
    static const struct {
        const char *state, *sentence;
    } table[] = {
        {"cancelled", "was cancelled by the person who made it"},
        {"lapsed", "lapsed: nobody decided it in time"},
        {"returned", "was given back"},
        {"revoked", "was revoked"},
        {"expired", "has expired"},
        {"applied", "was approved, and the end of the check-out that it extends has moved"},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
        if (strcmp(table[i].state, state) == 0)
            return table[i].sentence;
    return NULL;
}

void view_sentence(struct output *output, FILE *stream, const json_t *checkout, const char *subject)
{
    const char *state = value_text(checkout, "state"), *person = value_text(checkout, "person");
    const char *account = value_text(checkout, "account");
    struct facts facts = {
        .start = value_number(checkout, "start"),
        .end = value_number(checkout, "end"),
        .lapses = value_number(checkout, "lapses"),
        .now = (uint64_t)time(NULL),
        .person = person ? person : "?",
        .account = account ? account : "?",
        .policy = value_text(checkout, "policy"),
    };
    char end[DATE_TEXT_MAX], left[DATE_TEXT_MAX];

    if (!state)
        state = "?";
    if (subject)
        output_part(output, stream, COLOUR_NONE, "%s ", subject);
    else
        output_part(output, stream, COLOUR_NONE, "request %" PRIu64 " ",
                    value_number(checkout, "id"));
    if (strcmp(state, "pending") == 0) {
        say_pending(output, stream, checkout, &facts);
    } else if (strcmp(state, "approved") == 0) {
        say_approved(output, stream, &facts);
    } else if (strcmp(state, "active") == 0 && facts.end > facts.now) {
        output_line(output, stream, "is active: %s may enter %s until %s (%s left)", facts.person,
                    facts.account, date_format_short(facts.end, facts.now, end),
                    date_format_span(facts.end - facts.now, left));
    } else if (strcmp(state, "denied") == 0) {
        say_denied(output, stream, checkout);
    } else if (plain_sentence(state)) {
        output_line(output, stream, "%s", plain_sentence(state));
    } else {
        output_line(output, stream, "is %s", state);
    }
}
