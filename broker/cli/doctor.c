/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/arguments.h"
#include "cli/policy_check.h"
#include "cli/value.h"
#include "doctor/examination.h"
#include "policy/config.h"
#include "policy/policy_lint.h"

/* Where a finding of `policy check` stands: its file is below the tree's root. */
struct policies {
    struct findings *findings;
    const char *root;
};

static void add_policy_finding(const char *policy, const char *where, const char *file,
                               unsigned line, const char *sentence, void *userdata)
{
    const struct policies *policies = userdata;
    size_t length = strlen(policies->root);

    if (file && strncmp(file, policies->root, length) == 0)
        file += length;
    findings_add(policies->findings, FINDING_WARNING, "policy", file, line,
                 "Correct the policy, then run checkoutctl policy check and checkoutctl reload.",
                 "%s%s%s%s.", policy ? "The policy " : where, policy ? policy : "",
                 policy ? " " : "", sentence);
}

static void add_lint_finding(const struct policy *policy, const char *sentence, void *userdata)
{
    add_policy_finding(policy->name, "", policy->file, policy->line, sentence, userdata);
}

/* The policies, or NULL; what is wrong with them is among the findings. */
static struct policy_set *load_policies(const struct tree *tree, struct findings *findings)
{
    CLEANUP_POLICY_SET struct policy_set *set = NULL;
    struct policies policies = {findings, tree_root(tree)};
    char directory[PATH_MAX];
    struct error error;
    int r;

    if (snprintf(directory, sizeof(directory), "%s" CONFIG_POLICY_DIR, tree_root(tree)) >=
        (int)sizeof(directory))
        return NULL;
    r = config_load_policies(directory, &set, &error);
    if (r != 0) {
        findings_add(findings, FINDING_PROBLEM, "policy-error", CONFIG_POLICY_DIR, 0,
                     geteuid() == 0
                         ? "Correct it; at the next start the broker refuses every login otherwise."
                         : "Run checkoutctl doctor as root.",
                     "The policies cannot be read, so it is not known which doors need a gate: %s.",
                     error.text);
        return NULL;
    }
    if (set->n_policies == 0)
        findings_add(
            findings, FINDING_NOTE, "no-policy", CONFIG_POLICY_DIR, 0,
            "Write a policy; /usr/share/doc/pam-checkout/examples has one.",
            "There is no policy, so no account is managed, and no door was looked at for a "
            "gate.");
    /* The name service is this host's. */
    r = tree_is_host(tree) ? policy_check(set, add_policy_finding, &policies)
                           : policy_lint(set, add_lint_finding, &policies);
    if (r < 0)
        findings->lost = true;
    return TAKE_PTR(set);
}

static void print_text(struct output *output, const struct finding *finding)
{
    static const enum output_colour colours[] = {
        [FINDING_NOTE] = COLOUR_NONE,
        [FINDING_WARNING] = COLOUR_YELLOW,
        [FINDING_PROBLEM] = COLOUR_RED,
    };

    output_part(output, stdout, colours[finding->severity], "%s",
                finding_severity_name(finding->severity));
    if (finding->file && finding->line > 0)
        output_line(output, stdout, ": %s:%u: %s", finding->file, finding->line, finding->message);
    else if (finding->file)
        output_line(output, stdout, ": %s: %s", finding->file, finding->message);
    else
        output_line(output, stdout, ": %s", finding->message);
    output_line(output, stdout, "    %s", finding->fix);
}

static void print_json(struct output *output, const struct finding *finding)
{
    CLEANUP_JSON json_t *object =
        json_pack("{s:s, s:s, s:s*, s:s, s:s}", "finding", finding->name, "severity",
                  finding_severity_name(finding->severity), "file", finding->file, "message",
                  finding->message, "fix", finding->fix);

    if (!object || (finding->line > 0 &&
                    json_object_set_new(object, "line", json_integer(finding->line)) < 0)) {
        output->error = ENOMEM;
        return;
    }
    output_json(output, stdout, object);
}

static int print(struct cli *cli, struct findings *findings)
{
    size_t counts[FINDING_PROBLEM + 1] = {0};

    findings_sort(findings);
    for (size_t i = 0; i < findings->count; i++) {
        counts[findings->items[i].severity]++;
        if (cli->output.json)
            print_json(&cli->output, &findings->items[i]);
        else
            print_text(&cli->output, &findings->items[i]);
    }
    if (!cli->output.json)
        output_line(&cli->output, stderr, "%zu problem%s, %zu warning%s, %zu note%s",
                    counts[FINDING_PROBLEM], counts[FINDING_PROBLEM] == 1 ? "" : "s",
                    counts[FINDING_WARNING], counts[FINDING_WARNING] == 1 ? "" : "s",
                    counts[FINDING_NOTE], counts[FINDING_NOTE] == 1 ? "" : "s");
    return counts[FINDING_PROBLEM] > 0 ? EXIT_REFUSED : EXIT_DONE;
}

static void examine(struct examination *examination)
{
    check_sudo(examination);
    check_su(examination);
    check_ssh(examination);
    check_ungated(examination);
    check_installation(examination);
    check_ways(examination);
}

int command_doctor(struct cli *cli, int argc, char **argv)
{
    struct argument table[] = {{.name = "root", .kind = ARGUMENT_TEXT, .max = PATH_MAX}};
    CLEANUP(findings_clear) struct findings findings = {.count = 0};
    CLEANUP_POLICY_SET struct policy_set *set = NULL;
    CLEANUP_TREE struct tree *tree = NULL;
    struct examination examination = {.findings = &findings, .as_root = geteuid() == 0};
    struct failure failure;
    int first, r = arguments_read(cli, argc, argv, table, 1, &first);

    if (r != 0)
        return r;
    if (argc - first != 0)
        return arguments_wrong(cli, "doctor takes no arguments but --root");
    r = tree_open(table[0].text, &tree);
    if (r < 0)
        return arguments_wrong(cli, "%.200s: %s", table[0].text ? table[0].text : "/",
                               strerror(-r));

    if (!examination.as_root)
        findings_add(
            &findings, FINDING_PROBLEM, "not-root", NULL, 0, "Run checkoutctl doctor as root.",
            "Sudoers, sshd's settings and the policies are for root to read. What follows is "
            "not all there is.");
    examination.tree = tree;
    set = load_policies(tree, &findings);
    r = examination_begin(&examination, set);
    if (r == 0)
        examine(&examination);
    examination_clear(&examination);
    if (r < 0 || findings.lost) {
        failure_no_memory(&failure);
        return output_failure(&cli->output, &failure, 0);
    }
    return print(cli, &findings);
}
