/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "policy_fixture.h"

#include <errno.h>
#include <stdio.h>

#include "policy/config_value.h"
#include "policy/quorum.h"

/* Approvers of all tests: the groups a, b, c, d, and dora and bob themselves. */
static const char approvers_text[] = "%a, %b, %c, %d, dora, bob";
static struct principals principals;
static const struct approvers approvers = {.principals = &principals};

static int read_approvers(void **state)
{
    struct error error = {0};
    struct config_place place = {"x", 1, "policy x", "approvers", &error};

    return config_add_principals(&place, approvers_text, &principals);
}

static int free_approvers(void **state)
{
    principals_clear(&principals);
    return 0;
}

static struct quorum *quorum_of(const char *text)
{
    struct quorum *quorum = NULL;
    char *problem = NULL;
    int r = quorum_parse(text, &principals, &quorum, &problem);

    if (r != 0)
        fail_msg("'%s': %d: %s", text, r, problem);
    return quorum;
}

/* People by what they are in: the letters are groups, a capital one is a person of that name. */
#define PEOPLE_MAX 70
struct people {
    struct identity identities[PEOPLE_MAX];
    struct approval approvals[PEOPLE_MAX];
    size_t count;
    char names[PEOPLE_MAX][8];
    char letters[PEOPLE_MAX][4][2];
    char *groups[PEOPLE_MAX][4];
};

/* "ab a - dora": a member of a and b, one of a, one of nothing, and dora. */
static void gather(struct people *people, const char *text)
{
    memset(people, 0, sizeof(*people));
    while (*text) {
        size_t length = strcspn(text, " ");
        size_t i = people->count++;
        struct identity *person = &people->identities[i];

        assert_true(i < PEOPLE_MAX);
        person->uid = (uid_t)(1000 + i);
        person->name = people->names[i];
        person->groups = people->groups[i];
        person->groups_known = true;
        if ((length == 4 && strncmp(text, "dora", 4) == 0) ||
            (length == 3 && strncmp(text, "bob", 3) == 0)) {
            memcpy(people->names[i], text, length);
        } else {
            snprintf(people->names[i], sizeof(people->names[i]), "p%zu", i);
            for (size_t k = 0; k < length && text[k] != '-'; k++) {
                people->letters[i][k][0] = text[k];
                people->groups[i][k] = people->letters[i][k];
                person->n_groups++;
            }
        }
        people->approvals[i] = (struct approval){.approver = person, .time = 100 + i};
        text += length;
        text += strspn(text, " ");
    }
}

