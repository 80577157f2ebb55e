/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "policy/policy.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "policy/persons.h"
#include "policy/policy_managers.h"
#include "policy/quorum.h"
#include "duration.h"
#include "text.h"

#define MINUTE UINT64_C(60)
#define HOUR (60 * MINUTE)

static const struct {
    const char *name;
    unsigned door;
} doors[] = {
    {"sudo", DOOR_SUDO},
    {"su", DOOR_SU},
    {"ssh", DOOR_SSH},
    {"login", DOOR_LOGIN},
};

unsigned door_from_name(const char *name)
{
    for (size_t i = 0; i < sizeof(doors) / sizeof(*doors); i++)
        if (strcmp(doors[i].name, name) == 0)
            return doors[i].door;
    return 0;
}

const char *door_name(unsigned door)
{
    for (size_t i = 0; i < sizeof(doors) / sizeof(*doors); i++)
        if (doors[i].door == door)
            return doors[i].name;
    return "?";
}

struct policy *policy_new(const char *name)
{
    CLEANUP_POLICY struct policy *policy = calloc(1, sizeof(*policy));

    if (!policy)
        return NULL;
    policy->name = strdup(name);
    if (!policy->name)
        return NULL;
    policy->doors = DOOR_ANY;
    policy->approval_required = true;
    policy->reason = NEED_REQUIRED;
    policy->reason_min_length = 1;
    policy->ticket = NEED_OPTIONAL;
    policy->duration = HOUR;
    policy->max_duration = 8 * HOUR;
    policy->pending_timeout = 30 * MINUTE;
    policy->use_within = 24 * HOUR;
    policy->clock = CLOCK_STARTS_AT_APPROVAL;
    policy->person = PERSON_IS_ACCOUNT;
    policy->on_end = ON_END_TERMINATE;
    policy->warn_before = 5 * MINUTE;
    return TAKE_PTR(policy);
}

void principals_clear(struct principals *principals)
{
    for (size_t i = 0; i < principals->count; i++)
        free(principals->items[i].name);
    free(principals->items);
    *principals = (struct principals){0};
}

struct policy *policy_free(struct policy *policy)
{
    if (!policy)
        return NULL;
    free(policy->name);
    free(policy->file);
    for (size_t i = 0; i < policy->n_accounts; i++)
        free(policy->accounts[i].name);
    free(policy->accounts);
    principals_clear(&policy->requesters);
    principals_clear(&policy->exempt);
    principals_clear(&policy->approvers);
    free(policy->from);
    quorum_free(policy->quorum);
    ticket_pattern_free(policy->ticket_pattern);
    for (size_t i = 0; i < policy->n_hours; i++)
        policy_hours_clear(&policy->hours[i]);
    free(policy->hours);
    free(policy);
    return NULL;
}

struct policy_set *policy_set_free(struct policy_set *set)
{
    if (!set)
        return NULL;
    for (size_t i = 0; i < set->n_policies; i++)
        policy_free(set->policies[i]);
    free(set->policies);
    policy_managers_clear(set);
    persons_free(set->persons);
    free(set->text);
    free(set);
    return NULL;
}

bool policy_set_has_open_account(const struct policy_set *set, const char *name)
{
    for (size_t i = 0; i < set->n_policies; i++)
        for (size_t j = 0; j < set->policies[i]->n_accounts; j++) {
            const struct policy_account *account = &set->policies[i]->accounts[j];

            if (policy_account_is_open(account) && (!name || strcmp(account->name, name) == 0))
                return true;
        }
    return false;
}

int principals_include(const struct principals *principals, const struct identity *person)
{
    bool groups_needed = false;

    for (size_t i = 0; i < principals->count; i++) {
        const struct principal *principal = &principals->items[i];

        if (principal->is_group) {
            if (!person->groups_known)
                groups_needed = true;
            else if (identity_in_group(person, principal->name))
                return 1;
        } else if (principal->is_range) {
            if (person->uid != UID_UNSET && person->uid >= principal->first &&
                person->uid <= principal->last)
                return 1;
        } else if (!principal->is_manager && person->name &&
                   strcmp(person->name, principal->name) == 0) {
            return 1;
        }
    }
    return groups_needed ? -EAGAIN : 0;
}

