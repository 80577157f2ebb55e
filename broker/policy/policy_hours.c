/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "policy/policy_hours.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>

#include "cleanup.h"

#define ZONES "/usr/share/zoneinfo/"
#define ZONE_MAX 64 /* the longest name of the tz database has 32 bytes */
#define MACHINE_ZONE "/etc/localtime"
#define DAY_MINUTES (24 * 60)
#define EVERY_DAY 0x7fu

static const char *const day_names[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};

/* The number of the day that the text begins with, -1 if it begins with none. */
static int day_at(const char *text)
{
    for (int day = 0; day < 7; day++)
        if (strncasecmp(text, day_names[day], 3) == 0)
            return day;
    return -1;
}

/* "Mon", "Mon..Fri", "Fri..Mon", "Mon..Wed,Sat" */
static int parse_days(const char *text, unsigned *ret_days)
{
    unsigned days = 0;

    for (;;) {
        int first = day_at(text), last = first;

        if (first < 0)
            return -EINVAL;
        text += 3;
        if (strncmp(text, "..", 2) == 0) {
            last = day_at(text + 2);
            if (last < 0)
                return -EINVAL;
            text += 5;
        }
        for (int day = first;; day = (day + 1) % 7) {
            days |= 1u << day;
            if (day == last)
                break;
        }
        if (*text == '\0')
            break;
        if (*text++ != ',')
            return -EINVAL;
    }
    *ret_days = days;
    return 0;
}

