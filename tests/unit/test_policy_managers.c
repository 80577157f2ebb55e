/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "policy_fixture.h"

#include <errno.h>
#include <stdio.h>

#include "policy/policy_managers.h"

static const char policies[] = "[managers]\n"
                               "alice = carol\n"
                               "bob = carol\n"
                               "carol = dave\n"
                               "[policy both]\n"
                               "accounts = root\n"
                               "requesters = %ops\n"
                               "approvers = manager, %security, erin\n"
                               "[policy group]\n"
                               "accounts = oracle\n"
                               "requesters = %ops\n"
                               "approvers = %manager, bob\n"
                               "[policy alone]\n"
                               "accounts = backup\n"
                               "requesters = %ops\n"
                               "approvers = manager\n";

static void test_who_manages_whom(void **state)
{
    struct policy_set *set = fixture_policies(policies);
    struct policy_set nobody = {0};

    assert_string_equal(policy_manager_of(set, "alice"), "carol");
    assert_string_equal(policy_manager_of(set, "bob"), "carol");
    assert_string_equal(policy_manager_of(set, "carol"), "dave");
    assert_null(policy_manager_of(set, "dave"));
    assert_null(policy_manager_of(set, "Alice"));
    assert_null(policy_manager_of(set, "alic"));
    assert_null(policy_manager_of(set, ""));
    assert_true(policy_manages_somebody(set, "carol"));
    assert_true(policy_manages_somebody(set, "dave"));
    assert_false(policy_manages_somebody(set, "alice"));
    assert_null(policy_manager_of(&nobody, "alice"));
    assert_false(policy_manages_somebody(&nobody, "carol"));
    policy_set_free(set);
}

struct seen {
    char text[4096];
    size_t length;
};

static void see(const struct policy_manager *manager, void *userdata)
{
    struct seen *seen = userdata;

    seen->length += (size_t)snprintf(seen->text + seen->length, sizeof(seen->text) - seen->length,
                                     "%s:%u %s = %s\n", manager->file, manager->line,
                                     manager->person, manager->manager);
}

static void test_each_of_them(void **state)
{
    struct policy_set *set = fixture_policies(policies);
    struct seen seen = {0};

    policy_managers_each(set, see, &seen);
    assert_string_equal(seen.text, "x.conf:2 alice = carol\n"
                                   "x.conf:3 bob = carol\n"
                                   "x.conf:4 carol = dave\n");
    policy_set_free(set);
}

static void test_one_for_each(void **state)
{
    struct policy_set set = {0};
    const struct policy_manager *other = NULL;

    assert_int_equal(policy_managers_add(&set, "alice", "carol", "a.conf", 7, &other), 0);
    assert_null(other);
    assert_int_equal(policy_managers_add(&set, "alice", "dave", "b.conf", 9, &other), -EEXIST);
    assert_string_equal(other->manager, "carol");
    assert_string_equal(other->file, "a.conf");
    assert_int_equal(other->line, 7);
    assert_string_equal(policy_manager_of(&set, "alice"), "carol");
    policy_managers_clear(&set);
    assert_null(policy_manager_of(&set, "alice"));
    policy_managers_clear(&set);
}

static void test_many(void **state)
{
    struct policy_set set = {0};
    const struct policy_manager *other;
    char person[16], manager[16];

    for (unsigned i = 0; i < 5000; i++) {
        snprintf(person, sizeof(person), "p%u", i * 7919 % 5000);
        snprintf(manager, sizeof(manager), "m%u", i * 7919 % 5000);
        assert_int_equal(policy_managers_add(&set, person, manager, "a.conf", i, &other), 0);
    }
    for (unsigned i = 0; i < 5000; i++) {
        snprintf(person, sizeof(person), "p%u", i);
        snprintf(manager, sizeof(manager), "m%u", i);
        assert_string_equal(policy_manager_of(&set, person), manager);
    }
    policy_managers_clear(&set);
}

