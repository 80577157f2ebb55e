/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "policy/config_document.h"

static struct config_document *document_of(const char *text)
{
    struct config_document *document = NULL;
    struct error error = {0};

    if (config_document_parse("x.conf", text, strlen(text), &document, &error) != 0)
        fail_msg("refused: %s", error.text);
    return document;
}

static void refused(const char *text, const char *sentence)
{
    struct config_document *document = NULL;
    struct error error = {0};

    if (config_document_parse("x.conf", text, strlen(text), &document, &error) !=
        ERROR_INVALID_ARGUMENT)
        fail_msg("let in: %s", text);
    assert_null(document);
    assert_string_equal(error.text, sentence);
}

static void check_entry(const struct config_section *section, size_t index, const char *key,
                        const char *value, unsigned line)
{
    assert_true(index < section->n_entries);
    assert_string_equal(section->entries[index].key, key);
    assert_string_equal(section->entries[index].value, value);
    assert_int_equal(section->entries[index].line, line);
}

static void test_nothing_in_it(void **state)
{
    static const char *const cases[] = {"", "\n", "\n\n", "# [a]\n", "; b = c\n", "   \n\t\n"};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config_document *document = document_of(cases[i]);

        assert_string_equal(document->file, "x.conf");
        assert_int_equal(document->n_sections, 0);
        config_document_free(document);
    }
}

static void test_sections_keys_and_lines(void **state)
{
    struct config_document *document = document_of("# first\n"
                                                   "[one]\n"
                                                   "b = 2\n"
                                                   "; between\n"
                                                   "a=1\n"
                                                   "\n"
                                                   "b   =   2 again  \n"
                                                   "[two.three four]\n"
                                                   "[ five ] \n"
                                                   "empty =\n"
                                                   "equals = a = b\n"
                                                   "hash = a # b\n");

    assert_int_equal(document->n_sections, 3);
    assert_string_equal(document->sections[0].name, "one");
    assert_int_equal(document->sections[0].line, 2);
    assert_int_equal(document->sections[0].n_entries, 3);
    check_entry(&document->sections[0], 0, "b", "2", 3);
    check_entry(&document->sections[0], 1, "a", "1", 5);
    check_entry(&document->sections[0], 2, "b", "2 again", 7);
    assert_string_equal(document->sections[1].name, "two.three four");
    assert_int_equal(document->sections[1].line, 8);
    assert_int_equal(document->sections[1].n_entries, 0);
    assert_string_equal(document->sections[2].name, "five");
    assert_int_equal(document->sections[2].line, 9);
    check_entry(&document->sections[2], 0, "empty", "", 10);
    check_entry(&document->sections[2], 1, "equals", "a = b", 11);
    check_entry(&document->sections[2], 2, "hash", "a # b", 12);
    config_document_free(document);
}

/* The library does not tell the case of keys apart; here each keeps the one it was written in. */
static void test_keys_of_different_case(void **state)
{
    struct config_document *document = document_of("[a]\nKey = 1\nkey = 2\nother = 3\nKEY = 4\n");

    check_entry(&document->sections[0], 0, "Key", "1", 2);
    check_entry(&document->sections[0], 1, "key", "2", 3);
    check_entry(&document->sections[0], 2, "other", "3", 4);
    check_entry(&document->sections[0], 3, "KEY", "4", 5);
    config_document_free(document);
}

