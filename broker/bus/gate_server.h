/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The gate: doors connect to a socket of its own, without a bus daemon. Only root is admitted. */

#include "bus/call.h"

struct gate_server;

/* address: "systemd:" for the socket that systemd handed over, or "unix:path=…". Returns 0, or an
 * error code with a sentence. */
int gate_server_new(struct bus *bus, const char *address, struct gate_server **ret_server,
                    struct error *error);

/* Does a login that is connected now wait for that request? */
bool gate_server_waits_for(const struct gate_server *server, uint64_t id);

/* Closes the doors' connections; those that wait will come back. Accepts NULL, returns NULL. */
struct gate_server *gate_server_free(struct gate_server *server);
