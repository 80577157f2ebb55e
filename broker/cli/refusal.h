/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What an error on the bus means: refused, nobody there, or nobody knows. */

#include <dbus/dbus.h>

#include "cli/client.h"
#include "cli/failure.h"

#define REFUSAL_LOOK "look with: systemctl status pam-checkout-broker"

/* Fills *failure from an error message and returns its exit code, never 0. */
int refusal_from_message(DBusMessage *message, enum client_call_kind kind, struct failure *failure);
