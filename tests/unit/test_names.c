/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The broker's side, with workers that hang, and, under other names, ones that break the protocol.
 */

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_name_service.h"
#include "names_fixture.h"

/* ---- Workers that break the protocol, by the name they were started under ---- */

static struct message_header receive_request(void)
{
    uint8_t packet[MESSAGE_PACKET_MAX];
    struct message_header header = {0};

    if (recv(STDIN_FILENO, packet, sizeof(packet), 0) < (ssize_t)sizeof(header))
        exit(0);
    memcpy(&header, packet, sizeof(header));
    return header;
}

static void send_packet(struct message_header header, const void *body, size_t size)
{
    uint8_t packet[2 * MESSAGE_PACKET_MAX] = {0};

    memcpy(packet, &header, sizeof(header));
    if (body)
        memcpy(packet + sizeof(header), body, size);
    if (send(STDIN_FILENO, packet, sizeof(header) + size, MSG_NOSIGNAL) < 0)
        exit(1);
}

/* An answer that would be right for one item NAMES_USER "root", as long as its packet is. */
static void right_answer(struct message_buffer *answer, const char *name, uid_t uid)
{
    struct names_item item = {.kind = NAMES_USER, .name = "root"};
    struct names_result result = {.user = {.name = (char *)name, .uid = uid}};

    assert_int_equal(message_write_result(answer, &item, &result), 0);
}

static int broken_worker(const char *how)
{
    static struct message_buffer answer; /* static: it may leave anywhere */

    if (strcmp(how, "exits") == 0)
        return 0;
    if (strcmp(how, "speaks-first") == 0) {
        send_packet((struct message_header){.magic = MESSAGE_MAGIC, .id = 1, .count = 1}, NULL, 8);
        hang();
    }

    struct message_header header = receive_request();
    right_answer(&answer, "mallory", 0);
    header.offset = 0;
    header.total = (uint32_t)answer.size;

    if (strcmp(how, "garbage") == 0) {
        uint8_t noise[100];

        memset(noise, 0xa5, sizeof(noise));
        memcpy(&header, noise, sizeof(header));
        send_packet(header, noise, sizeof(noise));
    } else if (strcmp(how, "tiny") == 0) {
        (void)send(STDIN_FILENO, "x", 1, MSG_NOSIGNAL);
    } else if (strcmp(how, "huge") == 0) {
        header.total = MESSAGE_ANSWER_MAX;
        send_packet(header, NULL, MESSAGE_PACKET_MAX);
    } else if (strcmp(how, "half") == 0) {
        send_packet(header, answer.data, answer.size / 2);
        return 0;
    } else if (strcmp(how, "half-then-hangs") == 0) {
        send_packet(header, answer.data, answer.size / 2);
    } else if (strcmp(how, "other-id") == 0) {
        header.id++;
        send_packet(header, answer.data, answer.size);
    } else if (strcmp(how, "other-count") == 0) {
        header.count = 2;
        send_packet(header, answer.data, answer.size);
    } else if (strcmp(how, "other-magic") == 0) {
        header.magic++;
        send_packet(header, answer.data, answer.size);
    } else if (strcmp(how, "offset") == 0) {
        header.offset = 4;
        send_packet(header, answer.data, answer.size - 4);
    } else if (strcmp(how, "total-grows") == 0) {
        send_packet(header, answer.data, 8);
        header.offset = 8;
        header.total++;
        send_packet(header, answer.data + 8, answer.size - 8);
    } else if (strcmp(how, "empty") == 0) {
        header.total = 0;
        send_packet(header, NULL, 0);
    } else if (strcmp(how, "too-much") == 0) {
        header.total--;
        send_packet(header, answer.data, answer.size);
    } else if (strcmp(how, "trailing") == 0) {
        uint8_t longer[256] = {0};

        memcpy(longer, answer.data, answer.size);
        header.total++;
        send_packet(header, longer, header.total);
    } else if (strcmp(how, "total-max") == 0) {
        header.total = UINT32_MAX;
        send_packet(header, answer.data, answer.size);
    } else if (strcmp(how, "twice") == 0) {
        send_packet(header, answer.data, answer.size);
        send_packet(header, answer.data, answer.size);
        /* The next batch finds it, or what it left behind, in the way. */
        header = receive_request();
    }
    hang();
}

/* From now on the workers are ones that break the protocol this way. */
static void break_workers(const char *how)
{
    char path[128];

    names_free(fixture->names);
    snprintf(path, sizeof(path), "%s/%s", fixture->folder, how);
    assert_int_equal(symlink(fixture->self, path), 0);
    assert_int_equal(names_new(fixture->event, path, &fixture->names), 0);
}

static void mend_workers(const char *how)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", fixture->folder, how);
    assert_int_equal(unlink(path), 0);
}

