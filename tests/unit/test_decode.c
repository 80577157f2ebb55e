/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bus/call.h"
#include "bus/decode.h"
#include "dict.h"

/* ---- messages, argument by argument ---- */

struct letter {
    DBusMessage *message;
    DBusMessageIter iter, dict;
};

static struct letter letter_new(void)
{
    struct letter letter = {.message = dbus_message_new_method_call(NULL, "/a", "a.b", "C")};

    assert_non_null(letter.message);
    dbus_message_iter_init_append(letter.message, &letter.iter);
    return letter;
}

static void put(struct letter *letter, int type, const void *value)
{
    assert_true(dbus_message_iter_append_basic(&letter->iter, type, value));
}

static void put_id(struct letter *letter, uint64_t id)
{
    dbus_uint64_t value = id;

    put(letter, DBUS_TYPE_UINT64, &value);
}

static void dict_begin(struct letter *letter)
{
    assert_true(
        dbus_message_iter_open_container(&letter->iter, DBUS_TYPE_ARRAY, "{sv}", &letter->dict));
}

static void dict_end(struct letter *letter)
{
    assert_true(dbus_message_iter_close_container(&letter->iter, &letter->dict));
}

static void put_entry(struct letter *letter, const char *key, const char *type, const void *value,
                      size_t count)
{
    DBusMessageIter entry, variant, array;
    const char *const *strings = value;

    assert_true(
        dbus_message_iter_open_container(&letter->dict, DBUS_TYPE_DICT_ENTRY, NULL, &entry));
    assert_true(dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &key));
    assert_true(dbus_message_iter_open_container(&entry, DBUS_TYPE_VARIANT, type, &variant));
    if (strcmp(type, "as") == 0) {
        assert_true(dbus_message_iter_open_container(&variant, DBUS_TYPE_ARRAY, "s", &array));
        for (size_t i = 0; i < count; i++)
            assert_true(dbus_message_iter_append_basic(&array, DBUS_TYPE_STRING, &strings[i]));
        assert_true(dbus_message_iter_close_container(&variant, &array));
    } else {
        assert_true(dbus_message_iter_append_basic(&variant, *type, value));
    }
    assert_true(dbus_message_iter_close_container(&entry, &variant));
    assert_true(dbus_message_iter_close_container(&letter->dict, &entry));
}

static void put_text(struct letter *letter, const char *key, const char *text)
{
    put_entry(letter, key, "s", &text, 0);
}

static void put_u(struct letter *letter, const char *key, dbus_uint32_t value)
{
    put_entry(letter, key, "u", &value, 0);
}

static void put_t(struct letter *letter, const char *key, dbus_uint64_t value)
{
    put_entry(letter, key, "t", &value, 0);
}

static void put_b(struct letter *letter, const char *key, dbus_bool_t value)
{
    put_entry(letter, key, "b", &value, 0);
}

/* `length` times the letter x; the caller frees. */
static char *xes(size_t length)
{
    char *text = test_calloc(length + 1, 1);

    memset(text, 'x', length);
    return text;
}

static void assert_refused(int r, const struct error *error, const char *says)
{
    assert_int_equal(r, ERROR_INVALID_ARGUMENT);
    assert_int_equal(error->code, ERROR_INVALID_ARGUMENT);
    if (!strstr(error->text, says))
        fail_msg("\"%s\" does not say \"%s\"", error->text, says);
}

/* ---- a login ---- */

static const char *const login_texts[][2] = {
    {"door", "sudo"},
    {"service", "sudo-root"},
    {"phase", "account"},
    {"person", "alice"},
    {"account", "root"},
    {"tty", "/dev/pts/3"},
    {"rhost", "10.1.2.3"},
    {"command", "/usr/bin/id"},
    {"reason", "repair"},
    {"ticket", "CHG-1"},
    {"reason_source", "environment"},
};
#define N_LOGIN_TEXTS (sizeof(login_texts) / sizeof(*login_texts))

