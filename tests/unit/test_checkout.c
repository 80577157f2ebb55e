/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/checkout.h"

#define BOOT "0123456789abcdef0123456789abcdef"
#define OTHER_BOOT "1123456789abcdef0123456789abcdef"

/* Borrows every text: not to be freed. */
static struct checkout sample(void)
{
    struct checkout checkout = {.id = 17,
                                .uuid = "6fb2a0c4-3a0e-4a43-8f0c-7f9d0c1e2a3b",
                                .person = (char *)"alice",
                                .person_uid = 1001,
                                .account = (char *)"oracle",
                                .account_uid = 1006,
                                .machine_id = (char *)"fedcba9876543210fedcba9876543210",
                                .door = (char *)"sudo",
                                .reason = (char *)"disk \"full\" \xe2\x80\x93 gr\xc3\xb6\xc3\x9f"
                                                  "er \\ \xe6\xbc\xa2\xe5\xad\x97 "
                                                  "\xf0\x9f\x98\x80 / tab-free",
                                .ticket = (char *)"CHG-1234",
                                .duration = 3600,
                                .asked_start = 1790000600,
                                .policy = (char *)"oracle-prod"};

    memset(checkout.policy_digest, 0, sizeof(checkout.policy_digest));
    for (size_t i = 0; i < 64; i += 2)
        memcpy(checkout.policy_digest + i, "ab", 2);
    return checkout;
}

/* Both computed with Python (json.dumps with sorted keys, hashlib) over the fields of the contract.
 */
#define DIGEST_ALL "cec6965fcc4ac0e0ac5a14a31104c626df12a144a383d880a3bfc80be4453b4d"
#define DIGEST_FEW "ca90c9f2d2d3c87e14210bf36c8938fee03fa1b6038bf28e9bb807cfab929996"

static void test_seal(void **unused)
{
    struct checkout checkout = sample();

    assert_int_equal(checkout_seal(&checkout), 0);
    assert_string_equal(checkout.digest, DIGEST_ALL);

    checkout.door = checkout.reason = checkout.ticket = NULL;
    checkout.asked_start = 0;
    assert_int_equal(checkout_seal(&checkout), 0);
    assert_string_equal(checkout.digest, DIGEST_FEW);
}

/* What an approver is shown cannot change behind the digest; what happens to it later may. */
static void test_seal_covers(void **unused)
{
#define CHANGED(change)                                                                            \
    do {                                                                                           \
        struct checkout checkout = sample();                                                       \
        checkout.change;                                                                           \
        assert_int_equal(checkout_seal(&checkout), 0);                                             \
        assert_string_not_equal(checkout.digest, DIGEST_ALL);                                      \
    } while (0)
#define UNCHANGED(change)                                                                          \
    do {                                                                                           \
        struct checkout checkout = sample();                                                       \
        checkout.change;                                                                           \
        assert_int_equal(checkout_seal(&checkout), 0);                                             \
        assert_string_equal(checkout.digest, DIGEST_ALL);                                          \
    } while (0)

    CHANGED(id = 18);
    CHANGED(uuid[0] = '7');
    CHANGED(person = (char *)"bob");
    CHANGED(person_uid = 1002);
    CHANGED(account = (char *)"root");
    CHANGED(account_uid = 0);
    CHANGED(machine_id = (char *)"0edcba9876543210fedcba9876543210");
    CHANGED(door = (char *)"su");
    CHANGED(door = NULL);
    CHANGED(reason = (char *)"disk full");
    CHANGED(ticket = NULL);
    CHANGED(duration = 3601);
    CHANGED(asked_start = 0);
    CHANGED(policy = (char *)"oracle");
    CHANGED(policy_digest[5] = 'c');
    UNCHANGED(state = STATE_ACTIVE);
    UNCHANGED(start_at = 1790000900);
    UNCHANGED(uses = 3);
    UNCHANGED(end = 5);
#undef CHANGED
#undef UNCHANGED
}

static void test_window(void **unused)
{
    const struct checkout open = {
        .start = 1000, .end = 1600, .end_boot = 700, .boot_id = BOOT, .state = STATE_ACTIVE};
    const struct checkout not_yet = {.boot_id = BOOT, .state = STATE_APPROVED};
    static const struct {
        uint64_t wall, boot;
        const char *boot_id;
        bool in;
    } cases[] = {
        {1000, 100, BOOT, true},
        {1599, 699, BOOT, true},
        {1600, 699, BOOT, false},
        {1599, 700, BOOT, false},
        {1601, 100, BOOT, false},
        {1000, 701, BOOT, false},
        /* the wall clock was set back: the boot clock goes on */
        {1, 699, BOOT, true},
        {1, 700, BOOT, false},
        {1000, 100, OTHER_BOOT, false},
        {1000, 100, "", false},
        {UINT64_MAX, 0, BOOT, false},
        {0, UINT64_MAX, BOOT, false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct moment now = {.wall = cases[i].wall, .boot = cases[i].boot};

        (void)snprintf(now.boot_id, sizeof(now.boot_id), "%s", cases[i].boot_id);
        assert_int_equal(checkout_in_window(&open, &now), cases[i].in);
        assert_false(checkout_in_window(&not_yet, &now));
    }
}

static void test_granted_seconds(void **unused)
{
    struct decision decisions[] = {
        {.seconds = 0}, {.seconds = 1800}, {.seconds = 900}, {.seconds = 7200}};
    struct checkout checkout = {.duration = 3600, .decisions = decisions};

    assert_int_equal(checkout_granted_seconds(&checkout), 3600);
    checkout.n_decisions = 1;
    assert_int_equal(checkout_granted_seconds(&checkout), 3600);
    checkout.n_decisions = 2;
    assert_int_equal(checkout_granted_seconds(&checkout), 1800);
    checkout.n_decisions = 4;
    assert_int_equal(checkout_granted_seconds(&checkout), 900);
}

static void test_destructors(void **unused)
{
    struct checkout *half = calloc(1, sizeof(*half));
    struct decision decision = {0};

    half->decisions = calloc(2, sizeof(*half->decisions));
    half->n_decisions = 2;
    half->decisions[0].actor = strdup("bob");
    assert_null(checkout_free(half));
    assert_null(checkout_free(NULL));
    assert_null(session_free(NULL));
    assert_null(session_free(calloc(1, sizeof(struct session))));
    decision_clear(&decision);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seal),        cmocka_unit_test(test_seal_covers),
        cmocka_unit_test(test_window),      cmocka_unit_test(test_granted_seconds),
        cmocka_unit_test(test_destructors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
