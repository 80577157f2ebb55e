/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What follows a command's name: options by a table, strictly checked before anything is sent. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/cli.h"

enum argument_kind {
    ARGUMENT_FLAG,
    ARGUMENT_TEXT,     /* .text: not blank, at most .max bytes */
    ARGUMENT_DURATION, /* .number: seconds */
    ARGUMENT_WAIT,     /* [=DURATION]; .number: seconds, 0 where none was given */
    ARGUMENT_NEXT,     /* .number: a time, "09:00" being the next one */
    ARGUMENT_LAST,     /* the same, "09:00" being the last one */
};

struct argument {
    const char *name; /* without the -- */
    enum argument_kind kind;
    size_t max;
    bool given;
    const char *text; /* borrowed from argv; NULL if not given */
    uint64_t number;
};

/* Reads the options of a command into the table, --json and --help besides. *ret_operands is the
 * index in argv (whose order is changed) of the first operand. Returns 0, EXIT_USAGE after telling
 * the user, or CLI_STOP after showing help. */
int arguments_read(struct cli *cli, int argc, char **argv, struct argument *table, size_t n_table,
                   int *ret_operands);

/* A request's number: decimal, 1 to 2^63 - 1, nothing before or after it. Returns 0, or EXIT_USAGE
 * after telling the user. */
int arguments_read_id(struct cli *cli, const char *text, uint64_t *ret_id);

/* The one request number that a command takes. */
int arguments_read_only_id(struct cli *cli, int argc, char **argv, int first, uint64_t *ret_id);

/* Tells the user what is wrong with the command line and returns EXIT_USAGE. */
int arguments_wrong(struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Was --json given? For what goes wrong before the options are read. */
bool arguments_ask_json(int argc, char **argv);

/* Shows the help of a command on stdout. */
void arguments_help(struct cli *cli, const struct command *command);
