/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "cli/arguments.h"
#include "cli/broker.h"
#include "cli/result.h"
#include "cli/view.h"
#include "cli/wait.h"
#include "text.h"

enum { REASON, TICKET, FOR, START, DOOR, TO, WAIT, N_OPTIONS };

/* What a command files: one of three calls, by what is set. */
struct filing {
    const char *account, *person; /* person: for another one, with the caller's approval */
    uint64_t extends;             /* more time for this one */
    struct broker1_options options;
    const struct argument *wait;
};

/* The options as the broker takes them. Returns 0 or EXIT_USAGE after telling the user. */
static int fill_options(struct cli *cli, const struct argument *arguments,
                        struct broker1_options *options)
{
    options->reason = arguments[REASON].text;
    options->ticket = arguments[TICKET].text;
    options->door = arguments[DOOR].text;
    options->to = arguments[TO].text;
    if (arguments[FOR].given) {
        options->duration = arguments[FOR].number;
        options->has |= BROKER1_OPTIONS_HAS_DURATION;
    }
    if (arguments[START].given) {
        if (arguments[START].number < (uint64_t)time(NULL))
            return arguments_wrong(cli, "--start: \"%.100s\" has passed", arguments[START].text);
        options->start = arguments[START].number;
        options->has |= BROKER1_OPTIONS_HAS_START;
    }
    return 0;
}

static bool is_pending(const json_t *checkout)
{
    const char *state = value_text(checkout, "state");

    return state && strcmp(state, "pending") == 0;
}

/* It was filed: from here on nothing may look as if it was not. */
static int tell_filed(struct cli *cli, struct client *client, uint64_t id, json_t **ret_checkout)
{
    struct failure failure;
    int r = broker_get(client, id, ret_checkout, &failure);

    cli->wrote = true;
    if (cli->output.json) {
        CLEANUP_JSON json_t *bare = json_pack("{s:I}", "id", (json_int_t)id);

        if (r == 0 || bare)
            output_json(&cli->output, stdout, r == 0 ? *ret_checkout : bare);
    } else if (r != 0) {
        output_line(&cli->output, stdout, "request %" PRIu64 " filed", id);
    } else if (is_pending(*ret_checkout)) {
        output_part(&cli->output, stdout, COLOUR_NONE, "request %" PRIu64 " filed; ", id);
        view_sentence(&cli->output, stdout, *ret_checkout, "it");
        output_line(&cli->output, stdout,
                    "Somebody who may approve it types: checkoutctl approve %" PRIu64, id);
    } else {
        view_sentence(&cli->output, stdout, *ret_checkout, NULL);
    }
    output_flush(&cli->output);
    if (r != 0)
        output_failure(&cli->output, &failure, id);
    return r;
}

static int file_call(struct client *client, const struct filing *filing, uint64_t *ret_id,
                     struct failure *failure)
{
    if (filing->extends)
        return broker_extend(client, filing->extends, filing->options.duration,
                             filing->options.reason, ret_id, failure);
    if (filing->person)
        return broker_grant(client, filing->person, filing->account, &filing->options, ret_id,
                            failure);
    return broker_request(client, filing->account, &filing->options, ret_id, failure);
}

static int file(struct cli *cli, const struct filing *filing)
{
    CLEANUP_CLIENT struct client *client = NULL;
    CLEANUP_JSON json_t *checkout = NULL;
    struct failure failure;
    uint64_t id = 0;
    int r = client_open(&client, &failure);

    if (r == 0)
        r = client_guard_signals(client, &failure);
    if (r == 0 && filing->wait->given)
        r = client_subscribe(client, &failure);
    if (r == 0)
        r = file_call(client, filing, &id, &failure);
    if (r == EXIT_UNKNOWN)
        failure_add(&failure, "look with: checkoutctl list%s", filing->person ? "" : " --mine");
    if (r != 0)
        return output_failure(&cli->output, &failure, filing->extends);

    r = tell_filed(cli, client, id, &checkout);
    if (!filing->wait->given)
        return EXIT_DONE;
    return r != 0 ? r : wait_until_decided(cli, client, id, filing->wait->number, &checkout);
}

