/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "broker1.h"
#include "cleanup.h"
#include "dict.h"
#include "gate1.h"
#include "limits.h"

DEFINE_CLEANUP(DBusMessage *, message, dbus_message_unref);
#define CLEANUP_MESSAGE CLEANUP(cleanup_message)

static DBusMessage *new_message(void)
{
    DBusMessage *message =
        dbus_message_new_method_call(NULL, GATE1_PATH, GATE1_INTERFACE, GATE1_ASK);

    assert_non_null(message);
    return message;
}

static size_t count_fds(void)
{
    DIR *folder = opendir("/proc/self/fd");
    size_t count = 0;

    assert_non_null(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

/* ---- dictionaries by hand, as a hostile peer would make them ---- */

struct hand {
    DBusMessage *message;
    DBusMessageIter iter, array;
};

static struct hand hand_begin(void)
{
    struct hand hand = {.message = new_message()};

    dbus_message_iter_init_append(hand.message, &hand.iter);
    dbus_message_iter_open_container(&hand.iter, DBUS_TYPE_ARRAY, "{sv}", &hand.array);
    return hand;
}

/* `type` is a basic one. */
static void hand_add(struct hand *hand, const char *key, const char *type, const void *value)
{
    DBusMessageIter entry, variant;

    dbus_message_iter_open_container(&hand->array, DBUS_TYPE_DICT_ENTRY, NULL, &entry);
    dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &key);
    dbus_message_iter_open_container(&entry, DBUS_TYPE_VARIANT, type, &variant);
    assert_true(dbus_message_iter_append_basic(&variant, type[0], value));
    dbus_message_iter_close_container(&entry, &variant);
    dbus_message_iter_close_container(&hand->array, &entry);
}

static void hand_add_string(struct hand *hand, const char *key, const char *value)
{
    hand_add(hand, key, "s", &value);
}

static void hand_add_strings(struct hand *hand, const char *key, const char *element,
                             const char *const *values, size_t count)
{
    char type[] = {'a', element[0], '\0'};
    DBusMessageIter entry, variant, strings;

    dbus_message_iter_open_container(&hand->array, DBUS_TYPE_DICT_ENTRY, NULL, &entry);
    dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &key);
    dbus_message_iter_open_container(&entry, DBUS_TYPE_VARIANT, type, &variant);
    dbus_message_iter_open_container(&variant, DBUS_TYPE_ARRAY, element, &strings);
    for (size_t i = 0; i < count; i++)
        dbus_message_iter_append_basic(&strings, element[0], &values[i]);
    dbus_message_iter_close_container(&variant, &strings);
    dbus_message_iter_close_container(&entry, &variant);
    dbus_message_iter_close_container(&hand->array, &entry);
}

static void hand_end(struct hand *hand)
{
    dbus_message_iter_close_container(&hand->iter, &hand->array);
}

static int read_message(DBusMessage *message, const struct dict_schema *schema, void *target,
                        struct error *error)
{
    DBusMessageIter iter;

    assert_true(dbus_message_iter_init(message, &iter));
    return dict_read(&iter, schema, target, error);
}

static void assert_login_blank(const struct gate1_login *login)
{
    struct gate1_login expected;

    memset(&expected, 0, sizeof(expected));
    expected.cgroup_kill = -1;
    assert_memory_equal(login, &expected, sizeof(expected));
}

/* Reads as a login, expects a refusal with this sentence and nothing left behind; frees. */
static void assert_login_refused(struct hand *hand, const char *sentence)
{
    DBusMessage *message CLEANUP_MESSAGE = hand->message;
    struct error error = {0};
    struct gate1_login login;
    size_t fds = count_fds();

    hand_end(hand);
    memset(&login, 0x55, sizeof(login));
    assert_int_equal(read_message(message, &gate1_login_schema, &login, &error),
                     ERROR_INVALID_ARGUMENT);
    assert_int_equal(error.code, ERROR_INVALID_ARGUMENT);
    assert_string_equal(error.text, sentence);
    assert_login_blank(&login);
    assert_int_equal(count_fds(), fds);
    assert_int_equal(read_message(message, &gate1_login_schema, &login, NULL),
                     ERROR_INVALID_ARGUMENT);
}

