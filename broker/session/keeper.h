/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Keeps the sessions that are open: knows when each is over, warns before its check-out ends, and
 * ends it then. What becomes of them goes into the ledger. */

#include <dbus/dbus.h>
#include <systemd/sd-event.h>

#include "ledger/ledger.h"
#include "session/fdstore.h"

struct keeper;

/* Borrowed; outlives the keeper. */
struct keeper_settings {
    sd_event *event;
    struct ledger *ledger;
    DBusConnection *bus;  /* the system's, to ask systemd; NULL: there is none */
    struct fdstore *kept; /* from before a restart; NULL: nothing */
    const char *cgroups;  /* CGROUP_ROOT */
    const char *devices;  /* "/dev" */
    struct moment (*now)(void);
    void (*complain)(const char *problem);
};

/* Returns 0 or a negative errno. */
int keeper_new(const struct keeper_settings *settings, struct keeper **ret_keeper);
struct keeper *keeper_free(struct keeper *keeper);

/* An event_sink: hears of sessions and of the ends of check-outs. userdata is the keeper. */
void keeper_sink(const struct event *event, void *userdata);

/* The sessions that the ledger has open are watched again, and those of another boot closed. To be
 * called once, with the policies read and before time does its work. */
void keeper_start(struct keeper *keeper);

/* The handle that ends the session, which the keeper owns from now on. */
void keeper_adopt(struct keeper *keeper, const char *session, int kill);

/* Warns where it is time to, and looks after what was missed. */
void keeper_tick(struct keeper *keeper, const struct moment *now);

/* When it should be called next, in seconds from now; 0: no need. */
uint64_t keeper_next_tick(const struct keeper *keeper, const struct moment *now);
