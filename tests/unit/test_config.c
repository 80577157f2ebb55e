/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "policy/config.h"
#include "persons_fixture.h"
#include "policy/config_file.h"

#define POLICY(name) "[policy " name "]\naccounts = root\nrequesters = a\napprovers = b\n"

/* A directory for one test; messages name files below it. */
struct place {
    char root[64];
    char directory[80]; /* policy.d in it */
    char path[256];
    char sentence[1024];
};

static int make_place(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    assert_non_null(place);
    snprintf(place->root, sizeof(place->root), "/tmp/test_config.XXXXXX");
    assert_non_null(mkdtemp(place->root));
    snprintf(place->directory, sizeof(place->directory), "%s/policy.d", place->root);
    assert_int_equal(mkdir(place->directory, 0755), 0);
    umask(022);
    *state = place;
    return 0;
}

static int remove_entries(const char *directory, const char *const *names)
{
    char path[256];

    for (size_t i = 0; names[i]; i++) {
        snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
        unlink(path);
        rmdir(path);
    }
    return rmdir(directory);
}

static int remove_place(void **state)
{
    static const char *const files[] = {"10.conf", "20.conf", "9.conf", "a.conf", "B.conf",
                                        ".x.conf", "x.conf~", "README", ".conf",  NULL};
    static const char *const others[] = {"broker.conf", "real.conf", "link.d", "persons", NULL};
    struct place *place = *state;
    int r;

    for (int i = 0; i <= 256; i++) {
        snprintf(place->path, sizeof(place->path), "%s/f%03d.conf", place->directory, i);
        unlink(place->path);
    }
    remove_entries(place->directory, files);
    r = remove_entries(place->root, others);
    free(place);
    return r;
}

static const char *path_of(struct place *place, const char *name)
{
    snprintf(place->path, sizeof(place->path), "%s/%s", place->root, name);
    return place->path;
}

static void write_bytes(struct place *place, const char *name, const char *bytes, size_t length)
{
    int fd = open(path_of(place, name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, length), length);
    close(fd);
}

static void write_file(struct place *place, const char *name, const char *text)
{
    write_bytes(place, name, text, strlen(text));
}

static struct policy_set *load(const char *directory)
{
    struct policy_set *set = NULL;
    struct error error = {0};

    if (config_load_policies(directory, &set, &error) != 0)
        fail_msg("refused: %s", error.text);
    return set;
}

/* The directory must be refused with this sentence, in which %s is the place's root. */
static void refused(struct place *place, const char *format)
{
    struct policy_set *set = NULL;
    struct error error = {0};

    assert_int_equal(config_load_policies(place->directory, &set, &error), ERROR_INVALID_ARGUMENT);
    assert_null(set);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(place->sentence, sizeof(place->sentence), format, place->root, place->root);
#pragma GCC diagnostic pop
    assert_string_equal(error.text, place->sentence);
}

