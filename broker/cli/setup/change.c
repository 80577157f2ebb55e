/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/setup/change.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/value.h"
#include "doctor/tree.h"

#define RECORD "record.json"

struct change *change_new(const char *title)
{
    struct change *change = calloc(1, sizeof(*change));

    if (change && !(change->title = strdup(title)))
        return change_free(change);
    return change;
}

struct change *change_free(struct change *change)
{
    if (!change)
        return NULL;
    for (size_t i = 0; i < change->n_files; i++) {
        free(change->files[i].path);
        free(change->files[i].before);
        free(change->files[i].after);
    }
    free(change->files);
    free(change->name);
    free(change->title);
    free(change);
    return NULL;
}

/* A file's text on this host; *ret_text NULL where there is none. */
static int read_text(const char *path, char **ret_text)
{
    CLEANUP_TREE struct tree *tree = NULL;
    int r = tree_open(NULL, &tree);

    *ret_text = NULL;
    if (r == 0)
        r = tree_read(tree, path, ret_text, NULL);
    return r == -ENOENT ? 0 : r;
}

static int add(struct change *change, const char *path, char *before, char *after, mode_t mode)
{
    struct change_file *grown =
        reallocarray(change->files, change->n_files + 1, sizeof(*change->files));
    struct change_file added = {strdup(path), before, after, mode};

    if (grown)
        change->files = grown;
    if (!grown || !added.path) {
        free(added.path);
        free(before);
        free(after);
        return -ENOMEM;
    }
    grown[change->n_files++] = added;
    return 0;
}

int change_add(struct change *change, const char *path, char *after, mode_t mode)
{
    CLEANUP_FREE char *before = NULL, *text = after;
    struct stat status;
    int r;

    if (!text)
        return -ENOMEM;
    r = read_text(path, &before);
    if (r < 0 || (before && strcmp(before, text) == 0))
        return r;
    if (before && stat(path, &status) == 0)
        mode = status.st_mode & 0777;
    return add(change, path, TAKE_PTR(before), TAKE_PTR(text), mode);
}

int change_lock(int *ret_lock)
{
    CLEANUP_CLOSE int fd = -1;

    if (mkdir(CHANGE_FOLDER, 0700) < 0 && errno != EEXIST)
        return -errno;
    fd = open(CHANGE_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || flock(fd, LOCK_EX) < 0)
        return -errno;
    *ret_lock = TAKE_FD(fd);
    return 0;
}

/* Whole or not at all, also when the power goes. */
static int write_file(const char *path, const char *text, mode_t mode)
{
    CLEANUP_FREE char *new = NULL, *folder = strdup(path);
    CLEANUP_CLOSE int fd = -1, folder_fd = -1;
    size_t length = strlen(text);
    int r = 0;

    if (!folder || asprintf(&new, "%s.pam-checkout-new~", path) < 0) {
        new = NULL;
        return -ENOMEM;
    }
    *strrchr(folder, '/') = '\0';
    (void)unlink(new);
    fd = open(new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    for (size_t done = 0; done < length && r == 0;) {
        ssize_t n = write(fd, text + done, length - done);

        if (n < 0 && errno != EINTR)
            r = -errno;
        done += n > 0 ? (size_t)n : 0;
    }
    if (r == 0 && (fchmod(fd, mode) < 0 || fsync(fd) < 0 || rename(new, path) < 0))
        r = -errno;
    if (r < 0) {
        (void)unlink(new);
        return r;
    }
    folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder_fd >= 0)
        (void)fsync(folder_fd);
    return 0;
}

static int path_in(const struct change *change, const char *file, char **ret_path)
{
    if (asprintf(ret_path, CHANGE_FOLDER "/%s/%s", change->name, file) < 0) {
        *ret_path = NULL;
        return -ENOMEM;
    }
    return 0;
}

static int write_in(const struct change *change, const char *file, const char *text)
{
    CLEANUP_FREE char *path = NULL;
    int r = path_in(change, file, &path);

    return r < 0 ? r : write_file(path, text, 0600);
}

static int write_record(const struct change *change)
{
    CLEANUP_JSON json_t *record = json_pack("{s:s, s:b, s:[]}", "title", change->title, "confirmed",
                                            change->confirmed, "files");
    CLEANUP_FREE char *text = NULL;

    for (size_t i = 0; record && i < change->n_files; i++) {
        const struct change_file *file = &change->files[i];

        if (json_array_append_new(json_object_get(record, "files"),
                                  json_pack("{s:s, s:s?, s:s, s:i}", "path", file->path, "before",
                                            file->before, "after", file->after, "mode",
                                            (int)file->mode)) < 0)
            return -ENOMEM;
    }
    text = record ? json_dumps(record, JSON_INDENT(1)) : NULL;
    return text ? write_in(change, RECORD, text) : -ENOMEM;
}

