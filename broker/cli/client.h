/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The system bus and the broker on it: connection, calls that can be interrupted, signals. */

#include <dbus/dbus.h>
#include <stdbool.h>
#include <stdint.h>

#include "cleanup.h"
#include "cli/failure.h"

/* The D-Bus specification's well-known address. No environment variable moves it: whoever starts
 * this program under sudo or in a wrapper must not choose who is asked. */
#define CLIENT_BUS_SOCKET "/run/dbus/system_bus_socket"
#define CLIENT_BUS_ADDRESS "unix:path=" CLIENT_BUS_SOCKET

struct client;

/* Connects. Returns 0 or EXIT_NO_BROKER. *ret_client only on success. */
int client_open(struct client **ret_client, struct failure *failure);
/* Accepts NULL, returns NULL. */
struct client *client_close(struct client *client);
DEFINE_CLEANUP(struct client *, client, client_close);
#define CLEANUP_CLIENT CLEANUP(cleanup_client)

/* From here on INT, TERM and HUP do not end the process but what waits below, so that it can say
 * what was done and what was not. Returns 0 or EXIT_REFUSED. */
int client_guard_signals(struct client *client, struct failure *failure);

enum client_call_kind {
    CLIENT_READ,  /* changes nothing: without an answer there is no broker */
    CLIENT_WRITE, /* changes something: without an answer the outcome is unknown */
};

/* Makes the call and waits for its answer. The caller keeps `call`, and owns *ret_reply (which may
 * be NULL if only success matters). The reply has been checked to have the signature. Returns 0 or
 * the exit code, with *failure filled in. */
int client_call(struct client *client, enum client_call_kind kind, DBusMessage *call,
                const char *reply_signature, DBusMessage **ret_reply, struct failure *failure);

/* Asks for the broker's Changed signals and for news of its coming and going; before that none is
 * told. Returns 0 or the exit code. */
int client_subscribe(struct client *client, struct failure *failure);

enum client_news {
    CLIENT_TIMEOUT,     /* nothing happened until the deadline */
    CLIENT_CHANGED,     /* the state of *ret_id */
    CLIENT_MISSED,      /* more happened than was kept: look at everything again */
    CLIENT_BROKER_GONE, /* it has left the bus */
    CLIENT_BROKER_BACK, /* another one is there */
    CLIENT_INTERRUPTED, /* a guarded signal came */
    CLIENT_LOST,        /* no bus any more */
};

/* Milliseconds of a clock that goes on during suspend. */
uint64_t client_clock(void);

/* Waits until something happens or the clock above reaches the deadline (UINT64_MAX: never). */
enum client_news client_wait(struct client *client, uint64_t deadline, uint64_t *ret_id);

/* Waits until fd can be read. Returns 0, or EXIT_REFUSED when a guarded signal came first. */
int client_wait_input(struct client *client, int fd, struct failure *failure);
