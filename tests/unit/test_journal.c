/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <systemd/sd-journal.h>

#include "cleanup.h"
#include "sink/journal.h"
#include "sink/journal_socket.h"

#define FIELDS_MAX 32

/* What was sent last. */
static char fields[FIELDS_MAX][8192];
static int n_fields;
static int answer;

static int keep(const struct iovec *sent, int count)
{
    assert_true(count <= FIELDS_MAX);
    n_fields = count;
    for (int i = 0; i < count; i++) {
        assert_true(sent[i].iov_len < sizeof(fields[0]));
        memcpy(fields[i], sent[i].iov_base, sent[i].iov_len);
        fields[i][sent[i].iov_len] = '\0';
    }
    return answer;
}

/* The value of a field, NULL where there is none. */
static const char *field(const char *name)
{
    const char *value = NULL;

    for (int i = 0; i < n_fields; i++) {
        if (strncmp(fields[i], name, strlen(name)) == 0 && fields[i][strlen(name)] == '=') {
            assert_null(value);
            value = fields[i] + strlen(name) + 1;
        }
    }
    return value;
}

static void assert_field(const char *name, const char *expected)
{
    const char *value = field(name);

    if (!expected) {
        assert_null(value);
        return;
    }
    assert_non_null(value);
    assert_string_equal(value, expected);
}

static int set_up(void **state)
{
    struct journal *journal = NULL;

    n_fields = 0;
    answer = 0;
    assert_int_equal(journal_new(keep, &journal), 0);
    *state = journal;
    return 0;
}

static int tear_down(void **state)
{
    assert_null(journal_free(*state));
    return 0;
}

static char alice[] = "alice", root[] = "root", ticket[] = "CHG-1", why[] = "two\nlines=here",
            policy[] = "prod", sudo[] = "sudo", tty[] = "pts/3", rhost[] = "10.0.0.7", s1[] = "s-1";

static void test_everything_that_is_known(void **state)
{
    struct checkout checkout = {
        .id = 17,
        .uuid = "5f0c7f2e-0000-4000-8000-000000000000",
        .state = STATE_PENDING,
        .person = alice,
        .account = root,
        .reason = why,
        .ticket = ticket,
        .policy = policy,
        .policy_digest = "d1",
        .duration = 60,
    };
    struct session session = {
        .session = s1, .door = sudo, .service = sudo, .tty = tty, .rhost = rhost};
    struct event event = {
        .kind = EVENT_REQUESTED,
        .seq = 5,
        .time = 1000,
        .hash = "abcd",
        .checkout = &checkout,
        .session = &session,
        .state_old = STATE_NONE,
        .state_new = STATE_PENDING,
        .actor = "alice",
        .actor_uid = 1000,
    };

    journal_sink(&event, *state);
    assert_field("MESSAGE", "alice asks for root for 1min, request 17 (ticket CHG-1): "
                            "two\\x0alines=here");
    assert_field("MESSAGE_ID", "a9e42fb9bb075c7d96bcd91ccb750f46");
    assert_field("PRIORITY", "5");
    assert_field("SYSLOG_IDENTIFIER", "pam-checkout-broker");
    assert_field("CHECKOUT_EVENT", "requested");
    assert_field("CHECKOUT_ID", "17");
    assert_field("CHECKOUT_UUID", "5f0c7f2e-0000-4000-8000-000000000000");
    assert_field("CHECKOUT_SEQ", "5");
    assert_field("CHECKOUT_PERSON", "alice");
    assert_field("CHECKOUT_ACCOUNT", "root");
    assert_field("CHECKOUT_ACTOR", "alice");
    assert_field("CHECKOUT_STATE_OLD", NULL);
    assert_field("CHECKOUT_STATE_NEW", "pending");
    assert_field("CHECKOUT_REASON", "two\nlines=here");
    assert_field("CHECKOUT_TICKET", "CHG-1");
    assert_field("CHECKOUT_DOOR", "sudo");
    assert_field("CHECKOUT_SERVICE", "sudo");
    assert_field("CHECKOUT_TTY", "pts/3");
    assert_field("CHECKOUT_RHOST", "10.0.0.7");
    assert_field("CHECKOUT_SESSION", "s-1");
    assert_field("CHECKOUT_POLICY", "prod");
    assert_field("CHECKOUT_POLICY_DIGEST", "d1");
    assert_field("CHECKOUT_HASH", "abcd");
    assert_int_equal(n_fields, 22);

    /* The requester's reason belongs to the request alone. */
    event.kind = EVENT_APPROVED;
    event.state_old = STATE_PENDING;
    event.state_new = STATE_APPROVED;
    journal_sink(&event, *state);
    assert_field("CHECKOUT_REASON", NULL);
    assert_field("CHECKOUT_STATE_OLD", "pending");
    assert_field("CHECKOUT_STATE_NEW", "approved");
}