static void test_good_ones(void **state)
{
    static const char *const cases[] = {
        "1",
        "64",
        " 2 ",
        "a:1",
        "%a:1",
        "a:1&b:1",
        "a:1 & b:2 | c:1",
        "(a:1)",
        "((((((((((((((((a:1))))))))))))))))",
        "a:1 & (b:1 | c:1) & (d:1 | a:2)",
        "dora:1 & bob:1",
        "1 then 2",
        "a:1 then b:1 then c:1",
        "a:1 & b:1 then 2",
        "(a:1)then(b:1)",
        "a:32 & b:32",
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        quorum_free(quorum_of(cases[i]));
}

static void test_bad_ones(void **state)
{
    static const struct {
        const char *text;
        const char *problem;
    } cases[] = {
        {"", "lacks a term at its end"},
        {"   ", "lacks a term at its end"},
        {"a:1 &", "lacks a term at its end"},
        {"a:1 then", "lacks a term at its end"},
        {"& a:1", "lacks a term before '& a:1'"},
        {"a:1 & | b:1", "lacks a term before '| b:1'"},
        {"a:1 && b:1", "lacks a term before '& b:1'"},
        {"then a:1", "lacks a term before 'then a:1'"},
        {"a:1 then then b:1", "lacks a term before 'then b:1'"},
        {"()", "lacks a term before ')'"},
        {"(a:1", "lacks a ')' at ''"},
        {"(a:1 then b:1)", "lacks a ')' at 'then b:1)'"},
        {"a:1)", "cannot be read from ')' on"},
        {"a:1 b:1", "cannot be read from 'b:1' on"},
        {"2 2", "cannot be read from '2' on"},
        {"a:1, b:1", "'a:1,' is neither a number nor GROUP:NUMBER with a number from 1 to 64"},
        {"0", "'0' is neither a number nor GROUP:NUMBER with a number from 1 to 64"},
        {"01", "'01' is neither a number nor GROUP:NUMBER with a number from 1 to 64"},
        {"65", "'65' is neither a number nor GROUP:NUMBER with a number from 1 to 64"},
        {"-1", "'-1' is neither a number nor GROUP:NUMBER with a number from 1 to 64"},
        {"4294967297",
         "'4294967297' is neither a number nor GROUP:NUMBER with a number from 1 to 64"},
        {"two", "'two' is neither a number nor GROUP:NUMBER with a number from 1 to 64"},
        {"a", "'a' is neither a number nor GROUP:NUMBER with a number from 1 to 64"},
        {"a:", "'a:' is neither a number nor GROUP:NUMBER with a number from 1 to 64"},
        {"a:0", "'a:0' is neither a number nor GROUP:NUMBER with a number from 1 to 64"},
        {"a:1:2", "'a:1:2' is neither a number nor GROUP:NUMBER with a number from 1 to 64"},
        {":1", "'' is not among the approvers"},
        {"%:1", "'%' is not among the approvers"},
        {"e:1", "'e' is not among the approvers"},
        {"%dora:1", "'%dora' is not among the approvers"},
        {"A:1", "'A' is not among the approvers"},
        {"dora:2", "'dora:2' asks for 2 approvals of one person"},
        {"a:33 & b:32", "asks for more than 64 approvals in all"},
        {"33 then 32", "asks for more than 64 approvals in all"},
        {"2 & a:1", "mixes the number 2 with other terms"},
        {"a:1 | 3", "mixes the number 3 with other terms"},
        {"1 then (a:1 & 1)", "mixes the number 1 with other terms"},
        {"(((((((((((((((((a:1)))))))))))))))))", "has more than 16 parentheses in each other"},
        {"a:1|a:1|a:1|a:1|a:1|a:1|a:1|a:1|a:1|a:1|a:1|a:1|a:1|a:1|a:1|a:1|"
         "a:1|a:1|a:1|a:1|a:1|a:1|a:1|a:1|a:1|a:1|a:1|a:1|a:1|a:1|a:1|a:1|a:1",
         "has more than 32 terms"},
        {"(a:1|b:1)&(a:1|b:1)&(a:1|b:1)&(a:1|b:1)&(a:1|b:1)&(a:1|b:1)&(a:1|b:1)&(a:1|b:1)&"
         "(a:1|b:1)",
         "has more than 256 ways to be reached"},
        {"(a:1|b:1)&(a:1|b:1)&(a:1|b:1)&(a:1|b:1) then (a:1|b:1)&(a:1|b:1)&(a:1|b:1)&(a:1|b:1) "
         "then "
         "a:1|b:1",
         "has more than 256 ways to be reached"},
        {"(a:1|b:1)&(a:1|b:1)&(a:1|b:1)&(a:1|b:1)&(a:1|b:1)&(a:1|b:1)&(a:1|b:1)&(a:1|b:1)|a:1",
         "has more than 256 ways to be reached"},
        {"a:1 & (b:1 | c:0)",
         "'c:0' is neither a number nor GROUP:NUMBER with a number from 1 to 64"},
        {"1 then 1 then 1 then 1 then 1 then 1 then 1 then 1 then 1 then 1 then 1 then 1 then 1 "
         "then "
         "1 then 1 then 1 then 1",
         "has more than 16 stages"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct quorum *quorum = NULL;
        char *problem = NULL;

        if (quorum_parse(cases[i].text, &principals, &quorum, &problem) != -EINVAL)
            fail_msg("'%s' was taken", cases[i].text);
        assert_null(quorum);
        if (strcmp(problem, cases[i].problem) != 0)
            fail_msg("'%s': %s", cases[i].text, problem);
        free(problem);
    }
}

static void test_long_text_is_refused(void **state)
{
    struct quorum *quorum = NULL;
    char *problem = NULL;
    char text[1026];

    memset(text, ' ', sizeof(text) - 1);
    text[0] = '1';
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(quorum_parse(text, &principals, &quorum, &problem), -EINVAL);
    assert_string_equal(problem, "has more than 1024 bytes");
    free(problem);
    text[1024] = '\0';
    quorum_free(quorum_of(text));
}

/* A name that is both needs the % where the group is meant. */
static void test_user_and_group_of_one_name(void **state)
{
    struct error error = {0};
    struct config_place place = {"x", 1, "policy x", "approvers", &error};
    struct principals both = {0};
    struct quorum *quorum = NULL;
    char *problem = NULL;

    assert_int_equal(config_add_principals(&place, "ops, %ops", &both), 0);
    assert_int_equal(quorum_parse("ops:1", &both, &quorum, &problem), -EINVAL);
    assert_string_equal(
        problem, "'ops' is a user and a group among the approvers; write %ops for the group");
    free(problem);
    assert_int_equal(quorum_parse("%ops:2", &both, &quorum, &problem), 0);
    quorum_free(quorum);
    principals_clear(&both);
}

static void test_a_range_is_no_term(void **state)
{
    struct error error = {0};
    struct config_place place = {"x", 1, "policy x", "approvers", &error};
    struct principals range = {0};
    const struct approvers in_range = {.principals = &range};
    struct quorum *quorum = NULL;
    char *problem = NULL;
    struct people people;

    assert_int_equal(config_add_principals(&place, "uid:1001-1002", &range), 0);
    assert_int_equal(quorum_parse("uid:1", &range, &quorum, &problem), -EINVAL);
    assert_string_equal(problem, "'uid' is not among the approvers");
    free(problem);

    assert_int_equal(quorum_parse("2", &range, &quorum, &problem), 0);
    gather(&people, "- - -"); /* uids 1000 to 1002 */
    assert_false(quorum_evaluate(quorum, &in_range, people.approvals, 2).reached);
    assert_true(quorum_evaluate(quorum, &in_range, people.approvals, 3).reached);
    quorum_free(quorum);
    principals_clear(&range);
}

static void test_evaluate(void **state)
{
    static const struct {
        const char *quorum;
        const char *people;
        bool reached;
        size_t stage, stages, needed;
    } cases[] = {
        {"1", "", false, 0, 1, 1},
        {"1", "a", true, 1, 1, 0},
        {"1", "-", false, 0, 1, 1}, /* has left every group */
        {"1", "dora", true, 1, 1, 0},
        {"2", "a", false, 0, 1, 1},
        {"2", "a -", false, 0, 1, 1},
        {"2", "a b", true, 1, 1, 0},
        {"2", "a b c", true, 1, 1, 0},
        {"64", "a", false, 0, 1, 63},

        {"a:1", "b c dora", false, 0, 1, 1},
        {"a:2", "a ab", true, 1, 1, 0},
        {"dora:1", "a bob", false, 0, 1, 1},
        {"dora:1 & bob:1", "bob dora", true, 1, 1, 0},

        /* one person fills one term */
        {"a:1 & b:1", "ab", false, 0, 1, 1},
        {"a:1 & b:1", "ab a", true, 1, 1, 0},
        {"a:1 & b:1", "ab b", true, 1, 1, 0},
        {"a:1 & b:1", "a b", true, 1, 1, 0},
        {"a:1 & b:1", "a a", false, 0, 1, 1},
        {"a:1 & a:1", "a", false, 0, 1, 1},
        {"a:1 & a:1", "a a", true, 1, 1, 0},

        /* where whoever takes the first term that fits takes it from another */
        {"a:1 & b:1", "ab ab", true, 1, 1, 0},
        {"a:1 & b:1 & c:1", "abc ab a", true, 1, 1, 0},
        {"a:1 & b:1 & c:1", "ab ac a", true, 1, 1, 0},
        {"a:1 & b:1 & c:1", "ab ab ab", false, 0, 1, 1},
        {"a:1 & b:1 & c:1 & d:1", "ab bc cd a", true, 1, 1, 0},
        {"a:1 & b:1 & c:1 & d:1", "abcd abc ab a", true, 1, 1, 0},
        {"a:1 & b:1 & c:1 & d:1", "ab ac bc abc", false, 0, 1, 1},
        {"a:2 & b:2", "ab ab a a", true, 1, 1, 0},
        {"a:2 & b:2", "ab ab ab a", true, 1, 1, 0},
        {"a:2 & b:2", "a a a ab", false, 0, 1, 1},
        {"a:3 & b:1", "ab ab ab a", true, 1, 1, 0},

        /* & binds tighter than | */
        {"a:1 & b:1 | c:1", "c", true, 1, 1, 0},
        {"a:1 & b:1 | c:1", "a", false, 0, 1, 1},
        {"a:1 | b:1 & c:1", "a", true, 1, 1, 0},
        {"a:1 | b:1 & c:1", "b", false, 0, 1, 1},
        {"(a:1 | b:1) & c:1", "a", false, 0, 1, 1},
        {"(a:1 | b:1) & c:1", "c b", true, 1, 1, 0},
        {"(a:1 | b:1) & (c:1 | d:1)", "ac", false, 0, 1, 1},
        {"(a:1 | b:1) & (c:1 | d:1)", "ac bd", true, 1, 1, 0},
        {"(a:1 | b:1) & (a:1 | c:1)", "ab ab", true, 1, 1, 0},
        /* one branch must be filled whole */
        {"a:2 | b:2", "a b", false, 0, 1, 1},
        {"a:2 | b:2", "a b b", true, 1, 1, 0},
        {"a:4 | b:1 & c:1", "a", false, 0, 1, 2},
        {"a:4 | b:1 & c:1", "a b", false, 0, 1, 1},

        /* stages */
        {"1 then 1", "a", false, 1, 2, 1},
        {"1 then 1", "a b", true, 2, 2, 0},
        {"a:1 then b:1", "", false, 0, 2, 2},
        {"a:1 then b:1", "a", false, 1, 2, 1},
        {"a:1 then b:1", "a b", true, 2, 2, 0},
        {"a:1 then b:1", "b a", false, 1, 2, 1}, /* too early */
        {"a:1 then b:1", "b a b", true, 2, 2, 0},
        {"a:1 then b:1", "ab ab", true, 2, 2, 0},
        {"a:1 then b:1", "ab", false, 1, 2, 1},
        {"a:1 then b:1", "a a", false, 1, 2, 1},
        {"a:2 then b:1", "a ab b", true, 2, 2, 0},
        {"a:2 then b:1", "a b ab", false, 1, 2, 1},
        {"a:1 & b:1 then c:1", "a c b", false, 1, 2, 1},
        {"a:1 & b:1 then c:1", "a c b c", true, 2, 2, 0},
        {"1 then dora:1 then 2", "a b dora", false, 2, 3, 2},
        {"1 then dora:1 then 2", "a dora b c", true, 3, 3, 0},
    };
    struct people people;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct quorum *quorum = quorum_of(cases[i].quorum);
        struct quorum_progress progress;

        gather(&people, cases[i].people);
        progress = quorum_evaluate(quorum, &approvers, people.approvals, people.count);
        if (progress.reached != cases[i].reached || progress.stage != cases[i].stage ||
            progress.n_stages != cases[i].stages || progress.approvals_needed != cases[i].needed)
            fail_msg("'%s' by '%s': reached %d, stage %zu of %zu, %zu needed", cases[i].quorum,
                     cases[i].people, progress.reached, progress.stage, progress.n_stages,
                     progress.approvals_needed);
        quorum_free(quorum);
    }
}

/* Whose groups are not known fills no term of a group. */
static void test_unknown_groups_fill_nothing(void **state)
{
    struct quorum *quorum = quorum_of("1");
    struct people people;

    gather(&people, "a dora");
    people.identities[0].groups_known = false;
    people.identities[1].groups_known = false;
    assert_false(quorum_evaluate(quorum, &approvers, people.approvals, 1).reached);
    assert_true(quorum_evaluate(quorum, &approvers, people.approvals, 2).reached);
    quorum_free(quorum);
}

static void test_no_quorum_is_not_reached(void **state)
{
    struct people people;

    gather(&people, "a b");
    assert_false(quorum_evaluate(NULL, &approvers, people.approvals, 2).reached);
    assert_null(quorum_term_for(NULL, &approvers, people.approvals, 1, &people.identities[1]));
    assert_false(quorum_reachable(NULL, &approvers, people.identities, 2));
}

/* The last of the people is the one who is asked about. */
static void test_term_for(void **state)
{
    static const struct {
        const char *quorum;
        const char *people;
        const char *term;
    } cases[] = {
        {"1", "a", ""},
        {"1", "-", NULL},
        {"1", "a b", NULL}, /* reached already */
        {"2", "a b", ""},
        {"a:1 & b:1", "a", "a:1"},
        {"a:1 & b:1", "ab", "a:1"},
        {"a:1 & b:1", "a a", NULL},
        {"a:1 & b:1", "a ab", "b:1"},
        {"a:1 & b:1", "ab a", "a:1"}, /* the first moves on to b */
        {"a:1 & b:1", "c", NULL},
        {"%a:1 & b:1", "a", "%a:1"},
        {"dora:1 | a:2", "dora", "dora:1"},
        {"dora:1 | a:2", "a dora", "dora:1"},
        {"a:2 | a:1 & b:1", "a", "a:2"},
        {"a:2 | a:1 & b:1", "a b", "b:1"},
        {"a:3 | b:1", "ab", "b:1"},
        {"a:1 then b:1", "b", NULL},
        {"a:1 then b:1", "ab", "a:1"},
        {"a:1 then b:1", "a ab", "b:1"},
        {"a:1 then b:1", "a b b", NULL},
        {"a:1 then 2", "a dora", ""},
    };
    struct people people;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct quorum *quorum = quorum_of(cases[i].quorum);
        const char *term;

        gather(&people, cases[i].people);
        term = quorum_term_for(quorum, &approvers, people.approvals, people.count - 1,
                               &people.identities[people.count - 1]);
        if ((term == NULL) != (cases[i].term == NULL) || (term && strcmp(term, cases[i].term) != 0))
            fail_msg("'%s' by '%s': %s", cases[i].quorum, cases[i].people, term ? term : "NULL");
        quorum_free(quorum);
    }
}

