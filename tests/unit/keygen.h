/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Keys and certificates as the real ssh-keygen makes them, in a directory of the test's own. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct keygen {
    char directory[64];
};

/* For cmocka_unit_test_setup_teardown() and, within a bigger state, by hand. */
void keygen_start(struct keygen *keygen);
void keygen_stop(struct keygen *keygen);

/* Runs ssh-keygen in the directory with these words (the last is NULL); what it wrote goes to
 * *ret_output (NULL: nowhere), which the caller frees. Returns its exit code. */
int keygen_run(const struct keygen *keygen, char **ret_output, ...) __attribute__((sentinel));

/* A new key NAME; "TYPE BASE64", which the caller frees. bits NULL: the type's default. */
char *keygen_key(const struct keygen *keygen, const char *name, const char *type, const char *bits);

/* The certificate for the key NAME, signed by the key AUTHORITY; "TYPE BASE64". */
char *keygen_certificate(const struct keygen *keygen, const char *authority, const char *name,
                         const char *key_id, const char *principals);

/* A file in the directory; its path is valid until the next call. */
const char *keygen_write(const struct keygen *keygen, const char *name, const char *text);
/* The first two words of a file's first line. */
char *keygen_read(const struct keygen *keygen, const char *name);
