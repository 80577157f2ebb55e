/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Values of configuration keys: each function reads one kind of value, or fails with a sentence
 * that names the place, what is wrong and what is allowed. */

#include "policy/config_document.h"
#include "policy/policy.h"

/* Where a value stands; borrowed. */
struct config_place {
    const char *file;
    unsigned line;
    const char *section;
    const char *key;
    struct error *error;
};

#define CONFIG_LIST_MAX 1024 /* items of one list */

/* "FILE:LINE: [SECTION] KEY: " and the sentence. Returns ERROR_INVALID_ARGUMENT. */
int config_fail(const struct config_place *place, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same, about a value: "'VALUE' " and the sentence, and a hint where the value seems to hold a
 * comment. */
int config_fail_value(const struct config_place *place, const char *value, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

int config_out_of_memory(const struct config_place *place);

/* One of `names`, which ends with NULL: *ret_index is its index. */
int config_read_word(const struct config_place *place, const char *value, const char *const *names,
                     unsigned *ret_index);
int config_read_bool(const struct config_place *place, const char *value, bool *ret_bool);
int config_read_number(const struct config_place *place, const char *value, uint64_t min,
                       uint64_t max, uint64_t *ret_number);
int config_read_duration(const struct config_place *place, const char *value,
                         uint64_t *ret_seconds);

/* The name of a user or group, without a %. */
int config_check_name(const struct config_place *place, const char *name);

/* Calls `item` for each part of a list with commas, blanks trimmed, until it returns other than 0.
 * An empty part is an error. */
typedef int (*config_item)(const struct config_place *place, const char *item, void *userdata);
int config_read_list(const struct config_place *place, const char *value, config_item item,
                     void *userdata);

/* Adds what the list names: NAME, %GROUP, uid:FIRST-LAST. */
int config_add_principals(const struct config_place *place, const char *value,
                          struct principals *principals);

/* The same, and `manager`. */
int config_add_approvers(const struct config_place *place, const char *value,
                         struct principals *approvers);

/* Adds what the list names: NAME, uid:FIRST-LAST. */
int config_add_accounts(const struct config_place *place, const char *value, struct policy *policy);
