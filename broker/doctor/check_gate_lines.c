/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <security/pam_appl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor/examination.h"
#include "options.h"

unsigned gate_door_of(const char *service)
{
    if (strcmp(service, "sudo") == 0 || strncmp(service, "sudo-", 5) == 0)
        return DOOR_SUDO;
    if (strcmp(service, "su") == 0 || strcmp(service, "su-l") == 0)
        return DOOR_SU;
    if (strcmp(service, "sshd") == 0)
        return DOOR_SSH;
    if (strcmp(service, "login") == 0 || strcmp(service, "remote") == 0)
        return DOOR_LOGIN;
    return 0;
}

/* Returns false where the module would refuse them. */
static bool read_options(const struct pam_handler *handler, struct options *options,
                         struct error *error)
{
    return options_parse((int)handler->n_arguments, (const char **)handler->arguments, options,
                         error) == 0;
}

unsigned gate_wait(const struct pam_stack *stack, enum pam_phase phase)
{
    const struct pam_handlers *handlers = pam_stack_phase(stack, phase);
    unsigned longest = 0;

    for (size_t i = 0; i < handlers->count; i++) {
        struct options options = {0};
        struct error error;

        if (pam_handler_is(&handlers->items[i], GATE_MODULE) &&
            read_options(&handlers->items[i], &options, &error) && options.wait_seconds > longest)
            longest = options.wait_seconds;
    }
    return longest;
}

/* A mistake by which the module refuses everybody. */
static void refuses(struct examination *examination, const struct pam_handler *handler,
                    const char *service, const char *what, const char *fix)
{
    findings_add(examination->findings, FINDING_PROBLEM, "gate-arguments", handler->file,
                 handler->line, fix, "This line in the stack of %s refuses every login: %s.",
                 service, what);
}

static void check_options(struct examination *examination, const struct pam_handler *handler,
                          enum pam_phase phase, const struct pam_stack *stack,
                          const struct gate_use *use)
{
    struct options options = {0};
    struct error error;
    unsigned door = gate_door_of(stack->service);
    const char *account;

    if (!read_options(handler, &options, &error)) {
        refuses(examination, handler, stack->service, error.text,
                "Correct the argument; pam_checkout(8) has them all.");
        return;
    }
    if (door == 0 && !options.door)
        refuses(examination, handler, stack->service,
                "the name of the service tells no door, and the line has no door=",
                "Add door=sudo, door=su, door=ssh or door=login to the line, or take it away.");
    else if (door != 0 && options.door && door_from_name(options.door) != door)
        refuses(examination, handler, stack->service,
                "door= names another door than the name of the service tells", "Take door= away.");
    if (options.prompt && (phase != PAM_PHASE_AUTH || (door != 0 && door != DOOR_SSH)))
        refuses(examination, handler, stack->service,
                "the argument prompt works in the auth phase of ssh only", "Take prompt away.");
    if (strcmp(options.gate, OPTIONS_DEFAULT_GATE) != 0)
        findings_add(
            examination->findings, FINDING_WARNING, "gate-elsewhere", handler->file, handler->line,
            "Take gate= away.",
            "This line asks at %.200s, which is meant for tests, and not the broker of this "
            "host.",
            options.gate);
    if (phase == PAM_PHASE_SESSION && options.account)
        findings_add(
            examination->findings, FINDING_WARNING, "gate-account", handler->file, handler->line,
            "Take account= away from the session line.",
            "account= does not belong in the session phase, which sees the account itself: "
            "whoever goes elsewhere through %s is refused.",
            stack->service);
    if (use->door != DOOR_SUDO || phase != PAM_PHASE_ACCOUNT || !use->target)
        return;
    account = options.account ? options.account : "root";
    if (strcmp(account, use->target->name) != 0) {
        const struct person *named = people_by_name(&examination->people, account);

        if (!named || named->uid != use->target->uid)
            findings_add(
                examination->findings, FINDING_WARNING, "gate-other-account", handler->file,
                handler->line, use->fix,
                "%s comes to this account line, which asks about %s: such a person needs a "
                "check-out of %s, and in the session phase one of %s as well.",
                use->how, account, account, use->target->name);
    }
}

/* Where pam_systemd and the first and last gate stand in the session phase; SIZE_MAX: nowhere. */
struct order {
    size_t first, last, systemd;
};

static struct order find_order(const struct pam_handlers *handlers)
{
    struct order order = {SIZE_MAX, SIZE_MAX, SIZE_MAX};

    for (size_t i = 0; i < handlers->count; i++) {
        if (pam_handler_is(&handlers->items[i], "pam_systemd.so"))
            order.systemd = i;
        if (!pam_handler_is(&handlers->items[i], GATE_MODULE))
            continue;
        if (order.first == SIZE_MAX)
            order.first = i;
        order.last = i;
    }
    return order;
}

