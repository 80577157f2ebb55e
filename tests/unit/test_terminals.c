/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cleanup.h"
#include "screen.h"
#include "sink/terminals.h"

#define PTYS 2

/* Two terminals of the user that the test runs as, who is the approver here. */
static struct {
    sd_event *event;
    struct names *names;
    struct terminals *terminals;
    int masters[PTYS], slaves[PTYS];
    struct tty ttys[PTYS];
    size_t n_ttys;

    size_t asked; /* calls of may_decide */
    bool may_decide;
    uint64_t not_this_one; /* id */
} it;

static char alice[] = "alice", root[] = "root", host[] = "db1", why[] = "disk is full",
            ticket[] = "CHG-1";

static size_t sessions(struct tty *ret_sessions, size_t max)
{
    memcpy(ret_sessions, it.ttys, it.n_ttys * sizeof(it.ttys[0]));
    return it.n_ttys;
}

static const struct tty_source source = {
    .devices = "/dev",
    .utmp = "/nonexistent/utmp",
    .sessions = sessions,
};

static bool may_decide(uint64_t id, const struct identity *person, void *userdata)
{
    assert_ptr_equal(userdata, &it);
    assert_true(person->groups_known);
    assert_int_equal(person->uid, geteuid());
    assert_non_null(person->name);
    it.asked++;
    return it.may_decide && id != it.not_this_one;
}

static int set_up_with(const char *worker)
{
    memset(&it, 0, sizeof(it));
    it.may_decide = true;
    it.n_ttys = PTYS;
    for (size_t i = 0; i < PTYS; i++) {
        assert_int_equal(screen_open(&it.masters[i], &it.slaves[i], &it.ttys[i]), 0);
    }
    assert_int_equal(sd_event_new(&it.event), 0);
    assert_int_equal(names_new(it.event, worker, &it.names), 0);
    assert_int_equal(terminals_new(it.event, it.names, &source, may_decide, &it, &it.terminals), 0);
    return 0;
}

static int set_up(void **state)
{
    char self[4096] = "";

    assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
    return set_up_with(self);
}

static int set_up_without_names(void **state)
{
    return set_up_with("/nonexistent/worker");
}

static int tear_down(void **state)
{
    assert_null(terminals_free(it.terminals));
    names_free(it.names);
    sd_event_unref(it.event);
    for (size_t i = 0; i < PTYS; i++) {
        close(it.masters[i]);
        close(it.slaves[i]);
    }
    return 0;
}

static struct checkout request(uint64_t id)
{
    return (struct checkout){
        .id = id,
        .state = STATE_PENDING,
        .person = alice,
        .person_uid = geteuid() + 1,
        .person_loginuid = LOGINUID_UNSET,
        .account = root,
        .host = host,
        .reason = why,
        .ticket = ticket,
    };
}

static void tell(uint64_t id)
{
    struct checkout checkout = request(id);

    assert_int_equal(terminals_tell(it.terminals, &checkout, false), 0);
}

static const char *screen(size_t i)
{
    static char buffers[PTYS][256 * 1024];

    return screen_read(it.masters[i], it.slaves[i], buffers[i], sizeof(buffers[i]));
}

/* Runs the loop until something is on the terminal. */
static void wait_for_line(size_t i)
{
    struct pollfd readable = {.fd = it.masters[i], .events = POLLIN};

    while (poll(&readable, 1, 0) == 0)
        assert_true(sd_event_run(it.event, 20 * 1000 * 1000) > 0);
}

/* Runs the loop until people were asked about so often, and the answers were acted on. */
static void wait_for_asked(size_t asked)
{
    while (it.asked < asked)
        assert_true(sd_event_run(it.event, 20 * 1000 * 1000) > 0);
}

static size_t count(const char *text, const char *part)
{
    size_t found = 0;

    for (; (text = strstr(text, part)); text += strlen(part))
        found++;
    return found;
}

static void test_approver_hears_on_all_terminals(void **state)
{
    tell(17);
    assert_string_equal(screen(0), "");
    wait_for_line(1);
    for (size_t i = 0; i < PTYS; i++)
        assert_string_equal(screen(i),
                            "\r\n[pam_checkout] alice asks for root on db1: \"disk is full\" "
                            "(ticket CHG-1); decide with: checkoutctl approve 17\r\n");
    assert_int_equal(it.asked, 1);
}

static void test_what_was_not_given(void **state)
{
    struct checkout checkout = request(17);

    checkout.reason = checkout.ticket = checkout.host = NULL;
    checkout.extends = 12;
    assert_int_equal(terminals_tell(it.terminals, &checkout, false), 0);
    wait_for_line(0);
    assert_string_equal(screen(0), "\r\n[pam_checkout] alice asks for more time as root; "
                                   "decide with: checkoutctl approve 17\r\n");
}

static void test_who_may_not_decide_hears_nothing(void **state)
{
    it.not_this_one = 1;
    tell(1);
    wait_for_asked(1);
    tell(2);
    wait_for_line(0);
    assert_null(strstr(screen(0), "approve 1\r"));
    assert_int_equal(it.asked, 2);
}