/* A login, with one key left out (NULL: none) and one that says something else (NULL: none). */
static struct letter login_letter(uint64_t id, const char *without, const char *key,
                                  const char *text)
{
    struct letter letter = letter_new();

    if (id)
        put_id(&letter, id);
    dict_begin(&letter);
    for (size_t i = 0; i < N_LOGIN_TEXTS; i++) {
        const char *name = login_texts[i][0];

        if (!without || strcmp(name, without) != 0)
            put_text(&letter, name, key && strcmp(name, key) == 0 ? text : login_texts[i][1]);
    }
    if (!without || strcmp(without, "pid") != 0)
        put_u(&letter, "pid", 4711);
    return letter;
}

static int read_login(struct letter *letter, bool with_id, uint64_t *ret_id,
                      struct login *ret_login, struct error *error)
{
    dict_end(letter);
    return decode_login(letter->message, with_id ? ret_id : NULL, ret_login, error);
}

/* The message must outlive the login: the caller unrefs it. */
static void test_login(void **state)
{
    struct letter letter = login_letter(42, NULL, NULL, NULL);
    struct login login = {0};
    struct error error = {0};
    uint64_t id = 0;

    put_u(&letter, "ruid", 1001);
    put_u(&letter, "loginuid", 1002);
    put_u(&letter, "audit_session", 9);
    put_u(&letter, "wait_seconds", UINT32_MAX);
    assert_int_equal(read_login(&letter, true, &id, &login, &error), 0);
    assert_int_equal(id, 42);
    assert_int_equal(login.door, DOOR_SUDO);
    assert_string_equal(login.service, "sudo-root");
    assert_string_equal(login.phase, "account");
    assert_string_equal(login.person, "alice");
    assert_string_equal(login.account, "root");
    assert_string_equal(login.tty, "/dev/pts/3");
    assert_string_equal(login.rhost, "10.1.2.3");
    assert_string_equal(login.command, "/usr/bin/id");
    assert_string_equal(login.reason, "repair");
    assert_string_equal(login.ticket, "CHG-1");
    assert_string_equal(login.reason_source, "environment");
    assert_int_equal(login.pid, 4711);
    assert_int_equal(login.ruid, 1001);
    assert_int_equal(login.loginuid, 1002);
    assert_int_equal(login.audit_session, 9);
    assert_int_equal(login.wait_seconds, UINT32_MAX);
    dbus_message_unref(letter.message);
}

/* What a door does not say must not look like root saying it. */
static void test_login_unknown_is_unset(void **state)
{
    struct letter letter = letter_new();
    struct login login = {0};
    struct error error = {0};

    dict_begin(&letter);
    for (size_t i = 0; i < N_LOGIN_TEXTS; i++) {
        const char *name = login_texts[i][0];
        bool needed = strcmp(name, "door") == 0 || strcmp(name, "person") == 0 ||
                      strcmp(name, "account") == 0 || strcmp(name, "service") == 0;

        put_text(&letter, name, needed ? login_texts[i][1] : "");
    }
    put_u(&letter, "pid", 1);
    assert_int_equal(read_login(&letter, false, NULL, &login, &error), 0);
    assert_null(login.phase);
    assert_null(login.tty);
    assert_null(login.rhost);
    assert_null(login.command);
    assert_null(login.reason);
    assert_null(login.ticket);
    assert_null(login.reason_source);
    assert_int_equal(login.loginuid, LOGINUID_UNSET);
    assert_int_equal(login.ruid, UID_UNSET);
    assert_int_equal(login.wait_seconds, 0);
    dbus_message_unref(letter.message);
}

