/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "cli/arguments.h"
#include "cli/broker.h"
#include "cli/export.h"
#include "cli/record.h"

enum { ID, PERSON, ACCOUNT, ACTOR, EVENT, SINCE, UNTIL, FOLLOW, CSV, EXPORT, N_OPTIONS };

/* How often new records are asked for; what changes a state comes at once. */
#define FOLLOW_MS 1000

struct log {
    struct output *output;
    const struct argument *arguments;
    uint64_t id;
};

static bool is_text(const json_t *record, const char *key, const struct argument *wanted)
{
    const char *text = value_text(record, key);

    return !wanted->given || (text && strcmp(text, wanted->text) == 0);
}

/* "approved,denied" */
static bool is_event(const json_t *record, const struct argument *wanted)
{
    const char *event = value_text(record, "event");
    const char *rest = wanted->text;

    if (!wanted->given)
        return true;
    for (;;) {
        size_t length = strcspn(rest, ",");

        if (event && strlen(event) == length && strncmp(event, rest, length) == 0)
            return true;
        if (!rest[length])
            return false;
        rest += length + 1;
    }
}

static bool is_wanted(const struct log *log, const json_t *record)
{
    const struct argument *arguments = log->arguments;
    uint64_t time = value_number(record, "time");

    return is_text(record, "person", &arguments[PERSON]) &&
           is_text(record, "account", &arguments[ACCOUNT]) &&
           is_text(record, "actor", &arguments[ACTOR]) && is_event(record, &arguments[EVENT]) &&
           (!arguments[SINCE].given || time >= arguments[SINCE].number) &&
           (!arguments[UNTIL].given || time < arguments[UNTIL].number);
}

static int log_one(json_t *row, void *userdata)
{
    struct log *log = userdata;
    CLEANUP_JSON json_t *record = record_of(row);

    if (!record)
        log->output->error = ENOMEM;
    else if (!is_wanted(log, record))
        return 0;
    else if (log->arguments[CSV].given)
        record_csv(log->output, stdout, record);
    else if (log->output->json)
        output_json(log->output, stdout, record);
    else
        record_line(log->output, stdout, record);
    if (ferror(stdout) && !log->output->error)
        log->output->error = errno;
    return log->output->error ? EXIT_REFUSED : 0;
}

/* Shows what comes until a signal ends it. */
static int follow(struct log *log, struct client *client, uint64_t *after, struct failure *failure)
{
    int r = 0;

    while (r == 0) {
        uint64_t ignored = 0;

        output_flush(log->output);
        switch (client_wait(client, client_clock() + FOLLOW_MS, &ignored)) {
        case CLIENT_INTERRUPTED:
            return EXIT_DONE;
        case CLIENT_LOST:
            return failure_set(failure, EXIT_NO_BROKER, "NoBus",
                               "the connection to the system bus broke");
        case CLIENT_BROKER_GONE:
            output_line(log->output, stderr,
                        "checkoutctl: the broker is gone; waiting for it to come back");
            continue;
        default:
            r = broker_audit(client, log->id, after, log_one, log, failure);
        }
        /* Its return is told of. */
        if (r == EXIT_NO_BROKER && strcmp(failure->name, "NoBroker") == 0)
            r = 0;
    }
    return r;
}

static int show(struct cli *cli, struct log *log, struct client *client, struct failure *failure)
{
    const struct argument *arguments = log->arguments;
    uint64_t after = 0;
    int r = 0;

    if (arguments[FOLLOW].given) {
        r = client_guard_signals(client, failure);
        if (r == 0)
            r = client_subscribe(client, failure);
    }
    /* Of one check-out there are few. */
    if (r == 0 && arguments[SINCE].given && !log->id) {
        r = broker_audit_since(client, arguments[SINCE].number, &after, failure);
        after = after ? after - 1 : 0;
    }
    if (r == 0 && arguments[CSV].given)
        record_csv_heading(&cli->output, stdout);
    if (r == 0)
        r = broker_audit(client, log->id, &after, log_one, log, failure);
    if (r == 0 && arguments[FOLLOW].given)
        r = follow(log, client, &after, failure);
    return r;
}

static int check_arguments(struct cli *cli, struct argument *arguments, uint64_t *ret_id)
{
    const struct argument *event = &arguments[EVENT];

    if (arguments[CSV].given && cli->output.json)
        return arguments_wrong(cli, "--csv and --json exclude each other");
    for (size_t i = 0; arguments[EXPORT].given && i < N_OPTIONS; i++)
        if (i != EXPORT && arguments[i].given)
            return arguments_wrong(cli, "--export writes the whole ledger: no --%s with it",
                                   arguments[i].name);
    for (const char *rest = event->given ? event->text : NULL; rest;) {
        size_t length = strcspn(rest, ",");

        if (!record_is_event(rest, length))
            return arguments_wrong(cli, "--event: there is no event \"%.*s\"",
                                   length < 100 ? (int)length : 100, rest);
        rest = rest[length] ? rest + length + 1 : NULL;
    }
    return arguments[ID].given ? arguments_read_id(cli, arguments[ID].text, ret_id) : 0;
}

int command_log(struct cli *cli, int argc, char **argv)
{
    struct argument arguments[N_OPTIONS] = {
        [ID] = {"id", ARGUMENT_TEXT},
        [PERSON] = {"person", ARGUMENT_TEXT, LIMIT_NAME},
        [ACCOUNT] = {"account", ARGUMENT_TEXT, LIMIT_NAME},
        [ACTOR] = {"actor", ARGUMENT_TEXT, LIMIT_NAME},
        [EVENT] = {"event", ARGUMENT_TEXT},
        [SINCE] = {"since", ARGUMENT_LAST},
        [UNTIL] = {"until", ARGUMENT_LAST},
        [FOLLOW] = {"follow", ARGUMENT_FLAG},
        [CSV] = {"csv", ARGUMENT_FLAG},
        [EXPORT] = {"export", ARGUMENT_TEXT, LIMIT_CGROUP},
    };
    struct log log = {.output = &cli->output, .arguments = arguments};
    CLEANUP_CLIENT struct client *client = NULL;
    struct failure failure = {.exit = EXIT_DONE};
    int first, r = arguments_read(cli, argc, argv, arguments, N_OPTIONS, &first);

    if (r != 0)
        return r;
    if (first < argc)
        return arguments_wrong(cli, "log takes options only, not \"%.100s\"", argv[first]);
    r = check_arguments(cli, arguments, &log.id);
    if (r != 0)
        return r;
    r = client_open(&client, &failure);
    if (r == 0)
        r = arguments[EXPORT].given
                ? export_write(client, arguments[EXPORT].text, &cli->output, &failure)
                : show(cli, &log, client, &failure);
    if (r == EXIT_REFUSED && strcmp(failure.name, "Interrupted") == 0)
        return EXIT_DONE;
    return r != 0 && failure.exit == (enum exit_code)r
               ? output_failure(&cli->output, &failure, log.id)
               : r;
}
