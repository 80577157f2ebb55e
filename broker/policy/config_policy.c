/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "policy/config_policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/config_keys.h"
#include "policy/quorum.h"
#include "duration.h"

/* A key that another one has made meaningless is an error: whoever wrote it expects something of
 * it. */
static int refuse_without(const struct config_reader *reader, enum policy_key key,
                          const char *other)
{
    struct config_place place = config_place_of(reader, key);

    if (reader->lines[key] == 0)
        return 0;
    return config_fail(&place, "means nothing with %s; leave one of the two out", other);
}

static int check_meaning(const struct config_reader *reader)
{
    static const enum policy_key about_approval[] = {KEY_APPROVERS, KEY_QUORUM, KEY_SELF_APPROVAL,
                                                     KEY_PENDING_TIMEOUT};
    const struct policy *policy = reader->policy;
    int r = 0;

    for (size_t i = 0; i < sizeof(about_approval) / sizeof(*about_approval) && r == 0; i++)
        if (!policy->approval_required)
            r = refuse_without(reader, about_approval[i], "approval = none");
    if (r == 0 && policy->reason == NEED_NO)
        r = refuse_without(reader, KEY_REASON_MIN_LENGTH, "reason = no");
    if (r == 0 && policy->ticket == NEED_NO)
        r = refuse_without(reader, KEY_TICKET_PATTERN, "ticket = no");
    if (r == 0 && policy->clock == CLOCK_STARTS_AT_APPROVAL)
        r = refuse_without(reader, KEY_USE_WITHIN, "clock = approval");
    if (r == 0 && policy->on_end == ON_END_NOTHING)
        r = refuse_without(reader, KEY_WARN_BEFORE, "on-end = nothing");
    return r;
}

static int check_mandatory(const struct config_reader *reader)
{
    static const enum policy_key mandatory[] = {KEY_ACCOUNTS, KEY_REQUESTERS, KEY_APPROVERS};

    for (size_t i = 0; i < sizeof(mandatory) / sizeof(*mandatory); i++) {
        struct config_place place = config_place_of(reader, mandatory[i]);

        if (reader->lines[mandatory[i]] != 0)
            continue;
        if (mandatory[i] != KEY_APPROVERS)
            return config_fail(&place, "is missing; every policy needs it");
        if (reader->policy->approval_required)
            return config_fail(&place, "is missing; name who approves, or write approval = none");
    }
    return 0;
}

/* One of the two alone moves the other's default. */
static int finish_durations(struct config_reader *reader)
{
    struct policy *policy = reader->policy;
    struct config_place place = config_place_of(reader, KEY_DURATION);
    char buffer[DURATION_TEXT_MAX];

    if (policy->duration <= policy->max_duration)
        return 0;
    if (reader->lines[KEY_MAX_DURATION] == 0) {
        policy->max_duration = policy->duration;
        return 0;
    }
    if (reader->lines[KEY_DURATION] == 0) {
        policy->duration = policy->max_duration;
        return 0;
    }
    return config_fail(&place, "is longer than max-duration, which is %s",
                       duration_format(policy->max_duration, buffer));
}

static int finish_quorum(struct config_reader *reader)
{
    struct config_place place = config_place_of(reader, KEY_QUORUM);
    CLEANUP_FREE char *problem = NULL;
    const char *quorum = reader->quorum ? reader->quorum : "1";
    int r;

    if (!reader->policy->approval_required)
        return 0;
    r = quorum_parse(quorum, &reader->policy->approvers, &reader->policy->quorum, &problem);
    if (r == -EINVAL)
        return config_fail_value(&place, quorum,
                                 "cannot be read: %s; write a number, or GROUP:NUMBER and manager "
                                 "joined by &, | and parentheses, stages joined by then",
                                 problem);
    if (r < 0)
        return config_out_of_memory(&place);
    return 0;
}

int config_read_policy(const char *file, const struct config_section *section, const char *name,
                       struct policy **ret_policy, struct error *error)
{
    CLEANUP_POLICY struct policy *policy = policy_new(name);
    struct config_reader reader = {
        .file = file, .section = section, .error = error, .policy = policy};
    int r = 0;

    if (policy) {
        policy->file = strdup(file);
        policy->line = section->line;
    }
    if (!policy || !policy->file)
        return error_set(error, ERROR_INVALID_ARGUMENT, "%s: out of memory", file);

    for (size_t i = 0; i < section->n_entries && r == 0; i++)
        r = config_read_key(&reader, &section->entries[i]);
    if (r == 0)
        r = check_meaning(&reader);
    if (r == 0)
        r = check_mandatory(&reader);
    if (r == 0)
        r = finish_durations(&reader);
    if (r == 0)
        r = finish_quorum(&reader);
    if (r != 0)
        return r;

    *ret_policy = TAKE_PTR(policy);
    return 0;
}
