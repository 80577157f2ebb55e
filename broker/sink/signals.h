/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Tells the bus that a check-out has changed: its number and state, nothing else. */

#include <dbus/dbus.h>

#include "core/event.h"

/* An event_sink; userdata is the DBusConnection. */
void signals_sink(const struct event *event, void *userdata);
