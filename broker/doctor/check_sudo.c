/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor/examination.h"
#include "doctor/sudoers.h"

#define SUDOERS "/etc/sudoers"
#define NEW_SERVICE_FIX                                                                            \
    "Give sudo to %s a service with a gate: copy pam.d-sudo-root of the examples to "              \
    "/etc/pam.d/sudo-%s with account=%s in it, then name it in /etc/sudoers.d/zz-pam-checkout as " \
    "sudoers-root of the examples does."

/* One option's values for one target. */
struct looking {
    struct examination *examination;
    const struct sudoers *sudoers;
    const struct target *target; /* NULL: whichever it is, with -g */
    const char *name;            /* its name */
    const char *option;
    const char *fallback; /* of a service */
    const char *flag;     /* how sudo is called to get there: " -i" */
};

static void report_flag(const struct looking *looking, const struct sudoers_value *value,
                        const char *text, const char *name, const char *message, const char *fix)
{
    const char *file = NULL;
    unsigned line = sudoers_find_line(looking->sudoers, looking->option, NULL, &file);

    findings_add(looking->examination->findings, FINDING_PROBLEM, name, file ? file : SUDOERS, line,
                 fix, "Sudoers set %s for sudo to %s%s%s: %s", text, looking->name,
                 value->scope[0] ? " " : "", value->scope, message);
}

/* What must be on. */
static void see_switch(const struct sudoers_value *value, void *userdata)
{
    const struct looking *looking = userdata;
    char fix[256], text[64];

    if (!json_is_false(value->value))
        return;
    (void)snprintf(text, sizeof(text), "!%s", looking->option);
    (void)snprintf(fix, sizeof(fix), "Take !%s away, or set \"Defaults>%.64s %s\" behind it.",
                   looking->option, looking->name, looking->option);
    if (strcmp(looking->option, "pam_session") == 0)
        report_flag(looking, value, text, "sudo-no-pam-session",
                    "the gate in the session phase is not asked, and no session is recorded or "
                    "ended.",
                    fix);
    else if (strcmp(looking->option, "pam_acct_mgmt") == 0)
        report_flag(looking, value, text, "sudo-no-pam-acct-mgmt",
                    "the gate in the account phase is not asked, and sudoedit leaves its copies.",
                    fix);
    else
        report_flag(looking, value, text, "sudo-no-pam-ruser",
                    "PAM does not hear who asks, and the gate refuses everybody.", fix);
}

/* What must be off. */
static void see_password(const struct sudoers_value *value, void *userdata)
{
    const struct looking *looking = userdata;
    char fix[256];

    if (!json_is_true(value->value))
        return;
    (void)snprintf(fix, sizeof(fix), "Take %s away, or set \"Defaults>%.64s !%s\" behind it.",
                   looking->option, looking->name, looking->option);
    report_flag(looking, value, looking->option, "sudo-other-password",
                "sudo then tells PAM another person than the one who asks, and who knows that "
                "password asks in its owner's name or is refused.",
                fix);
}

static void see_service(const struct sudoers_value *value, void *userdata)
{
    const struct looking *looking = userdata;
    const char *target = looking->name;
    const char *service = json_string_value(value->value);
    char how[512], fix[1024];
    const char *file = NULL;

    /* Without a service for askpass sudo takes that of the login or the other. */
    if (!service && !looking->fallback)
        return;
    if (!service)
        service = looking->fallback;
    if (strchr(service, '/')) {
        findings_add(looking->examination->findings, FINDING_PROBLEM, "sudo-service", SUDOERS, 0,
                     "Use the name of a file in /etc/pam.d.",
                     "The PAM service of sudo to %s is \"%.100s\", which is no name of a file.",
                     target, service);
        return;
    }
    (void)sudoers_find_line(looking->sudoers, looking->option, service, &file);
    (void)snprintf(how, sizeof(how), "sudo%s to %.64s%s%.200s", looking->flag, target,
                   value->scope[0] ? " " : "", value->scope);
    if (looking->target)
        (void)snprintf(fix, sizeof(fix), NEW_SERVICE_FIX, target, target, target);
    else
        (void)snprintf(
            fix, sizeof(fix), "%s",
            "Settings for targets (Defaults>) do not hold with -g. Send all of sudo to a "
            "service with a gate, and let out what leads to other accounts, as sudoers-root "
            "of the examples does.");
    check_gate(looking->examination, &(struct gate_use){
                                         .service = service,
                                         .door = DOOR_SUDO,
                                         .target = looking->target,
                                         .how = how,
                                         .fix = fix,
                                     });
}

