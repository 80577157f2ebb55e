/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "keygen.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/ssh_key.h"

static const struct {
    const char *name, *type, *bits, *says;
} kinds[] = {
    {"ed25519", "ed25519", NULL, "ssh-ed25519"},
    {"rsa1024", "rsa", "1024", "ssh-rsa"},
    {"rsa3072", "rsa", "3072", "ssh-rsa"},
    {"p256", "ecdsa", "256", "ecdsa-sha2-nistp256"},
    {"p384", "ecdsa", "384", "ecdsa-sha2-nistp384"},
    {"p521", "ecdsa", "521", "ecdsa-sha2-nistp521"},
};
#define N_KINDS (sizeof(kinds) / sizeof(*kinds))

static int setup(void **state)
{
    static struct keygen keygen;

    keygen_start(&keygen);
    *state = &keygen;
    return 0;
}

static int teardown(void **state)
{
    keygen_stop(*state);
    return 0;
}

/* Reads "TYPE BASE64", which is cut. */
static int read_text(char *text, struct ssh_key *key, const char **problem)
{
    char *base64 = text;

    *problem = NULL;
    strsep(&base64, " ");
    return ssh_key_read(text, base64, key, problem);
}

/* The second word of `ssh-keygen -l`. */
static void assert_fingerprint(const struct keygen *keygen, const char *file,
                               const struct ssh_key *key)
{
    char buffer[SSH_FINGERPRINT_MAX], *output = NULL, *rest, *word;

    assert_int_equal(keygen_run(keygen, &output, "-l", "-f", file, NULL), 0);
    rest = output;
    strsep(&rest, " ");
    word = strsep(&rest, " ");
    assert_string_equal(ssh_key_fingerprint(key->blob, key->size, buffer), word);
    free(output);
}

static void test_keys_and_certificates(void **state)
{
    const struct keygen *keygen = *state;
    char *authority = keygen_key(keygen, "ca", "ed25519", NULL);
    CLEANUP_SSH_KEY struct ssh_key signer = {0};
    const char *problem;

    assert_int_equal(read_text(authority, &signer, &problem), 0);
    for (size_t i = 0; i < N_KINDS; i++) {
        char *text = keygen_key(keygen, kinds[i].name, kinds[i].type, kinds[i].bits);
        char *certificate = keygen_certificate(keygen, "ca", kinds[i].name, "alice", "alice,bob");
        char file[64];
        CLEANUP_SSH_KEY struct ssh_key key = {0}, about = {0};

        assert_int_equal(read_text(text, &key, &problem), 0);
        assert_string_equal(key.type, kinds[i].says);
        assert_null(key.key_id);
        assert_null(key.authority);
        (void)snprintf(file, sizeof(file), "%s.pub", kinds[i].name);
        assert_fingerprint(keygen, file, &key);

        assert_int_equal(read_text(certificate, &about, &problem), 0);
        assert_string_equal(about.type, kinds[i].says);
        assert_string_equal(about.key_id, "alice");
        assert_int_equal(about.size, key.size);
        assert_memory_equal(about.blob, key.blob, key.size);
        assert_int_equal(about.authority_size, signer.size);
        assert_memory_equal(about.authority, signer.blob, signer.size);
        (void)snprintf(file, sizeof(file), "%s-cert.pub", kinds[i].name);
        assert_fingerprint(keygen, file, &about);
        free(text);
        free(certificate);
    }
    free(authority);
}

static void test_certificates_of_hosts(void **state)
{
    const struct keygen *keygen = *state;
    CLEANUP_SSH_KEY struct ssh_key key = {0};
    const char *problem;
    char *text;

    free(keygen_key(keygen, "ca", "ed25519", NULL));
    free(keygen_key(keygen, "host", "ed25519", NULL));
    assert_int_equal(keygen_run(keygen, NULL, "-q", "-s", "ca", "-I", "alice", "-h", "-n", "alice",
                                "host.pub", NULL),
                     0);
    text = keygen_read(keygen, "host-cert.pub");
    assert_int_equal(read_text(text, &key, &problem), -EINVAL);
    assert_string_equal(problem, "is not the certificate of a user");
    free(text);
}

/* Every shorter one, every longer one, and every one with a bit turned is another or none: no
 * reading past the end, and none taken for the original. */
