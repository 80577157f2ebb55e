/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "keygen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "persons_fixture.h"

#define NOW UINT64_C(1790000000) /* 2026-09-21 */
#define FINGERPRINT_ALICE "SHA256:ZkAslGjFiUHdGf/WUL8rQvkib4PTvQatUV0OUQSncCA"

static struct error error;

static const char *find_at(const char *file, const char *authinfo, uint64_t now)
{
    static char owner[LIMIT_NAME + 1];
    CLEANUP_PERSONS struct persons *persons = file ? fixture_persons(file) : NULL;
    int r;

    owner[0] = '\0';
    error = (struct error){0};
    r = persons_find_owner(persons, authinfo, now, owner, &error);
    if (r != 0)
        assert_int_equal(owner[0], '\0');
    return r == 0 ? owner : error.text;
}

static const char *find(const char *file, const char *authinfo)
{
    return find_at(file, authinfo, NOW);
}

#define PERSONS "alice " KEY_ALICE "\nbob " KEY_BOB "\n"
#define UNREADABLE "sshd's SSH_AUTH_INFO_0 cannot be read: what it says is a key "

static void test_keys(void **state)
{
    assert_string_equal(find(PERSONS, "publickey " KEY_ALICE), "alice");
    assert_string_equal(find(PERSONS, "publickey " KEY_BOB "\n"), "bob");
    assert_string_equal(
        find(PERSONS, "password\npublickey " KEY_BOB "\nkeyboard-interactive/pam\n"), "bob");
    assert_string_equal(find(PERSONS, "publickey " KEY_BOB "\npublickey " KEY_BOB "\n"), "bob");
    assert_string_equal(find(PERSONS, "publickey " KEY_ALICE "\npublickey " KEY_BOB "\n"),
                        "this login was made with keys of two persons, alice and bob: use your own "
                        "alone");
    assert_int_equal(error.code, ERROR_NOT_PERMITTED);
    /* one that nobody knows could be anybody's */
    assert_non_null(
        strstr(find("bob " KEY_BOB "\n", "publickey " KEY_BOB "\npublickey " KEY_ALICE "\n"),
               "is not known here"));
}

static void test_without_a_key(void **state)
{
    static const char none[] = "this login was made without a key: log in with your own";
    static const char *const others[] = {
        "",
        "\n",
        "password\n",
        "keyboard-interactive/pam\n",
        "publickey\n",
        "publickey",
        "hostbased " KEY_ALICE " client user \"alice\", client host \"h\"\n",
        "gssapi-with-mic alice@EXAMPLE.ORG\n",
        " publickey " KEY_ALICE "\n",
        "Publickey " KEY_ALICE "\n",
        "publickeyx " KEY_ALICE "\n",
    };

    assert_string_equal(find(PERSONS, NULL), none);
    assert_false(persons_authinfo_has_key(NULL));
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
        assert_string_equal(find(PERSONS, others[i]), none);
        assert_false(persons_authinfo_has_key(others[i]));
    }
    assert_true(persons_authinfo_has_key("password\npublickey x"));
}

static void test_not_known(void **state)
{
    assert_string_equal(find("bob " KEY_BOB "\n", "publickey " KEY_ALICE),
                        "whose key " FINGERPRINT_ALICE " (ssh-ed25519) is, is not known here: ask "
                        "an administrator to add it to /etc/pam-checkout/persons");
    /* a line for another purpose, an authority's key */
    assert_non_null(strstr(find("alice namespaces=\"git\" " KEY_ALICE "\n", "publickey " KEY_ALICE),
                           "is not known here"));
    assert_non_null(strstr(find("alice cert-authority " KEY_ALICE "\n", "publickey " KEY_ALICE),
                           "is not known here"));
    assert_string_equal(find(NULL, "publickey " KEY_ALICE),
                        "whose key is whose is not known on this host: an administrator has to "
                        "write /etc/pam-checkout/persons");
}

static void test_unreadable(void **state)
{
    assert_string_equal(find(PERSONS, "publickey ssh-ed25519"),
                        UNREADABLE "has no key: ask an administrator");
    assert_int_equal(error.code, ERROR_INVALID_ARGUMENT);
    assert_string_equal(find(PERSONS, "publickey " KEY_ALICE " more"),
                        UNREADABLE "is not base64: ask an administrator");
    assert_string_equal(find(PERSONS, "publickey  " KEY_ALICE),
                        UNREADABLE "is not base64: ask an administrator");
    /* not even beside one that is fine */
    assert_string_equal(find(PERSONS, "publickey " KEY_ALICE "\npublickey ssh-dss AAAA\n"),
                        UNREADABLE "is a key of another type than is written before it, or none: "
                                   "ask an administrator");
}

