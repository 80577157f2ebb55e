/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Clean-up attributes: every local that owns something carries one, so that each function has one
 * exit path. Ownership leaves a local only through TAKE_PTR or TAKE_FD. */

#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(function) __attribute__((cleanup(function)))

#define TAKE_PTR(pointer)                                                                          \
    ({                                                                                             \
        __typeof__(pointer) taken_ = (pointer);                                                    \
        (pointer) = NULL;                                                                          \
        taken_;                                                                                    \
    })

#define TAKE_FD(fd)                                                                                \
    ({                                                                                             \
        int taken_ = (fd);                                                                         \
        (fd) = -1;                                                                                 \
        taken_;                                                                                    \
    })

/* Defines cleanup_NAME(), which calls RELEASE on a pointer that is not NULL. */
#define DEFINE_CLEANUP(type, name, release)                                                        \
    static inline void cleanup_##name(type *owned)                                                 \
    {                                                                                              \
        if (*owned)                                                                                \
            release(*owned);                                                                       \
    }                                                                                              \
    struct cleanup_##name##_needs_semicolon

static inline void cleanup_free(void *owned)
{
    free(*(void **)owned);
}

static inline void cleanup_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

#define CLEANUP_FREE CLEANUP(cleanup_free)
#define CLEANUP_CLOSE CLEANUP(cleanup_close)
