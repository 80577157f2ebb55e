/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "doctor/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FILE_MAX (1024 * 1024)

struct tree {
    char *root;
    int fd;
    bool is_host;
};

struct tree *tree_close(struct tree *tree)
{
    if (!tree)
        return NULL;
    if (tree->fd >= 0)
        close(tree->fd);
    free(tree->root);
    free(tree);
    return NULL;
}

int tree_open(const char *root, struct tree **ret_tree)
{
    CLEANUP_TREE struct tree *tree = calloc(1, sizeof(*tree));

    if (!tree)
        return -ENOMEM;
    tree->is_host = !root;
    tree->fd = open(root ? root : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (tree->fd < 0)
        return -errno;
    tree->root = root ? realpath(root, NULL) : strdup("");
    if (!tree->root)
        return -errno;
    *ret_tree = TAKE_PTR(tree);
    return 0;
}

bool tree_is_host(const struct tree *tree)
{
    return tree->is_host;
}

const char *tree_root(const struct tree *tree)
{
    return tree->root;
}

/* openat2(2): an absolute link starts again at the tree's root. */
static int open_in(const struct tree *tree, const char *path, int flags)
{
    /* openat2() refuses the others with O_PATH. */
    int all = flags | O_CLOEXEC | (flags & O_PATH ? 0 : O_NONBLOCK | O_NOCTTY);
    struct open_how how = {
        .flags = (unsigned)all,
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
    };
    long fd = syscall(SYS_openat2, tree->fd, path, &how, sizeof(how));

    if (fd < 0 && (errno == ENOSYS || errno == EPERM) && tree->is_host)
        fd = open(path, all);
    return fd < 0 ? -errno : (int)fd;
}

int tree_read(const struct tree *tree, const char *path, char **ret_text, size_t *ret_length)
{
    CLEANUP_CLOSE int fd = open_in(tree, path, O_RDONLY);
    CLEANUP_FREE char *text = NULL;
    struct stat status;
    size_t length = 0;

    if (fd < 0)
        return fd;
    if (fstat(fd, &status) < 0)
        return -errno;
    if (!S_ISREG(status.st_mode))
        return S_ISDIR(status.st_mode) ? -EISDIR : -EINVAL;
    if (status.st_size > FILE_MAX)
        return -EFBIG;
    text = malloc(FILE_MAX + 1);
    if (!text)
        return -ENOMEM;
    for (;;) {
        ssize_t n = read(fd, text + length, FILE_MAX + 1 - length);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        length += (size_t)n;
        if (length > FILE_MAX)
            return -EFBIG;
    }
    text[length] = '\0';
    if (ret_length)
        *ret_length = length;
    *ret_text = TAKE_PTR(text);
    return 0;
}

int tree_stat(const struct tree *tree, const char *path, struct stat *ret_stat)
{
    CLEANUP_CLOSE int fd = open_in(tree, path, O_PATH);

    if (fd < 0)
        return fd;
    return fstat(fd, ret_stat) < 0 ? -errno : 0;
}

void tree_names_clear(struct tree_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->names[i]);
    free(names->names);
    *names = (struct tree_names){0};
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void cleanup_dir(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}

int tree_list(const struct tree *tree, const char *path, struct tree_names *ret_names)
{
    CLEANUP_TREE_NAMES struct tree_names names = {0};
    CLEANUP_CLOSE int fd = open_in(tree, path, O_RDONLY | O_DIRECTORY);
    CLEANUP(cleanup_dir) DIR *dir = NULL;
    const struct dirent *entry;

    if (fd < 0)
        return fd;
    dir = fdopendir(fd);
    if (!dir)
        return -errno;
    (void)TAKE_FD(fd);
    while ((errno = 0, entry = readdir(dir))) {
        char **grown;

        if (entry->d_name[0] == '.')
            continue;
        grown = reallocarray(names.names, names.count + 1, sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        names.names = grown;
        names.names[names.count] = strdup(entry->d_name);
        if (!names.names[names.count])
            return -ENOMEM;
        names.count++;
    }
    if (errno != 0)
        return -errno;
    if (names.count > 0)
        qsort(names.names, names.count, sizeof(*names.names), compare_names);
    *ret_names = names;
    names = (struct tree_names){0};
    return 0;
}