/* ---- there and back ---- */

static void write_new(DBusMessage *message, const struct dict_schema *schema, const void *source)
{
    DBusMessageIter iter;

    dbus_message_iter_init_append(message, &iter);
    assert_int_equal(dict_write(&iter, schema, source), 0);
    assert_string_equal(dbus_message_get_signature(message), "a{sv}");
}

static void test_login_there_and_back(void **state)
{
    DBusMessage *message CLEANUP_MESSAGE = new_message();
    int fd CLEANUP_CLOSE = open("/dev/null", O_RDWR | O_CLOEXEC);
    struct gate1_login out = GATE1_LOGIN_INIT, in;
    struct stat expected, got;

    out.door = "ssh";
    out.person = "alice";
    out.account = "root";
    out.reason = "";
    out.authinfo = "publickey ssh-ed25519 AAAA\nkeyboard-interactive\n";
    out.pid = UINT32_MAX;
    out.loginuid = 0; /* zero is a value, not an absence */
    out.wait_seconds = 7;
    out.has = GATE1_LOGIN_HAS_PID | GATE1_LOGIN_HAS_LOGINUID;
    out.cgroup_kill = fd;
    write_new(message, &gate1_login_schema, &out);

    memset(&in, 0x55, sizeof(in));
    assert_int_equal(read_message(message, &gate1_login_schema, &in, NULL), 0);
    assert_string_equal(in.door, "ssh");
    assert_string_equal(in.person, "alice");
    assert_string_equal(in.account, "root");
    assert_string_equal(in.reason, "");
    assert_string_equal(in.authinfo, out.authinfo);
    assert_null(in.service);
    assert_null(in.ticket);
    assert_int_equal(in.pid, UINT32_MAX);
    assert_int_equal(in.loginuid, 0);
    assert_int_equal(in.wait_seconds, 0);
    assert_int_equal(in.has, GATE1_LOGIN_HAS_PID | GATE1_LOGIN_HAS_LOGINUID);

    /* a duplicate of its own, which no child inherits */
    assert_true(in.cgroup_kill >= 0 && in.cgroup_kill != fd);
    assert_true(fcntl(in.cgroup_kill, F_GETFD) & FD_CLOEXEC);
    fstat(fd, &expected);
    fstat(in.cgroup_kill, &got);
    assert_int_equal(got.st_rdev, expected.st_rdev);
    dict_release(&gate1_login_schema, &in);
    assert_int_equal(in.cgroup_kill, -1);
    dict_release(&gate1_login_schema, &in);
}

static void test_nothing_there_and_back(void **state)
{
    DBusMessage *message CLEANUP_MESSAGE = new_message();
    struct gate1_login out = GATE1_LOGIN_INIT, in;

    write_new(message, &gate1_login_schema, &out);
    memset(&in, 0x55, sizeof(in));
    assert_int_equal(read_message(message, &gate1_login_schema, &in, NULL), 0);
    assert_login_blank(&in);
}

static void test_filter_there_and_back(void **state)
{
    DBusMessage *message CLEANUP_MESSAGE = new_message();
    struct broker1_filter out = BROKER1_FILTER_INIT, in;

    for (size_t i = 0; i < DICT_STRINGS_MAX; i++)
        out.state.items[i] = i % 2 ? "pending" : "";
    out.state.count = DICT_STRINGS_MAX;
    out.since = UINT64_MAX;
    out.mine = true;
    out.decidable = false;
    out.limit = LIMIT_LIST_ROWS;
    out.has = BROKER1_FILTER_HAS_SINCE | BROKER1_FILTER_HAS_MINE | BROKER1_FILTER_HAS_DECIDABLE |
              BROKER1_FILTER_HAS_LIMIT;
    write_new(message, &broker1_filter_schema, &out);

    memset(&in, 0x55, sizeof(in));
    assert_int_equal(read_message(message, &broker1_filter_schema, &in, NULL), 0);
    assert_int_equal(in.state.count, DICT_STRINGS_MAX);
    for (size_t i = 0; i < DICT_STRINGS_MAX; i++)
        assert_string_equal(in.state.items[i], out.state.items[i]);
    assert_true(in.since == UINT64_MAX);
    assert_true(in.mine);
    assert_false(in.decidable);
    assert_int_equal(in.limit, LIMIT_LIST_ROWS);
    assert_int_equal(in.has, out.has);
    assert_null(in.person);
}

