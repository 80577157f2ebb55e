/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/arguments.h"
#include "cli/cli.h"

static const struct command commands[] = {
    {"request", "ACCOUNT [OPTION…]", "Ask to enter an account.",
     "      --reason TEXT    why; the approvers read it\n"
     "      --ticket ID      the change or incident it belongs to\n"
     "      --for DURATION   how long, such as 90min or \"1h 30min\"\n"
     "      --start TIME     not before: \"2026-11-23 09:00\", \"09:00\" (the next), \"+2h\"\n"
     "      --door NAME      open only this door: sudo, su, ssh or login\n"
     "      --to NAME        whom you would like to decide\n"
     "      --wait[=DURATION]  stay until it is decided; exit 0 approved, 1 denied, 3 neither\n",
     command_request},
    {"list", "[OPTION…]", "List the requests and check-outs that you may see; open ones only.",
     "      --all            those that have ended too\n"
     "      --mine           those that you made\n"
     "      --decidable      those that wait for your decision\n"
     "      --state STATE[,STATE…]\n"
     "                       those in these states\n"
     "      --person NAME    those of this person\n"
     "      --account NAME   those for this account\n"
     "      --approver NAME  those that this person decided\n"
     "      --since TIME, --until TIME\n"
     "                       those made between: \"2026-11-22 09:00\", \"09:00\", \"-2h\"\n",
     command_list},
    {"show", "ID", "Show everything about one request, with its decisions in order.", "",
     command_show},
    {"approve", "ID… [OPTION…]", "Approve requests. On a terminal each is shown and you are asked.",
     "      --for DURATION   no longer than this\n"
     "      --start TIME     not before this\n"
     "      --reason TEXT    a remark; the person reads it\n"
     "      --yes            ask nothing\n",
     command_approve},
    {"deny", "ID… --reason TEXT", "Deny requests.",
     "      --reason TEXT    why; the person reads it\n", command_deny},
    {"cancel", "ID", "Withdraw a request of yours that is still pending.", "", command_cancel},
    {"checkin", "ID", "Give a check-out of yours back before its time; its sessions end.",
     "      --yes            ask nothing\n", command_checkin},
    {"revoke", "ID… --reason TEXT", "Take check-outs back; their sessions end.",
     "      --reason TEXT    why; the person reads it\n", command_revoke},
    {"extend", "ID --for DURATION --reason TEXT", "Ask for more time on a check-out of yours.",
     "      --for DURATION   how much longer\n"
     "      --reason TEXT    why; the approvers read it\n"
     "      --wait[=DURATION]  stay until it is decided\n",
     command_extend},
    {"grant", "PERSON ACCOUNT [OPTION…]",
     "File a request for somebody else together with your approval.",
     "      --reason TEXT, --ticket ID, --for DURATION, --start TIME, --door NAME, --to NAME,\n"
     "      --wait[=DURATION]  as with request\n",
     command_grant},
    {"sessions", "[OPTION…]",
     "List the sessions under check-outs that you may see; open ones only.",
     "      --all            those that have ended too\n"
     "      --person NAME    those of this person\n"
     "      --account NAME   those in this account\n",
     command_sessions},
    {"watch", "", "Show what is open, then every change, until you end it.", "", command_watch},
    {"explain", "--account NAME [OPTION…]", "Tell which policy decides about a login, and why.",
     "      --account NAME   the account\n"
     "      --person NAME    who wants to enter it; you\n"
     "      --door NAME      by which door: sudo, su, ssh or login\n"
     "      --from HOST      from which address\n"
     "      --at TIME        under the policies of that time\n",
     command_explain},
    {"policy", "check [DIRECTORY]",
     "Check policies before they are loaded; exit 1 if there is a finding.", "", command_policy},
    {"log", "[OPTION…]", "Show the audit trail; of one check-out, of those that you may see.",
     "      --id ID          of this check-out\n"
     "      --person NAME, --account NAME, --actor NAME\n"
     "                       about this person or account, done by this person\n"
     "      --event EVENT[,EVENT…]\n"
     "                       of these events: requested, approved, session-opened, …\n"
     "      --since TIME, --until TIME\n"
     "                       made between: \"2026-11-22 09:00\", \"09:00\", \"-2h\"\n"
     "      --follow         and what comes, until you end it\n"
     "      --csv            for spreadsheets\n"
     "      --export FILE    the whole ledger, for verify on another machine\n",
     command_log},
    {"report", "[OPTION…]", "Count requests, decisions, windows and sessions.",
     "      --by person|account|approver|state|month\n"
     "                       for each of these; for each person\n"
     "      --since TIME, --until TIME\n"
     "                       of what happened between\n"
     "      --csv            for spreadsheets\n",
     command_report},
    {"verify", "[OPTION…]", "Prove that the ledger is whole and that everything in it was legal.",
     "      --ledger FILE    of an export (log --export) or a copy of ledger.db\n"
     "      --journal FILE   a journal file, a folder of such, or what journalctl -o export wrote\n"
     "      --no-journal     do not look at the journal\n"
     "      --since TIME     at what the journal has from then on, where a new ledger was begun\n",
     command_verify},
    {"doctor", "[--root DIRECTORY]",
     "Look for ways round the gates of this host, as root; exit 1 if there is a problem.",
     "      --root DIRECTORY look at the host whose files are below it\n", command_doctor},
    {"setup", "[sudo|su|ssh --target ACCOUNT] [OPTION…]",
     "Gate a service, as root; taken back after two minutes unless confirmed.",
     "      --target ACCOUNT the account behind the door\n"
     "      --yes            ask nothing\n"
     "      --dry-run        show and try the change on a copy, and leave it at that\n"
     "      --confirm        let the change that was made stay\n"
     "      --undo           take the last change back\n",
     command_setup},
    {"reload", "", "Have the broker read its policies anew, all of them or none.", "",
     command_reload},
};

