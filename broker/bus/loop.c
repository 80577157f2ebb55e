/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus/loop.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "cleanup.h"

/* libdbus has a reading and a writing watch on a connection's socket, one on each of a server's. */
#define LOOP_WATCHES_MAX 8

/* accept(2) that fails leaves the socket readable and libdbus says nothing: without a limit that
 * would be a busy loop until there are file descriptors again. */
#define LOOP_ACCEPT_INTERVAL_USEC (100 * 1000)
#define LOOP_ACCEPT_BURST 200

struct loop_fd {
    struct loop *loop;
    int fd;
    sd_event_source *source;
};

struct loop {
    sd_event *event;
    DBusConnection *connection; /* or NULL */
    DBusServer *server;         /* or NULL */
    sd_event_source *dispatch;
    bool paused;
    DBusWatch *watches[LOOP_WATCHES_MAX]; /* NULL: free */
    struct loop_fd *fds[LOOP_WATCHES_MAX];
};

DEFINE_CLEANUP(struct loop *, loop, loop_detach);

/* ---- watches ---- */

static uint32_t events_of(const struct loop *loop, int fd)
{
    uint32_t events = 0;

    if (loop->paused)
        return 0;
    for (size_t i = 0; i < LOOP_WATCHES_MAX; i++) {
        DBusWatch *watch = loop->watches[i];

        if (!watch || dbus_watch_get_unix_fd(watch) != fd || !dbus_watch_get_enabled(watch))
            continue;
        if (dbus_watch_get_flags(watch) & DBUS_WATCH_READABLE)
            events |= EPOLLIN;
        if (dbus_watch_get_flags(watch) & DBUS_WATCH_WRITABLE)
            events |= EPOLLOUT;
    }
    return events;
}

static int on_ready(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    struct loop *loop = ((struct loop_fd *)userdata)->loop;
    unsigned flags = (revents & EPOLLIN ? DBUS_WATCH_READABLE : 0) |
                     (revents & EPOLLOUT ? DBUS_WATCH_WRITABLE : 0) |
                     (revents & EPOLLHUP ? DBUS_WATCH_HANGUP : 0) |
                     (revents & EPOLLERR ? DBUS_WATCH_ERROR : 0);

    /* Handling one watch may remove another: each is looked up anew. */
    for (size_t i = 0; i < LOOP_WATCHES_MAX; i++) {
        DBusWatch *watch = loop->watches[i];

        if (!watch || dbus_watch_get_unix_fd(watch) != fd || !dbus_watch_get_enabled(watch))
            continue;
        unsigned wanted =
            flags & (dbus_watch_get_flags(watch) | DBUS_WATCH_HANGUP | DBUS_WATCH_ERROR);

        if (wanted)
            (void)dbus_watch_handle(watch,
                                    wanted); /* FALSE: no memory; it is ready again at once */
    }
    return 0;
}

static struct loop_fd **find_fd(struct loop *loop, int fd)
{
    for (size_t i = 0; i < LOOP_WATCHES_MAX; i++)
        if (loop->fds[i] && loop->fds[i]->fd == fd)
            return &loop->fds[i];
    return NULL;
}

/* With nothing wanted the source is switched off: an empty mask would still report a hang-up, again
 * and again. */
static int update_fd(struct loop *loop, int fd)
{
    struct loop_fd **slot = find_fd(loop, fd);
    uint32_t events = events_of(loop, fd);
    int r;

    if (!slot)
        return 0;
    r = sd_event_source_set_io_events((*slot)->source, events);
    return r < 0
               ? r
               : sd_event_source_set_enabled((*slot)->source, events ? SD_EVENT_ON : SD_EVENT_OFF);
}