static void test_items_are_written(void **state)
{
    DBusMessage *message CLEANUP_MESSAGE = new_message();
    const struct broker1_decision decisions[] = {
        {.actor = "bob", .verdict = "approve", .time = 5, .has = BROKER1_DECISION_HAS_TIME},
        {.actor = "carol", .verdict = "deny"},
    };
    struct broker1_checkout checkout = BROKER1_CHECKOUT_INIT;
    DBusMessageIter iter, entries, entry, variant, items;
    struct broker1_decision back;
    const char *key = NULL;

    checkout.decisions =
        (struct dict_items){decisions, 2, sizeof(decisions[0]), &broker1_decision_schema};
    write_new(message, &broker1_checkout_schema, &checkout);

    dbus_message_iter_init(message, &iter);
    dbus_message_iter_recurse(&iter, &entries);
    dbus_message_iter_recurse(&entries, &entry);
    dbus_message_iter_get_basic(&entry, &key);
    assert_string_equal(key, "decisions");
    assert_false(dbus_message_iter_has_next(&entries));
    dbus_message_iter_next(&entry);
    dbus_message_iter_recurse(&entry, &variant);
    dbus_message_iter_recurse(&variant, &items);
    assert_int_equal(dict_read(&items, &broker1_decision_schema, &back, NULL), 0);
    assert_string_equal(back.actor, "bob");
    assert_int_equal(back.time, 5);
    assert_true(dbus_message_iter_next(&items));
    assert_int_equal(dict_read(&items, &broker1_decision_schema, &back, NULL), 0);
    assert_string_equal(back.actor, "carol");
    assert_int_equal(back.has, 0);
    assert_false(dbus_message_iter_next(&items));
}

/* ---- every key of every schema ---- */

static const struct dict_schema *const schemas[] = {
    &gate1_login_schema,     &broker1_options_schema,  &broker1_approval_schema,
    &broker1_filter_schema,  &broker1_checkout_schema, &broker1_decision_schema,
    &broker1_session_schema,
};

/* One value of every basic type, each valid as itself. */
static const struct {
    const char *type;
    union {
        const char *string;
        dbus_uint64_t number;
        double real;
        int fd;
    } value;
} basics[] = {
    {"s", {.string = "text"}}, {"o", {.string = "/path"}}, {"g", {.string = "a{sv}"}},
    {"y", {.number = 0}},      {"b", {.number = 0}},       {"n", {.number = 0}},
    {"q", {.number = 0}},      {"i", {.number = 0}},       {"u", {.number = 0}},
    {"x", {.number = 0}},      {"t", {.number = 0}},       {"d", {.real = 0}},
    {"h", {.fd = 1}},
};

static void test_each_key_takes_its_own_type_only(void **state)
{
    struct gate1_login large[4]; /* room for each of the structs, aligned for them */

    for (size_t s = 0; s < sizeof(schemas) / sizeof(schemas[0]); s++) {
        const struct dict_schema *schema = schemas[s];

        assert_true(schema->size <= sizeof(large));
        for (size_t f = 0; f < schema->n_fields; f++)
            for (size_t b = 0; b < sizeof(basics) / sizeof(basics[0]); b++) {
                struct hand hand = hand_begin();
                DBusMessage *message CLEANUP_MESSAGE = hand.message;
                bool fits = strcmp(schema->fields[f].type, basics[b].type) == 0;
                size_t fds = count_fds();
                int r;

                hand_add(&hand, schema->fields[f].key, basics[b].type, &basics[b].value);
                hand_end(&hand);
                r = read_message(message, schema, large, NULL);
                if (r != (fits ? 0 : ERROR_INVALID_ARGUMENT))
                    fail_msg("%s: %s as %s gives %d", schema->name, schema->fields[f].key,
                             basics[b].type, r);
                dict_release(schema, large);
                /* an fd in the message is the message's own */
                assert_int_equal(count_fds(), fds + (basics[b].type[0] == 'h'));
            }
    }
}

