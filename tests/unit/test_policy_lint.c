/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "policy_fixture.h"
#include "persons_fixture.h"

#include <stdio.h>

#include "policy/policy_lint.h"

struct findings {
    char text[4096];
    size_t length;
};

static void note(const struct policy *policy, const char *sentence, void *userdata)
{
    struct findings *findings = userdata;

    findings->length += (size_t)snprintf(findings->text + findings->length,
                                         sizeof(findings->text) - findings->length, "%s %s\n",
                                         policy->name, sentence);
    assert_true(findings->length < sizeof(findings->text));
}

static void check(const char *text, int count, const char *expected)
{
    struct policy_set *set = fixture_policies(text);
    struct findings findings = {0};
    int r = policy_lint(set, note, &findings);

    assert_string_equal(findings.text, expected);
    assert_int_equal(r, count);
    policy_set_free(set);
}

#define POLICY(name, accounts, requesters, rest)                                                   \
    "[policy " name "]\naccounts = " accounts "\nrequesters = " requesters "\n" rest
#define APPROVED "approvers = %security\n"

static void test_clean(void **state)
{
    check("", 0, "");
    check(POLICY("a", "root", "alice", APPROVED) POLICY("b", "root", "bob", APPROVED)
              POLICY("c", "oracle", "alice", APPROVED),
          0, "");
    /* a later one with more doors, sources, people or accounts has something left */
    check(POLICY("a", "root", "%ops", APPROVED "doors = sudo\n")
              POLICY("b", "root", "%ops", APPROVED),
          0, "");
    check(POLICY("a", "root", "%ops", APPROVED "from = 10.0.0.0/8\n")
              POLICY("b", "root", "%ops", APPROVED "from = 10.0.0.0/8, local\n"),
          0, "");
    check(POLICY("a", "root", "%ops", APPROVED "from = 10.0.0.0/8\n")
              POLICY("b", "root", "%ops", APPROVED),
          0, "");
    check(POLICY("a", "root", "%ops", APPROVED) POLICY("b", "root", "%ops, alice", APPROVED), 0,
          "");
    check(POLICY("a", "root", "ops", APPROVED) POLICY("b", "root", "%ops", APPROVED), 0, "");
    check(POLICY("a", "root", "uid:1000-1999", APPROVED)
              POLICY("b", "root", "uid:1000-2000", APPROVED),
          0, "");
    check(POLICY("a", "root", "%ops", APPROVED)
              POLICY("b", "root", "%ops", APPROVED "exempt = x\n"),
          0, "");
}

static void test_never_decides(void **state)
{
    static const char never[] = "b never decides: what it names is taken before it, by policy a\n";

    check(POLICY("a", "root", "%ops", APPROVED) POLICY("b", "root", "%ops", APPROVED), 1, never);
    check(POLICY("a", "oracle, root", "alice, %ops", APPROVED)
              POLICY("b", "root", "%ops", APPROVED "doors = ssh\nfrom = local\n"),
          1, never);
    check(POLICY("a", "root", "%ops", APPROVED "from = 10.0.0.0/8, local\n")
              POLICY("b", "root", "%ops", APPROVED "from = 10.1.0.0/16, 10.2.3.4, local\n"),
          1, never);
    check(POLICY("a", "root", "uid:1000-1999", APPROVED)
              POLICY("b", "root", "uid:1100-1200, uid:1999", APPROVED),
          1, never);
    check(POLICY("a", "uid:0-999", "%ops", APPROVED)
              POLICY("b", "root, uid:200-299", "%ops", APPROVED),
          1, never);
    /* outside of its hours the first one refuses; it does not fall through */
    check(POLICY("a", "root", "%ops", APPROVED "hours = 10:00-11:00\n")
              POLICY("b", "root", "%ops", APPROVED),
          1, never);
    check(POLICY("a", "root", "alice", APPROVED "exempt = %ops\n")
              POLICY("b", "root", "%ops", APPROVED "exempt = alice\n"),
          1, never);
}

