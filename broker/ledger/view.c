/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "ledger/ledger_internal.h"
#include "policy/policy_managers.h"

/* Rows that are looked at in one go while a list is filtered by what the caller may see. */
#define VIEW_BATCH 200

bool ledger_sees_all(const struct ledger *ledger, const struct identity *person)
{
    return person->uid == 0 || ledger_is_administrator(ledger, person) ||
           (ledger->auditors && identity_in_group(person, ledger->auditors));
}

static bool has_decided(const struct checkout *checkout, const struct identity *person)
{
    for (size_t i = 0; i < checkout->n_decisions; i++)
        if (checkout->decisions[i].actor_uid == person->uid)
            return true;
    return false;
}

/* A person sees their own, an approver what they may decide or have decided. */
static bool may_see(const struct ledger *ledger, const struct checkout *checkout,
                    const struct identity *person)
{
    return checkout->person_uid == person->uid || ledger_sees_all(ledger, person) ||
           has_decided(checkout, person) || ledger_is_approver(ledger, checkout, person);
}

int ledger_check_sight(const struct ledger *ledger, const struct checkout *checkout,
                       const struct identity *person, struct error *error)
{
    if (may_see(ledger, checkout, person))
        return 0;
    return error_set(error, ERROR_NOT_PERMITTED,
                     "request %llu is not yours to see: its requester, its approvers and "
                     "auditors can",
                     (unsigned long long)checkout->id);
}

int ledger_get(struct ledger *ledger, uint64_t id, const struct caller *caller,
               struct roster *roster, struct checkout **ret_checkout,
               struct session ***ret_sessions, size_t *ret_n_sessions, struct error *error)
{
    CLEANUP_CHECKOUT struct checkout *checkout = NULL;
    const struct identity *person = NULL;
    int r = ledger_identify(caller, roster, &person, error);

    if (r == 0)
        r = ledger_load(ledger, id, &checkout, error);
    if (r == 0)
        r = ledger_check_sight(ledger, checkout, person, error);
    if (r != 0)
        return r;
    r = store_sessions_of(ledger->store, id, ret_sessions, ret_n_sessions);
    if (r < 0)
        return ledger_storage_error(ledger, r, error);
    *ret_checkout = TAKE_PTR(checkout);
    return 0;
}

static bool may_decide_now(const struct ledger *ledger, const struct checkout *checkout,
                           const struct identity *person)
{
    return checkout->state == STATE_PENDING && !has_decided(checkout, person) &&
           ledger_may_decide(ledger, checkout, person);
}

bool ledger_waits_for(struct ledger *ledger, uint64_t id, const struct identity *person)
{
    CLEANUP_CHECKOUT struct checkout *checkout = NULL;
    struct error error;

    return ledger_load(ledger, id, &checkout, &error) == 0 &&
           may_decide_now(ledger, checkout, person);
}

/* The policies by which the person may decide about somebody. Going through everybody's rows would
 * cost the broker more the longer its history is, and the doors wait meanwhile. */
static int find_decided(const struct ledger *ledger, const struct identity *person,
                        struct name_list *ret_policies)
{
    const struct policy_set *set = ledger->policies;
    bool manages = set && person->name && policy_manages_somebody(set, person->name);
    struct name_list found = {.items = calloc(set ? set->n_policies + 1 : 1, sizeof(const char *))};

    if (!found.items)
        return -ENOMEM;
    for (size_t i = 0; set && i < set->n_policies; i++) {
        const struct approvers approvers = {.principals = &set->policies[i]->approvers,
                                            .manager = manages ? person->name : NULL};

        if (approvers_include(&approvers, person) == 1)
            found.items[found.count++] = set->policies[i]->name;
    }
    *ret_policies = found;
    return 0;
}

int ledger_list(struct ledger *ledger, const struct list_request *request,
                const struct caller *caller, struct roster *roster, struct checkouts *ret_checkouts,
                struct error *error)
{
    CLEANUP_CHECKOUTS struct checkouts found = {0};
    struct checkout_filter filter = request->filter;
    CLEANUP_FREE const char **policies = NULL;
    const struct identity *person = NULL;
    size_t limit = filter.limit;
    int r = ledger_identify(caller, roster, &person, error);

