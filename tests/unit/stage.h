/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Everything of the broker below main.c, for tests of the bus layer: a real ledger on a file of its
 * own, real look-ups in worker processes, but people made up here. */

#include <sys/types.h>

#include "bus/call.h"

/* Uids that every host has (a bus refuses others), here with people of our own. alice (in ops) may
 * ask for root and oracle, bob and carol (in security) may approve; two must for oracle. */
#define ALICE 1
#define BOB 2
#define CAROL 3
#define MALLORY 65534
#define NOBODY_HERE 5
/* hangs-NAME never comes back, fails-NAME cannot be told. */
#define HANGING 4100

struct stage {
    char directory[64]; /* 0755; for sockets and files */
    sd_event *event;
    struct store *store;
    struct ledger *ledger;
    struct names *names;
    struct waiters *waiters;
    struct bus bus;
    DBusConnection *signals; /* hears of every event where it is set */
    unsigned events[EVENT_KIND_COUNT];
};

/* For cmocka; *state is the struct stage. */
int stage_set_up(void **state);
int stage_tear_down(void **state);

/* True if this process is a worker of names: main returns *ret_code at once. */
bool stage_is_worker(int argc, char **argv, int *ret_code);

/* Runs what is due now; the number of turns that did something. Fails past ten thousand. */
unsigned stage_run(struct stage *stage);

/* Runs until the condition holds; fails the test after a minute. Clients (may be NULL) are served
 * without blocking. */
void stage_until(struct stage *stage, bool (*condition)(void *userdata), void *userdata,
                 DBusConnection *const *clients, size_t n_clients);

/* Sends the call, waits for its answer and returns it. The caller unrefs both. */
DBusMessage *stage_call(struct stage *stage, DBusConnection *client, DBusMessage *call);

/* A login of alice at the door sudo, for the gate's method (id 0: without one). */
DBusMessage *stage_login(const char *method, uint64_t id, const char *person, const char *account,
                         uint32_t wait_seconds);

/* Files a request as that person's and returns its number. */
uint64_t stage_request(struct stage *stage, uid_t uid, const char *account);

/* Approves it as that person. Returns 0 or an error code. */
int stage_approve(struct stage *stage, uint64_t id, uid_t uid);
int stage_deny(struct stage *stage, uint64_t id, uid_t uid);

/* The state of a request. */
enum checkout_state stage_state(struct stage *stage, uint64_t id);

/* Connects to a peer's socket or a bus as that uid; the caller closes and unrefs. */
DBusConnection *stage_connect(const char *address, uid_t uid, bool is_bus);
void stage_hang_up(DBusConnection *connection);

size_t stage_count_fds(void);
