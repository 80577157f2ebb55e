/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <dbus/dbus.h>
#include <expat.h>

#include "broker1.h"
#include "gate1.h"

/* What a call was handed to. */
struct call {
    const char *handled_by;
};

#define HANDLER(name)                                                                              \
    void name(struct call *call);                                                                  \
    void name(struct call *call)                                                                   \
    {                                                                                              \
        call->handled_by = #name;                                                                  \
    }

HANDLER(gate1_on_ask)
HANDLER(gate1_on_resume)
HANDLER(gate1_on_prepare)
HANDLER(gate1_on_open)
HANDLER(gate1_on_close)

HANDLER(broker1_on_request)
HANDLER(broker1_on_approve)
HANDLER(broker1_on_deny)
HANDLER(broker1_on_cancel)
HANDLER(broker1_on_check_in)
HANDLER(broker1_on_revoke)
HANDLER(broker1_on_get)
HANDLER(broker1_on_list)
HANDLER(broker1_on_sessions)
HANDLER(broker1_on_extend)
HANDLER(broker1_on_grant)
HANDLER(broker1_on_audit)
HANDLER(broker1_on_trail)
HANDLER(broker1_on_rows)
HANDLER(broker1_on_policy)
HANDLER(broker1_on_explain)
HANDLER(broker1_on_reload)

/* ---- the introspection text, as a client's parser sees it ---- */

struct seen_member {
    char name[64];
    char in[32], out[32];
    bool is_signal;
};

struct seen {
    char path[64];
    char interface[64]; /* the current one */
    struct seen_member members[64];
    size_t n_members; /* of the interface that was asked for */
    const char *wanted;
    size_t n_wanted, n_introspectable, n_peer, n_others, n_annotations, n_comments;
    XML_Parser parser;
};

static const char *attribute(const char **attributes, const char *name)
{
    for (size_t i = 0; attributes[i]; i += 2)
        if (strcmp(attributes[i], name) == 0)
            return attributes[i + 1];
    return "";
}

static void start_element(void *data, const char *element, const char **attributes)
{
    struct seen *seen = data;
    const char *name = attribute(attributes, "name");
    bool wanted = strcmp(seen->interface, seen->wanted) == 0;

    if (strcmp(element, "node") == 0) {
        snprintf(seen->path, sizeof(seen->path), "%s", name);
    } else if (strcmp(element, "interface") == 0) {
        snprintf(seen->interface, sizeof(seen->interface), "%s", name);
        if (strcmp(name, seen->wanted) == 0)
            seen->n_wanted++;
        else if (strcmp(name, DBUS_INTERFACE_INTROSPECTABLE) == 0)
            seen->n_introspectable++;
        else if (strcmp(name, DBUS_INTERFACE_PEER) == 0)
            seen->n_peer++;
        else
            seen->n_others++;
    } else if (strcmp(element, "annotation") == 0) {
        seen->n_annotations++;
    } else if (wanted && (strcmp(element, "method") == 0 || strcmp(element, "signal") == 0)) {
        struct seen_member *member = &seen->members[seen->n_members++];

        assert_true(seen->n_members <= sizeof(seen->members) / sizeof(seen->members[0]));
        snprintf(member->name, sizeof(member->name), "%s", name);
        member->is_signal = strcmp(element, "signal") == 0;
    } else if (wanted && strcmp(element, "arg") == 0) {
        struct seen_member *member = &seen->members[seen->n_members - 1];
        char *signature =
            strcmp(attribute(attributes, "direction"), "in") == 0 ? member->in : member->out;
        size_t length = strlen(signature);

        snprintf(signature + length, sizeof(member->in) - length, "%s",
                 attribute(attributes, "type"));
    }
}

static void comment(void *data, const char *text)
{
    ((struct seen *)data)->n_comments++;
}

static void introspect(const struct interface *interface, struct seen *ret_seen)
{
    *ret_seen = (struct seen){.wanted = interface->name, .parser = XML_ParserCreate(NULL)};
    assert_non_null(ret_seen->parser);
    XML_SetUserData(ret_seen->parser, ret_seen);
    XML_SetStartElementHandler(ret_seen->parser, start_element);
    XML_SetCommentHandler(ret_seen->parser, comment);
    if (XML_Parse(ret_seen->parser, interface->introspection, (int)strlen(interface->introspection),
                  true) != XML_STATUS_OK)
        fail_msg("%s: %s", interface->name, XML_ErrorString(XML_GetErrorCode(ret_seen->parser)));
    XML_ParserFree(ret_seen->parser);
}

static const struct interface *const interfaces[] = {&gate1_interface, &broker1_interface};

static void test_introspection_is_one_document(void **state)
{
    for (size_t i = 0; i < sizeof(interfaces) / sizeof(interfaces[0]); i++) {
        struct seen seen;

        introspect(interfaces[i], &seen);
        assert_string_equal(seen.path, interfaces[i]->path);
        assert_int_equal(seen.n_wanted, 1);
        assert_int_equal(seen.n_introspectable, 1);
        assert_int_equal(seen.n_peer, 1);
        assert_int_equal(seen.n_others, 0);
        assert_int_equal(seen.n_annotations, 0);
        assert_int_equal(seen.n_comments, 0);
        /* a client's parser finds the document type before the root */
        assert_int_equal(strncmp(interfaces[i]->introspection, "<!DOCTYPE node PUBLIC ", 22), 0);
        assert_true(dbus_validate_utf8(interfaces[i]->introspection, NULL));
    }
}

