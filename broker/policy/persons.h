/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The file `persons`: whose ssh key is whose, in OpenSSH's ALLOWED SIGNERS format (ssh-keygen(1)).
 * Stricter than ssh-keygen: whatever could be meant otherwise is an error. Pure, but for the zone
 * of the machine where a time in the file names none. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "caps.h"
#include "cleanup.h"
#include "error.h"

#define PERSONS_FILE "/etc/pam-checkout/persons"

struct person_line {
    unsigned line;
    char *principals; /* the person; of an authority the patterns that a Key ID must fit */
    bool is_authority;
    bool other_purpose;                 /* its namespaces are others: it is passed over */
    uint64_t valid_after, valid_before; /* Unix seconds, both included; 0: none */
    uint8_t *key;
    size_t key_size;
    struct person_line *next_of_key; /* another line of the same person for the same key */
};

struct persons {
    char *file; /* what messages call it */
    struct person_line **lines;
    size_t n_lines;
    void *by_key; /* tsearch(3): the first line of each plain key that counts */
};

/* Reads a text; `file` is what messages call it. Returns 0, or ERROR_INVALID_ARGUMENT with
 * "FILE:LINE: …". */
int persons_parse(const char *file, const char *text, size_t length, struct persons **ret_persons,
                  struct error *error);
struct persons *persons_free(struct persons *persons); /* accepts NULL, returns NULL */
DEFINE_CLEANUP(struct persons *, persons, persons_free);
#define CLEANUP_PERSONS CLEANUP(cleanup_persons)

/* Whose keys sshd let in, by its SSH_AUTH_INFO_0 (NULL: there is none) at that time: every key must
 * be of the same person. Returns 0 with the name, or ERROR_NOT_PERMITTED or ERROR_INVALID_ARGUMENT
 * with a sentence for the person. persons NULL: there is no such file. Whether there is such a user
 * is not known here. */
int persons_find_owner(const struct persons *persons, const char *authinfo, uint64_t wall,
                       char ret_owner[static LIMIT_NAME + 1], struct error *error);

/* Does SSH_AUTH_INFO_0 name any key? */
bool persons_authinfo_has_key(const char *authinfo);
