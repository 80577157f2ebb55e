/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "policy_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/policy_managers.h"
#include "policy/quorum.h"

#define POLICY "[policy p]\naccounts = root\nrequesters = a\n"
#define REFUSED(text, sentence) fixture_refused(text, strlen(text), sentence)

static void test_good_ones(void **state)
{
    struct policy_set *set = fixture_policies("[managers]\n"
                                              "# a comment\n"
                                              "alice =   carol\n"
                                              "alice.smith@example.org = EXAMPLE\\carol\n"
                                              "Alice = dave\n"  /* another user */
                                              "carol = alice\n" /* each other's */
                                              "manager = ops\n" /* here a name is a name */
                                              "ops = manager\n");

    assert_int_equal(set->n_policies, 0);
    assert_string_equal(policy_manager_of(set, "alice"), "carol");
    assert_string_equal(policy_manager_of(set, "Alice"), "dave");
    assert_string_equal(policy_manager_of(set, "alice.smith@example.org"), "EXAMPLE\\carol");
    assert_string_equal(policy_manager_of(set, "manager"), "ops");
    assert_string_equal(policy_manager_of(set, "ops"), "manager");
    policy_set_free(set);
    policy_set_free(fixture_policies("[managers]\n"));
}

static void test_bad_ones(void **state)
{
    REFUSED("[managers]\nalice = carol\nbob = carol\nalice = dave\n",
            "x.conf:4: [managers] alice: has a manager already: carol, in line 2 of x.conf");
    REFUSED("[managers]\nalice = carol\nalice = carol\n",
            "x.conf:3: [managers] alice: has a manager already: carol, in line 2 of x.conf");
    REFUSED("[managers]\nalice = alice\n",
            "x.conf:2: [managers] alice: cannot be their own manager");
    REFUSED("[managers]\nalice =\n",
            "x.conf:2: [managers] alice: has no value; write the name of this person's manager");
    REFUSED("[managers]\nalice = carol, dave\n",
            "x.conf:2: [managers] alice: 'carol, dave' is not a name; names have no blanks and "
            "none of :/*?!&|()<>\"'`=;#% in them");
    REFUSED("[managers]\nalice = %bosses\n",
            "x.conf:2: [managers] alice: '%bosses' is not a name; names have no blanks and none of "
            ":/*?!&|()<>\"'`=;#% in them");
    REFUSED("[managers]\n%ops = carol\n",
            "x.conf:2: [managers] %ops: '%ops' is not a name; names have no blanks and none of "
            ":/*?!&|()<>\"'`=;#% in them");
    REFUSED("[managers]\nalice = carol # the boss\n",
            "x.conf:2: [managers] alice: 'carol # the boss' is not a name; names have no blanks "
            "and none of :/*?!&|()<>\"'`=;#% in them (a comment needs a line of its own)");
    REFUSED("[managers]\n1001 = carol\n",
            "x.conf:2: [managers] 1001: '1001' is a number; write uid:1001 for a uid");
    REFUSED("[managers]\nalice = 1003\n",
            "x.conf:2: [managers] alice: '1003' is a number; write uid:1003 for a uid");
    REFUSED("[managers]\nalice = carol\n[managers]\nbob = carol\n",
            "x.conf:3: this section is in the file already (case does not count)");
    REFUSED("[managers]\nalice = carol\n[Managers]\nbob = carol\n",
            "x.conf:3: this section is in the file already (case does not count)");
    REFUSED("[Managers]\nalice = carol\n",
            "x.conf:1: [Managers] is no section of this file; write [policy NAME], where NAME has "
            "1 to 64 of A-Z a-z 0-9 . _ -, or [managers]");
    REFUSED("[managers ops]\nalice = carol\n",
            "x.conf:1: [managers ops] is no section of this file; write [policy NAME], where NAME "
            "has 1 to 64 of A-Z a-z 0-9 . _ -, or [managers]");
}

