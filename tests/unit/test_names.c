/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The test is its own worker, as the broker is. Started under another name it is a broken one; and
 * the name service's functions are replaced here, so that a real worker meets a broken name
 * service. */

#include <dlfcn.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cleanup.h"
#include "limits.h"
#include "names/message.h"
#include "names/names.h"

/* ---- A name service that can be told to misbehave ---- */

/* The function of libc that one of ours stands before. */
#define REAL(function) ((__typeof__(&function))dlsym(RTLD_NEXT, #function))

#define ODD_UID 424242
#define FAILING_GID 424200
#define NAMELESS_GID 424201
#define MANY_GROUPS 300

static _Noreturn void hang(void)
{
    for (;;)
        pause();
}

static int fake_user(struct passwd *user, char *buffer, size_t size, const char *name, uid_t uid,
                     gid_t gid, struct passwd **found)
{
    *found = NULL;
    if (size < strlen(name) + 1)
        return ERANGE;
    *user = (struct passwd){
        .pw_name = strcpy(buffer, name),
        .pw_uid = uid,
        .pw_gid = gid,
    };
    *found = user;
    return 0;
}

int getpwnam_r(const char *name, struct passwd *user, char *buffer, size_t size,
               struct passwd **found)
{
    *found = NULL;
    if (strcmp(name, "hangs") == 0)
        hang();
    if (strcmp(name, "crashes") == 0)
        raise(SIGKILL);
    if (strcmp(name, "leaves") == 0)
        _exit(0);
    if (strcmp(name, "no-file") == 0)
        return ENOENT;
    if (strcmp(name, "no-server") == 0)
        return ECONNREFUSED;
    if (strcmp(name, "interrupted") == 0) {
        static bool again;

        again = !again;
        if (again)
            return EINTR;
    }
    if (strcmp(name, "minus-one") == 0)
        return fake_user(user, buffer, size, name, (uid_t)-1, 1, found);
    if (strcmp(name, "unprintable") == 0)
        return fake_user(user, buffer, size, "un\033printable", ODD_UID, 1, found);
    if (strcmp(name, "large") == 0 && size < 1000000)
        return ERANGE;
    if (strcmp(name, "endless") == 0)
        return ERANGE;
    if (strcmp(name, "failing-group") == 0)
        return fake_user(user, buffer, size, name, ODD_UID, FAILING_GID, found);
    if (strcmp(name, "many-groups") == 0 || strcmp(name, "large") == 0 ||
        strcmp(name, "interrupted") == 0 || strcmp(name, "half-told") == 0)
        return fake_user(user, buffer, size, name, ODD_UID, 0, found);
    return REAL(getpwnam_r)(name, user, buffer, size, found);
}

int getpwuid_r(uid_t uid, struct passwd *user, char *buffer, size_t size, struct passwd **found)
{
    if (uid == ODD_UID)
        return fake_user(user, buffer, size, "somebody-else", 0, 0, found);
    return REAL(getpwuid_r)(uid, user, buffer, size, found);
}

/* What getgrouplist could not say is only seen afterwards. */
static bool groups_fail;

int getgrouplist(const char *name, gid_t primary, gid_t *gids, int *count)
{
    int room = *count;

    groups_fail = strcmp(name, "half-told") == 0;
    if (strcmp(name, "many-groups") != 0)
        return REAL(getgrouplist)(name, primary, gids, count);
    *count = MANY_GROUPS + 2;
    for (int i = 0; i < room && i < *count; i++)
        gids[i] = i == 0 ? primary : i == 1 ? NAMELESS_GID : (gid_t)(500000 + i - 2);
    return room < *count ? -1 : *count;
}

static int fake_group(struct group *group, char *buffer, size_t size, gid_t gid,
                      struct group **found)
{
    static char *nobody[] = {NULL};

    if (snprintf(buffer, size, "a group of many with number %u", gid) >= (int)size)
        return ERANGE;
    *group = (struct group){.gr_name = buffer, .gr_gid = gid, .gr_mem = nobody};
    *found = group;
    return 0;
}

int getgrgid_r(gid_t gid, struct group *group, char *buffer, size_t size, struct group **found)
{
    *found = NULL;
    if (gid == FAILING_GID)
        return EIO;
    if (gid == NAMELESS_GID)
        return 0;
    if (gid >= 500000 && gid < 500000 + MANY_GROUPS)
        return fake_group(group, buffer, size, gid, found);
    return REAL(getgrgid_r)(gid, group, buffer, size, found);
}

