/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "session/fdstore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include "cleanup.h"

#define GATE "gate"
#define PREFIX "kill-"

struct kept {
    char *session; /* NULL: taken */
    int fd;
};

struct fdstore {
    struct kept *kept;
    size_t count;
};

DEFINE_CLEANUP(struct fdstore *, fdstore, fdstore_free);

/* Moves it out of the way of the gate. */
static int keep(struct fdstore *store, int fd, const char *session)
{
    struct kept *kept = &store->kept[store->count];

    kept->session = strdup(session);
    if (!kept->session)
        return -ENOMEM;
    kept->fd = fd;
    store->count++;
    return 0;
}

/* Announces the gate alone, as systemd would. */
static int announce_gate(int gate)
{
    char pid[24];

    if (gate < 0)
        return unsetenv("LISTEN_FDS") < 0 ? -errno : 0;
    if (gate != SD_LISTEN_FDS_START) {
        if (dup3(gate, SD_LISTEN_FDS_START, O_CLOEXEC) < 0)
            return -errno;
        close(gate);
    }
    (void)snprintf(pid, sizeof(pid), "%ld", (long)getpid());
    return setenv("LISTEN_PID", pid, 1) < 0 || setenv("LISTEN_FDS", "1", 1) < 0 ? -errno : 0;
}

static int sort_out(struct fdstore *store, int count, char **names)
{
    int gate = -1, r = 0;

    for (int i = 0; i < count && r == 0; i++) {
        int fd = SD_LISTEN_FDS_START + i;
        /* Whatever its unit calls it. */
        bool is_gate = gate < 0 && (strcmp(names[i], GATE) == 0 ||
                                    sd_is_socket(fd, AF_UNIX, SOCK_STREAM, 1) > 0);

        if (is_gate) {
            gate = fd;
        } else if (strncmp(names[i], PREFIX, strlen(PREFIX)) == 0) {
            /* The gate may have to have this one's place. */
            int moved = fcntl(fd, F_DUPFD_CLOEXEC, SD_LISTEN_FDS_START + count);

            close(fd);
            r = moved < 0 ? -errno : keep(store, moved, names[i] + strlen(PREFIX));
        } else {
            close(fd);
        }
    }
    return r < 0 ? r : announce_gate(gate);
}

int fdstore_open(struct fdstore **ret_store)
{
    CLEANUP(cleanup_fdstore) struct fdstore *store = calloc(1, sizeof(*store));
    char **names = NULL;
    int count = store ? sd_listen_fds_with_names(1, &names) : -ENOMEM;
    int r = count < 0 ? count : 0;

    if (count > 0) {
        store->kept = calloc((size_t)count, sizeof(*store->kept));
        r = store->kept ? sort_out(store, count, names) : -ENOMEM;
    }
    for (int i = 0; i < count; i++)
        free(names[i]);
    free(names);
    if (r < 0)
        return r;
    *ret_store = TAKE_PTR(store);
    return 0;
}

struct fdstore *fdstore_free(struct fdstore *store)
{
    if (!store)
        return NULL;
    for (size_t i = 0; i < store->count; i++) {
        free(store->kept[i].session);
        cleanup_close(&store->kept[i].fd);
    }
    free(store->kept);
    free(store);
    return NULL;
}

int fdstore_take(struct fdstore *store, const char *session)
{
    for (size_t i = 0; i < store->count; i++) {
        struct kept *kept = &store->kept[i];

        if (!kept->session || strcmp(kept->session, session) != 0)
            continue;
        free(TAKE_PTR(kept->session));
        return TAKE_FD(kept->fd);
    }
    return -1;
}

void fdstore_forget_others(struct fdstore *store)
{
    for (size_t i = 0; i < store->count; i++) {
        struct kept *kept = &store->kept[i];

        if (!kept->session)
            continue;
        fdstore_drop(kept->session);
        free(TAKE_PTR(kept->session));
        cleanup_close(&kept->fd);
        kept->fd = -1;
    }
}

void fdstore_keep(const char *session, int fd)
{
    char message[128];

    /* Without FDPOLL=0 systemd drops what poll(2) calls hung up, as it does cgroup files. */
    (void)snprintf(message, sizeof(message), "FDSTORE=1\nFDNAME=" PREFIX "%s\nFDPOLL=0", session);
    (void)sd_pid_notify_with_fds(0, 0, message, &fd, 1);
}

void fdstore_drop(const char *session)
{
    char message[128];

    (void)snprintf(message, sizeof(message), "FDSTOREREMOVE=1\nFDNAME=" PREFIX "%s", session);
    (void)sd_notify(0, message);
}