static int digits(const char *text)
{
    if (text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9')
        return -1;
    return (text[0] - '0') * 10 + (text[1] - '0');
}

/* "HH:MM"; 24:00 is the end of a day. */
static int parse_time(const char *text, unsigned *ret_minutes)
{
    int hours = digits(text), minutes;

    if (hours < 0 || text[2] != ':')
        return -EINVAL;
    minutes = digits(text + 3);
    if (minutes < 0 || minutes > 59 || hours > 24 || (hours == 24 && minutes > 0))
        return -EINVAL;
    *ret_minutes = (unsigned)(hours * 60 + minutes);
    return 0;
}

static int parse_times(const char *text, unsigned *ret_from, unsigned *ret_to)
{
    unsigned from, to;

    if (strlen(text) != strlen("HH:MM-HH:MM") || text[5] != '-' || parse_time(text, &from) < 0 ||
        parse_time(text + 6, &to) < 0 || from == DAY_MINUTES)
        return -EINVAL;
    *ret_from = from;
    *ret_to = to;
    return 0;
}

/* Names come from a file of root's, but nothing good begins with a dot or a slash. */
static bool zone_name_is_sane(const char *zone)
{
    if (strlen(zone) > ZONE_MAX || zone[0] == '/' || zone[0] == '-')
        return false;
    for (const char *c = zone; *c; c++)
        if (!((*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') ||
              *c == '_' || *c == '-' || *c == '+' || *c == '/'))
            return false;
    return true;
}

/* The zone's name must be sane. */
static void zone_path(const char *zone, char path[static sizeof(ZONES) + ZONE_MAX])
{
    memcpy(path, ZONES, sizeof(ZONES) - 1);
    memcpy(path + sizeof(ZONES) - 1, zone, strlen(zone) + 1);
}

/* RFC 8536, 3.1: the file begins with "TZif". */
static bool zone_exists(const char *zone)
{
    char path[sizeof(ZONES) + ZONE_MAX], magic[4];
    CLEANUP_CLOSE int fd = -1;
    struct stat st;

    if (!zone_name_is_sane(zone))
        return false;
    zone_path(zone, path);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
           read(fd, magic, sizeof(magic)) == (ssize_t)sizeof(magic) &&
           memcmp(magic, "TZif", sizeof(magic)) == 0;
}

int policy_hours_parse(const char *text, struct policy_hours *ret_hours, const char **ret_problem)
{
    CLEANUP(policy_hours_clear) struct policy_hours hours = {.days = EVERY_DAY};
    CLEANUP_FREE char *copy = NULL;
    char *words[3], *rest, *word;
    size_t n_words = 0, times = 0;

    copy = strdup(text);
    if (!copy)
        return -ENOMEM;
    for (rest = copy; (word = strsep(&rest, " \t"));) {
        if (!*word)
            continue;
        if (n_words == 3) {
            *ret_problem = "has too many words";
            return -EINVAL;
        }
        words[n_words++] = word;
    }
    if (n_words == 0) {
        *ret_problem = "is empty";
        return -EINVAL;
    }

    if (day_at(words[0]) >= 0) {
        if (parse_days(words[0], &hours.days) < 0) {
            *ret_problem = "has days that cannot be read";
            return -EINVAL;
        }
        times = 1;
    }
    if (times == n_words) {
        *ret_problem = "has no times";
        return -EINVAL;
    }
    if (parse_times(words[times], &hours.from, &hours.to) < 0) {
        *ret_problem = "has times that cannot be read";
        return -EINVAL;
    }
    if (hours.from == hours.to) {
        *ret_problem = "begins and ends at the same time";
        return -EINVAL;
    }
    if (times + 1 < n_words) {
        if (times + 2 < n_words) {
            *ret_problem = "has too many words";
            return -EINVAL;
        }
        if (!zone_exists(words[times + 1])) {
            *ret_problem = "names a time zone that is not in " ZONES;
            return -EINVAL;
        }
        hours.zone = strdup(words[times + 1]);
        if (!hours.zone)
            return -ENOMEM;
    }

    *ret_hours = hours;
    hours.zone = NULL;
    return 0;
}

void policy_hours_clear(struct policy_hours *hours)
{
    free(hours->zone);
    hours->zone = NULL;
}

/* The C library knows zones other than the process's own only by way of TZ. systemd forks a child
 * for this; the broker has a single thread, so it swaps TZ and puts it back. The full path keeps
 * TZDIR out of it, and a file that has gone is refused, because tzset(3) would take UTC without a
 * word. */
static int local_time(const char *zone, uint64_t wall, struct tm *ret_local)
{
    char value[1 + sizeof(ZONES) + ZONE_MAX] = ":" MACHINE_ZONE;
    CLEANUP_FREE char *saved = NULL;
    const char *current = getenv("TZ");
    time_t seconds = (time_t)wall;
    struct tm local;
    int r = 0;

    if (wall > INT64_MAX)
        return -ERANGE;
    if (zone) {
        zone_path(zone, value + 1);
        if (access(value + 1, R_OK) < 0)
            return -errno;
    }
    if (current) {
        saved = strdup(current);
        if (!saved)
            return -ENOMEM;
    }

    if (setenv("TZ", value, 1) < 0)
        return -errno;
    tzset();
    if (!localtime_r(&seconds, &local))
        r = -errno;

    /* Putting back a value that was there a moment ago needs no new memory in practice; if it fails
     * all the same the process goes on with a zone that is not its own, which its logs only show.
     */
    if (saved)
        (void)setenv("TZ", saved, 1);
    else
        (void)unsetenv("TZ");
    tzset();

    if (r == 0)
        *ret_local = local;
    return r;
}

bool policy_hours_include(const struct policy_hours *hours, uint64_t wall)
{
    unsigned today, yesterday, minute;
    struct tm local = {0};

    if (local_time(hours->zone, wall, &local) < 0)
        return false;
    today = 1u << ((local.tm_wday + 6) % 7);
    yesterday = 1u << ((local.tm_wday + 5) % 7);
    minute = (unsigned)(local.tm_hour * 60 + local.tm_min);

    if (hours->from < hours->to)
        return (hours->days & today) && minute >= hours->from && minute < hours->to;
    return ((hours->days & today) && minute >= hours->from) ||
           ((hours->days & yesterday) && minute < hours->to);
}
