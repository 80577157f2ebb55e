/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "doctor/pam_module.h"

#include <security/pam_appl.h>
#include <stdlib.h>
#include <string.h>

#define SUCCESS PAM_WALK_BIT(PAM_SUCCESS)
#define FAILURE PAM_WALK_BIT(PAM_AUTH_ERR)
/* pam_deny's, one for each phase; releases differ. */
#define DENIALS                                                                                    \
    (PAM_WALK_BIT(PAM_AUTH_ERR) | PAM_WALK_BIT(PAM_PERM_DENIED) | PAM_WALK_BIT(PAM_ACCT_EXPIRED) | \
     PAM_WALK_BIT(PAM_SESSION_ERR) | PAM_WALK_BIT(PAM_AUTHTOK_ERR))

/* Is the name in "a:b:c"? */
static bool in_list(const char *list, const char *name)
{
    size_t length = strlen(name);

    for (const char *c = list; *c; c += strspn(c, ":")) {
        size_t n = strcspn(c, ":");

        if (n == length && strncmp(c, name, n) == 0)
            return true;
        c += n;
    }
    return false;
}

/* One condition of pam_succeed_if(8). Returns 1 where it holds, 0 where not, -1 if unknown. */
static int condition(const char *left, const char *operator, const char * right,
                     const struct pam_module_case *which)
{
    if (strcmp(left, "user") != 0 || !which->user)
        return -1;
    if (strcmp(operator, "=") == 0)
        return strcmp(which->user, right) == 0;
    if (strcmp(operator, "!=") == 0)
        return strcmp(which->user, right) != 0;
    if (strcmp(operator, "in") == 0)
        return in_list(right, which->user);
    if (strcmp(operator, "notin") == 0)
        return !in_list(right, which->user);
    /* What the name service says at the time is not certain, but for being in a group's own line.
     */
    if (strcmp(operator, "ingroup") == 0)
        return people_group(which->people, right) && strchr(right, ':') == NULL
                   ? people_in_group(which->people, which->user, right)
                   : -1;
    if (strcmp(operator, "notingroup") == 0)
        return people_group(which->people, right) && strchr(right, ':') == NULL
                   ? !people_in_group(which->people, which->user, right)
                   : -1;
    return -1;
}

static uint32_t succeed_if(const struct pam_handler *handler, const struct pam_module_case *which)
{
    static const char *const flags[] = {"debug",      "use_uid",       "quiet",
                                        "quiet_fail", "quiet_success", "audit"};
    bool use_uid = false, unknown = false;
    size_t i = 0;

    for (; i < handler->n_arguments; i++) {
        bool flag = false;

        for (size_t j = 0; j < sizeof(flags) / sizeof(*flags); j++)
            flag = flag || strcmp(handler->arguments[i], flags[j]) == 0;
        use_uid = use_uid || strcmp(handler->arguments[i], "use_uid") == 0;
        if (!flag)
            break;
    }
    if (!which->user && which->assume_gated)
        return FAILURE;
    if (use_uid || i == handler->n_arguments)
        return PAM_WALK_ANY;
    for (; i + 2 < handler->n_arguments; i += 3) {
        int holds = condition(handler->arguments[i], handler->arguments[i + 1],
                              handler->arguments[i + 2], which);

        if (holds == 0)
            return unknown ? PAM_WALK_ANY & ~SUCCESS : FAILURE;
        unknown = unknown || holds < 0;
    }
    return unknown || i != handler->n_arguments ? PAM_WALK_ANY : SUCCESS;
}

uint32_t pam_module_codes(const struct pam_handler *handler, const struct pam_module_case *which)
{
    /* Their open_session ends with PAM_SESSION_ERR only for a login without a user. */
    static const char *const quiet_sessions[] = {"pam_unix.so", "pam_limits.so", "pam_umask.so"};

    if (pam_handler_is(handler, "pam_permit.so"))
        return SUCCESS;
    if (pam_handler_is(handler, "pam_deny.so"))
        return DENIALS;
    if (pam_handler_is(handler, "pam_succeed_if.so"))
        return succeed_if(handler, which);
    for (size_t i = 0; i < sizeof(quiet_sessions) / sizeof(*quiet_sessions); i++)
        if (which->phase == PAM_PHASE_SESSION && pam_handler_is(handler, quiet_sessions[i]))
            return PAM_WALK_ANY & ~PAM_WALK_BIT(PAM_SESSION_ERR);
    return PAM_WALK_ANY;
}