static void test_requester_is_not_told(void **state)
{
    struct checkout checkout = request(1);

    checkout.person_uid = geteuid();
    assert_int_equal(terminals_tell(it.terminals, &checkout, false), 0);
    checkout = request(2);
    checkout.person_loginuid = geteuid();
    assert_int_equal(terminals_tell(it.terminals, &checkout, false), 0);
    tell(3);
    wait_for_line(0);
    const char *seen = screen(0);
    assert_int_equal(count(seen, "[pam_checkout]"), 1);
    assert_non_null(strstr(seen, "approve 3\r"));
    /* Not even asked. */
    assert_int_equal(it.asked, 1);
}

static void test_terminal_that_takes_no_messages(void **state)
{
    assert_int_equal(fchmod(it.slaves[0], 0600), 0);
    tell(1);
    wait_for_line(1);
    assert_string_equal(screen(0), "");
}

static void test_terminal_that_nobody_reads(void **state)
{
    screen_fill(it.slaves[0]);
    tell(1);
    wait_for_line(1);
    assert_non_null(strstr(screen(1), "approve 1\r"));
    assert_int_equal(count(screen(0), "pam_checkout"), 0);
}

static void test_hostile_words(void **state)
{
    struct checkout checkout = request(17);
    char evil[] = "\033[2J\r\nroot@db1:~# \x9b\xff\xe2\x80\xae%n%s", endless[LIMIT_REASON + 1];

    memset(endless, '\n', LIMIT_REASON);
    endless[LIMIT_REASON] = '\0';
    checkout.person = checkout.account = checkout.host = checkout.ticket = evil;
    checkout.reason = endless;
    assert_int_equal(terminals_tell(it.terminals, &checkout, false), 0);
    wait_for_line(0);

    const char *seen = screen(0);
    size_t length = strlen(seen);
    assert_true(length < 800);
    assert_string_equal(seen + length - strlen("checkoutctl approve 17\r\n"),
                        "checkoutctl approve 17\r\n");
    for (size_t i = 2; i < length - 2; i++)
        assert_true(seen[i] >= 0x20 && seen[i] < 0x7f);
    assert_non_null(strstr(seen, "\\x0a...\""));
}

static void test_flood_is_folded(void **state)
{
    struct checkout checkout = request(99);

    for (uint64_t id = 1; id <= 32; id++)
        tell(id);
    assert_int_equal(terminals_tell(it.terminals, &checkout, false), -EBUSY);
    wait_for_line(0);
    const char *seen = screen(0);
    assert_int_equal(count(seen, "[pam_checkout]"), 5);
    assert_non_null(strstr(seen, "approve 5\r"));
    assert_null(strstr(seen, "approve 6\r"));

    /* Two more while some are folded: they join them. */
    tell(33);
    tell(34);
    wait_for_asked(34);
    assert_string_equal(screen(0), "");
    wait_for_line(0);
    assert_string_equal(screen(0), "\r\n[pam_checkout] and 29 more requests wait: "
                                   "checkoutctl list --decidable\r\n");
    /* The next one has to wait its turn as well, and is told in the singular. */
    tell(35);
    wait_for_line(0);
    assert_string_equal(screen(0), "\r\n[pam_checkout] and 1 more request waits: "
                                   "checkoutctl list --decidable\r\n");
}

static void test_name_service_away(void **state)
{
    for (uint64_t id = 1; id <= 3; id++)
        tell(id);
    for (int turn = 0; turn < 20; turn++)
        assert_true(sd_event_run(it.event, 0) >= 0);
    assert_int_equal(it.asked, 0);
    assert_string_equal(screen(0), "");
}

static void test_nobody_is_logged_in(void **state)
{
    it.n_ttys = 0;
    tell(1);
    for (int turn = 0; turn < 20; turn++)
        assert_true(sd_event_run(it.event, 0) >= 0);
    assert_int_equal(it.asked, 0);
    it.n_ttys = PTYS;
    tell(2);
    wait_for_line(0);
    assert_null(strstr(screen(0), "approve 1\r"));
}

static void test_free_in_the_middle(void **state)
{
    tell(1);
    /* The round has begun, its look-up is on the way. */
    assert_true(sd_event_run(it.event, 1000000) > 0);
    tell(2);
}

static void test_sink(void **state)
{
    struct checkout checkout = request(4);
    struct event event = {.checkout = &checkout, .state_new = STATE_APPROVED};

    for (int kind = 0; kind < EVENT_KIND_COUNT; kind++) {
        event.kind = (enum event_kind)kind;
        terminals_sink(&event, it.terminals);
    }
    event.kind = EVENT_REQUESTED;
    event.state_new = STATE_PENDING;
    checkout.id = 5;
    terminals_sink(&event, it.terminals);
    wait_for_line(0);
    const char *seen = screen(0);
    assert_int_equal(count(seen, "[pam_checkout]"), 1);
    assert_non_null(strstr(seen, "approve 5\r"));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_approver_hears_on_all_terminals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_was_not_given, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_who_may_not_decide_hears_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_requester_is_not_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_terminal_that_takes_no_messages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_terminal_that_nobody_reads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_hostile_words, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_flood_is_folded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_name_service_away, set_up_without_names, tear_down),
        cmocka_unit_test_setup_teardown(test_nobody_is_logged_in, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_free_in_the_middle, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sink, set_up, tear_down),
    };

    if (argc == 2 && strcmp(argv[1], NAMES_WORKER_ARGUMENT) == 0)
        return names_worker_main();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