static int add_fd(struct loop *loop, int fd)
{
    for (size_t i = 0; i < LOOP_WATCHES_MAX; i++) {
        if (loop->fds[i])
            continue;
        CLEANUP_FREE struct loop_fd *added = calloc(1, sizeof(*added));

        if (!added)
            return -ENOMEM;
        added->loop = loop;
        added->fd = fd;
        int r = sd_event_add_io(loop->event, &added->source, fd, 0, on_ready, added);

        if (r >= 0 && loop->server)
            r = sd_event_source_set_ratelimit(added->source, LOOP_ACCEPT_INTERVAL_USEC,
                                              LOOP_ACCEPT_BURST);
        if (r < 0) {
            sd_event_source_disable_unref(added->source);
            return r;
        }
        loop->fds[i] = TAKE_PTR(added);
        return 0;
    }
    return -ENOSPC;
}

static void remove_fd(struct loop_fd **slot)
{
    sd_event_source_disable_unref((*slot)->source);
    free(*slot);
    *slot = NULL;
}

static void on_remove_watch(DBusWatch *watch, void *data)
{
    struct loop *loop = data;
    int fd = -1;
    bool used = false;

    for (size_t i = 0; i < LOOP_WATCHES_MAX; i++)
        if (loop->watches[i] == watch) {
            fd = dbus_watch_get_unix_fd(watch);
            loop->watches[i] = NULL;
        }
    for (size_t i = 0; i < LOOP_WATCHES_MAX; i++)
        used = used || (loop->watches[i] && dbus_watch_get_unix_fd(loop->watches[i]) == fd);

    struct loop_fd **slot = find_fd(loop, fd);

    if (slot && !used)
        remove_fd(slot);
    else
        (void)update_fd(loop, fd);
}

static dbus_bool_t on_add_watch(DBusWatch *watch, void *data)
{
    struct loop *loop = data;
    int fd = dbus_watch_get_unix_fd(watch);

    for (size_t i = 0; i < LOOP_WATCHES_MAX; i++) {
        if (loop->watches[i])
            continue;
        if (!find_fd(loop, fd) && add_fd(loop, fd) < 0)
            return FALSE;
        loop->watches[i] = watch;
        if (update_fd(loop, fd) >= 0)
            return TRUE;
        on_remove_watch(watch, loop);
        return FALSE;
    }
    return FALSE;
}

static void on_toggle_watch(DBusWatch *watch, void *data)
{
    (void)update_fd(data, dbus_watch_get_unix_fd(watch));
}

/* ---- timeouts ---- */

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
    DBusTimeout *timeout = userdata;

    /* libdbus counts on being called again until it removes or disables the timeout. Armed before
     * it is handled, because handling may remove it. */
    (void)sd_event_source_set_time_relative(source,
                                            (uint64_t)dbus_timeout_get_interval(timeout) * 1000);
    (void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
    (void)dbus_timeout_handle(timeout);
    return 0;
}

static void free_timeout(void *source)
{
    sd_event_source_disable_unref(source);
}

static void on_toggle_timeout(DBusTimeout *timeout, void *data)
{
    sd_event_source *source = dbus_timeout_get_data(timeout);

    if (!source)
        return;
    (void)sd_event_source_set_time_relative(source,
                                            (uint64_t)dbus_timeout_get_interval(timeout) * 1000);
    (void)sd_event_source_set_enabled(source, dbus_timeout_get_enabled(timeout) ? SD_EVENT_ONESHOT
                                                                                : SD_EVENT_OFF);
}

static dbus_bool_t on_add_timeout(DBusTimeout *timeout, void *data)
{
    struct loop *loop = data;
    sd_event_source *source = NULL;

    if (sd_event_add_time_relative(loop->event, &source, CLOCK_MONOTONIC,
                                   (uint64_t)dbus_timeout_get_interval(timeout) * 1000, 0,
                                   on_timeout, timeout) < 0)
        return FALSE;
    dbus_timeout_set_data(timeout, source, free_timeout);
    on_toggle_timeout(timeout, loop);
    return TRUE;
}

static void on_remove_timeout(DBusTimeout *timeout, void *data)
{
    dbus_timeout_set_data(timeout, NULL, NULL);
}

/* ---- dispatching ---- */

