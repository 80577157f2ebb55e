/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Following one request until it is decided. */

#include "cli/cli.h"
#include "cli/client.h"
#include "cli/value.h"

/* Waits until the request is pending no more, at most `seconds` (0: as long as it takes), with a
 * countdown on a terminal. The client must have subscribed before *checkout was fetched, which is
 * replaced as news come in. Tells the user how it ended and returns the exit code for that. */
int wait_until_decided(struct cli *cli, struct client *client, uint64_t id, uint64_t seconds,
                       json_t **checkout);
