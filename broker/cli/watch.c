/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/arguments.h"
#include "cli/broker.h"
#include "cli/view.h"

struct watch {
    struct cli *cli;
    struct client *client;
    json_t *open;  /* what was last shown of each open request: {"17": "pending 0"} */
    json_t *ended; /* the same of those that ended lately */
};

/* The key of a request in them. */
#define KEY_MAX 24

/* Of what is over only late news can come: so many are remembered at most. */
#define ENDED_MAX 10000

static void show(struct watch *watch, const json_t *checkout)
{
    if (watch->cli->output.json)
        output_json(&watch->cli->output, stdout, checkout);
    else
        view_line(&watch->cli->output, stdout, (uint64_t)time(NULL), checkout);
    output_flush(&watch->cli->output);
}

static int remember(struct watch *watch, const char *key, const char *what, bool ended)
{
    if (!ended)
        return json_object_set_new(watch->open, key, json_string_nocheck(what));
    json_object_del(watch->open, key);
    if (json_object_size(watch->ended) >= ENDED_MAX)
        json_object_clear(watch->ended);
    return json_object_set_new(watch->ended, key, json_string_nocheck(what));
}

/* Shows the check-out unless that was done. A decision that changes no state is told by the number
 * of decisions. */
static int watch_one(json_t *checkout, void *userdata)
{
    struct watch *watch = userdata;
    const char *state = value_text(checkout, "state");
    char key[KEY_MAX], now[64];
    const char *before;

    snprintf(key, sizeof(key), "%" PRIu64, value_number(checkout, "id"));
    snprintf(now, sizeof(now), "%.40s %zu", state ? state : "?",
             json_array_size(json_object_get(checkout, "decisions")));
    before = value_text(watch->open, key);
    if (!before)
        before = value_text(watch->ended, key);
    if (before && strcmp(before, now) == 0)
        return 0;

    show(watch, checkout);
    if (remember(watch, key, now, view_state_is_final(state)) < 0)
        watch->cli->output.error = ENOMEM;
    return watch->cli->output.error ? EXIT_REFUSED : 0;
}

/* What became of that which was open, and what is open now. */
static int watch_everything(struct watch *watch, struct failure *failure)
{
    struct broker1_filter filter = BROKER1_FILTER_INIT;
    CLEANUP_JSON json_t *before = json_copy(watch->open);
    const char *key;
    json_t *value;
    int r;

    json_object_foreach(before, key, value)
    {
        CLEANUP_JSON json_t *checkout = NULL;

        r = broker_get(watch->client, strtoull(key, NULL, 10), &checkout, failure);
        if (r == 0)
            r = watch_one(checkout, watch);
        else if (r == EXIT_REFUSED && strcmp(failure->name, "Interrupted") != 0)
            r = 0;
        if (r != 0)
            return r;
    }
    for (size_t i = 0; i < VIEW_STATES_OPEN; i++)
        filter.state.items[filter.state.count++] = view_states[i];
    return broker_list(watch->client, &filter, watch_one, watch, failure);
}

static int watch_changed(struct watch *watch, uint64_t id, struct failure *failure)
{
    CLEANUP_JSON json_t *checkout = NULL;
    int r = broker_get(watch->client, id, &checkout, failure);

    if (r == 0)
        return watch_one(checkout, watch);
    /* Not everybody may see every request. */
    return r == EXIT_REFUSED && strcmp(failure->name, "Interrupted") != 0 ? 0 : r;
}

static void say(struct watch *watch, const char *sentence)
{
    output_line(&watch->cli->output, stderr, "checkoutctl: %s", sentence);
}

/* Follows until something ends it. Returns an exit code; failure->exit tells whether there is
 * something to say about it. */
static int follow(struct watch *watch, struct failure *failure)
{
    int r = watch_everything(watch, failure);

    while (r == 0) {
        uint64_t id = 0;

        switch (client_wait(watch->client, UINT64_MAX, &id)) {
        case CLIENT_CHANGED:
            r = watch_changed(watch, id, failure);
            break;
        case CLIENT_BROKER_GONE:
            say(watch, "the broker is gone; waiting for it to come back");
            break;
        case CLIENT_BROKER_BACK:
            say(watch, "the broker is there again");
            r = watch_everything(watch, failure);
            break;
        case CLIENT_MISSED:
            r = watch_everything(watch, failure);
            break;
        case CLIENT_INTERRUPTED:
            return EXIT_DONE;
        case CLIENT_LOST:
            return failure_set(failure, EXIT_NO_BROKER, "NoBus",
                               "the connection to the system bus broke");
        case CLIENT_TIMEOUT:
            break;
        }
        /* Gone in the middle of an answer: it is told of, and so is its return. */
        if (r == EXIT_NO_BROKER && strcmp(failure->name, "NoBroker") == 0)
            r = 0;
    }
    return r;
}

int command_watch(struct cli *cli, int argc, char **argv)
{
    CLEANUP_CLIENT struct client *client = NULL;
    CLEANUP_JSON json_t *open = json_object();
    CLEANUP_JSON json_t *ended = json_object();
    struct watch watch = {.cli = cli, .open = open, .ended = ended};
    struct failure failure = {.exit = EXIT_DONE};
    int first, r = arguments_read(cli, argc, argv, NULL, 0, &first);

    if (r != 0)
        return r;
    if (first < argc)
        return arguments_wrong(cli, "watch takes options only, not \"%.100s\"", argv[first]);
    r = client_open(&client, &failure);
    if (r == 0)
        r = client_guard_signals(client, &failure);
    if (r == 0)
        r = client_subscribe(client, &failure);
    if (r == 0) {
        watch.client = client;
        r = follow(&watch, &failure);
    }
    if (r == EXIT_REFUSED && strcmp(failure.name, "Interrupted") == 0)
        return EXIT_DONE;
    return r != 0 && failure.exit == (enum exit_code)r ? output_failure(&cli->output, &failure, 0)
                                                       : r;
}
