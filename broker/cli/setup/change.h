/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A change of several files that is made as a whole, kept with what was there before, and can be
 * taken back. Its record and the copies are in a folder of root's. */

#include <stdbool.h>
#include <sys/types.h>

#include "cleanup.h"
#include "cli/failure.h"

#define CHANGE_FOLDER "/var/backups/pam-checkout"

struct change_file {
    char *path;
    char *before; /* NULL: there was no such file */
    char *after;
    mode_t mode; /* of the new one */
};

struct change {
    char *name;  /* "20261122-214500": of its folder; NULL before it is kept */
    char *title; /* "sudo to root" */
    struct change_file
        *files; /* in the order in which they are written; back is the other way round */
    size_t n_files;
    bool confirmed;
};

struct change *change_new(const char *title);
/* Accepts NULL, returns NULL. */
struct change *change_free(struct change *change);
DEFINE_CLEANUP(struct change *, change, change_free);
#define CLEANUP_CHANGE CLEANUP(cleanup_change)

/* Adds a file, unless nothing of it changes. Takes `after` over; reads what is there. `mode` is for
 * a file that is not there yet. Returns 0 or a negative errno. */
int change_add(struct change *change, const char *path, char *after, mode_t mode);

/* Only one at a time. Holds until *ret_lock is closed. Returns 0 or a negative errno. */
int change_lock(int *ret_lock);

/* Keeps copies of what is there and the record, not confirmed. Then nothing is changed yet. Returns
 * 0 or a negative errno. */
int change_keep(struct change *change);

/* Writes the files, each by a rename. Where one cannot be written, those before are put back. */
int change_apply(const struct change *change, struct failure *failure);

/* Puts back what was there. What somebody has made of a file since is kept in the folder as
 * NUMBER.found. Goes on after errors. Returns 0 or EXIT_REFUSED. */
int change_take_back(struct change *change, struct failure *failure);

/* Records that it stays, or that it was taken back and is no more. */
int change_confirm(struct change *change);
int change_forget(struct change *change);

/* The last change that was kept; one by its name. -ENOENT: none. */
int change_load(const char *name, struct change **ret_change);
