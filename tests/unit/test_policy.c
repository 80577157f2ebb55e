/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "policy_fixture.h"

#include <errno.h>
#include <stdio.h>

#define MONDAY_NOON 1784541600 /* 2026-07-20 10:00 UTC, 12:00 in Berlin */

static const char policies[] = "[policy local-root]\n"
                               "accounts = root\n"
                               "requesters = alice, %ops\n"
                               "doors = sudo, su\n"
                               "from = local\n"
                               "exempt = carol, %robots\n"
                               "approvers = bob\n"
                               "\n"
                               "[policy remote-root]\n"
                               "accounts = root, uid:900-999\n"
                               "requesters = alice\n"
                               "doors = ssh\n"
                               "from = 10.0.0.0/8\n"
                               "hours = Mon..Fri 07:00-19:00 Europe/Berlin\n"
                               "approvers = bob\n"
                               "\n"
                               "[policy anybody-oracle]\n"
                               "accounts = oracle, root\n"
                               "requesters = uid:1000-1999\n"
                               "approval = none\n"
                               "\n"
                               "[policy alices-oracle]\n"
                               "accounts = oracle\n"
                               "requesters = alice\n"
                               "approvers = bob\n";

static struct policy_set *set;

static int read_policies(void **state)
{
    set = fixture_policies(policies);
    /* what the name service said of oracle, and of the account that shares its uid */
    set->policies[2]->accounts[0].uid = 500;
    set->policies[2]->accounts[0].uid_known = true;
    return 0;
}

static int free_policies(void **state)
{
    set = policy_set_free(set);
    return 0;
}

/* Alice, by sudo, to root, from here, on Monday at noon; tests change what they are about. */
struct scene {
    struct identity person, account;
    struct policy_question question;
};

static void set_scene(struct scene *scene)
{
    static char users[] = "users", *groups[] = {users, NULL};

    scene->person = fixture_person("alice", 1000, groups);
    scene->account = (struct identity){.name = (char *)"root", .uid = 0};
    scene->question = (struct policy_question){.person = &scene->person,
                                               .account = &scene->account,
                                               .door = DOOR_SUDO,
                                               .wall = MONDAY_NOON};
}

static void check(const struct scene *scene, enum policy_verdict verdict, const char *policy)
{
    struct policy_answer answer = policy_decide(set, &scene->question);

    assert_int_equal(answer.verdict, verdict);
    if (policy) {
        assert_non_null(answer.policy);
        assert_string_equal(answer.policy->name, policy);
    } else {
        assert_null(answer.policy);
    }
}

static void test_doors(void **state)
{
    assert_int_equal(door_from_name("sudo"), DOOR_SUDO);
    assert_int_equal(door_from_name("su"), DOOR_SU);
    assert_int_equal(door_from_name("ssh"), DOOR_SSH);
    assert_int_equal(door_from_name("login"), DOOR_LOGIN);
    assert_int_equal(door_from_name("sshd"), 0);
    assert_int_equal(door_from_name("any"), 0);
    assert_int_equal(door_from_name(""), 0);
    assert_string_equal(door_name(DOOR_SSH), "ssh");
    assert_string_equal(door_name(0), "?");
    assert_string_equal(door_name(DOOR_ANY), "?");
}

static void test_verdict_names(void **state)
{
    assert_string_equal(policy_verdict_name(POLICY_UNMANAGED), "unmanaged");
    assert_string_equal(policy_verdict_name(POLICY_EXEMPT), "exempt");
    assert_string_equal(policy_verdict_name(POLICY_NOBODY), "nobody");
    assert_string_equal(policy_verdict_name(POLICY_OUTSIDE_HOURS), "outside-hours");
    assert_string_equal(policy_verdict_name(POLICY_DECIDES), "decides");
    assert_string_equal(policy_verdict_name(POLICY_NEEDS_GROUPS), "unknown");
    assert_string_equal(policy_verdict_name((enum policy_verdict)99), "nobody");
}

static void test_first_match_decides(void **state)
{
    struct scene scene;

    set_scene(&scene);
    check(&scene, POLICY_DECIDES, "local-root");
    scene.account = (struct identity){.name = (char *)"oracle", .uid = 500};
    check(&scene, POLICY_DECIDES, "anybody-oracle");
}

