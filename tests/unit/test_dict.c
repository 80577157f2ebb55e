/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "broker1.h"
#include "dict_by_hand.h"
#include "caps.h"

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
    for (size_t i = 0; i < DICT_STRINGS_MAX; i++)
        filter.state.items[i] = "pending";
    filter.state.count = DICT_STRINGS_MAX + 1;
    filter.since = (uint64_t)(uintptr_t) "what lies behind";
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
        cmocka_unit_test(test_write_refuses_what_libdbus_would_abort_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
