/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "scene.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLAIN                                                                                      \
    "[policy plain]\n"                                                                             \
    "accounts = oracle, backup\n"                                                                  \
    "requesters = alice, erin, bob\n"                                                              \
    "approvers = %security\n"

static int get(struct scene *scene, const char *person, uint64_t id)
{
    struct caller caller = scene_caller(scene, person);
    CLEANUP_CHECKOUT struct checkout *checkout = NULL;
    struct session **sessions = NULL;
    size_t count = 0;
    int r;

    SCENE_ANSWERED(scene, r,
                   ledger_get(scene->ledger, id, &caller, &roster, &checkout, &sessions, &count,
                              &scene->error));
    assert_int_equal(r == 0, checkout != NULL);
    while (count > 0)
        session_free(sessions[--count]);
    free(sessions);
    return r;
}

static struct list_request everything(void)
{
    return (struct list_request){.filter = {.person_uid = UID_UNSET, .limit = 100}};
}

static void assert_list(struct scene *scene, const char *person, struct list_request request,
                        const char *expected)
{
    struct caller caller = scene_caller(scene, person);
    CLEANUP_CHECKOUTS struct checkouts found = {0};
    char text[512] = "";
    int r;

    SCENE_ANSWERED(scene, r,
                   ledger_list(scene->ledger, &request, &caller, &roster, &found, &scene->error));
    assert_code(r, 0);
    for (size_t i = 0; i < found.count; i++)
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%llu", i ? " " : "",
                       (unsigned long long)found.items[i]->id);
    assert_string_equal(text, expected);
}

static void test_who_sees_what(void **state)
{
    static const struct {
        const char *person;
        bool sees;
        const char *list;
    } cases[] = {
        {"alice", true, "1"},    /* her own */
        {"erin", false, "2"},    /* somebody else's not */
        {"bob", true, "1 2"},    /* an approver */
        {"dave", false, ""},     /* nobody */
        {"root", true, "1 2"},   /* */
        {"oracle", false, ""},   /* whose account it is */
        {"admin", true, "1 2"},  /* an administrator */
        {"auditor", true, "1 2"} /* */
    };
    struct scene *scene = *state;

    scene_add_user(scene, "admin", 1100, "wheel");
    scene_add_user(scene, "auditor", 1101, "auditors");
    scene_policies(scene, PLAIN);
    scene_file(scene, "alice", "oracle");
    scene_file(scene, "erin", "oracle");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_code(get(scene, cases[i].person, 1), cases[i].sees ? 0 : ERROR_NOT_PERMITTED);
        assert_list(scene, cases[i].person, everything(), cases[i].list);
    }
    assert_code(get(scene, "root", 3), ERROR_NOT_FOUND);
    assert_code(get(scene, "alice", UINT64_MAX), ERROR_NOT_FOUND);
    /* an auditor reads, and that is all */
    assert_code(scene_revoke(scene, "auditor", 1), ERROR_NOT_PERMITTED);
    assert_code(scene_approve(scene, "auditor", 1), ERROR_NOT_PERMITTED);
}

/* Who has decided still sees it when no longer an approver. */
static void test_who_has_decided(void **state)
{
    struct scene *scene = *state;
    uint64_t id;

    scene_policies(scene, PLAIN);
    id = scene_file(scene, "alice", "oracle");
    scene_file(scene, "erin", "oracle");
    assert_code(scene_approve(scene, "bob", id), 0);
    scene_policies(scene, "[policy other]\naccounts = oracle\nrequesters = alice\n"
                          "approvers = dave\n");
    assert_code(get(scene, "bob", id), 0);
    assert_code(get(scene, "carol", id), ERROR_NOT_PERMITTED);
    assert_list(scene, "bob", everything(), "1");
    assert_list(scene, "carol", everything(), "");
    assert_list(scene, "erin", everything(), "2");
}

