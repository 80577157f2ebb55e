/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The interface for people on the system bus. */

#include "bus/call.h"

/* No environment variable moves it. */
#define PEOPLE_BUS_ADDRESS "unix:path=/run/dbus/system_bus_socket"

struct people_server;

/* Connects. Blocks only here and in people_server_open. on_lost is called from the loop when the
 * bus has gone. Returns 0, or an error code with a sentence. */
int people_server_new(struct bus *bus, const char *address, void (*on_lost)(void *userdata),
                      void *userdata, struct people_server **ret_server, struct error *error);

/* Takes the name and serves, to be called once. */
int people_server_open(struct people_server *server, struct error *error);

struct people_server *people_server_free(struct people_server *server); /* NULL is fine */

/* Answers everybody who waits for a reload up to that number; problem NULL: it was taken. */
void people_answer_reload(struct bus *bus, uint64_t done, const char *problem);

/* For signals; borrowed. */
DBusConnection *people_server_connection(struct people_server *server);
