/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/result.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "cli/broker.h"
#include "cli/view.h"

int result_done(struct cli *cli, struct client *client, uint64_t id)
{
    CLEANUP_JSON json_t *checkout = NULL;
    struct failure ignored;

    cli->wrote = true;
    /* The change is made; not being allowed or able to look at it now changes nothing. */
    if (broker_get(client, id, &checkout, &ignored) == 0 && !cli->output.json) {
        view_sentence(&cli->output, stdout, checkout, NULL);
    } else if (cli->output.json) {
        if (!checkout)
            checkout = json_pack("{s:I}", "id", (json_int_t)id);
        if (checkout)
            output_json(&cli->output, stdout, checkout);
        else
            cli->output.error = ENOMEM;
    } else {
        output_line(&cli->output, stdout, "request %" PRIu64 ": %s done", id, cli->command->name);
    }
    output_flush(&cli->output);
    return EXIT_DONE;
}

/* The broker's own sentence may say it already. */
static void add_unless(struct failure *failure, const char *said, const char *advice)
{
    if (!strstr(failure->text, said))
        failure_add(failure, "%s", advice);
}

int result_failed(struct cli *cli, struct failure *failure, uint64_t id)
{
    if (failure->exit == EXIT_UNKNOWN)
        failure_add(failure, "look with: checkoutctl show %" PRIu64, id);
    else if (geteuid() == 0 && (strcmp(failure->name, "NotPermitted") == 0 ||
                                strcmp(failure->name, "SelfApproval") == 0))
        add_unless(failure, "yourself", "you are root here: decide as yourself, without sudo");
    else if (strcmp(failure->name, "Changed") == 0)
        add_unless(failure, "checkoutctl show", "look again with: checkoutctl show");
    return output_failure(&cli->output, failure, id);
}