static void test_damage(void **state)
{
    const struct keygen *keygen = *state;
    uint8_t blob[4096], damaged[4096];
    char base64[6000], *text, *rest;
    size_t size;

    free(keygen_key(keygen, "ca", "ed25519", NULL));
    free(keygen_key(keygen, "p256", "ecdsa", "256"));
    text = keygen_certificate(keygen, "ca", "p256", "alice", "alice");
    rest = text;
    strsep(&rest, " ");
    size = strlen(rest) / 4 * 3;
    assert_true(size < sizeof(blob) - 8);
    EVP_DecodeBlock(blob, (unsigned char *)rest, (int)strlen(rest));
    while (rest[strlen(rest) - 1] == '=') {
        rest[strlen(rest) - 1] = '\0';
        size--;
    }
    for (size_t length = 0; length <= size + 4; length++) {
        CLEANUP_SSH_KEY struct ssh_key key = {0};
        const char *problem = NULL;

        memset(damaged, 0, sizeof(damaged));
        memcpy(damaged, blob, length < size ? length : size);
        EVP_EncodeBlock((unsigned char *)base64, damaged, (int)length);
        assert_int_equal(ssh_key_read(text, base64, &key, &problem), length == size ? 0 : -EINVAL);
        assert_true(!problem == (length == size) || problem);
    }
    for (size_t bit = 0; bit < 8 * size; bit++) {
        CLEANUP_SSH_KEY struct ssh_key key = {0};
        const char *problem = NULL;

        memcpy(damaged, blob, size);
        damaged[bit / 8] ^= (uint8_t)(1u << bit % 8);
        EVP_EncodeBlock((unsigned char *)base64, damaged, (int)size);
        (void)ssh_key_read(text, base64, &key, &problem);
    }
    free(text);
}

#define ALICE "AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"

static void test_text(void **state)
{
    static const struct {
        const char *type, *base64, *problem;
    } bad[] = {
        {"ssh-ed25519", "", "is not base64"},
        {"ssh-ed25519", "AAA", "is not base64"},
        {"ssh-ed25519", ALICE "=", "is not base64"},
        {"ssh-ed25519", ALICE "====", "is not base64"},
        {"ssh-ed25519", ALICE "\n\n\n\n", "is not base64"},
        {"ssh-ed25519", "AAAA C3NzaC1lZDI1NTE5AAA", "is not base64"},
        {"ssh-ed25519",
         "AAAAC3NzaC1lZDI1NTE5AAB=", "is not base64"}, /* bits behind the last byte */
        {"ssh-rsa", ALICE, "is a key of another type than is written before it, or none"},
        {"ssh-ed25519", "AAAAAAAA", "is a key of another type than is written before it, or none"},
        {"ssh-ed25519", ALICE "AAAA", "is no whole key"},
        {"ssh-dss", "AAAAB3NzaC1kc3M=", "is of a type that is not known"},
        {"ssh-ed25519-cert-v01@openssh.com", "AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29t",
         "is no whole certificate"},
        /* e = 0, n = 1; e < 0; 0 before what needs none */
        {"ssh-rsa", "AAAAB3NzaC1yc2EAAAABAAAAAAEB", "is no whole key"},
        {"ssh-rsa", "AAAAB3NzaC1yc2EAAAABgAAAAAEB", "is no whole key"},
        {"ssh-rsa", "AAAAB3NzaC1yc2EAAAACAAEAAAABAQ==", "is no whole key"},
    };
    CLEANUP_SSH_KEY struct ssh_key key = {0};
    const char *problem = NULL;

    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        assert_int_equal(ssh_key_read(bad[i].type, bad[i].base64, &key, &problem), -EINVAL);
        assert_string_equal(problem, bad[i].problem);
        assert_null(key.blob);
    }
    assert_int_equal(ssh_key_read("ssh-ed25519", ALICE, &key, &problem), 0);
    assert_true(ssh_key_is_type("ssh-ed25519") && ssh_key_is_type("ssh-rsa-cert-v01@openssh.com"));
    assert_false(ssh_key_is_type("ssh-dss") || ssh_key_is_type("") || ssh_key_is_type("ED25519"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_keys_and_certificates, setup, teardown),
        cmocka_unit_test_setup_teardown(test_certificates_of_hosts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
        cmocka_unit_test(test_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
