/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A ledger as a file of JSON lines, to be verified where there is no broker. The first line says
 * what it is, the last one how much there is of it; between them records with their hashes, the
 * text of each policy before the first record that loads it, and the rows.
 *
 *   {"format":"pam-checkout-ledger","version":1}
 *   {"digest":"…","policies":"…"}
 *   {"seq":1,"time":…,"event":"…","id":…,"record":"…","hash":"…"}
 *   {"table":"checkout","number":1,"id":1,"row":"…"}
 *   {"end":"pam-checkout-ledger","records":1,"rows":1}
 */

#include <jansson.h>

#include "cli/client.h"
#include "cli/output.h"
#include "proof/proof.h"

/* Writes it; `path` must not exist yet, "-" is standard output. Returns 0 or the exit code. */
int export_write(struct client *client, const char *path, struct output *output,
                 struct failure *failure);

struct export;

/* Opens one. 0 or the exit code. */
int export_open(const char *path, struct export **ret_export, struct failure *failure);
struct export *export_close(struct export *export); /* accepts NULL, returns NULL */
DEFINE_CLEANUP(struct export *, export, export_close);

/* Is it one, or a database? False where it cannot be read, too. */
bool export_is(const char *path);

/* The machine that its first record is of; "" where it says none. */
const char *export_machine(const struct export *export);

/* Hands everything in and finishes. 0 or the exit code. */
int export_prove(struct export *export, struct proof *proof, struct failure *failure);

/* A record, or a row, as JSON -> what the proof takes; borrowed. */
void trail_entry_of(const json_t *line, bool row, struct trail_entry *ret_entry);

/* For proof_settings.policy_text; userdata is the export. */
int export_policy(const char *digest, char **ret_text, void *userdata);
