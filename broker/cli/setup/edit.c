/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/setup/edit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

#define GATE_FILE "pam-checkout"
#define MODULE "pam_checkout.so"

struct writing {
    FILE *out;
    char *text;
    size_t length;
};

static bool writing_begin(struct writing *writing)
{
    *writing = (struct writing){0};
    writing->out = open_memstream(&writing->text, &writing->length);
    return writing->out != NULL;
}

static char *writing_end(struct writing *writing)
{
    if (fclose(writing->out) != 0) {
        free(writing->text);
        return NULL;
    }
    return writing->text;
}

/* The line at *at, which goes on behind it. NULL at the end. */
static const char *next_line(const char **at, size_t *ret_length)
{
    const char *line = *at;

    if (*line == '\0')
        return NULL;
    *ret_length = strcspn(line, "\n");
    *at = line + *ret_length + (line[*ret_length] == '\n');
    return line;
}

static bool is_continued(const char *line, size_t length)
{
    return length > 0 && line[length - 1] == '\\';
}

/* Does the line begin with this word, with a dash before it or not? */
static bool begins(const char *line, size_t length, const char *word)
{
    size_t n = strlen(word), skipped = strspn(line, " \t-");

    return skipped + n < length && strncasecmp(line + skipped, word, n) == 0 &&
           strchr(" \t", line[skipped + n]);
}

/* The second word of an @include. */
static bool includes(const char *line, size_t length, const char *file)
{
    size_t at, n = strlen(file);

    if (!begins(line, length, "@include"))
        return false;
    at = strspn(line, " \t") + strlen("@include");
    at += strspn(line + at, " \t");
    return at + n <= length && strncmp(line + at, file, n) == 0;
}

/* Where lines of a phase begin: its own, or the common file of it. */
static bool is_phase(const char *line, size_t length, const char *phase)
{
    char common[32];

    (void)snprintf(common, sizeof(common), "common-%s", phase);
    return begins(line, length, phase) || includes(line, length, common);
}

/* The common file of a phase alone is where others belong before or behind. */
static bool has_common(const char *text, const char *phase)
{
    char common[32];
    const char *line;
    size_t length;

    (void)snprintf(common, sizeof(common), "common-%s", phase);
    while ((line = next_line(&text, &length)))
        if (includes(line, length, common))
            return true;
    return false;
}

struct insertions {
    const char *before_account; /* once, before the first line of the phase */
    const char *before_session; /* NULL: none */
    const char *behind_session; /* behind the common file, or at the end */
};

static char *insert(const char *text, const struct insertions *insertions)
{
    struct writing writing;
    bool account_is_common = has_common(text, "account");
    bool session_is_common = has_common(text, "session");
    bool account = false, session = false, behind = false, continued = false;
    const char *line;
    size_t length;

    if (!writing_begin(&writing))
        return NULL;
    while ((line = next_line(&text, &length))) {
        bool at_account = account_is_common ? includes(line, length, "common-account")
                                            : is_phase(line, length, "account");
        bool at_session = session_is_common ? includes(line, length, "common-session")
                                            : is_phase(line, length, "session");

        if (!continued && !account && at_account) {
            fprintf(writing.out, "%s", insertions->before_account);
            account = true;
        }
        if (!continued && !session && at_session && insertions->before_session)
            fprintf(writing.out, "%s", insertions->before_session);
        fprintf(writing.out, "%.*s\n", (int)length, line);
        if (!continued && !session && at_session) {
            session = true;
            if (session_is_common) {
                fprintf(writing.out, "%s", insertions->behind_session);
                behind = true;
            }
        }
        continued = is_continued(line, length);
    }
    if (!account)
        fprintf(writing.out, "%s", insertions->before_account);
    if (!session && insertions->before_session)
        fprintf(writing.out, "%s", insertions->before_session);
    if (!behind)
        fprintf(writing.out, "%s", insertions->behind_session);
    return writing_end(&writing);
}

char *edit_sudo_service(const char *text, const char *account)
{
    CLEANUP_FREE char *line = NULL;
    struct insertions insertions = {.behind_session = "session    required   " MODULE "\n"};

    if (strstr(text, MODULE))
        return strdup(text);
    if (asprintf(&line, "account    required   " MODULE " account=%s\n", account) < 0) {
        line = NULL;
        return NULL;
    }
    insertions.before_account = line;
    return insert(text, &insertions);
}

