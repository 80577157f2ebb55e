/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A PAM module that returns what the test that has loaded it wants: pam_scripted.so SLOT, where the
 * test's scripted_codes[SLOT] says what and scripted_calls[SLOT] counts. */

#include <security/pam_modules.h>
#include <stdlib.h>

extern int scripted_codes[], scripted_calls[];

static int answer(int argc, const char **argv)
{
    int slot = argc > 0 ? (int)strtol(argv[0], NULL, 10) : 0;

    scripted_calls[slot]++;
    return scripted_codes[slot];
}

#define ENTRY(name)                                                                                \
    __attribute__((visibility("default"))) int name(pam_handle_t *pamh, int flags, int argc,       \
                                                    const char **argv)                             \
    {                                                                                              \
        return answer(argc, argv);                                                                 \
    }

ENTRY(pam_sm_authenticate)
ENTRY(pam_sm_setcred)
ENTRY(pam_sm_acct_mgmt)
ENTRY(pam_sm_open_session)
ENTRY(pam_sm_close_session)
ENTRY(pam_sm_chauthtok)
