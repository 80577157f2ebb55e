/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One batch of look-ups from when it was asked for until it is answered. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "names/message.h"
#include "names/names.h"

struct lane;
struct worker;

struct names_lookup {
    struct names *names;
    struct lane *lane;
    struct worker *worker; /* that is on it, or NULL */
    uint64_t id;
    uint64_t deadline; /* CLOCK_MONOTONIC, microseconds */
    int error;         /* if it is among the failed */
    bool finishing;    /* done is being called */
    names_done done;   /* NULL: cancelled */
    void *userdata;
    TAILQ_ENTRY(names_lookup) in_pending;
    TAILQ_ENTRY(names_lookup) in_queue; /* the lane's waiting ones, or the failed */
    struct message_buffer request;
    struct names_result *results; /* room for one per item, zeroed */
    size_t count;
    struct names_item items[];
};

TAILQ_HEAD(lookup_list, names_lookup);

/* Copies and checks the items and writes the request. Returns 0, -EINVAL or -ENOMEM. */
int lookup_new(const struct names_item *items, size_t count, struct names_lookup **ret_lookup);
struct names_lookup *lookup_free(struct names_lookup *lookup);

DEFINE_CLEANUP(struct names_lookup *, lookup, lookup_free);

/* True if groups or members are asked for. */
bool lookup_needs_groups(const struct names_lookup *lookup);
