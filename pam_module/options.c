/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "options.h"

#include <stddef.h>
#include <string.h>
#include <sys/un.h>

#include "duration.h"
#include "caps.h"
#include "text.h"

#define HELP_MAX 256
/* How much of a bad argument is repeated. */
#define SHOWN_MAX 120

/* Each takes the text behind "NAME=" and returns NULL, or what is wrong with it. */
typedef const char *(*option_read)(const char *value, struct options *options);

static const char *read_account(const char *value, struct options *options)
{
    if (text_is_blank(value) || !text_is_valid(value, LIMIT_NAME))
        return "is not the name of an account";
    options->account = value;
    return NULL;
}

static const char *read_door(const char *value, struct options *options)
{
    static const char *const doors[] = {"sudo", "su", "ssh", "login"};

    for (size_t i = 0; i < sizeof(doors) / sizeof(doors[0]); i++)
        if (strcmp(value, doors[i]) == 0) {
            options->door = doors[i];
            return NULL;
        }
    return "names no door: there are sudo, su, ssh and login";
}

static const char *read_wait(const char *value, struct options *options)
{
    uint64_t seconds = 0;

    if (strcmp(value, "0") != 0 && duration_parse(value, &seconds) != 0)
        return "is not a duration like 10min";
    if (seconds > UINT32_MAX)
        return "is too long";
    options->wait_seconds = (uint32_t)seconds;
    return NULL;
}

static const char *read_help(const char *value, struct options *options)
{
    if (text_is_blank(value) || !text_is_valid(value, HELP_MAX))
        return "is not a line of at most 256 bytes of plain text";
    options->help = value;
    return NULL;
}

static const char *read_gate(const char *value, struct options *options)
{
    if (value[0] != '/' || !text_is_valid(value, sizeof(((struct sockaddr_un *)0)->sun_path) - 1))
        return "is not an absolute path of at most 107 bytes";
    options->gate = value;
    return NULL;
}

static const struct {
    const char *name;
    option_read read; /* NULL: a switch without a value */
    size_t flag;
} known[] = {
    {"account", read_account, 0},
    {"door", read_door, 0},
    {"gate", read_gate, 0},
    {"help", read_help, 0},
    {"wait", read_wait, 0},
    {"prompt", NULL, offsetof(struct options, prompt)},
    {"quiet", NULL, offsetof(struct options, quiet)},
};

#define N_KNOWN (sizeof(known) / sizeof(known[0]))

/* Reads one argument. Returns NULL or what is wrong with it. */
static const char *read_argument(const char *argument, struct options *options, unsigned *seen)
{
    size_t length = strcspn(argument, "=");

    for (size_t i = 0; i < N_KNOWN; i++) {
        if (strlen(known[i].name) != length || strncmp(known[i].name, argument, length) != 0)
            continue;
        if (*seen & 1u << i)
            return "is given twice";
        *seen |= 1u << i;
        if (!known[i].read) {
            if (argument[length] == '=')
                return "takes no value";
            *(bool *)((char *)options + known[i].flag) = true;
            return NULL;
        }
        if (argument[length] != '=')
            return "needs a value";
        return known[i].read(argument + length + 1, options);
    }
    return "is not known";
}

int options_parse(int argc, const char **argv, struct options *ret_options, struct error *error)
{
    struct options options = {.gate = OPTIONS_DEFAULT_GATE, .help = OPTIONS_DEFAULT_HELP};
    unsigned seen = 0;

    for (int i = 0; i < argc; i++) {
        const char *problem = read_argument(argv[i], &options, &seen);

        if (problem)
            return error_set(error, ERROR_INVALID_ARGUMENT,
                             "the argument \"%.*s\" in the PAM configuration %s", SHOWN_MAX,
                             argv[i], problem);
    }
    *ret_options = options;
    return 0;
}
