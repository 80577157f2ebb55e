/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Check-outs -> dictionaries for people. */

#include <dbus/dbus.h>

#include "store/store.h"

/* Appends one check-out with its sessions (may be none) as a{sv}. Returns 0, -ENOMEM or -EINVAL. */
int encode_checkout(DBusMessageIter *iter, const struct checkout *checkout,
                    struct session *const *sessions, size_t n_sessions);

/* Appends sessions as aa{sv}. 0, -ENOMEM or -EINVAL. */
int encode_sessions(DBusMessage *reply, const struct sessions *sessions);

/* Appends a page of audit records, or of rows, as aa{sv}. 0, -ENOMEM or -EINVAL. */
int encode_trail(DBusMessage *reply, const struct trail *trail, bool rows);
