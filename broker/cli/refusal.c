/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/refusal.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "error.h"

/* The bus's own errors. `delivered`: the broker may have had the call before this came back. */
struct bus_error {
    const char *name;
    enum exit_code exit;
    bool delivered;
    const char *short_name;
    const char *sentence;
};

#define SPAWN "org.freedesktop.DBus.Error.Spawn."
/* dbus-daemon hands on what systemd said when it could not start the unit. */
#define SYSTEMD "org.freedesktop.systemd1."

static const struct bus_error bus_errors[] = {
    {DBUS_ERROR_SERVICE_UNKNOWN, EXIT_NO_BROKER, false, "NoBroker",
     "no broker: nobody has the name org.pamcheckout.Broker1 on the system bus, and it could not "
     "be "
     "started"},
    {DBUS_ERROR_NAME_HAS_NO_OWNER, EXIT_NO_BROKER, false, "NoBroker",
     "no broker: nobody has the name org.pamcheckout.Broker1 on the system bus"},
    {DBUS_ERROR_TIMED_OUT, EXIT_NO_BROKER, false, "NoBroker",
     "no broker: the system bus waited in vain for it to start"},
    {DBUS_ERROR_LIMITS_EXCEEDED, EXIT_NO_BROKER, false, "BusLimit",
     "the system bus takes no more from you now"},
    {DBUS_ERROR_ACCESS_DENIED, EXIT_REFUSED, false, "AccessDenied",
     "the system bus does not let you speak to the broker"},
    {DBUS_ERROR_UNKNOWN_METHOD, EXIT_REFUSED, false, "NotSupported",
     "the broker does not know this; it is older or newer than checkoutctl"},
    {DBUS_ERROR_UNKNOWN_INTERFACE, EXIT_REFUSED, false, "NotSupported",
     "the broker does not know this; it is older or newer than checkoutctl"},
    {DBUS_ERROR_UNKNOWN_OBJECT, EXIT_REFUSED, false, "NotSupported",
     "the broker does not know this; it is older or newer than checkoutctl"},
    {DBUS_ERROR_NO_REPLY, EXIT_NO_BROKER, true, "NoBroker",
     "the broker went away without an answer"},
    {DBUS_ERROR_DISCONNECTED, EXIT_NO_BROKER, true, "NoBroker",
     "the connection to the system bus broke"},
    {DBUS_ERROR_NO_MEMORY, EXIT_NO_BROKER, true, "NoBroker", "the broker ran out of memory"},
};

static const struct bus_error *bus_error_find(const char *name)
{
    static const struct bus_error spawn = {SPAWN "*", EXIT_NO_BROKER, false, "NoBroker",
                                           "no broker: it could not be started"};

    if (strncmp(name, SPAWN, strlen(SPAWN)) == 0 || strncmp(name, SYSTEMD, strlen(SYSTEMD)) == 0)
        return &spawn;
    for (size_t i = 0; i < sizeof(bus_errors) / sizeof(*bus_errors); i++)
        if (strcmp(bus_errors[i].name, name) == 0)
            return &bus_errors[i];
    return NULL;
}

int refusal_from_message(DBusMessage *message, enum client_call_kind kind, struct failure *failure)
{
    const char *name = dbus_message_get_error_name(message);
    const char *text = NULL;
    enum error_code code = error_from_dbus_name(name);
    const struct bus_error *bus_error;

    if (!dbus_message_get_args(message, NULL, DBUS_TYPE_STRING, &text, DBUS_TYPE_INVALID) ||
        text[0] == '\0')
        text = NULL;

    if (code != ERROR_NONE)
        return failure_set(failure, EXIT_REFUSED, error_short_name(code), "%s",
                           text ? text : error_short_name(code));

    bus_error = bus_error_find(name);
    if (!bus_error)
        return failure_set(failure, EXIT_REFUSED, "Failed", "the broker answered %s%s%s", name,
                           text ? ": " : "", text ? text : "");
    if (kind == CLIENT_WRITE && bus_error->delivered)
        return failure_set(failure, EXIT_UNKNOWN, "OutcomeUnknown",
                           "it was sent, but %s: whether it was done is not known",
                           bus_error->sentence);
    failure_set(failure, bus_error->exit, bus_error->short_name, "%s%s%s%s", bus_error->sentence,
                text ? " (" : "", text ? text : "", text ? ")" : "");
    if (bus_error->exit == EXIT_NO_BROKER)
        failure_add(failure, "%s", REFUSAL_LOOK);
    return failure->exit;
}
