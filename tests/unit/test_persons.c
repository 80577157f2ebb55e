/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "keygen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "persons_fixture.h"

static void assert_refused(const char *text, const char *sentence)
{
    struct persons *persons = NULL;
    struct error error = {0};

    assert_int_equal(persons_parse("persons", text, strlen(text), &persons, &error),
                     ERROR_INVALID_ARGUMENT);
    assert_null(persons);
    assert_string_equal(error.text, sentence);
}

static void test_lines(void **state)
{
    CLEANUP_PERSONS struct persons *persons =
        fixture_persons("# comment\n"
                        "\n"
                        "   \t\n"
                        "  # another\n"
                        "alice " KEY_ALICE "\n"
                        "\t\"bob\"  valid-before=\"20300101Z\" \t " KEY_BOB " bob's laptop \"x\"\n"
                        "\"*,!root\" cert-authority,namespaces=\"git\" " KEY_BOB "\n");

    assert_int_equal(persons->n_lines, 3);
    assert_string_equal(persons->file, "persons");
    assert_string_equal(persons->lines[0]->principals, "alice");
    assert_int_equal(persons->lines[0]->line, 5);
    assert_int_equal(persons->lines[0]->key_size, 51);
    assert_string_equal(persons->lines[1]->principals, "bob");
    assert_int_equal(persons->lines[1]->valid_before, 1893456000);
    assert_false(persons->lines[1]->is_authority);
    assert_string_equal(persons->lines[2]->principals, "*,!root");
    assert_int_equal(persons->lines[2]->line, 7);
    assert_true(persons->lines[2]->is_authority && persons->lines[2]->other_purpose);
    persons = persons_free(persons);
    persons = fixture_persons("");
    assert_int_equal(persons->n_lines, 0);
    assert_null(persons_free(NULL));
}

#define ONE_OWNER                                                                                  \
    "persons:1: a key has one owner: write one user's name before it, no list and no pattern; "    \
    "those are for cert-authority"

static void test_bad_lines(void **state)
{
    assert_refused("alice,bob " KEY_ALICE "\n", ONE_OWNER);
    assert_refused("ali* " KEY_ALICE "\n", ONE_OWNER);
    assert_refused("!alice " KEY_ALICE "\n", ONE_OWNER);
    assert_refused("al?ce " KEY_ALICE "\n", ONE_OWNER);
    assert_refused("\"\" " KEY_ALICE "\n", "persons:1: does not begin with the name of a user");
    assert_refused("1000 " KEY_ALICE "\n", "persons:1: does not begin with the name of a user");
    assert_refused("%ops " KEY_ALICE "\n", "persons:1: does not begin with the name of a user");
    assert_refused("alice\n", "persons:1: has no key");
    assert_refused("alice ssh-ed25519\n", "persons:1: has no key");
    assert_refused("alice cert-authority\n", "persons:1: has no key");
    assert_refused("\n\nalice " KEY_ALICE "x\n",
                   "persons:3: what is written as the key is not base64");
    assert_refused("alice ssh-rsa AAAAC3NzaC1lZDI1NTE5\n",
                   "persons:1: what is written as the key is a key of another type than is written "
                   "before it, or none");
    assert_refused("alice cert-authority ssh-dss AAAA\n",
                   "persons:1: has a key of a type that is not known");
    assert_refused(KEY_ALICE "\n",
                   "persons:1: has neither a key nor options behind the name; options are "
                   "cert-authority, namespaces, valid-after and valid-before");
    assert_refused("\"alice " KEY_ALICE "\n", "persons:1: a quote is not closed");
    assert_refused("\"alice\"x " KEY_ALICE "\n", "persons:1: a blank is missing behind a quote");
    assert_refused("alice namespaces=\"a " KEY_ALICE "\n", "persons:1: a quote is not closed");
    assert_refused("a,,b cert-authority " KEY_ALICE "\n", "persons:1: a pattern is empty");
    assert_refused("a,! cert-authority " KEY_ALICE "\n", "persons:1: a pattern is empty");
    assert_refused("\"a, b\" cert-authority " KEY_ALICE "\n",
                   "persons:1: a pattern has a blank or a quote in it");
    assert_refused("alice " KEY_ALICE,
                   "persons:1: ends without a newline, as a file does that was cut; end the last "
                   "line");
    assert_refused("alice " KEY_ALICE "\r\n",
                   "persons:1: holds a carriage return; lines end with a newline alone");
    assert_refused("# \xff\n", "persons:1: holds bytes that are not UTF-8 or a control character");
}

static void test_a_key_has_one_owner(void **state)
{
    CLEANUP_PERSONS struct persons *persons = NULL;

    assert_refused("alice " KEY_ALICE "\nbob " KEY_BOB "\nbob " KEY_ALICE "\n",
                   "persons:3: this key is the one of alice already, in line 1");
    /* not even one after the other */
    assert_refused("alice valid-before=\"20200101\" " KEY_ALICE
                   "\nbob valid-after=\"20210101\" " KEY_ALICE "\n",
                   "persons:2: this key is the one of alice already, in line 1");
    /* what counts is lines about this */
    persons = fixture_persons("alice " KEY_ALICE "\nbob namespaces=\"git\" " KEY_ALICE
                              "\n* cert-authority " KEY_ALICE "\nalice " KEY_ALICE " twice\n");
    assert_int_equal(persons->n_lines, 4);
}

static void test_certificates_are_not_written_down(void **state)
{
    struct keygen keygen;
    char *certificate, *text = NULL;

    keygen_start(&keygen);
    free(keygen_key(&keygen, "ca", "ed25519", NULL));
    free(keygen_key(&keygen, "key", "ed25519", NULL));
    certificate = keygen_certificate(&keygen, "ca", "key", "alice", "alice");
    assert_true(asprintf(&text, "alice %s\n", certificate) > 0);
    assert_refused(text,
                   "persons:1: has a certificate; write the key that signs certificates, with "
                   "cert-authority before it");
    free(text);
    free(certificate);
    keygen_stop(&keygen);
}

/* As many as fit into a file. */
static void test_many(void **state)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    CLEANUP_PERSONS struct persons *persons = NULL;

    assert_non_null(out);
    for (unsigned i = 0; i < 9000; i++)
        fprintf(out, "u%u cert-authority " KEY_ALICE "\nalice " KEY_BOB "\n", i);
    assert_int_equal(fclose(out), 0);
    persons = fixture_persons(text);
    assert_int_equal(persons->n_lines, 18000);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_bad_lines),
        cmocka_unit_test(test_a_key_has_one_owner),
        cmocka_unit_test(test_certificates_are_not_written_down),
        cmocka_unit_test(test_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