bool principals_name_manager(const struct principals *principals)
{
    for (size_t i = 0; i < principals->count; i++)
        if (principals->items[i].is_manager)
            return true;
    return false;
}

struct approvers approvers_of(const struct policy_set *set, const struct policy *policy,
                              const char *requester)
{
    return (struct approvers){.principals = &policy->approvers,
                              .requester = requester,
                              .manager = policy_manager_of(set, requester)};
}

int approvers_include(const struct approvers *approvers, const struct identity *person)
{
    if (approvers->manager && person->name && strcmp(person->name, approvers->manager) == 0 &&
        principals_name_manager(approvers->principals))
        return 1;
    return principals_include(approvers->principals, person);
}

static bool account_matches(const struct policy_account *account, const struct identity *asked)
{
    if (account->is_range)
        return asked->uid != UID_UNSET && asked->uid >= account->first &&
               asked->uid <= account->last;
    if (asked->name && strcmp(account->name, asked->name) == 0)
        return true;
    if (asked->uid == UID_UNSET)
        return false;
    return account->uid_known && account->uid == asked->uid;
}

static bool names_account(const struct policy *policy, const struct identity *asked)
{
    for (size_t i = 0; i < policy->n_accounts; i++)
        if (account_matches(&policy->accounts[i], asked))
            return true;
    return false;
}

const struct policy *policy_sharing(const struct policy_set *set, const struct identity *account)
{
    for (size_t i = 0; i < set->n_policies; i++) {
        const struct policy *policy = set->policies[i];

        if (policy->person == PERSON_IS_KEY_OWNER && (policy->doors & DOOR_SSH) &&
            names_account(policy, account))
            return policy;
    }
    return NULL;
}

enum policy_match policy_match(const struct policy *policy, const struct policy_question *question,
                               bool shared)
{
    bool found;
    int r;

    if (!names_account(policy, question->account))
        return MATCH_NO_ACCOUNT;

    if (question->door != 0 && (policy->doors & question->door) == 0)
        return MATCH_NO_DOOR;
    if (question->door == DOOR_SSH && shared && policy->person != PERSON_IS_KEY_OWNER)
        return MATCH_SHARED;

    found = question->any_source || policy->n_from == 0;
    for (size_t i = 0; i < policy->n_from && !found; i++)
        found = policy_source_matches(&policy->from[i], question->rhost);
    if (!found)
        return MATCH_NO_SOURCE;

    r = principals_include(&policy->exempt, question->person);
    if (r != 0)
        return r > 0 ? MATCH_EXEMPT : MATCH_NEEDS_GROUPS;
    r = principals_include(&policy->requesters, question->person);
    if (r <= 0)
        return r == 0 ? MATCH_NO_REQUESTER : MATCH_NEEDS_GROUPS;
    return policy_in_hours(policy, question->wall) ? MATCH_DECIDES : MATCH_OUTSIDE_HOURS;
}

const char *policy_verdict_name(enum policy_verdict verdict)
{
    static const char *const names[] = {
        [POLICY_UNMANAGED] = "unmanaged", [POLICY_EXEMPT] = "exempt",
        [POLICY_NOBODY] = "nobody",       [POLICY_OUTSIDE_HOURS] = "outside-hours",
        [POLICY_DECIDES] = "decides",     [POLICY_NEEDS_GROUPS] = "unknown",
    };

    return (unsigned)verdict <= POLICY_NEEDS_GROUPS ? names[verdict] : names[POLICY_NOBODY];
}

