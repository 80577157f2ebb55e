/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "cli/arguments.h"
#include "cli/candidates.h"
#include "cli/persons_check.h"
#include "cli/policy_check.h"
#include "cli/value.h"
#include "policy/config.h"
#include "policy/policy_lint.h"
#include "policy/policy_managers.h"
#include "policy/quorum.h"

struct check {
    policy_check_finding report;
    void *userdata;
    int error; /* the first one, negative */
};

struct persons_report {
    struct check *check;
    const char *file;
};

static void report_at(struct check *check, const char *policy, const char *where, const char *file,
                      unsigned line, const char *sentence)
{
    check->report(policy, where, file, line, sentence, check->userdata);
}

static void report(const struct policy *policy, const char *sentence, void *userdata)
{
    report_at(userdata, policy->name, "[policy ", policy->file, policy->line, sentence);
}

static void find(struct check *check, const struct policy *policy, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void find(struct check *check, const struct policy *policy, const char *format, ...)
{
    CLEANUP_FREE char *sentence = NULL;
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vasprintf(&sentence, format, arguments);
    va_end(arguments);
    if (length < 0) {
        sentence = NULL;
        check->error = -ENOMEM;
        return;
    }
    report(policy, sentence, check);
}

/* Fills in the uids too, by which policies match. */
static void check_accounts(struct check *check, struct policy *policy)
{
    for (size_t i = 0; i < policy->n_accounts; i++) {
        struct policy_account *account = &policy->accounts[i];
        const struct passwd *user;

        if (account->is_range)
            continue;
        errno = 0;
        user = getpwnam(account->name);
        if (!user) {
            find(check, policy, "the account %s %s", account->name, check_why_unknown(errno));
            continue;
        }
        account->uid = user->pw_uid;
        account->uid_known = true;
    }
}

static void check_principals(struct check *check, const struct policy *policy, const char *key,
                             const struct principals *principals)
{
    for (size_t i = 0; i < principals->count; i++) {
        const struct principal *principal = &principals->items[i];

        if (principal->is_range || principal->is_manager)
            continue;
        errno = 0;
        if (principal->is_group ? !getgrnam(principal->name) : !getpwnam(principal->name))
            find(check, policy, "%s: %s %s %s", key, principal->is_group ? "the group" : "the user",
                 principal->name, check_why_unknown(errno));
    }
}

static void check_manager(const struct policy_manager *manager, void *userdata)
{
    const char *const names[] = {manager->person, manager->manager};
    struct check *check = userdata;
    char sentence[LIMIT_SENTENCE];

    for (size_t i = 0; i < 2; i++) {
        const struct passwd *user;

        errno = 0;
        user = getpwnam(names[i]);
        if (!user)
            (void)snprintf(sentence, sizeof(sentence), "%s: the user %s %s", manager->person,
                           names[i], check_why_unknown(errno));
        else if (i == 1 && user->pw_uid == 0)
            (void)snprintf(sentence, sizeof(sentence),
                           "%s: the manager is root, whose approvals are refused: approvers are "
                           "persons",
                           manager->person);
        else
            continue;
        report_at(check, NULL, "[managers] ", manager->file, manager->line, sentence);
    }
}

/* Who may both ask and approve: their own approval does not count. */
static int check_own(struct check *check, const struct policy *policy,
                     const struct approvers *approvers, const struct candidates *candidates)
{
    CLEANUP_FREE struct identity *others = calloc(candidates->count + 1, sizeof(*others));
    struct candidates requesters = {0};
    int r = others ? candidates_find(&policy->requesters, &requesters) : -ENOMEM;

    for (size_t i = 0; i < candidates->count && r == 0; i++) {
        const char *name = candidates->people[i].name;
        bool asks = false;
        size_t count = 0;

        for (size_t j = 0; j < requesters.count; j++)
            asks = asks || strcmp(requesters.people[j].name, name) == 0;
        for (size_t j = 0; j < candidates->count; j++)
            if (j != i)
                others[count++] = candidates->people[j];
        if (asks && !quorum_reachable(policy->quorum, approvers, others, count))
            find(check, policy,
                 "can never be approved for %s: without the own approval nobody can reach its "
                 "quorum",
                 name);
    }
    candidates_clear(&requesters);
    return r;
}

/* The linter sees those quorums that single users must reach; here are the groups. */
static int check_quorum(struct check *check, const struct policy *policy)
{
    const struct approvers approvers = {.principals = &policy->approvers, .manager = MANAGER_WORD};
    struct candidates candidates = {0};
    bool has_group = false;
    int r;

    if (!policy->approval_required)
        return 0;
    for (size_t i = 0; i < policy->approvers.count; i++) {
        if (policy->approvers.items[i].is_range)
            return 0;
        has_group = has_group || policy->approvers.items[i].is_group;
    }
    if (!has_group)
        return 0;
    r = candidates_find(&policy->approvers, &candidates);
    if (r < 0)
        return r;
    if (!quorum_reachable(policy->quorum, &approvers, candidates.people, candidates.count))
        find(
            check, policy,
            "can never be approved: those who are in its approvers' groups now, as far as the name "
            "service lists them, cannot reach its quorum");
    else if (!policy->self_approval)
        r = check_own(check, policy, &approvers, &candidates);
    candidates_clear(&candidates);
    return r;
}

static void report_line(const struct person_line *line, const char *sentence, void *userdata)
{
    struct persons_report *to = userdata;

    report_at(to->check, NULL, "", to->file, line->line, sentence);
}

static int check_set(struct check *check, struct policy_set *set)
{
    int r = 0;

    for (size_t i = 0; i < set->n_policies && r == 0; i++) {
        struct policy *policy = set->policies[i];

        check_accounts(check, policy);
        check_principals(check, policy, "requesters", &policy->requesters);
        check_principals(check, policy, "exempt", &policy->exempt);
        check_principals(check, policy, "approvers", &policy->approvers);
        r = check_quorum(check, policy);
    }
    policy_managers_each(set, check_manager, check);
    if (set->persons) {
        struct persons_report to = {check, set->persons->file};

        persons_check(set, (uint64_t)time(NULL), report_line, &to);
    }
    if (r == 0)
        r = policy_lint(set, report, check);
    return r < 0 ? r : check->error;
}

int policy_check(struct policy_set *set, policy_check_finding report_finding, void *userdata)
{
    struct check check = {.report = report_finding, .userdata = userdata};

    return check_set(&check, set);
}

struct printing {
    struct output *output;
    size_t findings;
};

static void print_finding(const char *policy, const char *where, const char *file, unsigned line,
                          const char *sentence, void *userdata)
{
    struct printing *printing = userdata;
    CLEANUP_JSON json_t *finding = NULL;

    printing->findings++;
    if (!printing->output->json) {
        output_line(printing->output, stdout, "%s:%u: %s%s%s%s", file ? file : "?", line, where,
                    policy ? policy : "", policy ? "] " : "", sentence);
        return;
    }
    finding = json_pack("{s:s?, s:s?, s:i, s:s}", "policy", policy, "file", file, "line", (int)line,
                        "finding", sentence);
    if (finding)
        output_json(printing->output, stdout, finding);
    else
        printing->output->error = ENOMEM;
}

int command_policy(struct cli *cli, int argc, char **argv)
{
    CLEANUP_POLICY_SET struct policy_set *set = NULL;
    struct printing printing = {.output = &cli->output};
    const char *directory = CONFIG_POLICY_DIR;
    struct failure failure;
    struct error error;
    int first, r = arguments_read(cli, argc, argv, NULL, 0, &first);

    if (r != 0)
        return r;
    if (argc - first < 1 || argc - first > 2 || strcmp(argv[first], "check") != 0)
        return arguments_wrong(cli, "policy knows one thing to do: policy check [DIRECTORY]");
    if (argc - first == 2)
        directory = argv[first + 1];
    /* To the broker a folder that is not there holds no policies; here somebody has named it. */
    if (argc - first == 2 && access(directory, F_OK) < 0)
        return arguments_wrong(cli, "%.200s: %s", directory, strerror(errno));

    r = config_load_policies(directory, &set, &error);
    if (r != 0) {
        failure_set(&failure, EXIT_REFUSED, error_short_name(error.code), "%s", error.text);
        return output_failure(&cli->output, &failure, 0);
    }
    if (policy_check(set, print_finding, &printing) < 0) {
        failure_no_memory(&failure);
        return output_failure(&cli->output, &failure, 0);
    }
    if (!cli->output.json)
        output_line(&cli->output, stderr, "%zu %s, %zu %s", set->n_policies,
                    set->n_policies == 1 ? "policy" : "policies", printing.findings,
                    printing.findings == 1 ? "finding" : "findings");
    return printing.findings > 0 ? EXIT_REFUSED : EXIT_DONE;
}
