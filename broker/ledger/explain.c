/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "policy/config.h"
#include "ledger/ledger_internal.h"

void explanation_clear(struct explanation *explanation)
{
    free(explanation->policy);
    free(explanation->lines);
    *explanation = (struct explanation){0};
}

/* The policies of that time, read anew from what the ledger kept. Accounts are matched by their
 * names: what their uids were then, nobody knows. */
static int policies_at(struct ledger *ledger, uint64_t at, const struct moment *now,
                       struct policy_set **ret_set, struct error *error)
{
    CLEANUP_POLICY_SET struct policy_set *set = calloc(1, sizeof(*set));
    CLEANUP_FREE char *digest = NULL, *text = NULL;
    char when[WHEN_TEXT_MAX];
    int r = set ? store_policy_at(ledger->store, at, &digest, &text) : -ENOMEM;

    if (r == -ENOENT)
        return error_set(error, ERROR_NOT_FOUND, "no policy had been loaded at %s",
                         when_format(at, now, when));
    if (r < 0)
        return ledger_storage_error(ledger, r, error);
    r = config_restore_policies(set, "ledger", text, error);
    if (r != 0)
        return r;
    (void)strncpy(set->digest, digest, sizeof(set->digest) - 1);
    *ret_set = TAKE_PTR(set);
    return 0;
}

/* The lines about the policies, and those about what the deciding one asks for. */
static int explain(struct ledger *ledger, const struct policy_set *set,
                   const struct policy_question *question, struct roster *roster,
                   const struct moment *now, struct explanation *ret_explanation,
                   struct error *error)
{
    struct policy_answer answer = policy_decide(set, question);
    CLEANUP_FREE char *policies = policy_explain(set, question);
    CLEANUP_FREE char *terms = NULL;
    CLEANUP_FREE char *name = answer.policy ? strdup(answer.policy->name) : NULL;
    char *lines = NULL;
    int r = policies && (name || !answer.policy) ? 0 : -ENOMEM;

    if (r == 0 && answer.verdict == POLICY_DECIDES)
        r = explain_terms(ledger, set, answer.policy, question, roster, now, &terms);
    if (r == 0 && asprintf(&lines, "%s%s", policies, terms ? terms : "") < 0)
        r = -ENOMEM;
    if (r == -EAGAIN)
        return r;
    if (r < 0)
        return ledger_storage_error(ledger, r, error);
    *ret_explanation =
        (struct explanation){.verdict = answer.verdict, .policy = TAKE_PTR(name), .lines = lines};
    memcpy(ret_explanation->policy_digest, set->digest, sizeof(ret_explanation->policy_digest));
    return 0;
}

int ledger_explain(struct ledger *ledger, const struct explain_request *request,
                   const struct caller *caller, struct roster *roster, const struct moment *now,
                   struct explanation *ret_explanation, struct error *error)
{
    CLEANUP_POLICY_SET struct policy_set *past = NULL;
    const struct identity *asker = NULL, *person = NULL, *account = NULL;
    /* Who asks comes last: of several refusals the last one's sentence is told. */
    int account_r = request_find_user(roster, request->account, false, &account, error);
    int person_r = request_find_user(roster, request->person, true, &person, error);
    int r = ledger_identify(caller, roster, &asker, error);

    if (r == -EAGAIN || person_r == -EAGAIN || account_r == -EAGAIN)
        return -EAGAIN;
    if (r != 0 || person_r != 0 || account_r != 0)
        return r ? r : person_r ? person_r : account_r;
    if (person->uid != asker->uid && !ledger_sees_all(ledger, asker))
        return error_set(error, ERROR_NOT_PERMITTED,
                         "you may ask about yourself; about others root, administrators and "
                         "auditors may");
    if (!ledger->policies && !request->at)
        return error_set(error, ERROR_POLICY_REFUSED, "the policies cannot be read: %s",
                         ledger->policy_problem ? ledger->policy_problem : "no reason is known");
    if (request->at) {
        r = policies_at(ledger, request->at, now, &past, error);
        if (r != 0)
            return r;
    }

    struct policy_question question = {.person = person,
                                       .account = account,
                                       .door = request->door,
                                       .rhost = request->rhost,
                                       .any_source = !request->door && !request->rhost,
                                       .wall = request->at ? request->at : now->wall};

    /* What stands against a request is known for now only. */
    return explain(ledger, past ? past : ledger->policies, &question, past ? NULL : roster, now,
                   ret_explanation, error);
}

int ledger_check_reload(struct ledger *ledger, const struct caller *caller, struct roster *roster,
                        struct error *error)
{
    const struct identity *person = NULL;
    int r = ledger_identify(caller, roster, &person, error);

    if (r != 0 || caller->uid == 0 || ledger_is_administrator(ledger, person))
        return r;
    return error_set(error, ERROR_NOT_PERMITTED,
                     "only administrators can have the policies read anew%s%s",
                     ledger->administrators ? ": members of " : "",
                     ledger->administrators ? ledger->administrators : "");
}
