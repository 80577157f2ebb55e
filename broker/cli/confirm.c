/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/confirm.h"

#include <string.h>
#include <strings.h>
#include <termios.h>
#include <unistd.h>

#include "cli/arguments.h"

int confirm_terminal(struct cli *cli, const char *unseen, FILE **ret_terminal, FILE **ret_opened)
{
    if (!isatty(STDIN_FILENO))
        return 0;
    if (isatty(STDERR_FILENO)) {
        *ret_terminal = stderr;
    } else if (isatty(STDOUT_FILENO) && !cli->output.json) {
        *ret_terminal = stdout;
    } else {
        *ret_opened = fopen("/dev/tty", "we");
        if (!*ret_opened)
            return arguments_wrong(cli, "%s", unseen);
        *ret_terminal = *ret_opened;
    }
    return 0;
}

/* Reads one line from standard input. Returns 0 with the answer, or an exit code with *failure
 * filled in. */
static int read_answer(struct client *client, FILE *terminal, bool *ret_yes,
                       struct failure *failure)
{
    char answer[16] = "";
    size_t length = 0;

    for (;;) {
        char c;
        int r = client_wait_input(client, STDIN_FILENO, failure);

        if (r != 0)
            return r;
        if (read(STDIN_FILENO, &c, 1) != 1) {
            /* The end of input is no answer, and leaves the cursor behind the question. */
            fputc('\n', terminal);
            length = 0;
            break;
        }
        if (c == '\n')
            break;
        /* Too long to be a yes stays too long. */
        if (length < sizeof(answer) - 1)
            answer[length++] = c;
    }
    answer[length] = '\0';
    *ret_yes = strcasecmp(answer, "y") == 0 || strcasecmp(answer, "yes") == 0;
    return 0;
}

int confirm_ask(struct cli *cli, struct client *client, FILE *terminal, const char *done,
                struct failure *failure, const char *format, ...)
{
    char question[256];
    va_list arguments;
    bool yes = false;
    int r;

    va_start(arguments, format);
    (void)vsnprintf(question, sizeof(question), format, arguments);
    va_end(arguments);
    /* What was typed before the question was there answers something else; what comes after it
     * counts, however fast. */
    (void)fflush(terminal);
    tcflush(STDIN_FILENO, TCIFLUSH);
    output_part(&cli->output, terminal, COLOUR_BOLD, "%s [y/N]", question);
    output_part(&cli->output, terminal, COLOUR_NONE, " ");
    cli->output.wrap.column = 0;
    /* What could not be shown was not seen. */
    if (fflush(terminal) != 0 || ferror(terminal) || cli->output.error)
        return failure_set(failure, EXIT_REFUSED, "NotShown",
                           "the request could not be shown on the terminal; it was not %s", done);
    r = read_answer(client, terminal, &yes, failure);
    if (r != 0) {
        fputc('\n', terminal);
        return r;
    }
    if (!yes)
        return failure_set(failure, EXIT_REFUSED, "NotConfirmed",
                           "you did not say yes; it was not %s", done);
    return 0;
}
