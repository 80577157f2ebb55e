/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>
#include <unistd.h>

#include "cli/arguments.h"
#include "cli/broker.h"
#include "cli/listing.h"
#include "cli/table.h"
#include "cli/view.h"

enum { ALL, MINE, DECIDABLE, STATE, PERSON, ACCOUNT, APPROVER, SINCE, UNTIL, N_OPTIONS };

static const char *state_find(const char *name, size_t length)
{
    for (size_t i = 0; view_states[i]; i++)
        if (strlen(view_states[i]) == length && strncmp(view_states[i], name, length) == 0)
            return view_states[i];
    return NULL;
}

/* "pending,active" */
static int fill_states(struct cli *cli, const char *text, struct dict_strings *states)
{
    for (const char *rest = text;;) {
        size_t length = strcspn(rest, ",");
        const char *state = state_find(rest, length);

        if (!state)
            return arguments_wrong(
                cli,
                "--state: \"%.*s\" is no state; there are pending, approved, active, "
                "denied, cancelled, lapsed, returned, revoked, expired, applied",
                length < 100 ? (int)length : 100, rest);
        if (states->count == DICT_STRINGS_MAX)
            return arguments_wrong(cli, "--state: so many states there are not");
        states->items[states->count++] = state;
        if (rest[length] == '\0')
            return 0;
        rest += length + 1;
    }
}

static int fill_filter(struct cli *cli, const struct argument *arguments,
                       struct broker1_filter *filter)
{
    if (arguments[STATE].given && arguments[ALL].given)
        return arguments_wrong(cli, "--all and --state exclude each other");
    if (arguments[STATE].given) {
        int r = fill_states(cli, arguments[STATE].text, &filter->state);

        if (r != 0)
            return r;
    } else if (!arguments[ALL].given) {
        for (size_t i = 0; i < VIEW_STATES_OPEN; i++)
            filter->state.items[filter->state.count++] = view_states[i];
    }
    filter->person = arguments[PERSON].text;
    filter->account = arguments[ACCOUNT].text;
    filter->approver = arguments[APPROVER].text;
    filter->since = arguments[SINCE].number;
    filter->until = arguments[UNTIL].number;
    filter->mine = arguments[MINE].given;
    filter->decidable = arguments[DECIDABLE].given;
    filter->has |= (arguments[SINCE].given ? BROKER1_FILTER_HAS_SINCE : 0) |
                   (arguments[UNTIL].given ? BROKER1_FILTER_HAS_UNTIL : 0) |
                   (arguments[MINE].given ? BROKER1_FILTER_HAS_MINE : 0) |
                   (arguments[DECIDABLE].given ? BROKER1_FILTER_HAS_DECIDABLE : 0);
    return 0;
}

static int list(struct cli *cli, const struct broker1_filter *filter)
{
    CLEANUP_CLIENT struct client *client = NULL;
    CLEANUP_JSON json_t *rows = json_array();
    struct listing listing = {.output = &cli->output, .rows = rows};
    struct failure failure = {.exit = EXIT_DONE};
    int r = client_open(&client, &failure);

    if (r == 0)
        r = broker_list(client, filter, listing_add, &listing, &failure);
    if (r != 0)
        return failure.exit != EXIT_DONE ? output_failure(&cli->output, &failure, 0) : r;
    if (cli->output.json)
        return EXIT_DONE;
    if (json_array_size(rows) > 0)
        table_print(&cli->output, rows);
    else if (isatty(STDERR_FILENO))
        fprintf(stderr, "There is nothing to list%s.\n",
                filter->state.count == VIEW_STATES_OPEN ? " (--all shows what has ended)" : "");
    return EXIT_DONE;
}

int command_list(struct cli *cli, int argc, char **argv)
{
    struct argument arguments[N_OPTIONS] = {
        [ALL] = {"all", ARGUMENT_FLAG},
        [MINE] = {"mine", ARGUMENT_FLAG},
        [DECIDABLE] = {"decidable", ARGUMENT_FLAG},
        [STATE] = {"state", ARGUMENT_TEXT},
        [PERSON] = {"person", ARGUMENT_TEXT, LIMIT_NAME},
        [ACCOUNT] = {"account", ARGUMENT_TEXT, LIMIT_NAME},
        [APPROVER] = {"approver", ARGUMENT_TEXT, LIMIT_NAME},
        [SINCE] = {"since", ARGUMENT_LAST},
        [UNTIL] = {"until", ARGUMENT_LAST},
    };
    struct broker1_filter filter = BROKER1_FILTER_INIT;
    int first, r = arguments_read(cli, argc, argv, arguments, N_OPTIONS, &first);

    if (r != 0)
        return r;
    if (first < argc)
        return arguments_wrong(cli, "list takes options only, not \"%.100s\"", argv[first]);
    r = fill_filter(cli, arguments, &filter);
    return r != 0 ? r : list(cli, &filter);
}

int command_show(struct cli *cli, int argc, char **argv)
{
    CLEANUP_CLIENT struct client *client = NULL;
    CLEANUP_JSON json_t *checkout = NULL;
    struct failure failure;
    uint64_t id = 0;
    int first, r = arguments_read(cli, argc, argv, NULL, 0, &first);

    if (r == 0)
        r = arguments_read_only_id(cli, argc, argv, first, &id);
    if (r != 0)
        return r;
    r = client_open(&client, &failure);
    if (r == 0)
        r = broker_get(client, id, &checkout, &failure);
    if (r != 0)
        return output_failure(&cli->output, &failure, id);
    if (cli->output.json)
        output_json(&cli->output, stdout, checkout);
    else
        view_block(&cli->output, stdout, checkout, VIEW_ALL);
    return EXIT_DONE;
}
