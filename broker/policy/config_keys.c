/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "policy/config_keys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/config_value.h"

#define COUNT_MAX 1000000 /* of uses and open check-outs: more is `unlimited` */

typedef int (*key_reader)(const struct config_place *place, const char *value,
                          struct config_reader *reader);

static int read_accounts(const struct config_place *place, const char *value,
                         struct config_reader *reader)
{
    return config_add_accounts(place, value, reader->policy);
}

static int read_requesters(const struct config_place *place, const char *value,
                           struct config_reader *reader)
{
    return config_add_principals(place, value, &reader->policy->requesters);
}

static int read_exempt(const struct config_place *place, const char *value,
                       struct config_reader *reader)
{
    return config_add_principals(place, value, &reader->policy->exempt);
}

static int read_approvers(const struct config_place *place, const char *value,
                          struct config_reader *reader)
{
    return config_add_approvers(place, value, &reader->policy->approvers);
}

static int add_door(const struct config_place *place, const char *item, void *userdata)
{
    struct config_reader *reader = userdata;
    unsigned door = strcmp(item, "any") == 0 ? DOOR_ANY : door_from_name(item);

    if (door == 0)
        return config_fail_value(place, item, "is not a door; write sudo, su, ssh, login or any");
    if (reader->policy->doors & door)
        return config_fail(place, "%s is listed twice", item);
    reader->policy->doors |= door;
    return 0;
}

static int read_doors(const struct config_place *place, const char *value,
                      struct config_reader *reader)
{
    if (reader->lines[KEY_DOORS] == 0)
        reader->policy->doors = 0;
    return config_read_list(place, value, add_door, reader);
}

static int add_source(const struct config_place *place, const char *item, void *userdata)
{
    struct policy *policy = userdata;
    struct policy_source source, *more;
    const char *problem;

    if (policy_source_parse(item, &source, &problem) < 0)
        return config_fail_value(
            place, item, "%s; write an address, a network such as 10.0.0.0/8, or local", problem);
    if (policy->n_from >= CONFIG_LIST_MAX)
        return config_fail(place, "has more than %d items", CONFIG_LIST_MAX);
    more = realloc(policy->from, (policy->n_from + 1) * sizeof(*more));
    if (!more)
        return config_out_of_memory(place);
    policy->from = more;
    policy->from[policy->n_from++] = source;
    return 0;
}

static int read_from(const struct config_place *place, const char *value,
                     struct config_reader *reader)
{
    return config_read_list(place, value, add_source, reader->policy);
}

static int read_approval(const struct config_place *place, const char *value,
                         struct config_reader *reader)
{
    static const char *const words[] = {"none", "required", NULL};
    unsigned index;
    int r = config_read_word(place, value, words, &index);

    if (r == 0)
        reader->policy->approval_required = index == 1;
    return r;
}

static int read_quorum(const struct config_place *place, const char *value,
                       struct config_reader *reader)
{
    reader->quorum = value;
    return 0;
}

static int read_self_approval(const struct config_place *place, const char *value,
                              struct config_reader *reader)
{
    return config_read_bool(place, value, &reader->policy->self_approval);
}

static int read_need(const struct config_place *place, const char *value,
                     enum policy_need *ret_need)
{
    static const char *const words[] = {
        [NEED_NO] = "no", [NEED_OPTIONAL] = "optional", [NEED_REQUIRED] = "required", NULL};
    unsigned index;
    int r = config_read_word(place, value, words, &index);

    if (r == 0)
        *ret_need = (enum policy_need)index;
    return r;
}

static int read_reason(const struct config_place *place, const char *value,
                       struct config_reader *reader)
{
    return read_need(place, value, &reader->policy->reason);
}

static int read_reason_min_length(const struct config_place *place, const char *value,
                                  struct config_reader *reader)
{
    return config_read_number(place, value, 1, LIMIT_REASON, &reader->policy->reason_min_length);
}

static int read_ticket(const struct config_place *place, const char *value,
                       struct config_reader *reader)
{
    return read_need(place, value, &reader->policy->ticket);
}

static int read_ticket_pattern(const struct config_place *place, const char *value,
                               struct config_reader *reader)
{
    char problem[128] = "";
    int r;

