/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "policy/policy.h"

#include <stdio.h>
#include <stdlib.h>

#include "cleanup.h"
#include "text.h"

void approvers_write_manager(FILE *out, const struct approvers *approvers)
{
    char requester[2 * LIMIT_NAME];

    if (!approvers->requester) {
        fputs("the requester's manager", out);
        return;
    }
    text_escape_to(requester, sizeof(requester), approvers->requester);
    if (approvers->manager)
        fprintf(out, "%s (%s's manager)", approvers->manager, requester);
    else
        fprintf(out, "%s's manager (none is named)", requester);
}

char *approvers_sentence(const struct approvers *approvers)
{
    const struct principals *principals = approvers->principals;
    CLEANUP_FREE char *text = NULL;
    size_t size = 0;
    FILE *out;

    out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    for (size_t i = 0; i < principals->count; i++) {
        const struct principal *principal = &principals->items[i];

        if (i > 0)
            fputs(i + 1 < principals->count ? ", " : " or ", out);
        if (principal->is_manager)
            approvers_write_manager(out, approvers);
        else if (principal->is_group)
            fprintf(out, "anyone in %%%s", principal->name);
        else if (principal->is_range && principal->first == principal->last)
            fprintf(out, "the user with uid %u", principal->first);
        else if (principal->is_range)
            fprintf(out, "anyone with a uid from %u to %u", principal->first, principal->last);
        else
            fputs(principal->name, out);
    }
    if (principals->count == 0)
        fputs("nobody", out);
    if (fclose(out) != 0)
        return NULL;
    return TAKE_PTR(text);
}

static void write_name(FILE *out, const struct identity *identity)
{
    char name[2 * LIMIT_NAME];

    if (!identity->name) {
        fprintf(out, "uid %u", identity->uid);
        return;
    }
    text_escape_to(name, sizeof(name), identity->name);
    fputs(name, out);
}

static void write_doors(FILE *out, unsigned doors)
{
    const char *joint = "";

    for (unsigned door = 1; door <= DOOR_ANY; door <<= 1) {
        if ((doors & door) == 0)
            continue;
        fprintf(out, "%s%s", joint, door_name(door));
        joint = ", ";
    }
}

/* Whom `manager` means, where the policy's approvers know it. */
static void write_manager(FILE *out, const struct policy_set *set, const struct policy *policy,
                          const struct identity *person)
{
    struct approvers approvers;

    if (!person->name || !principals_name_manager(&policy->approvers))
        return;
    approvers = approvers_of(set, policy, person->name);
    fputs("; among its approvers is ", out);
    approvers_write_manager(out, &approvers);
}

static void write_match(FILE *out, const struct policy_set *set, const struct policy *policy,
                        enum policy_match match, const struct policy_question *question)
{
    char rhost[2 * LIMIT_HOST];

    switch (match) {
    case MATCH_NO_ACCOUNT:
        fputs("accounts do not include ", out);
        write_name(out, question->account);
        break;
    case MATCH_NO_DOOR:
        fprintf(out, "doors do not include %s, only ", door_name(question->door));
        write_doors(out, policy->doors);
        break;
    case MATCH_SHARED:
        write_name(out, question->account);
        fprintf(out, " is shared, by policy %s, and the person is the owner of the ssh key there",
                policy_sharing(set, question->account)->name);
        break;
    case MATCH_NO_SOURCE:
        if (question->rhost && *question->rhost) {
            text_escape_to(rhost, sizeof(rhost), question->rhost);
            fprintf(out, "from does not include %s", rhost);
        } else {
            fputs("from does not include local", out);
        }
        break;
    case MATCH_NO_REQUESTER:
        fputs("requesters do not include ", out);
        write_name(out, question->person);
        break;
    case MATCH_NEEDS_GROUPS:
        fputs("cannot be told, because the groups are not known of ", out);
        write_name(out, question->person);
        break;
    case MATCH_EXEMPT:
        fputs("exempts ", out);
        write_name(out, question->person);
        fputs(", who needs no check-out", out);
        break;
    case MATCH_OUTSIDE_HOURS:
        fputs("decides, and refuses: it is outside its hours", out);
        break;
    case MATCH_DECIDES:
        fputs("decides", out);
        write_manager(out, set, policy, question->person);
        break;
    }
}

char *policy_explain(const struct policy_set *set, const struct policy_question *question)
{
    CLEANUP_FREE char *text = NULL;
    enum policy_match match = MATCH_NO_ACCOUNT;
    bool shared = policy_sharing(set, question->account) != NULL;
    bool managed = false;
    size_t size = 0;
    FILE *out;

    out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    for (size_t i = 0; i < set->n_policies && match < MATCH_NEEDS_GROUPS; i++) {
        const struct policy *policy = set->policies[i];

        match = policy_match(policy, question, shared);
        managed = managed || match != MATCH_NO_ACCOUNT;
        if (policy->file)
            fprintf(out, "%s:%u ", policy->file, policy->line);
        fprintf(out, "[policy %s]: ", policy->name);
        write_match(out, set, policy, match, question);
        fputc('\n', out);
    }
    if (match < MATCH_NEEDS_GROUPS) {
        fputs(managed ? "no policy lets in " : "no policy names the account ", out);
        write_name(out, managed ? question->person : question->account);
        fputs(managed ? " by this door from here\n" : "\n", out);
    }
    if (fclose(out) != 0)
        return NULL;
    return TAKE_PTR(text);
}
