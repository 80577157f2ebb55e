/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Room on the disk that is kept for what must still be written when it is full: a file of nothing.
 */

#include <errno.h>
#include <stdbool.h>

/* Takes the room, or finds it taken. 0 or a negative errno. */
int reserve_keep(const char *path);

/* Gives it back to the file system; true if there was any. */
bool reserve_give(const char *path);