    if (strlen(value) > TICKET_PATTERN_MAX)
        return config_fail(place, "is longer than %d bytes", TICKET_PATTERN_MAX);
    r = ticket_pattern_new(value, &reader->policy->ticket_pattern, problem, sizeof(problem));
    if (r == -ENOMEM)
        return config_out_of_memory(place);
    if (r < 0)
        return config_fail_value(place, value, "is not a regular expression (pcre2syntax(3)): %s",
                                 problem);
    return 0;
}

static int read_duration(const struct config_place *place, const char *value,
                         struct config_reader *reader)
{
    return config_read_duration(place, value, &reader->policy->duration);
}

static int read_max_duration(const struct config_place *place, const char *value,
                             struct config_reader *reader)
{
    return config_read_duration(place, value, &reader->policy->max_duration);
}

static int read_pending_timeout(const struct config_place *place, const char *value,
                                struct config_reader *reader)
{
    return config_read_duration(place, value, &reader->policy->pending_timeout);
}

static int read_use_within(const struct config_place *place, const char *value,
                           struct config_reader *reader)
{
    return config_read_duration(place, value, &reader->policy->use_within);
}

static int read_clock(const struct config_place *place, const char *value,
                      struct config_reader *reader)
{
    static const char *const words[] = {
        [CLOCK_STARTS_AT_APPROVAL] = "approval", [CLOCK_STARTS_AT_FIRST_USE] = "first-use", NULL};
    unsigned index;
    int r = config_read_word(place, value, words, &index);

    if (r == 0)
        reader->policy->clock = (enum policy_clock)index;
    return r;
}

static int read_hours(const struct config_place *place, const char *value,
                      struct config_reader *reader)
{
    struct policy *policy = reader->policy;
    struct policy_hours hours, *more;
    const char *problem;
    int r;

    if (policy->n_hours >= CONFIG_LIST_MAX)
        return config_fail(place, "has more than %d lines", CONFIG_LIST_MAX);
    more = realloc(policy->hours, (policy->n_hours + 1) * sizeof(*more));
    if (!more)
        return config_out_of_memory(place);
    policy->hours = more;
    r = policy_hours_parse(value, &hours, &problem);
    if (r == -ENOMEM)
        return config_out_of_memory(place);
    if (r < 0)
        return config_fail_value(place, value,
                                 "%s; write for example Mon..Fri 07:00-19:00 Europe/Berlin, and "
                                 "repeat the key for more hours",
                                 problem);
    policy->hours[policy->n_hours++] = hours;
    return 0;
}

static int read_exclusive(const struct config_place *place, const char *value,
                          struct config_reader *reader)
{
    return config_read_bool(place, value, &reader->policy->exclusive);
}

static int read_count(const struct config_place *place, const char *value, uint64_t *ret_count)
{
    if (strcmp(value, "unlimited") == 0) {
        *ret_count = 0;
        return 0;
    }
    if (config_read_number(place, value, 1, COUNT_MAX, ret_count) != 0)
        return config_fail_value(
            place, value, "is not allowed; write a number from 1 to %d, or unlimited", COUNT_MAX);
    return 0;
}

static int read_uses(const struct config_place *place, const char *value,
                     struct config_reader *reader)
{
    return read_count(place, value, &reader->policy->uses);
}

static int read_max_open(const struct config_place *place, const char *value,
                         struct config_reader *reader)
{
    return read_count(place, value, &reader->policy->max_open);
}

static int read_person(const struct config_place *place, const char *value,
                       struct config_reader *reader)
{
    static const char *const words[] = {
        [PERSON_IS_ACCOUNT] = "account", [PERSON_IS_KEY_OWNER] = "key", NULL};
    unsigned index;
    int r = config_read_word(place, value, words, &index);

    if (r == 0)
        reader->policy->person = (enum policy_person)index;
    return r;
}

static int read_on_end(const struct config_place *place, const char *value,
                       struct config_reader *reader)
{
    static const char *const words[] = {[ON_END_TERMINATE] = "terminate",
                                        [ON_END_WARN] = "warn",
                                        [ON_END_NOTHING] = "nothing",
                                        NULL};
    unsigned index;
    int r = config_read_word(place, value, words, &index);

    if (r == 0)
        reader->policy->on_end = (enum policy_on_end)index;
    return r;
}

