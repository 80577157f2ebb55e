/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Shared accounts at the ssh door: the person is the owner of the key. */

#include "scene.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger/ledger_internal.h"
#include "persons_fixture.h"

#define SHARED                                                                                     \
    "[policy shared]\n"                                                                            \
    "accounts = oracle\n"                                                                          \
    "requesters = alice, bob, erin\n"                                                              \
    "approvers = %security\n"                                                                      \
    "person = key\n"
#define PERSONS "alice " KEY_ALICE "\nbob " KEY_BOB "\n"

static void assert_says(const struct scene *scene, const char *part)
{
    if (!strstr(scene->verdict.message, part))
        fail_msg("'%s' is not in: %s", part, scene->verdict.message);
}

/* These policies and persons are in force. */
static void begin(struct scene *scene, const char *policies, const char *persons)
{
    struct policy_set *set;

    scene_policies(scene, policies);
    set = (struct policy_set *)ledger_policies(scene->ledger);
    set->persons = persons ? fixture_persons(persons) : NULL;
}

/* sshd at the account with what it says of the key. */
static struct login key_login(const struct scene *scene, const char *authinfo)
{
    struct login login = scene_login(scene, DOOR_SSH, "oracle", "oracle");

    login.service = "sshd";
    login.phase = "session";
    login.authinfo = authinfo;
    login.loginuid = 1006; /* of oracle, by pam_loginuid */
    return login;
}

static int64_t records(struct scene *scene, const char *event, const char *person)
{
    char sql[256];

    (void)snprintf(sql, sizeof(sql),
                   "SELECT count(*) FROM audit WHERE event = '%s' AND "
                   "coalesce(json_extract(record, '$.person'), '') = '%s'",
                   event, person);
    return scene_number(scene, sql);
}

static void test_owner_of_the_key(void **state)
{
    struct scene *scene = *state;
    struct login alice = key_login(scene, "publickey " KEY_ALICE "\n");
    struct login bob = key_login(scene, "publickey " KEY_BOB "\n");
    struct error error;
    uint64_t id;

    begin(scene, SHARED, PERSONS);
    assert_verdict(scene_open(scene, &alice), VERDICT_PENDING);
    id = scene->verdict.id;
    assert_code(scene_approve(scene, "bob", id), 0);
    assert_verdict(scene_open(scene, &alice), VERDICT_ALLOW);
    assert_says(scene, "alice has oracle until");
    /* another's key is another person */
    assert_verdict(scene_ask(scene, &bob), VERDICT_PENDING);
    assert_true(scene->verdict.id != id);
    assert_verdict(scene_resume(scene, id, &bob), VERDICT_REFUSED);
    assert_verdict(scene_resume(scene, id, &alice), VERDICT_ALLOW);

    CLEANUP_CHECKOUT struct checkout *checkout = scene_checkout(scene, id);

    assert_string_equal(checkout->person, "alice");
    assert_int_equal(checkout->person_uid, 1001);
    assert_string_equal(checkout->account, "oracle");
    assert_int_equal(checkout->uses, 1);
    assert_int_equal(records(scene, "session-opened", "alice"), 1);
    assert_int_equal(records(scene, "session-opened", "oracle"), 0);
    /* the end of the session is told by the account alone */
    alice.authinfo = NULL;
    assert_int_equal(ledger_close_session(scene->ledger, &alice, &scene->now, &error), 0);
    assert_int_equal(records(scene, "session-closed", "alice"), 1);
}

/* What sshd or the shared account's session has for a loginuid is nobody's. */
static void test_approvers(void **state)
{
    struct scene *scene = *state;
    struct login login = key_login(scene, "publickey " KEY_BOB "\n");
    struct caller caller;
    struct approval_terms terms = {0};
    struct roster none = {0};
    uint64_t id;

    begin(scene, SHARED, PERSONS);
    login.phase = "auth";
    login.loginuid = 1003; /* carol has started sshd by hand */
    assert_verdict(scene_ask(scene, &login), VERDICT_PENDING);
    id = scene->verdict.id;
    assert_code(scene_approve(scene, "bob", id), ERROR_SELF_APPROVAL);

    CLEANUP_CHECKOUT struct checkout *checkout = scene_checkout(scene, id);

    assert_int_equal(checkout->person_loginuid, 1006);
    terms.digest = checkout->digest;
    /* carol, by way of a session of the shared account */
    caller = scene_caller(scene, "carol");
    caller.loginuid = 1006;
    int r;

    do
        scene_answer(scene, &none);
    while ((r = ledger_approve(scene->ledger, id, &terms, &caller, &none, &scene->now,
                               &scene->error)) == -EAGAIN);
    roster_clear(&none);
    assert_code(r, ERROR_SELF_APPROVAL);
    assert_code(scene_approve(scene, "carol", id), 0);
}

