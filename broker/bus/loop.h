/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* libdbus on an sd-event loop: one event source per file descriptor, whatever watches libdbus has
 * on it, and dispatching from a source of its own. */

#include <dbus/dbus.h>
#include <stdbool.h>
#include <systemd/sd-event.h>

struct loop;

/* From now on the loop serves the connection (or server), which must outlive the attachment.
 * Messages that are already queued are dispatched. Returns 0 or a negative errno. */
int loop_attach_connection(sd_event *event, DBusConnection *connection, struct loop **ret_loop);
int loop_attach_server(sd_event *event, DBusServer *server, struct loop **ret_loop);

/* While it is paused nothing is read, written or accepted. May be called from everywhere. */
void loop_pause(struct loop *loop, bool paused);

/* Takes every hook out of libdbus again. Accepts NULL, returns NULL. Not from inside a watch of the
 * same attachment: detach from a dispatched message or a source of its own. */
struct loop *loop_detach(struct loop *loop);
