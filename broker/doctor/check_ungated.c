/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor/examination.h"

static bool has_gate(const struct pam_stack *stack, const struct pam_handler **ret_gate)
{
    for (int phase = 0; phase < PAM_PHASES; phase++)
        for (size_t i = 0; i < stack->own[phase].count; i++)
            if (pam_handler_is(&stack->own[phase].items[i], GATE_MODULE)) {
                *ret_gate = &stack->own[phase].items[i];
                return true;
            }
    return false;
}

/* Names of services that never have a gate, and why. */
static const struct {
    const char *service;
    enum finding_severity severity;
    const char *why;
} forbidden[] = {
    {"common-auth", FINDING_PROBLEM, "every service on this host includes it"},
    {"common-account", FINDING_PROBLEM,
     "every service includes it: cron jobs, at jobs, systemd --user and polkit stop"},
    {"common-session", FINDING_PROBLEM, "every service with a session includes it"},
    {"common-session-noninteractive", FINDING_PROBLEM,
     "cron, at and systemd --user include it and stop"},
    {"common-password", FINDING_PROBLEM, "nobody could change a password"},
    {"systemd-user", FINDING_PROBLEM, "the units of logged-in people stop"},
    {"cron", FINDING_PROBLEM, "cron jobs stop"},
    {"crond", FINDING_PROBLEM, "cron jobs stop"},
    {"atd", FINDING_PROBLEM, "at jobs stop"},
    {"polkit-1", FINDING_PROBLEM, "administrators cannot confirm anything to polkit"},
    {"login", FINDING_WARNING, "the console is the way back in when the broker fails"},
    {"remote", FINDING_WARNING, "the console is the way back in when the broker fails"},
    {"other", FINDING_WARNING, "the module refuses services whose door it does not know"},
};

static void check_one(struct examination *examination, size_t which)
{
    CLEANUP_PAM_STACK struct pam_stack *stack = NULL;
    CLEANUP_FREE char *path = NULL, *unreadable = NULL;
    const char *service = forbidden[which].service;
    const struct pam_handler *gate = NULL;
    int r;

    if (pam_stack_file(examination->tree, service, &path) < 0)
        return;
    r = pam_stack_load(examination->tree, service, &stack, &unreadable);
    if (r < 0) {
        examination_unread(examination, unreadable ? unreadable : path, r);
        return;
    }
    /* A common file that has it is told of by itself; who includes it is not told again. */
    if (!has_gate(stack, &gate) ||
        findings_have(examination->findings, "gate-forbidden", gate->file, gate->line))
        return;
    findings_add(examination->findings, forbidden[which].severity, "gate-forbidden", gate->file,
                 gate->line, "Take the line away; gate the services of the doors themselves.",
                 "The gate stands in the stack of %s, where none must be: %s.", service,
                 forbidden[which].why);
}

/* A gate where the module knows no door refuses everybody. */
static void check_other_service(struct examination *examination, const char *service)
{
    CLEANUP_PAM_STACK struct pam_stack *stack = NULL;
    const struct pam_handler *gate = NULL;

    for (size_t i = 0; i < sizeof(forbidden) / sizeof(*forbidden); i++)
        if (strcmp(forbidden[i].service, service) == 0)
            return;
    if (gate_door_of(service) != 0 ||
        pam_stack_load(examination->tree, service, &stack, NULL) < 0 || !has_gate(stack, &gate) ||
        findings_have(examination->findings, "gate-forbidden", gate->file, gate->line))
        return;
    /* Parts that other services include are looked at there. */
    for (size_t i = 0; i < gate->n_arguments; i++)
        if (strncmp(gate->arguments[i], "door=", 5) == 0)
            return;
    if (strncmp(service, "pam-checkout", strlen("pam-checkout")) == 0)
        return;
    findings_add(
        examination->findings, FINDING_WARNING, "gate-no-door", gate->file, gate->line,
        "Add door= to the line if this service is a door, or take the line away. A file that "
        "others include is best called pam-checkout or pam-checkout-NAME.",
        "The gate stands in the stack of %s, whose door the module does not know: every login "
        "through it is refused.",
        service);
}

void check_ungated(struct examination *examination)
{
    static const char *const folders[] = {"/etc/pam.d", "/usr/lib/pam.d"};

    for (size_t i = 0; i < sizeof(forbidden) / sizeof(*forbidden); i++)
        check_one(examination, i);
    for (size_t i = 0; i < 2; i++) {
        CLEANUP_TREE_NAMES struct tree_names names = {0};
        int r = tree_list(examination->tree, folders[i], &names);

        if (r < 0 && r != -ENOENT)
            examination_unread(examination, folders[i], r);
        for (size_t j = 0; j < names.count; j++)
            check_other_service(examination, names.names[j]);
    }
}
