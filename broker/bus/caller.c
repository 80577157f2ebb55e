/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus/caller.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit_number.h"
#include "caps.h"

static void fail(struct call *call, const char *why)
{
    struct error error;

    error_set(&error, ERROR_NOT_PERMITTED, "the bus does not say who you are (%s)", why);
    call_finish(call, &error);
}

static int read_loginuid(uint32_t pid, uint32_t *ret_loginuid)
{
    char path[32];

    (void)snprintf(path, sizeof(path), "/proc/%u/loginuid", pid);
    return audit_number_read(path, ret_loginuid);
}

/* Reads what we need of GetConnectionCredentials' a{sv}; other keys are the bus's own business. */
static int read_credentials(DBusMessage *reply, uint32_t *ret_uid, uint32_t *ret_pid)
{
    DBusMessageIter iter, array, entry, variant;
    bool has_uid = false, has_pid = false;

    if (!dbus_message_has_signature(reply, "a{sv}") || !dbus_message_iter_init(reply, &iter))
        return -EINVAL;
    for (dbus_message_iter_recurse(&iter, &array);
         dbus_message_iter_get_arg_type(&array) == DBUS_TYPE_DICT_ENTRY;
         dbus_message_iter_next(&array)) {
        const char *key;

        dbus_message_iter_recurse(&array, &entry);
        dbus_message_iter_get_basic(&entry, &key);
        dbus_message_iter_next(&entry);
        dbus_message_iter_recurse(&entry, &variant);
        if (dbus_message_iter_get_arg_type(&variant) != DBUS_TYPE_UINT32)
            continue;
        if (strcmp(key, "UnixUserID") == 0) {
            dbus_message_iter_get_basic(&variant, ret_uid);
            has_uid = true;
        } else if (strcmp(key, "ProcessID") == 0) {
            dbus_message_iter_get_basic(&variant, ret_pid);
            has_pid = true;
        }
    }
    return has_uid && has_pid ? 0 : -ENODATA;
}

uint64_t caller_number(const char *sender)
{
    const char *dot = sender && sender[0] == ':' ? strrchr(sender, '.') : NULL;

    return dot ? strtoull(dot + 1, NULL, 10) : 0;
}

const struct caller *caller_known(const struct bus *bus, const char *sender)
{
    const struct known_caller *known;

    if (!sender || sender[0] != ':')
        return NULL;
    known = &bus->known[caller_number(sender) % KNOWN_CALLERS];
    return strcmp(known->sender, sender) == 0 ? &known->caller : NULL;
}

static void remember(struct bus *bus, const char *sender, const struct caller *caller)
{
    struct known_caller *known = &bus->known[caller_number(sender) % KNOWN_CALLERS];

    if (sender[0] != ':' || strlen(sender) >= sizeof(known->sender))
        return;
    (void)snprintf(known->sender, sizeof(known->sender), "%s", sender);
    known->caller = *caller;
}

bool caller_is_busy(const struct bus *bus, const struct caller *caller, struct error *error)
{
    if (bus->counts.of_uid[caller->uid % CALL_PLACES] < LIMIT_CALLS_PERSON)
        return false;
    error_set(error, ERROR_LIMIT_REACHED,
              "%d calls of yours are under way, which is the most that one person may have: wait "
              "for an answer first",
              LIMIT_CALLS_PERSON);
    return true;
}

/* Counts the call as the person's. False if that was one too many: the call is over. */
static bool enter(struct call *call)
{
    struct error error;

    if (caller_is_busy(call->bus, &call->caller, &error)) {
        call_finish(call, &error);
        return false;
    }
    call_count(call, &call->bus->counts.of_uid[call->caller.uid % CALL_PLACES]);
    return true;
}

static void on_credentials(DBusPendingCall *pending, void *userdata)
{
    struct call *call = userdata;
    CLEANUP_MESSAGE DBusMessage *reply = dbus_pending_call_steal_reply(pending);
    uint32_t uid = UID_UNSET, pid = 0, loginuid = LOGINUID_UNSET;

    dbus_pending_call_unref(TAKE_PTR(call->credentials));
    /* libdbus takes whatever has the right serial number for the reply: the bus keeps others from
     * sending one unasked, unless its policy was opened. */
    if (!reply || dbus_message_get_type(reply) != DBUS_MESSAGE_TYPE_METHOD_RETURN ||
        !dbus_message_has_sender(reply, DBUS_SERVICE_DBUS) ||
        read_credentials(reply, &uid, &pid) < 0 || uid == UID_UNSET) {
        fail(call, "no credentials");
        return;
    }
    call->caller.uid = uid;
    call->caller.loginuid_known = read_loginuid(pid, &loginuid) == 0;
    call->caller.loginuid = loginuid;
    remember(call->bus, dbus_message_get_sender(call->message), &call->caller);
    if (enter(call))
        call_continue(call);
}

void caller_find(struct call *call, call_step step)
{
    CLEANUP_MESSAGE DBusMessage *question = dbus_message_new_method_call(
        DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS, "GetConnectionCredentials");
    const char *sender = dbus_message_get_sender(call->message);
    const struct caller *known = caller_known(call->bus, sender);

    call->step = step;
    if (known) {
        call->caller = *known;
        if (enter(call))
            call_continue(call);
        return;
    }
    if (!question || !sender ||
        !dbus_message_append_args(question, DBUS_TYPE_STRING, &sender, DBUS_TYPE_INVALID) ||
        !dbus_connection_send_with_reply(call->connection, question, &call->credentials, -1) ||
        !call->credentials) {
        fail(call, "out of memory");
        return;
    }
    if (!dbus_pending_call_set_notify(call->credentials, on_credentials, call, NULL))
        fail(call, "out of memory");
}