static void test_each_string_has_its_cap(void **state)
{
    static char text[65536];
    struct gate1_login large[4];

    for (size_t s = 0; s < sizeof(schemas) / sizeof(schemas[0]); s++)
        for (size_t f = 0; f < schemas[s]->n_fields; f++) {
            const struct dict_field *field = &schemas[s]->fields[f];

            if (strcmp(field->type, "s") != 0) {
                assert_true((field->max > 0) == (strcmp(field->type, "as") == 0));
                continue;
            }
            assert_true(field->max > 0 && field->max < sizeof(text) - 1);
            for (size_t over = 0; over < 2; over++) {
                struct hand hand = hand_begin();
                DBusMessage *message CLEANUP_MESSAGE = hand.message;

                memset(text, 'x', field->max + over);
                text[field->max + over] = '\0';
                hand_add_string(&hand, field->key, text);
                hand_end(&hand);
                assert_int_equal(read_message(message, schemas[s], large, NULL),
                                 over ? ERROR_INVALID_ARGUMENT : 0);
            }
        }
}

static void test_the_values_of_the_contract(void **state)
{
    static const struct {
        const char *key;
        size_t max;
    } caps[] = {
        {"reason", 1000}, {"ticket", 64},    {"person", 256},
        {"account", 256}, {"command", 4096}, {"rhost", 255},
    };

    for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++) {
        size_t found = 0;

        for (size_t f = 0; f < gate1_login_schema.n_fields; f++)
            if (strcmp(gate1_login_schema.fields[f].key, caps[i].key) == 0) {
                assert_int_equal(gate1_login_schema.fields[f].max, caps[i].max);
                found++;
            }
        assert_int_equal(found, 1);
    }
}

/* ---- refusals ---- */

static void test_unknown_key(void **state)
{
    struct hand hand = hand_begin();
    int fd = 1;

    hand_add_string(&hand, "person", "alice");
    hand_add_string(&hand, "persons", "bob");
    assert_login_refused(&hand, "The key \"persons\" of \"login\" is not known.");

    hand = hand_begin();
    hand_add_string(&hand, "", "");
    assert_login_refused(&hand, "The key \"\" of \"login\" is not known.");

    hand = hand_begin();
    hand_add_string(&hand, "\x1b[2J\xe2\x80\xae", "");
    assert_login_refused(&hand, "The key \"\\x1b[2J\\u{202E}\" of \"login\" is not known.");

    hand = hand_begin();
    hand_add(&hand, "cgroup_kill", "h", &fd);
    hand_add(&hand, "other_fd", "h", &fd);
    assert_login_refused(&hand, "The key \"other_fd\" of \"login\" is not known.");
}

static void test_long_unknown_key_is_cut(void **state)
{
    char key[100000], sentence[256];
    struct hand hand = hand_begin();

    memset(key, 'k', sizeof(key) - 1);
    key[sizeof(key) - 1] = '\0';
    hand_add_string(&hand, key, "");
    snprintf(sentence, sizeof(sentence), "The key \"%.79s\" of \"login\" is not known.", key);
    assert_login_refused(&hand, sentence);
}

static void test_doubled_keys(void **state)
{
    struct hand hand = hand_begin();
    dbus_uint32_t number = 1;
    int fd = 1;

    hand_add_string(&hand, "person", "alice");
    hand_add_string(&hand, "person", "alice");
    assert_login_refused(&hand, "The key \"person\" of \"login\" is there twice.");

    hand = hand_begin();
    hand_add(&hand, "pid", "u", &number);
    hand_add_string(&hand, "person", "alice");
    hand_add(&hand, "pid", "u", &number);
    assert_login_refused(&hand, "The key \"pid\" of \"login\" is there twice.");

    hand = hand_begin();
    hand_add(&hand, "cgroup_kill", "h", &fd);
    hand_add(&hand, "cgroup_kill", "h", &fd);
    assert_login_refused(&hand, "The key \"cgroup_kill\" of \"login\" is there twice.");
}