static void test_what_does_not_match_falls_through(void **state)
{
    struct scene scene;

    set_scene(&scene);
    scene.question.door = DOOR_SSH;
    scene.question.rhost = "10.1.2.3";
    check(&scene, POLICY_DECIDES, "remote-root");
    scene.question.rhost = "192.0.2.1";
    check(&scene, POLICY_DECIDES, "anybody-oracle");
    scene.question.rhost = "ten.example.org";
    check(&scene, POLICY_DECIDES, "anybody-oracle");
    scene.question.door = DOOR_LOGIN;
    scene.question.rhost = NULL;
    check(&scene, POLICY_DECIDES, "anybody-oracle");
}

static void test_outside_hours_does_not_fall_through(void **state)
{
    struct scene scene;

    set_scene(&scene);
    scene.question.door = DOOR_SSH;
    scene.question.rhost = "10.1.2.3";
    scene.question.wall = MONDAY_NOON + 12 * 3600;
    check(&scene, POLICY_OUTSIDE_HOURS, "remote-root");
    scene.question.wall = MONDAY_NOON - 24 * 3600;
    check(&scene, POLICY_OUTSIDE_HOURS, "remote-root");
}

static void test_unmanaged_and_nobody(void **state)
{
    struct scene scene;

    set_scene(&scene);
    scene.account = (struct identity){.name = (char *)"games", .uid = 5};
    check(&scene, POLICY_UNMANAGED, NULL);
    scene.account = (struct identity){.name = (char *)"roots", .uid = UID_UNSET};
    check(&scene, POLICY_UNMANAGED, NULL);

    set_scene(&scene);
    scene.person = fixture_person("mallory", 2000, GROUPS("users"));
    check(&scene, POLICY_NOBODY, NULL);
    /* managed at a door where nobody may come in is managed all the same */
    scene.account = (struct identity){.name = (char *)"daemon", .uid = 950};
    check(&scene, POLICY_NOBODY, NULL);
}

static void test_accounts_match_by_name_and_by_uid(void **state)
{
    struct scene scene;

    set_scene(&scene);
    scene.account = (struct identity){.name = (char *)"toor", .uid = 0};
    check(&scene, POLICY_DECIDES, "local-root");
    scene.account = (struct identity){.name = (char *)"oracle", .uid = 12345};
    check(&scene, POLICY_DECIDES, "anybody-oracle");
    scene.account = (struct identity){.name = (char *)"delphi", .uid = 500};
    check(&scene, POLICY_DECIDES, "anybody-oracle");
    scene.account = (struct identity){.name = (char *)"root", .uid = UID_UNSET};
    check(&scene, POLICY_DECIDES, "local-root");

    scene.question.door = DOOR_SSH;
    scene.question.rhost = "10.1.2.3";
    scene.account = (struct identity){.name = (char *)"first", .uid = 900};
    check(&scene, POLICY_DECIDES, "remote-root");
    scene.account = (struct identity){.name = (char *)"last", .uid = 999};
    check(&scene, POLICY_DECIDES, "remote-root");
    scene.account = (struct identity){.name = (char *)"before", .uid = 899};
    check(&scene, POLICY_UNMANAGED, NULL);
    scene.account = (struct identity){.name = (char *)"behind", .uid = 1000};
    check(&scene, POLICY_UNMANAGED, NULL);
}

static void test_people_match_by_name_group_and_range(void **state)
{
    struct scene scene;

    set_scene(&scene);
    scene.person = fixture_person("dan", 3000, GROUPS("users", "ops"));
    check(&scene, POLICY_DECIDES, "local-root");
    scene.person = fixture_person("ops", 3000, GROUPS("users")); /* a user of the group's name */
    check(&scene, POLICY_NOBODY, NULL);
    scene.person = fixture_person("eve", 3000, GROUPS("alice")); /* a group of the user's name */
    check(&scene, POLICY_NOBODY, NULL);
    scene.person = fixture_person("eve", 1999, NO_GROUPS);
    check(&scene, POLICY_DECIDES, "anybody-oracle");
    scene.person = fixture_person("eve", UID_UNSET, NO_GROUPS);
    check(&scene, POLICY_NOBODY, NULL);
}