static void test_introspection_has_every_method_of_the_table(void **state)
{
    for (size_t i = 0; i < sizeof(interfaces) / sizeof(interfaces[0]); i++) {
        const struct interface *interface = interfaces[i];
        size_t n_signals = 0;
        struct seen seen;

        introspect(interface, &seen);
        for (size_t m = 0; m < seen.n_members; m++)
            n_signals += seen.members[m].is_signal;
        assert_int_equal(seen.n_members, interface->n_methods + n_signals);

        for (size_t m = 0; m < interface->n_methods; m++) {
            const struct interface_method *method = &interface->methods[m];
            size_t found = 0;

            for (size_t k = 0; k < seen.n_members; k++) {
                if (seen.members[k].is_signal || strcmp(seen.members[k].name, method->name) != 0)
                    continue;
                assert_string_equal(seen.members[k].in, method->in);
                assert_string_equal(seen.members[k].out, method->out);
                found++;
            }
            assert_int_equal(found, 1);
        }
    }
}

static void test_introspection_has_the_signal(void **state)
{
    size_t found = 0;
    struct seen seen;

    introspect(&broker1_interface, &seen);
    for (size_t m = 0; m < seen.n_members; m++)
        if (seen.members[m].is_signal) {
            assert_string_equal(seen.members[m].name, BROKER1_SIGNAL_CHANGED);
            assert_string_equal(seen.members[m].out, BROKER1_SIGNAL_CHANGED_SIGNATURE);
            found++;
        }
    assert_int_equal(found, 1);
}

/* ---- the tables ---- */

static void test_names_and_signatures_are_valid(void **state)
{
    for (size_t i = 0; i < sizeof(interfaces) / sizeof(interfaces[0]); i++) {
        assert_true(dbus_validate_interface(interfaces[i]->name, NULL));
        assert_true(dbus_validate_path(interfaces[i]->path, NULL));
        for (size_t m = 0; m < interfaces[i]->n_methods; m++) {
            assert_true(dbus_validate_member(interfaces[i]->methods[m].name, NULL));
            assert_true(dbus_signature_validate(interfaces[i]->methods[m].in, NULL));
            assert_true(dbus_signature_validate(interfaces[i]->methods[m].out, NULL));
        }
    }
}

static void test_each_method_has_its_own_handler(void **state)
{
    for (size_t i = 0; i < sizeof(interfaces) / sizeof(interfaces[0]); i++)
        for (size_t m = 0; m < interfaces[i]->n_methods; m++) {
            const char *last = strrchr(interfaces[i]->name, '.') + 1;
            const char *method = interfaces[i]->methods[m].name;
            char expected[64] = "";
            size_t length = 0;
            struct call call = {0};

            /* gate1_on_check_in */
            for (const char *c = last; *c; c++)
                expected[length++] = (char)(*c | 0x20);
            length += (size_t)snprintf(expected + length, sizeof(expected) - length, "_on");
            for (const char *c = method; *c; c++) {
                if (*c >= 'A' && *c <= 'Z')
                    expected[length++] = '_';
                expected[length++] = (char)(*c | 0x20);
            }
            expected[length] = '\0';

            interfaces[i]->methods[m].handle(&call);
            assert_string_equal(call.handled_by, expected);
        }
}

static void test_the_agreed_signatures(void **state)
{
    assert_string_equal(GATE1_INTERFACE, "org.pamcheckout.Gate1");
    assert_string_equal(GATE1_PATH, "/org/pamcheckout/Gate1");
    assert_string_equal(GATE1_ASK_IN, "a{sv}");
    assert_string_equal(GATE1_ASK_OUT, "stts");
    assert_string_equal(GATE1_RESUME_IN, "ta{sv}");
    assert_string_equal(GATE1_RESUME_OUT, "stts");
    assert_string_equal(GATE1_OPEN_OUT, "stts");
    assert_string_equal(GATE1_CLOSE_OUT, "");
    assert_string_equal(BROKER1_INTERFACE, "org.pamcheckout.Broker1");
    assert_string_equal(BROKER1_PATH, "/org/pamcheckout/Broker1");
    assert_string_equal(BROKER1_CHECK_IN, "CheckIn");
    assert_string_equal(BROKER1_REQUEST_IN, "sa{sv}");
    assert_string_equal(BROKER1_REQUEST_OUT, "t");
    assert_string_equal(BROKER1_APPROVE_IN, "ta{sv}");
    assert_string_equal(BROKER1_LIST_OUT, "aa{sv}");
    assert_string_equal(BROKER1_SIGNAL_CHANGED_SIGNATURE, "ts");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_introspection_is_one_document),
        cmocka_unit_test(test_introspection_has_every_method_of_the_table),
        cmocka_unit_test(test_introspection_has_the_signal),
        cmocka_unit_test(test_names_and_signatures_are_valid),
        cmocka_unit_test(test_each_method_has_its_own_handler),
        cmocka_unit_test(test_the_agreed_signatures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