static void test_wrong_type_after_an_fd_leaves_nothing_open(void **state)
{
    struct hand hand = hand_begin();
    int fd = 1;

    hand_add(&hand, "cgroup_kill", "h", &fd);
    hand_add(&hand, "person", "u", &(dbus_uint32_t){0});
    assert_login_refused(&hand, "The key \"person\" of \"login\" has the wrong type.");
}

static void test_bad_texts(void **state)
{
    static const char *const bad[] = {"a\nb", "\x1b[31m", "\x7f", "\xc2\x85", "\t"};
    static const char sentence[] =
        "The key \"reason\" of \"login\" has a control character or is not UTF-8.";

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct hand hand = hand_begin();

        hand_add_string(&hand, "reason", bad[i]);
        assert_login_refused(&hand, sentence);
    }
    for (size_t i = 1; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct hand hand = hand_begin();

        hand_add_string(&hand, "authinfo", bad[i]);
        assert_login_refused(
            &hand, "The key \"authinfo\" of \"login\" has a control character or is not UTF-8.");
    }
}

static void assert_states_refused(const char *element, const char *const *values, size_t count)
{
    struct hand hand = hand_begin();
    DBusMessage *message CLEANUP_MESSAGE = hand.message;
    struct broker1_filter filter;

    hand_add_strings(&hand, "state", element, values, count);
    hand_end(&hand);
    assert_int_equal(read_message(message, &broker1_filter_schema, &filter, NULL),
                     ERROR_INVALID_ARGUMENT);
    assert_int_equal(filter.state.count, 0);
    assert_null(filter.state.items[0]);
}

static void test_arrays_of_strings(void **state)
{
    const char *values[DICT_STRINGS_MAX + 1];
    char too_long[LIMIT_WORD + 2];
    struct hand hand = hand_begin();
    DBusMessage *message CLEANUP_MESSAGE = hand.message;
    struct broker1_filter filter;

    for (size_t i = 0; i < DICT_STRINGS_MAX + 1; i++)
        values[i] = "/pending";
    memset(too_long, 'x', sizeof(too_long) - 1);
    too_long[sizeof(too_long) - 1] = '\0';

    assert_states_refused("s", values, DICT_STRINGS_MAX + 1);
    assert_states_refused("o", values, 1);
    assert_states_refused("o", values, 0);
    values[1] = "a\nb";
    assert_states_refused("s", values, 2);
    values[1] = too_long;
    assert_states_refused("s", values, 2);
    too_long[LIMIT_WORD] = '\0';
    hand_add_strings(&hand, "state", "s", values, 2);
    hand_end(&hand);
    assert_int_equal(read_message(message, &broker1_filter_schema, &filter, NULL), 0);
    assert_int_equal(filter.state.count, 2);
}

/* A variant whose content is not basic. */
static DBusMessage *nested_message(const char *key, const char *content, const char *element)
{
    struct hand hand = hand_begin();
    DBusMessageIter entry, variant, inner;

    dbus_message_iter_open_container(&hand.array, DBUS_TYPE_DICT_ENTRY, NULL, &entry);
    dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &key);
    dbus_message_iter_open_container(&entry, DBUS_TYPE_VARIANT, content, &variant);
    dbus_message_iter_open_container(&variant, content[0], element, &inner);
    if (content[0] == DBUS_TYPE_VARIANT)
        dbus_message_iter_append_basic(&inner, DBUS_TYPE_STRING, &key);
    dbus_message_iter_close_container(&variant, &inner);
    dbus_message_iter_close_container(&entry, &variant);
    dbus_message_iter_close_container(&hand.array, &entry);
    hand_end(&hand);
    return hand.message;
}

static void test_containers_where_none_belong(void **state)
{
    static const struct {
        const char *content, *element;
    } cases[] = {{"v", "s"},    {"as", "s"},       {"au", "u"},
                 {"aas", "as"}, {"a{sv}", "{sv}"}, {"aa{sv}", "a{sv}"}};
    static const char *const keys[] = {"person", "id", "decisions", "sessions"};

    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++)
        for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
            DBusMessage *message CLEANUP_MESSAGE =
                nested_message(keys[k], cases[c].content, cases[c].element);
            struct broker1_checkout checkout;

            /* aa{sv} included: it is only written */
            assert_int_equal(read_message(message, &broker1_checkout_schema, &checkout, NULL),
                             ERROR_INVALID_ARGUMENT);
        }
}