static void test_unknown_groups_are_asked_for_only_where_they_matter(void **state)
{
    struct scene scene;

    set_scene(&scene);
    scene.person.groups_known = false;
    /* alice is named, but might be exempt as one of the robots */
    check(&scene, POLICY_NEEDS_GROUPS, NULL);
    scene.person.name = (char *)"carol";
    check(&scene, POLICY_EXEMPT, "local-root");
    scene.person.name = (char *)"mallory";
    check(&scene, POLICY_NEEDS_GROUPS, NULL);

    /* a policy whose other matchers do not fit asks for nothing */
    scene.question.door = DOOR_SSH;
    scene.question.rhost = "10.1.2.3";
    scene.person.name = (char *)"alice";
    check(&scene, POLICY_DECIDES, "remote-root");
    scene.account = (struct identity){.name = (char *)"games", .uid = 5};
    check(&scene, POLICY_UNMANAGED, NULL);
}

static void test_the_exempt(void **state)
{
    struct scene scene;

    set_scene(&scene);
    scene.person = fixture_person("carol", 2001, NO_GROUPS);
    check(&scene, POLICY_EXEMPT, "local-root");
    scene.person = fixture_person("alice", 1000, GROUPS("robots"));
    check(&scene, POLICY_EXEMPT, "local-root");
    /* only where the matchers fit */
    scene.question.rhost = "10.1.2.3";
    scene.question.door = DOOR_SSH;
    check(&scene, POLICY_DECIDES, "remote-root");
}

static void test_requests_without_a_door_or_a_source(void **state)
{
    struct scene scene;

    set_scene(&scene);
    scene.account = (struct identity){.name = (char *)"daemon", .uid = 950};
    scene.question.door = 0;
    check(&scene, POLICY_NOBODY, NULL); /* local is not in its network */
    scene.question.any_source = true;
    check(&scene, POLICY_DECIDES, "remote-root");
    scene.question.door = DOOR_SUDO;
    check(&scene, POLICY_NOBODY, NULL);
}

static void test_no_policy_at_all(void **state)
{
    struct policy_set empty = {0};
    struct scene scene;
    struct policy_answer answer;

    set_scene(&scene);
    answer = policy_decide(&empty, &scene.question);
    assert_int_equal(answer.verdict, POLICY_UNMANAGED);
    assert_null(answer.policy);
}

static void check_explanation(const struct scene *scene, const char *expected)
{
    char *text = policy_explain(set, &scene->question);

    assert_string_equal(text, expected);
    free(text);
}

static void test_explanations(void **state)
{
    struct scene scene;

    set_scene(&scene);
    check_explanation(&scene, "x.conf:1 [policy local-root]: decides\n");

    scene.question.door = DOOR_SSH;
    scene.question.rhost = "10.1.2.3";
    scene.question.wall += 12 * 3600;
    check_explanation(
        &scene, "x.conf:1 [policy local-root]: doors do not include ssh, only sudo, su\n"
                "x.conf:9 [policy remote-root]: decides, and refuses: it is outside its hours\n");

    scene.question.rhost = "evil\033[2Jhost";
    scene.person = fixture_person("mallory", 2000, NO_GROUPS);
    check_explanation(&scene,
                      "x.conf:1 [policy local-root]: doors do not include ssh, only sudo, su\n"
                      "x.conf:9 [policy remote-root]: from does not include evil\\x1b[2Jhost\n"
                      "x.conf:17 [policy anybody-oracle]: requesters do not include mallory\n"
                      "x.conf:22 [policy alices-oracle]: accounts do not include root\n"
                      "no policy lets in mallory by this door from here\n");

    set_scene(&scene);
    scene.person = fixture_person("carol", 2001, NO_GROUPS);
    check_explanation(&scene,
                      "x.conf:1 [policy local-root]: exempts carol, who needs no check-out\n");
    scene.person = fixture_person("mallory", 2000, NO_GROUPS);
    scene.person.groups_known = false;
    check_explanation(&scene,
                      "x.conf:1 [policy local-root]: cannot be told, because the groups are "
                      "not known of mallory\n");

    scene.account = (struct identity){.name = NULL, .uid = 5};
    check_explanation(&scene, "x.conf:1 [policy local-root]: accounts do not include uid 5\n"
                              "x.conf:9 [policy remote-root]: accounts do not include uid 5\n"
                              "x.conf:17 [policy anybody-oracle]: accounts do not include uid 5\n"
                              "x.conf:22 [policy alices-oracle]: accounts do not include uid 5\n"
                              "no policy names the account uid 5\n");
}