static void test_login_needs(void **state)
{
    static const char *const needed[] = {"door", "person", "account", "service", "pid"};

    for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++) {
        struct letter letter = login_letter(0, needed[i], NULL, NULL);
        struct login login;
        struct error error = {0};

        assert_refused(read_login(&letter, false, NULL, &login, &error), &error, needed[i]);
        dbus_message_unref(letter.message);
        if (strcmp(needed[i], "pid") == 0)
            continue;
        letter = login_letter(0, NULL, needed[i], "");
        assert_refused(read_login(&letter, false, NULL, &login, &error), &error, needed[i]);
        dbus_message_unref(letter.message);
    }
}

static void test_login_bad_values(void **state)
{
    static const struct {
        const char *key;
        size_t max;
    } caps[] = {{"service", LIMIT_SERVICE}, {"person", LIMIT_NAME},  {"account", LIMIT_NAME},
                {"tty", LIMIT_TTY},         {"rhost", LIMIT_HOST},   {"command", LIMIT_COMMAND},
                {"reason", LIMIT_REASON},   {"ticket", LIMIT_TICKET}};
    struct login login;
    struct error error = {0};

    for (size_t i = 0; i < sizeof(caps) / sizeof(*caps); i++) {
        char *text = xes(caps[i].max + 1);
        struct letter letter = login_letter(0, NULL, caps[i].key, text);

        assert_refused(read_login(&letter, false, NULL, &login, &error), &error, caps[i].key);
        dbus_message_unref(letter.message);

        text[caps[i].max] = '\0';
        letter = login_letter(0, NULL, caps[i].key, text);
        assert_int_equal(read_login(&letter, false, NULL, &login, &error), 0);
        dbus_message_unref(letter.message);

        letter = login_letter(0, NULL, caps[i].key, "a\nb");
        assert_refused(read_login(&letter, false, NULL, &login, &error), &error, caps[i].key);
        dbus_message_unref(letter.message);

        letter = login_letter(0, caps[i].key, NULL, NULL);
        put_u(&letter, caps[i].key, 1);
        assert_refused(read_login(&letter, false, NULL, &login, &error), &error, caps[i].key);
        dbus_message_unref(letter.message);
        test_free(text);
    }
}

static void test_login_bad_dictionaries(void **state)
{
    static const char *const doors[] = {"", "sudo-i", "SUDO", "door", "pam"};
    struct login login;
    struct error error = {0};
    struct letter letter;

    for (size_t i = 0; i < sizeof(doors) / sizeof(*doors); i++) {
        letter = login_letter(0, NULL, "door", doors[i]);
        assert_refused(read_login(&letter, false, NULL, &login, &error), &error, "door must be");
        dbus_message_unref(letter.message);
    }
    letter = login_letter(0, NULL, NULL, NULL);
    put_text(&letter, "uid", "0");
    assert_refused(read_login(&letter, false, NULL, &login, &error), &error, "uid");
    dbus_message_unref(letter.message);

    letter = login_letter(0, NULL, NULL, NULL);
    put_text(&letter, "person", "root");
    assert_refused(read_login(&letter, false, NULL, &login, &error), &error, "person");
    dbus_message_unref(letter.message);

    letter = login_letter(0, "pid", NULL, NULL);
    put_u(&letter, "pid", 0);
    assert_refused(read_login(&letter, false, NULL, &login, &error), &error, "pid");
    dbus_message_unref(letter.message);

    letter = login_letter(0, "pid", NULL, NULL);
    put_t(&letter, "pid", 1);
    assert_refused(read_login(&letter, false, NULL, &login, &error), &error, "pid");
    dbus_message_unref(letter.message);

    letter = letter_new();
    dict_begin(&letter);
    assert_refused(read_login(&letter, false, NULL, &login, &error), &error, "door");
    dbus_message_unref(letter.message);
}

