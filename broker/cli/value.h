/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* D-Bus values as JSON: a{sv} becomes an object, other arrays become arrays, integers stay bare. */

#include <dbus/dbus.h>
#include <jansson.h>
#include <stdint.h>

#include "cleanup.h"

DEFINE_CLEANUP(json_t *, json, json_decref);
#define CLEANUP_JSON CLEANUP(cleanup_json)

/* Converts the value that iter stands on; iter does not move. The caller owns *ret_value. Returns
 * 0, -ENOMEM, -EINVAL for a type that has no place in our answers, or -ERANGE for an integer beyond
 * what JSON readers take (2^63 and more). */
int value_from_dbus(DBusMessageIter *iter, json_t **ret_value);

/* A member of an object, if it is there and of that type: NULL, 0 or false otherwise. */
const char *value_text(const json_t *object, const char *key);
uint64_t value_number(const json_t *object, const char *key);
