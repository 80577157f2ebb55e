/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "doctor/sshd.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>

#include "doctor/program.h"

#define CONFIG "/etc/ssh/sshd_config"
#define FOLDER "/etc/ssh/sshd_config.d"

struct sshd {
    char *text; /* "name value" lines, each ended by NUL */
    size_t length;
};

struct sshd *sshd_free(struct sshd *sshd)
{
    if (!sshd)
        return NULL;
    free(sshd->text);
    free(sshd);
    return NULL;
}

/* The main file with its includes led into the tree, where that is not this host. */
static int redirect(const struct tree *tree, char **ret_text)
{
    CLEANUP_FREE char *text = NULL, *out_text = NULL;
    size_t length = 0;
    char *rest, *line;
    FILE *out;
    int r = tree_read(tree, CONFIG, &text, NULL);

    if (r < 0)
        return r;
    out = open_memstream(&out_text, &length);
    if (!out)
        return -ENOMEM;
    for (rest = text; (line = strsep(&rest, "\n"));) {
        const char *word = line + strspn(line, " \t");

        if (strncasecmp(word, "Include", 7) == 0 && strchr(" \t", word[7])) {
            word += 7 + strspn(word + 7, " \t");
            fprintf(out, "Include %s%s\n", word[0] == '/' ? tree_root(tree) : "", word);
        } else {
            fprintf(out, "%s\n", line);
        }
    }
    if (fclose(out) != 0)
        return -ENOMEM;
    *ret_text = TAKE_PTR(out_text);
    return 0;
}

int sshd_load(const struct tree *tree, const char *user, struct sshd **ret_sshd, char **ret_problem)
{
    CLEANUP_SSHD struct sshd *sshd = calloc(1, sizeof(*sshd));
    CLEANUP_FREE char *input = NULL, *output = NULL, *errors = NULL, *connection = NULL;
    char buffer[PATH_MAX];
    const char *argv[8] = {program_find("sshd", buffer), "-T"};
    size_t n = 2;
    int status = 0, r;

    *ret_problem = NULL;
    if (!sshd)
        return -ENOMEM;
    if (!argv[0])
        return -ENOENT;
    if (!tree_is_host(tree)) {
        r = redirect(tree, &input);
        if (r < 0)
            return r;
        argv[n++] = "-f";
        argv[n++] = "/dev/stdin";
    }
    if (user) {
        if (asprintf(&connection, "user=%s,host=localhost,addr=127.0.0.1", user) < 0) {
            connection = NULL;
            return -ENOMEM;
        }
        argv[n++] = "-C";
        argv[n++] = connection;
    }
    argv[n] = NULL;
    r = program_run(argv, input, &output, &errors, &status);
    if (r < 0)
        return r;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || !output) {
        *ret_problem = strndup(errors ? errors : "", strcspn(errors ? errors : "", "\r\n"));
        return -EBADMSG;
    }
    sshd->length = strlen(output);
    sshd->text = TAKE_PTR(output);
    for (char *c = sshd->text; *c; c++)
        if (*c == '\n')
            *c = '\0';
    *ret_sshd = TAKE_PTR(sshd);
    return 0;
}

const char *sshd_setting(const struct sshd *sshd, const char *name)
{
    size_t length = strlen(name);

    for (const char *line = sshd->text; line < sshd->text + sshd->length; line += strlen(line) + 1)
        if (strncasecmp(line, name, length) == 0 && line[length] == ' ')
            return line + length + 1;
    return NULL;
}

static unsigned find_in(const struct tree *tree, const char *path, const char *word)
{
    CLEANUP_FREE char *text = NULL;
    char *rest, *line;
    unsigned number = 0;

    if (tree_read(tree, path, &text, NULL) < 0)
        return 0;
    for (rest = text; (line = strsep(&rest, "\n"));) {
        const char *at = line + strspn(line, " \t");
        size_t length = strlen(word);

        number++;
        if (strncasecmp(at, word, length) == 0 && at[length] != '\0' &&
            strchr(" \t=\"", at[length]))
            return number;
    }
    return 0;
}

unsigned sshd_find_line(const struct tree *tree, const char *word, char **ret_file)
{
    CLEANUP_TREE_NAMES struct tree_names names = {0};
    unsigned line = find_in(tree, CONFIG, word);

    *ret_file = NULL;
    if (line > 0) {
        *ret_file = strdup(CONFIG);
        return line;
    }
    if (tree_list(tree, FOLDER, &names) < 0)
        return 0;
    for (size_t i = 0; i < names.count; i++) {
        CLEANUP_FREE char *path = NULL;

        if (asprintf(&path, FOLDER "/%s", names.names[i]) < 0) {
            path = NULL;
            return 0;
        }
        line = find_in(tree, path, word);
        if (line > 0) {
            *ret_file = TAKE_PTR(path);
            return line;
        }
    }
    return 0;
}
