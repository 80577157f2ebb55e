/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <security/pam_appl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor/examination.h"
#include "doctor/pam_module.h"
#include "doctor/pam_walk.h"

#define SUCCESS PAM_WALK_BIT(PAM_SUCCESS)
/* pam_acct_mgmt(3): the password is too old. su and sshd have it changed and go on, sudo goes on
 * for those who need no password, and for them after PAM_AUTHTOK_EXPIRED, too. */
#define EXPIRED PAM_WALK_BIT(PAM_NEW_AUTHTOK_REQD)
#define EXPIRED_SUDO (EXPIRED | PAM_WALK_BIT(PAM_AUTHTOK_EXPIRED))
/* sudo's begin_session goes on after it. */
#define SESSION_ERROR PAM_WALK_BIT(PAM_SESSION_ERR)

struct phase_view {
    struct examination *examination;
    const struct gate_use *use;
    const struct pam_stack *stack;
    enum pam_phase phase;
    struct pam_module_case which;
    size_t gates;
    uint32_t reached;
};

static bool is_gate(const struct pam_handler *handler, void *userdata)
{
    return pam_handler_is(handler, GATE_MODULE);
}

static uint32_t codes_of(const struct pam_handler *handler, void *userdata)
{
    const struct phase_view *view = userdata;

    return is_gate(handler, NULL) ? PAM_WALK_BIT(PAM_PERM_DENIED)
                                  : pam_module_codes(handler, &view->which);
}

static size_t count_gates(const struct pam_handlers *handlers)
{
    size_t count = 0;

    for (size_t i = 0; i < handlers->count; i++)
        count += is_gate(&handlers->items[i], NULL);
    return count;
}

/* "is `optional`" and how it comes that the gate is passed. */
static void tell_culprit(const struct phase_view *view, const struct pam_walk *walk)
{
    const struct pam_handler *culprit = pam_walk_culprit(walk);
    const struct gate_use *use = view->use;
    struct findings *findings = view->examination->findings;
    const char *phase = pam_phase_name(view->phase);
    size_t at;
    int code, action;
    char fix[256];

    if (!culprit)
        return;
    at = (size_t)(culprit - walk->handlers->items);
    code = walk->witness[at];
    action = code >= 0 ? culprit->actions[code] : PAM_DO_IGNORE;
    if (is_gate(culprit, NULL)) {
        bool optional = strcasecmp(culprit->control, "optional") == 0;
        bool sufficient = strcasecmp(culprit->control, "sufficient") == 0;

        findings_add(
            findings, FINDING_PROBLEM,
            optional     ? "gate-optional"
            : sufficient ? "gate-sufficient"
                         : "gate-ignored",
            culprit->file, culprit->line,
            "Make the line `required`, and let no line behind it reset the result.",
            "The gate is asked in the %s phase of %s, but its refusal is lost: its control is "
            "\"%s\". A login that it refuses (%s) gets in.",
            phase, use->service, culprit->control, use->how);
    } else if (walk->reached & SUCCESS) {
        const char *name = strcasecmp(culprit->control ? culprit->control : "", "sufficient") == 0
                               ? "gate-after-sufficient"
                           : action > 0            ? "gate-jumped"
                           : action == PAM_DO_DONE ? "gate-after-done"
                                                   : "gate-skipped";

        findings_add(
            findings, FINDING_PROBLEM, name, culprit->file, culprit->line,
            "Put the gate's line before this one, or give this one a control that goes on to "
            "the gate.",
            "In the %s phase of %s this line can end or leave the stack before the gate: when "
            "%s returns %s, the control \"%s\" goes past it. So %s is not asked about.",
            phase, use->service, culprit->module ? culprit->module : "it", pam_text_code_name(code),
            culprit->control ? culprit->control : "", use->how);
    } else {
        (void)snprintf(fix, sizeof(fix),
                       "In /etc/pam.d/%.64s put the gate's account line before the line that "
                       "includes common-account.",
                       use->service);
        findings_add(findings, FINDING_WARNING, "gate-after-expired", culprit->file, culprit->line,
                     fix,
                     "In the account phase of %s this line ends the stack before the gate when the "
                     "password has expired, and the program then goes on (sudo for people who need "
                     "no password, su and ssh after a new password): %s is then asked about in the "
                     "session phase alone, too late for the copy that sudoedit makes.",
                     use->service, use->how);
    }
}

