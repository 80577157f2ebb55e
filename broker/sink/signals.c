/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sink/signals.h"

#include "broker1.h"
#include "cleanup.h"

DEFINE_CLEANUP(DBusMessage *, message, dbus_message_unref);

void signals_sink(const struct event *event, void *userdata)
{
    DBusConnection *connection = userdata;
    CLEANUP(cleanup_message) DBusMessage *signal = NULL;
    const char *state = state_name(event->state_new);
    dbus_uint64_t id;

    if (!event->checkout || event->kind == EVENT_DECISION_REFUSED)
        return;
    id = event->checkout->id;
    signal = dbus_message_new_signal(BROKER1_PATH, BROKER1_INTERFACE, BROKER1_SIGNAL_CHANGED);
    if (signal && dbus_message_append_args(signal, DBUS_TYPE_UINT64, &id, DBUS_TYPE_STRING, &state,
                                           DBUS_TYPE_INVALID))
        (void)dbus_connection_send(connection, signal, NULL); /* out of memory: a hint less */
}