static void test_no_directory_and_an_empty_one(void **state)
{
    struct place *place = *state;
    struct policy_set *set = load(place->directory);

    assert_int_equal(set->n_policies, 0);
    assert_string_equal(set->text, "");
    /* sha256sum of nothing */
    assert_string_equal(set->digest,
                        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    policy_set_free(set);

    set = load(path_of(place, "nowhere"));
    assert_int_equal(set->n_policies, 0);
    assert_int_equal(strlen(set->digest), 64);
    policy_set_free(set);
}

static void test_files_in_the_order_of_their_names(void **state)
{
    struct place *place = *state;
    struct policy_set *set;

    write_file(place, "policy.d/a.conf", POLICY("p5"));
    write_file(place, "policy.d/9.conf", POLICY("p3"));
    write_file(place, "policy.d/10.conf", "# none\n");
    write_file(place, "policy.d/20.conf", POLICY("p1") POLICY("p2"));
    write_file(place, "policy.d/B.conf", POLICY("p4"));
    /* these are no policies */
    write_file(place, "policy.d/.x.conf", "nonsense");
    write_file(place, "policy.d/x.conf~", "nonsense");
    write_file(place, "policy.d/README", "nonsense");
    write_file(place, "policy.d/.conf", "nonsense");

    set = load(place->directory);
    assert_int_equal(set->n_policies, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(set->policies[i]->name[1], '1' + (int)i);
        assert_memory_equal(set->policies[i]->file, place->directory, strlen(place->directory));
    }
    assert_int_equal(set->policies[1]->line, 5);
    assert_string_equal(strrchr(set->policies[1]->file, '/'), "/20.conf");
    policy_set_free(set);
}

/* The file beside the directory: its text is kept as comments among the policies. */
static void test_persons(void **state)
{
    static const char persons[] = "# who\n\nalice " KEY_ALICE "\n";
    struct place *place = *state;
    CLEANUP_POLICY_SET struct policy_set *restored = calloc(1, sizeof(*restored));
    struct policy_set *set;
    struct error error = {0};
    char *text, *before;

    write_file(place, "policy.d/10.conf", POLICY("p1"));
    set = load(place->directory);
    assert_null(set->persons);
    before = strdup(set->digest);
    policy_set_free(set);

    write_file(place, "persons", persons);
    set = load(place->directory);
    assert_int_equal(set->persons->n_lines, 1);
    assert_string_equal(set->persons->file, path_of(place, "persons"));
    assert_true(asprintf(&text, "# %s/10.conf\n%s# %s/persons\n#| # who\n#| \n#| alice %s\n",
                         place->directory, POLICY("p1"), place->root, KEY_ALICE) > 0);
    assert_string_equal(set->text, text);
    assert_string_not_equal(set->digest, before);
    assert_int_equal(config_restore_policies(restored, "ledger", set->text, &error), 0);
    assert_int_equal(restored->n_policies, 1);
    policy_set_free(set);
    free(before);
    free(text);

    write_file(place, "persons", "alice\n");
    refused(place, "%s/persons:1: has no key");
    write_file(place, "persons", persons);
    assert_int_equal(chmod(path_of(place, "persons"), 0664), 0);
    refused(place, "%s/persons: is writable by group or others (mode 0664); only its owner may "
                   "write it");
    assert_int_equal(unlink(path_of(place, "persons")), 0);
    assert_int_equal(symlink("/dev/null", path_of(place, "persons")), 0);
    refused(place, "%s/persons: is a symbolic link; it must be a regular file");
}

/* However the directory is named. */
static void test_path_of_persons(void **state)
{
    struct place *place = *state;
    struct policy_set *set = NULL;
    struct error error = {0};
    char directory[128], sentence[256];
    int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);

    assert_true(here >= 0);
    write_file(place, "persons", "alice\n");
    (void)snprintf(directory, sizeof(directory), "%s//", place->directory);
    (void)snprintf(sentence, sizeof(sentence), "%s/persons:1: has no key", place->root);
    assert_int_equal(config_load_policies(directory, &set, &error), ERROR_INVALID_ARGUMENT);
    assert_string_equal(error.text, sentence);
    assert_int_equal(chdir(place->root), 0);
    assert_int_equal(config_load_policies("policy.d", &set, &error), ERROR_INVALID_ARGUMENT);
    assert_string_equal(error.text, "persons:1: has no key");
    assert_int_equal(chdir(place->directory), 0);
    assert_int_equal(config_load_policies(".", &set, &error), ERROR_INVALID_ARGUMENT);
    assert_string_equal(error.text, "./../persons:1: has no key");
    assert_int_equal(fchdir(here), 0);
    close(here);
}

static void test_text_and_digest(void **state)
{
    struct place *place = *state;
    struct policy_set *set;
    char *text;

    write_file(place, "policy.d/10.conf", "# one\n\n" POLICY("p1"));
    write_file(place, "policy.d/20.conf", POLICY("p2") "\n");
    set = load(place->directory);
    assert_true(asprintf(&text, "# %s/10.conf\n# one\n\n%s# %s/20.conf\n%s\n", place->directory,
                         POLICY("p1"), place->directory, POLICY("p2")) > 0);
    assert_string_equal(set->text, text);
    free(text);
    text = strdup(set->digest);
    assert_non_null(text);
    assert_int_equal(strspn(text, "0123456789abcdef"), 64);
    policy_set_free(set);

    set = load(place->directory);
    assert_string_equal(set->digest, text);
    policy_set_free(set);
    write_file(place, "policy.d/20.conf", POLICY("p2") "\n\n");
    set = load(place->directory);
    assert_string_not_equal(set->digest, text);
    policy_set_free(set);
    free(text);
}

