/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "names/local.h"

#include <ctype.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"

#define ENTRY_MAX 4096

DEFINE_CLEANUP(FILE *, file, fclose);

/* Is "files" the first service of passwd in nsswitch.conf(5), with its default actions? No line for
 * passwd means files alone. */
static bool files_come_first(const char *nsswitch)
{
    CLEANUP(cleanup_file) FILE *file = fopen(nsswitch, "re");
    char line[1024];

    if (!file)
        return errno == ENOENT;
    while (fgets(line, sizeof(line), file)) {
        char *rest = line, *word;

        line[strcspn(line, "#\n")] = '\0';
        rest += strspn(rest, " \t");
        if (strncmp(rest, "passwd", 6) != 0)
            continue;
        rest += 6 + strspn(rest + 6, " \t");
        if (*rest++ != ':')
            continue;
        word = strsep(&rest, " \t");
        while (word && !*word)
            word = strsep(&rest, " \t");
        if (!word || strcmp(word, "files") != 0)
            return false;
        return !rest || rest[strspn(rest, " \t")] != '[';
    }
    return true;
}

int local_user(const char *nsswitch, const char *passwd, const char *name, uid_t uid,
               struct identity *ret_user)
{
    CLEANUP(cleanup_file) FILE *file = NULL;
    char buffer[ENTRY_MAX];
    struct passwd entry, *found = NULL;
    char *copy;
    int r;

    if (!files_come_first(nsswitch))
        return -ENOENT;
    file = fopen(passwd, "re");
    if (!file)
        return -errno;
    while ((r = fgetpwent_r(file, &entry, buffer, sizeof(buffer), &found)) == 0) {
        /* "+" and "-" begin entries that refer to other services (nsswitch.conf(5), compat). */
        if (entry.pw_name[0] == '+' || entry.pw_name[0] == '-')
            continue;
        if (name ? strcmp(entry.pw_name, name) != 0 : entry.pw_uid != uid)
            continue;
        copy = strdup(entry.pw_name);
        if (!copy)
            return -ENOMEM;
        *ret_user = (struct identity){.name = copy, .uid = entry.pw_uid};
        return 0;
    }
    return -r;
}