static void test_broken_lines(void **state)
{
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"[a]\nno equals sign\n", "x.conf:2: there is no = in this line; write KEY = VALUE"},
        {"[a]\n= value\n", "x.conf:2: there is no key before the ="},
        {"[a]\n b = c\n",
         "x.conf:2: the line begins with a blank; begin every line at its start and "
         "repeat the key for a list that goes on"},
        {"[a]\n\tb = c\n", "x.conf:2: the line begins with a blank; begin every line at its start "
                           "and repeat the key for a list that goes on"},
        {"[a]\nb = c,\n  d\n", "x.conf:3: the line begins with a blank; begin every line at its "
                               "start and repeat the key for a list that goes on"},
        {" [a]\n",
         "x.conf:1: the line begins with a blank; begin every line at its start and repeat "
         "the key for a list that goes on"},
        {"[a\nb = c\n", "x.conf:1: a section's line does not end with ]"},
        {"[a] # comment\nb = c\n", "x.conf:1: a section's line does not end with ]"},
        {"[]\n", "x.conf:1: a section has no name"},
        {"[  ]\n", "x.conf:1: a section has no name"},
        {"[a]\n[b]\n[a]\n", "x.conf:3: this section is in the file already (case does not count)"},
        {"[a]\nb = c\n[A]\nd = e\n[f]\n",
         "x.conf:3: this section is in the file already (case does not count)"},
        {"b = c\n[a]\n", "x.conf:1: there is no section above this line; begin with [SECTION]"},
        {"# x\n\nb\n", "x.conf:3: there is no section above this line; begin with [SECTION]"},
        {"[a]\n// b\n", "x.conf:2: there is no = in this line; write KEY = VALUE"},
        {"[a!]\n", "x.conf:1: names of sections and keys are plain ASCII, without tabs and "
                   "exclamation marks"},
        {"[a]\nb!c = d\n", "x.conf:2: names of sections and keys are plain ASCII, without tabs and "
                           "exclamation marks"},
        {"[a]\nb\tc = d\n", "x.conf:2: names of sections and keys are plain ASCII, without tabs "
                            "and exclamation marks"},
        {"[a]\n\xc3\xa4 = d\n", "x.conf:2: names of sections and keys are plain ASCII, without "
                                "tabs and exclamation marks"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        refused(cases[i].text, cases[i].sentence);
}

static void test_there_are_no_c_comments(void **state)
{
    struct config_document *document = document_of("[a]\n/* b = c\nd = e\n");

    check_entry(&document->sections[0], 0, "/* b", "c", 2);
    check_entry(&document->sections[0], 1, "d", "e", 3);
    config_document_free(document);
}

static void test_long_lines(void **state)
{
    size_t size = 200 * 1000;
    char *text = malloc(size);
    struct config_document *document;

    assert_non_null(text);
    memset(text, 'x', size);
    memcpy(text, "[a]\nkey = ", 10);
    text[size - 2] = '\n';
    text[size - 1] = '\0';
    document = document_of(text);
    assert_int_equal(strlen(document->sections[0].entries[0].value), size - 12);
    config_document_free(document);

    memset(text + 4, 'x', 5000);
    refused(text, "x.conf:2: there is no = in this line; write KEY = VALUE");
    text[4 + 2000] = '=';
    refused(text, "x.conf:2: the key is too long");
    text[0] = '[';
    memset(text + 1, 'x', 2000);
    text[2001] = ']';
    text[2002] = '\n';
    text[2003] = '\0';
    refused(text, "x.conf:1: a section's name is too long");
    free(text);
}

static void test_many_sections_and_keys(void **state)
{
    size_t size = 64 * 1024, length = 0;
    char *text = malloc(size);

    assert_non_null(text);
    for (int i = 0; i < 1024; i++)
        length += (size_t)snprintf(text + length, size - length, "[s%d]\n", i);
    config_document_free(document_of(text));
    snprintf(text + length, size - length, "[one more]\n");
    refused(text, "x.conf:1025: is section number 1025; one file holds at most 1024");

    length = (size_t)snprintf(text, size, "[a]\n");
    for (int i = 0; i < 4096; i++)
        length += (size_t)snprintf(text + length, size - length, "k=%d\n", i);
    config_document_free(document_of(text));
    snprintf(text + length, size - length, "k = x\n");
    refused(text, "x.conf:1: [a]: has more than 4096 lines");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_in_it),
        cmocka_unit_test(test_sections_keys_and_lines),
        cmocka_unit_test(test_keys_of_different_case),
        cmocka_unit_test(test_broken_lines),
        cmocka_unit_test(test_there_are_no_c_comments),
        cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_many_sections_and_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