struct policy_answer policy_decide(const struct policy_set *set,
                                   const struct policy_question *question)
{
    bool shared = policy_sharing(set, question->account) != NULL;
    bool managed = false;

    for (size_t i = 0; i < set->n_policies; i++) {
        const struct policy *policy = set->policies[i];

        switch (policy_match(policy, question, shared)) {
        case MATCH_NO_ACCOUNT:
            break;
        case MATCH_NO_DOOR:
        case MATCH_SHARED:
        case MATCH_NO_SOURCE:
        case MATCH_NO_REQUESTER:
            managed = true;
            break;
        case MATCH_NEEDS_GROUPS:
            return (struct policy_answer){.verdict = POLICY_NEEDS_GROUPS};
        case MATCH_EXEMPT:
            return (struct policy_answer){.verdict = POLICY_EXEMPT, .policy = policy};
        case MATCH_OUTSIDE_HOURS:
            return (struct policy_answer){.verdict = POLICY_OUTSIDE_HOURS, .policy = policy};
        case MATCH_DECIDES:
            return (struct policy_answer){.verdict = POLICY_DECIDES, .policy = policy};
        }
    }
    return (struct policy_answer){.verdict = managed ? POLICY_NOBODY : POLICY_UNMANAGED};
}

bool policy_in_hours(const struct policy *policy, uint64_t wall)
{
    for (size_t i = 0; i < policy->n_hours; i++)
        if (policy_hours_include(&policy->hours[i], wall))
            return true;
    return policy->n_hours == 0;
}

/* D-Bus knows no absent string, so an empty one was not given. */
static const char *given(const char *text)
{
    return text && *text ? text : NULL;
}

/* Characters of a text that is known to be UTF-8. */
static size_t count_characters(const char *text)
{
    size_t count = 0;

    for (; *text; text++)
        if (((unsigned char)*text & 0xc0u) != 0x80u)
            count++;
    return count;
}

static int check_reason(const struct policy *policy, const char *reason, struct error *error)
{
    int r;

    reason = given(reason);
    if (!reason) {
        if (policy->reason != NEED_REQUIRED)
            return 0;
        if (policy->reason_min_length > 1)
            return error_set(error, ERROR_POLICY_REFUSED,
                             "policy %s wants a reason of at least %" PRIu64 " characters",
                             policy->name, policy->reason_min_length);
        return error_set(error, ERROR_POLICY_REFUSED, "policy %s wants a reason", policy->name);
    }
    r = text_check("reason", reason, 1, LIMIT_REASON, error);
    if (r != 0)
        return r;
    if (count_characters(reason) < policy->reason_min_length)
        return error_set(error, ERROR_POLICY_REFUSED,
                         "the reason is too short: policy %s wants at least %" PRIu64 " characters",
                         policy->name, policy->reason_min_length);
    return 0;
}

static int check_ticket(const struct policy *policy, const char *ticket, struct error *error)
{
    int r;

    ticket = given(ticket);
    if (!ticket) {
        if (policy->ticket != NEED_REQUIRED)
            return 0;
        if (policy->ticket_pattern)
            return error_set(error, ERROR_POLICY_REFUSED, "policy %s wants a ticket of the form %s",
                             policy->name, ticket_pattern_text(policy->ticket_pattern));
        return error_set(error, ERROR_POLICY_REFUSED, "policy %s wants a ticket", policy->name);
    }
    r = text_check("ticket", ticket, 1, LIMIT_TICKET, error);
    if (r != 0)
        return r;
    if (policy->ticket_pattern && !ticket_pattern_fits(policy->ticket_pattern, ticket))
        return error_set(error, ERROR_POLICY_REFUSED,
                         "the ticket does not fit: policy %s wants one of the form %s",
                         policy->name, ticket_pattern_text(policy->ticket_pattern));
    return 0;
}

int policy_check_request(const struct policy *policy, const char *reason, const char *ticket,
                         uint64_t asked_seconds, uint64_t *ret_seconds, struct error *error)
{
    char buffer[DURATION_TEXT_MAX];
    int r;

    r = check_reason(policy, reason, error);
    if (r != 0)
        return r;
    r = check_ticket(policy, ticket, error);
    if (r != 0)
        return r;
    if (asked_seconds > policy->max_duration)
        return error_set(error, ERROR_POLICY_REFUSED, "policy %s allows at most %s", policy->name,
                         duration_format(policy->max_duration, buffer));
    *ret_seconds = asked_seconds > 0 ? asked_seconds : policy->duration;
    return 0;
}