static void test_names_are_taken_once(void **state)
{
    struct place *place = *state;

    write_file(place, "policy.d/10.conf", "\n" POLICY("one"));
    write_file(place, "policy.d/20.conf", POLICY("One"));
    refused(place,
            "%s/policy.d/20.conf:1: [policy One] has a name that is taken already, in line 2 "
            "of %s/policy.d/10.conf (case does not count)");
    write_file(place, "policy.d/20.conf", POLICY("two") POLICY("two"));
    refused(place,
            "%s/policy.d/20.conf:5: this section is in the file already (case does not count)");
}

static void test_section_names(void **state)
{
    static const char *const bad[] = {"policies x", "policy",     "broker",   "default",
                                      "policy a b", "policy a/b", "Policy a", "policy a\xc2\xb5"};
    static const char x64[] = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    struct place *place = *state;
    char text[256], sentence[256];

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(text, sizeof(text), "\n[%s]\n", bad[i]);
        snprintf(
            sentence, sizeof(sentence),
            "%%s/policy.d/10.conf:2: [%s] is no section of this file; write [policy NAME], where "
            "NAME has 1 to 64 of A-Z a-z 0-9 . _ -, or [managers]",
            bad[i]);
        write_file(place, "policy.d/10.conf", text);
        refused(place, strchr(bad[i], '\xc2')
                           ? "%s/policy.d/10.conf:2: names of sections and keys "
                             "are plain ASCII, without tabs and exclamation marks"
                           : sentence);
    }
    snprintf(text, sizeof(text), "[policy %s]\naccounts=a\nrequesters=b\napproval=none\n", x64);
    write_file(place, "policy.d/10.conf", text);
    policy_set_free(load(place->directory));
    snprintf(text, sizeof(text), "[policy %sx]\n", x64);
    snprintf(
        sentence, sizeof(sentence),
        "%%s/policy.d/10.conf:1: [policy %sx] is no section of this file; write [policy NAME], "
        "where NAME has 1 to 64 of A-Z a-z 0-9 . _ -, or [managers]",
        x64);
    write_file(place, "policy.d/10.conf", text);
    refused(place, sentence);

    write_file(place, "policy.d/10.conf", POLICY("A.b_c-9"));
    policy_set_free(load(place->directory));
}

static void test_bytes_that_are_no_text(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
        const char *sentence;
    } cases[] = {
#define BYTES(text) text, sizeof(text) - 1
        {BYTES("\xef\xbb\xbf[policy a]\n"),
         "%s/policy.d/10.conf:1: begins with a byte order mark; save it as plain UTF-8"},
        {BYTES("[policy a]\r\naccounts = root\r\n"),
         "%s/policy.d/10.conf:1: holds a carriage return; lines end with a newline alone"},
        {BYTES("\n\n# a\rb\n"),
         "%s/policy.d/10.conf:3: holds a carriage return; lines end with a newline alone"},
        {BYTES("# a\n# b\0c\n"), "%s/policy.d/10.conf:2: holds a NUL byte"},
        {BYTES("\0"), "%s/policy.d/10.conf:1: holds a NUL byte"},
        {BYTES("# \xff\n"),
         "%s/policy.d/10.conf:1: holds bytes that are not UTF-8 or a control character"},
        {BYTES("# \xc3\n"),
         "%s/policy.d/10.conf:1: holds bytes that are not UTF-8 or a control character"},
        {BYTES("\n# \xed\xa0\x80\n"),
         "%s/policy.d/10.conf:2: holds bytes that are not UTF-8 or a control character"},
        {BYTES("# \033[2J\n"),
         "%s/policy.d/10.conf:1: holds bytes that are not UTF-8 or a control character"},
        {BYTES("[policy a]\naccounts = root\nrequesters = alice, b"),
         "%s/policy.d/10.conf:3: ends without a newline, as a file does that was cut; end the last "
         "line"},
    };
    struct place *place = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        write_bytes(place, "policy.d/10.conf", cases[i].bytes, cases[i].length);
        refused(place, cases[i].sentence);
    }
    write_file(place, "policy.d/10.conf", "# \xc3\xa4\ttab\n" POLICY("a"));
    policy_set_free(load(place->directory));
}

