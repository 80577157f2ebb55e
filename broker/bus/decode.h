/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Messages -> the structs that the ledger takes. Checks form only: types, lengths, text, known
 * words. Everything is borrowed from the message. Each returns 0, or ERROR_INVALID_ARGUMENT naming
 * the argument. The signature was checked before. */

#include <dbus/dbus.h>

#include "ledger/ledger.h"

/* ret_id NULL: the login is the only argument; else the id comes before it. */
int decode_login(DBusMessage *message, uint64_t *ret_id, struct login *ret_login,
                 struct error *error);

/* What comes with a login to end its session by; -1: nothing. The caller closes it. */
int decode_kill_handle(DBusMessage *message, int *ret_kill, struct error *error);

int decode_request(DBusMessage *message, struct request *ret_request, struct error *error);
/* The person and the request that Grant makes for them. */
int decode_grant(DBusMessage *message, const char **ret_person, struct request *ret_request,
                 struct error *error);
int decode_extend(DBusMessage *message, uint64_t *ret_id, uint64_t *ret_seconds,
                  const char **ret_reason, struct error *error);
int decode_question(DBusMessage *message, struct explain_request *ret_request, struct error *error);

int decode_approval(DBusMessage *message, uint64_t *ret_id, struct approval_terms *ret_terms,
                    struct error *error);

/* An id, and the reason that must come with it where ret_reason is given. */
int decode_id(DBusMessage *message, uint64_t *ret_id, const char **ret_reason, struct error *error);

/* The check-out where ret_id is given, where to go on, and how many at most. */
int decode_page(DBusMessage *message, uint64_t *ret_id, uint64_t *ret_after, uint32_t *ret_limit,
                struct error *error);
int decode_rows(DBusMessage *message, enum trail_table *ret_table, uint64_t *ret_after,
                uint32_t *ret_limit, struct error *error);
int decode_digest(DBusMessage *message, const char **ret_digest, struct error *error);

int decode_list(DBusMessage *message, struct list_request *ret_request, struct error *error);
int decode_sessions(DBusMessage *message, struct session_filter *ret_filter, struct error *error);
