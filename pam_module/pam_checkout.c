/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What libpam calls. Everything is decided in door.c; nothing is kept from one call to the next. */

#include <security/pam_modules.h>

#include "door.h"

#define EXPORTED __attribute__((visibility("default")))

EXPORTED int pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    int verdict = PAM_PERM_DENIED;

    verdict = door_enter(pamh, flags, LOGIN_AUTH, argc, argv);
    return verdict;
}

/* There are no credentials to set, and a yes must come from the broker alone. libpam leaves the
 * stack's result as the other modules made it (_pam_dispatch_aux: PAM_IGNORE in setcred does not
 * count); where no other module has a say the result is PAM_PERM_DENIED. */
EXPORTED int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    return PAM_IGNORE;
}

EXPORTED int pam_sm_acct_mgmt(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    int verdict = PAM_PERM_DENIED;

    verdict = door_enter(pamh, flags, LOGIN_ACCOUNT, argc, argv);
    return verdict;
}

EXPORTED int pam_sm_open_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    int verdict = PAM_PERM_DENIED;

    verdict = door_enter(pamh, flags, LOGIN_SESSION, argc, argv);
    return verdict;
}

/* Lets nobody in, so it may always succeed: a failure here would only hide other modules'. */
EXPORTED int pam_sm_close_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    door_leave(pamh, flags, argc, argv);
    return PAM_SUCCESS;
}