static void test_local_is_said_to_be_local(void **state)
{
    struct scene scene;

    set_scene(&scene);
    scene.account = (struct identity){.name = (char *)"daemon", .uid = 950};
    scene.question.door = DOOR_SSH;
    check_explanation(&scene, "x.conf:1 [policy local-root]: accounts do not include daemon\n"
                              "x.conf:9 [policy remote-root]: from does not include local\n"
                              "x.conf:17 [policy anybody-oracle]: accounts do not include daemon\n"
                              "x.conf:22 [policy alices-oracle]: accounts do not include daemon\n"
                              "no policy lets in alice by this door from here\n");
}

static void test_explanations_name_the_manager(void **state)
{
    struct policy_set *managed = fixture_policies("[policy p]\n"
                                                  "accounts = root\n"
                                                  "requesters = %ops\n"
                                                  "approvers = manager, bob\n"
                                                  "[managers]\n"
                                                  "alice = carol\n");
    struct identity person = fixture_person("alice", 1001, GROUPS("ops"));
    const struct identity root = {.name = (char *)"root", .uid = 0};
    const struct policy_question question = {
        .person = &person, .account = &root, .any_source = true};
    char *text = policy_explain(managed, &question);

    assert_string_equal(text, "x.conf:1 [policy p]: decides; among its approvers is carol (alice's "
                              "manager)\n");
    free(text);
    person.name = (char *)"erin";
    text = policy_explain(managed, &question);
    assert_string_equal(text, "x.conf:1 [policy p]: decides; among its approvers is erin's manager "
                              "(none is named)\n");
    free(text);
    person.name = NULL;
    text = policy_explain(managed, &question);
    assert_string_equal(text, "x.conf:1 [policy p]: decides\n");
    free(text);
    policy_set_free(managed);
}

static void test_principals(void **state)
{
    struct policy_set *other = fixture_policies("[policy p]\n"
                                                "accounts = root\n"
                                                "requesters = bob, %ops, uid:7, uid:1000-1999\n"
                                                "approvers = bob\n");
    const struct principals *principals = &other->policies[0]->requesters;
    struct identity person = fixture_person("bob", 5000, NO_GROUPS);
    const struct approvers approvers = {.principals = principals};
    const struct approvers nobody = {.principals = &other->policies[0]->exempt};
    char *sentence = approvers_sentence(&approvers);

    assert_string_equal(sentence, "bob, anyone in %ops, the user with uid 7 or anyone with a uid "
                                  "from 1000 to 1999");
    free(sentence);
    sentence = approvers_sentence(&nobody);
    assert_string_equal(sentence, "nobody");
    free(sentence);

    assert_int_equal(principals_include(principals, &person), 1);
    person.groups_known = false;
    assert_int_equal(principals_include(principals, &person), 1);
    person.name = (char *)"eve";
    assert_int_equal(principals_include(principals, &person), -EAGAIN);
    person.uid = 7;
    assert_int_equal(principals_include(principals, &person), 1);
    person.uid = 8;
    person.groups_known = true;
    assert_int_equal(principals_include(principals, &person), 0);
    person = fixture_person(NULL, 999, GROUPS("users", "ops"));
    assert_int_equal(principals_include(principals, &person), 1);
    person = fixture_person(NULL, 999, GROUPS("users"));
    assert_int_equal(principals_include(principals, &person), 0);
    person.groups_known = false;
    assert_int_equal(principals_include(&other->policies[0]->exempt, &person), 0);
    policy_set_free(other);
}

static char *repeated(char c, size_t count)
{
    char *text = malloc(count + 1);

    assert_non_null(text);
    memset(text, c, count);
    text[count] = '\0';
    return text;
}

