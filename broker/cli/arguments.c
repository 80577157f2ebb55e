/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/arguments.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cleanup.h"
#include "cli/date.h"
#include "duration.h"
#include "text.h"

/* getopt_long's codes for our options, out of the way of characters. */
#define OPTION_JSON 256
#define OPTION_HELP 257
#define OPTION_BASE 258 /* and the index in the table */

int arguments_wrong(struct cli *cli, const char *format, ...)
{
    CLEANUP_FREE char *sentence = NULL;
    struct failure failure;
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vasprintf(&sentence, format, arguments);
    va_end(arguments);
    if (length < 0)
        sentence = NULL;

    failure_set(&failure, EXIT_USAGE, "Usage", "%.1000s", sentence ? sentence : "out of memory");
    if (cli->command)
        failure_add(&failure, "see: checkoutctl %s --help", cli->command->name);
    else
        failure_add(&failure, "see: checkoutctl --help");
    return output_failure(&cli->output, &failure, 0);
}

bool arguments_ask_json(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--json") == 0)
            return true;
    return false;
}

void arguments_help(struct cli *cli, const struct command *command)
{
    printf("Usage: checkoutctl %s%s%s\n\n%s\n\n%s", command->name, command->synopsis[0] ? " " : "",
           command->synopsis, command->summary, command->help);
    puts("      --json           one JSON object a line; errors as JSON on stderr\n"
         "      --help           this text");
}

static int read_duration(struct cli *cli, struct argument *argument)
{
    switch (duration_parse(argument->text, &argument->number)) {
    case 0:
        return 0;
    case -ERANGE:
        return arguments_wrong(cli, "--%s: a duration is at least 1s and at most 366d",
                               argument->name);
    default:
        return arguments_wrong(cli, "--%s: \"%.100s\" is no duration such as 90min or \"1h 30min\"",
                               argument->name, argument->text);
    }
}

static int read_time(struct cli *cli, struct argument *argument)
{
    enum date_side side = argument->kind == ARGUMENT_NEXT ? DATE_NEXT : DATE_LAST;

    if (date_parse(argument->text, (uint64_t)time(NULL), side, &argument->number) < 0)
        return arguments_wrong(cli, "--%s: \"%.100s\" is no time such as " DATE_FORMS,
                               argument->name, argument->text);
    return 0;
}

static int read_value(struct cli *cli, struct argument *argument, const char *value)
{
    CLEANUP_FREE char *name = NULL;
    struct error error;

    if (argument->given)
        return arguments_wrong(cli, "--%s is given twice", argument->name);
    argument->given = true;
    if (!value)
        return 0;

    argument->text = value;
    if (asprintf(&name, "--%s", argument->name) < 0) {
        name = NULL;
        return arguments_wrong(cli, "out of memory");
    }
    if (text_check(name, value, 1, argument->max > 0 ? argument->max : LIMIT_REASON, &error) != 0)
        return arguments_wrong(cli, "%s", error.text);

    switch (argument->kind) {
    case ARGUMENT_DURATION:
    case ARGUMENT_WAIT:
        return read_duration(cli, argument);
    case ARGUMENT_NEXT:
    case ARGUMENT_LAST:
        return read_time(cli, argument);
    default:
        return 0;
    }
}

static int option_has_argument(enum argument_kind kind)
{
    switch (kind) {
    case ARGUMENT_FLAG:
        return no_argument;
    case ARGUMENT_WAIT:
        return optional_argument;
    default:
        return required_argument;
    }
}

/* getopt_long says only that something was wrong; optind is already behind it. */
static int option_wrong(struct cli *cli, int argc, char **argv, int code)
{
    const char *word = optind > 0 && optind <= argc ? argv[optind - 1] : "";

    if (code == ':')
        return arguments_wrong(cli, "%.100s needs a value", word);
    if (optopt >= OPTION_JSON)
        return arguments_wrong(cli, "%.100s takes no value", word);
    if (optopt > 0 && optopt < 128)
        return arguments_wrong(cli, "there is no option -%c", optopt);
    if (strncmp(word, "--", 2) == 0)
        return arguments_wrong(cli, "there is no option %.100s, or it could be several", word);
    return arguments_wrong(cli, "there is no such option");
}

int arguments_read(struct cli *cli, int argc, char **argv, struct argument *table, size_t n_table,
                   int *ret_operands)
{
    CLEANUP_FREE struct option *options = calloc(n_table + 3, sizeof(*options));
    int code;

    if (!options)
        return arguments_wrong(cli, "out of memory");
    for (size_t i = 0; i < n_table; i++)
        options[i] = (struct option){table[i].name, option_has_argument(table[i].kind), NULL,
                                     OPTION_BASE + (int)i};
    options[n_table] = (struct option){"json", no_argument, NULL, OPTION_JSON};
    options[n_table + 1] = (struct option){"help", no_argument, NULL, OPTION_HELP};

    optind = 0;
    opterr = 0;
    while ((code = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        int r;

        switch (code) {
        case OPTION_JSON:
            cli->output.json = true;
            continue;
        case OPTION_HELP:
            arguments_help(cli, cli->command);
            return CLI_STOP;
        case ':':
        case '?':
            return option_wrong(cli, argc, argv, code);
        default:
            r = read_value(cli, &table[code - OPTION_BASE], optarg);
            if (r != 0)
                return r;
        }
    }
    *ret_operands = optind;
    return 0;
}

int arguments_read_id(struct cli *cli, const char *text, uint64_t *ret_id)
{
    uint64_t id = 0;

    if (text[0] < '1' || text[0] > '9')
        return arguments_wrong(cli, "\"%.100s\" is no request's number", text);
    for (const char *c = text; *c; c++) {
        if (*c < '0' || *c > '9')
            return arguments_wrong(cli, "\"%.100s\" is no request's number", text);
        if (__builtin_mul_overflow(id, 10, &id) ||
            __builtin_add_overflow(id, (uint64_t)(*c - '0'), &id) || id > INT64_MAX)
            return arguments_wrong(cli, "\"%.100s\" is beyond every request's number", text);
    }
    *ret_id = id;
    return 0;
}

int arguments_read_only_id(struct cli *cli, int argc, char **argv, int first, uint64_t *ret_id)
{
    if (argc - first != 1)
        return arguments_wrong(cli, "%s takes the number of one request, not %d arguments",
                               cli->command->name, argc - first);
    return arguments_read_id(cli, argv[first], ret_id);
}
