/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor/examination.h"
#include "doctor/sshd.h"

#define CONFIG "/etc/ssh/sshd_config"

void check_su(struct examination *examination)
{
    static const char *const services[] = {"su", "su-l"};

    for (size_t i = 0; i < examination->n_targets; i++) {
        const struct target *target = &examination->targets[i];

        for (size_t j = 0; j < 2 && (target->doors & DOOR_SU); j++) {
            char how[128];

            (void)snprintf(how, sizeof(how), "su%s %.64s", j ? " -" : "", target->name);
            check_gate(examination,
                       &(struct gate_use){
                           .service = services[j],
                           .door = DOOR_SU,
                           .target = target,
                           .how = how,
                           .fix = "Put the gate's lines into /etc/pam.d/su as pam.d-su of the "
                                  "examples has them, and name the account there.",
                       });
        }
    }
}

static void report(struct examination *examination, enum finding_severity severity,
                   const char *name, const char *word, const char *fix, const char *message)
{
    CLEANUP_FREE char *file = NULL;
    unsigned line = sshd_find_line(examination->tree, word, &file);

    findings_add(examination->findings, severity, name, file ? file : CONFIG, line, fix, "%s",
                 message);
}

/* prompt needs a second method that can ask. */
static void check_prompt(struct examination *examination, const struct pam_stack *stack,
                         const struct target *target)
{
    CLEANUP_SSHD struct sshd *sshd = NULL;
    CLEANUP_FREE char *problem = NULL;
    const struct pam_handlers *handlers = pam_stack_phase(stack, PAM_PHASE_AUTH);
    const char *methods;
    bool gated = false;
    char message[512];

    for (size_t i = 0; i < handlers->count; i++)
        gated = gated || pam_handler_is(&handlers->items[i], GATE_MODULE);
    if (!gated || sshd_load(examination->tree, target->name, &sshd, &problem) < 0)
        return;
    methods = sshd_setting(sshd, "authenticationmethods");
    if (methods && strstr(methods, "keyboard-interactive"))
        return;
    (void)snprintf(
        message, sizeof(message),
        "The gate stands in the auth phase of sshd, which a login to %.64s by key alone does "
        "not go through: AuthenticationMethods is \"%.64s\".",
        target->name, methods ? methods : "any");
    report(examination, FINDING_PROBLEM, "ssh-methods", "AuthenticationMethods",
           "Set \"AuthenticationMethods publickey,keyboard-interactive:pam\" for the account in a "
           "Match "
           "block, and KbdInteractiveAuthentication yes.",
           message);
}

static void check_waits(struct examination *examination, const struct sshd *sshd,
                        const struct pam_stack *stack)
{
    const char *grace = sshd_setting(sshd, "logingracetime");
    unsigned long seconds = grace ? strtoul(grace, NULL, 10) : 0;
    unsigned auth = gate_wait(stack, PAM_PHASE_AUTH), account = gate_wait(stack, PAM_PHASE_ACCOUNT);
    unsigned wait = auth > account ? auth : account;
    char message[512];

    if (wait == 0)
        return;
    if (seconds > 0 && seconds <= wait) {
        (void)snprintf(
            message, sizeof(message),
            "sshd cuts a login off after %lu s (LoginGraceTime), and the gate waits for %u s "
            "before the session: the person sees a closed connection and no word.",
            seconds, wait);
        report(examination, FINDING_PROBLEM, "ssh-grace", "LoginGraceTime",
               "Take wait= away from sshd's auth and account lines, or make LoginGraceTime longer.",
               message);
    }
    (void)snprintf(message, sizeof(message),
                   "Logins that wait at the gate before the session each hold a place of sshd's "
                   "MaxStartups (%.32s): a handful of them keeps everybody out.",
                   sshd_setting(sshd, "maxstartups") ? sshd_setting(sshd, "maxstartups") : "?");
    report(examination, FINDING_WARNING, "ssh-slots", "MaxStartups",
           "Take wait= away from sshd's auth and account lines; the session line may wait.",
           message);
}

/* OpenSSH 9.8 and later: sshd_config(5). A refusal by the gate counts as a failed login. */
static void check_penalties(struct examination *examination, const struct sshd *sshd)
{
    const char *penalties = sshd_setting(sshd, "persourcepenalties");
    const char *exempt = sshd_setting(sshd, "persourcepenaltyexemptlist");

    if (!penalties || strcmp(penalties, "no") == 0 || (exempt && strcmp(exempt, "none") != 0))
        return;
    report(examination, FINDING_WARNING, "ssh-penalties", "PerSourcePenalties",
           "Set PerSourcePenaltyExemptList to the networks that your people come from, or "
           "PerSourcePenalties no.",
           "sshd shuts out an address for a while after a few refused logins (PerSourcePenalties), "
           "and "
           "the gate's refusals count: everybody behind the same address waits.");
}

void check_ssh_stack(struct examination *examination)
{
    for (size_t i = 0; i < examination->n_targets; i++) {
        const struct target *target = &examination->targets[i];
        char how[128];

        if (!(target->doors & DOOR_SSH))
            continue;
        (void)snprintf(how, sizeof(how), "ssh to %.64s", target->name);
        check_gate(
            examination,
            &(struct gate_use){
                .service = "sshd",
                .door = DOOR_SSH,
                .target = target,
                .how = how,
                .fix = "Put the gate's lines into /etc/pam.d/sshd as pam.d-sshd of the examples "
                       "has them, and name the account there.",
            });
    }
}

void check_ssh(struct examination *examination)
{
    CLEANUP_SSHD struct sshd *sshd = NULL;
    CLEANUP_PAM_STACK struct pam_stack *stack = NULL;
    CLEANUP_FREE char *problem = NULL;
    struct stat status;
    const char *pam;
    int r;

    if (!examination_manages(examination, DOOR_SSH) ||
        tree_stat(examination->tree, CONFIG, &status) == -ENOENT)
        return;
    check_ssh_stack(examination);
    r = sshd_load(examination->tree, NULL, &sshd, &problem);
    if (r < 0) {
        findings_add(examination->findings, FINDING_PROBLEM, "unread", CONFIG, 0,
                     examination->as_root ? "Run sshd -T and mend what it says."
                                          : "Run checkoutctl doctor as root.",
                     "sshd does not tell its settings (%.200s), so nothing is known about them.",
                     problem && problem[0] ? problem : strerror(-r));
        return;
    }
    pam = sshd_setting(sshd, "usepam");
    if (!pam || strcmp(pam, "yes") != 0)
        report(examination, FINDING_PROBLEM, "ssh-no-pam", "UsePAM",
               "Set UsePAM yes in sshd_config and reload sshd.",
               "sshd does not use PAM (UsePAM no): ssh goes past every gate.");
    check_penalties(examination, sshd);
    if (pam_stack_load(examination->tree, "sshd", &stack, NULL) < 0)
        return;
    check_waits(examination, sshd, stack);
    for (size_t i = 0; i < examination->n_targets; i++)
        if (examination->targets[i].doors & DOOR_SSH)
            check_prompt(examination, stack, &examination->targets[i]);
}
