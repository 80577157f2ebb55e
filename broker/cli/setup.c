/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <security/pam_appl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/arguments.h"
#include "cli/date.h"
#include "cli/setup/change.h"
#include "cli/setup/edit.h"
#include "cli/setup/rollback.h"
#include "cli/setup/trial.h"
#include "cli/value.h"
#include "doctor/people.h"
#include "doctor/program.h"
#include "policy/config.h"

#define SUDOERS_FILE "/etc/sudoers.d/zz-pam-checkout"
#define GATE_FILE "/etc/pam.d/pam-checkout"
/* Nobody's policy lets this user ask, so a try files no request. */
#define STRANGER "nobody"

/* One service that is being gated. */
struct gating {
    struct cli *cli;
    unsigned door;
    const char *account;
    char service[128]; /* through which the account is entered when it is done */
    char before[128];  /* and until now */
    struct policy_set *policies;
    struct people people;
};

static void gating_clear(struct gating *gating)
{
    policy_set_free(gating->policies);
    people_clear(&gating->people);
}

static int refuse(struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int refuse(struct cli *cli, const char *format, ...)
{
    CLEANUP_FREE char *sentence = NULL;
    struct failure failure;
    va_list arguments;

    va_start(arguments, format);
    if (vasprintf(&sentence, format, arguments) < 0)
        sentence = NULL;
    va_end(arguments);
    failure_set(&failure, EXIT_REFUSED, "Refused", "%s", sentence ? sentence : "out of memory");
    return output_failure(&cli->output, &failure, 0);
}

static void tell_state(struct cli *cli, const struct change *change, const char *state)
{
    CLEANUP_JSON json_t *object = NULL;

    if (!cli->output.json)
        return;
    object = json_pack("{s:s, s:s, s:s}", "change", change->name, "title", change->title, "state",
                       state);
    if (object)
        output_json(&cli->output, stdout, object);
    else
        cli->output.error = ENOMEM;
}

static int read_file(const char *path, char **ret_text)
{
    CLEANUP_TREE struct tree *tree = NULL;
    int r = tree_open(NULL, &tree);

    return r < 0 ? r : tree_read(tree, path, ret_text, NULL);
}

/* A stack that is there, edited. */
static int add_stack(struct change *change, const char *from, const char *to,
                     char *(*edit)(const char *text, const struct gating *gating),
                     const struct gating *gating)
{
    CLEANUP_FREE char *text = NULL;
    int r = read_file(from, &text);

    return r < 0 ? r : change_add(change, to, edit(text, gating), 0644);
}

static char *edit_for_sudo(const char *text, const struct gating *gating)
{
    return edit_sudo_service(text, gating->account);
}

static char *edit_for_su(const char *text, const struct gating *gating)
{
    return edit_service(text, gating->door == DOOR_SSH);
}

/* What is to be written, the file that the next one names first. */
static int build(const struct gating *gating, struct change *change)
{
    CLEANUP_FREE char *text = NULL;
    char path[160];
    int r;

    if (gating->door == DOOR_SUDO) {
        struct stat status;

        (void)snprintf(path, sizeof(path), "/etc/pam.d/%s", gating->service);
        r = add_stack(change, stat(path, &status) == 0 ? path : "/etc/pam.d/sudo", path,
                      edit_for_sudo, gating);
        if (r < 0)
            return r;
        r = read_file(SUDOERS_FILE, &text);
        if (r < 0 && r != -ENOENT)
            return r;
        return change_add(change, SUDOERS_FILE, edit_sudoers(text, gating->account), 0440);
    }
    r = read_file(GATE_FILE, &text);
    if (r < 0 && r != -ENOENT)
        return r;
    r = change_add(change, GATE_FILE, edit_gate(text, gating->account), 0644);
    if (r < 0)
        return r;
    (void)snprintf(path, sizeof(path), "/etc/pam.d/%s", gating->service);
    return add_stack(change, path, path, edit_for_su, gating);
}

static int show_diff(struct cli *cli, const struct change *change)
{
    char buffer[PATH_MAX];
    const char *diff = program_find("diff", buffer);

    for (size_t i = 0; i < change->n_files; i++) {
        const struct change_file *file = &change->files[i];
        CLEANUP_FREE char *shown = NULL;
        const char *const argv[] = {diff,
                                    "-u",
                                    "--label",
                                    file->before ? file->path : "/dev/null",
                                    "--label",
                                    file->path,
                                    file->before ? file->path : "/dev/null",
                                    "-",
                                    NULL};
        char *rest, *line;
        int status = 0;

        if (cli->output.json)
            continue;
        if (!diff || program_run(argv, file->after, &shown, NULL, &status) < 0 || !shown) {
            output_line(&cli->output, stdout, "%s is written anew:\n", file->path);
            shown = strdup(file->after);
        }
        for (rest = shown; rest && *rest && (line = strsep(&rest, "\n"));)
            output_line(&cli->output, stdout, "%s", line);
    }
    return 0;
}

/* Problems that the doctor finds in the changed copy. */
static int examine(const struct gating *gating, struct trial *trial)
{
    CLEANUP(findings_clear) struct findings findings = {.count = 0};
    struct cli *cli = gating->cli;
    size_t problems = 0;
    int r = trial_examine(trial, gating->policies, gating->door, gating->account, &findings);

    if (r < 0)
        return refuse(cli, "the changed stack cannot be looked at: %s", strerror(-r));
    for (size_t i = 0; i < findings.count; i++) {
        const struct finding *finding = &findings.items[i];

        if (finding->severity != FINDING_PROBLEM)
            continue;
        problems++;
        output_line(&cli->output, stderr, "problem: %s%s%s", finding->file ? finding->file : "",
                    finding->file ? ": " : "", finding->message);
        output_line(&cli->output, stderr, "    %s", finding->fix);
    }
    return problems == 0
               ? 0
               : refuse(cli, "with this change there would still be a way round the gate (see "
                             "above); nothing was changed");
}

/* One login before and after; negative: it could not be tried. */
static int try_login(struct trial *trial, const struct gating *gating, const char *user,
                     const char *ruser, uid_t uid, int *ret_before, int *ret_after)
{
    struct trial_login login = {gating->before, user, ruser, uid};

    *ret_before = trial_run(trial, false, &login);
    login.service = gating->service;
    *ret_after = trial_run(trial, true, &login);
    return *ret_before < 0 ? *ret_before : *ret_after < 0 ? *ret_after : 0;
}

/* Runs the changed stack: who must be refused is, and who must not be is as before. */
static int try_stack(const struct gating *gating, struct trial *trial)
{
    struct cli *cli = gating->cli;
    const struct person *stranger = people_by_name(&gating->people, STRANGER);
    bool sudo = gating->door == DOOR_SUDO, ssh = gating->door == DOOR_SSH;
    const char *user = sudo ? STRANGER : gating->account;
    int before, after, r;

    if (!stranger)
        return refuse(cli, "there is no user " STRANGER " to try the changed stack as");
    r = try_login(trial, gating, user, ssh ? NULL : STRANGER, ssh ? 0 : stranger->uid, &before,
                  &after);
    if (r < 0)
        return refuse(cli, "the changed stack cannot be tried: %s", strerror(-r));
    if (after == PAM_SUCCESS)
        return refuse(cli, "tried on a copy, the changed stack let " STRANGER
                           " in, who has no check-out; nothing was changed");
    if (!cli->output.json)
        output_line(&cli->output, stdout, "tried on a copy: %s is refused (and %s before)",
                    ssh ? gating->account : STRANGER,
                    before == PAM_SUCCESS ? "was not" : "was refused as well");
    /* Root asks nobody through sudo and su; ssh to an account that is not in the list neither. */
    if (ssh)
        r = try_login(trial, gating, STRANGER, NULL, 0, &before, &after);
    else
        r = try_login(trial, gating, sudo ? "root" : gating->account, "root", 0, &before, &after);
    if (r < 0)
        return refuse(cli, "the changed stack cannot be tried: %s", strerror(-r));
    if (after != before)
        return refuse(cli,
                      "tried on a copy, the changed stack refused %s, who needs no check-out "
                      "(%s); nothing was changed",
                      ssh ? STRANGER : "root", pam_strerror(NULL, after));
    if (!cli->output.json)
        output_line(&cli->output, stdout, "tried on a copy: %s gets in as before",
                    ssh ? STRANGER : "root");
    return 0;
}

/* Reads a line within the time. False where none came that says `word`. */
static bool read_word(const char *word, int milliseconds)
{
    struct pollfd polled = {STDIN_FILENO, POLLIN, 0};
    char line[64];

    if (poll(&polled, 1, milliseconds) <= 0 || !fgets(line, sizeof(line), stdin))
        return false;
    line[strcspn(line, "\n")] = '\0';
    return strcmp(line, word) == 0 || (strcmp(word, "yes") == 0 && strcmp(line, "y") == 0);
}

static int confirm(struct cli *cli, struct change *change)
{
    int r = change_confirm(change);

    if (r < 0)
        return refuse(cli, "the confirmation cannot be kept: %s", strerror(-r));
    rollback_disarm(change->name);
    cli->wrote = true;
    tell_state(cli, change, "confirmed");
    if (!cli->output.json)
        output_line(&cli->output, stdout, "%s stays gated; checkoutctl setup --undo takes it back",
                    change->title);
    return EXIT_DONE;
}

static int take_back(struct cli *cli, struct change *change)
{
    struct failure failure;
    int r = change_take_back(change, &failure);

    if (r != 0)
        return output_failure(&cli->output, &failure, 0);
    (void)change_forget(change);
    cli->wrote = true;
    tell_state(cli, change, "undone");
    if (!cli->output.json)
        output_line(&cli->output, stdout, "%s is as it was before", change->title);
    return EXIT_DONE;
}

static int apply(struct cli *cli, struct change *change)
{
    struct failure failure;
    int r = change_keep(change);

    if (r < 0)
        return refuse(cli,
                      "what is there now cannot be kept in " CHANGE_FOLDER " (%s); nothing was "
                      "changed",
                      strerror(-r));
    /* First the way back. */
    r = rollback_arm(change->name);
    if (r < 0) {
        (void)change_forget(change);
        return refuse(cli, "the timer that takes it back cannot be set (%s); nothing was changed",
                      strerror(-r));
    }
    if (change_apply(change, &failure) != 0) {
        rollback_disarm(change->name);
        (void)change_forget(change);
        return output_failure(&cli->output, &failure, 0);
    }
    cli->wrote = true;
    tell_state(cli, change, "applied");
    return 0;
}

/* On a terminal the confirmation can be typed here, too. */
static int await_confirmation(struct cli *cli, const char *name)
{
    CLEANUP_CHANGE struct change *change = NULL;
    CLEANUP_CLOSE int lock = -1;

    output_part(&cli->output, stdout, COLOUR_BOLD, "Type confirm: ");
    output_flush(&cli->output);
    if (!read_word("confirm", ROLLBACK_SECONDS * 1000)) {
        output_line(&cli->output, stdout,
                    "not confirmed here; it is taken back by itself when the time is over");
        return EXIT_REFUSED;
    }
    if (change_lock(&lock) < 0 || change_load(name, &change) < 0)
        return refuse(cli, "it has been taken back meanwhile");
    return confirm(cli, change);
}

static int gate(struct gating *gating, bool yes, bool dry_run)
{
    struct cli *cli = gating->cli;
    CLEANUP_CHANGE struct change *change = NULL, *last = NULL;
    CLEANUP_TRIAL struct trial *trial = NULL;
    CLEANUP_CLOSE int lock = -1;
    char title[160], until[DATE_TEXT_MAX];
    bool terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && !cli->output.json;
    int r = change_lock(&lock);

    if (r < 0)
        return refuse(cli, CHANGE_FOLDER " cannot be used: %s", strerror(-r));
    if (change_load(NULL, &last) == 0 && !last->confirmed)
        return refuse(cli, "%s waits for checkoutctl setup --confirm, or for its end", last->title);
    (void)snprintf(title, sizeof(title), "%s to %.100s", door_name(gating->door), gating->account);
    change = change_new(title);
    if (!change)
        return refuse(cli, "out of memory");
    r = build(gating, change);
    if (r < 0)
        return refuse(cli, "the files of %s cannot be read: %s", title, strerror(-r));
    if (change->n_files == 0) {
        if (!cli->output.json)
            output_line(&cli->output, stdout, "%s is gated already; nothing was changed", title);
        return EXIT_DONE;
    }
    (void)show_diff(cli, change);
    r = trial_begin(change, &trial);
    if (r < 0)
        return refuse(cli, "no copy can be made to try the change on: %s", strerror(-r));
    r = examine(gating, trial);
    if (r == 0)
        r = try_stack(gating, trial);
    if (r != 0 || dry_run)
        return r;
    if (!yes) {
        if (!terminal)
            return refuse(cli,
                          "nobody can be asked here: --yes makes the change, which is taken back "
                          "after two minutes unless confirmed");
        output_part(&cli->output, stdout, COLOUR_BOLD, "Make this change? [y/N] ");
        output_flush(&cli->output);
        if (!read_word("yes", -1))
            return refuse(cli, "not confirmed; nothing was changed");
    }
    r = apply(cli, change);
    if (r != 0)
        return r;
    (void)date_format((uint64_t)time(NULL) + ROLLBACK_SECONDS, until);
    if (!cli->output.json)
        output_line(
            &cli->output, stdout,
            "%s is gated. Try it from another terminal, and keep this one. It is taken back by "
            "itself at %s unless you run: checkoutctl setup --confirm",
            title, until);
    close(TAKE_FD(lock));
    return terminal && !yes ? await_confirmation(cli, change->name) : EXIT_DONE;
}

static bool manages(const struct gating *gating)
{
    const struct policy_set *set = gating->policies;

    for (size_t i = 0; i < set->n_policies; i++)
        for (size_t j = 0; j < set->policies[i]->n_accounts; j++) {
            const struct policy_account *account = &set->policies[i]->accounts[j];
            const struct person *person = people_by_name(&gating->people, gating->account);

            if ((set->policies[i]->doors & gating->door) &&
                (account->is_range
                     ? person && person->uid >= account->first && person->uid <= account->last
                     : strcmp(account->name, gating->account) == 0))
                return true;
        }
    return false;
}

static int begin(struct cli *cli, const char *door, const char *account, bool yes, bool dry_run)
{
    CLEANUP(gating_clear) struct gating gating = {.cli = cli, .account = account};
    CLEANUP_TREE struct tree *tree = NULL;
    struct error error;
    int r;

    gating.door = door_from_name(door);
    if (gating.door == 0 || gating.door == DOOR_LOGIN)
        return arguments_wrong(cli, gating.door == DOOR_LOGIN
                                        ? "login is never gated: it is the way back in"
                                        : "setup gates sudo, su or ssh");
    if (strchr(account, '/') || strchr(account, ' '))
        return arguments_wrong(cli, "\"%.100s\" is not the name of an account", account);
    if (gating.door == DOOR_SUDO)
        (void)snprintf(gating.service, sizeof(gating.service), "sudo-%.100s", account);
    else
        (void)snprintf(gating.service, sizeof(gating.service), "%s",
                       gating.door == DOOR_SU ? "su" : "sshd");
    (void)snprintf(gating.before, sizeof(gating.before), "%s",
                   gating.door == DOOR_SUDO ? "sudo" : gating.service);
    r = tree_open(NULL, &tree);
    if (r == 0)
        r = people_read(tree, &gating.people);
    if (r < 0)
        return refuse(cli, "/etc/passwd cannot be read: %s", strerror(-r));
    if (config_load_policies(CONFIG_POLICY_DIR, &gating.policies, &error) != 0)
        return refuse(cli, "%s", error.text);
    if (!manages(&gating))
        return refuse(cli,
                      "no policy manages the account %s at the door %s, so a gate would refuse "
                      "everybody or nobody: write the policy first, then run checkoutctl reload",
                      account, door);
    return gate(&gating, yes, dry_run);
}

/* --confirm, --undo and the timer's --roll-back. */
static int settle(struct cli *cli, const char *name, bool undo)
{
    CLEANUP_CHANGE struct change *change = NULL;
    CLEANUP_CLOSE int lock = -1;
    int r = change_lock(&lock);

    if (r == 0)
        r = change_load(name, &change);
    if (name && (r == -ENOENT || (r == 0 && change->confirmed)))
        return EXIT_DONE;
    if (r == -ENOENT)
        return refuse(cli, "there is no change to %s", undo ? "undo" : "confirm");
    if (r < 0)
        return refuse(cli, "the record of the change cannot be read: %s", strerror(-r));
    if (!undo && change->confirmed)
        return refuse(cli, "%s has been confirmed already", change->title);
    if (!undo)
        return confirm(cli, change);
    r = take_back(cli, change);
    if (!name)
        rollback_disarm(change->name);
    return r;
}

/* What was not said is asked for. */
static const char *ask(struct cli *cli, const char *question, char *buffer, size_t size)
{
    output_part(&cli->output, stdout, COLOUR_BOLD, "%s ", question);
    output_flush(&cli->output);
    if (!fgets(buffer, (int)size, stdin))
        return NULL;
    buffer[strcspn(buffer, "\n")] = '\0';
    return buffer[0] ? buffer : NULL;
}

int command_setup(struct cli *cli, int argc, char **argv)
{
    enum { TARGET, YES, DRY_RUN, CONFIRM, UNDO, ROLL_BACK };
    struct argument table[] = {
        [TARGET] = {.name = "target", .kind = ARGUMENT_TEXT, .max = LIMIT_NAME},
        [YES] = {.name = "yes", .kind = ARGUMENT_FLAG},
        [DRY_RUN] = {.name = "dry-run", .kind = ARGUMENT_FLAG},
        [CONFIRM] = {.name = "confirm", .kind = ARGUMENT_FLAG},
        [UNDO] = {.name = "undo", .kind = ARGUMENT_FLAG},
        [ROLL_BACK] = {.name = "roll-back", .kind = ARGUMENT_TEXT, .max = LIMIT_NAME},
    };
    char door_typed[32], account_typed[LIMIT_NAME];
    const char *door, *account;
    int first, settles, r;

    /* A copy of this program, started by trial_run(). */
    if (argc >= 5 && strcmp(argv[1], "--trial") == 0)
        return trial_child(argc - 2, argv + 2);
    r = arguments_read(cli, argc, argv, table, sizeof(table) / sizeof(*table), &first);
    if (r != 0)
        return r;
    settles = table[CONFIRM].given + table[UNDO].given + table[ROLL_BACK].given;
    if (argc - first > 1 || settles > 1 || (settles == 1 && (argc != first || table[TARGET].given)))
        return arguments_wrong(cli, "setup takes a door and --target, or --confirm, or --undo");
    if (geteuid() != 0)
        return refuse(cli, "setup changes /etc/pam.d and sudoers: run it as root");
    if (settles)
        return settle(cli, table[ROLL_BACK].text, !table[CONFIRM].given);

    door = argc > first ? argv[first] : NULL;
    account = table[TARGET].text;
    if (!door && isatty(STDIN_FILENO) && !cli->output.json)
        door =
            ask(cli, "Which door is to be gated (sudo, su, ssh)?", door_typed, sizeof(door_typed));
    if (door && !account && isatty(STDIN_FILENO) && !cli->output.json)
        account = ask(cli, "To which account?", account_typed, sizeof(account_typed));
    if (!door || !account)
        return arguments_wrong(cli, "setup needs a door and --target ACCOUNT");
    return begin(cli, door, account, table[YES].given, table[DRY_RUN].given);
}