static void test_what_is_no_dictionary(void **state)
{
    static const struct {
        const char *element;
    } arrays[] = {{"s"}, {"v"}, {"a{sv}"}, {"(sv)"}};
    struct gate1_login login;
    struct error error;

    for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++) {
        DBusMessage *message CLEANUP_MESSAGE = new_message();
        DBusMessageIter iter, array;

        dbus_message_iter_init_append(message, &iter);
        dbus_message_iter_open_container(&iter, DBUS_TYPE_ARRAY, arrays[i].element, &array);
        dbus_message_iter_close_container(&iter, &array);
        assert_int_equal(read_message(message, &gate1_login_schema, &login, &error),
                         ERROR_INVALID_ARGUMENT);
        assert_string_equal(error.text, "\"login\" is not a dictionary.");
        assert_login_blank(&login);
    }
    for (size_t i = 0; i < sizeof(basics) / sizeof(basics[0]); i++) {
        DBusMessage *message CLEANUP_MESSAGE = new_message();
        DBusMessageIter iter;

        dbus_message_iter_init_append(message, &iter);
        dbus_message_iter_append_basic(&iter, basics[i].type[0], &basics[i].value);
        assert_int_equal(read_message(message, &gate1_login_schema, &login, &error),
                         ERROR_INVALID_ARGUMENT);
        assert_string_equal(error.text, "\"login\" is not a dictionary.");
    }
}

static void test_an_empty_message_is_no_dictionary(void **state)
{
    DBusMessage *message CLEANUP_MESSAGE = new_message();
    struct gate1_login login;
    DBusMessageIter iter;

    assert_false(dbus_message_iter_init(message, &iter));
    assert_int_equal(dict_read(&iter, &gate1_login_schema, &login, NULL), ERROR_INVALID_ARGUMENT);
    assert_login_blank(&login);
}

static void test_dictionaries_with_other_keys_or_values(void **state)
{
    static const char *const shapes[] = {"{us}", "{ss}", "{uv}", "{hv}", "{sh}", "{sa{sv}}"};

    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        DBusMessage *message CLEANUP_MESSAGE = new_message();
        DBusMessageIter iter, array, entry, inner;
        struct gate1_login login;
        const char *text = "person";
        dbus_uint32_t number = 1;
        int fd = 1;

        dbus_message_iter_init_append(message, &iter);
        dbus_message_iter_open_container(&iter, DBUS_TYPE_ARRAY, shapes[i], &array);
        dbus_message_iter_open_container(&array, DBUS_TYPE_DICT_ENTRY, NULL, &entry);
        for (const char *type = shapes[i] + 1; *type != '}'; type++)
            if (*type == 's')
                dbus_message_iter_append_basic(&entry, *type, &text);
            else if (*type == 'u')
                dbus_message_iter_append_basic(&entry, *type, &number);
            else if (*type == 'h')
                dbus_message_iter_append_basic(&entry, *type, &fd);
            else {
                dbus_message_iter_open_container(&entry, *type, *type == 'v' ? "s" : "{sv}",
                                                 &inner);
                if (*type == 'v')
                    dbus_message_iter_append_basic(&inner, DBUS_TYPE_STRING, &text);
                dbus_message_iter_close_container(&entry, &inner);
                break;
            }
        dbus_message_iter_close_container(&array, &entry);
        dbus_message_iter_close_container(&iter, &array);

        assert_int_equal(read_message(message, &gate1_login_schema, &login, NULL),
                         ERROR_INVALID_ARGUMENT);
        assert_login_blank(&login);
    }
}