static size_t count_fds(void)
{
    DIR *directory = opendir("/proc/self/fd");
    size_t count = 0;

    assert_non_null(directory);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

/* The kill handle of a session is not kept by who does not use it, whatever else the login says. */
static void test_login_closes_its_fd(void **state)
{
    size_t before = count_fds();

    for (int valid = 0; valid < 2; valid++) {
        struct letter letter = login_letter(0, valid ? NULL : "person", NULL, NULL);
        struct error error = {0};
        struct login login;
        int fd = STDIN_FILENO;

        put_entry(&letter, "cgroup_kill", "h", &fd, 0);
        assert_int_equal(read_login(&letter, false, NULL, &login, &error) == 0, valid);
        dbus_message_unref(letter.message);
        assert_int_equal(count_fds(), before);
    }
}

/* ---- an id ---- */

static void test_id(void **state)
{
    static const uint64_t bad[] = {0, (uint64_t)INT64_MAX + 1, UINT64_MAX};
    static const uint64_t good[] = {1, INT64_MAX};
    struct error error = {0};
    struct login login;
    uint64_t id = 7;

    for (size_t i = 0; i < 3; i++) {
        struct letter letter = letter_new();

        put_id(&letter, bad[i]);
        assert_refused(decode_id(letter.message, &id, NULL, &error), &error, "number of a request");
        assert_int_equal(id, 7); /* written only on success */
        dict_begin(&letter);
        dict_end(&letter);
        assert_refused(decode_login(letter.message, &id, &login, &error), &error,
                       "number of a request");
        dbus_message_unref(letter.message);
    }
    for (size_t i = 0; i < 2; i++) {
        struct letter letter = letter_new();

        put_id(&letter, good[i]);
        assert_int_equal(decode_id(letter.message, &id, NULL, &error), 0);
        assert_true(id == good[i]);
        dbus_message_unref(letter.message);
    }
}

static void test_reason(void **state)
{
    char *longest = xes(LIMIT_REASON), *longer = xes(LIMIT_REASON + 1);
    const char *const reasons[] = {"no", longest, "", " \t", "a\033[2Jb", "a\nb", longer};
    const char *reason = NULL;
    struct error error = {0};
    uint64_t id;

    for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++) {
        struct letter letter = letter_new();

        put_id(&letter, 3);
        put(&letter, DBUS_TYPE_STRING, &reasons[i]);
        if (i < 2) {
            assert_int_equal(decode_id(letter.message, &id, &reason, &error), 0);
            assert_int_equal(id, 3);
            assert_string_equal(reason, reasons[i]);
        } else {
            assert_refused(decode_id(letter.message, &id, &reason, &error), &error, "reason");
        }
        dbus_message_unref(letter.message);
    }
    test_free(longest);
    test_free(longer);
}

/* ---- a request ---- */

static struct letter request_letter(const char *account)
{
    struct letter letter = letter_new();

    put(&letter, DBUS_TYPE_STRING, &account);
    dict_begin(&letter);
    return letter;
}

static int read_request(struct letter *letter, struct request *ret_request, struct error *error)
{
    dict_end(letter);
    return decode_request(letter->message, ret_request, error);
}

static void test_request(void **state)
{
    struct letter letter = request_letter("oracle");
    struct request request;
    struct error error = {0};

    put_text(&letter, "reason", "a reason");
    put_text(&letter, "ticket", "CHG-7");
    put_text(&letter, "door", "ssh");
    put_text(&letter, "to", "bob");
    put_t(&letter, "duration", LIMIT_DURATION_SECONDS);
    put_t(&letter, "start", 1900000000);
    assert_int_equal(read_request(&letter, &request, &error), 0);
    assert_string_equal(request.account, "oracle");
    assert_string_equal(request.reason, "a reason");
    assert_string_equal(request.ticket, "CHG-7");
    assert_string_equal(request.to, "bob");
    assert_int_equal(request.door, DOOR_SSH);
    assert_true(request.duration == LIMIT_DURATION_SECONDS);
    assert_int_equal(request.start, 1900000000);
    dbus_message_unref(letter.message);

    letter = request_letter("oracle");
    assert_int_equal(read_request(&letter, &request, &error), 0);
    assert_null(request.reason);
    assert_null(request.ticket);
    assert_null(request.to);
    assert_int_equal(request.door, 0);
    assert_int_equal(request.duration, 0);
    assert_int_equal(request.start, 0);
    dbus_message_unref(letter.message);
}