static void test_files_that_are_too_long(void **state)
{
    struct place *place = *state;
    char *text = malloc(CONFIG_FILE_MAX + 1);
    struct policy_set *set;

    assert_non_null(text);
    memset(text, '#', CONFIG_FILE_MAX + 1);
    text[CONFIG_FILE_MAX] = '\n';
    write_bytes(place, "policy.d/10.conf", text, CONFIG_FILE_MAX + 1);
    refused(place, "%s/policy.d/10.conf: is longer than 1048576 bytes");
    write_bytes(place, "policy.d/10.conf", text + 1, CONFIG_FILE_MAX);
    set = load(place->directory);
    assert_int_equal(set->n_policies, 0);
    policy_set_free(set);
    free(text);
}

static void test_too_many_files(void **state)
{
    struct place *place = *state;
    char name[64];

    for (int i = 0; i < 256; i++) {
        snprintf(name, sizeof(name), "policy.d/f%03d.conf", i);
        write_file(place, name, "");
    }
    policy_set_free(load(place->directory));
    write_file(place, "policy.d/f256.conf", "");
    refused(place, "%s/policy.d: has more than 256 files");
}

static void test_files_that_others_could_have_written(void **state)
{
    struct place *place = *state;

    write_file(place, "policy.d/10.conf", POLICY("a"));
    assert_int_equal(chmod(path_of(place, "policy.d/10.conf"), 0664), 0);
    refused(place,
            "%s/policy.d/10.conf: is writable by group or others (mode 0664); only its owner "
            "may write it");
    assert_int_equal(chmod(path_of(place, "policy.d/10.conf"), 0602), 0);
    refused(place,
            "%s/policy.d/10.conf: is writable by group or others (mode 0602); only its owner "
            "may write it");
    assert_int_equal(chmod(path_of(place, "policy.d/10.conf"), 0600), 0);
    policy_set_free(load(place->directory));

    assert_int_equal(chmod(place->directory, 0775), 0);
    refused(place, "%s/policy.d: is writable by group or others (mode 0775); only its owner may "
                   "write it");
    assert_int_equal(chmod(place->directory, 01777), 0);
    refused(place, "%s/policy.d: is writable by group or others (mode 1777); only its owner may "
                   "write it");
}

static void test_files_of_others(void **state)
{
    struct place *place = *state;

    if (geteuid() != 0)
        skip();
    write_file(place, "policy.d/10.conf", POLICY("a"));
    assert_int_equal(chown(path_of(place, "policy.d/10.conf"), 12345, 0), 0);
    refused(place, "%s/policy.d/10.conf: belongs to uid 12345; it must belong to root");
    assert_int_equal(chown(path_of(place, "policy.d/10.conf"), 0, 0), 0);
    assert_int_equal(chown(place->directory, 12345, 0), 0);
    refused(place, "%s/policy.d: belongs to uid 12345; it must belong to root");
}