static void test_reachable(void **state)
{
    static const struct {
        const char *quorum;
        const char *people;
        bool reachable;
    } cases[] = {
        {"1", "", false},
        {"1", "-", false},
        {"1", "a", true},
        {"2", "a -", false},
        {"2", "a dora", true},
        {"a:1 & b:1", "ab", false},
        {"a:1 & b:1", "ab a", true},
        {"a:1 & b:1 | c:2", "ab c", false},
        {"a:1 & b:1 | c:2", "ab c c", true},
        {"a:1 then b:1", "b a", true}, /* they can decide in any order */
        {"a:1 then b:1", "ab", false}, /* but nobody twice */
        {"1 then 1", "a", false},
        {"1 then 1", "a b", true},
        {"a:1 then a:1 | b:1", "a b", true},
        {"a:1 | b:1 then a:1 | b:1 then c:1", "ac ac", false},
        {"a:1 | b:1 then a:1 | b:1 then c:1", "a b ac", true},
        {"a:1 | b:1 then a:1 | b:1 then c:1", "a b a", false},
    };
    struct people people;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct quorum *quorum = quorum_of(cases[i].quorum);

        gather(&people, cases[i].people);
        if (quorum_reachable(quorum, &approvers, people.identities, people.count) !=
            cases[i].reachable)
            fail_msg("'%s' by '%s': not %d", cases[i].quorum, cases[i].people, cases[i].reachable);
        quorum_free(quorum);
    }
}