/* The gate refuses, but a line before it has failed with something that sudo goes on after, and the
 * first failure of a stack is its result. */
static void tell_first_failure(const struct phase_view *view, const struct pam_walk *walk)
{
    const struct pam_handlers *handlers = walk->handlers;

    for (size_t i = 0; i < handlers->count; i++) {
        const struct pam_handler *handler = &handlers->items[i];
        int code = walk->witness[i];

        if (code < 0 || !(walk->reached & PAM_WALK_BIT(code)))
            continue;
        findings_add(
            view->examination->findings, FINDING_WARNING, "gate-after-failure", handler->file,
            handler->line, "Put the gate's line before this one, or make this one `optional`.",
            "sudo goes on after the result %s, and the first failure of a stack is its result: "
            "if %s returns that here, before the gate, in the %s phase of %s, the gate's refusal "
            "does not count.",
            pam_text_code_name(code), handler->module ? handler->module : "the line",
            pam_phase_name(view->phase), view->use->service);
        return;
    }
}

static void tell(const struct phase_view *view, const struct pam_walk *walk)
{
    const struct pam_handler *culprit = pam_walk_culprit(walk);

    if (!(walk->reached & SUCCESS) &&
        (!culprit || is_gate(culprit, NULL) || walk->reached == SESSION_ERROR))
        tell_first_failure(view, walk);
    else
        tell_culprit(view, walk);
}

static void walk_phase(struct phase_view *view, uint32_t wanted)
{
    struct pam_walk walk = {
        .handlers = pam_stack_phase(view->stack, view->phase),
        .codes = codes_of,
        .is_gate = is_gate,
        .userdata = view,
        .wanted = wanted,
    };
    int r = pam_walk_run(&walk);

    if (r < 0) {
        findings_add(view->examination->findings, FINDING_PROBLEM, "unread",
                     walk.handlers->count > 0 ? walk.handlers->items[0].file : NULL, 0,
                     "Make the stack simpler.",
                     "The %s phase of %s has too many ways through it to be looked at (%s).",
                     pam_phase_name(view->phase), view->stack->service, strerror(-r));
        return;
    }
    view->reached |= walk.reached;
    if (walk.reached)
        tell(view, &walk);
    pam_walk_clear(&walk);
}

static void look_at_phase(struct phase_view *view)
{
    view->gates = count_gates(pam_stack_phase(view->stack, view->phase));
    if (view->gates == 0)
        return;
    /* One after the other, so that the witness is one of the worst. */
    walk_phase(view, SUCCESS);
    if (view->reached)
        return;
    if (view->phase == PAM_PHASE_ACCOUNT)
        walk_phase(view, view->use->door == DOOR_SUDO ? EXPIRED_SUDO : EXPIRED);
    else if (view->phase == PAM_PHASE_SESSION && view->use->door == DOOR_SUDO)
        walk_phase(view, SESSION_ERROR);
}

static const struct pam_handler *first_gate(const struct pam_stack *stack, enum pam_phase phase)
{
    const struct pam_handlers *handlers = pam_stack_phase(stack, phase);

    for (size_t i = 0; i < handlers->count; i++)
        if (is_gate(&handlers->items[i], NULL))
            return &handlers->items[i];
    return NULL;
}

static void tell_remarks(struct examination *examination, const struct pam_stack *stack)
{
    for (size_t i = 0; i < stack->n_remarks; i++) {
        const struct pam_remark *remark = &stack->remarks[i];

        findings_add(examination->findings, remark->is_error ? FINDING_PROBLEM : FINDING_NOTE,
                     remark->is_error ? "pam-error" : "pam-doubtful", remark->file, remark->line,
                     "Correct the line; pam.d(5) says what it may be.", "%s.", remark->text);
    }
}

