/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Check-outs as dictionaries, read back with libdbus alone. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bus/call.h"
#include "bus/encode.h"
#include "broker1.h"
#include "dict.h"
#include "text.h"

static char *writable(const char *text)
{
    return (char *)text;
}

static struct checkout full_checkout(struct decision *decisions)
{
    return (struct checkout){
        .id = 17,
        .uuid = "0b1e7e4c-6d0c-4a53-9f0b-2f5a4f2f7d10",
        .state = STATE_ACTIVE,
        .person = writable("alice"),
        .person_uid = 4001,
        .account = writable("root"),
        .account_uid = 0,
        .host = writable("db1.example.org"),
        .machine_id = writable("5ad8f4d2f0c54c5e8a0d7c6b1e3f2a19"),
        .door = writable("sudo"),
        .service = writable("sudo-root"),
        .tty = writable("/dev/pts/3"),
        .rhost = writable("10.1.2.3"),
        .command = writable("/usr/bin/systemctl restart db"),
        .reason = writable("wiederhochfahren, für Übung"),
        .reason_source = writable("environment"),
        .ticket = writable("CHG-1"),
        .policy = writable("root-on-prod"),
        .policy_digest = "aa",
        .digest = "bb",
        .requested = 1000,
        .lapses = 2000,
        .duration = 3600,
        .start_at = 1100,
        .extends = 16,
        .start = 1200,
        .end = 4800,
        .boot_id = "c0ffee",
        .uses = 2,
        .decisions = decisions,
        .n_decisions = 2,
    };
}

static struct decision decisions[] = {
    {.actor = (char *)"bob",
     .actor_uid = 4002,
     .actor_loginuid = 4002,
     .verdict = DECISION_APPROVE,
     .reason = (char *)"go",
     .time = 1150,
     .seconds = 1800,
     .term = (char *)"security:1"},
    {.actor = (char *)"carol",
     .actor_uid = 4003,
     .actor_loginuid = LOGINUID_UNSET,
     .verdict = DECISION_DENY,
     .time = 1160},
};

static struct session open_session = {.session = (char *)"s1",
                                      .checkout_id = 17,
                                      .person = (char *)"alice",
                                      .account = (char *)"root",
                                      .door = (char *)"sudo",
                                      .service = (char *)"sudo-root",
                                      .tty = (char *)"/dev/pts/3",
                                      .pid = 4711,
                                      .opened = 1300};
static struct session closed_session = {.session = (char *)"s2",
                                        .checkout_id = 17,
                                        .person = (char *)"alice",
                                        .account = (char *)"root",
                                        .rhost = (char *)"10.1.2.3",
                                        .pid = 4712,
                                        .opened = 1301,
                                        .closed = 1302};

/* Writes a dictionary as "key=value;…" in order; lists as [{…}{…}]. */
static void describe(DBusMessageIter *iter, FILE *out)
{
    DBusMessageIter inner;
    DBusBasicValue value;

    switch (dbus_message_iter_get_arg_type(iter)) {
    case DBUS_TYPE_ARRAY:
        fputs(dbus_message_iter_get_element_type(iter) == DBUS_TYPE_DICT_ENTRY ? "{" : "[", out);
        for (dbus_message_iter_recurse(iter, &inner);
             dbus_message_iter_get_arg_type(&inner) != DBUS_TYPE_INVALID;
             dbus_message_iter_next(&inner))
            describe(&inner, out);
        fputs(dbus_message_iter_get_element_type(iter) == DBUS_TYPE_DICT_ENTRY ? "}" : "]", out);
        break;
    case DBUS_TYPE_DICT_ENTRY:
        dbus_message_iter_recurse(iter, &inner);
        dbus_message_iter_get_basic(&inner, &value);
        fprintf(out, "%s=", value.str);
        dbus_message_iter_next(&inner);
        describe(&inner, out);
        fputc(';', out);
        break;
    case DBUS_TYPE_VARIANT:
        dbus_message_iter_recurse(iter, &inner);
        describe(&inner, out);
        break;
    case DBUS_TYPE_STRING:
        dbus_message_iter_get_basic(iter, &value);
        fprintf(out, "'%s'", value.str);
        break;
    case DBUS_TYPE_UINT32:
        dbus_message_iter_get_basic(iter, &value);
        fprintf(out, "u%u", value.u32);
        break;
    case DBUS_TYPE_UINT64:
        dbus_message_iter_get_basic(iter, &value);
        fprintf(out, "t%llu", (unsigned long long)value.u64);
        break;
    default:
        fputs("?", out);
    }
}

/* The check-out as it arrives on the other side; the caller frees. */
static char *arrive(const struct checkout *checkout, struct session *const *sessions,
                    size_t n_sessions)
{
    CLEANUP_MESSAGE DBusMessage *sent = dbus_message_new_method_call(NULL, "/a", "a.b", "C");
    CLEANUP_MESSAGE DBusMessage *arrived = NULL;
    DBusError problem = DBUS_ERROR_INIT;
    DBusMessageIter iter;
    char *bytes = NULL, *text = NULL;
    size_t size = 0;
    int length = 0;
    FILE *out = open_memstream(&text, &size);

    dbus_message_iter_init_append(sent, &iter);
    assert_int_equal(encode_checkout(&iter, checkout, sessions, n_sessions), 0);
    dbus_message_set_serial(sent, 1);
    assert_true(dbus_message_marshal(sent, &bytes, &length));
    arrived = dbus_message_demarshal(bytes, length, &problem);
    assert_non_null(arrived);
    dbus_free(bytes);
    assert_true(dbus_message_has_signature(arrived, "a{sv}"));
    dbus_message_iter_init(arrived, &iter);
    describe(&iter, out);
    fclose(out);
    return text;
}