#define N_COMMANDS (sizeof(commands) / sizeof(*commands))

static const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static void help(FILE *stream)
{
    fputs("Usage: checkoutctl COMMAND [OPTION…]\n\n"
          "Ask for privileged accounts, and decide who gets them.\n\n",
          stream);
    for (size_t i = 0; i < N_COMMANDS; i++)
        fprintf(stream, "  %-8s %s\n", commands[i].name, commands[i].summary);
    fputs("\ncheckoutctl COMMAND --help tells more; so does checkoutctl(1).\n"
          "Exit: 0 done, 1 refused, 2 usage, 3 waited in vain, 4 no broker, 5 sent and not known,\n"
          "6 not everything could be verified.\n",
          stream);
}

/* A descriptor below 3 that is closed would be given to the bus connection, and what is printed
 * would be sent there. These fail when they are used, as closed ones do. */
static int fill_standard_fds(void)
{
    for (int fd = 0; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) >= 0)
            continue;
        if (open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
            return -1;
    }
    return 0;
}

static int run(struct cli *cli, int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : NULL;

    cli->output.json = arguments_ask_json(argc, argv);
    if (!name) {
        help(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "help") == 0) {
        cli->command = argc > 2 ? command_find(argv[2]) : NULL;
        if (cli->command)
            arguments_help(cli, cli->command);
        else if (argc > 2)
            return arguments_wrong(cli, "there is no command \"%.100s\"", argv[2]);
        else
            help(stdout);
        return EXIT_DONE;
    }
    if (strcmp(name, "--version") == 0) {
        puts("checkoutctl " CHECKOUT_VERSION);
        return EXIT_DONE;
    }
    cli->command = command_find(name);
    if (!cli->command)
        return arguments_wrong(cli, "there is no command \"%.100s\"", name);
    return cli->command->run(cli, argc - 1, argv + 1);
}

/* Output that got lost is a failure of whoever asked for output, and only worth a remark where
 * something was done: the exit code says whether it was. */
static int finish(struct cli *cli, int result)
{
    int error;

    if (result == CLI_STOP)
        result = EXIT_DONE;
    output_flush(&cli->output);
    error = cli->output.error;
    if (fclose(stdout) != 0 && error == 0)
        error = errno;
    if (error == 0)
        return result;
    /* A reader who has seen enough (`| head`) needs no telling. */
    if (error != EPIPE || cli->wrote)
        output_line(&cli->output, stderr, "checkoutctl: %scannot write to standard output: %s",
                    cli->wrote ? "it was done, but checkoutctl " : "", strerror(error));
    return result == EXIT_DONE && !cli->wrote ? EXIT_REFUSED : result;
}

int main(int argc, char **argv)
{
    struct cli cli = {0};

    if (fill_standard_fds() < 0)
        return EXIT_REFUSED;
    /* A reader that goes away must not end us between asking and telling. */
    signal(SIGPIPE, SIG_IGN);
    output_init(&cli.output);
    return finish(&cli, run(&cli, argc, argv));
}
