/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The files of a host: of this one, or of one that is mounted or built below a folder. Paths are
 * absolute in that host, and no symbolic link leads out of it. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "cleanup.h"

struct tree;

/* root NULL: this host. Returns 0 or a negative errno; *ret_tree only on success. */
int tree_open(const char *root, struct tree **ret_tree);
/* Accepts NULL, returns NULL. */
struct tree *tree_close(struct tree *tree);
DEFINE_CLEANUP(struct tree *, tree, tree_close);
#define CLEANUP_TREE CLEANUP(cleanup_tree)

/* Is it this host itself? */
bool tree_is_host(const struct tree *tree);

/* The folder that was given, "" for this host. */
const char *tree_root(const struct tree *tree);

/* Reads a regular file whole, with a NUL behind it; the caller frees. Returns 0, -EFBIG above 1
 * MiB, -EINVAL for what is no regular file, or a negative errno. ret_length may be NULL. */
int tree_read(const struct tree *tree, const char *path, char **ret_text, size_t *ret_length);

/* Follows links. Returns 0 or a negative errno. */
int tree_stat(const struct tree *tree, const char *path, struct stat *ret_stat);

struct tree_names {
    char **names;
    size_t count;
};
void tree_names_clear(struct tree_names *names);
#define CLEANUP_TREE_NAMES CLEANUP(tree_names_clear)

/* The names in a folder, sorted, those with a dot before them left out. Returns 0 or a negative
 * errno. */
int tree_list(const struct tree *tree, const char *path, struct tree_names *ret_names);
