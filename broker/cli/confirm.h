/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A question on the terminal, before something is done that cannot be undone. */

#include "cli/cli.h"
#include "cli/client.h"

/* Where who is asked sits, if standard input is a terminal: where they will see the question, even
 * if the other streams go elsewhere. *ret_terminal NULL: nobody is asked. What had to be opened is
 * in *ret_opened, for the caller to close. `unseen` is what to say where there is no terminal to
 * show it on. Returns 0 or EXIT_USAGE after telling the user. */
int confirm_terminal(struct cli *cli, const char *unseen, FILE **ret_terminal, FILE **ret_opened);

/* Asks, with what was shown on the terminal before. Returns 0 for yes; everything else is an exit
 * code with *failure filled in, which says that it was not `done` ("approved"). */
int confirm_ask(struct cli *cli, struct client *client, FILE *terminal, const char *done,
                struct failure *failure, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
