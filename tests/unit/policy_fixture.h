/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Policies from text, for the tests of everything that works on them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "policy/config.h"

#define FIXTURE_FILE "x.conf"

/* The policies that the text holds; the test fails if it is refused. */
static inline struct policy_set *fixture_policies(const char *text)
{
    struct policy_set *set = calloc(1, sizeof(*set));
    struct error error = {0};

    assert_non_null(set);
    if (config_add_policies(set, FIXTURE_FILE, text, strlen(text), &error) != 0)
        fail_msg("refused: %s", error.text);
    return set;
}

/* The text must be refused with exactly this sentence. */
static inline void fixture_refused(const char *text, size_t length, const char *sentence)
{
    struct policy_set *set = calloc(1, sizeof(*set));
    struct error error = {0};
    int r;

    assert_non_null(set);
    r = config_add_policies(set, FIXTURE_FILE, text, length, &error);
    if (r == 0)
        fail_msg("let in: %s", text);
    assert_int_equal(r, ERROR_INVALID_ARGUMENT);
    assert_int_equal(error.code, ERROR_INVALID_ARGUMENT);
    assert_string_equal(error.text, sentence);
    policy_set_free(set);
}

/* Somebody whose groups are known: GROUPS("ops", "security") or NO_GROUPS, which live as long as
 * the block they stand in. Borrows everything. */
static inline struct identity fixture_person(const char *name, uid_t uid, char **groups)
{
    struct identity person = {
        .name = (char *)name, .uid = uid, .groups = groups, .groups_known = true};

    while (groups[person.n_groups])
        person.n_groups++;
    return person;
}

#define GROUPS(...) ((char **)(const char *[]){__VA_ARGS__, NULL})
#define NO_GROUPS ((char **)(const char *[]){NULL})
