/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One method call from the moment it arrives until it is answered: holds the message, the people
 * that it needed looked up, and what it waits for. */

#include <dbus/dbus.h>
#include <sys/queue.h>
#include <systemd/sd-event.h>

#include "bus/moment.h"
#include "ledger/ledger.h"
#include "error.h"
#include "interface.h"
#include "names/names.h"
#include "session/keeper.h"
#include "sink/waiters.h"

LIST_HEAD(call_list, call);

/* How many calls of people are under way. Senders and uids that share a place share the limit; the
 * bus numbers connections in order and uids are dense, so that few ever do. */
#define CALL_PLACES 65536

struct call_counts {
    uint16_t of_sender[CALL_PLACES];
    uint16_t of_uid[CALL_PLACES]; /* once the bus has said who it is */
    uint16_t total;
};

/* Who a connection of the bus was found to be. A unique name is never used again while the bus
 * lives (D-Bus specification, "Unique Connection Names"), and when it ends so does the broker. */
#define KNOWN_CALLERS 1024

struct known_caller {
    char sender[32]; /* "": nobody yet; longer names are asked about each time */
    struct caller caller;
};

/* What the handlers work with; everything is borrowed from main. */
struct bus {
    sd_event *event;
    struct ledger *ledger;
    struct names *names;
    /* Users that are known without the name service (names/local.h); NULL: none. name NULL: by uid.
     */
    int (*local_user)(const char *name, uid_t uid, struct identity *ret_user);
    struct waiters *waiters;
    struct keeper *keeper; /* NULL: sessions are recorded and nothing else */
    struct call_list calls;
    struct call_counts counts;
    struct known_caller known[KNOWN_CALLERS]; /* the latest who shares the place */
    /* Has the policies read anew: the number of the reload that will have seen everything written
     * before now. 0: it could not begin. */
    uint64_t (*reload)(void *userdata);
    void *userdata;
};

enum call_progress {
    CALL_ANSWERED,     /* the reply is queued; the call goes */
    CALL_PARKED,       /* something will call call_continue() */
    CALL_NEEDS_PEOPLE, /* the roster has wishes; the step is called again when they are answered */
};

/* Tries to answer. Called again after each look-up, so it must begin from nothing. */
typedef enum call_progress (*call_step)(struct call *call);

struct call {
    LIST_ENTRY(call) link;
    struct bus *bus;
    void *origin; /* what its server gave to call_dispatch */
    DBusConnection *connection;
    DBusMessage *message;
    const struct interface_method *method;
    call_step step;
    struct roster roster;
    enum names_queue queue;
    struct names_lookup *lookup;
    DBusPendingCall *credentials; /* people: the question who it is */
    struct caller caller;         /* people */
    struct waiter *waiter;        /* doors: parked in Resume */
    bool wait_over;               /* woken: answer as it stands */
    bool timed_out;               /* woken by time: the login waits no longer */
    uint64_t reload;              /* people: parked until this reload is done; 0: not */
    uint16_t *counted[3];         /* in bus->counts; NULL: not there */
};

/* Handles a message if it is a method call of this interface: finds the method, checks path and
 * signature, answers what is wrong with them, calls the handler. Introspection is answered too. */
DBusHandlerResult call_dispatch(struct bus *bus, const struct interface *interface,
                                DBusConnection *connection, DBusMessage *message, void *origin);

/* Answers a message of which no call was made, unless nobody waits for an answer. */
DBusHandlerResult call_refuse(DBusConnection *connection, DBusMessage *message,
                              const struct error *error);

/* Runs the step until it is answered or parked. The call may be gone afterwards. */
void call_run(struct call *call, call_step step);
void call_continue(struct call *call);

/* Counts it there until it is over. */
void call_count(struct call *call, uint16_t *count);

/* Drops every call of the connection, or all (NULL), unanswered. */
void calls_drop(struct bus *bus, DBusConnection *connection);

/* Each queues the one reply and returns CALL_ANSWERED. */
enum call_progress call_reply(struct call *call, int first_type, ...);
enum call_progress call_reply_message(struct call *call, DBusMessage *reply);
enum call_progress call_reply_error(struct call *call, const struct error *error);

/* For a function of the ledger: 0 replies without arguments, -EAGAIN asks for people, and an error
 * code replies the error. */
enum call_progress call_reply_result(struct call *call, int result, const struct error *error);

/* Answers a parked call: nothing, or the error. The call is over. */
void call_finish(struct call *call, const struct error *error);

DEFINE_CLEANUP(DBusMessage *, message, dbus_message_unref);
#define CLEANUP_MESSAGE CLEANUP(cleanup_message)