/* The matching against every assignment of five people to the terms. */
static bool can_assign(const char (*terms)[2], size_t n_terms, unsigned filled,
                       const struct people *people, size_t person)
{
    if (filled == (1u << n_terms) - 1)
        return true;
    if (person == people->count)
        return false;
    if (can_assign(terms, n_terms, filled, people, person + 1))
        return true;
    for (size_t i = 0; i < n_terms; i++)
        if (!(filled & (1u << i)) && identity_in_group(&people->identities[person], terms[i]) &&
            can_assign(terms, n_terms, filled | (1u << i), people, person + 1))
            return true;
    return false;
}

static void test_against_every_assignment(void **state)
{
    static const char terms[][2] = {"a", "a", "b", "c"};
    static const char *const memberships[] = {"-", "a", "b", "c", "ab", "ac", "bc", "abc"};
    struct quorum *quorum = quorum_of("a:1 & a:1 & b:1 & c:1");
    struct quorum *counted = quorum_of("c:1 & b:1 & a:2");
    struct people people;
    size_t reached = 0;

    for (unsigned code = 0; code < 8 * 8 * 8 * 8 * 8; code++) {
        char text[32];
        int length = 0;
        bool expected;

        for (unsigned i = 0, rest = code; i < 5; i++, rest /= 8)
            length += snprintf(text + length, sizeof(text) - (size_t)length, "%s ",
                               memberships[rest % 8]);
        gather(&people, text);
        expected = can_assign(terms, 4, 0, &people, 0);
        if (quorum_evaluate(quorum, &approvers, people.approvals, 5).reached != expected ||
            quorum_evaluate(counted, &approvers, people.approvals, 5).reached != expected ||
            quorum_reachable(quorum, &approvers, people.identities, 5) != expected)
            fail_msg("'%s' should be %d", text, expected);
        reached += expected;
    }
    assert_true(reached > 0 && reached < 32768);
    quorum_free(quorum);
    quorum_free(counted);
}