static void test_request_bad_texts(void **state)
{
    char *longer = xes(5000);
    const struct {
        const char *key, *text;
    } bad[] = {{"reason", ""},     {"reason", " "},    {"reason", "a\nb"}, {"reason", longer},
               {"ticket", ""},     {"ticket", longer}, {"ticket", "\x7f"}, {"door", ""},
               {"door", "window"}, {"door", longer},   {"to", ""},         {"to", longer},
               {"shell", "sh"}};
    const char *const accounts[] = {"", " ", "a\nb", longer};
    struct request request;
    struct error error = {0};

    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct letter letter = request_letter("oracle");

        put_text(&letter, bad[i].key, bad[i].text);
        assert_refused(read_request(&letter, &request, &error), &error, bad[i].key);
        dbus_message_unref(letter.message);
    }
    for (size_t i = 0; i < sizeof(accounts) / sizeof(*accounts); i++) {
        struct letter letter = request_letter(accounts[i]);

        assert_refused(read_request(&letter, &request, &error), &error, "account");
        dbus_message_unref(letter.message);
    }
    test_free(longer);
}

static void test_request_bad_numbers(void **state)
{
    static const struct {
        const char *key;
        uint64_t value;
    } bad[] = {{"duration", 0},          {"duration", LIMIT_DURATION_SECONDS + 1},
               {"duration", UINT64_MAX}, {"start", 0},
               {"start", UINT64_MAX},    {"start", INT64_MAX}};
    struct request request;
    struct error error = {0};
    struct letter letter;

    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        letter = request_letter("oracle");
        put_t(&letter, bad[i].key, bad[i].value);
        assert_refused(read_request(&letter, &request, &error), &error, bad[i].key);
        dbus_message_unref(letter.message);
    }
    letter = request_letter("oracle");
    put_u(&letter, "duration", 60);
    assert_refused(read_request(&letter, &request, &error), &error, "duration");
    dbus_message_unref(letter.message);

    letter = request_letter("oracle");
    put_t(&letter, "duration", 60);
    put_t(&letter, "duration", 61);
    assert_refused(read_request(&letter, &request, &error), &error, "duration");
    dbus_message_unref(letter.message);
}

/* ---- a grant, an extension ---- */

static void test_grant(void **state)
{
    static const char *const people[] = {"alice", "", " ", "a\nb"};
    const char *account = "oracle";

    for (size_t i = 0; i < sizeof(people) / sizeof(*people); i++) {
        struct letter letter = letter_new();
        struct request request;
        struct error error = {0};
        const char *person = NULL;

        put(&letter, DBUS_TYPE_STRING, &people[i]);
        put(&letter, DBUS_TYPE_STRING, &account);
        dict_begin(&letter);
        put_text(&letter, "reason", "a reason");
        dict_end(&letter);
        if (i == 0) {
            assert_int_equal(decode_grant(letter.message, &person, &request, &error), 0);
            assert_string_equal(person, "alice");
            assert_string_equal(request.account, "oracle");
            assert_string_equal(request.reason, "a reason");
        } else {
            assert_refused(decode_grant(letter.message, &person, &request, &error), &error,
                           "person");
            assert_null(person);
        }
        dbus_message_unref(letter.message);
    }
}

