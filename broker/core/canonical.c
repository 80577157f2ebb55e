/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/canonical.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

#include "cleanup.h"

DEFINE_CLEANUP(EVP_MD_CTX *, digest_context, EVP_MD_CTX_free);

char *canonical_text(const json_t *object)
{
    return json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);
}

int canonical_hash(const unsigned char previous[HASH_SIZE], const char *text,
                   unsigned char ret_hash[HASH_SIZE])
{
    static const unsigned char genesis[HASH_SIZE];
    CLEANUP(cleanup_digest_context) EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char hash[HASH_SIZE];

    if (!context || EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1 ||
        EVP_DigestUpdate(context, previous ? previous : genesis, HASH_SIZE) != 1 ||
        EVP_DigestUpdate(context, text, strlen(text)) != 1 ||
        EVP_DigestFinal_ex(context, hash, NULL) != 1)
        return -EIO;
    memcpy(ret_hash, hash, HASH_SIZE);
    return 0;
}

void hash_format(const unsigned char hash[HASH_SIZE], char ret_text[static HASH_SIZE * 2 + 1])
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < HASH_SIZE; i++) {
        ret_text[2 * i] = digits[hash[i] >> 4];
        ret_text[2 * i + 1] = digits[hash[i] & 15];
    }
    ret_text[HASH_SIZE * 2] = '\0';
}

static int digit_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

int hash_parse(const char *text, unsigned char ret_hash[HASH_SIZE])
{
    unsigned char hash[HASH_SIZE];

    if (strlen(text) != (size_t)2 * HASH_SIZE)
        return -EINVAL;
    for (size_t i = 0; i < HASH_SIZE; i++) {
        int high = digit_value(text[2 * i]), low = digit_value(text[2 * i + 1]);

        if (high < 0 || low < 0)
            return -EINVAL;
        hash[i] = (unsigned char)(high << 4 | low);
    }
    memcpy(ret_hash, hash, HASH_SIZE);
    return 0;
}

int canonical_add_text(json_t *object, const char *key, const char *value)
{
    if (!value || !*value)
        return 0;
    return json_object_set_new(object, key, json_string(value)) < 0 ? -ENOMEM : 0;
}

int canonical_add_number(json_t *object, const char *key, uint64_t value)
{
    return json_object_set_new(object, key, json_integer((json_int_t)value)) < 0 ? -ENOMEM : 0;
}