static void test_requests(void **state)
{
    static const char head[] = "[policy p]\naccounts = root\nrequesters = a\napprovers = b\n";
    static const struct {
        const char *keys, *reason, *ticket;
        uint64_t asked;
        int code;
        uint64_t seconds;
        const char *sentence;
    } cases[] = {
        {"", "because", NULL, 0, 0, 3600, NULL},
        {"", "because", "CHG-1", 60, 0, 60, NULL},
        {"", "x", NULL, 28800, 0, 28800, NULL},
        {"", "x", NULL, 28801, ERROR_POLICY_REFUSED, 0, "policy p allows at most 8h"},
        {"duration = 2h\nmax-duration = 2h 30min\n", "x", NULL, 0, 0, 7200, NULL},
        {"duration = 2h\nmax-duration = 2h 30min\n", "x", NULL, 9001, ERROR_POLICY_REFUSED, 0,
         "policy p allows at most 2h 30min"},
        {"", NULL, NULL, 0, ERROR_POLICY_REFUSED, 0, "policy p wants a reason"},
        {"", "", NULL, 0, ERROR_POLICY_REFUSED, 0, "policy p wants a reason"},
        {"reason-min-length = 10\n", NULL, NULL, 0, ERROR_POLICY_REFUSED, 0,
         "policy p wants a reason of at least 10 characters"},
        {"reason-min-length = 10\n", "too short", NULL, 0, ERROR_POLICY_REFUSED, 0,
         "the reason is too short: policy p wants at least 10 characters"},
        {"reason-min-length = 10\n", "just right", NULL, 0, 0, 3600, NULL},
        {"reason-min-length = 3\n", "\xc3\xa4\xc3\xb6", NULL, 0, ERROR_POLICY_REFUSED, 0,
         "the reason is too short: policy p wants at least 3 characters"},
        {"reason-min-length = 3\n", "\xc3\xa4\xc3\xb6\xc3\xbc", NULL, 0, 0, 3600, NULL},
        {"reason = optional\n", NULL, NULL, 0, 0, 3600, NULL},
        {"reason = optional\nreason-min-length = 3\n", NULL, NULL, 0, 0, 3600, NULL},
        {"reason = optional\nreason-min-length = 3\n", "no", NULL, 0, ERROR_POLICY_REFUSED, 0,
         "the reason is too short: policy p wants at least 3 characters"},
        {"reason = no\n", NULL, NULL, 0, 0, 3600, NULL},
        {"reason = no\n", "kept", NULL, 0, 0, 3600, NULL},
        {"ticket = required\n", "x", NULL, 0, ERROR_POLICY_REFUSED, 0, "policy p wants a ticket"},
        {"ticket = required\n", "x", "", 0, ERROR_POLICY_REFUSED, 0, "policy p wants a ticket"},
        {"ticket = required\n", "x", "1", 0, 0, 3600, NULL},
        {"ticket = no\n", "x", "kept", 0, 0, 3600, NULL},
        {"ticket = required\nticket-pattern = CHG-[0-9]+\n", "x", NULL, 0, ERROR_POLICY_REFUSED, 0,
         "policy p wants a ticket of the form CHG-[0-9]+"},
        {"ticket-pattern = CHG-[0-9]+\n", "x", NULL, 0, 0, 3600, NULL},
        {"ticket-pattern = CHG-[0-9]+\n", "x", "CHG-17", 0, 0, 3600, NULL},
        {"ticket-pattern = CHG-[0-9]+\n", "x", "CHG-", 0, ERROR_POLICY_REFUSED, 0,
         "the ticket does not fit: policy p wants one of the form CHG-[0-9]+"},
        {"ticket-pattern = CHG-[0-9]+\n", "x", "xCHG-17", 0, ERROR_POLICY_REFUSED, 0,
         "the ticket does not fit: policy p wants one of the form CHG-[0-9]+"},
        {"ticket-pattern = CHG-[0-9]+\n", "x", "CHG-17x", 0, ERROR_POLICY_REFUSED, 0,
         "the ticket does not fit: policy p wants one of the form CHG-[0-9]+"},
        /* alternatives are anchored too, whatever the parentheses */
        {"ticket-pattern = CHG|INC\n", "x", "INC", 0, 0, 3600, NULL},
        {"ticket-pattern = CHG|INC\n", "x", "CHGx", 0, ERROR_POLICY_REFUSED, 0,
         "the ticket does not fit: policy p wants one of the form CHG|INC"},
        {"ticket-pattern = CHG|INC\n", "x", "xINC", 0, ERROR_POLICY_REFUSED, 0,
         "the ticket does not fit: policy p wants one of the form CHG|INC"},
        {"ticket-pattern = C|CHG|CH\n", "x", "CHG", 0, 0, 3600, NULL},
        {"ticket-pattern = ^CHG$\n", "x", "CHG", 0, 0, 3600, NULL},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct error error = {0};
        struct policy_set *other;
        uint64_t seconds = 4711;
        char text[512];
        int r;

        snprintf(text, sizeof(text), "%s%s", head, cases[i].keys);
        other = fixture_policies(text);
        r = policy_check_request(other->policies[0], cases[i].reason, cases[i].ticket,
                                 cases[i].asked, &seconds, &error);
        if (r != cases[i].code || seconds != (r == 0 ? cases[i].seconds : 4711))
            fail_msg("case %zu: %d, %llu s: %s", i, r, (unsigned long long)seconds, error.text);
        if (r != 0)
            assert_string_equal(error.text, cases[i].sentence);
        policy_set_free(other);
    }
}