static int read_warn_before(const struct config_place *place, const char *value,
                            struct config_reader *reader)
{
    if (strcmp(value, "no") == 0) {
        reader->policy->warn_before = 0;
        return 0;
    }
    return config_read_duration(place, value, &reader->policy->warn_before);
}

static int read_return_on_logout(const struct config_place *place, const char *value,
                                 struct config_reader *reader)
{
    return config_read_bool(place, value, &reader->policy->return_on_logout);
}

static int read_survive_reboot(const struct config_place *place, const char *value,
                               struct config_reader *reader)
{
    return config_read_bool(place, value, &reader->policy->survive_reboot);
}

static const struct {
    const char *name;
    bool repeats;
    key_reader read;
} keys[KEY_COUNT] = {
    [KEY_ACCOUNTS] = {"accounts", true, read_accounts},
    [KEY_REQUESTERS] = {"requesters", true, read_requesters},
    [KEY_DOORS] = {"doors", true, read_doors},
    [KEY_FROM] = {"from", true, read_from},
    [KEY_EXEMPT] = {"exempt", true, read_exempt},
    [KEY_APPROVAL] = {"approval", false, read_approval},
    [KEY_APPROVERS] = {"approvers", true, read_approvers},
    [KEY_QUORUM] = {"quorum", false, read_quorum},
    [KEY_SELF_APPROVAL] = {"self-approval", false, read_self_approval},
    [KEY_REASON] = {"reason", false, read_reason},
    [KEY_REASON_MIN_LENGTH] = {"reason-min-length", false, read_reason_min_length},
    [KEY_TICKET] = {"ticket", false, read_ticket},
    [KEY_TICKET_PATTERN] = {"ticket-pattern", false, read_ticket_pattern},
    [KEY_DURATION] = {"duration", false, read_duration},
    [KEY_MAX_DURATION] = {"max-duration", false, read_max_duration},
    [KEY_PENDING_TIMEOUT] = {"pending-timeout", false, read_pending_timeout},
    [KEY_USE_WITHIN] = {"use-within", false, read_use_within},
    [KEY_CLOCK] = {"clock", false, read_clock},
    [KEY_HOURS] = {"hours", true, read_hours},
    [KEY_EXCLUSIVE] = {"exclusive", false, read_exclusive},
    [KEY_USES] = {"uses", false, read_uses},
    [KEY_MAX_OPEN] = {"max-open", false, read_max_open},
    [KEY_PERSON] = {"person", false, read_person},
    [KEY_ON_END] = {"on-end", false, read_on_end},
    [KEY_WARN_BEFORE] = {"warn-before", false, read_warn_before},
    [KEY_RETURN_ON_LOGOUT] = {"return-on-logout", false, read_return_on_logout},
    [KEY_SURVIVE_REBOOT] = {"survive-reboot", false, read_survive_reboot},
};

static int fail_unknown(const struct config_place *place)
{
    char names[640] = "";
    size_t length = 0;

    for (unsigned key = 0; key < KEY_COUNT; key++)
        length += (size_t)snprintf(names + length, sizeof(names) - length, " %s", keys[key].name);
    return config_fail(place, "there is no such key; there are%s", names);
}

int config_read_key(struct config_reader *reader, const struct config_entry *entry)
{
    struct config_place place = {.file = reader->file,
                                 .line = entry->line,
                                 .section = reader->section->name,
                                 .key = entry->key,
                                 .error = reader->error};
    int r;

    for (unsigned key = 0; key < KEY_COUNT; key++) {
        if (strcmp(keys[key].name, entry->key) != 0)
            continue;
        if (reader->lines[key] != 0 && !keys[key].repeats)
            return config_fail(&place, "is given twice (first in line %u); it takes one value",
                               reader->lines[key]);
        if (!*entry->value)
            return config_fail(&place, "has no value; leave the key out for its default");
        r = keys[key].read(&place, entry->value, reader);
        if (r == 0)
            reader->lines[key] = entry->line;
        return r;
    }
    return fail_unknown(&place);
}

struct config_place config_place_of(const struct config_reader *reader, enum policy_key key)
{
    return (struct config_place){
        .file = reader->file,
        .line = reader->lines[key] ? reader->lines[key] : reader->section->line,
        .section = reader->section->name,
        .key = keys[key].name,
        .error = reader->error,
    };
}