static bool enumeration_is_endless, enumeration_fails;

int getgrnam_r(const char *name, struct group *group, char *buffer, size_t size,
               struct group **found)
{
    static char zoe[] = "zoe", root[] = "root", adam[] = "adam", odd[] = "\033";
    static char *members[] = {zoe, root, adam, zoe, odd, NULL};

    *found = NULL;
    if (groups_fail)
        return EAGAIN;
    enumeration_is_endless = strcmp(name, "endless") == 0;
    enumeration_fails = strcmp(name, "unlisted") == 0;
    if (strcmp(name, "crowd") == 0) {
        static char *crowd[40001];

        for (size_t i = 0; i < 40000; i++) {
            if (!crowd[i] && asprintf(&crowd[i], "member-%05zu-of-the-crowd", i) < 0)
                return ENOMEM;
        }
        *group = (struct group){.gr_name = root, .gr_gid = NAMELESS_GID, .gr_mem = crowd};
        *found = group;
        return 0;
    }
    if (strcmp(name, "endless") == 0 || strcmp(name, "unlisted") == 0 ||
        strcmp(name, "zero") == 0) {
        *group = (struct group){.gr_name = root, .gr_gid = 0, .gr_mem = members};
        *found = group;
        return 0;
    }
    return REAL(getgrnam_r)(name, group, buffer, size, found);
}

int getpwent_r(struct passwd *user, char *buffer, size_t size, struct passwd **found)
{
    if (enumeration_is_endless)
        return fake_user(user, buffer, size, "one-of-many", ODD_UID, 1, found);
    if (enumeration_fails)
        return EIO;
    return REAL(getpwent_r)(user, buffer, size, found);
}

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

/* ---- Fixture ---- */

#define CALLS_MAX 400

struct call {
    size_t index;
    size_t count;
    int error; /* of the first item */
    struct names_result results[NAMES_BATCH_MAX];
    char *names[NAMES_BATCH_MAX];
};

struct fixture {
    sd_event *event;
    struct names *names;
    char folder[64];
    char self[4096];
    struct call calls[CALLS_MAX];
    size_t n_calls;
    bool looking_up; /* done must not be called from within */
};

static struct fixture *fixture;

