/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Canonical JSON (RFC 8785, integers and strings only) and the hash that is taken over it. */

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#define HASH_SIZE 32

/* The object as canonical text; the caller frees. NULL when out of memory. The strings in it hold
 * no control characters and no integer passes 2^53 (what RFC 8785 can say exactly): then jansson's
 * compact form with sorted keys is the canonical one. */
char *canonical_text(const json_t *object);

/* SHA-256(previous || text). previous NULL: 32 zero bytes. Returns 0 or -EIO. */
int canonical_hash(const unsigned char previous[HASH_SIZE], const char *text,
                   unsigned char ret_hash[HASH_SIZE]);

/* 64 hexadecimal digits and a NUL. */
void hash_format(const unsigned char hash[HASH_SIZE], char ret_text[static HASH_SIZE * 2 + 1]);

/* The hash of that text, which must be nothing but its digits in lower case. 0 or -EINVAL. */
int hash_parse(const char *text, unsigned char ret_hash[HASH_SIZE]);

/* Adds a member: a string unless it is NULL or empty, an integer unless it is 0 where optional.
 * Returns 0 or -ENOMEM (also for a string that is not UTF-8). */
int canonical_add_text(json_t *object, const char *key, const char *value);
int canonical_add_number(json_t *object, const char *key, uint64_t value);