static void test_time(void **state)
{
    static const char from[] = "alice valid-after=\"20260101Z\" " KEY_ALICE "\n";
    static const char until[] = "alice valid-before=\"20260101Z\" " KEY_ALICE "\n";
    static const char login[] = "publickey " KEY_ALICE;
    const uint64_t border = 1767225600;

    setenv("TZ", "UTC", 1);
    assert_string_equal(find_at(from, login, border), "alice");
    assert_string_equal(find_at(from, login, border - 1),
                        "by line 1 of /etc/pam-checkout/persons this key is valid only from "
                        "2026-01-01 00:00: ask an administrator");
    assert_string_equal(find_at(until, login, border), "alice");
    assert_string_equal(find_at(until, login, border + 1),
                        "by line 1 of /etc/pam-checkout/persons this key is valid until "
                        "2026-01-01 00:00: ask an administrator");
    /* several lines: any that is valid */
    assert_string_equal(find_at("alice valid-before=\"20250101Z\" " KEY_ALICE
                                "\nalice valid-after=\"20260101Z\" " KEY_ALICE "\n",
                                login, border + 1),
                        "alice");
    unsetenv("TZ");
}

/* ---- certificates ---- */

struct authority {
    struct keygen keygen;
    char *key;
    unsigned n;
};

static int setup(void **state)
{
    static struct authority authority;

    keygen_start(&authority.keygen);
    authority.key = keygen_key(&authority.keygen, "ca", "ed25519", NULL);
    authority.n = 0;
    *state = &authority;
    return 0;
}

static int teardown(void **state)
{
    struct authority *authority = *state;

    free(authority->key);
    keygen_stop(&authority->keygen);
    return 0;
}

/* Who logs in with a certificate of that Key ID, by a file with these principals for its CA. */
static const char *find_certificate(struct authority *authority, const char *principals,
                                    const char *options, const char *key_id)
{
    char name[32], *certificate, *file = NULL, *authinfo = NULL;
    const char *found;

    (void)snprintf(name, sizeof(name), "k%u", authority->n++);
    free(keygen_key(&authority->keygen, name, "ed25519", NULL));
    certificate = keygen_certificate(&authority->keygen, "ca", name, key_id, "oracle");
    assert_true(asprintf(&file, "%s%s %s %s\n", PERSONS, principals, options, authority->key) > 0);
    assert_true(asprintf(&authinfo, "publickey %s\n", certificate) > 0);
    found = find(file, authinfo);
    free(certificate);
    free(file);
    free(authinfo);
    return found;
}

static void test_certificates(void **state)
{
    struct authority *authority = *state;

    assert_string_equal(find_certificate(authority, "*", "cert-authority", "carol"), "carol");
    assert_string_equal(find_certificate(authority, "al*,c*,!carl", "cert-authority", "carol"),
                        "carol");
    assert_non_null(strstr(find_certificate(authority, "*,!carol", "cert-authority", "carol"),
                           "may not speak of carol"));
    assert_non_null(strstr(find_certificate(authority, "alice", "cert-authority", "carol"),
                           "see line 3 of /etc/pam-checkout/persons"));
    assert_non_null(
        strstr(find_certificate(authority, "carol", "", "carol"), "is no authority here"));
    assert_non_null(
        strstr(find_certificate(authority, "*", "cert-authority,namespaces=\"git\"", "carol"),
               "is no authority here"));
    assert_non_null(strstr(
        find_certificate(authority, "*", "cert-authority,valid-before=\"20200101\"", "carol"),
        "the authority of this certificate is valid until"));
    /* the name and nothing else */
    for (size_t i = 0; i < 7; i++) {
        static const char *const names[] = {"carol smith", "a,b",  "*", "carol\033[2J",
                                            "0",           "%ops", "-x"};

        assert_non_null(strstr(find_certificate(authority, "*", "cert-authority", names[i]),
                               "is not the name of a user"));
        assert_null(strchr(error.text, '\033'));
    }
}

/* A key that a person has does not speak for the certificate that somebody made of it. */
static void test_a_certificate_is_not_its_key(void **state)
{
    struct authority *authority = *state;
    char *key = keygen_key(&authority->keygen, "key", "ed25519", NULL);
    char *certificate = keygen_certificate(&authority->keygen, "ca", "key", "carol", "oracle");
    char *file = NULL, *authinfo = NULL;

    assert_true(asprintf(&file, "alice %s\n", key) > 0);
    assert_true(asprintf(&authinfo, "publickey %s\n", certificate) > 0);
    assert_non_null(strstr(find(file, authinfo), "is no authority here"));
    free(file);
    assert_true(asprintf(&file, "alice %s\n* cert-authority %s\n", key, authority->key) > 0);
    assert_string_equal(find(file, authinfo), "carol");
    free(file);
    free(authinfo);
    free(certificate);
    free(key);
}

/* ---- the same file, asked of ssh-keygen ---- */

/* Who can have signed with that key, by `ssh-keygen -Y find-principals`: the first name, or "". For
 * comparison the certificates name as their principal the person that is their Key ID. */