/* Approvers with a manager: alice's is bob, who is listed too; nobody is erin's. */
static const char managed_text[] = "manager, %a, %b, %manager, bob";

static struct principals managed_principals(void)
{
    struct error error = {0};
    struct config_place place = {"x", 1, "policy x", "approvers", &error};
    struct principals managed = {0};

    assert_int_equal(config_add_approvers(&place, managed_text, &managed), 0);
    return managed;
}

static void test_manager_is_a_term(void **state)
{
    static const struct {
        const char *quorum;
        const char *people; /* the last one is asked about */
        const char *term;   /* of alice's approvers */
        bool reached, without;
    } cases[] = {
        {"manager", "bob", "manager:1", true, false},
        {"manager:1", "bob", "manager:1", true, false},
        {"manager", "a", NULL, false, false},
        {"manager & a:1", "bob", "manager:1", false, false},
        {"manager & a:1", "bob a", "a:1", true, false},
        {"manager & a:1", "a bob", "manager:1", true, false},
        {"manager & a:1", "a a", NULL, false, false},
        {"manager | a:1", "a", "a:1", true, true},
        {"a:1 then manager", "bob", NULL, false, false},
        {"a:1 then manager", "a bob", "manager:1", true, false},
        {"(manager|a:1)&b:1", "ab b", "b:1", true, true},
        /* one person fills one term, whichever helps */
        {"manager & bob:1", "bob", "manager:1", false, false},
        {"2", "bob a", "", true, true},
        {"%manager:1", "bob", NULL, false, false},
        {"%manager:2", "bob", NULL, false, false},
    };
    struct principals managed = managed_principals();
    const struct approvers approvers_of_alice = {&managed, "alice", "bob"};
    const struct approvers approvers_of_erin = {&managed, "erin", NULL};
    struct people people;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct quorum *quorum = NULL;
        char *problem = NULL;
        const char *term;

        if (quorum_parse(cases[i].quorum, &managed, &quorum, &problem) != 0)
            fail_msg("'%s': %s", cases[i].quorum, problem);
        gather(&people, cases[i].people);
        term = quorum_term_for(quorum, &approvers_of_alice, people.approvals, people.count - 1,
                               &people.identities[people.count - 1]);
        if ((term == NULL) != (cases[i].term == NULL) || (term && strcmp(term, cases[i].term) != 0))
            fail_msg("'%s' by '%s': %s", cases[i].quorum, cases[i].people, term ? term : "NULL");
        if (quorum_evaluate(quorum, &approvers_of_alice, people.approvals, people.count).reached !=
                cases[i].reached ||
            quorum_evaluate(quorum, &approvers_of_erin, people.approvals, people.count).reached !=
                cases[i].without)
            fail_msg("'%s' by '%s'", cases[i].quorum, cases[i].people);
        if (quorum_reachable(quorum, &approvers_of_alice, people.identities, people.count) !=
            cases[i].reached)
            fail_msg("'%s' by '%s': reachable", cases[i].quorum, cases[i].people);
        quorum_free(quorum);
    }
    principals_clear(&managed);
}

