/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "cli/arguments.h"
#include "cli/broker.h"
#include "cli/confirm.h"
#include "cli/result.h"
#include "cli/view.h"

/* What one of these commands does with each of its requests. */
struct decision {
    struct cli *cli;
    struct client *client;
    FILE *terminal; /* where an approver is asked; NULL: nobody is */
    const char *reason;
    struct broker1_approval approval; /* without the digest */
};

DEFINE_CLEANUP(FILE *, file, fclose);
#define CLEANUP_FILE CLEANUP(cleanup_file)

typedef int (*decide_one)(struct decision *decision, uint64_t id, struct failure *failure);

/* Shows the request and asks. Returns 0 for yes. */
static int ask(struct decision *decision, const json_t *checkout, uint64_t id,
               struct failure *failure)
{
    view_block(&decision->cli->output, decision->terminal, checkout, VIEW_DECISION);
    return confirm_ask(decision->cli, decision->client, decision->terminal, "approved", failure,
                       "Approve request %" PRIu64 "?", id);
}

/* Nobody is asked about what the broker will refuse. */
static int check_pending(const json_t *checkout, struct failure *failure)
{
    static const char *const decided[] = {"approved", "active", "denied"};
    const char *state = value_text(checkout, "state"), *name = "WrongState";

    if (state && strcmp(state, "pending") == 0)
        return 0;
    for (size_t i = 0; state && i < sizeof(decided) / sizeof(*decided); i++)
        if (strcmp(state, decided[i]) == 0)
            name = "AlreadyDecided";
    return failure_set(failure, EXIT_REFUSED, name, "it is %.40s: there is nothing to approve",
                       state ? state : "in no state");
}

static int approve_one(struct decision *decision, uint64_t id, struct failure *failure)
{
    CLEANUP_JSON json_t *checkout = NULL;
    struct broker1_approval approval = decision->approval;
    int r = broker_get(decision->client, id, &checkout, failure);

    if (r != 0)
        return r;
    approval.digest = value_text(checkout, "digest");
    if (!approval.digest)
        return failure_set(failure, EXIT_REFUSED, "NotPermitted",
                           "the broker does not show you enough of it to approve it");

    if (decision->terminal) {
        r = check_pending(checkout, failure);
        if (r == 0)
            r = ask(decision, checkout, id, failure);
        if (r != 0)
            return r;
    } else if (!decision->cli->output.json) {
        view_block(&decision->cli->output, stdout, checkout, VIEW_DECISION);
    }
    return broker_approve(decision->client, id, &approval, failure);
}

static int deny_one(struct decision *decision, uint64_t id, struct failure *failure)
{
    return broker_deny(decision->client, id, decision->reason, failure);
}

static int revoke_one(struct decision *decision, uint64_t id, struct failure *failure)
{
    return broker_revoke(decision->client, id, decision->reason, failure);
}

/* Each request on its own; the exit code is the highest. An interruption ends it all. */
static int decide_all(struct decision *decision, decide_one decide, char **ids, int n_ids)
{
    struct cli *cli = decision->cli;
    CLEANUP_CLIENT struct client *client = NULL;
    struct failure failure;
    int worst = EXIT_DONE, r = client_open(&client, &failure);

    if (r == 0)
        r = client_guard_signals(client, &failure);
    if (r != 0)
        return output_failure(&cli->output, &failure, 0);
    decision->client = client;

    for (int i = 0; i < n_ids; i++) {
        uint64_t id = 0;

        r = arguments_read_id(cli, ids[i], &id);
        if (r == 0) {
            r = decide(decision, id, &failure);
            r = r != 0 ? result_failed(cli, &failure, id) : result_done(cli, client, id);
        }
        if (r > worst)
            worst = r;
        if (r != 0 && strcmp(failure.name, "Interrupted") == 0)
            break;
    }
    return worst;
}

/* Every number is looked at before the first request is touched. */
static int check_ids(struct cli *cli, char **ids, int n_ids)
{
    if (n_ids == 0)
        return arguments_wrong(cli, "%s takes the numbers of one or more requests",
                               cli->command->name);
    for (int i = 0; i < n_ids; i++) {
        uint64_t id;
        int r = arguments_read_id(cli, ids[i], &id);

        if (r != 0)
            return r;
    }
    return 0;
}

int command_approve(struct cli *cli, int argc, char **argv)
{
    enum { FOR, START, REASON, YES, N_OPTIONS };
    struct argument arguments[N_OPTIONS] = {
        [FOR] = {"for", ARGUMENT_DURATION},
        [START] = {"start", ARGUMENT_NEXT},
        [REASON] = {"reason", ARGUMENT_TEXT, LIMIT_REASON},
        [YES] = {"yes", ARGUMENT_FLAG},
    };
    CLEANUP_FILE FILE *opened = NULL;
    struct decision decision = {.cli = cli, .approval = BROKER1_APPROVAL_INIT};
    int first, r = arguments_read(cli, argc, argv, arguments, N_OPTIONS, &first);

    if (r == 0)
        r = check_ids(cli, argv + first, argc - first);
    if (r == 0 && !arguments[YES].given)
        r = confirm_terminal(cli,
                             "there is no terminal to show the request on; --yes approves without "
                             "asking",
                             &decision.terminal, &opened);
    if (r != 0)
        return r;

    if (arguments[START].given && arguments[START].number < (uint64_t)time(NULL))
        return arguments_wrong(cli, "--start: \"%.100s\" has passed", arguments[START].text);

    decision.approval.reason = arguments[REASON].text;
    if (arguments[FOR].given) {
        decision.approval.duration = arguments[FOR].number;
        decision.approval.has |= BROKER1_APPROVAL_HAS_DURATION;
    }
    if (arguments[START].given) {
        decision.approval.start = arguments[START].number;
        decision.approval.has |= BROKER1_APPROVAL_HAS_START;
    }
    return decide_all(&decision, approve_one, argv + first, argc - first);
}

/* deny and revoke, which want a reason. */
static int end_others(struct cli *cli, int argc, char **argv, decide_one decide)
{
    struct argument reason = {"reason", ARGUMENT_TEXT, LIMIT_REASON};
    struct decision decision = {.cli = cli};
    int first, r = arguments_read(cli, argc, argv, &reason, 1, &first);

    if (r == 0)
        r = check_ids(cli, argv + first, argc - first);
    if (r != 0)
        return r;
    if (!reason.given)
        return arguments_wrong(cli, "%s needs --reason TEXT: the person is told, and it is kept",
                               cli->command->name);
    decision.reason = reason.text;
    return decide_all(&decision, decide, argv + first, argc - first);
}

int command_deny(struct cli *cli, int argc, char **argv)
{
    return end_others(cli, argc, argv, deny_one);
}

int command_revoke(struct cli *cli, int argc, char **argv)
{
    return end_others(cli, argc, argv, revoke_one);
}
