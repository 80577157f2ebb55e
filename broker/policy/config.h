/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* /etc/pam-checkout/broker.conf and the *.conf in policy.d, read with libini_config. Strict: an
 * unknown key, a bad value, a doubled section, a file that another than root could have written is
 * an error that names file, line and what is allowed. */

#include "policy/policy.h"

#define CONFIG_BROKER_FILE "/etc/pam-checkout/broker.conf"
#define CONFIG_POLICY_DIR "/etc/pam-checkout/policy.d"

/* Broker-wide settings; every one has a default, the file may be missing. Section [broker]. */
struct broker_config {
    char *administrators;         /* group that may revoke and reload; NULL: none but root */
    char *auditors;               /* group that sees everything and changes nothing; NULL: none */
    bool tell_terminals;          /* approvers hear of requests on their terminals; default yes */
    char digest[DIGEST_TEXT_MAX]; /* SHA-256 of the file; "": there is none */
};

/* Frees what it holds and zeroes it; accepts a zeroed one. */
void broker_config_clear(struct broker_config *config);

/* Returns 0, or ERROR_INVALID_ARGUMENT with "FILE:LINE: …". *ret_config only on success. */
int config_load_broker(const char *file, struct broker_config *ret_config, struct error *error);

/* Reads every *.conf of the directory in the order of their names, and the file `persons` beside
 * the directory, which may be missing. The directory and the files must belong to root (or to the
 * caller's own uid, which is how tests run) and be writable by nobody else. An empty or missing
 * directory gives a set with no policy. *ret_set only on success.
 */
int config_load_policies(const char *directory, struct policy_set **ret_set, struct error *error);

/* The policies of a text that the function above once put together of all files. The names of the
 * files are lost: `origin` is what messages call them all. On failure the set holds some or none.
 */
int config_restore_policies(struct policy_set *set, const char *origin, const char *text,
                            struct error *error);

/* The policies of one file's text, behind those that the set has; `file` is what messages call it.
 * For the function above, and for tests. On failure the set holds some or none of the new ones. */
int config_add_policies(struct policy_set *set, const char *file, const char *text, size_t length,
                        struct error *error);