int change_keep(struct change *change)
{
    CLEANUP_FREE char *folder = NULL;
    time_t now = time(NULL);
    struct tm local;
    char name[64];
    int r = -EEXIST;

    /* A second one within the second is named after the next. */
    for (int i = 0; i < 60 && r == -EEXIST; i++, now++) {
        if (!localtime_r(&now, &local) ||
            strftime(name, sizeof(name), "%Y%m%d-%H%M%S", &local) == 0)
            return -EINVAL;
        free(folder);
        if (asprintf(&folder, CHANGE_FOLDER "/%s", name) < 0) {
            folder = NULL;
            return -ENOMEM;
        }
        r = mkdir(folder, 0700) < 0 ? -errno : 0;
    }
    if (r < 0)
        return r;
    change->name = strdup(name);
    if (!change->name)
        return -ENOMEM;
    for (size_t i = 0; i < change->n_files; i++) {
        char number[32];

        (void)snprintf(number, sizeof(number), "%zu.before", i);
        if (change->files[i].before && (r = write_in(change, number, change->files[i].before)) < 0)
            return r;
    }
    return write_record(change);
}

/* Returns 0 or a negative errno. */
static int put_back(const struct change *change, size_t i)
{
    const struct change_file *file = &change->files[i];
    CLEANUP_FREE char *found = NULL;
    char number[32];

    if (read_text(file->path, &found) == 0 && found && strcmp(found, file->after) != 0 &&
        (!file->before || strcmp(found, file->before) != 0)) {
        (void)snprintf(number, sizeof(number), "%zu.found", i);
        (void)write_in(change, number, found);
    }
    if (file->before)
        return write_file(file->path, file->before, file->mode);
    return unlink(file->path) < 0 && errno != ENOENT ? -errno : 0;
}

int change_apply(const struct change *change, struct failure *failure)
{
    for (size_t i = 0; i < change->n_files; i++) {
        int r = write_file(change->files[i].path, change->files[i].after, change->files[i].mode);

        if (r == 0)
            continue;
        while (i-- > 0)
            (void)put_back(change, i);
        return failure_set(failure, EXIT_REFUSED, "StorageFailed",
                           "%s cannot be written (%s); nothing was changed", change->files[0].path,
                           strerror(-r));
    }
    return 0;
}

int change_take_back(struct change *change, struct failure *failure)
{
    int result = 0;

    /* Sudoers name the service before its file goes. */
    for (size_t i = change->n_files; i-- > 0;) {
        int r = put_back(change, i);

        if (r < 0 && result == 0)
            result =
                failure_set(failure, EXIT_REFUSED, "StorageFailed",
                            "%s cannot be put back (%s); what was there is in " CHANGE_FOLDER "/%s",
                            change->files[i].path, strerror(-r), change->name);
        else if (r < 0)
            failure_add(failure, "nor can %s", change->files[i].path);
    }
    return result;
}

int change_confirm(struct change *change)
{
    change->confirmed = true;
    return write_record(change);
}

int change_forget(struct change *change)
{
    CLEANUP_FREE char *path = NULL, *done = NULL;
    int r = path_in(change, RECORD, &path);

    if (r == 0)
        r = path_in(change, "record.undone.json", &done);
    if (r < 0)
        return r;
    return rename(path, done) < 0 ? -errno : 0;
}

static int read_record(const char *name, struct change **ret_change)
{
    CLEANUP_CHANGE struct change *change = NULL;
    CLEANUP_JSON json_t *record = NULL;
    CLEANUP_FREE char *path = NULL, *text = NULL;
    const json_t *item, *files;
    const char *title;
    size_t i;
    int r;

    if (asprintf(&path, CHANGE_FOLDER "/%s/" RECORD, name) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    r = read_text(path, &text);
    if (r < 0)
        return r;
    if (!text)
        return -ENOENT;
    record = json_loads(text, 0, NULL);
    title = json_string_value(json_object_get(record, "title"));
    files = json_object_get(record, "files");
    if (!title || !json_is_array(files))
        return -EBADMSG;
    change = change_new(title);
    if (!change || !(change->name = strdup(name)))
        return -ENOMEM;
    change->confirmed = json_is_true(json_object_get(record, "confirmed"));
    json_array_foreach (files, i, item) {
        const char *file = json_string_value(json_object_get(item, "path"));
        const char *before = json_string_value(json_object_get(item, "before"));
        const char *after = json_string_value(json_object_get(item, "after"));
        char *before_copy = before ? strdup(before) : NULL,
             *after_copy = after ? strdup(after) : NULL;

        if (!file || file[0] != '/' || !after_copy || (before && !before_copy)) {
            free(before_copy);
            free(after_copy);
            return -EBADMSG;
        }
        r = add(change, file, before_copy, after_copy,
                (mode_t)json_integer_value(json_object_get(item, "mode")) & 0777);
        if (r < 0)
            return r;
    }
    *ret_change = TAKE_PTR(change);
    return 0;
}

int change_load(const char *name, struct change **ret_change)
{
    CLEANUP_TREE struct tree *tree = NULL;
    CLEANUP_TREE_NAMES struct tree_names names = {0};
    int r;

    if (name)
        return strchr(name, '/') || name[0] == '.' ? -EINVAL : read_record(name, ret_change);
    r = tree_open(NULL, &tree);
    if (r == 0)
        r = tree_list(tree, CHANGE_FOLDER, &names);
    if (r < 0)
        return r;
    for (size_t i = names.count; i-- > 0;) {
        r = read_record(names.names[i], ret_change);
        if (r != -ENOENT)
            return r;
    }
    return -ENOENT;
}