static void ask_ssh_keygen(const struct keygen *keygen, const char *signature, char owner[256])
{
    char *output = NULL;

    owner[0] = '\0';
    if (keygen_run(keygen, &output, "-Y", "find-principals", "-s", signature, "-f", "persons",
                   "-Overify-time=20260921", NULL) == 0) {
        output[strcspn(output, "\n")] = '\0';
        (void)snprintf(owner, 256, "%s", output);
    }
    free(output);
}

/* The template with the key for each @ and the authority's for each &. */
static char *expand(const char *template, const char *key, const char *authority)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    for (const char *at = template; *at; at++)
        if (*at == '@' || *at == '&')
            fputs(*at == '@' ? key : authority, out);
        else
            fputc(*at, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void test_like_ssh_keygen(void **state)
{
    struct authority *authority = *state;
    const struct keygen *keygen = &authority->keygen;
    static const char *const templates[] = {
        "alice @\n",
        "# alice\n\n\t alice\t\t@  and more\n",
        "\"alice\" valid-after=\"20200101\",valid-before=\"20300101Z\" @\n",
        "alice valid-before=\"20250101\" @\n",
        "alice valid-after=\"20270101\" @\n",
        "alice valid-before=\"20250101\" @\nalice valid-after=\"20260101\" @\n",
        "alice cert-authority @\n",
        "bob &\nalice @\n",
        "bob &\n",
        "* cert-authority &\n",
        "al*,!alan cert-authority &\n",
        "bob cert-authority &\n",
        "alice CERT-AUTHORITY,VALID-AFTER=\"20200101\" &\n",
        "alice &\n",
        "alice cert-authority,valid-before=\"20250101\" &\n",
    };
    char *key = keygen_key(keygen, "key", "ed25519", NULL);
    char *certificate = keygen_certificate(keygen, "ca", "key", "alice", "alice");

    keygen_write(keygen, "certified", "text\n");
    keygen_write(keygen, "plain", "text\n");
    assert_int_equal(keygen_run(keygen, NULL, "-q", "-Y", "sign", "-n", "pam-checkout", "-f",
                                "key-cert.pub", "certified", NULL),
                     0);
    assert_int_equal(keygen_run(keygen, NULL, "-q", "-Y", "sign", "-n", "pam-checkout", "-f", "key",
                                "plain", NULL),
                     0);
    for (size_t i = 0; i < sizeof(templates) / sizeof(*templates); i++)
        for (int with_certificate = 0; with_certificate < 2; with_certificate++) {
            char *file = NULL, *authinfo = NULL, theirs[256];
            const char *ours;

            file = expand(templates[i], key, authority->key);
            assert_true(
                asprintf(&authinfo, "publickey %s\n", with_certificate ? certificate : key) > 0);
            keygen_write(keygen, "persons", file);
            ask_ssh_keygen(keygen, with_certificate ? "certified.sig" : "plain.sig", theirs);
            ours = find(file, authinfo);
            if (error.code != ERROR_NONE ? theirs[0] != '\0' : strcmp(ours, theirs) != 0)
                fail_msg("%s%s%s: ours %s, ssh-keygen's %s", file, authinfo,
                         with_certificate ? "certificate" : "key", ours, theirs);
            free(file);
            free(authinfo);
        }
    free(key);
    free(certificate);
}

/* ssh-keygen's find-principals takes a name that a pattern excludes (9.2); its verify and its
 * match-principals, which is asked here, do not. */
static void test_patterns_like_ssh_keygen(void **state)
{
    static const char *const lists[] = {"*",       "*,!alice", "!alice,*", "!alice", "a?ice",
                                        "bob,al*", "al",       "a*i*e",    "!b*,*",  "alice,!al*"};
    struct authority *authority = *state;

    for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
        char *file = NULL, *output = NULL;
        bool theirs;

        assert_true(asprintf(&file, "%s cert-authority %s\n", lists[i], authority->key) > 0);
        keygen_write(&authority->keygen, "persons", file);
        (void)keygen_run(&authority->keygen, &output, "-Y", "match-principals", "-I", "alice", "-f",
                         "persons", NULL);
        theirs = *output;
        if (theirs != (strcmp(find_certificate(authority, lists[i], "cert-authority", "alice"),
                              "alice") == 0))
            fail_msg("%s: %s", lists[i], output);
        free(file);
        free(output);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_without_a_key),
        cmocka_unit_test(test_not_known),
        cmocka_unit_test(test_unreadable),
        cmocka_unit_test(test_time),
        cmocka_unit_test_setup_teardown(test_certificates, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_certificate_is_not_its_key, setup, teardown),
        cmocka_unit_test_setup_teardown(test_like_ssh_keygen, setup, teardown),
        cmocka_unit_test_setup_teardown(test_patterns_like_ssh_keygen, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