/* target NULL: with -g, where what is set for targets does not hold. */
static void check_target(struct examination *examination, const struct sudoers *sudoers,
                         const struct target *target)
{
    static const char *const on[] = {"pam_session", "pam_acct_mgmt", "pam_ruser"};
    static const char *const off[] = {"targetpw", "rootpw", "runaspw"};
    static const struct {
        const char *option, *fallback, *flag;
    } services[] = {
        {"pam_service", "sudo", ""},
        {"pam_login_service", "sudo-i", " -i"},
        {"pam_askpass_service", NULL, " -A"},
    };
    const struct people *people = &examination->people;
    const char *name = target ? target->name : NULL;
    struct looking looking = {
        .examination = examination,
        .sudoers = sudoers,
        .target = target,
        .name = target ? target->name : "an account with -g GROUP",
        .flag = "",
    };

    for (size_t i = 0; i < sizeof(on) / sizeof(*on); i++) {
        looking.option = on[i];
        sudoers_each_value(sudoers, people, on[i], name, see_switch, &looking);
    }
    for (size_t i = 0; i < sizeof(off) / sizeof(*off); i++) {
        looking.option = off[i];
        sudoers_each_value(sudoers, people, off[i], name, see_password, &looking);
    }
    for (size_t i = 0; i < sizeof(services) / sizeof(*services); i++) {
        looking.option = services[i].option;
        looking.fallback = services[i].fallback;
        looking.flag = services[i].flag;
        sudoers_each_value(sudoers, people, looking.option, name, see_service, &looking);
    }
}

/* sudo-rs takes the same sudoers, but knows no pam_service: it stays with sudo and sudo-i. */
static void check_sudo_rs(struct examination *examination)
{
    static const char *const places[] = {"/usr/bin/sudo-rs", "/usr/lib/cargo/bin/sudo"};
    static const char *const services[] = {"sudo", "sudo-i"};
    struct stat status;
    const char *found = NULL;

    for (size_t i = 0; i < sizeof(places) / sizeof(*places) && !found; i++)
        if (tree_stat(examination->tree, places[i], &status) == 0 && (status.st_mode & S_ISUID))
            found = places[i];
    if (!found)
        return;
    findings_add(
        examination->findings, FINDING_NOTE, "sudo-rs", found, 0,
        "Remove sudo-rs, or gate the services sudo and sudo-i as well.",
        "sudo-rs is here. It always uses the PAM services sudo and sudo-i, has no approval "
        "plugins, and opens no session for sudoedit: there only the account phase asks.");
    for (size_t i = 0; i < examination->n_targets; i++)
        for (size_t j = 0; j < 2 && (examination->targets[i].doors & DOOR_SUDO); j++) {
            char how[128];

            (void)snprintf(how, sizeof(how), "sudo-rs%s to %.64s", j ? " -i" : "",
                           examination->targets[i].name);
            check_gate(
                examination,
                &(struct gate_use){
                    .service = services[j],
                    .door = DOOR_SUDO,
                    .target = &examination->targets[i],
                    .how = how,
                    .fix = "Remove sudo-rs, which knows one service for all targets, or put the "
                           "gate's two lines into this service.",
                });
        }
}

void check_sudo(struct examination *examination)
{
    CLEANUP_SUDOERS struct sudoers *sudoers = NULL;
    CLEANUP_FREE char *problem = NULL;
    const char *who = NULL;
    int r;

    if (!examination_manages(examination, DOOR_SUDO))
        return;
    check_sudo_rs(examination);
    r = sudoers_load(examination->tree, &sudoers, &problem);
    if (r == -ENOENT)
        return;
    if (r == -ENOPKG) {
        findings_add(examination->findings, FINDING_PROBLEM, "unread", SUDOERS, 0,
                     "Install the package sudo, which has cvtsudoers.",
                     "cvtsudoers is missing, so nothing is known about what sudoers set.");
        return;
    }
    if (r == -EBADMSG) {
        findings_add(
            examination->findings, FINDING_PROBLEM, "unread", SUDOERS, 0,
            "Correct it with visudo; visudo -c says more.",
            "cvtsudoers does not understand sudoers (%.200s), so nothing is known about what "
            "they set.",
            problem ? problem : "");
        return;
    }
    if (r < 0) {
        examination_unread(examination, SUDOERS, r);
        return;
    }
    for (size_t i = 0; i < examination->n_targets; i++)
        if (examination->targets[i].doors & DOOR_SUDO)
            check_target(examination, sudoers, &examination->targets[i]);
    if (!sudoers_allow_groups(sudoers, &who))
        return;
    check_target(examination, sudoers, NULL);
    findings_add(
        examination->findings, FINDING_NOTE, "way-sudo-group", SUDOERS, 0,
        "Write \"(ALL)\" instead of \"(ALL:ALL)\" for people who need no groups.",
        "Sudoers allow %.100s to use sudo -g: the command runs as the person in any group, "
        "such as disk or docker. No policy manages groups; with the recipe of sudoers-root it "
        "takes root's check-out.",
        who);
}
