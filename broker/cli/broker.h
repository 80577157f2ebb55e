/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The broker's methods, one function each. All return 0 or an exit code with *failure filled in;
 * texts must have been checked (arguments.h). */

#include "broker1.h"
#include "cli/client.h"
#include "cli/value.h"

int broker_request(struct client *client, const char *account,
                   const struct broker1_options *options, uint64_t *ret_id,
                   struct failure *failure);

int broker_approve(struct client *client, uint64_t id, const struct broker1_approval *approval,
                   struct failure *failure);
int broker_deny(struct client *client, uint64_t id, const char *reason, struct failure *failure);
int broker_revoke(struct client *client, uint64_t id, const char *reason, struct failure *failure);
int broker_cancel(struct client *client, uint64_t id, struct failure *failure);
int broker_check_in(struct client *client, uint64_t id, struct failure *failure);

/* More time for a check-out; *ret_id is the number of the request for it. */
int broker_extend(struct client *client, uint64_t id, uint64_t seconds, const char *reason,
                  uint64_t *ret_id, struct failure *failure);
int broker_grant(struct client *client, const char *person, const char *account,
                 const struct broker1_options *options, uint64_t *ret_id, struct failure *failure);
int broker_reload(struct client *client, struct failure *failure);

/* The caller owns *ret_explanation, an object. */
int broker_explain(struct client *client, const struct broker1_question *question,
                   json_t **ret_explanation, struct failure *failure);

/* An object that has this id. The caller owns it. */
int broker_get(struct client *client, uint64_t id, json_t **ret_checkout, struct failure *failure);

/* Called with each record or row; what it returns, other than 0, ends the reading and is returned.
 */
typedef int (*broker_each_record)(json_t *record, void *userdata);

/* The audit records behind *after, of one check-out or of all (id 0), however many pages that
 * takes; *after goes on with them. Each has the keys of org.pamcheckout.Dict.record. */
int broker_audit(struct client *client, uint64_t id, uint64_t *after, broker_each_record each,
                 void *userdata, struct failure *failure);

/* The number of the first record that is not older, as far as records are in the order of time; the
 * last one's and 1 where all are older. */
int broker_audit_since(struct client *client, uint64_t time, uint64_t *ret_seq,
                       struct failure *failure);

/* The rows of a table ("checkout"), as org.pamcheckout.Dict.row. */
int broker_rows(struct client *client, const char *table, broker_each_record each, void *userdata,
                struct failure *failure);

/* The policies of that digest; the caller frees. */
int broker_policy(struct client *client, const char *digest, char **ret_text,
                  struct failure *failure);

/* Called with each check-out; what it returns, other than 0, ends the listing and is returned. */
typedef int (*broker_each)(json_t *checkout, void *userdata);

/* All check-outs that the filter lets through, in ascending order, however many pages that takes.
 */
int broker_list(struct client *client, const struct broker1_filter *filter, broker_each each,
                void *userdata, struct failure *failure);

/* The same for sessions, in the order of their opening. */
int broker_sessions(struct client *client, const struct broker1_session_filter *filter,
                    broker_each each, void *userdata, struct failure *failure);