static void test_what_is_unknown_is_absent(void **state)
{
    struct event event = {.kind = EVENT_BROKER_STARTED, .seq = 1, .time = 1000, .hash = "00"};

    journal_sink(&event, *state);
    assert_field("CHECKOUT_EVENT", "broker-started");
    assert_field("PRIORITY", "6");
    /* MESSAGE MESSAGE_ID PRIORITY SYSLOG_IDENTIFIER and EVENT SEQ HASH */
    assert_int_equal(n_fields, 7);

    event = (struct event){.kind = EVENT_DOOR_REFUSED,
                           .person = "eve",
                           .account = "root",
                           .policy = "p",
                           .reason = "no"};
    journal_sink(&event, *state);
    assert_field("CHECKOUT_PERSON", "eve");
    assert_field("CHECKOUT_REASON", "no");
    assert_field("CHECKOUT_POLICY", "p");
    assert_field("CHECKOUT_ID", NULL);
}

static void test_ids_are_of_the_names(void **state)
{
    for (int kind = 0; kind < EVENT_KIND_COUNT; kind++) {
        struct event event = {.kind = (enum event_kind)kind, .seq = 1, .hash = "00"};
        unsigned char digest[EVP_MAX_MD_SIZE];
        char text[100], id[33];
        unsigned size = 0;

        snprintf(text, sizeof(text), "pam-checkout:%s", event_name(event.kind));
        assert_int_equal(EVP_Digest(text, strlen(text), digest, &size, EVP_sha256(), NULL), 1);
        for (int i = 0; i < 16; i++)
            snprintf(id + 2 * i, 3, "%02x", digest[i]);
        journal_sink(&event, *state);
        assert_field("MESSAGE_ID", id);
        assert_field("CHECKOUT_EVENT", event_name(event.kind));
        assert_non_null(field("PRIORITY"));
        assert_true(strlen(field("MESSAGE")) > 10);
    }
}

static void send_one(struct journal *journal, uint64_t seq)
{
    struct event event = {.kind = EVENT_BROKER_STARTED, .seq = seq, .time = 1000, .hash = "00"};

    journal_sink(&event, journal);
}

static bool tell_again(struct journal *journal, uint64_t seq)
{
    struct event event = {
        .kind = EVENT_BROKER_STARTED, .seq = seq, .time = 1000, .hash = "00", .retold = true};

    return journal_retell(&event, journal);
}

/* Nobody takes it: from there on everything waits for its turn. */
static void test_behind(void **state)
{
    struct journal_gap gap;

    send_one(*state, 7);
    assert_false(journal_is_read(*state));
    assert_int_equal(journal_check(*state), 7);
    assert_true(journal_is_read(*state));
    assert_int_equal(journal_next(*state), 0);
    assert_field("CHECKOUT_REPLAYED", NULL);

    answer = -ENOENT;
    send_one(*state, 8);
    assert_int_equal(journal_next(*state), 8);
    answer = 0;
    n_fields = 0;
    send_one(*state, 9); /* not before 8 */
    assert_int_equal(n_fields, 0);
    assert_int_equal(journal_check(*state), 7);

    answer = -ENOENT;
    assert_false(tell_again(*state, 8));
    assert_int_equal(journal_next(*state), 8);
    answer = 0;
    assert_true(tell_again(*state, 8));
    assert_field("CHECKOUT_REPLAYED", "1");
    assert_true(tell_again(*state, 9));
    assert_int_equal(journal_next(*state), 10);
    assert_true(journal_catch_up(*state, &gap));
    assert_int_equal(gap.first_seq, 8);
    assert_int_equal(gap.last_seq, 9);
    assert_int_equal(gap.error, -ENOENT);
    assert_false(journal_catch_up(*state, &gap));
    send_one(*state, 10);
    assert_field("CHECKOUT_SEQ", "10");
    assert_int_equal(journal_check(*state), 10);

    /* A kind that is none is not sent as something else. */
    struct event event = {.kind = EVENT_KIND_COUNT, .seq = 11, .hash = "00"};

    n_fields = 0;
    journal_sink(&event, *state);
    assert_int_equal(n_fields, 0);
}

