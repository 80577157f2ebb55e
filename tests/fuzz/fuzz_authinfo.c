/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz.h"

#include <openssl/evp.h>

#include "caps.h"
#include "policy/persons.h"
#include "policy/ssh_key.h"
#include "text.h"

/* A key as the bytes that they are: everything that base64 can say gets to where it is read. */
static void check_key(const uint8_t *data, size_t size)
{
    CLEANUP_SSH_KEY struct ssh_key key = {0};
    CLEANUP_FREE char *base64 = malloc(size / 3 * 4 + 5);
    CLEANUP_FREE char *type = NULL;
    char fingerprint[SSH_FINGERPRINT_MAX];
    const char *problem = NULL;
    uint32_t length;

    FUZZ_ASSERT(base64);
    if (size < 4)
        return;
    length = (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3];
    type = length <= size - 4 ? fuzz_string(data + 4, length) : strdup("ssh-ed25519");
    EVP_EncodeBlock((unsigned char *)base64, data, (int)size);
    if (ssh_key_read(type, base64, &key, &problem) != 0) {
        FUZZ_ASSERT(problem && text_is_valid(problem, 256) && !key.blob);
        return;
    }
    FUZZ_ASSERT(ssh_key_is_type(type) && ssh_key_is_type(key.type) && key.size > 4);
    FUZZ_ASSERT(!key.key_id == !key.authority && !key.key_id == (strcmp(key.type, type) == 0));
    if (!key.key_id)
        FUZZ_ASSERT(key.size == size && memcmp(key.blob, data, size) == 0);
    ssh_key_fingerprint(key.blob, key.size, fingerprint);
    FUZZ_ASSERT(strlen(fingerprint) == strlen("SHA256:") + 43);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* One that everybody may be. */
    static const char file[] =
        "alice ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n"
        "bob ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICAhIiMkJSYnKCkqKywtLi8wMTIzNDU2Nzg5Ojs8PT4/\n";
    CLEANUP_PERSONS struct persons *persons = NULL;
    CLEANUP_FREE char *authinfo = fuzz_string(data, size);
    char owner[LIMIT_NAME + 1] = "";
    struct error error = {0};

    check_key(data, size);
    if (!text_is_valid_lines(authinfo, LIMIT_AUTHINFO))
        return 0;
    FUZZ_ASSERT(persons_parse("p", file, strlen(file), &persons, &error) == 0);
    if (persons_find_owner(persons, authinfo, 1800000000, owner, &error) == 0) {
        FUZZ_ASSERT(strcmp(owner, "alice") == 0 || strcmp(owner, "bob") == 0);
        FUZZ_ASSERT(persons_authinfo_has_key(authinfo));
        /* No second one slips by. */
        FUZZ_ASSERT(
            !(strstr(authinfo, "publickey ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgME") ==
                  authinfo &&
              strstr(authinfo, "\npublickey ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICAhIiMkJ")));
    } else {
        FUZZ_ASSERT(!owner[0] && text_is_valid(error.text, sizeof(error.text)));
    }
    FUZZ_ASSERT(persons_find_owner(NULL, authinfo, 1, owner, &error) != 0);
    return 0;
}
