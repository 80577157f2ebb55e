/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "policy/persons_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "cleanup.h"

static bool pattern_fits(const char *pattern, size_t length, const char *text)
{
    const char *end = pattern + length, *star = NULL, *star_text = NULL;

    while (*text) {
        if (pattern < end && *pattern == '*') {
            star = pattern++;
            star_text = text;
        } else if (pattern < end && (*pattern == '?' || *pattern == *text)) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star + 1;
            text = ++star_text;
        } else {
            return false;
        }
    }
    while (pattern < end && *pattern == '*')
        pattern++;
    return pattern == end;
}

bool persons_pattern_list_fits(const char *list, const char *text)
{
    bool fits = false;

    for (const char *at = list;; at++) {
        bool negated = *at == '!';
        size_t length;

        at += negated;
        length = strcspn(at, ",");
        if (pattern_fits(at, length, text)) {
            if (negated)
                return false;
            fits = true;
        }
        at += length;
        if (!*at)
            return fits;
    }
}

int persons_options_measure(const char *text, size_t *ret_length)
{
    bool quoted = false;
    const char *at = text;

    for (; *at && (quoted || (*at != ' ' && *at != '\t')); at++) {
        if (*at == '\\' && at[1] == '"')
            at++;
        else if (*at == '"')
            quoted = !quoted;
    }
    if (quoted)
        return -EINVAL;
    *ret_length = (size_t)(at - text);
    return 0;
}

/* The option of that name and its "="; *at goes behind them. */
static bool takes(const char **at, const char *name)
{
    size_t length = strlen(name);

    if (strncasecmp(*at, name, length) != 0 || (*at)[length] != '=')
        return false;
    *at += length + 1;
    return true;
}

/* A value in quotes, where \" is a quote; *at goes behind it. */
static int read_quoted(const char **at, char **ret_value)
{
    const char *from = *at;
    char *value, *to;

    if (*from++ != '"')
        return -EINVAL;
    value = to = calloc(1, strlen(from) + 1);
    if (!value)
        return -ENOMEM;
    for (; *from && *from != '"'; from++) {
        if (*from == '\\' && from[1] == '"')
            from++;
        *to++ = *from;
    }
    *to = '\0';
    if (*from != '"') {
        free(value);
        return -EINVAL;
    }
    *at = from + 1;
    *ret_value = value;
    return 0;
}

static unsigned two_digits(const char *at)
{
    return (unsigned)(at[0] - '0') * 10 + (unsigned)(at[1] - '0');
}

/* YYYYMMDD or YYYYMMDDHHMM[SS], in the machine's zone or, with Z behind it, in UTC. */
static int read_time(const char *text, uint64_t *ret_time)
{
    size_t digits = strspn(text, "0123456789");
    bool utc = strcasecmp(text + digits, "Z") == 0 || strcasecmp(text + digits, "UTC") == 0;
    struct tm given = {0}, tm;
    time_t seconds;

    if ((digits != 8 && digits != 12 && digits != 14) || (text[digits] && !utc))
        return -EINVAL;
    given.tm_year = (int)(two_digits(text) * 100 + two_digits(text + 2)) - 1900;
    given.tm_mon = (int)two_digits(text + 4) - 1;
    given.tm_mday = (int)two_digits(text + 6);
    given.tm_hour = digits > 8 ? (int)two_digits(text + 8) : 0;
    given.tm_min = digits > 8 ? (int)two_digits(text + 10) : 0;
    given.tm_sec = digits > 12 ? (int)two_digits(text + 12) : 0;
    given.tm_isdst = -1;
    tm = given;
    seconds = utc ? timegm(&tm) : mktime(&tm);
    /* An hour that the clocks left out comes back as another; a day that does not exist, too. */
    if (seconds <= 0 || tm.tm_mon != given.tm_mon || tm.tm_mday != given.tm_mday ||
        given.tm_hour > 23 || given.tm_min > 59 || given.tm_sec > 59)
        return -EINVAL;
    *ret_time = (uint64_t)seconds;
    return 0;
}

static int read_moment(const char **at, uint64_t *moment, const char **ret_problem)
{
    CLEANUP_FREE char *value = NULL;
    int r;

    if (*moment) {
        *ret_problem = "says one option twice";
        return -EINVAL;
    }
    *ret_problem = "has a time that is not \"YYYYMMDD\" or \"YYYYMMDDHHMM\", with seconds or Z";
    r = read_quoted(at, &value);
    return r < 0 ? r : read_time(value, moment);
}

static int read_namespaces(const char **at, bool *seen, struct persons_options *options,
                           const char **ret_problem)
{
    CLEANUP_FREE char *value = NULL;
    int r;

    *ret_problem = *seen ? "says one option twice" : "has namespaces that are not in quotes";
    if (*seen)
        return -EINVAL;
    *seen = true;
    r = read_quoted(at, &value);
    if (r == 0)
        options->other_purpose = !persons_pattern_list_fits(value, PERSONS_NAMESPACE);
    return r;
}

int persons_options_read(const char *text, struct persons_options *ret_options,
                         const char **ret_problem)
{
    static const char authority[] = "cert-authority";
    struct persons_options options = {0};
    bool namespaces = false;
    int r = 0;

    for (const char *at = text; r == 0;) {
        if (strncasecmp(at, authority, strlen(authority)) == 0 &&
            strchr(",", at[strlen(authority)])) {
            options.is_authority = true;
            at += strlen(authority);
        } else if (takes(&at, "namespaces")) {
            r = read_namespaces(&at, &namespaces, &options, ret_problem);
        } else if (takes(&at, "valid-after")) {
            r = read_moment(&at, &options.valid_after, ret_problem);
        } else if (takes(&at, "valid-before")) {
            r = read_moment(&at, &options.valid_before, ret_problem);
        } else {
            *ret_problem = "has neither a key nor options behind the name; options are "
                           "cert-authority, namespaces, valid-after and valid-before";
            r = -EINVAL;
        }
        if (r == 0 && !*at)
            break;
        if (r == 0 && *at++ != ',') {
            *ret_problem = "has an option with something behind it";
            r = -EINVAL;
        }
    }
    if (r == 0 && options.valid_before && options.valid_before <= options.valid_after) {
        *ret_problem = "is never valid: valid-before is not behind valid-after";
        r = -EINVAL;
    }
    if (r == 0)
        *ret_options = options;
    return r;
}