/* Whoever had it has gone, with what was not read: that comes again, too. */
static void test_lost(void **state)
{
    struct journal_gap gap;

    send_one(*state, 1);
    assert_int_equal(journal_check(*state), 1);
    send_one(*state, 2);
    send_one(*state, 3);
    answer = -ECONNRESET;
    send_one(*state, 4);
    assert_int_equal(journal_next(*state), 2);
    answer = 0;
    for (uint64_t seq = 2; seq <= 3; seq++)
        assert_true(tell_again(*state, seq));
    /* and once more in the middle of it */
    answer = -ECONNRESET;
    assert_false(tell_again(*state, 4));
    assert_int_equal(journal_next(*state), 2);
    answer = 0;
    for (uint64_t seq = 2; seq <= 4; seq++)
        assert_true(tell_again(*state, seq));
    assert_true(journal_catch_up(*state, &gap));
    assert_int_equal(gap.first_seq, 2);
    assert_int_equal(gap.last_seq, 4);
}

/* What an earlier broker left undone. */
static void test_begins_behind(void **state)
{
    struct journal_gap gap;

    journal_begin(*state, 5, 5);
    assert_int_equal(journal_next(*state), 0);
    assert_true(journal_is_read(*state));
    journal_begin(*state, 5, 7);
    assert_int_equal(journal_next(*state), 6);
    assert_true(tell_again(*state, 6));
    assert_true(tell_again(*state, 7));
    assert_true(journal_catch_up(*state, &gap));
    assert_int_equal(gap.first_seq, 6);
    assert_int_equal(gap.last_seq, 7);
    assert_int_equal(gap.error, -EOWNERDEAD);
}

static void test_real_journal(void **state)
{
    struct event event = {.kind = EVENT_POLICY_LOADED, .hash = "00", .policy_digest = "two\nlines"};
    struct journal *journal = NULL;
    char match[64];

    assert_int_equal(journal_new(NULL, &journal), 0);
    event.seq = (uint64_t)getpid() * 1000000 + (uint64_t)time(NULL) % 1000000;
    journal_sink(&event, journal);
    if (access(JOURNAL_SOCKET, F_OK) < 0) {
        /* sd_journal_sendv() would have said that all is well. */
        assert_int_equal(journal_next(journal), event.seq);
        journal_free(journal);
        return;
    }
    assert_int_equal(journal_next(journal), 0);
    while (journal_check(journal) != event.seq)
        assert_int_equal(sched_yield(), 0);
    journal_free(journal);

    sd_journal *reader = NULL;
    const void *data = NULL;
    size_t length = 0;
    bool found = false;

    if (sd_journal_open(&reader, SD_JOURNAL_LOCAL_ONLY) < 0)
        skip();
    snprintf(match, sizeof(match), "CHECKOUT_SEQ=%llu", (unsigned long long)event.seq);
    assert_int_equal(sd_journal_add_match(reader, match, 0), 0);
    for (int turn = 0; turn < 20 && !found; turn++) {
        found = sd_journal_next(reader) > 0;
        if (!found)
            (void)sd_journal_wait(reader, 500 * 1000);
    }
    assert_true(found);
    assert_int_equal(sd_journal_get_data(reader, "CHECKOUT_POLICY_DIGEST", &data, &length), 0);
    assert_int_equal(length, strlen("CHECKOUT_POLICY_DIGEST=two\nlines"));
    sd_journal_close(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_everything_that_is_known, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_unknown_is_absent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ids_are_of_the_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_behind, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lost, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_begins_behind, set_up, tear_down),
        cmocka_unit_test(test_real_journal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
