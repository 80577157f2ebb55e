/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What sshd does with its configuration: `sshd -T`. */

#include "doctor/tree.h"

struct sshd;

/* The settings for a login to the account `user` from this host, Match blocks included; NULL: those
 * outside all Match blocks. Returns 0, -ENOENT where there is no sshd, -EBADMSG where it refuses
 * (with its first line in *ret_problem, which the caller frees), or a negative errno. */
int sshd_load(const struct tree *tree, const char *user, struct sshd **ret_sshd,
              char **ret_problem);
/* Accepts NULL, returns NULL. */
struct sshd *sshd_free(struct sshd *sshd);
DEFINE_CLEANUP(struct sshd *, sshd, sshd_free);
#define CLEANUP_SSHD CLEANUP(cleanup_sshd)

/* A setting by its name in small letters; NULL where sshd does not print it. Borrowed. */
const char *sshd_setting(const struct sshd *sshd, const char *name);

/* Where the word stands in sshd_config or a file that it includes; 0 and NULL where it does not.
 * The caller frees *ret_file. */
unsigned sshd_find_line(const struct tree *tree, const char *word, char **ret_file);