/* A phase without a gate, where another has one. */
static void tell_half(struct examination *examination, const struct gate_use *use,
                      const struct pam_stack *stack, bool account, bool session)
{
    const struct pam_handler *other =
        first_gate(stack, account ? PAM_PHASE_ACCOUNT : PAM_PHASE_SESSION);
    bool sudo = use->door == DOOR_SUDO;

    if (!account && session && sudo)
        findings_add(examination->findings, FINDING_PROBLEM, "account-missing", other->file,
                     other->line,
                     "Add \"account required pam_checkout.so account=NAME\" before the line that "
                     "includes common-account.",
                     "The stack of %s has the gate in the session phase alone. That comes too late "
                     "for sudoedit: the copies that it makes stay behind after a refusal.",
                     use->service);
    else if (account && !session)
        findings_add(
            examination->findings, sudo ? FINDING_PROBLEM : FINDING_WARNING, "session-missing",
            other->file, other->line,
            "Add \"session required pam_checkout.so\" behind the line that includes "
            "common-session.",
            "The stack of %s has the gate in the account phase alone: %s, and no session is "
            "recorded or ended with the check-out.",
            use->service,
            sudo ? "what sudo really runs as is seen in the session phase only"
                 : "a check-out that ends between the two phases still opens the door");
    else if (!account && session && use->door == DOOR_SU)
        findings_add(examination->findings, FINDING_NOTE, "account-missing", other->file,
                     other->line,
                     "Add \"account required pam_checkout.so\" before the line that includes "
                     "common-account.",
                     "The stack of %s has the gate in the session phase alone. That is enough, but "
                     "people are refused later than they could be.",
                     use->service);
}

void check_gate(struct examination *examination, const struct gate_use *use)
{
    CLEANUP_PAM_STACK struct pam_stack *stack = NULL;
    CLEANUP_FREE char *unreadable = NULL, *path = NULL;
    static const enum pam_phase phases[] = {PAM_PHASE_AUTH, PAM_PHASE_ACCOUNT, PAM_PHASE_SESSION};
    bool gated[3] = {false};
    int r;

    if (!examination_is_new(examination, use->service, use->target ? use->target->name : NULL))
        return;
    r = pam_stack_load(examination->tree, use->service, &stack, &unreadable);
    if (r < 0) {
        examination_unread(examination, unreadable ? unreadable : use->service, r);
        return;
    }
    (void)pam_stack_file(examination->tree, stack->service, &path);
    tell_remarks(examination, stack);
    if (stack->broken)
        return;
    for (size_t i = 0; i < 3; i++) {
        const char *user = use->target ? use->target->name : NULL;
        struct phase_view view = {
            .examination = examination,
            .use = use,
            .stack = stack,
            .phase = phases[i],
            .which = {.phase = phases[i],
                      .people = &examination->people,
                      .user = user,
                      .assume_gated = true},
        };

        /* sudo's own: until the session PAM_USER is the person. */
        if (use->door == DOOR_SUDO && phases[i] != PAM_PHASE_SESSION) {
            view.which.user = NULL;
            view.which.assume_gated = false;
        }
        look_at_phase(&view);
        gated[i] = view.gates > 0;
    }
    if (!gated[0] && !gated[1] && !gated[2]) {
        if (!stack->found)
            findings_add(examination->findings, FINDING_PROBLEM, "service-missing", NULL, 0,
                         use->fix,
                         "%s goes through the PAM service %s, which has no file in /etc/pam.d or "
                         "/usr/lib/pam.d: libpam takes `other`, which has no gate.",
                         use->how, use->service);
        else
            findings_add(examination->findings, FINDING_PROBLEM, "gate-missing", path, 0, use->fix,
                         "%s goes through the PAM service %s, which has no line with " GATE_MODULE
                         ": nobody is asked.",
                         use->how, use->service);
        return;
    }
    tell_half(examination, use, stack, gated[1], gated[2]);
    check_gate_lines(examination, stack, use);
}
