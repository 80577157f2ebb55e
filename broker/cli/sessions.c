/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <libsmartcols/libsmartcols.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/arguments.h"
#include "cli/broker.h"
#include "cli/confirm.h"
#include "cli/date.h"
#include "cli/listing.h"
#include "cli/result.h"

DEFINE_CLEANUP(struct libscols_table *, scols_table, scols_unref_table);
DEFINE_CLEANUP(FILE *, file, fclose);

/* ---- the table ---- */

enum column { ID, PERSON, ACCOUNT, DOOR, TERMINAL, FROM, OPENED, ENDED, N_COLUMNS };

static const struct {
    const char *heading;
    const char *key; /* of a text that is shown as it is; NULL: made below */
    int flags;
} columns[N_COLUMNS] = {
    [ID] = {"ID", NULL, SCOLS_FL_RIGHT},   [PERSON] = {"PERSON", "person", 0},
    [ACCOUNT] = {"ACCOUNT", "account", 0}, [DOOR] = {"DOOR", "door", 0},
    [TERMINAL] = {"TERMINAL", "tty", 0},   [FROM] = {"FROM", "rhost", SCOLS_FL_WRAP},
    [OPENED] = {"OPENED", NULL, 0},        [ENDED] = {"ENDED", NULL, 0},
};

/* "17:07, killed"; one that survived and is open still has no time. */
static void format_end(const json_t *session, uint64_t now, char *buffer, size_t size)
{
    const char *how = value_text(session, "how");
    uint64_t closed = value_number(session, "closed");
    char text[DATE_TEXT_MAX];
    bool tells = how && strcmp(how, "closed") != 0;

    (void)snprintf(buffer, size, "%s%s%s", closed ? date_format_short(closed, now, text) : "",
                   closed && tells ? ", " : "", tells ? how : "");
}

static int fill_cell(const struct output *output, struct libscols_line *line, size_t column,
                     const json_t *session, uint64_t now)
{
    char text[DATE_TEXT_MAX + LIMIT_WORD + 4] = "";
    const char *shown = text;
    uint64_t opened = value_number(session, "opened");

    if (columns[column].key)
        shown = value_text(session, columns[column].key);
    else if (column == ID)
        snprintf(text, sizeof(text), "%" PRIu64, value_number(session, "id"));
    else if (column == ENDED)
        format_end(session, now, text, sizeof(text));
    else if (opened)
        shown = date_format_short(opened, now, text);

    CLEANUP_FREE char *escaped = output_escape(output, stdout, shown ? shown : "");

    return escaped ? scols_line_set_data(line, column, escaped) : -1;
}

static int fill_table(const struct output *output, struct libscols_table *table, const json_t *rows)
{
    uint64_t now = (uint64_t)time(NULL);

    for (size_t column = 0; column < N_COLUMNS; column++)
        if (!scols_table_new_column(table, columns[column].heading, 0, columns[column].flags))
            return -1;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        struct libscols_line *line = scols_table_new_line(table, NULL);

        for (size_t column = 0; column < N_COLUMNS; column++)
            if (!line || fill_cell(output, line, column, json_array_get(rows, i), now) != 0)
                return -1;
    }
    return 0;
}

static void print_table(struct output *output, const json_t *rows)
{
    CLEANUP(cleanup_scols_table) struct libscols_table *table = scols_new_table();

    if (!table || fill_table(output, table, rows) != 0 || scols_print_table(table) != 0)
        output->error = ENOMEM;
}

/* ---- sessions ---- */

static int list(struct cli *cli, const struct broker1_session_filter *filter)
{
    CLEANUP_CLIENT struct client *client = NULL;
    CLEANUP_JSON json_t *rows = json_array();
    struct listing listing = {.output = &cli->output, .rows = rows};
    struct failure failure = {.exit = EXIT_DONE};
    int r = client_open(&client, &failure);

    if (r == 0)
        r = broker_sessions(client, filter, listing_add, &listing, &failure);
    if (r != 0)
        return failure.exit != EXIT_DONE ? output_failure(&cli->output, &failure, 0) : r;
    if (cli->output.json)
        return EXIT_DONE;
    if (json_array_size(rows) > 0)
        print_table(&cli->output, rows);
    else if (isatty(STDERR_FILENO))
        fprintf(stderr, "No session is open that you may see%s.\n",
                filter->open ? " (--all shows what has ended)" : "");
    return EXIT_DONE;
}

