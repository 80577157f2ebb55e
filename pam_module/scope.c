/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "scope.h"

#include <dbus/dbus.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Never the environment's: libdbus follows DBUS_SYSTEM_BUS_ADDRESS wherever the real, effective and
 * saved ids agree, as they do in sudoedit. */
#define BUS_PATH "/run/dbus/system_bus_socket"
#define MANAGER "org.freedesktop.systemd1.Manager"
#define UNIT_EXISTS "org.freedesktop.systemd1.UnitExists"

/* Names that are tried: a scope that a process of the same number left behind may still be there.
 */
#define NAMES_MAX 16
/* How long what does not end on SIGTERM and SIGHUP stays (systemd.kill(5), TimeoutStopSec=). */
#define STOP_USEC (5 * UINT64_C(1000000))
/* How often the process looks where it is. Nobody tells it. */
#define LOOK_MS 1

DEFINE_CLEANUP(DBusMessage *, message, dbus_message_unref);

/* A property of the unit. */
struct property {
    const char *name;
    const char *signature; /* "s", "b", "t", or "au" for one number */
    const void *value;
};

static bool append_value(DBusMessageIter *variant, const struct property *property)
{
    DBusMessageIter array = DBUS_MESSAGE_ITER_INIT_CLOSED;

    if (property->signature[0] != DBUS_TYPE_ARRAY)
        return dbus_message_iter_append_basic(variant, property->signature[0], property->value);
    if (dbus_message_iter_open_container(variant, DBUS_TYPE_ARRAY, "u", &array) &&
        dbus_message_iter_append_basic(&array, DBUS_TYPE_UINT32, property->value) &&
        dbus_message_iter_close_container(variant, &array))
        return true;
    dbus_message_iter_abandon_container_if_open(variant, &array);
    return false;
}

static bool append_property(DBusMessageIter *properties, const struct property *property)
{
    DBusMessageIter entry = DBUS_MESSAGE_ITER_INIT_CLOSED;
    DBusMessageIter variant = DBUS_MESSAGE_ITER_INIT_CLOSED;

    if (dbus_message_iter_open_container(properties, DBUS_TYPE_STRUCT, NULL, &entry) &&
        dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &property->name) &&
        dbus_message_iter_open_container(&entry, DBUS_TYPE_VARIANT, property->signature,
                                         &variant) &&
        append_value(&variant, property) && dbus_message_iter_close_container(&entry, &variant) &&
        dbus_message_iter_close_container(properties, &entry))
        return true;
    dbus_message_iter_abandon_container_if_open(&entry, &variant);
    dbus_message_iter_abandon_container_if_open(properties, &entry);
    return false;
}

/* The empty list of auxiliary units that StartTransientUnit wants last. */
static bool append_no_units(DBusMessageIter *call)
{
    DBusMessageIter array = DBUS_MESSAGE_ITER_INIT_CLOSED;

    return dbus_message_iter_open_container(call, DBUS_TYPE_ARRAY, "(sa(sv))", &array) &&
           dbus_message_iter_close_container(call, &array);
}

static bool append_unit(DBusMessageIter *call, const char *unit, const struct property *properties,
                        size_t count)
{
    DBusMessageIter array = DBUS_MESSAGE_ITER_INIT_CLOSED;
    /* Not "fail": where this is the caller's only scope, the end of the last one may have queued a
     * stop of the slice just now. What a shutdown has queued cannot be replaced. */
    const char *mode = "replace";

    if (!dbus_message_iter_append_basic(call, DBUS_TYPE_STRING, &unit) ||
        !dbus_message_iter_append_basic(call, DBUS_TYPE_STRING, &mode) ||
        !dbus_message_iter_open_container(call, DBUS_TYPE_ARRAY, "(sv)", &array))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!append_property(&array, &properties[i])) {
            dbus_message_iter_abandon_container(call, &array);
            return false;
        }
    return dbus_message_iter_close_container(call, &array) && append_no_units(call);
}

/* The seconds from now to then, for a clock that nobody sets: at least one, and no more than a
 * check-out can have. */
static uint64_t microseconds_until(uint64_t then)
{
    uint64_t wall = (uint64_t)time(NULL);
    uint64_t left = then > wall ? then - wall : 1;

    if (left > LIMIT_DURATION_SECONDS)
        left = LIMIT_DURATION_SECONDS;
    return left * 1000000;
}

/* Process 0 is the sender, as the bus knows it (systemd, bus_scope_set_transient_property()): where
 * the bus is shared with another PID namespace, this process' own number is somebody else's there.
 * SendSIGHUP, or an interactive shell, which ignores SIGTERM, stays until the final SIGKILL and
 * leaves the terminal raw. */
static bool append_scope(DBusMessageIter *call, const char *unit, const struct scope *scope)
{
    char slice[32], description[LIMIT_SENTENCE];
    const char *slice_name = slice, *text = description, *collect = "inactive-or-failed";
    dbus_uint32_t pid = 0;
    dbus_uint64_t stop = STOP_USEC, most = 0;
    dbus_bool_t yes = TRUE;
    struct property properties[7] = {
        {"PIDs", "au", &pid},      {"Slice", "s", &slice_name},     {"Description", "s", &text},
        {"SendSIGHUP", "b", &yes}, {"TimeoutStopUSec", "t", &stop}, {"CollectMode", "s", &collect},
    };
    size_t count = 6;

    snprintf(slice, sizeof(slice), "user-%" PRIu32 ".slice", scope->uid);
    snprintf(description, sizeof(description), "Check-out %" PRIu64 ": %s has %s", scope->checkout,
             scope->person, scope->account);
    if (scope->latest > 0) {
        most = microseconds_until(scope->latest);
        properties[count++] = (struct property){"RuntimeMaxUSec", "t", &most};
    }
    return append_unit(call, unit, properties, count);
}

