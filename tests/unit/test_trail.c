/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "scene.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLAIN                                                                                      \
    "[policy plain]\n"                                                                             \
    "accounts = oracle\n"                                                                          \
    "requesters = alice, erin\n"                                                                   \
    "approvers = %security\n"

static int audit(struct scene *scene, const char *person, uint64_t id, uint64_t after, size_t limit,
                 struct trail *ret_trail)
{
    struct caller caller = scene_caller(scene, person);
    int r;

    if (id)
        SCENE_ANSWERED(scene, r,
                       ledger_trail(scene->ledger, id, after, limit, &caller, &roster, ret_trail,
                                    &scene->error));
    else
        SCENE_ANSWERED(
            scene, r,
            ledger_audit(scene->ledger, after, limit, &caller, &roster, ret_trail, &scene->error));
    return r;
}

static void test_who_may_read(void **state)
{
    static const struct {
        const char *person;
        bool all, one;
    } cases[] = {{"root", true, true},   {"admin", true, true},   {"auditor", true, true},
                 {"alice", false, true}, {"bob", false, true},    {"erin", false, false},
                 {"dave", false, false}, {"oracle", false, false}};
    struct scene *scene = *state;

    scene_add_user(scene, "admin", 1100, "wheel");
    scene_add_user(scene, "auditor", 1101, "auditors");
    scene_policies(scene, PLAIN);
    scene_file(scene, "alice", "oracle");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct caller caller = scene_caller(scene, cases[i].person);
        CLEANUP(trail_clear) struct trail all = {0}, one = {0}, rows = {0};
        CLEANUP_FREE char *text = NULL;
        char digest[65];
        int r;

        assert_code(audit(scene, cases[i].person, 0, 0, 10, &all),
                    cases[i].all ? 0 : ERROR_NOT_PERMITTED);
        assert_int_equal(all.count, cases[i].all ? 2 : 0);
        assert_code(audit(scene, cases[i].person, 1, 0, 10, &one),
                    cases[i].one ? 0 : ERROR_NOT_PERMITTED);
        assert_int_equal(one.count, cases[i].one ? 1 : 0);
        SCENE_ANSWERED(scene, r,
                       ledger_rows(scene->ledger, TRAIL_CHECKOUTS, 0, 10, &caller, &roster, &rows,
                                   &scene->error));
        assert_code(r, cases[i].all ? 0 : ERROR_NOT_PERMITTED);
        memset(digest, 'a', 64);
        digest[64] = '\0';
        SCENE_ANSWERED(
            scene, r,
            ledger_policy_text(scene->ledger, digest, &caller, &roster, &text, &scene->error));
        assert_code(r, cases[i].all ? ERROR_NOT_FOUND : ERROR_NOT_PERMITTED);
    }
    struct trail none = {0};
    assert_code(audit(scene, "auditor", 99, 0, 10, &none), ERROR_NOT_FOUND);
}

static void test_pages(void **state)
{
    struct scene *scene = *state;
    uint64_t after = 0, seq = 0, ids[4];
    size_t pages = 0;

    scene_policies(scene, PLAIN);
    for (size_t i = 0; i < 4; i++) {
        ids[i] = scene_file(scene, "alice", "oracle");
        assert_code(scene_cancel(scene, "alice", ids[i]), 0);
        scene_pass(scene, 60);
    }
    for (;; pages++) {
        CLEANUP(trail_clear) struct trail page = {0};

        assert_code(audit(scene, "root", 0, after, 2, &page), 0);
        if (page.count == 0)
            break;
        assert_true(page.count <= 2);
        for (size_t i = 0; i < page.count; i++) {
            assert_int_equal(page.items[i].number, ++seq);
            assert_true(page.items[i].has_hash);
            assert_non_null(strstr(page.items[i].text, page.items[i].event));
        }
        after = seq;
    }
    assert_int_equal(seq, 9);
    assert_int_equal(pages, 5);

    /* Of one check-out, its own alone. */
    for (size_t i = 0; i < 4; i++) {
        CLEANUP(trail_clear) struct trail page = {0}, rest = {0};

        assert_code(audit(scene, "alice", ids[i], 0, 10, &page), 0);
        assert_int_equal(page.count, 2);
        assert_int_equal(page.items[0].checkout_id, ids[i]);
        assert_string_equal(page.items[1].event, "cancelled");
        assert_code(audit(scene, "alice", ids[i], page.items[0].number, 10, &rest), 0);
        assert_int_equal(rest.count, 1);
    }
    struct trail beyond = {0};
    assert_code(audit(scene, "root", 0, UINT64_MAX, 10, &beyond), 0);
    assert_int_equal(beyond.count, 0);
}

/* One record is always given, however little fits: else nobody would ever get on. */
static void test_bytes_bound_a_page(void **state)
{
    struct scene *scene = *state;
    CLEANUP(trail_clear) struct trail one = {0}, two = {0};

    scene_policies(scene, PLAIN);
    scene_file(scene, "alice", "oracle");
    scene_file(scene, "erin", "oracle");
    assert_int_equal(store_trail(scene->store, 0, 0, 1000, 1, &one), 0);
    assert_int_equal(one.count, 1);
    assert_int_equal(store_trail(scene->store, 0, 0, 1000, strlen(one.items[0].text) + 1, &two), 0);
    assert_int_equal(two.count, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_who_may_read),
        TEST(test_pages),
        TEST(test_bytes_bound_a_page),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