static void test_malformed_texts_are_invalid(void **state)
{
    struct policy_set *other = fixture_policies(
        "[policy p]\naccounts = root\nrequesters = a\napprovers = b\nreason = no\nticket = no\n");
    const struct policy *policy = other->policies[0];
    char *long_reason = repeated('x', LIMIT_REASON + 1);
    char *long_ticket = repeated('x', LIMIT_TICKET + 1);
    static const char *const bad[] = {"\n", " \t ", "a\033[2J", "a\xff", "two\nlines"};
    uint64_t seconds = 4711;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct error error = {0};

        assert_int_equal(policy_check_request(policy, bad[i], NULL, 0, &seconds, &error),
                         ERROR_INVALID_ARGUMENT);
        assert_int_equal(error.code, ERROR_INVALID_ARGUMENT);
        assert_int_equal(policy_check_request(policy, NULL, bad[i], 0, &seconds, &error),
                         ERROR_INVALID_ARGUMENT);
    }
    assert_int_equal(policy_check_request(policy, long_reason, NULL, 0, &seconds, NULL),
                     ERROR_INVALID_ARGUMENT);
    assert_int_equal(policy_check_request(policy, NULL, long_ticket, 0, &seconds, NULL),
                     ERROR_INVALID_ARGUMENT);
    assert_int_equal(seconds, 4711);
    assert_int_equal(
        policy_check_request(policy, long_reason + 1, long_ticket + 1, 0, &seconds, NULL), 0);
    free(long_reason);
    free(long_ticket);
    policy_set_free(other);
}

static void test_nothing_is_freed(void **state)
{
    assert_null(policy_free(NULL));
    assert_null(policy_set_free(NULL));
    assert_null(policy_set_free(calloc(1, sizeof(struct policy_set))));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_doors),
        cmocka_unit_test(test_verdict_names),
        cmocka_unit_test(test_first_match_decides),
        cmocka_unit_test(test_what_does_not_match_falls_through),
        cmocka_unit_test(test_outside_hours_does_not_fall_through),
        cmocka_unit_test(test_unmanaged_and_nobody),
        cmocka_unit_test(test_accounts_match_by_name_and_by_uid),
        cmocka_unit_test(test_people_match_by_name_group_and_range),
        cmocka_unit_test(test_unknown_groups_are_asked_for_only_where_they_matter),
        cmocka_unit_test(test_the_exempt),
        cmocka_unit_test(test_requests_without_a_door_or_a_source),
        cmocka_unit_test(test_no_policy_at_all),
        cmocka_unit_test(test_explanations),
        cmocka_unit_test(test_local_is_said_to_be_local),
        cmocka_unit_test(test_explanations_name_the_manager),
        cmocka_unit_test(test_principals),
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_malformed_texts_are_invalid),
        cmocka_unit_test(test_nothing_is_freed),
    };

    return cmocka_run_group_tests(tests, read_policies, free_policies);
}