static DBusMessage *make_start(const char *unit, const struct scope *scope)
{
    CLEANUP(cleanup_message) DBusMessage *call = NULL;
    DBusMessageIter iter;

    call = dbus_message_new_method_call("org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                                        MANAGER, "StartTransientUnit");
    if (!call)
        return NULL;
    dbus_message_set_auto_start(call, FALSE);
    dbus_message_iter_init_append(call, &iter);
    return append_scope(&iter, unit, scope) ? TAKE_PTR(call) : NULL;
}

/* Calls, and makes a problem of an error. */
static int call_bus(struct peer *bus, DBusMessage *call, const struct patience *patience,
                    bool *ret_exists, struct problem *problem)
{
    CLEANUP(cleanup_message) DBusMessage *reply = NULL;
    const char *text = "no reason given", *name;
    int r;

    if (!call)
        return problem_set(problem, -ENOMEM, "no memory");
    r = peer_call(bus, call, -1, patience, &reply, problem);
    if (r < 0)
        return r;
    *ret_exists = dbus_message_is_error(reply, UNIT_EXISTS);
    if (*ret_exists || dbus_message_get_type(reply) != DBUS_MESSAGE_TYPE_ERROR)
        return 0;
    name = dbus_message_get_error_name(reply);
    (void)dbus_message_get_args(reply, NULL, DBUS_TYPE_STRING, &text, DBUS_TYPE_INVALID);
    return problem_set(problem, -EPROTO, "%s: %s", name ? name : "an error without a name", text);
}

static int say_hello(struct peer *bus, const struct patience *patience, struct problem *problem)
{
    CLEANUP(cleanup_message)
    DBusMessage *call = dbus_message_new_method_call(DBUS_SERVICE_DBUS, DBUS_PATH_DBUS,
                                                     DBUS_INTERFACE_DBUS, "Hello");
    bool exists;

    return call_bus(bus, call, patience, &exists, problem);
}

/* Has systemd make the scope, under the first name that is free. */
static int start(const struct scope *scope, const struct patience *patience, char *unit,
                 size_t size, struct problem *problem)
{
    CLEANUP(cleanup_peer) struct peer *bus = NULL;
    int length, r;

    r = peer_connect(BUS_PATH, PEER_BUS, patience, &bus, problem);
    if (r == 0)
        r = say_hello(bus, patience, problem);
    if (r < 0)
        return r;

    length = snprintf(unit, size, "pam-checkout-%" PRIu64 "-%ld", scope->checkout, (long)getpid());
    for (unsigned i = 0; i < NAMES_MAX; i++) {
        CLEANUP(cleanup_message) DBusMessage *call = NULL;
        bool exists = false;

        if (i == 0)
            snprintf(unit + length, size - (size_t)length, ".scope");
        else
            snprintf(unit + length, size - (size_t)length, "-%u.scope", i);
        call = make_start(unit, scope);
        r = call_bus(bus, call, patience, &exists, problem);
        if (r < 0 || !exists)
            return r;
    }
    return problem_set(problem, -EEXIST, "all its names are taken");
}

/* Where systemd puts it. The name alone says nothing: below user@.service people make cgroups of
 * any name (systemd.resource-control(5), Delegate=), and could leave them when they like. */
static int path_of(const struct scope *scope, const char *unit, char *path, size_t size)
{
    return snprintf(path, size, "/user.slice/user-%" PRIu32 ".slice/%s", scope->uid, unit);
}

/* The answer comes before the move: a command that is started at once would stay outside. */
static int wait_until_moved(const struct scope *scope, const char *unit,
                            const struct patience *patience, struct cgroup *ret_cgroup,
                            struct problem *problem)
{
    char path[LIMIT_UNIT + 64];

    path_of(scope, unit, path, sizeof(path));
    for (;;) {
        int r = cgroup_read(0, ret_cgroup);

        if (r < 0)
            return problem_errno(problem, r, "/proc/self/cgroup");
        if (strcmp(ret_cgroup->path, path) == 0)
            return 0;
        r = peer_pause(LOOK_MS, patience);
        if (r == -ETIMEDOUT)
            return problem_set(problem, r, "systemd did not move the login in time");
        if (r < 0)
            return problem_errno(problem, r, "the wait for systemd");
    }
}

/* The module may stand in the stack twice. */
static bool is_there(const struct scope *scope, const struct cgroup *cgroup)
{
    char unit[LIMIT_UNIT], path[LIMIT_UNIT + 64];
    size_t length;

    snprintf(unit, sizeof(unit), "pam-checkout-%" PRIu64 "-%ld", scope->checkout, (long)getpid());
    length = (size_t)path_of(scope, unit, path, sizeof(path));
    return cgroup_is_checkout(cgroup_unit(cgroup)) && strncmp(cgroup->path, path, length) == 0 &&
           (cgroup->path[length] == '.' || cgroup->path[length] == '-') &&
           !strchr(cgroup->path + length, '/');
}

int scope_enter(const struct scope *scope, const struct patience *patience,
                struct cgroup *ret_cgroup, struct problem *problem)
{
    char unit[LIMIT_UNIT];
    int r;

    r = cgroup_read(0, ret_cgroup);
    if (r == -ENODATA)
        return problem_set(problem, r, "this system has no unified cgroup hierarchy");
    if (r < 0)
        return problem_errno(problem, r, "/proc/self/cgroup");
    if (is_there(scope, ret_cgroup))
        return 0;
    r = start(scope, patience, unit, sizeof(unit), problem);
    if (r < 0)
        return r;
    return wait_until_moved(scope, unit, patience, ret_cgroup, problem);
}