/* A check-out that was asked for elsewhere. */
static void test_requested_on_the_bus(void **state)
{
    struct scene *scene = *state;
    struct login alice = key_login(scene, "publickey " KEY_ALICE "\n");
    uint64_t id;

    begin(scene, SHARED, PERSONS);
    id = scene_file(scene, "alice", "oracle");
    assert_verdict(scene_open(scene, &alice), VERDICT_PENDING);
    assert_int_equal(scene->verdict.id, id);
    assert_code(scene_approve(scene, "carol", id), 0);
    assert_verdict(scene_open(scene, &alice), VERDICT_ALLOW);
    assert_code(scene_revoke(scene, "carol", id), 0);
    assert_verdict(scene_open(scene, &alice), VERDICT_PENDING);
}

/* ---- who is refused ---- */

static void assert_refused(struct scene *scene, const struct login *login, const char *part)
{
    assert_verdict(scene_ask(scene, login), VERDICT_REFUSED);
    assert_says(scene, part);
    assert_verdict(scene_open(scene, login), VERDICT_REFUSED);
    assert_says(scene, part);
    assert_verdict(scene_prepare(scene, login), VERDICT_REFUSED);
    assert_says(scene, part);
    assert_verdict(scene_resume(scene, 1, login), VERDICT_REFUSED);
    assert_says(scene, part);
}

static void test_no_key(void **state)
{
    struct scene *scene = *state;
    struct login login = key_login(scene, NULL);

    begin(scene, SHARED, PERSONS);
    assert_refused(scene, &login, "log in with your own ssh key");
    login.authinfo = "password\n";
    assert_refused(scene, &login, "log in with your own ssh key");
    login.phase = "auth";
    assert_refused(scene, &login, "log in with your own ssh key");
    login.phase = NULL;
    assert_refused(scene, &login, "log in with your own ssh key");
    login.phase = "account";
    assert_refused(scene, &login,
                   "oracle is shared, and in the account phase sshd does not show whose key this "
                   "is: your administrator has to move the gate of oracle to the session phase");
    /* nobody is written down as the one who came */
    assert_int_equal(records(scene, "door-refused", ""), 1);
    assert_int_equal(records(scene, "door-refused", "oracle"), 0);
    /* shown all the same, behind keyboard-interactive */
    login.authinfo = "publickey " KEY_ALICE "\nkeyboard-interactive/pam\n";
    assert_verdict(scene_ask(scene, &login), VERDICT_PENDING);
}

/* Another service's environment is anybody's. */
static void test_other_services(void **state)
{
    struct scene *scene = *state;
    struct login login = key_login(scene, "publickey " KEY_ALICE "\n");

    begin(scene, SHARED, PERSONS);
    login.service = "dropbear";
    assert_refused(scene, &login, "only sshd says whose key");
    login = scene_login(scene, DOOR_LOGIN, "oracle", "oracle");
    login.authinfo = "publickey " KEY_ALICE "\n";
    assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
    begin(scene,
          "[policy shared]\naccounts = oracle\nrequesters = oracle\napprovers = bob\n"
          "person = key\n",
          PERSONS);
    assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
    assert_says(scene, "who logs in to it here cannot be told");
    /* sudo and su know who calls */
    begin(scene, SHARED, PERSONS);
    login = scene_login(scene, DOOR_SUDO, "alice", "oracle");
    login.authinfo = "publickey " KEY_BOB "\n";
    assert_verdict(scene_ask(scene, &login), VERDICT_PENDING);
    assert_int_equal(records(scene, "requested", "alice"), 1);
}

static void test_keys_of_nobody(void **state)
{
    struct scene *scene = *state;
    struct login login = key_login(scene, "publickey " KEY_ALICE "\n");

    begin(scene, SHARED, NULL);
    assert_refused(scene, &login, "has to write /etc/pam-checkout/persons");
    begin(scene, SHARED, "bob " KEY_BOB "\n");
    assert_refused(scene, &login, "SHA256:ZkAslGjFiUHdGf/WUL8rQvkib4PTvQatUV0OUQSncCA");
    begin(scene, SHARED, PERSONS);
    login.authinfo = "publickey " KEY_ALICE "\npublickey " KEY_BOB "\n";
    assert_refused(scene, &login, "keys of two persons, alice and bob");
    /* known, and not among the requesters */
    begin(scene, SHARED, "dave " KEY_ALICE "\n");
    login.authinfo = "publickey " KEY_ALICE "\n";
    assert_refused(scene, &login, "no policy lets dave into oracle through ssh");
    /* oracle itself is none of them, even where it is named */
    begin(scene,
          "[policy own]\naccounts = oracle\nrequesters = oracle, dave\napproval = none\n"
          "reason = no\n" SHARED,
          "dave " KEY_ALICE "\n");
    assert_refused(scene, &login, "no policy lets dave into oracle through ssh");
    login = scene_login(scene, DOOR_SUDO, "dave", "oracle");
    assert_verdict(scene_ask(scene, &login), VERDICT_ALLOW);
}