static void test_extend(void **state)
{
    static const struct {
        uint64_t id, seconds;
        const char *reason;
        const char *says; /* NULL: good */
    } cases[] = {{3, 60, "more", NULL},
                 {3, LIMIT_DURATION_SECONDS, "more", NULL},
                 {0, 60, "more", "number of a request"},
                 {UINT64_MAX, 60, "more", "number of a request"},
                 {3, 0, "more", "seconds"},
                 {3, LIMIT_DURATION_SECONDS + 1, "more", "seconds"},
                 {3, UINT64_MAX, "more", "seconds"},
                 {3, 60, "", "reason"},
                 {3, 60, "a\033b", "reason"}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct letter letter = letter_new();
        struct error error = {0};
        uint64_t id = 0, seconds = 0;
        const char *reason = NULL;

        put_id(&letter, cases[i].id);
        put_id(&letter, cases[i].seconds);
        put(&letter, DBUS_TYPE_STRING, &cases[i].reason);
        if (cases[i].says) {
            assert_refused(decode_extend(letter.message, &id, &seconds, &reason, &error), &error,
                           cases[i].says);
        } else {
            assert_int_equal(decode_extend(letter.message, &id, &seconds, &reason, &error), 0);
            assert_int_equal(id, cases[i].id);
            assert_int_equal(seconds, cases[i].seconds);
            assert_string_equal(reason, cases[i].reason);
        }
        dbus_message_unref(letter.message);
    }
}

/* ---- an approval ---- */

static void test_approval(void **state)
{
    struct approval_terms terms;
    struct error error = {0};
    uint64_t id = 0;
    struct letter letter = letter_new();

    put_id(&letter, 3);
    dict_begin(&letter);
    put_text(&letter, "digest", "abc");
    put_text(&letter, "reason", "fine");
    put_t(&letter, "duration", 60);
    put_t(&letter, "start", 1900000000);
    dict_end(&letter);
    assert_int_equal(decode_approval(letter.message, &id, &terms, &error), 0);
    assert_int_equal(id, 3);
    assert_string_equal(terms.digest, "abc");
    assert_string_equal(terms.reason, "fine");
    assert_int_equal(terms.duration, 60);
    assert_int_equal(terms.start, 1900000000);
    dbus_message_unref(letter.message);
}

static void test_approval_bad(void **state)
{
    char *longer = xes(LIMIT_DIGEST + 1);
    const struct {
        const char *key, *text;
        uint64_t number;
        const char *says;
    } bad[] = {
        {NULL, NULL, 0, "digest"},       {"digest", "", 0, "digest"},
        {"digest", longer, 0, "digest"}, {"digest", NULL, 1, "digest"},
        {"reason", "", 0, "reason"},     {"duration", NULL, 0, "duration"},
        {"start", NULL, 0, "start"},     {"duration", NULL, UINT64_MAX, "duration"},
        {"ticket", "CHG", 0, "ticket"},
    };
    struct approval_terms terms;
    struct error error = {0};
    uint64_t id = 0;

    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct letter letter = letter_new();

        put_id(&letter, 3);
        dict_begin(&letter);
        if (bad[i].key && strcmp(bad[i].key, "digest") != 0)
            put_text(&letter, "digest", "abc");
        if (bad[i].text)
            put_text(&letter, bad[i].key, bad[i].text);
        else if (bad[i].key)
            put_t(&letter, bad[i].key, bad[i].number);
        dict_end(&letter);
        assert_refused(decode_approval(letter.message, &id, &terms, &error), &error, bad[i].says);
        dbus_message_unref(letter.message);
    }
    test_free(longer);
}

/* ---- a list ---- */

static int read_list(struct letter *letter, struct list_request *ret_request, struct error *error)
{
    dict_end(letter);
    return decode_list(letter->message, ret_request, error);
}

static struct letter list_letter(void)
{
    struct letter letter = letter_new();

    dict_begin(&letter);
    return letter;
}

