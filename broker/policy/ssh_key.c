/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "policy/ssh_key.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

/* SSH2_CERT_TYPE_USER (OpenSSH, PROTOCOL.certkeys) */
#define USER_CERTIFICATE 1

/* What public keys are made of (RFC 4253 6.6, RFC 5656 3.1, RFC 8709 4, PROTOCOL.u2f): m a positive
 * mpint, e 32 bytes, c the name of the curve, p a point on it, a the name of an application. */
static const struct {
    const char *name, *certificate;
    const char *parts;
    const char *curve;
    size_t point; /* bytes */
} types[] = {
    {"ssh-ed25519", "ssh-ed25519-cert-v01@openssh.com", "e", NULL, 0},
    {"ssh-rsa", "ssh-rsa-cert-v01@openssh.com", "mm", NULL, 0},
    {"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256-cert-v01@openssh.com", "cp", "nistp256", 65},
    {"ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384-cert-v01@openssh.com", "cp", "nistp384", 97},
    {"ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521-cert-v01@openssh.com", "cp", "nistp521", 133},
    {"sk-ssh-ed25519@openssh.com", "sk-ssh-ed25519-cert-v01@openssh.com", "ea", NULL, 0},
    {"sk-ecdsa-sha2-nistp256@openssh.com", "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com", "cpa",
     "nistp256", 65},
};

#define N_TYPES (sizeof(types) / sizeof(*types))

/* Bytes that are read from their beginning. */
struct bytes {
    const uint8_t *at;
    size_t left;
};

void ssh_key_clear(struct ssh_key *key)
{
    free(key->blob);
    free(key->key_id);
    free(key->authority);
    *key = (struct ssh_key){0};
}

bool ssh_key_is_type(const char *word)
{
    for (size_t i = 0; i < N_TYPES; i++)
        if (strcmp(types[i].name, word) == 0 || strcmp(types[i].certificate, word) == 0)
            return true;
    return false;
}

static bool skip(struct bytes *bytes, size_t size)
{
    if (bytes->left < size)
        return false;
    bytes->at += size;
    bytes->left -= size;
    return true;
}

static bool read_number(struct bytes *bytes, uint32_t *ret_number)
{
    const uint8_t *at = bytes->at;

    if (!skip(bytes, 4))
        return false;
    *ret_number = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
    return true;
}

/* A length and so many bytes (RFC 4251, 5: string). */
static bool read_string(struct bytes *bytes, struct bytes *ret_string)
{
    uint32_t size;

    if (!read_number(bytes, &size) || bytes->left < size)
        return false;
    *ret_string = (struct bytes){bytes->at, size};
    return skip(bytes, size);
}

static bool is_text(const struct bytes *bytes, const char *text)
{
    return bytes->left == strlen(text) && memcmp(bytes->at, text, bytes->left) == 0;
}

/* Positive, and written in no more bytes than it takes. */
static bool is_mpint(const struct bytes *bytes)
{
    if (bytes->left == 0 || bytes->at[0] >= 0x80)
        return false;
    return bytes->at[0] != 0 || (bytes->left > 1 && bytes->at[1] >= 0x80);
}

static bool read_part(struct bytes *bytes, size_t type, char part)
{
    struct bytes string;

    if (!read_string(bytes, &string))
        return false;
    switch (part) {
    case 'm':
        return is_mpint(&string);
    case 'e':
        return string.left == 32;
    case 'c':
        return is_text(&string, types[type].curve);
    case 'p': /* uncompressed: 4, x, y (SEC 1, 2.3.3) */
        return string.left == types[type].point && string.at[0] == 4;
    default:
        return !memchr(string.at, '\0', string.left);
    }
}

static bool read_parts(struct bytes *bytes, size_t type)
{
    for (const char *part = types[type].parts; *part; part++)
        if (!read_part(bytes, type, *part))
            return false;
    return true;
}

/* Nothing but strings, one behind the other? */
static bool is_sequence(struct bytes bytes)
{
    struct bytes string;

    while (bytes.left > 0)
        if (!read_string(&bytes, &string))
            return false;
    return true;
}

/* A plain key and nothing behind it. */
static bool is_plain(struct bytes bytes)
{
    struct bytes name;

    if (!read_string(&bytes, &name))
        return false;
    for (size_t i = 0; i < N_TYPES; i++)
        if (is_text(&name, types[i].name))
            return read_parts(&bytes, i) && bytes.left == 0;
    return false;
}

static int copy_bytes(const struct bytes *bytes, uint8_t **ret_copy, size_t *ret_size)
{
    uint8_t *copy = malloc(bytes->left);

    if (!copy)
        return -ENOMEM;
    memcpy(copy, bytes->at, bytes->left);
    *ret_copy = copy;
    *ret_size = bytes->left;
    return 0;
}

/* The key that a certificate is about, as it stands alone: its type and its parts. */
static int copy_key(const struct bytes *parts, const char *type, struct ssh_key *key)
{
    uint32_t length = (uint32_t)strlen(type);
    uint8_t *copy = malloc(4 + length + parts->left);

    if (!copy)
        return -ENOMEM;
    for (int i = 0; i < 4; i++)
        copy[i] = (uint8_t)(length >> (24 - 8 * i));
    memcpy(copy + 4, type, length);
    memcpy(copy + 4 + length, parts->at, parts->left);
    key->blob = copy;
    key->size = 4 + length + parts->left;
    return 0;
}