    if (r != 0)
        return r;
    found.items = calloc(limit, sizeof(*found.items));
    if (!found.items)
        return error_set(error, ERROR_STORAGE_FAILED, "out of memory");
    filter.seen_by = UID_UNSET;
    if (!ledger_sees_all(ledger, person)) {
        filter.seen_by = person->uid;
        if (find_decided(ledger, person, &filter.policies) < 0)
            return error_set(error, ERROR_STORAGE_FAILED, "out of memory");
        policies = filter.policies.items;
    }
    if (request->mine)
        filter.person_uid = person->uid;
    if (request->decidable)
        filter.states = 1u << STATE_PENDING;
    filter.limit = VIEW_BATCH;
    while (found.count < limit) {
        CLEANUP_CHECKOUTS struct checkouts batch = {0};

        r = store_list(ledger->store, &filter, &batch);
        if (r < 0)
            return ledger_storage_error(ledger, r, error);
        for (size_t i = 0; i < batch.count && found.count < limit; i++) {
            filter.after = batch.items[i]->id;
            if (request->decidable ? may_decide_now(ledger, batch.items[i], person)
                                   : may_see(ledger, batch.items[i], person))
                found.items[found.count++] = TAKE_PTR(batch.items[i]);
        }
        if (batch.count < VIEW_BATCH)
            break;
    }
    *ret_checkouts = found;
    found = (struct checkouts){0};
    return 0;
}

/* Rows of one check-out often follow one another. */
static int see_session(struct ledger *ledger, const struct session *session,
                       const struct identity *person, struct checkout **checkout, bool *ret_sees,
                       struct error *error)
{
    int r = 0;

    if (!*checkout || (*checkout)->id != session->checkout_id) {
        *checkout = checkout_free(*checkout);
        r = ledger_load(ledger, session->checkout_id, checkout, error);
    }
    if (r == 0)
        *ret_sees = may_see(ledger, *checkout, person);
    return r;
}

int ledger_list_sessions(struct ledger *ledger, const struct session_filter *request,
                         const struct caller *caller, struct roster *roster,
                         struct sessions *ret_sessions, struct error *error)
{
    CLEANUP_SESSIONS struct sessions found = {0};
    CLEANUP_CHECKOUT struct checkout *checkout = NULL;
    struct session_filter filter = *request;
    CLEANUP_FREE const char **policies = NULL;
    const struct identity *person = NULL;
    int r = ledger_identify(caller, roster, &person, error);

    if (r != 0)
        return r;
    if (!ledger_sees_all(ledger, person)) {
        filter.is_seen = true;
        filter.seen_by = person->uid;
        if (find_decided(ledger, person, &filter.policies) < 0)
            return error_set(error, ERROR_STORAGE_FAILED, "out of memory");
        policies = filter.policies.items;
    }
    if (filter.is_seen && filter.policies.count == 0) { /* sees nobody else's */
        if (filter.person && strcmp(filter.person, person->name) != 0) {
            *ret_sessions = (struct sessions){0};
            return 0;
        }
        filter.person = person->name;
    }
    found.items = calloc(filter.limit, sizeof(struct session *));
    if (!found.items)
        return error_set(error, ERROR_STORAGE_FAILED, "out of memory");
    filter.limit = VIEW_BATCH;
    while (found.count < request->limit) {
        CLEANUP_SESSIONS struct sessions batch = {0};

        r = ledger_storage_error(ledger, store_list_sessions(ledger->store, &filter, &batch),
                                 error);
        for (size_t i = 0; r == 0 && i < batch.count && found.count < request->limit; i++) {
            bool sees = false;

            filter.after = batch.items[i]->number;
            r = see_session(ledger, batch.items[i], person, &checkout, &sees, error);
            if (r == 0 && sees)
                found.items[found.count++] = TAKE_PTR(batch.items[i]);
        }
        if (r != 0)
            return r;
        if (batch.count < VIEW_BATCH)
            break;
    }
    *ret_sessions = found;
    found = (struct sessions){0};
    return 0;
}