static void test_part_of_it_never_decides(void **state)
{
    check(POLICY("a", "root", "%ops", APPROVED) POLICY("b", "oracle, root", "%ops", APPROVED), 1,
          "b never decides about account root, which is taken before it, by policy a\n");
}

static void test_root_approves_nothing(void **state)
{
    check(POLICY("a", "oracle", "%ops", "approvers = root, %security\n"), 1,
          "a names root as an approver, whose approvals are refused: approvers are persons\n");
    check(POLICY("a", "oracle", "%ops", "approvers = root\n"), 2,
          "a names root as an approver, whose approvals are refused: approvers are persons\n"
          "a can never be approved: its approvers cannot reach its quorum\n");
}

static void test_quorums_out_of_reach(void **state)
{
    check(POLICY("a", "root", "%ops", "approvers = alice\nquorum = 2\n"), 1,
          "a can never be approved: its approvers cannot reach its quorum\n");
    check(POLICY("a", "root", "%ops", "approvers = alice, bob\nquorum = alice:1 & alice:1\n"), 1,
          "a can never be approved: its approvers cannot reach its quorum\n");
    check(POLICY("a", "root", "%ops", "approvers = alice, bob\nquorum = 2 then 1\n"), 1,
          "a can never be approved: its approvers cannot reach its quorum\n");
    check(POLICY("a", "root", "%ops", "approvers = alice, bob\nquorum = 2\n"), 0, "");
    /* groups and ranges may have any members */
    check(POLICY("a", "root", "%ops", "approvers = %security\nquorum = 5\n"), 0, "");
    check(POLICY("a", "root", "%ops", "approvers = uid:1000\nquorum = 5\n"), 0, "");
}

static void test_nobody_left_for_a_requester(void **state)
{
    check(
        POLICY("a", "root", "alice, bob, carol, %ops", "approvers = alice, bob\nquorum = 2\n"), 2,
        "a can never be approved for alice: without the own approval its approvers cannot reach "
        "its quorum\n"
        "a can never be approved for bob: without the own approval its approvers cannot reach its "
        "quorum\n");
    check(POLICY("a", "root", "alice", "approvers = alice\nself-approval = yes\n"), 0, "");
    check(POLICY("a", "root", "alice", "approvers = alice, bob\n"), 0, "");
    /* a group of an approver's name, and a range, have other members */
    check(POLICY("a", "root", "%alice, uid:1000", "approvers = alice\n"), 0, "");
}

static void test_key_owners_come_by_ssh(void **state)
{
    check(POLICY("a", "deploy", "%ops", APPROVED "person = key\ndoors = sudo, su\n"), 1,
          "a has person = key, which only the door ssh knows, and not that door\n");
    check(POLICY("a", "deploy", "%ops", APPROVED "person = key\n"), 1,
          "a has person = key, and no line of the file persons says whose key is whose: nobody "
          "comes in by ssh\n");
}

static void test_shared_accounts_have_policies_of_their_own(void **state)
{
    static const char finding[] =
        "never decides about account deploy at the door ssh, where policy key says that it is "
        "shared: write person = key here, too, or leave ssh out of its doors\n";
    static const char other[] = POLICY("other", "backup, deploy", "%dbas", APPROVED);
    CLEANUP_POLICY_SET struct policy_set *set =
        fixture_policies(POLICY("key", "deploy", "%ops", APPROVED "person = key\n")
                             POLICY("other", "backup, deploy", "%dbas", APPROVED));
    struct findings findings = {0};
    const struct identity deploy = {.name = (char *)"deploy", .uid = 5000},
                          alias = {.name = (char *)"alias", .uid = 5000};

    set->persons = fixture_persons("alice " KEY_ALICE "\n");
    assert_int_equal(policy_lint(set, note, &findings), 1);
    assert_string_equal(findings.text + strlen("other "), finding);
    assert_ptr_equal(policy_sharing(set, &deploy), set->policies[0]);
    assert_null(policy_sharing(set, &alias));
    set->policies[0]->accounts[0].uid = 5000;
    set->policies[0]->accounts[0].uid_known = true;
    assert_ptr_equal(policy_sharing(set, &alias), set->policies[0]);
    /* elsewhere the account is like any other */
    check(other, 0, "");
}

