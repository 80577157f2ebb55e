/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "session/speak.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "session/proc.h"
#include "sink/tty.h"

/* More is no session that somebody sits at. */
#define PROCESSES_MAX 64
#define TERMINALS_MAX 8

/* Linux: Documentation/admin-guide/devices.txt */
#define CONSOLE_MAJOR 4
#define CONSOLES 64
#define PTS_MAJOR_FIRST 136
#define PTS_MAJOR_LAST 143

size_t cgroup_processes(const char *root, const char *cgroup, uint32_t *ret_pids, size_t max)
{
    CLEANUP_FREE char *path = NULL;
    size_t count = 0;
    FILE *file;

    if (asprintf(&path, "%s%s/cgroup.procs", root, cgroup) < 0) {
        path = NULL;
        return 0;
    }
    file = fopen(path, "re");
    while (file && count < max && fscanf(file, "%u", &ret_pids[count]) == 1)
        count++;
    if (file)
        fclose(file);
    return count;
}

struct terminals_of {
    struct tty ttys[TERMINALS_MAX];
    size_t count;
};

/* Whoever has the terminal: the person, or the account where sudo has made one of its own. */
static void add(struct terminals_of *found, int devices, const char *name)
{
    struct stat status;

    if (found->count == TERMINALS_MAX || strlen(name) > LIMIT_TTY ||
        fstatat(devices, name, &status, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISCHR(status.st_mode))
        return;
    for (size_t i = 0; i < found->count; i++)
        if (strcmp(found->ttys[i].name, name) == 0)
            return;
    struct tty *tty = &found->ttys[found->count++];

    tty->uid = status.st_uid;
    memcpy(tty->name, name, strlen(name) + 1);
}

static void add_process(struct terminals_of *found, int devices, uint32_t pid)
{
    struct proc_stat stat;
    char name[32];

    if (proc_stat_read(pid, &stat) < 0 || stat.terminal == 0)
        return;
    /* In the kernel's own short form, which makedev(3) and major(3) take, too. */
    unsigned number = minor(stat.terminal), kind = major(stat.terminal);

    if (kind >= PTS_MAJOR_FIRST && kind <= PTS_MAJOR_LAST)
        (void)snprintf(name, sizeof(name), "pts/%u", number + 256 * (kind - PTS_MAJOR_FIRST));
    else if (kind == CONSOLE_MAJOR && number < CONSOLES)
        (void)snprintf(name, sizeof(name), "tty%u", number);
    else
        return;
    add(found, devices, name);
}

size_t speak(const struct session *session, const char *root, const char *devices, const char *line)
{
    CLEANUP_CLOSE int folder = open(devices, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct terminals_of found = {.count = 0};
    uint32_t pids[PROCESSES_MAX];
    size_t told = 0, n_pids = 1;

    if (folder < 0)
        return 0;
    if (session->tty && strncmp(session->tty, "/dev/", 5) == 0)
        add(&found, folder, session->tty + 5);
    else if (session->tty)
        add(&found, folder, session->tty);
    pids[0] = session->pid;
    if (session->cgroup)
        n_pids = cgroup_processes(root, session->cgroup, pids, PROCESSES_MAX);
    for (size_t i = 0; i < n_pids; i++)
        add_process(&found, folder, pids[i]);
    for (size_t i = 0; i < found.count; i++)
        if (tty_write_line(devices, &found.ttys[i], line) == 0)
            told++;
    return told;
}