/* PROTOCOL.certkeys, behind the type. */
static int read_certificate(struct bytes bytes, size_t type, struct ssh_key *key,
                            const char **ret_problem)
{
    struct bytes nonce, key_id, principals, critical, extensions, reserved, authority, signature;
    struct bytes parts;
    uint32_t kind;
    int r;

    *ret_problem = "is no whole certificate";
    if (!read_string(&bytes, &nonce))
        return -EINVAL;
    parts = bytes;
    if (!read_parts(&bytes, type))
        return -EINVAL;
    parts.left -= bytes.left;
    if (!skip(&bytes, 8) || !read_number(&bytes, &kind) || !read_string(&bytes, &key_id) ||
        !read_string(&bytes, &principals) || !skip(&bytes, 16) || !read_string(&bytes, &critical) ||
        !read_string(&bytes, &extensions) || !read_string(&bytes, &reserved) ||
        !read_string(&bytes, &authority) || !read_string(&bytes, &signature) || bytes.left > 0)
        return -EINVAL;
    if (!is_sequence(principals) || !is_sequence(critical) || !is_sequence(extensions) ||
        !is_plain(authority) || signature.left == 0 || memchr(key_id.at, '\0', key_id.left))
        return -EINVAL;
    if (kind != USER_CERTIFICATE) {
        *ret_problem = "is not the certificate of a user";
        return -EINVAL;
    }

    r = copy_key(&parts, types[type].name, key);
    if (r == 0)
        r = copy_bytes(&authority, &key->authority, &key->authority_size);
    if (r < 0)
        return r;
    key->key_id = strndup((const char *)key_id.at, key_id.left);
    return key->key_id ? 0 : -ENOMEM;
}

static int read_blob(const struct bytes *blob, const char *type, struct ssh_key *key,
                     const char **ret_problem)
{
    struct bytes bytes = *blob, name;

    if (!read_string(&bytes, &name) || !is_text(&name, type)) {
        *ret_problem = "is a key of another type than is written before it, or none";
        return -EINVAL;
    }
    for (size_t i = 0; i < N_TYPES; i++) {
        key->type = types[i].name;
        if (strcmp(types[i].certificate, type) == 0)
            return read_certificate(bytes, i, key, ret_problem);
        if (strcmp(types[i].name, type) != 0)
            continue;
        if (!read_parts(&bytes, i) || bytes.left > 0) {
            *ret_problem = "is no whole key";
            return -EINVAL;
        }
        return copy_bytes(blob, &key->blob, &key->size);
    }
    *ret_problem = "is of a type that is not known";
    return -EINVAL;
}

/* EVP_DecodeBlock() takes more than base64 and says less: what it read is what is written only if
 * it comes out of EVP_EncodeBlock() as the same text. */
static int decode(const char *base64, uint8_t **ret_bytes, size_t *ret_size)
{
    size_t length = strlen(base64), size = length / 4 * 3;
    CLEANUP_FREE uint8_t *bytes = NULL;
    CLEANUP_FREE char *again = NULL;

    if (length == 0 || length % 4 != 0 || length > SSH_KEY_TEXT_MAX)
        return -EINVAL;
    bytes = malloc(size);
    again = malloc(length + 1);
    if (!bytes || !again)
        return -ENOMEM;
    if (EVP_DecodeBlock(bytes, (const unsigned char *)base64, (int)length) != (int)size)
        return -EINVAL;
    size -= base64[length - 1] == '=';
    size -= base64[length - 2] == '=';
    if (EVP_EncodeBlock((unsigned char *)again, bytes, (int)size) != (int)length ||
        memcmp(again, base64, length) != 0)
        return -EINVAL;
    *ret_bytes = TAKE_PTR(bytes);
    *ret_size = size;
    return 0;
}

int ssh_key_read(const char *type, const char *base64, struct ssh_key *ret_key,
                 const char **ret_problem)
{
    CLEANUP_SSH_KEY struct ssh_key key = {0};
    CLEANUP_FREE uint8_t *decoded = NULL;
    size_t size = 0;
    int r = decode(base64, &decoded, &size);

    if (r == -EINVAL)
        *ret_problem = "is not base64";
    if (r == 0)
        r = read_blob(&(struct bytes){decoded, size}, type, &key, ret_problem);
    if (r < 0)
        return r;
    *ret_key = key;
    key = (struct ssh_key){0};
    return 0;
}

const char *ssh_key_fingerprint(const uint8_t *blob, size_t size,
                                char buffer[static SSH_FINGERPRINT_MAX])
{
    static const char prefix[] = "SHA256:";
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;

    memcpy(buffer, "?", 2);
    if (EVP_Digest(blob, size, digest, &length, EVP_sha256(), NULL) != 1 || length != 32)
        return buffer;
    memcpy(buffer, prefix, sizeof(prefix));
    EVP_EncodeBlock((unsigned char *)buffer + strlen(prefix), digest, (int)length);
    buffer[strcspn(buffer, "=")] = '\0';
    return buffer;
}
