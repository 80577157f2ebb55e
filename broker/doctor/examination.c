/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "doctor/examination.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int add_target(struct examination *examination, const char *name, uid_t uid,
                      const struct policy *policy)
{
    struct target *grown;

    for (size_t i = 0; i < examination->n_targets; i++)
        if (strcmp(examination->targets[i].name, name) == 0) {
            examination->targets[i].doors |= policy->doors;
            examination->targets[i].by_key |= policy->person == PERSON_IS_KEY_OWNER;
            return 0;
        }
    grown = reallocarray(examination->targets, examination->n_targets + 1, sizeof(*grown));
    if (!grown)
        return -ENOMEM;
    examination->targets = grown;
    grown[examination->n_targets] = (struct target){
        .name = strdup(name),
        .uid = uid,
        .doors = policy->doors,
        .by_key = policy->person == PERSON_IS_KEY_OWNER,
    };
    if (!grown[examination->n_targets].name)
        return -ENOMEM;
    examination->n_targets++;
    return 0;
}

/* Accounts are matched by uid, too: another name of one is the same account. */
static int add_account(struct examination *examination, const struct policy_account *account,
                       const struct policy *policy)
{
    const struct people *people = &examination->people;
    const struct person *named = account->is_range ? NULL : people_by_name(people, account->name);
    int r = 0;

    /* Someone whom only a name service knows is a target all the same. */
    if (!account->is_range && !named)
        return add_target(examination, account->name, account->uid_known ? account->uid : (uid_t)-1,
                          policy);
    if (named)
        r = add_target(examination, named->name, named->uid, policy);
    for (size_t i = 0; i < people->n_persons && r == 0; i++) {
        uid_t uid = people->persons[i].uid;

        if (named ? uid == named->uid : uid >= account->first && uid <= account->last)
            r = add_target(examination, people->persons[i].name, uid, policy);
    }
    return r;
}

int examination_begin(struct examination *examination, const struct policy_set *policies)
{
    int r = people_read(examination->tree, &examination->people);

    if (r == -ENOMEM)
        return r;
    if (r < 0)
        examination_unread(examination, "/etc/passwd", r);
    r = 0;
    for (size_t i = 0; policies && i < policies->n_policies && r == 0; i++) {
        const struct policy *policy = policies->policies[i];

        examination->has_policies = true;
        for (size_t j = 0; j < policy->n_accounts && r == 0; j++)
            r = add_account(examination, &policy->accounts[j], policy);
    }
    return r;
}

void examination_clear(struct examination *examination)
{
    for (size_t i = 0; i < examination->n_targets; i++)
        free(examination->targets[i].name);
    free(examination->targets);
    for (size_t i = 0; i < examination->n_examined; i++)
        free(examination->examined[i]);
    free(examination->examined);
    examination->examined = NULL;
    examination->n_examined = 0;
    people_clear(&examination->people);
    examination->targets = NULL;
    examination->n_targets = 0;
}

bool examination_manages(const struct examination *examination, unsigned door)
{
    for (size_t i = 0; i < examination->n_targets; i++)
        if (examination->targets[i].doors & door)
            return true;
    return false;
}

bool examination_is_new(struct examination *examination, const char *service, const char *account)
{
    CLEANUP_FREE char *key = NULL;
    char **grown;

    if (asprintf(&key, "%s %s", service, account ? account : "") < 0) {
        key = NULL;
        examination->findings->lost = true;
        return true;
    }
    for (size_t i = 0; i < examination->n_examined; i++)
        if (account ? strcmp(examination->examined[i], key) == 0
                    : strncmp(examination->examined[i], key, strlen(key)) == 0)
            return false;
    grown = reallocarray(examination->examined, examination->n_examined + 1, sizeof(*grown));
    if (!grown) {
        examination->findings->lost = true;
        return true;
    }
    examination->examined = grown;
    grown[examination->n_examined++] = TAKE_PTR(key);
    return true;
}

void examination_unread(struct examination *examination, const char *path, int error)
{
    bool permission = error == -EACCES || error == -EPERM;

    findings_add(examination->findings, FINDING_PROBLEM, "unread", path, 0,
                 permission && !examination->as_root
                     ? "Run checkoutctl doctor as root."
                     : "Look at the file: nothing can be said about what it sets.",
                 "could not be read (%s), so nothing is known about what it sets.",
                 strerror(-error));
}
