/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Look-ups in the name service, which may hang: done by worker processes (this program itself,
 * started with an argument) that are killed when they take too long. Asynchronous, on the sd-event
 * loop. */

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "core/identity.h"

/* Every look-up is answered within this time, if only with -ETIMEDOUT. Below half of the module's 5
 * s: a question may need two look-ups one after the other. */
#define NAMES_TIMEOUT_MS 2000

struct names;

enum names_kind {
    NAMES_USER,    /* by name */
    NAMES_UID,     /* by uid */
    NAMES_MEMBERS, /* of the group `name`: the users listed in it and those whose primary group it
                      is */
};

/* Who waits: what people ask never delays a door. */
enum names_queue { NAMES_DOORS, NAMES_PEOPLE };

struct names_item {
    enum names_kind kind;
    const char *name; /* borrowed until names_look_up returns */
    uid_t uid;
    bool groups; /* NAMES_USER and NAMES_UID: the groups too */
};

struct names_result {
    int error; /* 0; -ENOENT: there is no such; another negative errno: could not be told */
    struct identity user;
    char **members; /* NAMES_MEMBERS; NULL-terminated */
    /* NAMES_MEMBERS: going through all users took too long, so some whose primary group it is may
     * be missing: nothing may be concluded from who is not in it. */
    bool incomplete;
};

/* results: one for each item, in order, valid during the call (the callee may move things out and
 * zero what it took); user.uid is UID_UNSET wherever there is no user. When the whole batch took
 * too long every result has -ETIMEDOUT, when its worker died or answered nonsense -EIO or -EBADMSG.
 * May look up and cancel, must not call names_free. */
typedef void (*names_done)(const struct names_item *items, struct names_result *results,
                           size_t count, void *userdata);

/* worker_program: the path that is executed with the argument NAMES_WORKER_ARGUMENT. Starts no
 * process yet, and blocks SIGCHLD, as sd_event_add_child(3) wants it. Returns 0 or a negative
 * errno. */
#define NAMES_WORKER_ARGUMENT "--names-worker"
int names_new(sd_event *event, const char *worker_program, struct names **ret_names);
struct names *names_free(struct names *names); /* pending look-ups are dropped unanswered */

struct names_lookup;

#define NAMES_BATCH_MAX 32

/* Queues a batch of 1 to NAMES_BATCH_MAX items. `done` is called from the loop, never from within.
 * Each queue has workers of its own, and within it batches that need groups and batches that do
 * not, so that a slow group look-up delays no plain one. *ret_lookup (may be NULL) can be cancelled
 * until done was called. Returns 0, -ENOMEM, -EINVAL (no such kind, no valid name, UID_UNSET), or
 * -EBUSY when too many are waiting. */
int names_look_up(struct names *names, enum names_queue queue, const struct names_item *items,
                  size_t count, names_done done, void *userdata, struct names_lookup **ret_lookup);
/* NULL is fine; done is not called. Within done it does nothing. */
void names_cancel(struct names_lookup *lookup);

/* The worker's whole life: answers batches on fd 0 until it is closed. Returns an exit code. */
int names_worker_main(void);