/* Who approves depends on who asks. */
static void test_approvers_of_a_requester(void **state)
{
    static const struct {
        const char *policy, *requester, *person;
        char *group;
        bool groups_known;
        int included;
    } cases[] = {
        {"both", "alice", "carol", NULL, true, 1},
        {"both", "alice", "carol", NULL, false, 1}, /* told by name */
        {"both", "bob", "carol", NULL, true, 1},
        {"both", "carol", "carol", NULL, true, 0}, /* her manager is another */
        {"both", "carol", "dave", NULL, true, 1},
        {"both", "alice", "dave", NULL, true, 0},
        {"both", "alice", "dave", NULL, false, -EAGAIN},
        {"both", "alice", "dave", (char *)"security", true, 1},
        {"both", "alice", "dave", (char *)"manager", true, 0}, /* the group of that name */
        {"both", "erin", "carol", NULL, true, 0},              /* nobody manages erin */
        {"both", "alice", "erin", NULL, true, 1},
        {"both", "alice", "manager", NULL, true, 0}, /* a user of that name */
        {"group", "alice", "carol", NULL, true, 0},
        {"group", "alice", "carol", (char *)"manager", true, 1},
        {"alone", "alice", "carol", NULL, true, 1},
        {"alone", "alice", "dave", NULL, false, 0}, /* no group could help */
        {"alone", "erin", "carol", NULL, true, 0},
        {"alone", "erin", "manager", NULL, true, 0},
    };
    struct policy_set *set = fixture_policies(policies);

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct identity person = fixture_person(cases[i].person, 4711, GROUPS(cases[i].group));

        person.groups_known = cases[i].groups_known;
        for (size_t k = 0; k < set->n_policies; k++) {
            struct approvers approvers = approvers_of(set, set->policies[k], cases[i].requester);

            if (strcmp(set->policies[k]->name, cases[i].policy) == 0 &&
                approvers_include(&approvers, &person) != cases[i].included)
                fail_msg("case %zu: %s, %s, %s", i, cases[i].policy, cases[i].requester,
                         cases[i].person);
        }
        /* without a requester nobody is the manager */
        assert_int_not_equal(principals_include(&set->policies[2]->approvers, &person), 1);
    }
    policy_set_free(set);
}

static void assert_sentence(struct approvers approvers, const char *expected)
{
    char *sentence = approvers_sentence(&approvers);

    assert_string_equal(sentence, expected);
    free(sentence);
}

static void test_sentences(void **state)
{
    struct policy_set *set = fixture_policies(policies);
    const struct policy *both = set->policies[0], *group = set->policies[1],
                        *alone = set->policies[2];

    assert_sentence(approvers_of(set, both, "alice"),
                    "carol (alice's manager), anyone in %security or erin");
    assert_sentence(approvers_of(set, both, "erin"),
                    "erin's manager (none is named), anyone in %security or erin");
    assert_sentence(approvers_of(set, group, "alice"), "anyone in %manager or bob");
    assert_sentence(approvers_of(set, alone, "carol"), "dave (carol's manager)");
    assert_sentence(approvers_of(set, alone, "e\033rin"), "e\\x1brin's manager (none is named)");
    assert_sentence((struct approvers){.principals = &alone->approvers}, "the requester's manager");
    policy_set_free(set);
}

static void test_where_they_are_named(void **state)
{
    struct policy_set *set = fixture_policies(policies);

    assert_true(principals_name_manager(&set->policies[0]->approvers));
    assert_false(principals_name_manager(&set->policies[1]->approvers));
    assert_true(principals_name_manager(&set->policies[2]->approvers));
    assert_false(principals_name_manager(&set->policies[2]->requesters));
    policy_set_free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_manages_whom),
        cmocka_unit_test(test_each_of_them),
        cmocka_unit_test(test_one_for_each),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_approvers_of_a_requester),
        cmocka_unit_test(test_sentences),
        cmocka_unit_test(test_where_they_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