static void test_hanging_groups_leave_plain_alone(void **state)
{
    struct names_lookup *cancelled;

    /* All workers of the lane and three in the queue. */
    for (size_t i = 0; i < 7; i++)
        look_up_user("hangs", true, i);
    cancelled = look_up_user("root", true, 100);
    for (size_t i = 0; i < 50; i++) {
        look_up_user("root", false, 200 + i);
        wait_for(i + 1);
        assert_int_equal(fixture->calls[i].index, 200 + i);
        assert_int_equal(fixture->calls[i].error, 0);
    }
    names_cancel(cancelled);
    forget_calls();

    wait_for(7);
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(fixture->calls[i].index, i);
        assert_int_equal(fixture->calls[i].error, -ETIMEDOUT);
    }
    /* Those that hung were replaced. */
    assert_int_equal(ask_user("root", true)->error, 0);
}

static void test_cancelled_hang_gives_its_worker_back(void **state)
{
    for (size_t i = 0; i < 4; i++)
        names_cancel(look_up_user("hangs", false, i));
    /* Waits for a place: it is answered when the first deadline has freed one, or runs out with it.
     */
    look_up_user("root", false, 50);
    wait_for(1);
    assert_int_equal(fixture->calls[0].index, 50);
    forget_calls();
    assert_int_equal(ask_user("root", false)->error, 0);
}

static void test_cancelled_hang_keeps_its_worker(void **state)
{
    for (size_t i = 0; i < 3; i++)
        names_cancel(look_up_user("hangs", false, i));
    /* Nothing is given to the three, which are not idle though nobody waits for them. */
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(ask_user("root", false)->error, 0);
    /* An answer that nobody wants any more costs the worker nothing. */
    names_cancel(look_up_user("root", false, 0));
    assert_int_equal(ask_user("root", false)->error, 0);
}

static void test_order_and_limit(void **state)
{
    struct names_item root = {.kind = NAMES_USER, .name = "root"};
    struct names_lookup *lookups[300] = {0};
    size_t queued = 0;

    while (names_look_up(fixture->names, NAMES_DOORS, &root, 1, on_done, (void *)queued,
                         &lookups[queued]) == 0)
        queued++;
    /* Four with workers, the rest waiting. */
    assert_int_equal(queued, 4 + 256);
    assert_int_equal(names_look_up(fixture->names, NAMES_DOORS, &root, 1, on_done, NULL, NULL),
                     -EBUSY);
    /* The other lane has a queue of its own, and so have people. */
    look_up_user("root", true, 300);
    assert_int_equal(
        names_look_up(fixture->names, NAMES_PEOPLE, &root, 1, on_done, (void *)301, NULL), 0);
    /* Cancelling makes room. */
    names_cancel(lookups[100]);
    names_cancel(lookups[259]);
    look_up_user("root", false, 400);
    look_up_user("root", false, 401);
    assert_int_equal(names_look_up(fixture->names, NAMES_DOORS, &root, 1, on_done, NULL, NULL),
                     -EBUSY);

    wait_for(queued - 2 + 4);
    bool seen[500] = {false};
    for (size_t i = 0; i < fixture->n_calls; i++) {
        assert_int_equal(fixture->calls[i].error, 0);
        assert_false(seen[fixture->calls[i].index]);
        seen[fixture->calls[i].index] = true;
    }
    assert_false(seen[100]);
    assert_false(seen[259]);
    assert_true(seen[300] && seen[301] && seen[400] && seen[401]);
}

static void again(const struct names_item *items, struct names_result *results, size_t count,
                  void *userdata)
{
    struct names_lookup **self = userdata;

    /* Cancelling oneself does nothing, asking again is fine. */
    names_cancel(*self);
    on_done(items, results, count, NULL);
    if (fixture->n_calls < 20)
        assert_int_equal(
            names_look_up(fixture->names, NAMES_DOORS, items, count, again, userdata, self), 0);
}

static void test_asking_from_within_the_answer(void **state)
{
    struct names_item root = {.kind = NAMES_USER, .name = "root"};
    struct names_lookup *lookup = NULL;

    assert_int_equal(names_look_up(fixture->names, NAMES_DOORS, &root, 1, again, &lookup, &lookup),
                     0);
    wait_for(20);
    for (size_t i = 0; i < 20; i++)
        assert_int_equal(fixture->calls[i].error, 0);

    /* The same where every look-up fails before a worker has seen it. */
    forget_calls();
    names_free(fixture->names);
    assert_int_equal(names_new(fixture->event, "/nonexistent/worker", &fixture->names), 0);
    assert_int_equal(names_look_up(fixture->names, NAMES_DOORS, &root, 1, again, &lookup, &lookup),
                     0);
    wait_for(20);
    for (size_t i = 0; i < 20; i++)
        assert_int_equal(fixture->calls[i].error, -EIO);
}

static void test_free_with_everything_pending(void **state)
{
    for (size_t i = 0; i < 6; i++)
        look_up_user("hangs", true, i);
    for (size_t i = 0; i < 6; i++)
        look_up_user("root", false, i);
    names_cancel(look_up_user("hangs", false, 7));
    /* tear_down frees and finds no child left. */
}

