/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "policy/config_value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "duration.h"
#include "text.h"

#define RANGE_MARK "uid:"
#define UID_HIGHEST (UID_UNSET - 1)
#define QUOTE_MAX 160 /* of a value in a message */

static int fail(const struct config_place *place, const char *value, const char *format,
                va_list arguments) __attribute__((format(printf, 3, 0)));

static int fail(const struct config_place *place, const char *value, const char *format,
                va_list arguments)
{
    char sentence[LIMIT_SENTENCE], quoted[QUOTE_MAX] = "", key[QUOTE_MAX];
    const char *hint = "";

    vsnprintf(sentence, sizeof(sentence), format, arguments);
    text_escape_to(key, sizeof(key), place->key);
    if (value) {
        text_escape_to(quoted, sizeof(quoted), value);
        if (strstr(value, " #") || strstr(value, " ;") || strstr(value, "\t#") ||
            strstr(value, "\t;"))
            hint = " (a comment needs a line of its own)";
    }
    return error_set(place->error, ERROR_INVALID_ARGUMENT, "%s:%u: [%s] %s: %s%s%s%s%s",
                     place->file, place->line, place->section, key, value ? "'" : "", quoted,
                     value ? "' " : "", sentence, hint);
}

int config_fail(const struct config_place *place, const char *format, ...)
{
    va_list arguments;
    int r;

    va_start(arguments, format);
    r = fail(place, NULL, format, arguments);
    va_end(arguments);
    return r;
}

int config_fail_value(const struct config_place *place, const char *value, const char *format, ...)
{
    va_list arguments;
    int r;

    va_start(arguments, format);
    r = fail(place, value, format, arguments);
    va_end(arguments);
    return r;
}

int config_out_of_memory(const struct config_place *place)
{
    return config_fail(place, "out of memory");
}

int config_read_word(const struct config_place *place, const char *value, const char *const *names,
                     unsigned *ret_index)
{
    char allowed[256] = "";
    size_t length = 0;

    for (unsigned i = 0; names[i]; i++) {
        if (strcmp(value, names[i]) == 0) {
            *ret_index = i;
            return 0;
        }
        length += (size_t)snprintf(allowed + length, sizeof(allowed) - length, "%s%s",
                                   i == 0         ? ""
                                   : names[i + 1] ? ", "
                                                  : " or ",
                                   names[i]);
    }
    return config_fail_value(place, value, "is not allowed; write %s", allowed);
}

int config_read_bool(const struct config_place *place, const char *value, bool *ret_bool)
{
    static const char *const words[] = {"no", "yes", NULL};
    unsigned index;
    int r;

    r = config_read_word(place, value, words, &index);
    if (r != 0)
        return r;
    *ret_bool = index == 1;
    return 0;
}

/* Digits only; at most 10 of them, so it cannot overflow. */
static int parse_number(const char *text, size_t length, uint64_t *ret_number)
{
    uint64_t number = 0;

    if (length == 0 || length > 10)
        return -EINVAL;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -EINVAL;
        number = number * 10 + (uint64_t)(text[i] - '0');
    }
    *ret_number = number;
    return 0;
}

int config_read_number(const struct config_place *place, const char *value, uint64_t min,
                       uint64_t max, uint64_t *ret_number)
{
    uint64_t number;

    if (parse_number(value, strlen(value), &number) < 0 || number < min || number > max)
        return config_fail_value(
            place, value, "is not allowed; write a number from %" PRIu64 " to %" PRIu64, min, max);
    *ret_number = number;
    return 0;
}

int config_read_duration(const struct config_place *place, const char *value, uint64_t *ret_seconds)
{
    int r = duration_parse(value, ret_seconds);

    if (r == -ERANGE)
        return config_fail_value(place, value, "is out of range; at least 1s, at most 366d");
    if (r < 0)
        return config_fail_value(place, value,
                                 "is not a duration; write for example 90s, 30min or 1h 30min");
    return 0;
}

int config_check_name(const struct config_place *place, const char *name)
{
    if (!text_is_valid(name, LIMIT_NAME))
        return config_fail(place, "a name is longer than %d bytes", LIMIT_NAME);
    if (*name == '\0')
        return config_fail(place, "a name is missing");
    if (*name == '-' || strpbrk(name, " \t:/*?!&|()<>\"'`=;#%,") || text_is_blank(name))
        return config_fail_value(place, name,
                                 "is not a name; names have no blanks and none of "
                                 ":/*?!&|()<>\"'`=;#%% in them");
    if (strspn(name, "0123456789") == strlen(name))
        return config_fail_value(place, name, "is a number; write uid:%s for a uid", name);
    return 0;
}

