/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The commands of checkoutctl, and what they share. */

#include <stdbool.h>

#include "cli/output.h"

/* What a command may return besides an exit code. */
enum { CLI_STOP = -1 }; /* help was shown, there is nothing to do */

struct cli {
    struct output output;
    bool wrote; /* something was changed: failing to print it is not failing to do it */
    const struct command *command;
};

struct command {
    const char *name;
    const char *synopsis; /* behind the name */
    const char *summary;  /* one line */
    const char *help;     /* options, one a line */
    /* Returns an exit code or CLI_STOP; has told the user of every failure. */
    int (*run)(struct cli *cli, int argc, char **argv);
};

int command_request(struct cli *cli, int argc, char **argv);
int command_grant(struct cli *cli, int argc, char **argv);
int command_extend(struct cli *cli, int argc, char **argv);
int command_list(struct cli *cli, int argc, char **argv);
int command_show(struct cli *cli, int argc, char **argv);
int command_approve(struct cli *cli, int argc, char **argv);
int command_deny(struct cli *cli, int argc, char **argv);
int command_cancel(struct cli *cli, int argc, char **argv);
int command_checkin(struct cli *cli, int argc, char **argv);
int command_revoke(struct cli *cli, int argc, char **argv);
int command_sessions(struct cli *cli, int argc, char **argv);
int command_watch(struct cli *cli, int argc, char **argv);
int command_explain(struct cli *cli, int argc, char **argv);
int command_policy(struct cli *cli, int argc, char **argv);
int command_log(struct cli *cli, int argc, char **argv);
int command_report(struct cli *cli, int argc, char **argv);
int command_verify(struct cli *cli, int argc, char **argv);
int command_doctor(struct cli *cli, int argc, char **argv);
int command_setup(struct cli *cli, int argc, char **argv);
int command_reload(struct cli *cli, int argc, char **argv);