int command_sessions(struct cli *cli, int argc, char **argv)
{
    enum { ALL, OF_PERSON, IN_ACCOUNT, N_OPTIONS };
    struct argument arguments[N_OPTIONS] = {
        [ALL] = {"all", ARGUMENT_FLAG},
        [OF_PERSON] = {"person", ARGUMENT_TEXT, LIMIT_NAME},
        [IN_ACCOUNT] = {"account", ARGUMENT_TEXT, LIMIT_NAME},
    };
    struct broker1_session_filter filter = BROKER1_SESSION_FILTER_INIT;
    int first, r = arguments_read(cli, argc, argv, arguments, N_OPTIONS, &first);

    if (r != 0)
        return r;
    if (first < argc)
        return arguments_wrong(cli, "sessions takes options only, not \"%.100s\"", argv[first]);
    filter.person = arguments[OF_PERSON].text;
    filter.account = arguments[IN_ACCOUNT].text;
    filter.open = !arguments[ALL].given;
    filter.has = BROKER1_SESSION_FILTER_HAS_OPEN;
    return list(cli, &filter);
}

/* ---- checkin ---- */

static int show_open(json_t *session, void *userdata)
{
    struct listing *listing = userdata;

    return json_array_append(listing->rows, session) < 0 ? EXIT_REFUSED : 0;
}

static void put_session(struct output *output, FILE *terminal, const json_t *session)
{
    const char *account = value_text(session, "account"), *door = value_text(session, "door");
    const char *tty = value_text(session, "tty");
    char text[DATE_TEXT_MAX];

    output_line(output, terminal, "  %s by %s%s%s, since %s", account ? account : "?",
                door ? door : "?", tty ? " on " : "", tty ? tty : "",
                date_format_short(value_number(session, "opened"), (uint64_t)time(NULL), text));
}

/* What is open under it ends with it: its holder is told so before. */
static int ask(struct cli *cli, struct client *client, FILE *terminal, uint64_t id,
               struct failure *failure)
{
    CLEANUP_JSON json_t *rows = json_array();
    struct broker1_session_filter filter = BROKER1_SESSION_FILTER_INIT;
    struct listing listing = {.output = &cli->output, .rows = rows};
    size_t count;
    int r;

    filter.id = id;
    filter.open = true;
    filter.has = BROKER1_SESSION_FILTER_HAS_ID | BROKER1_SESSION_FILTER_HAS_OPEN;
    r = broker_sessions(client, &filter, show_open, &listing, failure);
    count = json_array_size(rows);
    if (r != 0 || count == 0)
        return r;
    output_line(&cli->output, terminal,
                "Under check-out %" PRIu64 " %s open, and end%s with it:", id,
                count == 1 ? "a session is" : "sessions are", count == 1 ? "s" : "");
    for (size_t i = 0; i < count; i++)
        put_session(&cli->output, terminal, json_array_get(rows, i));
    return confirm_ask(cli, client, terminal, "given back", failure,
                       "Give check-out %" PRIu64 " back?", id);
}

int command_checkin(struct cli *cli, int argc, char **argv)
{
    struct argument yes = {"yes", ARGUMENT_FLAG};
    CLEANUP_CLIENT struct client *client = NULL;
    CLEANUP(cleanup_file) FILE *opened = NULL;
    FILE *terminal = NULL;
    struct failure failure;
    uint64_t id = 0;
    int first, r = arguments_read(cli, argc, argv, &yes, 1, &first);

    if (r == 0)
        r = arguments_read_only_id(cli, argc, argv, first, &id);
    if (r == 0 && !yes.given)
        r = confirm_terminal(cli,
                             "there is no terminal to show the sessions on; --yes gives back "
                             "without asking",
                             &terminal, &opened);
    if (r != 0)
        return r;
    r = client_open(&client, &failure);
    if (r == 0)
        r = client_guard_signals(client, &failure);
    if (r == 0 && terminal)
        r = ask(cli, client, terminal, id, &failure);
    if (r == 0)
        r = broker_check_in(client, id, &failure);
    return r != 0 ? result_failed(cli, &failure, id) : result_done(cli, client, id);
}
