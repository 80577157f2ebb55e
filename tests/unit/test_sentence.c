/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sink/sentence.h"
#include "text.h"

/* Strings that the records, whose members are not const, may point to. */
static char alice[] = "alice", root[] = "root", ticket[] = "CHG-1234", why[] = "disk is full",
            policy[] = "root-on-prod", sudo[] = "sudo", tty[] = "pts/3", rhost[] = "10.0.0.7";

static struct checkout request(void)
{
    return (struct checkout){
        .id = 17,
        .state = STATE_PENDING,
        .person = alice,
        .account = root,
        .reason = why,
        .ticket = ticket,
        .policy = policy,
        .duration = 3600,
    };
}

static const char *say(struct event event)
{
    static char buffer[SENTENCE_MAX];
    size_t length = sentence_of_event(&event, buffer);

    assert_int_equal(length, strlen(buffer));
    return buffer;
}

static void test_requests(void **state)
{
    struct checkout checkout = request();
    struct event event = {.kind = EVENT_REQUESTED, .checkout = &checkout, .actor = "alice"};

    assert_string_equal(say(event), "alice asks for root for 1h, request 17 (ticket CHG-1234): "
                                    "disk is full");
    checkout.start_at = 1767225600;
    checkout.ticket = NULL;
    assert_string_equal(say(event), "alice asks for root for 1h from 2026-01-01 00:00:00 UTC, "
                                    "request 17: disk is full");
    checkout.start_at = 0;
    checkout.extends = 12;
    assert_string_equal(say(event), "alice asks to extend check-out 12 of root by 1h, request 17: "
                                    "disk is full");
}

static void test_decisions(void **state)
{
    struct checkout checkout = request();
    struct decision decisions[] = {
        {.verdict = DECISION_APPROVE, .seconds = 1800},
        {.verdict = DECISION_APPROVE, .seconds = 7200},
    };
    struct event event = {.kind = EVENT_DECISION, .checkout = &checkout, .actor = "bob"};

    checkout.decisions = decisions;
    checkout.n_decisions = 2;
    event.term = "security:1";
    assert_string_equal(say(event), "bob is for request 17 of alice for root, as security:1");
    decisions[1].verdict = DECISION_DENY;
    event.term = NULL;
    event.reason = "not today";
    assert_string_equal(say(event), "bob is against request 17 of alice for root: not today");
    event.kind = EVENT_DENIED;
    assert_string_equal(say(event), "bob denied request 17 of alice for root: not today");

    /* The requester's reason is not taken for the approver's; the least granted time counts. */
    decisions[1].verdict = DECISION_APPROVE;
    event.reason = NULL;
    event.kind = EVENT_APPROVED;
    assert_string_equal(say(event),
                        "bob approved request 17: alice may use root for 30min (ticket CHG-1234)");
    event.actor = NULL;
    checkout.n_decisions = 0;
    assert_string_equal(
        say(event), "Request 17 needs no approval: alice may use root for 1h (ticket CHG-1234)");
}

static void test_ends(void **state)
{
    struct checkout checkout = request();
    struct event event = {.checkout = &checkout, .actor = "bob", .reason = "incident over"};

    event.kind = EVENT_REVOKED;
    assert_string_equal(say(event), "bob revoked check-out 17 of alice for root: incident over");
    event.actor = NULL;
    event.reason = NULL;
    event.kind = EVENT_RETURNED;
    assert_string_equal(say(event), "check-out 17 of alice for root was returned");
    event.kind = EVENT_CANCELLED;
    assert_string_equal(say(event), "request 17 of alice for root was cancelled");
    event.kind = EVENT_EXPIRED;
    assert_string_equal(say(event), "check-out 17 of alice for root expired");
    event.kind = EVENT_LAPSED;
    assert_string_equal(say(event), "request 17 of alice for root lapsed: nobody decided in time");
    checkout.end = 1767229200;
    event.kind = EVENT_STARTED;
    assert_string_equal(say(event), "check-out 17 of alice for root started and ends at "
                                    "2026-01-01 01:00:00 UTC");
    event.kind = EVENT_EXTENDED;
    assert_string_equal(say(event), "check-out 17 of alice for root was extended, it now ends at "
                                    "2026-01-01 01:00:00 UTC");
}

static void test_sessions_and_doors(void **state)
{
    struct checkout checkout = request();
    struct session session = {.door = sudo, .tty = tty, .rhost = rhost};
    struct event event = {.checkout = &checkout, .session = &session};

    event.kind = EVENT_SESSION_OPENED;
    assert_string_equal(say(event),
                        "alice entered root by sudo on pts/3 from 10.0.0.7, check-out 17");
    event.kind = EVENT_SESSION_KILLED;
    assert_string_equal(say(event),
                        "alice was put out of root by sudo on pts/3 from 10.0.0.7, check-out 17");
    event = (struct event){
        .kind = EVENT_DOOR_REFUSED,
        .person = "eve",
        .account = "oracle",
        .door = "ssh",
        .reason = "nobody may",
    };
    assert_string_equal(say(event), "eve was not let into oracle by ssh: nobody may");
    /* The event's own words are nearer than the session's, and these than the check-out's. */
    checkout.tty = alice;
    event.checkout = &checkout;
    event.session = &session;
    assert_string_equal(event_tty(&event), "pts/3");
    assert_string_equal(event_person(&event), "eve");
    event.session = NULL;
    assert_string_equal(event_tty(&event), "alice");
}

/* Each kind says something, with all there is and with nothing at all. */
static void test_every_kind(void **state)
{
    char seen[EVENT_KIND_COUNT][SENTENCE_MAX];
    struct checkout checkout = request();

    for (int kind = 0; kind < EVENT_KIND_COUNT; kind++) {
        struct event event = {.kind = (enum event_kind)kind};

        assert_true(strlen(say(event)) > 10);
        event.checkout = &checkout;
        strcpy(seen[kind], say(event));
        assert_true(strlen(seen[kind]) > 10);
        for (int other = 0; other < kind; other++)
            assert_string_not_equal(seen[kind], seen[other]);
    }
}

static void test_nothing_from_outside_is_obeyed(void **state)
{
    char hostile[LIMIT_REASON + 1];
    struct checkout checkout = request();

    for (size_t i = 0; i < LIMIT_REASON; i++)
        hostile[i] = "\033[2J\nroot\r\x9b\xe2\x80\xae%n%s"[i % 18];
    hostile[LIMIT_REASON] = '\0';
    assert_int_equal(strlen(hostile), LIMIT_REASON);
    checkout.person = checkout.account = checkout.ticket = checkout.reason = hostile;
    struct session session = {.door = hostile, .tty = hostile, .rhost = hostile};

    for (int kind = 0; kind < EVENT_KIND_COUNT; kind++) {
        struct event event = {
            .kind = (enum event_kind)kind,
            .checkout = &checkout,
            .session = &session,
            .actor = hostile,
            .reason = hostile,
            .term = hostile,
            .policy_digest = hostile,
        };

        assert_true(text_is_valid(say(event), SENTENCE_MAX - 1));
        assert_null(strstr(say(event), "\xe2\x80\xae"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),   cmocka_unit_test(test_decisions),
        cmocka_unit_test(test_ends),       cmocka_unit_test(test_sessions_and_doors),
        cmocka_unit_test(test_every_kind), cmocka_unit_test(test_nothing_from_outside_is_obeyed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
