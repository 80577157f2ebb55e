/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "keygen.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS_MAX 32

void keygen_start(struct keygen *keygen)
{
    strcpy(keygen->directory, "/tmp/pam-checkout-keys-XXXXXX");
    assert_non_null(mkdtemp(keygen->directory));
}

void keygen_stop(struct keygen *keygen)
{
    DIR *dir = opendir(keygen->directory);
    char path[512];

    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        (void)snprintf(path, sizeof(path), "%s/%s", keygen->directory, entry->d_name);
        if (entry->d_name[0] != '.')
            assert_int_equal(unlink(path), 0);
    }
    closedir(dir);
    assert_int_equal(rmdir(keygen->directory), 0);
}

static char *read_all(int fd)
{
    char *text = calloc(1, 65536);
    size_t length = 0;
    ssize_t n;

    assert_non_null(text);
    while ((n = read(fd, text + length, 65535 - length)) > 0)
        length += (size_t)n;
    return text;
}

static int run(const struct keygen *keygen, char **ret_output, const char **words)
{
    int ends[2], status = 0;
    char *output;
    pid_t pid;

    assert_int_equal(pipe(ends), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (chdir(keygen->directory) < 0 || dup2(ends[1], 1) < 0 ||
            !freopen("/dev/null", "w", stderr) || !freopen("/dev/null", "r", stdin))
            _exit(126);
        execvp("ssh-keygen", (char **)words);
        _exit(127);
    }
    close(ends[1]);
    output = read_all(ends[0]);
    close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 126 && WEXITSTATUS(status) != 127);
    if (ret_output)
        *ret_output = output;
    else
        free(output);
    return WEXITSTATUS(status);
}

int keygen_run(const struct keygen *keygen, char **ret_output, ...)
{
    const char *words[WORDS_MAX] = {"ssh-keygen"};
    size_t count = 1;
    va_list arguments;

    va_start(arguments, ret_output);
    while ((words[count] = va_arg(arguments, const char *)))
        assert_true(++count < WORDS_MAX);
    va_end(arguments);
    return run(keygen, ret_output, words);
}

char *keygen_read(const struct keygen *keygen, const char *name)
{
    char path[512], *line = NULL, *end;
    size_t size = 0;
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", keygen->directory, name);
    file = fopen(path, "r");
    assert_non_null(file);
    assert_true(getline(&line, &size, file) > 0);
    fclose(file);
    end = strchr(line, ' ');
    assert_non_null(end);
    end[1 + strcspn(end + 1, " \n")] = '\0';
    return line;
}

char *keygen_key(const struct keygen *keygen, const char *name, const char *type, const char *bits)
{
    char public[128];

    (void)snprintf(public, sizeof(public), "%s.pub", name);
    if (bits)
        assert_int_equal(keygen_run(keygen, NULL, "-q", "-t", type, "-b", bits, "-N", "", "-C", "x",
                                    "-f", name, NULL),
                         0);
    else
        assert_int_equal(
            keygen_run(keygen, NULL, "-q", "-t", type, "-N", "", "-C", "x", "-f", name, NULL), 0);
    return keygen_read(keygen, public);
}

char *keygen_certificate(const struct keygen *keygen, const char *authority, const char *name,
                         const char *key_id, const char *principals)
{
    char public[128], certificate[128];

    (void)snprintf(public, sizeof(public), "%s.pub", name);
    (void)snprintf(certificate, sizeof(certificate), "%s-cert.pub", name);
    assert_int_equal(keygen_run(keygen, NULL, "-q", "-s", authority, "-I", key_id, "-n", principals,
                                public, NULL),
                     0);
    return keygen_read(keygen, certificate);
}

const char *keygen_write(const struct keygen *keygen, const char *name, const char *text)
{
    static char path[512];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", keygen->directory, name);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    return path;
}
