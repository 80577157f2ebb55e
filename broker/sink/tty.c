/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sink/tty.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-login.h>
#include <termios.h>
#include <utmpx.h>

#include "cleanup.h"
#include "text.h"

/* Sessions that are looked at in one go. */
#define SESSIONS_MAX 256

/* Line and breaks in one write(2). */
#define LINE_MAX_BYTES 2048

#define PTS "pts"

DEFINE_CLEANUP(DIR *, dir, closedir);
DEFINE_CLEANUP(FILE *, file, fclose);

/* utmp and session files are not ours: nothing but pseudo-terminals, consoles and serial lines,
 * since to open another device may already do something. */
static bool name_is_sane(const char *name)
{
    static const char *const prefixes[] = {PTS "/", "tty", "hvc"};
    size_t length = 0;

    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]) && length == 0; i++) {
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
            length = strlen(prefixes[i]);
    }
    if (length == 0 || strlen(name) > LIMIT_TTY)
        return false;
    return name[length] &&
           name[length + strspn(name + length, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                               "abcdefghijklmnopqrstuvwxyz")] == '\0';
}

/* A character device of that user that its group may write to, which is what mesg(1) switches. */
static bool takes_messages(const struct stat *status, uid_t uid)
{
    return S_ISCHR(status->st_mode) && status->st_uid == uid && (status->st_mode & S_IWGRP);
}

struct list {
    struct tty *ttys;
    size_t count, max;
};

static void list_add(struct list *list, uid_t uid, const char *name)
{
    if (list->count >= list->max || !name_is_sane(name))
        return;
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->ttys[i].name, name) == 0)
            return;
    }
    struct tty *tty = &list->ttys[list->count++];
    tty->uid = uid;
    memcpy(tty->name, name, strlen(name) + 1);
}