static int set_up(void **state)
{
    ssize_t n;

    fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    strcpy(fixture->folder, "/tmp/test-names-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    n = readlink("/proc/self/exe", fixture->self, sizeof(fixture->self) - 1);
    assert_true(n > 0);
    assert_int_equal(sd_event_new(&fixture->event), 0);
    assert_int_equal(names_new(fixture->event, fixture->self, &fixture->names), 0);
    return 0;
}

static void forget_calls(void)
{
    for (size_t i = 0; i < fixture->n_calls; i++) {
        message_results_clear(fixture->calls[i].results, fixture->calls[i].count);
        for (size_t j = 0; j < fixture->calls[i].count; j++)
            free(fixture->calls[i].names[j]);
    }
    memset(fixture->calls, 0, sizeof(fixture->calls));
    fixture->n_calls = 0;
}

static int tear_down(void **state)
{
    forget_calls();
    names_free(fixture->names);
    sd_event_unref(fixture->event);
    assert_int_equal(rmdir(fixture->folder), 0);
    free(fixture);
    /* Nothing is left running or unreaped. */
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    return 0;
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

/* Keeps what came, moving it out as callers may. */
static void on_done(const struct names_item *items, struct names_result *results, size_t count,
                    void *userdata)
{
    struct call *call = &fixture->calls[fixture->n_calls++];

    assert_false(fixture->looking_up);
    assert_true(fixture->n_calls <= CALLS_MAX);
    call->index = (size_t)userdata;
    call->count = count;
    call->error = results[0].error;
    memcpy(call->results, results, count * sizeof(*results));
    for (size_t i = 0; i < count; i++) {
        call->names[i] = items[i].name ? strdup(items[i].name) : NULL;
        if (results[i].error)
            assert_int_equal(results[i].user.uid, UID_UNSET);
    }
    memset(results, 0, count * sizeof(*results));
}

static struct names_lookup *look_up(const struct names_item *items, size_t count, size_t index)
{
    struct names_lookup *lookup = NULL;

    fixture->looking_up = true;
    assert_int_equal(names_look_up(fixture->names, items, count, on_done, (void *)index, &lookup),
                     0);
    fixture->looking_up = false;
    return lookup;
}

static struct names_lookup *look_up_user(const char *name, bool groups, size_t index)
{
    return look_up(&(struct names_item){.kind = NAMES_USER, .name = name, .groups = groups}, 1,
                   index);
}

/* Runs the loop until that many calls have come. */
static void wait_for(size_t n_calls)
{
    while (fixture->n_calls < n_calls)
        assert_true(sd_event_run(fixture->event, 20 * 1000 * 1000) > 0);
}

static struct names_result *ask(const struct names_item *items, size_t count)
{
    forget_calls();
    look_up(items, count, 0);
    wait_for(1);
    assert_int_equal(fixture->calls[0].count, count);
    return fixture->calls[0].results;
}

static struct names_result *ask_user(const char *name, bool groups)
{
    return ask(&(struct names_item){.kind = NAMES_USER, .name = name, .groups = groups}, 1);
}

/* ---- The name service as it is ---- */

static void test_users(void **state)
{
    char longest[LIMIT_NAME + 1];
    memset(longest, 'x', LIMIT_NAME);
    longest[LIMIT_NAME] = '\0';
    struct names_item items[] = {
        {.kind = NAMES_USER, .name = "root"},  {.kind = NAMES_USER, .name = "no-such-user-here"},
        {.kind = NAMES_UID, .uid = 1},         {.kind = NAMES_UID, .uid = 3999999999},
        {.kind = NAMES_USER, .name = longest},
    };
    struct names_result *results = ask(items, 5);

    assert_int_equal(results[0].error, 0);
    assert_string_equal(results[0].user.name, "root");
    assert_int_equal(results[0].user.uid, 0);
    assert_false(results[0].user.groups_known);
    assert_int_equal(results[1].error, -ENOENT);
    assert_null(results[1].user.name);
    assert_string_equal(results[2].user.name, "daemon");
    assert_int_equal(results[2].user.uid, 1);
    assert_int_equal(results[3].error, -ENOENT);
    assert_int_equal(results[4].error, -ENOENT);
    assert_string_equal(fixture->calls[0].names[1], "no-such-user-here");
}

static void test_every_user_of_this_machine(void **state)
{
    struct passwd *user;
    size_t seen = 0;

    setpwent();
    while ((user = getpwent())) {
        char name[LIMIT_NAME + 1];
        uid_t uid = user->pw_uid;

        snprintf(name, sizeof(name), "%s", user->pw_name);
        struct names_result *result = ask_user(name, true);
        assert_int_equal(result->error, 0);
        assert_string_equal(result->user.name, name);
        assert_int_equal(result->user.uid, uid);
        assert_true(result->user.groups_known);
        assert_true(result->user.n_groups >= 1);
        seen++;
    }
    endpwent();
    assert_true(seen > 0);
}

static void test_groups(void **state)
{
    struct names_item items[] = {
        {.kind = NAMES_UID, .uid = 0, .groups = true},
        {.kind = NAMES_USER, .name = "root"},
        {.kind = NAMES_USER, .name = "no-such-user-here", .groups = true},
    };
    struct names_result *results = ask(items, 3);
    bool found = false;

    assert_true(results[0].user.groups_known);
    for (size_t i = 0; i < results[0].user.n_groups; i++)
        found = found || strcmp(results[0].user.groups[i], "root") == 0;
    assert_true(found);
    assert_false(results[1].user.groups_known);
    assert_int_equal(results[1].user.n_groups, 0);
    assert_int_equal(results[2].error, -ENOENT);
    assert_false(results[2].user.groups_known);
}

static void test_many_groups(void **state)
{
    struct names_result *result = ask_user("many-groups", true);

    /* The primary group and all with a name; the one without is left out. */
    assert_int_equal(result->error, 0);
    assert_int_equal(result->user.n_groups, MANY_GROUPS + 1);
    assert_string_equal(result->user.groups[0], "root");
    assert_string_equal(result->user.groups[MANY_GROUPS], "a group of many with number 500299");
}

static void test_members(void **state)
{
    struct names_item items[] = {
        {.kind = NAMES_MEMBERS, .name = "zero"},
        {.kind = NAMES_MEMBERS, .name = "no-such-group-here"},
    };
    struct names_result *results = ask(items, 2);

    /* Listed ones and root, whose primary group it is, each once; nothing that is not text. */
    assert_int_equal(results[0].error, 0);
    assert_false(results[0].incomplete);
    assert_string_equal(results[0].members[0], "adam");
    assert_string_equal(results[0].members[1], "root");
    assert_string_equal(results[0].members[2], "zoe");
    assert_null(results[0].members[3]);
    assert_int_equal(results[1].error, -ENOENT);
    assert_null(results[1].members);
}

static void test_members_in_many_packets(void **state)
{
    struct names_result *result =
        ask(&(struct names_item){.kind = NAMES_MEMBERS, .name = "crowd"}, 1);
    size_t count = 0;

    assert_int_equal(result->error, 0);
    while (result->members[count])
        count++;
    assert_int_equal(count, 40000);
    assert_string_equal(result->members[0], "member-00000-of-the-crowd");
    assert_string_equal(result->members[39999], "member-39999-of-the-crowd");
}

static void test_members_say_when_some_may_be_missing(void **state)
{
    struct names_result *result =
        ask(&(struct names_item){.kind = NAMES_MEMBERS, .name = "endless"}, 1);

    assert_int_equal(result->error, 0);
    assert_true(result->incomplete);
    assert_string_equal(result->members[0], "adam");

    result = ask(&(struct names_item){.kind = NAMES_MEMBERS, .name = "unlisted"}, 1);
    assert_int_equal(result->error, 0);
    assert_true(result->incomplete);
}

static void test_largest_batch(void **state)
{
    struct names_item items[NAMES_BATCH_MAX];

    for (size_t i = 0; i < NAMES_BATCH_MAX; i++)
        items[i] = (struct names_item){.kind = NAMES_MEMBERS, .name = "crowd"};
    struct names_result *results = ask(items, NAMES_BATCH_MAX);

    /* Together they are more than an answer may hold: whole or not at all. */
    assert_int_equal(results[0].error, 0);
    assert_non_null(results[0].members[39999]);
    assert_int_equal(results[NAMES_BATCH_MAX - 1].error, -EMSGSIZE);
    assert_null(results[NAMES_BATCH_MAX - 1].members);
}

/* ---- The name service as it should not be ---- */

static void test_errors_are_not_absence(void **state)
{
    assert_int_equal(ask_user("no-file", false)->error, -EIO);
    assert_int_equal(ask_user("no-server", false)->error, -ECONNREFUSED);
    assert_int_equal(ask_user("minus-one", false)->error, -EBADMSG);
    assert_int_equal(ask_user("unprintable", false)->error, -EILSEQ);
    assert_int_equal(ask_user("endless", false)->error, -EMSGSIZE);
    assert_int_equal(ask_user("interrupted", false)->error, 0);
    assert_int_equal(ask_user("large", false)->error, 0);
    assert_int_equal(ask_user("failing-group", false)->error, 0);
    assert_int_equal(ask_user("failing-group", true)->error, -EIO);
    assert_int_equal(ask_user("half-told", true)->error, -EAGAIN);

    /* Asked for one uid, given another. */
    struct names_item odd = {.kind = NAMES_UID, .uid = ODD_UID};
    assert_int_equal(ask(&odd, 1)->error, -EBADMSG);
    /* One that fails spoils no other. */
    struct names_item items[] = {
        {.kind = NAMES_USER, .name = "no-server"},
        {.kind = NAMES_USER, .name = "root"},
    };
    struct names_result *results = ask(items, 2);
    assert_int_equal(results[0].error, -ECONNREFUSED);
    assert_int_equal(results[1].error, 0);
}

static void test_crash_costs_one_batch(void **state)
{
    for (int i = 0; i < 3; i++) {
        struct names_item items[] = {
            {.kind = NAMES_USER, .name = "root"},
            {.kind = NAMES_USER, .name = i % 2 ? "leaves" : "crashes"},
        };
        struct names_result *results = ask(items, 2);

        assert_int_equal(results[0].error, -EIO);
        assert_int_equal(results[1].error, -EIO);
        assert_int_equal(ask_user("root", false)->error, 0);
    }
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

static void test_order_and_limit(void **state)
{
    struct names_item root = {.kind = NAMES_USER, .name = "root"};
    struct names_lookup *lookups[300] = {0};
    size_t queued = 0;

    while (names_look_up(fixture->names, &root, 1, on_done, (void *)queued, &lookups[queued]) == 0)
        queued++;
    /* Four with workers, the rest waiting. */
    assert_int_equal(queued, 4 + 256);
    assert_int_equal(names_look_up(fixture->names, &root, 1, on_done, NULL, NULL), -EBUSY);
    /* The other lane has a queue of its own. */
    look_up_user("root", true, 300);
    /* Cancelling makes room. */
    names_cancel(lookups[100]);
    names_cancel(lookups[259]);
    look_up_user("root", false, 400);
    look_up_user("root", false, 401);
    assert_int_equal(names_look_up(fixture->names, &root, 1, on_done, NULL, NULL), -EBUSY);

    wait_for(queued - 2 + 3);
    bool seen[500] = {false};
    for (size_t i = 0; i < fixture->n_calls; i++) {
        assert_int_equal(fixture->calls[i].error, 0);
        assert_false(seen[fixture->calls[i].index]);
        seen[fixture->calls[i].index] = true;
    }
    assert_false(seen[100]);
    assert_false(seen[259]);
    assert_true(seen[300] && seen[400] && seen[401]);
}

static void again(const struct names_item *items, struct names_result *results, size_t count,
                  void *userdata)
{
    struct names_lookup **self = userdata;

    /* Cancelling oneself does nothing, asking again is fine. */
    names_cancel(*self);
    on_done(items, results, count, NULL);
    if (fixture->n_calls < 20)
        assert_int_equal(names_look_up(fixture->names, items, count, again, userdata, self), 0);
}

static void test_asking_from_within_the_answer(void **state)
{
    struct names_item root = {.kind = NAMES_USER, .name = "root"};
    struct names_lookup *lookup = NULL;

    assert_int_equal(names_look_up(fixture->names, &root, 1, again, &lookup, &lookup), 0);
    wait_for(20);
    for (size_t i = 0; i < 20; i++)
        assert_int_equal(fixture->calls[i].error, 0);

    /* The same where every look-up fails before a worker has seen it. */
    forget_calls();
    names_free(fixture->names);
    assert_int_equal(names_new(fixture->event, "/nonexistent/worker", &fixture->names), 0);
    assert_int_equal(names_look_up(fixture->names, &root, 1, again, &lookup, &lookup), 0);
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
        assert_int_equal(names_look_up(fixture->names, bad, 2, on_done, NULL, NULL), -EINVAL);
        bad[1].kind = NAMES_MEMBERS;
        assert_int_equal(names_look_up(fixture->names, bad, 2, on_done, NULL, NULL), -EINVAL);
    }
    memset(longer, 'x', LIMIT_NAME + 1);
    longer[LIMIT_NAME + 1] = '\0';
    struct names_item bad = {.kind = NAMES_USER, .name = longer};
    assert_int_equal(names_look_up(fixture->names, &bad, 1, on_done, NULL, NULL), -EINVAL);
    bad = (struct names_item){.kind = NAMES_UID, .uid = UID_UNSET};
    assert_int_equal(names_look_up(fixture->names, &bad, 1, on_done, NULL, NULL), -EINVAL);
    bad = (struct names_item){.kind = (enum names_kind)7, .name = "root"};
    assert_int_equal(names_look_up(fixture->names, &bad, 1, on_done, NULL, NULL), -EINVAL);
    for (size_t i = 0; i <= NAMES_BATCH_MAX; i++)
        many[i] = item;
    assert_int_equal(names_look_up(fixture->names, many, 0, on_done, NULL, NULL), -EINVAL);
    assert_int_equal(names_look_up(fixture->names, many, NAMES_BATCH_MAX + 1, on_done, NULL, NULL),
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

/* ---- The parser alone ---- */

static void test_every_cut_and_every_flipped_bit(void **state)
{
    CLEANUP_MESSAGE_BUFFER struct message_buffer buffer = {0};
    char alice[] = "alice", bob[] = "bob", lp[] = "lp", wheel[] = "wheel", ops[] = "ops";
    char *groups[] = {wheel, ops};
    char *members[] = {alice, bob, NULL};
    struct names_item items[] = {
        {.kind = NAMES_USER, .name = "alice", .groups = true},
        {.kind = NAMES_UID, .uid = 7},
        {.kind = NAMES_MEMBERS, .name = "wheel"},
        {.kind = NAMES_USER, .name = "nobody"},
    };
    struct names_result results[] = {
        {.user = {.name = alice, .uid = 1000, .groups = groups, .n_groups = 2}},
        {.user = {.name = lp, .uid = 7}},
        {.members = members, .incomplete = true},
        {.error = -ENOENT},
    };
    struct names_result read[4] = {0};

    for (size_t i = 0; i < 4; i++)
        assert_int_equal(message_write_result(&buffer, &items[i], &results[i]), 0);
    assert_int_equal(message_read_answer(buffer.data, buffer.size, items, 4, read), 0);
    assert_string_equal(read[0].user.name, "alice");
    assert_int_equal(read[0].user.uid, 1000);
    assert_int_equal(read[0].user.n_groups, 2);
    assert_string_equal(read[0].user.groups[1], "ops");
    assert_int_equal(read[1].user.uid, 7);
    assert_string_equal(read[2].members[1], "bob");
    assert_true(read[2].incomplete);
    assert_int_equal(read[3].error, -ENOENT);
    assert_int_equal(read[3].user.uid, UID_UNSET);
    message_results_clear(read, 4);

    for (size_t size = 0; size < buffer.size; size++) {
        /* In memory of its exact size, so that a byte too many shows under the sanitizers. */
        uint8_t *cut = malloc(size ? size : 1);
        memcpy(cut, buffer.data, size);
        assert_int_equal(message_read_answer(cut, size, items, 4, read), -EBADMSG);
        free(cut);
    }
    for (size_t bit = 0; bit < buffer.size * 8; bit++) {
        buffer.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        int r = message_read_answer(buffer.data, buffer.size, items, 4, read);
        assert_true(r == 0 || r == -EBADMSG);
        message_results_clear(read, 4);
        buffer.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    /* Groups that were not asked for. */
    items[0].groups = false;
    assert_int_equal(message_read_answer(buffer.data, buffer.size, items, 4, read), -EBADMSG);
    /* Another's uid. */
    items[0].groups = true;
    items[1].uid = 8;
    assert_int_equal(message_read_answer(buffer.data, buffer.size, items, 4, read), -EBADMSG);
}

static void test_requests(void **state)
{
    CLEANUP_MESSAGE_BUFFER struct message_buffer buffer = {0};
    struct names_item items[] = {
        {.kind = NAMES_USER, .name = "alice", .groups = true},
        {.kind = NAMES_UID, .uid = 7},
        {.kind = NAMES_MEMBERS, .name = "wheel"},
    };
    CLEANUP_FREE struct names_item *read = NULL;

    assert_int_equal(message_write_request(&buffer, items, 3), 0);
    for (size_t size = 0; size < buffer.size; size++) {
        uint8_t *cut = malloc(size ? size : 1);
        struct names_item *none = NULL;

        memcpy(cut, buffer.data, size);
        assert_int_equal(message_read_request(cut, size, 3, &none), -EBADMSG);
        assert_null(none);
        free(cut);
    }
    assert_int_equal(message_read_request(buffer.data, buffer.size, 2, &read), -EBADMSG);
    assert_int_equal(message_read_request(buffer.data, buffer.size, 0, &read), -EBADMSG);
    assert_int_equal(message_read_request(buffer.data, buffer.size, 3, &read), 0);
    assert_string_equal(read[0].name, "alice");
    assert_true(read[0].groups);
    assert_int_equal(read[1].uid, 7);
    assert_int_equal(read[2].kind, NAMES_MEMBERS);
    assert_string_equal(read[2].name, "wheel");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_users, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_user_of_this_machine, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_groups, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_groups, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_members, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_members_in_many_packets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_members_say_when_some_may_be_missing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_largest_batch, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_errors_are_not_absence, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_crash_costs_one_batch, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_hanging_groups_leave_plain_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cancelled_hang_gives_its_worker_back, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_order_and_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_asking_from_within_the_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_free_with_everything_pending, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_questions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_broken_workers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_answer_sent_twice, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_silent_workers, set_up, tear_down),
        cmocka_unit_test(test_every_cut_and_every_flipped_bit),
        cmocka_unit_test(test_requests),
    };

    if (argc == 2 && strcmp(argv[1], NAMES_WORKER_ARGUMENT) == 0) {
        const char *slash = strrchr(argv[0], '/');
        const char *name = slash ? slash + 1 : argv[0];

        return strncmp(name, "test_", 5) == 0 ? names_worker_main() : broken_worker(name);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