static void test_without_approval_there_is_no_quorum(void **state)
{
    check(POLICY("a", "root", "alice", "approval = none\n"), 0, "");
}

#define MANAGERS "[managers]\nalice = carol\nbob = alice\nerin = root\n"

static void test_requesters_without_a_manager(void **state)
{
    static const char lacks[] =
        "a has manager among its approvers, and no manager of dave is named in [managers]\n";

    check(MANAGERS POLICY("a", "root", "alice, bob, %ops, uid:7", "approvers = manager\n"), 0, "");
    check(MANAGERS POLICY("a", "root", "alice, dave", "approvers = manager\n"), 1, lacks);
    /* whether it needs one or not, wherever the managers stand */
    check(POLICY("a", "root", "alice, dave", "approvers = %security, manager\n") MANAGERS, 1,
          lacks);
    check(MANAGERS POLICY("a", "root", "dave", "approvers = %manager, carol\n"), 0, "");
    check(POLICY("a", "root", "%ops", "approvers = manager\n"), 0, "");
}

static void test_managers_and_quorums_out_of_reach(void **state)
{
    static const char beyond[] = "a can never be approved: its approvers cannot reach its quorum\n";

    /* in the best case the manager is one more approver */
    check(MANAGERS POLICY("a", "root", "%ops", "approvers = manager, bob\nquorum = 2\n"), 0, "");
    check(MANAGERS POLICY("a", "root", "%ops", "approvers = manager, bob\nquorum = 3\n"), 1,
          beyond);
    check(MANAGERS POLICY("a", "root", "%ops",
                          "approvers = manager, root\nquorum = manager & root:1\n"),
          2,
          "a names root as an approver, whose approvals are refused: approvers are persons\n"
          "a can never be approved: its approvers cannot reach its quorum\n");
    /* for whom the manager is an approver already, it is not */
    check(MANAGERS POLICY("a", "root", "alice", "approvers = manager, carol\nquorum = 2\n"), 1,
          "a can never be approved for alice: without the own approval its approvers cannot reach "
          "its quorum\n");
    check(MANAGERS POLICY("a", "root", "alice",
                          "approvers = manager, carol\nquorum = 2\nself-approval = yes\n"),
          1, "a can never be approved for alice: its approvers cannot reach its quorum\n");
    check(MANAGERS POLICY("a", "root", "bob",
                          "approvers = manager, carol\nquorum = manager & carol:1\n"),
          0, "");
    check(MANAGERS POLICY("a", "root", "erin", "approvers = manager\n"), 1,
          "a can never be approved for erin: without the own approval its approvers cannot reach "
          "its quorum\n");
    /* the own approval does not count, even where one approves for others */
    check(
        MANAGERS POLICY("a", "root", "bob", "approvers = manager, bob\nquorum = manager & bob:1\n"),
        1,
        "a can never be approved for bob: without the own approval its approvers cannot reach "
        "its quorum\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clean),
        cmocka_unit_test(test_never_decides),
        cmocka_unit_test(test_part_of_it_never_decides),
        cmocka_unit_test(test_root_approves_nothing),
        cmocka_unit_test(test_quorums_out_of_reach),
        cmocka_unit_test(test_nobody_left_for_a_requester),
        cmocka_unit_test(test_requesters_without_a_manager),
        cmocka_unit_test(test_managers_and_quorums_out_of_reach),
        cmocka_unit_test(test_key_owners_come_by_ssh),
        cmocka_unit_test(test_shared_accounts_have_policies_of_their_own),
        cmocka_unit_test(test_without_approval_there_is_no_quorum),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