static int on_dispatch(sd_event_source *source, void *userdata)
{
    struct loop *loop = userdata;
    DBusConnection *connection = dbus_connection_ref(loop->connection);

    /* One message a round, so that a talkative peer starves nobody. The source is kept by a
     * reference of its own: a message may detach the loop. */
    sd_event_source_ref(source);
    if (dbus_connection_dispatch(connection) == DBUS_DISPATCH_COMPLETE)
        (void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
    sd_event_source_unref(source);
    dbus_connection_unref(connection);
    return 0;
}

static void on_dispatch_status(DBusConnection *connection, DBusDispatchStatus status, void *data)
{
    struct loop *loop = data;

    if (status != DBUS_DISPATCH_COMPLETE)
        (void)sd_event_source_set_enabled(loop->dispatch, SD_EVENT_ON);
}

/* ---- attaching ---- */

int loop_attach_connection(sd_event *event, DBusConnection *connection, struct loop **ret_loop)
{
    CLEANUP(cleanup_loop) struct loop *loop = calloc(1, sizeof(*loop));
    int r;

    if (!loop)
        return -ENOMEM;
    loop->event = sd_event_ref(event);
    loop->connection = connection;
    r = sd_event_add_defer(event, &loop->dispatch, on_dispatch, loop);
    if (r < 0)
        return r;
    r = sd_event_source_set_enabled(loop->dispatch, SD_EVENT_OFF);
    if (r < 0)
        return r;
    /* What has been read is dealt with before more is: who sends faster than it is handled fills
     * the kernel's buffers and the bus's, not ours. */
    r = sd_event_source_set_priority(loop->dispatch, SD_EVENT_PRIORITY_NORMAL - 1);
    if (r < 0)
        return r;
    if (!dbus_connection_set_watch_functions(connection, on_add_watch, on_remove_watch,
                                             on_toggle_watch, loop, NULL) ||
        !dbus_connection_set_timeout_functions(connection, on_add_timeout, on_remove_timeout,
                                               on_toggle_timeout, loop, NULL))
        return -ENOMEM;
    dbus_connection_set_dispatch_status_function(connection, on_dispatch_status, loop, NULL);
    /* Nobody tells of what was queued before the function was there. */
    on_dispatch_status(connection, dbus_connection_get_dispatch_status(connection), loop);
    *ret_loop = TAKE_PTR(loop);
    return 0;
}

int loop_attach_server(sd_event *event, DBusServer *server, struct loop **ret_loop)
{
    CLEANUP(cleanup_loop) struct loop *loop = calloc(1, sizeof(*loop));

    if (!loop)
        return -ENOMEM;
    loop->event = sd_event_ref(event);
    loop->server = server;
    if (!dbus_server_set_watch_functions(server, on_add_watch, on_remove_watch, on_toggle_watch,
                                         loop, NULL) ||
        !dbus_server_set_timeout_functions(server, on_add_timeout, on_remove_timeout,
                                           on_toggle_timeout, loop, NULL))
        return -ENOMEM;
    *ret_loop = TAKE_PTR(loop);
    return 0;
}

void loop_pause(struct loop *loop, bool paused)
{
    loop->paused = paused;
    for (size_t i = 0; i < LOOP_WATCHES_MAX; i++)
        if (loop->fds[i])
            (void)update_fd(loop, loop->fds[i]->fd);
}

struct loop *loop_detach(struct loop *loop)
{
    if (!loop)
        return NULL;
    if (loop->connection) {
        dbus_connection_set_dispatch_status_function(loop->connection, NULL, NULL, NULL);
        (void)dbus_connection_set_watch_functions(loop->connection, NULL, NULL, NULL, NULL, NULL);
        (void)dbus_connection_set_timeout_functions(loop->connection, NULL, NULL, NULL, NULL, NULL);
    }
    if (loop->server) {
        (void)dbus_server_set_watch_functions(loop->server, NULL, NULL, NULL, NULL, NULL);
        (void)dbus_server_set_timeout_functions(loop->server, NULL, NULL, NULL, NULL, NULL);
    }
    for (size_t i = 0; i < LOOP_WATCHES_MAX; i++)
        if (loop->fds[i])
            remove_fd(&loop->fds[i]);
    sd_event_source_disable_unref(loop->dispatch);
    sd_event_unref(loop->event);
    free(loop);
    return NULL;
}