static void test_bad_managers(void **state)
{
    static const struct {
        const char *text;
        const char *problem;
    } cases[] = {
        {"manager:2", "'manager:2' asks for 2 approvals of one person"},
        {"manager:0",
         "'manager:0' is neither a number nor GROUP:NUMBER with a number from 1 to 64"},
        {"manager:", "'manager:' is neither a number nor GROUP:NUMBER with a number from 1 to 64"},
        {"%manager", "'%manager' is neither a number nor GROUP:NUMBER with a number from 1 to 64"},
        {"managers", "'managers' is neither a number nor GROUP:NUMBER with a number from 1 to 64"},
        {"Manager", "'Manager' is neither a number nor GROUP:NUMBER with a number from 1 to 64"},
        {"manager manager", "cannot be read from 'manager' on"},
        {"2 & manager", "mixes the number 2 with other terms"},
    };
    struct principals managed = managed_principals();
    struct quorum *quorum = NULL;
    char *problem = NULL;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(quorum_parse(cases[i].text, &managed, &quorum, &problem), -EINVAL);
        assert_string_equal(problem, cases[i].problem);
        free(problem);
    }
    principals_clear(&managed);
    assert_int_equal(quorum_parse("a:1 & manager", &principals, &quorum, &problem), -EINVAL);
    assert_string_equal(problem, "'manager', the requester's manager, is not among the approvers; "
                                 "write %manager:1 for the group");
    free(problem);
}