static void test_owners_who_are_no_persons(void **state)
{
    struct scene *scene = *state;
    struct login login = key_login(scene, "publickey " KEY_ALICE "\n");

    begin(scene, SHARED, "mallory " KEY_ALICE "\n");
    assert_refused(scene, &login,
                   "the one of mallory, by /etc/pam-checkout/persons, and there is no");
    begin(scene, SHARED, "root " KEY_ALICE "\n");
    assert_refused(scene, &login, "uid 0 is no person");
    scene_add_user(scene, "toor", 0, "");
    begin(scene, SHARED, "toor " KEY_ALICE "\n");
    assert_refused(scene, &login, "uid 0 is no person");
    /* a second name of alice's, who is meant by requesters and approvals alike */
    scene_add_user(scene, "alias", 1001, "");
    begin(scene, SHARED, "alias " KEY_ALICE "\n");
    assert_refused(scene, &login, "another name of alice (uid 1001)");
    begin(scene, SHARED, "alice " KEY_ALICE "\n");
    assert_verdict(scene_ask(scene, &login), VERDICT_PENDING);
    scene_user(scene, "alice")->error = -ETIMEDOUT;
    assert_refused(scene, &login, "the name service did not say in time who alice is");
}

/* The account goes by its uid. */
static void test_another_name_of_the_account(void **state)
{
    struct scene *scene = *state;
    struct login login = key_login(scene, "publickey " KEY_ALICE "\n");

    scene_add_user(scene, "oracle2", 1006, "");
    begin(scene, SHARED, PERSONS);
    login.person = login.account = "oracle2";
    assert_verdict(scene_ask(scene, &login), VERDICT_PENDING);
    login.authinfo = NULL;
    assert_refused(scene, &login, "log in with your own ssh key");
}

/* ---- words ---- */

static void test_prompt(void **state)
{
    struct scene *scene = *state;
    struct login login = key_login(scene, "publickey " KEY_ALICE "\n");

    begin(scene, SHARED "reason-min-length = 8\n", PERSONS);
    login.phase = "auth";
    login.reason = NULL;
    login.reason_source = NULL;
    assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
    assert_says(scene, "type: checkoutctl request oracle");
    login.reason_source = "prompt";
    assert_verdict(scene_ask(scene, &login), VERDICT_INCOMPLETE);
    assert_string_equal(scene->verdict.message,
                        "policy shared wants a reason of at least 8 characters");
    assert_int_equal(scene_number(scene, "SELECT count(*) FROM checkout"), 0);
    login.reason = "short";
    assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
    assert_string_equal(scene->verdict.message, "the reason is too short: policy shared wants at "
                                                "least 8 characters");
    login.reason = "long enough";
    assert_verdict(scene_ask(scene, &login), VERDICT_PENDING);

    CLEANUP_CHECKOUT struct checkout *checkout = scene_checkout(scene, scene->verdict.id);

    assert_string_equal(checkout->reason, "long enough");
    assert_string_equal(checkout->reason_source, "prompt");
    /* whom words do not help is not asked for any */
    login.authinfo = "publickey " KEY_BOB "\npublickey " KEY_ALICE "\n";
    login.reason = NULL;
    assert_verdict(scene_ask(scene, &login), VERDICT_REFUSED);
}

static void test_no_words_no_source(void **state)
{
    struct scene *scene = *state;
    struct login login = key_login(scene, "publickey " KEY_ALICE "\n");

    begin(scene, SHARED "reason = optional\n", PERSONS);
    login.reason = NULL;
    login.reason_source = "prompt";
    assert_verdict(scene_ask(scene, &login), VERDICT_PENDING);

    CLEANUP_CHECKOUT struct checkout *checkout = scene_checkout(scene, scene->verdict.id);

    assert_null(checkout->reason_source);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_owner_of_the_key),
        TEST(test_approvers),
        TEST(test_requested_on_the_bus),
        TEST(test_no_key),
        TEST(test_other_services),
        TEST(test_keys_of_nobody),
        TEST(test_owners_who_are_no_persons),
        TEST(test_another_name_of_the_account),
        TEST(test_prompt),
        TEST(test_no_words_no_source),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