/* The session's scope is pam_systemd's for ssh, and the module's own for sudo and su. */
static void check_order(struct examination *examination, const struct pam_stack *stack,
                        const struct gate_use *use)
{
    const struct pam_handlers *handlers = pam_stack_phase(stack, PAM_PHASE_SESSION);
    struct order order = find_order(handlers);
    const struct pam_handler *gate;

    if (order.first == SIZE_MAX)
        return;
    gate = &handlers->items[order.first];
    if (order.systemd == SIZE_MAX) {
        if (use->door == DOOR_SSH)
            findings_add(
                examination->findings, FINDING_WARNING, "no-logind-session", gate->file, gate->line,
                "Install libpam-systemd; pam-auth-update puts it in its place.",
                "The session phase of %s has no pam_systemd.so: a login gets no scope of its "
                "own, and nothing can be ended with the check-out.",
                use->service);
        return;
    }
    if (use->door == DOOR_SSH && order.first > order.systemd)
        findings_add(
            examination->findings, FINDING_WARNING, "handover-alone", gate->file, gate->line,
            "Put the same line before \"@include common-session\", too.",
            "The gate of %s stands behind pam_systemd.so only. It decides all the same, but "
            "the session is open by then and has no last end of its own, should the broker "
            "be gone.",
            use->service);
    else if (use->door == DOOR_SSH && order.last < order.systemd)
        findings_add(
            examination->findings, FINDING_WARNING, "handover-missing", gate->file, gate->line,
            "Put the same line behind \"@include common-session\", too.",
            "The gate of %s stands before pam_systemd.so only, where the session's scope is "
            "not there yet: it cannot be handed to the broker, and does not end with the "
            "check-out.",
            use->service);
    else if (use->door != DOOR_SSH && order.last < order.systemd)
        findings_add(
            examination->findings, FINDING_WARNING, "gate-before-systemd", gate->file, gate->line,
            "Put the line behind the one that includes common-session.",
            "The gate of %s stands before pam_systemd.so, which moves the session away from "
            "where the gate has put it: it may not end with the check-out.",
            use->service);
}

/* Does it set variables that the account's own ~/.pam_environment names (pam_env(8))? */
static bool reads_home(const struct pam_handler *handler)
{
    bool reads = false;

    if (!pam_handler_is(handler, "pam_env.so"))
        return false;
    for (size_t i = 0; i < handler->n_arguments; i++)
        if (strncmp(handler->arguments[i], "user_readenv=", 13) == 0)
            reads = strcmp(handler->arguments[i] + 13, "0") != 0;
    return reads;
}

/* Whose key it is, the gate reads from a variable that sshd sets before the session phase. */
static void check_environment(struct examination *examination, const struct pam_stack *stack,
                              const struct gate_use *use)
{
    const struct pam_handlers *handlers = pam_stack_phase(stack, PAM_PHASE_SESSION);
    const struct pam_handler *home = NULL;

    if (use->door != DOOR_SSH || !use->target || !use->target->by_key)
        return;
    for (size_t i = 0; i < handlers->count; i++) {
        const struct pam_handler *handler = &handlers->items[i];

        if (reads_home(handler))
            home = handler;
        if (!home || !pam_handler_is(handler, GATE_MODULE))
            continue;
        findings_add(examination->findings, FINDING_PROBLEM, "gate-after-environment", home->file,
                     home->line,
                     "Move this line behind the gate's lines, or take user_readenv=1 away.",
                     "This line stands before the gate of %s and sets what %s's own "
                     "~/.pam_environment says, SSH_AUTH_INFO_0 included: whoever can write that "
                     "file comes in as the owner of any key.",
                     stack->service, use->target->name);
        return;
    }
}

/* Of two lines one that counts is enough to be refused, but the second hands over. */
static void check_controls(struct examination *examination, const struct pam_handlers *handlers)
{
    for (size_t i = 0; i < handlers->count; i++) {
        const struct pam_handler *handler = &handlers->items[i];
        int action = handler->actions[PAM_PERM_DENIED];

        if (!pam_handler_is(handler, GATE_MODULE) || action == PAM_DO_BAD || action == PAM_DO_DIE ||
            findings_have(examination->findings, "gate-optional", handler->file, handler->line) ||
            findings_have(examination->findings, "gate-sufficient", handler->file, handler->line) ||
            findings_have(examination->findings, "gate-ignored", handler->file, handler->line))
            continue;
        findings_add(
            examination->findings, FINDING_WARNING, "gate-unheeded", handler->file, handler->line,
            "Make the line `required`.",
            "A refusal by this line is lost: its control is \"%s\". As the stack stands such a "
            "login is refused all the same, but not for what only this line sees.",
            handler->control);
    }
}

void check_gate_lines(struct examination *examination, const struct pam_stack *stack,
                      const struct gate_use *use)
{
    for (enum pam_phase phase = 0; phase < PAM_PHASE_PASSWORD; phase++) {
        const struct pam_handlers *handlers = pam_stack_phase(stack, phase);

        for (size_t i = 0; i < handlers->count; i++)
            if (pam_handler_is(&handlers->items[i], GATE_MODULE))
                check_options(examination, &handlers->items[i], phase, stack, use);
        check_controls(examination, handlers);
    }
    check_order(examination, stack, use);
    check_environment(examination, stack, use);
}