/* request and grant: the names of n_names people behind the options. */
static int file_by_names(struct cli *cli, int argc, char **argv, const char *const *names,
                         int n_names)
{
    struct argument arguments[N_OPTIONS] = {
        [REASON] = {"reason", ARGUMENT_TEXT, LIMIT_REASON},
        [TICKET] = {"ticket", ARGUMENT_TEXT, LIMIT_TICKET},
        [FOR] = {"for", ARGUMENT_DURATION},
        [START] = {"start", ARGUMENT_NEXT},
        [DOOR] = {"door", ARGUMENT_TEXT, LIMIT_SERVICE},
        [TO] = {"to", ARGUMENT_TEXT, LIMIT_NAME},
        [WAIT] = {"wait", ARGUMENT_WAIT},
    };
    struct filing filing = {.options = BROKER1_OPTIONS_INIT, .wait = &arguments[WAIT]};
    struct error error;
    int first, r = arguments_read(cli, argc, argv, arguments, N_OPTIONS, &first);

    if (r != 0)
        return r;
    if (argc - first != n_names)
        return arguments_wrong(
            cli, "%s takes %s, not %d arguments%s", cli->command->name,
            n_names == 1 ? "one account" : "a person and an account", argc - first,
            arguments[WAIT].given && argc - first == n_names + 1 ? " (--wait=DURATION?)" : "");
    for (int i = 0; i < n_names; i++)
        if (text_check(names[i], argv[first + i], 1, LIMIT_NAME, &error) != 0)
            return arguments_wrong(cli, "%s", error.text);
    r = fill_options(cli, arguments, &filing.options);
    if (r != 0)
        return r;
    filing.account = argv[first + n_names - 1];
    filing.person = n_names > 1 ? argv[first] : NULL;
    return file(cli, &filing);
}

int command_request(struct cli *cli, int argc, char **argv)
{
    static const char *const names[] = {"ACCOUNT"};

    return file_by_names(cli, argc, argv, names, 1);
}

int command_grant(struct cli *cli, int argc, char **argv)
{
    static const char *const names[] = {"PERSON", "ACCOUNT"};

    return file_by_names(cli, argc, argv, names, 2);
}

int command_extend(struct cli *cli, int argc, char **argv)
{
    enum { MORE, WHY, STAY, N };
    struct argument arguments[N] = {
        [MORE] = {"for", ARGUMENT_DURATION},
        [WHY] = {"reason", ARGUMENT_TEXT, LIMIT_REASON},
        [STAY] = {"wait", ARGUMENT_WAIT},
    };
    struct filing filing = {.options = BROKER1_OPTIONS_INIT, .wait = &arguments[STAY]};
    int first, r = arguments_read(cli, argc, argv, arguments, N, &first);

    if (r == 0)
        r = arguments_read_only_id(cli, argc, argv, first, &filing.extends);
    if (r != 0)
        return r;
    if (!arguments[MORE].given || !arguments[WHY].given)
        return arguments_wrong(
            cli, "extend needs --%s: %s", arguments[MORE].given ? "reason TEXT" : "for DURATION",
            arguments[MORE].given ? "the approvers read it" : "how much longer it shall last");
    filing.options.duration = arguments[MORE].number;
    filing.options.reason = arguments[WHY].text;
    return file(cli, &filing);
}

int command_cancel(struct cli *cli, int argc, char **argv)
{
    CLEANUP_CLIENT struct client *client = NULL;
    struct failure failure;
    uint64_t id = 0;
    int first, r = arguments_read(cli, argc, argv, NULL, 0, &first);

    if (r == 0)
        r = arguments_read_only_id(cli, argc, argv, first, &id);
    if (r != 0)
        return r;
    r = client_open(&client, &failure);
    if (r == 0)
        r = client_guard_signals(client, &failure);
    if (r == 0)
        r = broker_cancel(client, id, &failure);
    return r != 0 ? result_failed(cli, &failure, id) : result_done(cli, client, id);
}
