/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How a change of one request went, told to the user. */

#include "cli/cli.h"
#include "cli/client.h"

/* It was done: shows where the request stands now. Failing to learn that is no failure. Returns
 * EXIT_DONE. */
int result_done(struct cli *cli, struct client *client, uint64_t id);

/* It was not, or nobody knows: says so and what to do. Returns failure->exit. */
int result_failed(struct cli *cli, struct failure *failure, uint64_t id);
