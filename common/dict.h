/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* D-Bus dictionaries (a{sv}) <-> C structs, by tables that interface_codegen.py makes from the
 * interface XML. One table serves reading and writing, so both sides agree by construction. */

#include <dbus/dbus.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

/* How many entries an `as` member may have: enough for every state. */
#define DICT_STRINGS_MAX 16

/* An `as` member. */
struct dict_strings {
    const char *items[DICT_STRINGS_MAX];
    size_t count;
};

struct dict_schema;

/* An `aa{sv}` member: count structs of `stride` bytes, each written by `schema`. Only written. */
struct dict_items {
    const void *items;
    size_t count;
    size_t stride;
    const struct dict_schema *schema;
};

/* One key. `type` is the D-Bus signature of the variant: "s" const char * (NULL: absent), "u"
 * uint32_t, "t" uint64_t, "b" bool, "h" int (-1: absent), "as" struct dict_strings, "aa{sv}" struct
 * dict_items. For u, t, b the bit `bit` in the struct's `has` member says whether it is there;
 * for as and aa{sv} a count of 0 is absent.
 * `max` is the cap of a string, or of each string of an `as`, in bytes; `lines`: line feeds are
 * valid in it. */
struct dict_field {
    const char *key;
    const char *type;
    size_t offset;
    unsigned bit;
    size_t max;
    bool lines;
};

struct dict_schema {
    const char *name;
    const struct dict_field *fields;
    size_t n_fields;   /* at most 64 */
    size_t size;       /* of the struct */
    size_t has_offset; /* of its `uint64_t has` */
};

/* Reads the dictionary that iter stands on into *target, which is overwritten whole. Strings are
 * borrowed from the message; a file descriptor is the caller's to close. An unknown or doubled key,
 * a wrong type, a string that is too long or not valid text (text.h): ERROR_INVALID_ARGUMENT naming
 * the key, and nothing is left open. An empty string stays one: the caller says what it means.
 * Returns 0 or that code. */
int dict_read(DBusMessageIter *iter, const struct dict_schema *schema, void *target,
              struct error *error);

/* Closes what dict_read duplicated (file descriptors); harmless on a zeroed struct whose fds are
 * -1, which is what every failed dict_read leaves. */
void dict_release(const struct dict_schema *schema, void *target);

/* Appends *source as a{sv}. Returns 0; -EINVAL if a string is not UTF-8 (libdbus would abort) or a
 * file descriptor is not open, and then nothing was appended; or -ENOMEM, and then the caller drops
 * the message. */
int dict_write(DBusMessageIter *iter, const struct dict_schema *schema, const void *source);
