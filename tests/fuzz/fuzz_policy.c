/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz.h"

#include <stdio.h>
#include <string.h>

#include "policy/config.h"
#include "policy/policy_lint.h"
#include "policy/quorum.h"
#include "text.h"

static void check_policy(const struct policy_set *set, const struct policy *policy)
{
    const struct approvers approvers = approvers_of(set, policy, "alice");
    struct error error = {0};
    uint64_t seconds = 0;
    int r;

    FUZZ_ASSERT(policy->n_accounts > 0 && policy->requesters.count > 0);
    FUZZ_ASSERT(policy->line > 0 && policy->doors != 0 && (policy->doors & ~DOOR_ANY) == 0);
    FUZZ_ASSERT(policy->duration > 0 && policy->duration <= policy->max_duration);
    FUZZ_ASSERT(policy->max_duration <= LIMIT_DURATION_SECONDS);
    FUZZ_ASSERT(!policy->approval_required == !policy->quorum);
    FUZZ_ASSERT(!policy->approval_required == !policy->approvers.count);

    r = policy_check_request(policy, "a reason", "CHG-4711", 0, &seconds, &error);
    FUZZ_ASSERT(r == 0 ? seconds == policy->duration
                       : text_is_valid(error.text, sizeof(error.text)));
    if (policy->quorum) {
        CLEANUP_FREE char *sentence = quorum_sentence(policy->quorum, &approvers);

        FUZZ_ASSERT(sentence && text_is_valid(sentence, strlen(sentence)));
        FUZZ_ASSERT(!quorum_evaluate(policy->quorum, &approvers, NULL, 0).reached);
    }
}

/* The explanation ends with what was decided. */
static void check_decision(const struct policy_set *set, const struct policy_question *question)
{
    struct policy_answer answer = policy_decide(set, question);
    CLEANUP_FREE char *text = policy_explain(set, question);
    bool has_policy = answer.verdict == POLICY_EXEMPT || answer.verdict == POLICY_OUTSIDE_HOURS ||
                      answer.verdict == POLICY_DECIDES;

    FUZZ_ASSERT(has_policy == (answer.policy != NULL));
    FUZZ_ASSERT(text != NULL);
    FUZZ_ASSERT((strstr(text, "]: decides\n") || strstr(text, "]: decides; ")) ==
                (answer.verdict == POLICY_DECIDES));
    FUZZ_ASSERT((strstr(text, "no policy ") != NULL) ==
                (answer.verdict == POLICY_NOBODY || answer.verdict == POLICY_UNMANAGED));
}

static void count_finding(const struct policy *policy, const char *sentence, void *userdata)
{
    FUZZ_ASSERT(policy && text_is_valid(sentence, strlen(sentence)));
    (*(int *)userdata)++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char alice_name[] = "alice", ops[] = "ops", root_name[] = "root";
    static char *groups[] = {ops};
    const struct identity alice = {
        .name = alice_name, .uid = 1000, .groups = groups, .n_groups = 1, .groups_known = true};
    const struct identity bare = {.name = alice_name, .uid = 1000};
    const struct identity root = {.name = root_name, .uid = 0};
    CLEANUP_POLICY_SET struct policy_set *set = calloc(1, sizeof(*set));
    struct policy_question question = {.account = &root, .wall = 1784541600};
    struct error error = {0};
    int found = 0;

    FUZZ_ASSERT(set != NULL);
    if (config_add_policies(set, "x.conf", (const char *)data, size, &error) != 0) {
        FUZZ_ASSERT(error.code == ERROR_INVALID_ARGUMENT);
        FUZZ_ASSERT(strncmp(error.text, "x.conf:", 7) == 0);
        FUZZ_ASSERT(text_is_valid(error.text, sizeof(error.text)));
        /* everything that can be wrong has a line, but for what the library will not say */
        FUZZ_ASSERT(error.text[7] >= '1' && error.text[7] <= '9');
        return 0;
    }

    for (size_t i = 0; i < set->n_policies; i++)
        check_policy(set, set->policies[i]);
    for (unsigned door = 0; door <= DOOR_LOGIN; door = door ? door << 1 : 1) {
        question.door = door;
        question.any_source = door == 0;
        question.rhost = door == DOOR_SSH ? "10.1.2.3" : NULL;
        question.person = &alice;
        check_decision(set, &question);
        question.person = &bare;
        check_decision(set, &question);
    }
    FUZZ_ASSERT(policy_lint(set, count_finding, &found) == found);
    return 0;
}
