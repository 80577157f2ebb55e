/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/event.h"
#include "core/lifecycle.h"

/* The table "Life cycle" of the design, one line for each step that there is. */
static const struct {
    enum checkout_state from;
    enum lifecycle_event event;
    enum checkout_state to;
} table[] = {
    /* - | request; a grant */
    {STATE_NONE, LIFE_REQUESTED, STATE_PENDING},
    /* - | request under approval = none */
    {STATE_NONE, LIFE_AUTO_APPROVED, STATE_APPROVED},
    /* pending | one approval of several */
    {STATE_PENDING, LIFE_DECIDED, STATE_PENDING},
    /* pending | quorum reached */
    {STATE_PENDING, LIFE_APPROVED, STATE_APPROVED},
    /* pending | quorum reached by an extension */
    {STATE_PENDING, LIFE_APPLIED, STATE_APPLIED},
    /* pending | one denial, requester cancels, pending-timeout */
    {STATE_PENDING, LIFE_DENIED, STATE_DENIED},
    {STATE_PENDING, LIFE_CANCELLED, STATE_CANCELLED},
    {STATE_PENDING, LIFE_LAPSED, STATE_LAPSED},
    /* approved | window starts */
    {STATE_APPROVED, LIFE_STARTED, STATE_ACTIVE},
    /* approved | use-within runs out; approved, active | end of window, reboot */
    {STATE_APPROVED, LIFE_EXPIRED, STATE_EXPIRED},
    {STATE_ACTIVE, LIFE_EXPIRED, STATE_EXPIRED},
    /* approved, active | check-in, revoke */
    {STATE_APPROVED, LIFE_RETURNED, STATE_RETURNED},
    {STATE_ACTIVE, LIFE_RETURNED, STATE_RETURNED},
    {STATE_APPROVED, LIFE_REVOKED, STATE_REVOKED},
    {STATE_ACTIVE, LIFE_REVOKED, STATE_REVOKED},
    /* a door opens only in the window; an extension moves the end */
    {STATE_ACTIVE, LIFE_USED, STATE_ACTIVE},
    {STATE_APPROVED, LIFE_EXTENDED, STATE_APPROVED},
    {STATE_ACTIVE, LIFE_EXTENDED, STATE_ACTIVE},
    /* a restart of the machine where the policy lets it survive */
    {STATE_APPROVED, LIFE_CARRIED, STATE_APPROVED},
    {STATE_ACTIVE, LIFE_CARRIED, STATE_ACTIVE},
};

static enum checkout_state expected(enum checkout_state state, enum lifecycle_event event)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (table[i].from == state && table[i].event == event)
            return table[i].to;
    return STATE_NONE;
}

static void test_every_pair(void **unused)
{
    for (int state = 0; state < STATE_COUNT; state++)
        for (int event = 0; event < LIFE_EVENT_COUNT; event++)
            if (lifecycle_next(state, event) != expected(state, event))
                fail_msg("%s, event %d: %s, not %s", state_name(state), event,
                         state_name(lifecycle_next(state, event)),
                         state_name(expected(state, event)));
}

static void test_out_of_range(void **unused)
{
    assert_int_equal(lifecycle_next(STATE_COUNT, LIFE_REQUESTED), STATE_NONE);
    assert_int_equal(lifecycle_next((enum checkout_state) - 1, LIFE_REQUESTED), STATE_NONE);
    assert_int_equal(lifecycle_next(STATE_NONE, LIFE_EVENT_COUNT), STATE_NONE);
    assert_int_equal(lifecycle_next(STATE_NONE, (enum lifecycle_event) - 1), STATE_NONE);
    assert_string_equal(state_name(STATE_COUNT), "none");
    assert_string_equal(state_name((enum checkout_state) - 1), "none");
}

static void test_final_states(void **unused)
{
    for (int state = 0; state < STATE_COUNT; state++) {
        bool leads_on = false;

        for (int event = 0; event < LIFE_EVENT_COUNT; event++)
            leads_on = leads_on || lifecycle_next(state, event) != STATE_NONE;
        assert_int_equal(state_is_final(state), !leads_on);
    }
}

static void test_names(void **unused)
{
    /* contracts: States */
    static const char *const names[] = {"pending", "approved", "active",  "denied",  "cancelled",
                                        "lapsed",  "returned", "revoked", "expired", "applied"};
    size_t count = sizeof(names) / sizeof(names[0]);

    assert_int_equal(count, STATE_COUNT - 1);
    for (size_t i = 0; i < count; i++) {
        assert_int_not_equal(state_from_name(names[i]), STATE_NONE);
        assert_string_equal(state_name(state_from_name(names[i])), names[i]);
    }
    assert_int_equal(state_from_name("none"), STATE_NONE);
    assert_int_equal(state_from_name(""), STATE_NONE);
    assert_int_equal(state_from_name("Pending"), STATE_NONE);
    assert_int_equal(state_from_name(NULL), STATE_NONE);
}

static void test_event_names(void **unused)
{
    /* contracts: Ledger, audit, journal */
    static const char names[] =
        " requested decision approved denied cancelled lapsed started extended carried-over"
        " returned revoked expired session-opened session-placed session-closed session-killed "
        "session-survived"
        " door-refused decision-refused policy-loaded policy-rejected broker-started "
        "broker-stopped journal-gap ";
    size_t length = 1;

    for (int kind = 0; kind < EVENT_KIND_COUNT; kind++) {
        char word[40] = " ";

        strcat(strcat(word, event_name(kind)), " ");
        assert_non_null(strstr(names, word));
        length += strlen(word) - 1;
    }
    assert_int_equal(length, strlen(names));
    assert_string_equal(event_name(EVENT_KIND_COUNT), "unknown");
    assert_string_equal(event_name((enum event_kind) - 1), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_pair),   cmocka_unit_test(test_out_of_range),
        cmocka_unit_test(test_final_states), cmocka_unit_test(test_names),
        cmocka_unit_test(test_event_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
