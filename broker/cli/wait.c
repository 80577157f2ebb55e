/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/wait.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/broker.h"
#include "cli/view.h"
#include "cli/date.h"

#define NEVER UINT64_MAX
/* A broker that is restarted is back within this time; one that is not will not decide anything. */
#define GONE_MS 30000
#define RECHECK_MS 5000

struct wait {
    struct cli *cli;
    struct client *client;
    uint64_t id;
    uint64_t deadline;   /* client_clock() */
    uint64_t recheck;    /* when to look without being told to */
    uint64_t gone_since; /* 0: the broker is there */
    bool live;           /* there is a terminal to count down on */
};

static void live_clear(const struct wait *wait)
{
    if (wait->live)
        fputs("\r\033[K", stderr);
}

/* Short enough for every terminal: a line that wraps could not be taken back. */
static void live_draw(const struct wait *wait, const json_t *checkout)
{
    uint64_t lapses = value_number(checkout, "lapses"), now = (uint64_t)time(NULL);
    uint64_t clock = client_clock();
    char text[DATE_TEXT_MAX];

    if (!wait->live)
        return;
    live_clear(wait);
    if (wait->gone_since)
        fputs("waiting for the broker", stderr);
    else if (lapses > now)
        fprintf(stderr, "waiting, lapses in %.20s", date_format_span(lapses - now, text));
    else
        fputs("waiting", stderr);
    if (wait->deadline != NEVER && wait->deadline > clock)
        fprintf(stderr, ", %.20s left",
                date_format_span((wait->deadline - clock + 999) / 1000, text));
    fflush(stderr);
}

static bool is_pending(const json_t *checkout)
{
    const char *state = value_text(checkout, "state");

    return state && strcmp(state, "pending") == 0;
}

static void show(struct wait *wait, const json_t *checkout)
{
    live_clear(wait);
    if (wait->cli->output.json)
        output_json(&wait->cli->output, stdout, checkout);
    else
        view_sentence(&wait->cli->output, stdout, checkout, NULL);
    output_flush(&wait->cli->output);
}

/* By when to look again although nobody said anything: shortly after it should have lapsed. */
static uint64_t next_recheck(const json_t *checkout)
{
    uint64_t lapses = value_number(checkout, "lapses"), now = (uint64_t)time(NULL);

    if (lapses == 0)
        return NEVER;
    return client_clock() + (lapses > now ? (lapses - now) * 1000 + 1000 : RECHECK_MS);
}

/* Looks at the request again. Returns 0, or the exit code after telling the user. */
static int look_again(struct wait *wait, json_t **checkout)
{
    CLEANUP_JSON json_t *fresh = NULL;
    struct failure failure;
    int r = broker_get(wait->client, wait->id, &fresh, &failure);

    if (r == EXIT_NO_BROKER) {
        if (!wait->gone_since)
            wait->gone_since = client_clock();
        if (client_clock() - wait->gone_since < GONE_MS) {
            wait->recheck = client_clock() + RECHECK_MS;
            return 0;
        }
        failure_add(&failure, "the request itself stays as it is");
    }
    if (r != 0) {
        live_clear(wait);
        return output_failure(&wait->cli->output, &failure, wait->id);
    }
    wait->gone_since = 0;
    wait->recheck = next_recheck(fresh);
    if (!json_equal(fresh, *checkout)) {
        json_decref(*checkout);
        *checkout = TAKE_PTR(fresh);
        show(wait, *checkout);
    }
    return 0;
}

static int give_up(struct wait *wait, enum exit_code exit_code, const char *name, const char *what)
{
    struct failure failure;

    live_clear(wait);
    failure_set(&failure, exit_code, name,
                "%s; the request stays as it is, look with: checkoutctl show %" PRIu64, what,
                wait->id);
    return output_failure(&wait->cli->output, &failure, wait->id);
}

/* Waits for one thing to happen. Returns 0 or the exit code after telling the user. */
static int wait_step(struct wait *wait, json_t **checkout)
{
    uint64_t id = 0, clock = client_clock(), until = wait->deadline;

    if (wait->recheck < until)
        until = wait->recheck;
    if (wait->live && clock + 1000 < until)
        until = clock + 1000;

    switch (client_wait(wait->client, until, &id)) {
    case CLIENT_CHANGED:
        return id == wait->id ? look_again(wait, checkout) : 0;
    case CLIENT_MISSED:
    case CLIENT_BROKER_BACK:
        return look_again(wait, checkout);
    case CLIENT_BROKER_GONE:
        wait->gone_since = client_clock();
        wait->recheck = wait->gone_since + 1000;
        return 0;
    case CLIENT_INTERRUPTED:
        return give_up(wait, EXIT_WAITED, "Interrupted", "you ended the wait");
    case CLIENT_LOST:
        return give_up(wait, EXIT_NO_BROKER, "NoBus", "the connection to the system bus broke");
    case CLIENT_TIMEOUT:
        break;
    }
    clock = client_clock();
    if (clock >= wait->deadline)
        return give_up(wait, EXIT_WAITED, "WaitRanOut", "nobody decided within the time you gave");
    return clock >= wait->recheck ? look_again(wait, checkout) : 0;
}

static int exit_of_state(const char *state)
{
    static const struct {
        const char *state;
        enum exit_code exit;
    } table[] = {
        {"approved", EXIT_DONE},
        {"active", EXIT_DONE},
        {"applied", EXIT_DONE},
        {"lapsed", EXIT_WAITED},
    };

    for (size_t i = 0; state && i < sizeof(table) / sizeof(*table); i++)
        if (strcmp(table[i].state, state) == 0)
            return table[i].exit;
    return EXIT_REFUSED;
}

int wait_until_decided(struct cli *cli, struct client *client, uint64_t id, uint64_t seconds,
                       json_t **checkout)
{
    struct wait wait = {
        .cli = cli,
        .client = client,
        .id = id,
        .deadline = seconds ? client_clock() + seconds * 1000 : NEVER,
        .recheck = next_recheck(*checkout),
        .live = !cli->output.json && isatty(STDERR_FILENO),
    };

    while (is_pending(*checkout)) {
        int r;

        live_draw(&wait, *checkout);
        r = wait_step(&wait, checkout);
        if (r != 0)
            return r;
    }
    live_clear(&wait);
    return exit_of_state(value_text(*checkout, "state"));
}