/* utmp(5) has no uid: the owner of the terminal is the one who is logged in on it. */
static void list_add_utmp(struct list *list, int devices, const char *path)
{
    CLEANUP(cleanup_file) FILE *file = fopen(path, "re");
    struct utmpx record;

    /* Not getutxent(3), which waits for whoever has locked the file. */
    while (file && fread(&record, sizeof(record), 1, file) == 1) {
        char name[sizeof(record.ut_line) + 1] = "";
        struct stat status;

        memcpy(name, record.ut_line, sizeof(record.ut_line));
        if (record.ut_type == USER_PROCESS && name_is_sane(name) &&
            fstatat(devices, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISCHR(status.st_mode))
            list_add(list, status.st_uid, name);
    }
}

static void list_add_owned(struct list *list, int devices, const uid_t *uids, size_t n_uids)
{
    CLEANUP_CLOSE int fd = openat(devices, PTS, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    CLEANUP(cleanup_dir) DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;

    if (!folder)
        return;
    (void)TAKE_FD(fd); /* the folder's now */
    while ((entry = readdir(folder))) {
        char name[sizeof(PTS) + sizeof(entry->d_name)];
        struct stat status;

        snprintf(name, sizeof(name), PTS "/%s", entry->d_name);
        if (!name_is_sane(name) || fstatat(devices, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        for (size_t i = 0; i < n_uids; i++) {
            if (takes_messages(&status, uids[i])) {
                list_add(list, uids[i], name);
                break;
            }
        }
    }
}

size_t tty_list(const struct tty_source *source, struct tty *ret_ttys, size_t max)
{
    CLEANUP_FREE struct tty *sessions = calloc(SESSIONS_MAX, sizeof(*sessions));
    CLEANUP_CLOSE int devices = open(source->devices, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct list list = {.ttys = ret_ttys, .max = max};
    uid_t unknown[SESSIONS_MAX];
    size_t n_unknown = 0;

    if (!sessions || devices < 0)
        return 0;
    size_t n_sessions = source->sessions(sessions, SESSIONS_MAX);
    for (size_t i = 0; i < n_sessions; i++) {
        if (*sessions[i].name)
            list_add(&list, sessions[i].uid, sessions[i].name);
    }
    list_add_utmp(&list, devices, source->utmp);
    for (size_t i = 0; i < n_sessions; i++) {
        bool known = *sessions[i].name;

        for (size_t j = 0; j < list.count && !known; j++)
            known = list.ttys[j].uid == sessions[i].uid;
        if (!known)
            unknown[n_unknown++] = sessions[i].uid;
    }
    if (n_unknown > 0)
        list_add_owned(&list, devices, unknown, n_unknown);
    return list.count;
}

/* One session of a person, as logind tells. Returns false where it is none. */
static bool read_session(const char *session, struct tty *ret_session)
{
    CLEANUP_FREE char *class = NULL;
    CLEANUP_FREE char *state = NULL;
    CLEANUP_FREE char *type = NULL;
    CLEANUP_FREE char *name = NULL;

    if (sd_session_get_uid(session, &ret_session->uid) < 0 ||
        sd_session_get_class(session, &class) < 0 || strncmp(class, "user", strlen("user")) != 0 ||
        sd_session_get_state(session, &state) < 0 || strcmp(state, "closing") == 0 ||
        sd_session_get_type(session, &type) < 0)
        return false;
    ret_session->name[0] = '\0';
    /* A graphical session has a console too, but nobody sees what is written there. */
    if (strcmp(type, "tty") == 0 && sd_session_get_tty(session, &name) >= 0 &&
        strlen(name) <= LIMIT_TTY)
        memcpy(ret_session->name, name, strlen(name) + 1);
    return true;
}

static size_t logind_sessions(struct tty *ret_sessions, size_t max)
{
    char **names = NULL;
    size_t count = 0;
    int n = sd_get_sessions(&names);

    for (int i = 0; i < n; i++) {
        if (count < max && read_session(names[i], &ret_sessions[count]))
            count++;
        free(names[i]);
    }
    free(names);
    return count;
}

const struct tty_source tty_source_machine = {
    .devices = "/dev",
    .utmp = "/run/utmp",
    .sessions = logind_sessions,
};

/* The line with breaks around it, in bytes that the terminal understands. Returns their number. */
static size_t compose(char *buffer, size_t size, const char *line, bool utf8)
{
    size_t length = 0;

    buffer[length++] = '\r';
    buffer[length++] = '\n';
    for (const char *at = line; *at && length < size - 2; at++) {
        unsigned char byte = (unsigned char)*at;

        if (utf8 || byte < 0x80)
            buffer[length++] = *at;
        else if (byte >= 0xc0) /* the first byte of a character */
            buffer[length++] = '?';
    }
    buffer[length++] = '\r';
    buffer[length++] = '\n';
    return length;
}

int tty_write_line(const char *devices, const struct tty *tty, const char *line)
{
    CLEANUP_CLOSE int folder = -1;
    CLEANUP_CLOSE int fd = -1;
    char buffer[LINE_MAX_BYTES];
    struct stat before, opened;
    struct termios settings;

    if (!name_is_sane(tty->name) || !text_is_valid(line, sizeof(buffer) - 4))
        return -EINVAL;
    folder = open(devices, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0 || fstatat(folder, tty->name, &before, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    /* Looked at before it is opened, because to open a device may do something, and after, because
     * it may have become another's. */
    if (!takes_messages(&before, tty->uid))
        return -EPERM;
    fd = openat(folder, tty->name, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &opened) < 0)
        return -errno;
    if (!takes_messages(&opened, tty->uid) || tcgetattr(fd, &settings) < 0)
        return -EPERM;

    size_t length = compose(buffer, sizeof(buffer), line, settings.c_iflag & IUTF8);
    /* What does not fit at once is dropped: it is a courtesy. */
    return write(fd, buffer, length) < 0 ? -errno : 0;
}
