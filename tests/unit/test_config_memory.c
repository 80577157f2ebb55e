/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "policy_fixture.h"

#include <errno.h>
#include <stdio.h>

#include "policy/policy_lint.h"
#include "policy/policy_managers.h"
#include "policy/quorum.h"

/* Every allocation of our own code fails once, one after the other (the linker wraps them); what
 * the libraries allocate does not. Leaks and wrong accesses are for the sanitizers to find. */

static unsigned long allocations, failing;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t size);
int __real_vasprintf(char **text, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));
int __real___vasprintf_chk(char **text, int flag, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));
FILE *__real_open_memstream(char **text, size_t *size);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t size);
int __wrap_vasprintf(char **text, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));
int __wrap___vasprintf_chk(char **text, int flag, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));
FILE *__wrap_open_memstream(char **text, size_t *size);

static bool fails(void)
{
    if (++allocations != failing)
        return false;
    errno = ENOMEM;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    return fails() ? NULL : __real_realloc(memory, size);
}

char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t size)
{
    return fails() ? NULL : __real_strndup(text, size);
}

/* Leaves *text undefined on failure, as vasprintf(3) may. */
int __wrap_vasprintf(char **text, const char *format, va_list arguments)
{
    if (!fails())
        return __real_vasprintf(text, format, arguments);
    *text = (char *)1;
    return -1;
}

/* What _FORTIFY_SOURCE makes of it. */
int __wrap___vasprintf_chk(char **text, int flag, const char *format, va_list arguments)
{
    if (!fails())
        return __real___vasprintf_chk(text, flag, format, arguments);
    *text = (char *)1;
    return -1;
}

FILE *__wrap_open_memstream(char **text, size_t *size)
{
    return fails() ? NULL : __real_open_memstream(text, size);
}

static const char policies[] = "[policy one]\n"
                               "accounts = root, uid:200-299\n"
                               "requesters = alice, %ops\n"
                               "from = 10.0.0.0/8, local\n"
                               "hours = 00:00-24:00 Europe/Berlin\n"
                               "approvers = bob, carol, manager, %security\n"
                               "quorum = (bob:1 | manager) & security:1 then carol:1\n"
                               "ticket-pattern = CHG-[0-9]+\n"
                               "[managers]\n"
                               "alice = dave\n"
                               "bob = alice\n"
                               "[policy two]\n"
                               "accounts = root\n"
                               "requesters = alice\n"
                               "approvers = root\n";

static void start(unsigned long which)
{
    allocations = 0;
    failing = which;
}

/* Whether the allocation that was to fail was ever reached. */
static bool reached(void)
{
    bool was = allocations >= failing;

    failing = 0;
    return was;
}

static void test_reading(void **state)
{
    unsigned long which;

    for (which = 1;; which++) {
        struct policy_set *set = calloc(1, sizeof(*set));
        struct error error = {0};
        int r;

        assert_non_null(set);
        start(which);
        r = config_add_policies(set, "x.conf", policies, strlen(policies), &error);
        if (!reached()) {
            assert_int_equal(r, 0);
            assert_int_equal(set->n_policies, 2);
            assert_string_equal(policy_manager_of(set, "alice"), "dave");
        } else {
            assert_int_equal(r, ERROR_INVALID_ARGUMENT);
            assert_non_null(strstr(error.text, "out of memory"));
        }
        policy_set_free(set);
        if (r == 0)
            break;
    }
    assert_true(which > 50);
}

static void test_broken_quorums(void **state)
{
    static struct principal item = {.name = NULL, .is_group = true};
    const struct principals approvers = {&item, 1};
    char name[] = "a";
    unsigned long which;

    item.name = name;
    for (which = 1;; which++) {
        struct quorum *quorum = NULL;
        char *problem = NULL;
        int r;

        start(which);
        r = quorum_parse("(a:1 | a:2) & a:3 | b:4", &approvers, &quorum, &problem);
        assert_null(quorum);
        if (!reached()) {
            assert_int_equal(r, -EINVAL);
            assert_string_equal(problem, "'b' is not among the approvers");
            free(problem);
            break;
        }
        assert_int_equal(r, -ENOMEM);
        assert_null(problem);
    }
    assert_true(which > 5);
}

static void ignore(const struct policy *policy, const char *sentence, void *userdata)
{
}

static void test_using(void **state)
{
    struct policy_set *set = fixture_policies(policies);
    const struct approvers approvers = approvers_of(set, set->policies[0], "alice");
    struct identity alice = fixture_person("alice", 1000, GROUPS("users"));
    struct identity root = fixture_person("root", 0, NO_GROUPS);
    const struct policy_question question = {
        .person = &alice, .account = &root, .door = DOOR_SUDO, .wall = 1784541600};
    unsigned long which, done = 0;

    for (which = 1; done < 5; which++) {
        struct identity copy = {.uid = 4711};
        struct policy_answer answer;
        char *text;
        int r;

        done = 0;
        start(which);
        text = policy_explain(set, &question);
        done += text != NULL;
        assert_true((text == NULL) || !reached() || strstr(text, "outside its hours"));
        free(text);

        start(which);
        text = quorum_sentence(set->policies[0]->quorum, &approvers);
        assert_true((text == NULL) == reached());
        done += text != NULL;
        free(text);

        start(which);
        r = policy_lint(set, ignore, NULL);
        assert_int_equal(r, reached() ? -ENOMEM : 2);
        done += r > 0;

        start(which);
        r = identity_copy(&alice, &copy);
        assert_int_equal(r, reached() ? -ENOMEM : 0);
        assert_int_equal(copy.uid, r == 0 ? 1000 : 4711);
        if (r == 0)
            identity_clear(&copy);
        done += r == 0;

        /* without memory it is outside of all hours */
        assert_int_equal(setenv("TZ", "UTC", 1), 0);
        start(which);
        answer = policy_decide(set, &question);
        assert_int_equal(answer.verdict, reached() ? POLICY_OUTSIDE_HOURS : POLICY_DECIDES);
        done += answer.verdict == POLICY_DECIDES;
        assert_int_equal(unsetenv("TZ"), 0);
    }
    assert_true(which > 3);
    policy_set_free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reading),
        cmocka_unit_test(test_broken_quorums),
        cmocka_unit_test(test_using),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
