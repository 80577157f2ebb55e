/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <systemd/sd-journal.h>

#include "cleanup.h"
#include "sink/journal.h"

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

static void test_gap(void **state)
{
    struct event event = {.kind = EVENT_BROKER_STARTED, .seq = 7, .time = 1000, .hash = "00"};
    struct journal_gap gap;

    journal_sink(&event, *state);
    assert_false(journal_take_gap(*state, &gap));
    assert_int_equal(journal_current_gap(*state).missed, 0);

    answer = -ENOENT;
    for (event.seq = 8; event.seq < 11; event.seq++) {
        event.time++;
        journal_sink(&event, *state);
        /* Nobody would hear of it. */
        assert_false(journal_take_gap(*state, &gap));
    }
    assert_int_equal(journal_current_gap(*state).missed, 3);
    answer = 0;
    event.seq = 11;
    journal_sink(&event, *state);
    assert_true(journal_take_gap(*state, &gap));
    assert_int_equal(gap.missed, 3);
    assert_int_equal(gap.since, 1001);
    assert_int_equal(gap.first_seq, 8);
    assert_int_equal(gap.last_seq, 10);
    assert_int_equal(gap.error, -ENOENT);
    assert_false(journal_take_gap(*state, &gap));

    /* A kind that is none is not sent as something else. */
    n_fields = 0;
    event.kind = EVENT_KIND_COUNT;
    journal_sink(&event, *state);
    assert_int_equal(n_fields, 0);
    assert_int_equal(journal_current_gap(*state).missed, 1);
}

/* A datagram socket that is not there, that nobody has, that nobody reads. */
static void test_probe(void **state)
{
    char folder[] = "/tmp/test-journal-XXXXXX";
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    CLEANUP_CLOSE int journald = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    CLEANUP_CLOSE int client = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    assert_non_null(mkdtemp(folder));
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", folder);
    assert_int_equal(journal_probe(address.sun_path), -ENOENT);
    assert_int_equal(bind(journald, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(journal_probe(address.sun_path), 0);

    assert_int_equal(connect(client, (struct sockaddr *)&address, sizeof(address)), 0);
    while (send(client, "x", 1, 0) == 1)
        ;
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(journal_probe(address.sun_path), -EAGAIN);

    char byte;
    while (recv(journald, &byte, 1, MSG_DONTWAIT) == 1)
        ;
    assert_int_equal(journal_probe(address.sun_path), 0);

    close(TAKE_FD(journald));
    assert_int_equal(journal_probe(address.sun_path), -ECONNREFUSED);
    assert_int_equal(unlink(address.sun_path), 0);
    assert_int_equal(rmdir(folder), 0);
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
        assert_int_equal(journal_current_gap(journal).missed, 1);
        assert_int_equal(journal_current_gap(journal).error, -ENOENT);
        journal_free(journal);
        return;
    }
    assert_int_equal(journal_current_gap(journal).missed, 0);
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
        cmocka_unit_test_setup_teardown(test_gap, set_up, tear_down),
        cmocka_unit_test(test_probe),
        cmocka_unit_test(test_real_journal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
