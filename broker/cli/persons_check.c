/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/persons_check.h"

#include <errno.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct checker {
    const struct policy_set *set;
    uint64_t now;
    persons_finding report;
    void *userdata;
    const struct person_line *line;
};

const char *check_why_unknown(int error)
{
    switch (error) {
    case 0:
    case ENOENT:
    case ESRCH:
    case EBADF:
    case EPERM:
        return "does not exist on this host";
    default:
        return "could not be looked up";
    }
}

static void tell(struct checker *checker, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void tell(struct checker *checker, const char *format, ...)
{
    char sentence[LIMIT_SENTENCE];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);
    checker->report(checker->line, sentence, checker->userdata);
}

static void check_user(struct checker *checker, const char *name)
{
    struct identity person = {.name = (char *)name};
    const struct policy *sharing;
    const struct passwd *user;

    errno = 0;
    user = getpwnam(name);
    if (!user) {
        tell(checker, "the user %s %s", name, check_why_unknown(errno));
        return;
    }
    person.uid = user->pw_uid;
    if (person.uid == 0) {
        tell(checker, "%s has uid 0, which is no person: the login is refused", name);
        return;
    }
    user = getpwuid(person.uid);
    if (user && strcmp(user->pw_name, name) != 0) {
        tell(checker, "%s is another name of %s (uid %u): the login is refused; write that name",
             name, user->pw_name, person.uid);
        return;
    }
    sharing = policy_sharing(checker->set, &person);
    if (sharing)
        tell(checker, "%s is a shared account itself, by policy %s: write whose key it is", name,
             sharing->name);
}

/* The names in a list of patterns: what they do not fit is nobody's Key ID. */
static void check_patterns(struct checker *checker, const char *list)
{
    bool fits = false;

    for (const char *at = list;; at++) {
        bool negated = *at == '!';
        size_t length = strcspn(at += negated, ",");
        char name[LIMIT_NAME + 1];

        fits = fits || !negated;
        if (!negated && length < sizeof(name) && strcspn(at, "*?") >= length) {
            memcpy(name, at, length);
            name[length] = '\0';
            check_user(checker, name);
        }
        at += length;
        if (!*at)
            break;
    }
    if (!fits)
        tell(checker, "fits nobody: every pattern excludes");
}

void persons_check(const struct policy_set *set, uint64_t now, persons_finding report,
                   void *userdata)
{
    struct checker checker = {.set = set, .now = now, .report = report, .userdata = userdata};

    for (size_t i = 0; i < set->persons->n_lines; i++) {
        const struct person_line *line = checker.line = set->persons->lines[i];

        if (line->other_purpose)
            tell(&checker, "is passed over: its namespaces leave out pam-checkout");
        else if (line->valid_before && line->valid_before < now)
            tell(&checker, "fits nobody any more: its valid-before is over");
        else if (line->is_authority)
            check_patterns(&checker, line->principals);
        else
            check_user(&checker, line->principals);
    }
}