static void test_bad_questions(void **state)
{
    static const char *const names[] = {NULL,      "",     "a/b",  "a:b",     "a\nb",
                                        "a\033[m", "\xff", "../x", "\xc2\x85"};
    struct names_item item = {.kind = NAMES_USER, .name = "root"};
    struct names_item many[NAMES_BATCH_MAX + 1];
    char longer[LIMIT_NAME + 2];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct names_item bad[] = {item, {.kind = NAMES_USER, .name = names[i]}};
        assert_int_equal(names_look_up(fixture->names, NAMES_DOORS, bad, 2, on_done, NULL, NULL),
                         -EINVAL);
        bad[1].kind = NAMES_MEMBERS;
        assert_int_equal(names_look_up(fixture->names, NAMES_DOORS, bad, 2, on_done, NULL, NULL),
                         -EINVAL);
    }
    memset(longer, 'x', LIMIT_NAME + 1);
    longer[LIMIT_NAME + 1] = '\0';
    struct names_item bad = {.kind = NAMES_USER, .name = longer};
    assert_int_equal(names_look_up(fixture->names, NAMES_DOORS, &bad, 1, on_done, NULL, NULL),
                     -EINVAL);
    bad = (struct names_item){.kind = NAMES_UID, .uid = UID_UNSET};
    assert_int_equal(names_look_up(fixture->names, NAMES_DOORS, &bad, 1, on_done, NULL, NULL),
                     -EINVAL);
    bad = (struct names_item){.kind = (enum names_kind)7, .name = "root"};
    assert_int_equal(names_look_up(fixture->names, NAMES_DOORS, &bad, 1, on_done, NULL, NULL),
                     -EINVAL);
    for (size_t i = 0; i <= NAMES_BATCH_MAX; i++)
        many[i] = item;
    assert_int_equal(names_look_up(fixture->names, NAMES_DOORS, many, 0, on_done, NULL, NULL),
                     -EINVAL);
    assert_int_equal(
        names_look_up(fixture->names, NAMES_DOORS, many, NAMES_BATCH_MAX + 1, on_done, NULL, NULL),
        -EINVAL);
}

/* ---- Workers as they should not be ---- */

static void test_broken_workers(void **state)
{
    static const struct {
        const char *how;
        int error;
    } cases[] = {
        {"exits", -EIO},
        {"garbage", -EBADMSG},
        {"tiny", -EBADMSG},
        {"huge", -EBADMSG},
        {"half", -EIO},
        {"other-id", -EBADMSG},
        {"offset", -EBADMSG},
        {"other-count", -EBADMSG},
        {"other-magic", -EBADMSG},
        {"empty", -EBADMSG},
        {"total-grows", -EBADMSG},
        {"too-much", -EBADMSG},
        {"trailing", -EBADMSG},
        {"total-max", -EBADMSG},
        {"speaks-first", -EBADMSG},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        break_workers(cases[i].how);
        for (int turn = 0; turn < 2; turn++) {
            if (ask_user("root", turn == 1)->error != cases[i].error)
                fail_msg("%s: %d", cases[i].how, fixture->calls[0].error);
        }
        mend_workers(cases[i].how);
    }
}

static void test_answer_sent_twice(void **state)
{
    break_workers("twice");
    struct names_result *result = ask_user("root", false);
    assert_int_equal(result->error, 0);
    assert_string_equal(result->user.name, "mallory");
    /* What lies in the socket is not taken for the answer to the next question. */
    forget_calls();
    look_up_user("daemon", false, 0);
    wait_for(1);
    if (fixture->calls[0].error ==
        0) /* by a fresh worker, if the old one was seen through before */
        assert_int_equal(fixture->calls[0].results[0].user.uid, 0);
    else
        assert_int_equal(fixture->calls[0].error, -EBADMSG);
    mend_workers("twice");
}

static void test_silent_workers(void **state)
{
    break_workers("half-then-hangs");
    look_up_user("root", false, 0);
    look_up_user("root", true, 1);
    wait_for(2);
    assert_int_equal(fixture->calls[0].error, -ETIMEDOUT);
    assert_int_equal(fixture->calls[1].error, -ETIMEDOUT);
    mend_workers("half-then-hangs");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_hanging_groups_leave_plain_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cancelled_hang_gives_its_worker_back, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_cancelled_hang_keeps_its_worker, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_order_and_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_asking_from_within_the_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_free_with_everything_pending, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_questions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_broken_workers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_answer_sent_twice, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_silent_workers, set_up, tear_down),
    };

    if (argc == 2 && strcmp(argv[1], NAMES_WORKER_ARGUMENT) == 0) {
        const char *slash = strrchr(argv[0], '/');
        const char *name = slash ? slash + 1 : argv[0];

        return strncmp(name, "test_", 5) == 0 ? names_worker_main() : broken_worker(name);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
