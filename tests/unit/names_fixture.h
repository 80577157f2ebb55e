/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Asks for look-ups and keeps the answers. The test program is its own worker, as the broker is. */

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "caps.h"
#include "names/message.h"
#include "names/names.h"

#define CALLS_MAX 400

struct call {
    size_t index;
    size_t count;
    int error; /* of the first item */
    struct names_result results[NAMES_BATCH_MAX];
    char *names[NAMES_BATCH_MAX];
};

struct fixture {
    sd_event *event;
    struct names *names;
    char folder[64];
    char self[4096];
    struct call calls[CALLS_MAX];
    size_t n_calls;
    bool looking_up; /* done must not be called from within */
};

static struct fixture *fixture;

static inline int set_up(void **state)
{
    ssize_t n;

    fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    strcpy(fixture->folder, "/tmp/test-names-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    n = readlink("/proc/self/exe", fixture->self, sizeof(fixture->self) - 1);
    assert_true(n > 0);
    assert_int_equal(sd_event_new(&fixture->event), 0);
    assert_int_equal(names_new(fixture->event, fixture->self, &fixture->names), 0);
    return 0;
}

static inline void forget_calls(void)
{
    for (size_t i = 0; i < fixture->n_calls; i++) {
        message_results_clear(fixture->calls[i].results, fixture->calls[i].count);
        for (size_t j = 0; j < fixture->calls[i].count; j++)
            free(fixture->calls[i].names[j]);
    }
    memset(fixture->calls, 0, sizeof(fixture->calls));
    fixture->n_calls = 0;
}

static inline int tear_down(void **state)
{
    forget_calls();
    names_free(fixture->names);
    sd_event_unref(fixture->event);
    assert_int_equal(rmdir(fixture->folder), 0);
    free(fixture);
    /* Nothing is left running or unreaped. */
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    return 0;
}

/* Keeps what came, moving it out as callers may. */
static inline void on_done(const struct names_item *items, struct names_result *results,
                           size_t count, void *userdata)
{
    struct call *call = &fixture->calls[fixture->n_calls++];

    assert_false(fixture->looking_up);
    assert_true(fixture->n_calls <= CALLS_MAX);
    call->index = (size_t)userdata;
    call->count = count;
    call->error = results[0].error;
    memcpy(call->results, results, count * sizeof(*results));
    for (size_t i = 0; i < count; i++) {
        call->names[i] = items[i].name ? strdup(items[i].name) : NULL;
        if (results[i].error)
            assert_int_equal(results[i].user.uid, UID_UNSET);
    }
    memset(results, 0, count * sizeof(*results));
}

static inline struct names_lookup *look_up(const struct names_item *items, size_t count,
                                           size_t index)
{
    struct names_lookup *lookup = NULL;

    fixture->looking_up = true;
    assert_int_equal(
        names_look_up(fixture->names, NAMES_DOORS, items, count, on_done, (void *)index, &lookup),
        0);
    fixture->looking_up = false;
    return lookup;
}

static inline struct names_lookup *look_up_user(const char *name, bool groups, size_t index)
{
    return look_up(&(struct names_item){.kind = NAMES_USER, .name = name, .groups = groups}, 1,
                   index);
}

/* Runs the loop until that many calls have come. */
static inline void wait_for(size_t n_calls)
{
    while (fixture->n_calls < n_calls)
        assert_true(sd_event_run(fixture->event, 20 * 1000 * 1000) > 0);
}

static inline struct names_result *ask(const struct names_item *items, size_t count)
{
    forget_calls();
    look_up(items, count, 0);
    wait_for(1);
    assert_int_equal(fixture->calls[0].count, count);
    return fixture->calls[0].results;
}

static inline struct names_result *ask_user(const char *name, bool groups)
{
    return ask(&(struct names_item){.kind = NAMES_USER, .name = name, .groups = groups}, 1);
}
