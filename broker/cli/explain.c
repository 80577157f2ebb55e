/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "cli/arguments.h"
#include "cli/broker.h"
#include "cli/date.h"

enum { PERSON, ACCOUNT, DOOR, FROM, AT, N_OPTIONS };

/* Line by line: what stands in one is escaped, what ends it is not. */
static void put_lines(struct output *output, const char *lines)
{
    while (lines && *lines) {
        size_t length = strcspn(lines, "\n");

        if (length > 0)
            output_line(output, stdout, "  %.*s", (int)length, lines);
        lines += length + (lines[length] == '\n');
    }
}

static void tell(struct output *output, const json_t *explanation)
{
    static const struct {
        const char *verdict, *sentence;
    } sentences[] = {
        {"decides", "a policy decides"},
        {"unmanaged", "no policy names this account: it is not managed"},
        {"exempt", "a policy exempts this person: the login is let through"},
        {"nobody", "the account is managed, and no policy lets this person in this way: refused"},
        {"outside-hours", "a policy decides, and it is not the time: refused"},
    };
    const char *verdict = value_text(explanation, "verdict");
    const char *policy = value_text(explanation, "policy");
    uint64_t at = value_number(explanation, "at");
    char when[DATE_TEXT_MAX];
    const char *sentence = verdict ? verdict : "?";

    for (size_t i = 0; i < sizeof(sentences) / sizeof(*sentences); i++)
        if (strcmp(sentences[i].verdict, sentence) == 0)
            sentence = sentences[i].sentence;
    output_line(output, stdout, "%s%s%s%s%s%s", sentence, policy ? " (policy " : "",
                policy ? policy : "", policy ? ")" : "", at ? ", at " : "",
                at ? date_format(at, when) : "");
    put_lines(output, value_text(explanation, "explanation"));
}

static int explain(struct cli *cli, const struct broker1_question *question)
{
    CLEANUP_CLIENT struct client *client = NULL;
    CLEANUP_JSON json_t *explanation = NULL;
    struct failure failure;
    int r = client_open(&client, &failure);

    if (r == 0)
        r = broker_explain(client, question, &explanation, &failure);
    if (r != 0)
        return output_failure(&cli->output, &failure, 0);
    if (cli->output.json)
        output_json(&cli->output, stdout, explanation);
    else
        tell(&cli->output, explanation);
    return EXIT_DONE;
}

int command_explain(struct cli *cli, int argc, char **argv)
{
    struct argument arguments[N_OPTIONS] = {
        [PERSON] = {"person", ARGUMENT_TEXT, LIMIT_NAME},
        [ACCOUNT] = {"account", ARGUMENT_TEXT, LIMIT_NAME},
        [DOOR] = {"door", ARGUMENT_TEXT, LIMIT_WORD},
        [FROM] = {"from", ARGUMENT_TEXT, LIMIT_HOST},
        [AT] = {"at", ARGUMENT_LAST},
    };
    struct broker1_question question = BROKER1_QUESTION_INIT;
    int first, r = arguments_read(cli, argc, argv, arguments, N_OPTIONS, &first);

    if (r != 0)
        return r;
    if (first < argc)
        return arguments_wrong(cli, "explain takes options only, not \"%.100s\"", argv[first]);
    if (!arguments[ACCOUNT].given)
        return arguments_wrong(cli, "explain needs --account NAME");
    question.person = arguments[PERSON].text;
    if (!question.person) {
        const struct passwd *self = getpwuid(getuid());

        if (!self)
            return arguments_wrong(cli, "your uid %u has no name here; give --person NAME",
                                   (unsigned)getuid());
        question.person = self->pw_name;
    }
    question.account = arguments[ACCOUNT].text;
    question.door = arguments[DOOR].text;
    question.from = arguments[FROM].text;
    if (arguments[AT].given) {
        question.at = arguments[AT].number;
        question.has |= BROKER1_QUESTION_HAS_AT;
    }
    return explain(cli, &question);
}

int command_reload(struct cli *cli, int argc, char **argv)
{
    CLEANUP_CLIENT struct client *client = NULL;
    struct failure failure;
    int first, r = arguments_read(cli, argc, argv, NULL, 0, &first);

    if (r != 0)
        return r;
    if (first < argc)
        return arguments_wrong(cli, "reload takes options only, not \"%.100s\"", argv[first]);
    r = client_open(&client, &failure);
    if (r == 0)
        r = client_guard_signals(client, &failure);
    if (r == 0)
        r = broker_reload(client, &failure);
    if (r == EXIT_UNKNOWN)
        failure_add(&failure, "the broker says in its journal which policies it loaded");
    if (r != 0)
        return output_failure(&cli->output, &failure, 0);
    cli->wrote = true;
    if (!cli->output.json)
        output_line(&cli->output, stdout, "the broker has read its policies anew");
    return EXIT_DONE;
}
