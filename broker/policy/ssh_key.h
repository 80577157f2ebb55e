/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Public keys and certificates of OpenSSH as they stand in its files: a type and base64. Read for
 * whose they are alone: the proof that somebody holds the private key is sshd's. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cleanup.h"

/* Of the base64. sshd takes RSA keys of 16384 bits and certificates for 256 principals. */
#define SSH_KEY_TEXT_MAX (64 * 1024)

/* "SHA256:", 43 characters of base64, NUL */
#define SSH_FINGERPRINT_MAX 64

struct ssh_key {
    const char *type; /* of the key itself, as in a file: "ssh-ed25519"; static */
    uint8_t *blob;    /* the key itself, for a certificate the one that it is about */
    size_t size;

    /* of a certificate, else NULL */
    char *key_id;       /* no NUL within; any other byte */
    uint8_t *authority; /* the key that signed it */
    size_t authority_size;
};

void ssh_key_clear(struct ssh_key *key);
#define CLEANUP_SSH_KEY CLEANUP(ssh_key_clear)

/* Is it the name of a type that is known, of keys or of certificates? */
bool ssh_key_is_type(const char *word);

/* Reads a key or a user's certificate; the whole text must be it. Returns 0, -ENOMEM, or -EINVAL
 * with what is wrong in *ret_problem (a constant: "has …", "is …"). *ret_key only on success. */
int ssh_key_read(const char *type, const char *base64, struct ssh_key *ret_key,
                 const char **ret_problem);

/* As `ssh-keygen -l` prints it: "SHA256:…". Returns buffer, "?" in it where libcrypto fails. */
const char *ssh_key_fingerprint(const uint8_t *blob, size_t size,
                                char buffer[static SSH_FINGERPRINT_MAX]);
