/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A host's sudoers, as cvtsudoers(1) reads it: what is set for which target, and by which line. */

#include <jansson.h>
#include <stdbool.h>

#include "doctor/people.h"
#include "doctor/tree.h"

struct sudoers;

/* Runs cvtsudoers. Returns 0, -ENOENT where there is no sudoers, -EACCES where it cannot be read,
 * -ENOPKG where there is no cvtsudoers, -EBADMSG where it is not understood, or a negative errno.
 * *ret_problem: a sentence from cvtsudoers, or NULL; the caller frees. */
int sudoers_load(const struct tree *tree, struct sudoers **ret_sudoers, char **ret_problem);
/* Accepts NULL, returns NULL. */
struct sudoers *sudoers_free(struct sudoers *sudoers);
DEFINE_CLEANUP(struct sudoers *, sudoers, sudoers_free);
#define CLEANUP_SUDOERS CLEANUP(cleanup_sudoers)

/* One value that an option may have for a target. */
struct sudoers_value {
    const json_t *value; /* NULL: sudo's own default */
    const char *scope;   /* "" for everybody, else "for the user alice", …; text in `whom` */
    char whom[256];
};

/* Called with each value that the option has for somebody who goes to the account `target` by sudo:
 * the one that holds in general first. sudo takes general settings first, then those of hosts,
 * users, targets and commands, the later ones prevailing. */
void sudoers_each_value(const struct sudoers *sudoers, const struct people *people,
                        const char *option, const char *target,
                        void (*each)(const struct sudoers_value *value, void *userdata),
                        void *userdata);

/* Where the option stands: the first Defaults line with this word, and, where `value` is not NULL,
 * with that one, too. *ret_file is borrowed from the sudoers; 0 and NULL where it is not found. */
unsigned sudoers_find_line(const struct sudoers *sudoers, const char *option, const char *value,
                           const char **ret_file);

/* Can anybody but root use sudo -g? *ret_who is borrowed. */
bool sudoers_allow_groups(const struct sudoers *sudoers, const char **ret_who);
