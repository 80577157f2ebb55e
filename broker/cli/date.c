/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/date.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "duration.h"

/* The end of the year 9999: beyond, dates have no form that people read. */
#define DATE_MAX 253402300799LL

/* Reads exactly `digits` decimal digits, then moves on. */
static bool take_digits(const char **text, unsigned digits, int *ret_number)
{
    int number = 0;

    for (unsigned i = 0; i < digits; i++) {
        char c = (*text)[i];

        if (c < '0' || c > '9')
            return false;
        number = number * 10 + (c - '0');
    }
    *text += digits;
    *ret_number = number;
    return true;
}

static bool take_char(const char **text, char wanted)
{
    if (**text != wanted)
        return false;
    (*text)++;
    return true;
}

/* "09:00" or "09:00:30", up to the end of the text. */
static bool take_clock(const char **text, struct tm *tm)
{
    tm->tm_sec = 0;
    if (!take_digits(text, 2, &tm->tm_hour) || !take_char(text, ':') ||
        !take_digits(text, 2, &tm->tm_min))
        return false;
    if (take_char(text, ':') && !take_digits(text, 2, &tm->tm_sec))
        return false;
    return **text == '\0' && tm->tm_hour < 24 && tm->tm_min < 60 && tm->tm_sec < 60;
}

/* mktime() bends what does not exist (31 February, an hour that a summer time skips) into something
 * else; nobody asked for that. */
static int tm_to_time(struct tm *wanted, uint64_t *ret_time)
{
    struct tm tm = *wanted;
    time_t time;

    tm.tm_isdst = -1;
    time = mktime(&tm);
    if (tm.tm_year != wanted->tm_year || tm.tm_mon != wanted->tm_mon ||
        tm.tm_mday != wanted->tm_mday || tm.tm_hour != wanted->tm_hour ||
        tm.tm_min != wanted->tm_min)
        return -EINVAL;
    if (time < 0)
        return -ERANGE;
    *ret_time = (uint64_t)time;
    return 0;
}

static int parse_date(const char *text, uint64_t *ret_time)
{
    struct tm tm = {0};

    if (!take_digits(&text, 4, &tm.tm_year) || !take_char(&text, '-') ||
        !take_digits(&text, 2, &tm.tm_mon) || !take_char(&text, '-') ||
        !take_digits(&text, 2, &tm.tm_mday) || (!take_char(&text, ' ') && !take_char(&text, 'T')) ||
        !take_clock(&text, &tm))
        return -EINVAL;
    if (tm.tm_year < 1970)
        return -ERANGE;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    return tm_to_time(&tm, ret_time);
}

static int parse_clock(const char *text, uint64_t now, enum date_side side, uint64_t *ret_time)
{
    time_t now_time = (time_t)now;
    struct tm tm = {0};
    uint64_t time;
    int r;

    if (!localtime_r(&now_time, &tm))
        return -EINVAL;
    if (!take_clock(&text, &tm))
        return -EINVAL;
    r = tm_to_time(&tm, &time);
    if (r < 0)
        return r;
    if (side == DATE_NEXT ? time <= now : time > now) {
        struct tm noon = tm;
        time_t other_day;

        /* Noon, so that no change of the clock makes it another day. */
        noon.tm_hour = 12;
        noon.tm_isdst = -1;
        noon.tm_mday += side == DATE_NEXT ? 1 : -1;
        other_day = mktime(&noon);
        if (other_day < 0)
            return -ERANGE;
        tm.tm_year = noon.tm_year;
        tm.tm_mon = noon.tm_mon;
        tm.tm_mday = noon.tm_mday;
        return tm_to_time(&tm, ret_time);
    }
    *ret_time = time;
    return 0;
}

static int parse_seconds(const char *text, uint64_t *ret_time)
{
    char *end = NULL;

    if (*text < '0' || *text > '9')
        return -EINVAL;
    errno = 0;
    unsigned long long seconds = strtoull(text, &end, 10);
    if (*end != '\0')
        return -EINVAL;
    if (errno == ERANGE || seconds > DATE_MAX)
        return -ERANGE;
    *ret_time = seconds;
    return 0;
}

int date_parse(const char *text, uint64_t now, enum date_side side, uint64_t *ret_time)
{
    uint64_t seconds;
    int r;

    if (strcmp(text, "now") == 0) {
        *ret_time = now;
        return 0;
    }
    if (text[0] == '@')
        return parse_seconds(text + 1, ret_time);
    if (text[0] == '+' || text[0] == '-') {
        r = duration_parse(text + 1, &seconds);
        if (r < 0)
            return r;
        if (text[0] == '-' && seconds > now)
            return -ERANGE;
        *ret_time = text[0] == '+' ? now + seconds : now - seconds;
        return 0;
    }
    if (strlen(text) >= 3 && text[2] == ':')
        return parse_clock(text, now, side, ret_time);
    return parse_date(text, ret_time);
}

static bool time_to_tm(uint64_t time, struct tm *ret_tm)
{
    time_t value = (time_t)time;

    return time <= DATE_MAX && localtime_r(&value, ret_tm);
}

char *date_format(uint64_t time, char buffer[static DATE_TEXT_MAX])
{
    struct tm tm;

    if (!time_to_tm(time, &tm) || strftime(buffer, DATE_TEXT_MAX, "%Y-%m-%d %H:%M:%S %Z", &tm) == 0)
        snprintf(buffer, DATE_TEXT_MAX, "@%" PRIu64, time);
    return buffer;
}

char *date_format_short(uint64_t time, uint64_t now, char buffer[static DATE_TEXT_MAX])
{
    struct tm tm, today;
    bool is_today;

    if (!time_to_tm(time, &tm) || !time_to_tm(now, &today)) {
        snprintf(buffer, DATE_TEXT_MAX, "@%" PRIu64, time);
        return buffer;
    }
    is_today = tm.tm_year == today.tm_year && tm.tm_yday == today.tm_yday;
    if (strftime(buffer, DATE_TEXT_MAX, is_today ? "%H:%M" : "%Y-%m-%d %H:%M", &tm) == 0)
        snprintf(buffer, DATE_TEXT_MAX, "@%" PRIu64, time);
    return buffer;
}

char *date_format_span(uint64_t seconds, char buffer[static DATE_TEXT_MAX])
{
    static const struct {
        uint64_t seconds;
        const char *name;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
    size_t n_units = sizeof(units) / sizeof(*units), first = 0;
    uint64_t rest;

    while (first + 1 < n_units && seconds < units[first].seconds)
        first++;
    rest = seconds % units[first].seconds;
    if (first + 1 < n_units && rest >= units[first + 1].seconds)
        snprintf(buffer, DATE_TEXT_MAX, "%" PRIu64 "%s %" PRIu64 "%s",
                 seconds / units[first].seconds, units[first].name, rest / units[first + 1].seconds,
                 units[first + 1].name);
    else
        snprintf(buffer, DATE_TEXT_MAX, "%" PRIu64 "%s", seconds / units[first].seconds,
                 units[first].name);
    return buffer;
}

char *date_format_distance(uint64_t time, uint64_t now, char buffer[static DATE_TEXT_MAX])
{
    char span[DATE_TEXT_MAX];

    if (time > now)
        snprintf(buffer, DATE_TEXT_MAX, "in %.40s", date_format_span(time - now, span));
    else if (time < now)
        snprintf(buffer, DATE_TEXT_MAX, "%.40s ago", date_format_span(now - time, span));
    else
        snprintf(buffer, DATE_TEXT_MAX, "now");
    return buffer;
}
