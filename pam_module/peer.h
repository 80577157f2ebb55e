/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A D-Bus connection to the broker or to a bus, that never takes longer than it may.
 *
 * The messages are libdbus's; the socket is ours. libdbus connects without any time limit when the
 * backlog is full, and the only way to stop it there would be a timer signal, which is the host
 * program's to handle. So this file connects, says the few lines of the authentication and moves
 * bytes; nothing of the host is touched, and nothing stays behind. */

#include <dbus/dbus.h>
#include <stdint.h>

#include "cleanup.h"

struct peer;

/* Why there is no answer, in words that fit behind "the check-out broker does not answer". */
struct problem {
    char text[256];
};

/* Fills *problem with text, cut where it is too long, and returns r. */
int problem_set(struct problem *problem, int r, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with "what: " and the description of the negative errno r. */
int problem_errno(struct problem *problem, int r, const char *what);

/* How long a thing may take. */
struct patience {
    uint64_t deadline; /* on the clock of peer_now() */
    int stop_fd;       /* readable when it is to end at once; -1: none. Never read from. */
    int client_fd;     /* a socket whose other end must stay there; -1: none. Never read from. */
};

/* Milliseconds of CLOCK_MONOTONIC. */
uint64_t peer_now(void);

/* Sleeps. Returns 0, -ETIMEDOUT if the deadline comes first, -ECANCELED if stop_fd became readable,
 * -ESHUTDOWN if the client has gone. */
int peer_pause(uint64_t milliseconds, const struct patience *patience);

enum peer_kind {
    PEER_GATE, /* nobody but root can use the socket */
    PEER_BUS,  /* everybody can */
};

/* Connects to the socket at path and says who we are. The socket must be root's in a directory of
 * root's, and whoever listens must have begun to as uid 0. Whether it lets us in shows with the
 * first answer.
 * Returns 0 or a negative errno with *problem filled in: -EPERM is not the right socket,
 * -ETIMEDOUT, -ECANCELED (stop_fd), -ESHUTDOWN (client_fd), -ENOMEM; anything else is a connection
 * that cannot be made or was lost. */
int peer_connect(const char *path, enum peer_kind kind, const struct patience *patience,
                 struct peer **ret_peer, struct problem *problem);
struct peer *peer_free(struct peer *peer);

DEFINE_CLEANUP(struct peer *, peer, peer_free);

/* Waits until the other side has answered at all: systemd holds the socket of a broker that is not
 * there. Returns 0, -EPROTO if it is no D-Bus peer or does not let us in, else as above. */
int peer_await(struct peer *peer, const struct patience *patience, struct problem *problem);

/* Sends the call and returns its reply, a method return or an error; the caller unrefs it. fd is
 * the one descriptor that goes with the call and stays the caller's; -1: none. What comes with the
 * reply, and whatever is not the reply, is dropped. Returns 0 or a negative errno with *problem
 * filled in: -EBADMSG for what is not D-Bus, -EMSGSIZE for a message above LIMIT_GATE_MESSAGE,
 * -ECONNRESET or -EPIPE for a lost connection, else as peer_await. After an error only peer_free is
 * of use. */
int peer_call(struct peer *peer, DBusMessage *call, int fd, const struct patience *patience,
              DBusMessage **ret_reply, struct problem *problem);
