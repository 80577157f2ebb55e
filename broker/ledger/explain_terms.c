/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>

#include "ledger/ledger_internal.h"
#include "policy/quorum.h"
#include "duration.h"

/* What the deciding policy asks for. */
static int write_policy(const struct policy *policy, const struct approvers *approvers, FILE *out)
{
    CLEANUP_FREE char *wanted =
        policy->approval_required ? quorum_sentence(policy->quorum, approvers) : NULL;
    char text[DURATION_TEXT_MAX], most[DURATION_TEXT_MAX];

    if (policy->approval_required && !wanted)
        return -ENOMEM;
    if (policy->reason == NEED_REQUIRED)
        fputs("  it wants a reason\n", out);
    if (policy->reason_min_length > 1)
        fprintf(out, "  a reason has at least %llu characters\n",
                (unsigned long long)policy->reason_min_length);
    if (policy->ticket == NEED_REQUIRED)
        fputs("  it wants a ticket\n", out);
    if (policy->ticket_pattern)
        fprintf(out, "  a ticket looks like %s\n", ticket_pattern_text(policy->ticket_pattern));
    fprintf(out, "  it gives %s, at most %s\n", duration_format(policy->duration, text),
            duration_format(policy->max_duration, most));
    if (!policy->approval_required)
        fputs("  it asks for no approval\n", out);
    else
        fprintf(out, "  it wants %s within %s%s\n", wanted,
                duration_format(policy->pending_timeout, text),
                policy->self_approval ? ", the requester's own too"
                                      : ", never the requester's own");
    if (policy->clock == CLOCK_STARTS_AT_FIRST_USE)
        fprintf(out, "  the time runs from the first use, which must come within %s\n",
                duration_format(policy->use_within, text));
    if (policy->uses)
        fprintf(out, "  a check-out opens %llu doors\n", (unsigned long long)policy->uses);
    if (policy->exclusive)
        fputs("  one person has the account at a time\n", out);
    if (policy->max_open)
        fprintf(out, "  one person has at most %llu requests and check-outs open\n",
                (unsigned long long)policy->max_open);
    return 0;
}

/* Why a request would be refused now, where that does not depend on what is in it. */
static int write_now(struct ledger *ledger, const struct policy *policy,
                     const struct policy_question *question, struct roster *roster,
                     const struct moment *now, FILE *out)
{
    const struct checkout wanted = {.person_uid = question->person->uid,
                                    .account_uid = question->account->uid,
                                    .duration = policy->duration};
    struct tally tally = {0};
    struct error error;
    int r = store_tally(ledger->store, question->person->uid, now->wall, now->wall, &tally);

    if (r < 0)
        return r;
    if (policy->max_open && tally.open >= policy->max_open)
        fprintf(out, "  now: %s has %llu open\n", question->person->name,
                (unsigned long long)tally.open);
    if (policy->approval_required) {
        r = request_check_approvers(ledger, policy, question->person, roster, &error);
        if (r == -EAGAIN)
            return r;
        if (r != 0)
            fprintf(out, "  now: %s\n", error.text);
    }
    if (request_check_exclusive(ledger, policy, &wanted, now, &error) != 0)
        fprintf(out, "  now: %s\n", error.text);
    return 0;
}

int explain_terms(struct ledger *ledger, const struct policy_set *set, const struct policy *policy,
                  const struct policy_question *question, struct roster *roster,
                  const struct moment *now, char **ret_lines)
{
    struct approvers approvers = approvers_of(set, policy, question->person->name);
    char *lines = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&lines, &size);
    int r;

    if (!out)
        return -ENOMEM;
    r = write_policy(policy, &approvers, out);
    if (r == 0 && roster)
        r = write_now(ledger, policy, question, roster, now, out);
    if (fclose(out) != 0 && r == 0)
        r = -ENOMEM;
    if (r != 0)
        free(lines);
    else
        *ret_lines = lines;
    return r;
}