/* The broker is not root, and root's files may be closed to it. */
static void test_files_that_may_not_be_read(void **state)
{
    struct place *place = *state;
    struct policy_set *set = NULL;
    struct error error = {0};
    int r;

    if (geteuid() != 0)
        skip();
    write_file(place, "policy.d/10.conf", POLICY("a"));
    assert_int_equal(chmod(place->root, 0755), 0);
    assert_int_equal(chmod(path_of(place, "policy.d/10.conf"), 0600), 0);
    assert_int_equal(seteuid(12345), 0);
    r = config_load_policies(place->directory, &set, &error);
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(r, ERROR_INVALID_ARGUMENT);
    snprintf(place->sentence, sizeof(place->sentence),
             "%s/policy.d/10.conf: cannot be opened by uid 12345: permission denied; let that user "
             "read it",
             place->root);
    assert_string_equal(error.text, place->sentence);

    assert_int_equal(chmod(place->directory, 0700), 0);
    assert_int_equal(seteuid(12345), 0);
    r = config_load_policies(place->directory, &set, &error);
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(r, ERROR_INVALID_ARGUMENT);
    snprintf(place->sentence, sizeof(place->sentence),
             "%s/policy.d: cannot be opened by uid 12345: permission denied; let that user read it",
             place->root);
    assert_string_equal(error.text, place->sentence);

    /* a file of root's that it may read is fine, and so is one of its own */
    assert_int_equal(chmod(place->directory, 0755), 0);
    assert_int_equal(chmod(path_of(place, "policy.d/10.conf"), 0644), 0);
    write_file(place, "policy.d/20.conf", POLICY("b"));
    assert_int_equal(chown(path_of(place, "policy.d/20.conf"), 12345, 12345), 0);
    assert_int_equal(seteuid(12345), 0);
    r = config_load_policies(place->directory, &set, &error);
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(r, 0);
    assert_int_equal(set->n_policies, 2);
    policy_set_free(set);
}

static void test_links_and_other_things(void **state)
{
    struct place *place = *state;
    struct policy_set *set = NULL;
    struct error error = {0};
    char target[256];

    write_file(place, "real.conf", POLICY("a"));
    snprintf(target, sizeof(target), "%s/real.conf", place->root);
    assert_int_equal(symlink(target, path_of(place, "policy.d/10.conf")), 0);
    refused(place, "%s/policy.d/10.conf: is a symbolic link; it must be a regular file");
    assert_int_equal(unlink(path_of(place, "policy.d/10.conf")), 0);
    assert_int_equal(symlink("nowhere", path_of(place, "policy.d/10.conf")), 0);
    refused(place, "%s/policy.d/10.conf: is a symbolic link; it must be a regular file");
    assert_int_equal(unlink(path_of(place, "policy.d/10.conf")), 0);

    assert_int_equal(mkfifo(path_of(place, "policy.d/10.conf"), 0600), 0);
    refused(place, "%s/policy.d/10.conf: is not a regular file");
    assert_int_equal(unlink(path_of(place, "policy.d/10.conf")), 0);
    assert_int_equal(mkdir(path_of(place, "policy.d/10.conf"), 0700), 0);
    refused(place, "%s/policy.d/10.conf: is not a regular file");

    assert_int_equal(symlink(place->directory, path_of(place, "link.d")), 0);
    assert_int_equal(config_load_policies(path_of(place, "link.d"), &set, &error),
                     ERROR_INVALID_ARGUMENT);
    snprintf(place->sentence, sizeof(place->sentence),
             "%s/link.d: is a symbolic link; it must be a directory", place->root);
    assert_string_equal(error.text, place->sentence);
    assert_int_equal(config_load_policies(path_of(place, "real.conf"), &set, &error),
                     ERROR_INVALID_ARGUMENT);
    snprintf(place->sentence, sizeof(place->sentence),
             "%s/real.conf: cannot be opened: Not a directory", place->root);
    assert_string_equal(error.text, place->sentence);
    assert_null(set);
}

static void test_a_name_that_is_no_text(void **state)
{
    struct place *place = *state;
    struct policy_set *set = NULL;
    struct error error = {0};
    int r;

    write_file(place, "policy.d/\n.conf", POLICY("a"));
    r = config_load_policies(place->directory, &set, &error);
    unlink(path_of(place, "policy.d/\n.conf"));
    assert_int_equal(r, ERROR_INVALID_ARGUMENT);
    snprintf(place->sentence, sizeof(place->sentence),
             "%s/policy.d: a file's name has a control character or is not UTF-8", place->root);
    assert_string_equal(error.text, place->sentence);
}