char *edit_service(const char *text, bool twice)
{
    static const struct insertions once = {"account    include    " GATE_FILE "\n", NULL,
                                           "session    include    " GATE_FILE "\n"};
    static const struct insertions both = {"account    include    " GATE_FILE "\n",
                                           "session    include    " GATE_FILE "\n",
                                           "session    include    " GATE_FILE "\n"};
    const char *at = text, *line;
    size_t length;

    while ((line = next_line(&at, &length)))
        if (line[0] != '#' && memmem(line, length, GATE_FILE, strlen(GATE_FILE)))
            return strdup(text);
    return insert(text, twice ? &both : &once);
}

static bool names_service(const char *text, const char *account)
{
    CLEANUP_FREE char *word = NULL;
    const char *line;
    size_t length;

    if (asprintf(&word, "pam_service=sudo-%s,", account) < 0) {
        word = NULL;
        return false;
    }
    while ((line = next_line(&text, &length)))
        if (line[0] != '#' && memmem(line, length, word, strlen(word)))
            return true;
    return false;
}

char *edit_sudoers(const char *text, const char *account)
{
    struct writing writing;
    bool root = strcmp(account, "root") == 0;

    if (text && names_service(text, account))
        return strdup(text);
    if (!writing_begin(&writing))
        return NULL;
    /* Settings for all come before those for single targets, or they would undo them. */
    if (root)
        fprintf(writing.out,
                "# Every sudo goes through the gate of root, and what leads to another uid for "
                "certain\n"
                "# is let out. A line for the target root alone would not hold for sudo -g.\n"
                "Defaults pam_service=sudo-root, pam_login_service=sudo-root, "
                "pam_askpass_service=sudo-root\n"
                "Defaults>ALL,!#0 pam_service=sudo, pam_login_service=sudo-i, "
                "pam_askpass_service=sudo\n");
    fprintf(writing.out, "%s", text ? text : "");
    if (text && text[0] != '\0' && text[strlen(text) - 1] != '\n')
        fputc('\n', writing.out);
    if (!root)
        fprintf(writing.out,
                "Defaults>%s pam_service=sudo-%s, pam_login_service=sudo-%s, "
                "pam_askpass_service=sudo-%s\n",
                account, account, account, account);
    return writing_end(&writing);
}

static bool lists(const char *list, size_t length, const char *account)
{
    size_t n = strlen(account);

    for (size_t i = 0; i < length;) {
        size_t end = i;

        while (end < length && list[end] != ':')
            end++;
        if (end - i == n && strncmp(list + i, account, n) == 0)
            return true;
        i = end + 1;
    }
    return false;
}

char *edit_gate(const char *text, const char *account)
{
    static const char marker[] = " user notin ";
    struct writing writing;
    const char *line;
    size_t length;

    if (!writing_begin(&writing))
        return NULL;
    if (!text)
        fprintf(writing.out,
                "#%%PAM-1.0\n"
                "# The gate for su and ssh. The broker is asked only for the accounts in the "
                "lists; name the\n"
                "# same in both. All others pass without it. What root enters by su from inside a "
                "check-out is\n"
                "# told to the broker, and nobody asked.\n"
                "account [success=1 default=ignore] pam_succeed_if.so quiet user notin %s\n"
                "account required " MODULE "\n"
                "session [success=1 default=ignore] pam_succeed_if.so quiet service notin su:su-l\n"
                "session [success=1 default=ignore] pam_succeed_if.so quiet ruser = root\n"
                "session [success=1 default=ignore] pam_succeed_if.so quiet user notin %s\n"
                "session required " MODULE "\n",
                account, account);
    while (text && (line = next_line(&text, &length))) {
        const char *list = memmem(line, length, marker, strlen(marker));
        size_t before, n;

        if (!list || line[0] == '#') {
            fprintf(writing.out, "%.*s\n", (int)length, line);
            continue;
        }
        list += strlen(marker);
        before = (size_t)(list - line);
        n = strcspn(list, " \t\n");
        if (lists(list, n, account))
            fprintf(writing.out, "%.*s\n", (int)length, line);
        else
            fprintf(writing.out, "%.*s:%s%.*s\n", (int)(before + n), line, account,
                    (int)(length - before - n), list + n);
    }
    return writing_end(&writing);
}
