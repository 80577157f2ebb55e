/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "session/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "cleanup.h"
#include "session/proc.h"

/* How often is looked where the kernel does not tell: inotify(7) has limits for a user. */
#define LOOK_USEC (1 * UINT64_C(1000000))

struct watch {
    char *events; /* path of cgroup.events; NULL: of a process */
    ino_t inode;  /* of that file: a later cgroup of the same name has another. 0: it has gone */
    int pidfd;
    sd_event_source *source; /* inotify, the process, or the time */
    sd_event_source *first;  /* the first look */
    watch_over over;
    void *userdata;
    bool told;
};

DEFINE_CLEANUP(struct watch *, watch, watch_free);

/* Is anything left? What cannot be read is there still, but for a cgroup that has gone. */
static bool is_populated(const struct watch *watch)
{
    CLEANUP_CLOSE int fd = open(watch->events, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    struct stat status;
    char text[256];
    int r = fd < 0 || fstat(fd, &status) < 0 ? -errno : 0;

    if (r == 0 && status.st_ino != watch->inode)
        return false;
    if (r == 0)
        r = proc_read_fd(fd, text, sizeof(text));
    if (r < 0)
        return r != -ENOENT && r != -ENODEV;
    return !(strncmp(text, "populated 0", 11) == 0 || strstr(text, "\npopulated 0"));
}

static void tell(struct watch *watch)
{
    if (watch->told)
        return;
    watch->told = true;
    watch->over(watch->userdata);
}

void watch_look(struct watch *watch)
{
    if (watch && watch->events && !is_populated(watch))
        tell(watch);
}

static int on_changed(sd_event_source *source, const struct inotify_event *event, void *userdata)
{
    watch_look(userdata);
    return 0;
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct watch *watch = userdata;

    if (watch->told)
        return 0;
    (void)sd_event_source_set_time_relative(source, LOOK_USEC);
    (void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
    watch_look(watch);
    return 0;
}

static int on_process_gone(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    (void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
    tell(userdata);
    return 0;
}

static int on_first(sd_event_source *source, void *userdata)
{
    struct watch *watch = userdata;

    if (watch->events)
        watch_look(watch);
    else
        tell(watch);
    return 0;
}

static struct watch *watch_new(watch_over over, void *userdata)
{
    struct watch *watch = calloc(1, sizeof(*watch));

    if (!watch)
        return NULL;
    watch->pidfd = -1;
    watch->over = over;
    watch->userdata = userdata;
    return watch;
}

int watch_cgroup(sd_event *event, const char *root, const char *cgroup, watch_over over,
                 void *userdata, struct watch **ret_watch)
{
    CLEANUP(cleanup_watch) struct watch *watch = watch_new(over, userdata);
    struct stat status;
    int r;

    if (!watch)
        return -ENOMEM;
    if (asprintf(&watch->events, "%s%s/cgroup.events", root, cgroup) < 0) {
        watch->events = NULL;
        return -ENOMEM;
    }
    if (stat(watch->events, &status) == 0)
        watch->inode = status.st_ino;
    r = sd_event_add_inotify(event, &watch->source, watch->events, IN_MODIFY | IN_DELETE_SELF,
                             on_changed, watch);
    /* One that has gone is told of by the first look. */
    if (r < 0 && r != -ENOENT && r != -ENODEV)
        r = sd_event_add_time_relative(event, &watch->source, CLOCK_MONOTONIC, LOOK_USEC, 0,
                                       on_time, watch);
    if (r >= 0 || r == -ENOENT || r == -ENODEV)
        r = sd_event_add_defer(event, &watch->first, on_first, watch);
    if (r < 0)
        return r;
    *ret_watch = TAKE_PTR(watch);
    return 0;
}

int watch_process(sd_event *event, uint32_t pid, uint64_t start_time, watch_over over,
                  void *userdata, struct watch **ret_watch)
{
    CLEANUP(cleanup_watch) struct watch *watch = watch_new(over, userdata);
    struct proc_stat stat = {0};
    bool gone;
    int r = 0;

    if (!watch)
        return -ENOMEM;
    watch->pidfd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
    if (watch->pidfd < 0 && errno != ESRCH)
        return -errno;
    /* Looked at once it is held: now it cannot become another's. */
    gone = watch->pidfd < 0 || proc_stat_read(pid, &stat) < 0 || stat.is_dead ||
           (start_time && stat.start_time != start_time);
    if (gone)
        r = sd_event_add_defer(event, &watch->first, on_first, watch);
    else
        r = sd_event_add_io(event, &watch->source, watch->pidfd, EPOLLIN, on_process_gone, watch);
    if (r < 0)
        return r;
    *ret_watch = TAKE_PTR(watch);
    return 0;
}

struct watch *watch_free(struct watch *watch)
{
    if (!watch)
        return NULL;
    sd_event_source_disable_unref(watch->source);
    sd_event_source_disable_unref(watch->first);
    cleanup_close(&watch->pidfd);
    free(watch->events);
    free(watch);
    return NULL;
}