static void test_needs_manager(void **state)
{
    static const struct {
        const char *quorum;
        bool needed;
    } cases[] = {
        {"1", false},
        {"manager", true},
        {"manager & a:1", true},
        {"manager | a:1", false},
        {"manager & a:1 | b:1", false},
        {"manager & (a:1 | b:1)", true},
        {"manager & a:1 | manager & b:1", true},
        {"a:1 then manager", true},
        {"manager then a:1", true},
        {"manager | a:1 then manager | b:1", false},
        {"%manager:1", false},
        {"bob:1", false},
    };
    struct principals managed = managed_principals();

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct quorum *quorum = NULL;
        char *problem = NULL;

        assert_int_equal(quorum_parse(cases[i].quorum, &managed, &quorum, &problem), 0);
        if (quorum_needs_manager(quorum) != cases[i].needed)
            fail_msg("'%s'", cases[i].quorum);
        quorum_free(quorum);
    }
    principals_clear(&managed);
}

static void test_manager_sentences(void **state)
{
    struct principals managed = managed_principals();
    const struct approvers of_alice = {&managed, "alice", "bob"},
                           of_erin = {&managed, "erin", NULL},
                           of_anybody = {.principals = &managed};
    const struct {
        const char *quorum;
        const struct approvers *approvers;
        const char *sentence;
    } cases[] = {
        {"manager & a:1", &of_alice,
         "the approval of bob (alice's manager) and 1 approval of anyone in %a"},
        {"manager & a:1", &of_erin,
         "the approval of erin's manager (none is named) and 1 approval of anyone in %a"},
        {"manager", &of_anybody, "the approval of the requester's manager"},
        {"1", &of_alice,
         "1 approval of bob (alice's manager), anyone in %a, anyone in %b, anyone in %manager or "
         "bob"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct quorum *quorum = NULL;
        char *problem = NULL, *sentence;

        assert_int_equal(quorum_parse(cases[i].quorum, &managed, &quorum, &problem), 0);
        sentence = quorum_sentence(quorum, cases[i].approvers);
        assert_string_equal(sentence, cases[i].sentence);
        free(sentence);
        quorum_free(quorum);
    }
    principals_clear(&managed);
}

static void test_many_people(void **state)
{
    struct quorum *quorum = quorum_of("a:32 & b:32");
    struct people people;
    char text[PEOPLE_MAX * 3 + 1];
    int length = 0;

    for (int i = 0; i < 64; i++)
        length += snprintf(text + length, sizeof(text) - (size_t)length, i < 32 ? "ab " : "a ");
    gather(&people, text);
    assert_true(quorum_evaluate(quorum, &approvers, people.approvals, 64).reached);
    assert_int_equal(quorum_evaluate(quorum, &approvers, people.approvals, 63).approvals_needed, 1);
    assert_true(quorum_reachable(quorum, &approvers, people.identities, 64));
    assert_false(quorum_reachable(quorum, &approvers, people.identities, 63));
    quorum_free(quorum);
}

static void test_sentences(void **state)
{
    static const struct {
        const char *quorum;
        const char *sentence;
    } cases[] = {
        {"1", "1 approval of anyone in %a, anyone in %b, anyone in %c, anyone in %d, dora or bob"},
        {"2", "2 approvals of anyone in %a, anyone in %b, anyone in %c, anyone in %d, dora or bob"},
        {"a:1 & b:2", "1 approval of anyone in %a and 2 approvals of anyone in %b"},
        {"a:1 & dora:1 | c:2",
         "1 approval of anyone in %a and the approval of dora, or 2 approvals of anyone in %c"},
        {"a:1 & (b:1 | c:1)", "1 approval of anyone in %a and 1 approval of anyone in %b, or 1 "
                              "approval of anyone in %a and 1 approval of anyone in %c"},
        {"a:1 then dora:1 then bob:1",
         "first 1 approval of anyone in %a; then the approval of dora; then the approval of bob"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct quorum *quorum = quorum_of(cases[i].quorum);
        char *sentence = quorum_sentence(quorum, &approvers);

        assert_string_equal(sentence, cases[i].sentence);
        free(sentence);
        quorum_free(quorum);
    }
}

/* ---- what is recorded of it ---- */

static void test_evidence(void **state)
{
    static const struct {
        const char *quorum, *people, *evidence;
    } cases[] = {
        {"2", "a b", "1000:1 1001:1"},
        {"2", "a - b", "1000:1 1001 1002:1"},
        {"a:1 & b:1", "ab a", "1000:1,2 1001:1"},
        {"a:1 & b:1", "a ab", "1000:1 1001:1,2"},
        {"a:1 & b:1", "a a", "1000:1 1001:1"},
        {"a:1 then b:1", "b a", "1000:2 1001:1"},
        {"a:1 then b:1", "a b", "1000:1 1001:2"},
        {"(a:2 | dora:1) & c:1", "dora c", "1000:2 1001:3"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP_QUORUM struct quorum *quorum = quorum_of(cases[i].quorum);
        CLEANUP_FREE char *evidence = NULL;
        uid_t uids[QUORUM_WITNESSES_MAX];
        struct people people;
        size_t count = 0;

        gather(&people, cases[i].people);
        evidence = quorum_evidence(quorum, &approvers, people.approvals, people.count);
        assert_string_equal(evidence, cases[i].evidence);
        assert_int_equal(
            quorum_check_evidence(quorum, evidence, uids, &count),
            quorum_evaluate(quorum, &approvers, people.approvals, people.count).reached);
        assert_int_equal(count, people.count);
        for (size_t k = 0; k < count; k++)
            assert_int_equal(uids[k], 1000 + k);
    }
}

static void test_what_is_no_evidence(void **state)
{
    static const char *const texts[] = {" ",
                                        "x",
                                        "1000:",
                                        "1000:0",
                                        "1000:3",
                                        "1000:1,",
                                        "1000:1 ",
                                        "1000,1",
                                        "1000:1:2",
                                        " 1000:1",
                                        "1000:1  1001",
                                        "-1:1",
                                        "1000:-1",
                                        "+1:1",
                                        "1000:1;",
                                        "1000:99999999999999999999",
                                        "4294967296:1",
                                        "0x10:1",
                                        "1000:1\n1001:1"};
    CLEANUP_QUORUM struct quorum *quorum = quorum_of("a:1 & b:1");
    uid_t uids[QUORUM_WITNESSES_MAX];
    char many[4 * (QUORUM_WITNESSES_MAX + 1) + 1] = "";
    size_t count = 0;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (quorum_check_evidence(quorum, texts[i], uids, &count) != -EINVAL)
            fail_msg("'%s' was taken", texts[i]);
    assert_int_equal(quorum_check_evidence(quorum, "", uids, &count), 0);
    assert_int_equal(count, 0);
    for (size_t i = 0; i <= QUORUM_WITNESSES_MAX; i++)
        strcat(many, i ? " 7:1" : "7:1");
    assert_int_equal(quorum_check_evidence(quorum, many, uids, &count), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_ones),
        cmocka_unit_test(test_bad_ones),
        cmocka_unit_test(test_long_text_is_refused),
        cmocka_unit_test(test_user_and_group_of_one_name),
        cmocka_unit_test(test_a_range_is_no_term),
        cmocka_unit_test(test_evaluate),
        cmocka_unit_test(test_unknown_groups_fill_nothing),
        cmocka_unit_test(test_no_quorum_is_not_reached),
        cmocka_unit_test(test_term_for),
        cmocka_unit_test(test_reachable),
        cmocka_unit_test(test_against_every_assignment),
        cmocka_unit_test(test_manager_is_a_term),
        cmocka_unit_test(test_bad_managers),
        cmocka_unit_test(test_needs_manager),
        cmocka_unit_test(test_manager_sentences),
        cmocka_unit_test(test_many_people),
        cmocka_unit_test(test_sentences),
        cmocka_unit_test(test_evidence),
        cmocka_unit_test(test_what_is_no_evidence),
    };

    return cmocka_run_group_tests(tests, read_approvers, free_approvers);
}