static void test_list(void **state)
{
    static const char *const states[] = {"pending", "applied", "pending"};
    struct letter letter = list_letter();
    struct list_request request;
    struct error error = {0};

    put_text(&letter, "person", "alice");
    put_text(&letter, "account", "");
    put_text(&letter, "approver", "bob");
    put_entry(&letter, "state", "as", states, 3);
    put_t(&letter, "since", 1);
    put_t(&letter, "until", UINT64_MAX);
    put_t(&letter, "after", UINT64_MAX);
    put_b(&letter, "mine", TRUE);
    put_b(&letter, "decidable", TRUE);
    put_u(&letter, "limit", LIMIT_LIST_ROWS);
    assert_int_equal(read_list(&letter, &request, &error), 0);
    assert_string_equal(request.filter.person, "alice");
    assert_null(request.filter.account);
    assert_string_equal(request.filter.approver, "bob");
    assert_int_equal(request.filter.states, 1u << STATE_PENDING | 1u << STATE_APPLIED);
    assert_int_equal(request.filter.since, 1);
    assert_true(request.filter.until == UINT64_MAX);
    assert_true(request.filter.after == UINT64_MAX);
    assert_int_equal(request.filter.limit, LIMIT_LIST_ROWS);
    assert_int_equal(request.filter.person_uid, UID_UNSET);
    assert_true(request.mine);
    assert_true(request.decidable);
    dbus_message_unref(letter.message);

    letter = list_letter();
    assert_int_equal(read_list(&letter, &request, &error), 0);
    assert_int_equal(request.filter.limit, LIMIT_LIST_DEFAULT);
    assert_int_equal(request.filter.states, 0);
    assert_false(request.mine);
    assert_false(request.decidable);
    dbus_message_unref(letter.message);
}

static void test_list_bad(void **state)
{
    static const char *const states[] = {"pending", "gone"}, *const none[] = {"none"},
                             *const nothing[] = {""};
    static const uint32_t limits[] = {0, LIMIT_LIST_ROWS + 1, UINT32_MAX};
    const char *many[DICT_STRINGS_MAX + 1];
    struct list_request request;
    struct error error = {0};
    struct letter letter;

    for (size_t i = 0; i < DICT_STRINGS_MAX + 1; i++)
        many[i] = "pending";
    const struct {
        const char *const *states;
        size_t count;
        const char *says;
    } bad[] = {{states, 2, "gone"},
               {none, 1, "none"},
               {nothing, 1, "state"},
               {many, DICT_STRINGS_MAX + 1, "state"}};

    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        letter = list_letter();
        put_entry(&letter, "state", "as", bad[i].states, bad[i].count);
        assert_refused(read_list(&letter, &request, &error), &error, bad[i].says);
        dbus_message_unref(letter.message);
    }
    for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
        letter = list_letter();
        put_u(&letter, "limit", limits[i]);
        assert_refused(read_list(&letter, &request, &error), &error, "limit");
        dbus_message_unref(letter.message);
    }
    letter = list_letter();
    put_t(&letter, "limit", 5);
    assert_refused(read_list(&letter, &request, &error), &error, "limit");
    dbus_message_unref(letter.message);

    letter = list_letter();
    put_u(&letter, "mine", 1);
    assert_refused(read_list(&letter, &request, &error), &error, "mine");
    dbus_message_unref(letter.message);

    letter = list_letter();
    put_text(&letter, "state", "pending");
    assert_refused(read_list(&letter, &request, &error), &error, "state");
    dbus_message_unref(letter.message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_login),
        cmocka_unit_test(test_login_unknown_is_unset),
        cmocka_unit_test(test_login_needs),
        cmocka_unit_test(test_login_bad_values),
        cmocka_unit_test(test_login_bad_dictionaries),
        cmocka_unit_test(test_login_closes_its_fd),
        cmocka_unit_test(test_id),
        cmocka_unit_test(test_reason),
        cmocka_unit_test(test_request),
        cmocka_unit_test(test_request_bad_texts),
        cmocka_unit_test(test_request_bad_numbers),
        cmocka_unit_test(test_grant),
        cmocka_unit_test(test_extend),
        cmocka_unit_test(test_approval),
        cmocka_unit_test(test_approval_bad),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_list_bad),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