int config_read_list(const struct config_place *place, const char *value, config_item item,
                     void *userdata)
{
    CLEANUP_FREE char *copy = strdup(value);
    char *rest = copy, *part;
    int r = 0;

    if (!copy)
        return config_out_of_memory(place);
    while (r == 0 && (part = strsep(&rest, ","))) {
        size_t length;

        part += strspn(part, " \t");
        length = strlen(part);
        while (length > 0 && (part[length - 1] == ' ' || part[length - 1] == '\t'))
            part[--length] = '\0';
        if (length == 0)
            return config_fail(place,
                               "there is nothing between two commas or at an end of the list");
        r = item(place, part, userdata);
    }
    return r;
}

/* "1000-1999" or "1000" */
static int read_range(const struct config_place *place, const char *item, uid_t *ret_first,
                      uid_t *ret_last)
{
    const char *text = item + strlen(RANGE_MARK), *dash = strchr(text, '-');
    uint64_t first, last;

    if (parse_number(text, dash ? (size_t)(dash - text) : strlen(text), &first) < 0 ||
        (dash && parse_number(dash + 1, strlen(dash + 1), &last) < 0))
        return config_fail_value(place, item, "is not a range; write for example uid:1000-1999");
    if (!dash)
        last = first;
    if (first > last || last > UID_HIGHEST)
        return config_fail_value(place, item,
                                 "is not a range; the first uid must not be above the last, and "
                                 "none above %u",
                                 UID_HIGHEST);
    *ret_first = (uid_t)first;
    *ret_last = (uid_t)last;
    return 0;
}

static bool is_range(const char *item)
{
    return strncmp(item, RANGE_MARK, strlen(RANGE_MARK)) == 0;
}

/* Room for one more; the count is the caller's to raise. */
static int grow(const struct config_place *place, void **items, size_t count, size_t size)
{
    void *more;

    if (count >= CONFIG_LIST_MAX)
        return config_fail(place, "has more than %d items; use a group", CONFIG_LIST_MAX);
    more = realloc(*items, (count + 1) * size);
    if (!more)
        return config_out_of_memory(place);
    *items = more;
    return 0;
}

static int add_approver(const struct config_place *place, const char *item, void *userdata)
{
    struct principals *principals = userdata;
    struct principal principal = {.is_group = *item == '%',
                                  .is_range = is_range(item),
                                  .is_manager = strcmp(item, MANAGER_WORD) == 0};
    void *items = principals->items;
    int r;

    if (principal.is_group)
        item++;
    r = principal.is_range ? read_range(place, item, &principal.first, &principal.last)
                           : config_check_name(place, item);
    if (r != 0)
        return r;
    for (size_t i = 0; i < principals->count; i++)
        if (principals->items[i].is_group == principal.is_group &&
            strcmp(principals->items[i].name, item) == 0)
            return config_fail(place, "%s%s is listed twice", principal.is_group ? "%" : "", item);

    r = grow(place, &items, principals->count, sizeof(*principals->items));
    if (r != 0)
        return r;
    principals->items = items;
    principal.name = strdup(item);
    if (!principal.name)
        return config_out_of_memory(place);
    principals->items[principals->count++] = principal;
    return 0;
}

static int add_principal(const struct config_place *place, const char *item, void *userdata)
{
    if (strcmp(item, MANAGER_WORD) == 0)
        return config_fail_value(place, item,
                                 "is whoever manages the requester, which means something to "
                                 "approvers and quorum alone; the group is %%%s",
                                 item);
    return add_approver(place, item, userdata);
}

int config_add_principals(const struct config_place *place, const char *value,
                          struct principals *principals)
{
    return config_read_list(place, value, add_principal, principals);
}

int config_add_approvers(const struct config_place *place, const char *value,
                         struct principals *approvers)
{
    return config_read_list(place, value, add_approver, approvers);
}

static int add_account(const struct config_place *place, const char *item, void *userdata)
{
    struct policy *policy = userdata;
    struct policy_account account = {.uid = UID_UNSET, .is_range = is_range(item)};
    void *items = policy->accounts;
    int r;

    if (*item == '%')
        return config_fail_value(place, item,
                                 "is a group; accounts are names or ranges such as uid:200-299");
    r = account.is_range ? read_range(place, item, &account.first, &account.last)
                         : config_check_name(place, item);
    if (r != 0)
        return r;
    for (size_t i = 0; i < policy->n_accounts; i++)
        if (strcmp(policy->accounts[i].name, item) == 0)
            return config_fail(place, "%s is listed twice", item);

    r = grow(place, &items, policy->n_accounts, sizeof(*policy->accounts));
    if (r != 0)
        return r;
    policy->accounts = items;
    if (strcmp(item, "root") == 0) {
        account.uid = 0;
        account.uid_known = true;
    }
    account.name = strdup(item);
    if (!account.name)
        return config_out_of_memory(place);
    policy->accounts[policy->n_accounts++] = account;
    return 0;
}

int config_add_accounts(const struct config_place *place, const char *value, struct policy *policy)
{
    return config_read_list(place, value, add_account, policy);
}