static void test_where_the_word_is_known(void **state)
{
#define ELSEWHERE                                                                                  \
    "'manager' is whoever manages the requester, which means something to approvers and quorum "   \
    "alone; the group is %manager"
    struct policy_set *set;

    REFUSED("[policy p]\naccounts = root\nrequesters = a, manager\n",
            "x.conf:3: [policy p] requesters: " ELSEWHERE);
    REFUSED(POLICY "exempt = manager\n", "x.conf:4: [policy p] exempt: " ELSEWHERE);
    REFUSED(POLICY "approvers = manager, b, manager\n",
            "x.conf:4: [policy p] approvers: manager is listed twice");
    REFUSED(POLICY "approvers = b\nquorum = manager\n",
            "x.conf:5: [policy p] quorum: 'manager' cannot be read: 'manager', the requester's "
            "manager, is not among the approvers; write %manager:1 for the group; write a number, "
            "or GROUP:NUMBER and manager joined by &, | and parentheses, stages joined by then");

    set = fixture_policies("[policy p]\naccounts = root, manager\nrequesters = %manager\n"
                           "approvers = manager, %manager\nquorum = manager & %manager:2\n");
    assert_int_equal(set->policies[0]->approvers.count, 2);
    assert_true(set->policies[0]->approvers.items[0].is_manager);
    assert_false(set->policies[0]->approvers.items[1].is_manager);
    assert_false(set->policies[0]->requesters.items[0].is_manager);
    policy_set_free(set);
}

static void write_file(const char *directory, const char *name, const char *text)
{
    char path[256];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    file = fopen(path, "we");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0644), 0);
}

static void remove_file(const char *directory, const char *name)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    assert_int_equal(unlink(path), 0);
}

static const char people[] = "[managers]\nalice = carol\n";
static const char rule[] = POLICY "approvers = manager\n[managers]\nbob = dave\n";

/* Every file may have the section, and what the ledger kept of them can be read again. */
static void test_several_files(void **state)
{
    char directory[] = "/tmp/test_managers.XXXXXX";
    struct policy_set *set = NULL, *again = calloc(1, sizeof(*again));
    struct error error = {0};
    char sentence[512];

    assert_non_null(again);
    assert_non_null(mkdtemp(directory));
    write_file(directory, "10.conf", people);
    write_file(directory, "20.conf", rule);
    assert_int_equal(config_load_policies(directory, &set, &error), 0);
    assert_string_equal(policy_manager_of(set, "alice"), "carol");
    assert_string_equal(policy_manager_of(set, "bob"), "dave");
    assert_non_null(strstr(set->text, people));

    if (config_restore_policies(again, "ledger", set->text, &error) != 0)
        fail_msg("%s", error.text);
    assert_int_equal(again->n_policies, 1);
    assert_string_equal(policy_manager_of(again, "alice"), "carol");
    assert_string_equal(policy_manager_of(again, "bob"), "dave");
    policy_set_free(again);
    policy_set_free(set);

    set = NULL;
    write_file(directory, "30.conf", "[managers]\n\nalice = erin\n");
    snprintf(sentence, sizeof(sentence),
             "%s/30.conf:3: [managers] alice: has a manager already: carol, in line 2 of "
             "%s/10.conf",
             directory, directory);
    assert_int_equal(config_load_policies(directory, &set, &error), ERROR_INVALID_ARGUMENT);
    assert_string_equal(error.text, sentence);
    assert_null(set);

    remove_file(directory, "10.conf");
    remove_file(directory, "20.conf");
    remove_file(directory, "30.conf");
    assert_int_equal(rmdir(directory), 0);
}

static void test_nothing_else_is_restored_that_would_not_be_read(void **state)
{
    struct policy_set *set = calloc(1, sizeof(*set));
    struct error error = {0};

    assert_non_null(set);
    assert_int_equal(config_restore_policies(set, "ledger", "[policy p]\nacounts = root\n", &error),
                     ERROR_INVALID_ARGUMENT);
    assert_non_null(strstr(error.text, "ledger:2: "));
    policy_set_free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_ones),
        cmocka_unit_test(test_bad_ones),
        cmocka_unit_test(test_where_the_word_is_known),
        cmocka_unit_test(test_several_files),
        cmocka_unit_test(test_nothing_else_is_restored_that_would_not_be_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