static void test_mine_and_decidable(void **state)
{
    struct scene *scene = *state;
    struct list_request mine = everything(), decidable = everything();

    mine.mine = true;
    decidable.decidable = true;
    scene_policies(scene, PLAIN "quorum = 2\n");
    scene_add_user(scene, "frank", 1200, "security");
    scene_file(scene, "alice", "oracle");
    scene_file(scene, "bob", "oracle");
    scene_file(scene, "erin", "oracle");
    assert_list(scene, "bob", mine, "2");
    assert_list(scene, "carol", mine, "");
    assert_list(scene, "bob", decidable, "1 3"); /* not one's own */
    assert_list(scene, "carol", decidable, "1 2 3");
    assert_list(scene, "alice", decidable, "");
    assert_list(scene, "root", decidable, ""); /* sees all, decides nothing */
    assert_code(scene_approve(scene, "bob", 1), 0);
    assert_list(scene, "bob", decidable, "3"); /* not twice */
    assert_list(scene, "carol", decidable, "1 2 3");
    assert_code(scene_deny(scene, "carol", 3), 0);
    assert_list(scene, "carol", decidable, "1 2");
}

/* A page is full of what may be seen, however much lies between that may not. */
static void test_pages(void **state)
{
    struct scene *scene = *state;
    struct list_request request = everything();
    char expected[64];

    scene_policies(scene, PLAIN);
    for (int i = 0; i < 450; i++) {
        const char *person = i % 150 == 149 ? "alice" : "erin";
        uint64_t id;

        scene_pass(scene, 30);
        id = scene_file(scene, person, "oracle");
        assert_code(scene_cancel(scene, person, id), 0);
    }
    assert_list(scene, "alice", request, "150 300 450");
    request.filter.limit = 2;
    assert_list(scene, "alice", request, "150 300");
    request.filter.after = 300;
    assert_list(scene, "alice", request, "450");
    request.filter.after = 0;
    request.filter.person = "alice";
    request.filter.limit = 3;
    assert_list(scene, "bob", request, "150 300 450");
    request.filter.states = 1u << STATE_PENDING;
    assert_list(scene, "bob", request, "");
    request = everything();
    request.filter.limit = 3;
    request.filter.after = 199;
    (void)snprintf(expected, sizeof(expected), "%d %d %d", 200, 201, 202);
    assert_list(scene, "bob", request, expected);
}

/* Whose groups cannot be told sees what is their own, and no more. */
static void test_groups_unknown(void **state)
{
    struct scene *scene = *state;

    scene_policies(scene, PLAIN);
    scene_file(scene, "alice", "oracle");
    scene_file(scene, "bob", "oracle");
    scene_user(scene, "bob")->groups_error = -ETIMEDOUT;
    assert_list(scene, "bob", everything(), "2");
    assert_code(get(scene, "bob", 1), ERROR_NOT_PERMITTED);
    assert_code(get(scene, "bob", 2), 0);
    assert_code(scene_cancel(scene, "bob", 2), 0);
}

/* Whoever has no part in anything is answered without a look at everything. */
static void test_list_costs_a_stranger_nothing(void **state)
{
    struct scene *scene = *state;

    scene_policies(scene, PLAIN);
    scene_file(scene, "alice", "oracle");
    /* a row that cannot be read would fail the list if it were looked at */
    scene_tamper(scene->path, "UPDATE checkout SET uses = -1");
    assert_list(scene, "dave", everything(), "");
    scene_tamper(scene->path, "UPDATE checkout SET uses = 0");
}

/* Nor who decides about something else, whose list would otherwise go through everything. */
static void test_list_costs_an_approver_of_others_nothing(void **state)
{
    struct scene *scene = *state;

    scene_policies(scene, PLAIN "[policy other]\n"
                                "accounts = dave\n"
                                "requesters = alice\n"
                                "approvers = dave\n");
    scene_file(scene, "alice", "oracle");
    scene_file(scene, "alice", "dave");
    scene_tamper(scene->path, "UPDATE checkout SET uses = -1 WHERE id = 1");
    assert_list(scene, "dave", everything(), "2");
    scene_tamper(scene->path, "UPDATE checkout SET uses = 0");
    assert_list(scene, "dave", everything(), "2");
    scene_tamper(scene->path, "UPDATE checkout SET policy = 'gone' WHERE id = 2");
    assert_list(scene, "dave", everything(), "");
    assert_list(scene, "alice", everything(), "1 2");
    scene_tamper(scene->path, "UPDATE checkout SET policy = 'other' WHERE id = 2");
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, scene_setup, scene_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_who_sees_what),
        TEST(test_who_has_decided),
        TEST(test_mine_and_decidable),
        TEST(test_pages),
        TEST(test_groups_unknown),
        TEST(test_list_costs_a_stranger_nothing),
        TEST(test_list_costs_an_approver_of_others_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
