/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* File descriptors that systemd keeps over a restart of the broker (sd_notify(3), FDSTORE), and
 * what it hands to one that starts (sd_listen_fds(3)). */

#include <stdbool.h>
#include <stddef.h>

struct fdstore;

/* Takes what was handed over. The one named "gate" is put where dbus_server_listen("systemd:")
 * finds it and nothing else, which refuses every descriptor that is no listening socket. To be
 * called before anything else is opened. Returns 0 or a negative errno. */
int fdstore_open(struct fdstore **ret_store);
struct fdstore *fdstore_free(struct fdstore *store); /* closes what nobody has taken */

/* The handle of the session, which is the caller's from now on; -1: none. */
int fdstore_take(struct fdstore *store, const char *session);

/* Forgets what nobody has taken: of sessions that are over. */
void fdstore_forget_others(struct fdstore *store);

/* Has systemd keep a copy until it is dropped. Without systemd nothing happens. */
void fdstore_keep(const char *session, int fd);
void fdstore_drop(const char *session);
