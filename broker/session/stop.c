/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "session/stop.h"

#include <errno.h>
#include <string.h>

#include "cleanup.h"

#define SYSTEMD "org.freedesktop.systemd1"

struct stop {
    DBusPendingCall *call;
    stop_answered answered;
    void *userdata;
};

DEFINE_CLEANUP(struct stop *, stop, stop_free);
DEFINE_CLEANUP(DBusMessage *, message, dbus_message_unref);

static void on_answer(DBusPendingCall *call, void *userdata)
{
    struct stop *stop = userdata;
    CLEANUP(cleanup_message) DBusMessage *reply = dbus_pending_call_steal_reply(call);
    DBusError error = DBUS_ERROR_INIT;

    if (!reply)
        stop->answered("no answer", stop->userdata);
    else if (!dbus_set_error_from_message(&error, reply) ||
             strcmp(error.name, SYSTEMD ".NoSuchUnit") == 0) /* it has gone by itself */
        stop->answered(NULL, stop->userdata);
    else
        stop->answered(error.message, stop->userdata);
    dbus_error_free(&error);
}

int stop_unit(DBusConnection *connection, const char *unit, int timeout_ms, stop_answered answered,
              void *userdata, struct stop **ret_stop)
{
    CLEANUP(cleanup_stop) struct stop *stop = calloc(1, sizeof(*stop));
    CLEANUP(cleanup_message) DBusMessage *message = NULL;
    const char *mode = "replace";

    if (!connection || !dbus_connection_get_is_connected(connection))
        return -ENOTCONN;
    message = dbus_message_new_method_call(SYSTEMD, "/org/freedesktop/systemd1", SYSTEMD ".Manager",
                                           "StopUnit");
    if (!stop || !message ||
        !dbus_message_append_args(message, DBUS_TYPE_STRING, &unit, DBUS_TYPE_STRING, &mode,
                                  DBUS_TYPE_INVALID))
        return -ENOMEM;
    stop->answered = answered;
    stop->userdata = userdata;
    if (!dbus_connection_send_with_reply(connection, message, &stop->call, timeout_ms) ||
        !stop->call || !dbus_pending_call_set_notify(stop->call, on_answer, stop, NULL))
        return -ENOMEM;
    *ret_stop = TAKE_PTR(stop);
    return 0;
}

struct stop *stop_free(struct stop *stop)
{
    if (!stop)
        return NULL;
    if (stop->call) {
        dbus_pending_call_cancel(stop->call);
        dbus_pending_call_unref(stop->call);
    }
    free(stop);
    return NULL;
}
