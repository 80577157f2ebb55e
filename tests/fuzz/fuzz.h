/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What every fuzzer needs. */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* libFuzzer calls it; there is no header that declares it for C. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Unlike assert() never compiled away. */
#define FUZZ_ASSERT(condition)                                                                     \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);              \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* The bytes up to the first NUL as a string in memory of just its size; the caller frees. */
static inline char *fuzz_string(const uint8_t *data, size_t size)
{
    char *string = size > 0 ? strndup((const char *)data, size) : strdup("");

    FUZZ_ASSERT(string);
    return string;
}
