/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a door costs: one account phase through libpam, again and again, or the least that a
 * question over libdbus can cost.
 *
 *   door_cost pam CONFDIR SERVICE USER RUSER COUNT    every service file names its own stack
 *   door_cost dbus SOCKET COUNT                       connect, Ping, close
 *
 * Prints microseconds, one call a line. The first call, which loads everything, is left out. */

#include <dbus/dbus.h>
#include <errno.h>
#include <security/pam_appl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gate1.h"

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "door_cost: %s\n", what);
    exit(EXIT_FAILURE);
}

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int say_nothing(int count, const struct pam_message **messages, struct pam_response **ret,
                       void *data)
{
    return PAM_CONV_ERR;
}

/* One login program's account phase: the stack is read and its modules are loaded in it. */
static uint64_t call_pam(char **arguments)
{
    struct pam_conv conversation = {.conv = say_nothing};
    pam_handle_t *pamh = NULL;
    uint64_t start, end;
    int code;

    if (pam_start_confdir(arguments[1], arguments[2], &conversation, arguments[0], &pamh) !=
            PAM_SUCCESS ||
        pam_set_item(pamh, PAM_RUSER, arguments[3]) != PAM_SUCCESS)
        fail("pam_start");
    start = now_ns();
    code = pam_acct_mgmt(pamh, 0);
    end = now_ns();
    if (code != PAM_SUCCESS)
        fail(pam_strerror(pamh, code));
    pam_end(pamh, code);
    return end - start;
}

static DBusConnection *connect_to(const char *path)
{
    DBusError error = DBUS_ERROR_INIT;
    char *value = dbus_address_escape_value(path);
    DBusConnection *connection;
    char address[512];

    if (!value || snprintf(address, sizeof(address), "unix:path=%s", value) < 0)
        fail("no memory");
    dbus_free(value);
    connection = dbus_connection_open_private(address, &error);
    if (!connection)
        fail(error.message);
    return connection;
}

/* Ping is answered by libdbus itself: nothing is asked, looked up or read. */
static uint64_t call_dbus(char **arguments)
{
    DBusError error = DBUS_ERROR_INIT;
    DBusMessage *call, *reply;
    DBusConnection *connection;
    uint64_t start, end;

    start = now_ns();
    connection = connect_to(arguments[0]);
    call = dbus_message_new_method_call(NULL, GATE1_PATH, DBUS_INTERFACE_PEER, "Ping");
    if (!call)
        fail("no memory");
    reply = dbus_connection_send_with_reply_and_block(connection, call, LIMIT_ANSWER_MS, &error);
    if (!reply)
        fail(error.message);
    dbus_message_unref(reply);
    dbus_message_unref(call);
    dbus_connection_close(connection);
    dbus_connection_unref(connection);
    end = now_ns();
    return end - start;
}

int main(int argc, char **argv)
{
    uint64_t (*call)(char **arguments) = NULL;
    long count;

    if (argc == 7 && strcmp(argv[1], "pam") == 0)
        call = call_pam;
    else if (argc == 4 && strcmp(argv[1], "dbus") == 0)
        call = call_dbus;
    else
        fail("see the head of door_cost.c");
    count = strtol(argv[argc - 1], NULL, 10);

    call(argv + 2);
    for (long i = 0; i < count; i++)
        printf("%.1f\n", (double)call(argv + 2) / 1000);
    return EXIT_SUCCESS;
}