static void test_broker_settings(void **state)
{
    struct place *place = *state;
    struct broker_config config = {0};
    struct error error = {0};

    /* no file, and an empty one */
    assert_int_equal(config_load_broker(path_of(place, "broker.conf"), &config, &error), 0);
    assert_null(config.administrators);
    assert_null(config.auditors);
    assert_true(config.tell_terminals);
    write_file(place, "broker.conf", "");
    assert_int_equal(config_load_broker(place->path, &config, &error), 0);
    assert_true(config.tell_terminals);

    write_file(place, "broker.conf",
               "[broker]\nadministrators = %admins\nauditors = audit\ntell-terminals = no\n");
    assert_int_equal(config_load_broker(place->path, &config, &error), 0);
    assert_string_equal(config.administrators, "admins");
    assert_string_equal(config.auditors, "audit");
    assert_false(config.tell_terminals);
    broker_config_clear(&config);
    assert_null(config.administrators);
    assert_null(config.auditors);
    broker_config_clear(&config);
}

static void test_bad_broker_settings(void **state)
{
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"[Broker]\n", "%s/broker.conf:1: [Broker] is no section of this file; write [broker]"},
        {"[broker]\n[policy a]\n",
         "%s/broker.conf:2: [policy a] is no section of this file; write [broker]"},
        {"auditors = x\n",
         "%s/broker.conf:1: there is no section above this line; begin with [SECTION]"},
        {"[broker]\nauditor = x\n",
         "%s/broker.conf:2: [broker] auditor: there is no such key; there "
         "are administrators, auditors and tell-terminals"},
        {"[broker]\nauditors = x\nauditors = x\n",
         "%s/broker.conf:3: [broker] auditors: is given twice; it takes one value"},
        {"[broker]\nadministrators = x\n\nadministrators = x\n",
         "%s/broker.conf:4: [broker] administrators: is given twice; it takes one value"},
        {"[broker]\ntell-terminals = yes\ntell-terminals = no\n",
         "%s/broker.conf:3: [broker] tell-terminals: is given twice; it takes one value"},
        {"[broker]\nauditors =\n",
         "%s/broker.conf:2: [broker] auditors: has no value; leave the key out for its default"},
        {"[broker]\nauditors = a, b\n",
         "%s/broker.conf:2: [broker] auditors: 'a, b' is not a name; names have no blanks and none "
         "of :/*?!&|()<>\"'`=;#% in them"},
        {"[broker]\ntell-terminals = maybe\n",
         "%s/broker.conf:2: [broker] tell-terminals: 'maybe' is not allowed; write no or yes"},
        {"[broker]\ntell-terminals = yes", "%s/broker.conf:2: ends without a newline, as a file "
                                           "does that was cut; end the last line"},
    };
    struct place *place = *state;
    struct broker_config config = {.tell_terminals = true};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct error error = {0};
        size_t file = strlen("%s");

        write_file(place, "broker.conf", cases[i].text);
        assert_int_equal(config_load_broker(place->path, &config, &error), ERROR_INVALID_ARGUMENT);
        assert_memory_equal(error.text, place->root, strlen(place->root));
        assert_string_equal(error.text + strlen(place->root), cases[i].sentence + file);
        assert_null(config.auditors);
    }
    assert_int_equal(chmod(path_of(place, "broker.conf"), 0666), 0);
    assert_int_equal(config_load_broker(place->path, &config, NULL), ERROR_INVALID_ARGUMENT);
}

int main(void)
{
#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, make_place, remove_place)
    const struct CMUnitTest tests[] = {
        WITH_PLACE(test_no_directory_and_an_empty_one),
        WITH_PLACE(test_files_in_the_order_of_their_names),
        WITH_PLACE(test_persons),
        WITH_PLACE(test_path_of_persons),
        WITH_PLACE(test_text_and_digest),
        WITH_PLACE(test_names_are_taken_once),
        WITH_PLACE(test_section_names),
        WITH_PLACE(test_bytes_that_are_no_text),
        WITH_PLACE(test_files_that_are_too_long),
        WITH_PLACE(test_too_many_files),
        WITH_PLACE(test_files_that_others_could_have_written),
        WITH_PLACE(test_files_of_others),
        WITH_PLACE(test_files_that_may_not_be_read),
        WITH_PLACE(test_links_and_other_things),
        WITH_PLACE(test_a_name_that_is_no_text),
        WITH_PLACE(test_broker_settings),
        WITH_PLACE(test_bad_broker_settings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
