/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/table.h"

#include <errno.h>
#include <inttypes.h>
#include <libsmartcols/libsmartcols.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cleanup.h"
#include "cli/value.h"
#include "cli/view.h"
#include "cli/date.h"

DEFINE_CLEANUP(struct libscols_table *, scols_table, scols_unref_table);
#define CLEANUP_TABLE CLEANUP(cleanup_scols_table)

/* What a ticket's number usually takes, and no more than that. */
#define TICKET_USUAL 20

enum column { ID, STATE, PERSON, ACCOUNT, DOOR, REASON, TICKET, REQUESTED, ENDS, N_COLUMNS };

static const struct {
    const char *heading;
    const char *key; /* of a text that is shown as it is; NULL: made below */
    int flags;
} columns[N_COLUMNS] = {
    [ID] = {"ID", NULL, SCOLS_FL_RIGHT}, [STATE] = {"STATE", "state", 0},
    [PERSON] = {"PERSON", "person", 0},  [ACCOUNT] = {"ACCOUNT", "account", 0},
    [DOOR] = {"DOOR", "door", 0},        [REASON] = {"REASON", "reason", SCOLS_FL_WRAP},
    [TICKET] = {"TICKET", "ticket", 0},  [REQUESTED] = {"REQUESTED", NULL, 0},
    [ENDS] = {"ENDS", NULL, 0},
};

/* "lapses in 27min", "starts 09:00", "in 1h 2min", "17:30". */
static void format_end(const json_t *checkout, uint64_t now, char *buffer, size_t size)
{
    const char *state = value_text(checkout, "state");
    uint64_t lapses = value_number(checkout, "lapses"), start = value_number(checkout, "start");
    uint64_t end = value_number(checkout, "end");
    char text[DATE_TEXT_MAX];

    buffer[0] = '\0';
    if (state && strcmp(state, "pending") == 0) {
        if (lapses)
            snprintf(buffer, size, "lapses %s", date_format_distance(lapses, now, text));
    } else if (start > now && !view_state_is_final(state)) {
        snprintf(buffer, size, "starts %s", date_format_short(start, now, text));
    } else if (end > now && !view_state_is_final(state)) {
        snprintf(buffer, size, "%s", date_format_distance(end, now, text));
    } else if (end) {
        snprintf(buffer, size, "%s", date_format_short(end, now, text));
    }
}

static int fill_cell(const struct output *output, struct libscols_line *line, size_t column,
                     const json_t *checkout, uint64_t now)
{
    char text[DATE_TEXT_MAX + 16] = "";
    const char *shown = text;
    uint64_t requested = value_number(checkout, "requested");

    if (columns[column].key) {
        shown = value_text(checkout, columns[column].key);
        CLEANUP_FREE char *escaped = output_escape(output, stdout, shown ? shown : "");

        return escaped ? scols_line_set_data(line, column, escaped) : -1;
    }
    if (column == ID)
        snprintf(text, sizeof(text), "%" PRIu64, value_number(checkout, "id"));
    else if (column == ENDS)
        format_end(checkout, now, text, sizeof(text));
    else if (requested)
        shown = date_format_short(requested, now, text);
    return scols_line_set_data(line, column, shown);
}

static int fill_line(const struct output *output, struct libscols_table *table,
                     const json_t *checkout, uint64_t now)
{
    struct libscols_line *line = scols_table_new_line(table, NULL);
    const char *colour = output_colour_name(view_state_colour(value_text(checkout, "state")));

    if (!line)
        return -1;
    for (size_t column = 0; column < N_COLUMNS; column++)
        if (fill_cell(output, line, column, checkout, now) != 0)
            return -1;
    return colour ? scols_cell_set_color(scols_line_get_cell(line, STATE), colour) : 0;
}

/* A long ticket takes several lines as reasons do: nobody's text may push a row over the edge of
 * the terminal, where it would go on like another row. */
static bool has_long_ticket(const json_t *checkouts)
{
    for (size_t i = 0; i < json_array_size(checkouts); i++) {
        const char *ticket = value_text(json_array_get(checkouts, i), "ticket");

        if (ticket && strlen(ticket) > TICKET_USUAL)
            return true;
    }
    return false;
}

static int fill_table(const struct output *output, struct libscols_table *table,
                      const json_t *checkouts)
{
    uint64_t now = (uint64_t)time(NULL);

    for (size_t column = 0; column < N_COLUMNS; column++) {
        int flags = column == TICKET && has_long_ticket(checkouts) ? SCOLS_FL_WRAP : 0;

        if (!scols_table_new_column(table, columns[column].heading, 0,
                                    columns[column].flags | flags))
            return -1;
    }
    for (size_t i = 0; i < json_array_size(checkouts); i++)
        if (fill_line(output, table, json_array_get(checkouts, i), now) != 0)
            return -1;
    return 0;
}

void table_print(struct output *output, const json_t *checkouts)
{
    CLEANUP_TABLE struct libscols_table *table = scols_new_table();

    if (!table || scols_table_enable_colors(table, output->colour) != 0 ||
        fill_table(output, table, checkouts) != 0 || scols_print_table(table) != 0)
        output->error = ENOMEM;
}
