/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "ledger/ledger_internal.h"
#include "duration.h"

uint64_t extension_latest_end(const struct policy *policy, const struct checkout *checkout)
{
    uint64_t latest = checkout->start + policy->max_duration;

    /* The policy may have allowed more when this was approved. */
    return latest > checkout->end ? latest : checkout->end;
}

static int check_room(struct ledger *ledger, const struct policy *policy,
                      const struct checkout *checkout, uint64_t seconds, const struct moment *now,
                      struct error *error)
{
    char most[DURATION_TEXT_MAX], room[DURATION_TEXT_MAX], end[WHEN_TEXT_MAX];
    uint64_t latest = extension_latest_end(policy, checkout);

    if (seconds <= LIMIT_DURATION_SECONDS && checkout->end + seconds <= latest)
        return request_check_span(ledger, policy, checkout, checkout->end, checkout->end + seconds,
                                  now, error);
    if (checkout->end >= latest)
        return error_set(error, ERROR_POLICY_REFUSED,
                         "check-out %llu cannot be extended: policy %s allows %s in all, which is "
                         "over at %s; request a new one",
                         (unsigned long long)checkout->id, policy->name,
                         duration_format(policy->max_duration, most),
                         when_format(latest, now, end));
    return error_set(error, ERROR_POLICY_REFUSED,
                     "check-out %llu can be extended by %s at most: policy %s allows %s in all, "
                     "which is over at %s",
                     (unsigned long long)checkout->id,
                     duration_format(latest - checkout->end, room), policy->name,
                     duration_format(policy->max_duration, most), when_format(latest, now, end));
}

/* May this one be extended now? */
static int check_extendable(const struct checkout *checkout, const struct moment *now,
                            struct error *error)
{
    if (checkout->state == STATE_ACTIVE && checkout_in_window(checkout, now) && !checkout->extends)
        return 0;
    return error_set(error, ERROR_WRONG_STATE,
                     checkout->extends
                         ? "%llu is an extension itself: extend the check-out that it extended"
                     : state_is_final(checkout->state)
                         ? "check-out %llu is over: request a new one"
                         : "check-out %llu has not started: only one that runs can be extended",
                     (unsigned long long)checkout->id);
}

static int find_pending(struct ledger *ledger, uint64_t id, uint64_t *ret_id, struct error *error)
{
    CLEANUP_CHECKOUTS struct checkouts found = {0};
    struct checkout_filter filter = {.states = 1u << STATE_PENDING,
                                     .extends = id,
                                     .after = id,
                                     .person_uid = UID_UNSET,
                                     .seen_by = UID_UNSET,
                                     .limit = 1};
    int r = store_list(ledger->store, &filter, &found);

    if (r < 0)
        return ledger_storage_error(ledger, r, error);
    *ret_id = found.count ? found.items[0]->id : 0;
    return 0;
}

int extension_complete(struct ledger *ledger, const struct policy *policy,
                       struct checkout *extension, const struct actor *actor, const char *reason,
                       const char *quorum, const struct moment *now, struct checkout **ret_extended,
                       struct changes *changes, struct error *error)
{
    CLEANUP_CHECKOUT struct checkout *checkout = NULL;
    uint64_t seconds = checkout_granted_seconds(extension);
    int r = ledger_load(ledger, extension->extends, &checkout, error);

    if (r == 0)
        r = check_extendable(checkout, now, error);
    /* The policy may allow less by now, and the account may be somebody else's then. */
    if (r == 0)
        r = check_room(ledger, policy, checkout, seconds, now, error);
    if (r != 0)
        return r;
    extension->approved_at = now->wall;
    checkout->end += seconds;
    checkout->end_boot += seconds;
    extension->start = checkout->start;
    extension->end = checkout->end;
    changes->items[changes->count++] = (struct change){.kind = EVENT_APPROVED,
                                                       .life = LIFE_APPLIED,
                                                       .checkout = extension,
                                                       .actor = actor,
                                                       .reason = reason,
                                                       .quorum = quorum};
    changes->items[changes->count++] = (struct change){.kind = EVENT_EXTENDED,
                                                       .life = LIFE_EXTENDED,
                                                       .checkout = checkout,
                                                       .actor = actor,
                                                       .reason = extension->reason};
    *ret_extended = TAKE_PTR(checkout);
    return 0;
}

/* Files the extension; applies it at once where the policy asks for no approval. */
static int file(struct ledger *ledger, const struct draft *draft, const struct checkout *checkout,
                struct roster *roster, const struct moment *now, uint64_t *ret_id,
                struct error *error)
{
    CLEANUP_CHECKOUT struct checkout *extension = NULL, *extended = NULL;
    struct actor actor = {draft->person->name, draft->person->uid, draft->person_loginuid};
    struct changes changes = {0};
    int r = request_draw_up(ledger, draft, roster, now, &extension, error);

    if (r != 0)
        return r;
    if (extension->lapses > checkout->end)
        extension->lapses = checkout->end;
    changes.items[changes.count++] = (struct change){
        .kind = EVENT_REQUESTED, .life = LIFE_REQUESTED, .checkout = extension, .actor = &actor};
    if (!draft->policy->approval_required)
        r = extension_complete(ledger, draft->policy, extension, NULL,
                               "the policy asks for no approval", NULL, now, &extended, &changes,
                               error);
    if (r == 0)
        r = ledger_commit(ledger, changes.items, changes.count, now, error);
    if (r == 0)
        *ret_id = extension->id;
    return r;
}

int ledger_extend(struct ledger *ledger, uint64_t id, uint64_t seconds, const char *reason,
                  const struct caller *caller, struct roster *roster, const struct moment *now,
                  uint64_t *ret_id, struct error *error)
{
    CLEANUP_CHECKOUT struct checkout *checkout = NULL;
    const struct identity *person = NULL;
    uint64_t pending = 0;
    int r = ledger_identify(caller, roster, &person, error);

    if (r == 0)
        r = ledger_tick(ledger, now, error);
    if (r == 0)
        r = ledger_load(ledger, id, &checkout, error);
    if (r != 0)
        return r;
    if (checkout->person_uid != caller->uid) {
        error_set(error, ERROR_NOT_PERMITTED,
                  "check-out %llu is not yours: only its holder can ask for more time",
                  (unsigned long long)id);
        return attempt_refused(
            ledger, &(struct attempt){"extend", caller, person, checkout, NULL, NULL}, now, error);
    }
    r = request_check_caller(caller, error);
    if (r == 0)
        r = check_extendable(checkout, now, error);
    if (r == 0)
        r = find_pending(ledger, id, &pending, error);
    if (r != 0)
        return r;
    if (pending) {
        *ret_id = pending;
        return 0;
    }

    struct identity account = {.name = checkout->account, .uid = checkout->account_uid};
    struct draft draft = {.person = person,
                          .account = &account,
                          .person_loginuid = caller->loginuid,
                          .policy = ledger_policy(ledger, checkout->policy),
                          .reason = reason,
                          .reason_source = "requester",
                          .ticket = checkout->ticket,
                          .door = checkout->door ? door_from_name(checkout->door) : 0,
                          .duration = seconds,
                          .extends = id};

    if (!draft.policy)
        return error_set(error, ERROR_POLICY_REFUSED,
                         "policy %s, under which this was approved, is no longer there: request "
                         "a new one",
                         checkout->policy);
    r = check_room(ledger, draft.policy, checkout, seconds, now, error);
    return r == 0 ? file(ledger, &draft, checkout, roster, now, ret_id, error) : r;
}
