/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Asks systemd to stop a unit: without waiting, and not for long. */

#include <dbus/dbus.h>

struct stop;

/* Called from the loop, once: problem NULL: systemd does it. The stop is still the owner's to
 * free. */
typedef void (*stop_answered)(const char *problem, void *userdata);

/* The connection is to the system bus. Returns 0, -ENOTCONN or -ENOMEM. */
int stop_unit(DBusConnection *connection, const char *unit, int timeout_ms, stop_answered answered,
              void *userdata, struct stop **ret_stop);
struct stop *stop_free(struct stop *stop);
