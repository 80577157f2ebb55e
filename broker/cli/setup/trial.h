/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A change tried on a copy of the host's files, before anything is written. */

#include "cleanup.h"
#include "cli/setup/change.h"
#include "doctor/finding.h"
#include "policy/policy.h"

struct trial;

/* Copies the stacks, sudoers and people into a folder of root's, once as they are and once changed.
 * Returns 0 or a negative errno. */
int trial_begin(const struct change *change, struct trial **ret_trial);
/* Removes the folder. Accepts NULL, returns NULL. */
struct trial *trial_end(struct trial *trial);
DEFINE_CLEANUP(struct trial *, trial, trial_end);
#define CLEANUP_TRIAL CLEANUP(cleanup_trial)

/* The doctor's findings about this door to this account in the changed copy. */
int trial_examine(struct trial *trial, const struct policy_set *policies, unsigned door,
                  const char *account, struct findings *findings);

struct trial_login {
    const char *service;
    const char *user;  /* PAM_USER */
    const char *ruser; /* PAM_RUSER; NULL: none */
    uid_t uid;         /* of whoever asks: the real uid, and the login uid where it can be set */
};

/* Runs the account phase with the real libpam and module, as such a login. Returns PAM's code (0 to
 * 31) or a negative errno. */
int trial_run(const struct trial *trial, bool changed, const struct trial_login *login);

/* The program's other half of the above: FOLDER SERVICE USER [RUSER]. Returns the exit status. */
int trial_child(int argc, char **argv);