static void assert_says(const char *text, const char *what)
{
    assert_non_null(text);
    if (!strstr(text, what)) {
        print_error("%s does not have %s\n", text, what);
        fail();
    }
}

static void test_everything(void **state)
{
    static const char *const entries[] = {
        "{id=t17;",
        ";start=t1200;",
        ";end=t4800;",
        ";requested=t1000;",
        ";lapses=t2000;",
        ";duration=t3600;",
        ";extends=t16;",
        ";uuid='0b1e7e4c-6d0c-4a53-9f0b-2f5a4f2f7d10';",
        ";state='active';",
        ";person='alice';",
        ";account='root';",
        ";host='db1.example.org';",
        ";machine_id='5ad8f4d2f0c54c5e8a0d7c6b1e3f2a19';",
        ";door='sudo';",
        ";service='sudo-root';",
        ";tty='/dev/pts/3';",
        ";rhost='10.1.2.3';",
        ";command='/usr/bin/systemctl restart db';",
        ";reason='wiederhochfahren, für Übung';",
        ";reason_source='environment';",
        ";ticket='CHG-1';",
        ";policy='root-on-prod';",
        ";policy_digest='aa';",
        ";digest='bb';",
        ";boot_id='c0ffee';",
        ";person_uid=u4001;",
        ";account_uid=u0;",
        ";uses=u2;",
        ";decisions=[{actor='bob';actor_uid=u4002;actor_loginuid=u4002;verdict='approve';"
        "reason='go';time=t1150;seconds=t1800;term='security:1';}"
        "{actor='carol';actor_uid=u4003;verdict='deny';time=t1160;}];",
        ";sessions=[{session='s1';id=t17;person='alice';account='root';door='sudo';"
        "service='sudo-root';tty='/dev/pts/3';pid=u4711;opened=t1300;}"
        "{session='s2';id=t17;person='alice';account='root';rhost='10.1.2.3';pid=u4712;"
        "opened=t1301;closed=t1302;}];",
    };
    struct checkout checkout = full_checkout(decisions);
    struct session *sessions[] = {&open_session, &closed_session};
    char *text = arrive(&checkout, sessions, 2);

    for (size_t i = 0; i < sizeof(entries) / sizeof(*entries); i++)
        assert_says(text, entries[i]);
    free(text);
}

/* Unknown is absent; a scheduled start is a start. */
static void test_little(void **state)
{
    struct checkout checkout = {.id = 1,
                                .state = STATE_PENDING,
                                .person = writable("alice"),
                                .account = writable("root"),
                                .start_at = 1100};
    static const char *const absent[] = {"end=",    "extends=", "door=",   "tty=",      "rhost=",
                                         "command", "reason",   "ticket=", "decisions", "sessions"};
    char *text = arrive(&checkout, NULL, 0);

    assert_says(text, ";start=t1100;");
    assert_says(text, ";person_uid=u0;");
    for (size_t i = 0; i < sizeof(absent) / sizeof(*absent); i++)
        assert_null(strstr(text, absent[i]));
    free(text);

    checkout.start_at = 0;
    text = arrive(&checkout, NULL, 0);
    assert_null(strstr(text, "start="));
    free(text);
}

/* Everything at its cap, every decision, as large as a ledger can make it. */
static void test_largest(void **state)
{
    enum { MANY = 40 };
    struct decision *many = test_calloc(MANY, sizeof(*many));
    struct checkout checkout = full_checkout(many);
    char command[LIMIT_COMMAND + 1], reason[LIMIT_REASON + 1], *text;
    size_t found = 0;

    memset(command, 'c', LIMIT_COMMAND);
    command[LIMIT_COMMAND] = '\0';
    memset(reason, 'r', LIMIT_REASON);
    reason[LIMIT_REASON] = '\0';
    checkout.command = command;
    checkout.reason = reason;
    checkout.n_decisions = MANY;
    for (size_t i = 0; i < MANY; i++) {
        many[i] = decisions[0];
        many[i].reason = reason;
    }
    text = arrive(&checkout, NULL, 0);
    assert_says(text, command);
    for (const char *at = text; (at = strstr(at, "actor='bob'")); at++)
        found++;
    assert_int_equal(found, MANY);
    free(text);
    test_free(many);
}

/* libdbus would abort the broker. */
static void test_not_utf8(void **state)
{
    CLEANUP_MESSAGE DBusMessage *message = dbus_message_new_method_call(NULL, "/a", "a.b", "C");
    struct decision bad = decisions[0];
    struct checkout checkout = full_checkout(&bad);
    struct session session = open_session, *sessions[] = {&session};
    DBusMessageIter iter;

    checkout.n_decisions = 1;
    dbus_message_iter_init_append(message, &iter);
    checkout.reason = writable("\xff");
    assert_int_equal(encode_checkout(&iter, &checkout, NULL, 0), -EINVAL);
    checkout.reason = NULL;
    bad.reason = writable("\xc3");
    assert_int_equal(encode_checkout(&iter, &checkout, NULL, 0), -EINVAL);
    bad.reason = NULL;
    session.tty = writable("\xed\xa0\x80");
    assert_int_equal(encode_checkout(&iter, &checkout, sessions, 1), -EINVAL);
    session.tty = NULL;
    assert_int_equal(encode_checkout(&iter, &checkout, sessions, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything),
        cmocka_unit_test(test_little),
        cmocka_unit_test(test_largest),
        cmocka_unit_test(test_not_utf8),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