static void test_an_fd_that_did_not_come_along(void **state)
{
    /* the header's field UNIX_FDS (9) of type u */
    static const char field[] = {9, 1, 'u', 0, 1, 0, 0, 0};
    struct hand hand = hand_begin();
    DBusMessage *message CLEANUP_MESSAGE = hand.message;
    DBusMessage *forged CLEANUP_MESSAGE = NULL;
    char *bytes = NULL, *at;
    struct gate1_login login;
    struct error error;
    int length = 0, fd = 1;

    hand_add(&hand, "cgroup_kill", "h", &fd);
    hand_end(&hand);
    dbus_message_set_serial(message, 1);
    assert_true(dbus_message_marshal(message, &bytes, &length));
    at = memmem(bytes, (size_t)length, field, sizeof(field));
    assert_non_null(at);
    at[4] = 0;
    forged = dbus_message_demarshal(bytes, length, NULL);
    dbus_free(bytes);
    assert_non_null(forged);

    assert_int_equal(read_message(forged, &gate1_login_schema, &login, &error),
                     ERROR_INVALID_ARGUMENT);
    assert_string_equal(
        error.text,
        "The key \"cgroup_kill\" of \"login\" has no file descriptor that could be taken.");
    assert_login_blank(&login);
}

/* ---- writing what cannot be written ---- */

static void assert_unwritable(const struct dict_schema *schema, const void *source)
{
    DBusMessage *message CLEANUP_MESSAGE = new_message();
    DBusMessageIter iter;
    dbus_uint32_t number = 1;

    dbus_message_iter_init_append(message, &iter);
    assert_int_equal(dict_write(&iter, schema, source), -EINVAL);
    /* the message is as it was */
    assert_string_equal(dbus_message_get_signature(message), "");
    assert_true(dbus_message_iter_append_basic(&iter, DBUS_TYPE_UINT32, &number));
    assert_string_equal(dbus_message_get_signature(message), "u");
}

static void test_write_refuses_what_libdbus_would_abort_on(void **state)
{
    static const char *const bad[] = {"\xff", "a\x80", "\xc3", "\xed\xa0\x80", "\xf4\x90\x80\x80"};
    struct broker1_decision decisions[2] = {{.actor = "bob"}, {.actor = "carol"}};
    struct broker1_checkout checkout = BROKER1_CHECKOUT_INIT;
    struct broker1_filter filter = BROKER1_FILTER_INIT;
    struct gate1_login login = GATE1_LOGIN_INIT;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        login = (struct gate1_login)GATE1_LOGIN_INIT;
        login.door = "sudo";
        login.cgroup = bad[i];
        assert_unwritable(&gate1_login_schema, &login);
    }

    login = (struct gate1_login)GATE1_LOGIN_INIT;
    login.cgroup_kill = 1 << 20; /* not open */
    assert_unwritable(&gate1_login_schema, &login);

    filter.state = (struct dict_strings){.items = {"pending", "\xff"}, .count = 2};
    assert_unwritable(&broker1_filter_schema, &filter);
    filter.state = (struct dict_strings){.items = {"pending", NULL}, .count = 2};
    assert_unwritable(&broker1_filter_schema, &filter);
    filter.state.count = DICT_STRINGS_MAX + 1;
    assert_unwritable(&broker1_filter_schema, &filter);

    decisions[1].reason = "\xff";
    checkout.sessions =
        (struct dict_items){decisions, 2, sizeof(decisions[0]), &broker1_decision_schema};
    assert_unwritable(&broker1_checkout_schema, &checkout);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_login_there_and_back),
        cmocka_unit_test(test_nothing_there_and_back),
        cmocka_unit_test(test_filter_there_and_back),
        cmocka_unit_test(test_items_are_written),
        cmocka_unit_test(test_each_key_takes_its_own_type_only),
        cmocka_unit_test(test_each_string_has_its_cap),
        cmocka_unit_test(test_the_values_of_the_contract),
        cmocka_unit_test(test_unknown_key),
        cmocka_unit_test(test_long_unknown_key_is_cut),
        cmocka_unit_test(test_doubled_keys),
        cmocka_unit_test(test_wrong_type_after_an_fd_leaves_nothing_open),
        cmocka_unit_test(test_bad_texts),
        cmocka_unit_test(test_arrays_of_strings),
        cmocka_unit_test(test_containers_where_none_belong),
        cmocka_unit_test(test_what_is_no_dictionary),
        cmocka_unit_test(test_an_empty_message_is_no_dictionary),
        cmocka_unit_test(test_dictionaries_with_other_keys_or_values),
        cmocka_unit_test(test_an_fd_that_did_not_come_along),
        cmocka_unit_test(test_write_refuses_what_libdbus_would_abort_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
