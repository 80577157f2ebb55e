/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "session/survivors.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/identity.h"
#include "core/scope.h"
#include "session/proc.h"
#include "text.h"

/* Enough to know where to look. */
#define SHOWN 5

struct process {
    uint32_t pid, audit_session;
    uid_t uid;
    uint64_t start_time;
    char command[PROC_COMMAND_MAX];
    char *cgroup;
};

struct processes {
    struct process *items;
    size_t count;
};

DEFINE_CLEANUP(struct processes *, processes, processes_free);
DEFINE_CLEANUP(DIR *, dir, closedir);

struct processes *processes_free(struct processes *processes)
{
    if (!processes)
        return NULL;
    for (size_t i = 0; i < processes->count; i++)
        free(processes->items[i].cgroup);
    free(processes->items);
    free(processes);
    return NULL;
}

/* One that belongs to no login is nobody's survivor that could be told. 1: added. */
static int read_process(struct process *process, uint32_t pid)
{
    char cgroup[LIMIT_CGROUP + 1];
    struct proc_stat stat;

    *process = (struct process){.pid = pid};
    if (proc_audit_session(pid, &process->audit_session) < 0 ||
        process->audit_session == LOGINUID_UNSET || process->audit_session == 0 ||
        proc_stat_read(pid, &stat) < 0 || stat.is_dead || proc_uid(pid, &process->uid) < 0 ||
        proc_cgroup(pid, cgroup) < 0)
        return 0;
    process->start_time = stat.start_time;
    memcpy(process->command, stat.command, sizeof(process->command));
    process->cgroup = strdup(cgroup);
    return process->cgroup ? 1 : -ENOMEM;
}

int processes_read(struct processes **ret_processes)
{
    CLEANUP(cleanup_processes) struct processes *found = calloc(1, sizeof(*found));
    CLEANUP(cleanup_dir) DIR *folder = opendir("/proc");
    const struct dirent *entry;

    if (!found)
        return -ENOMEM;
    if (!folder)
        return -errno;
    while ((entry = readdir(folder))) {
        char *end;
        unsigned long pid = strtoul(entry->d_name, &end, 10);
        int r;

        if (*end || pid == 0 || pid > UINT32_MAX)
            continue;
        if ((found->count & (found->count - 1)) == 0) {
            struct process *grown = reallocarray(found->items, found->count ? 2 * found->count : 1,
                                                 sizeof(*found->items));

            if (!grown)
                return -ENOMEM;
            found->items = grown;
        }
        r = read_process(&found->items[found->count], (uint32_t)pid);
        if (r < 0)
            return r;
        found->count += (size_t)r;
    }
    *ret_processes = TAKE_PTR(found);
    return 0;
}

static bool lives(const struct process *process, const struct living *living)
{
    for (size_t i = 0; i < living->count; i++)
        if (cgroup_contains(living->cgroups[i], process->cgroup))
            return true;
    return false;
}

/* A component of the path is the scope of a login. */
static bool is_in_login(const char *cgroup)
{
    for (const char *at = cgroup; *at == '/';) {
        size_t length = strcspn(++at, "/");
        char name[LIMIT_UNIT + 1];

        if (length < sizeof(name)) {
            memcpy(name, at, length);
            name[length] = '\0';
            if (scope_is_login(name))
                return true;
        }
        at += length;
    }
    return false;
}

static bool is_of(const struct process *process, const struct session *session, uid_t account_uid,
                  const struct living *living)
{
    if (process->audit_session != session->audit_session ||
        process->start_time < session->start_time || lives(process, living))
        return false;
    /* The login is the session's own, and all of it was to end. */
    if (scope_is_login(session->unit))
        return true;
    /* The login is that from which the account was entered: what the person runs in it is theirs.
     */
    return process->uid == account_uid && !is_in_login(process->cgroup);
}

static void write_process(FILE *out, const struct process *process)
{
    const char *unit = strrchr(process->cgroup, '/');
    char command[4 * PROC_COMMAND_MAX], place[256];

    text_escape_to(command, sizeof(command), process->command);
    text_escape_to(place, sizeof(place), unit && unit[1] ? unit + 1 : "/");
    fprintf(out, "%" PRIu32 " (%s) in %s", process->pid, command, place);
}

char *survivors_of(const struct processes *processes, const struct session *session,
                   uid_t account_uid, const struct living *living)
{
    CLEANUP_FREE char *text = NULL, *list = NULL;
    size_t size = 0, count = 0;
    FILE *out;

    if (session->audit_session == LOGINUID_UNSET || session->audit_session == 0)
        return NULL;
    out = open_memstream(&list, &size);
    if (!out)
        return NULL;
    for (size_t i = 0; i < processes->count; i++) {
        const struct process *process = &processes->items[i];

        if (!is_of(process, session, account_uid, living))
            continue;
        if (count < SHOWN) {
            fputs(count ? ", " : "", out);
            write_process(out, process);
        } else if (count == SHOWN) {
            fputs(", …", out);
        }
        count++;
    }
    if (fclose(out) != 0 || count == 0)
        return NULL;
    if (asprintf(&text, "%zu %s elsewhere: %s", count,
                 count == 1 ? "process is still there" : "processes are still there", list) < 0)
        text = NULL;
    return TAKE_PTR(text);
}
