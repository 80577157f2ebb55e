/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is written down of a no: at doors, and to those who try to decide what they may not. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ledger/door_internal.h"
#include "text.h"

/* One person's attempts beyond these, within a minute, are counted with the last of them: ids and
 * verbs must not be a way to fill the ledger. */
#define ATTEMPTS_A_MINUTE 16

static bool is_same(const struct refusal *one, const struct refusal *other)
{
    return one->uid == other->uid && one->verb == other->verb && one->code == other->code &&
           one->id == other->id && one->account_uid == other->account_uid &&
           one->door == other->door;
}

static bool is_recent(const struct refusal *refusal, const struct moment *now)
{
    return refusal->boot && now->boot < refusal->boot + REFUSAL_REPEAT_SECONDS;
}

static void clear(struct refusal *refusal)
{
    free(refusal->person);
    free(refusal->account);
    free(refusal->actor);
    *refusal = (struct refusal){0};
}

void refusals_clear(struct ledger *ledger)
{
    for (size_t i = 0; i < REFUSALS_REMEMBERED; i++)
        clear(&ledger->refusals[i]);
}

static int commit(struct ledger *ledger, const struct refusal *refusal, const struct change *base,
                  const char *message, uint64_t repeats, const struct moment *now)
{
    struct change change = *base;
    struct actor actor = {refusal->actor, refusal->uid, refusal->loginuid};
    char reason[LIMIT_SENTENCE], times[64] = "";
    struct error ignored;
    size_t length;

    if (repeats)
        (void)snprintf(times, sizeof(times), " (and %" PRIu64 " times since it was last recorded)",
                       repeats);
    (void)snprintf(reason, sizeof(reason) - sizeof(times), "%s%s%s",
                   refusal->verb ? refusal->verb : "", refusal->verb ? ": " : "", message);
    text_mend_end(reason);
    length = strlen(reason);
    (void)snprintf(reason + length, sizeof(reason) - length, "%s", times);
    change.kind = refusal->verb ? EVENT_DECISION_REFUSED : EVENT_DOOR_REFUSED;
    change.life = LIFE_EVENT_COUNT;
    change.actor = refusal->verb ? &actor : NULL;
    change.reason = reason;
    change.refusal = refusal->verb ? error_short_name(refusal->code) : NULL;
    change.repeats = repeats;
    return ledger_commit(ledger, &change, 1, now, &ignored);
}

/* Records what was only counted; once counted itself, the record stands for one of them. */
static void settle(struct ledger *ledger, struct refusal *refusal, const struct moment *now)
{
    CLEANUP_CHECKOUT struct checkout *checkout = NULL;
    struct login login = {
        .door = refusal->door, .person = refusal->person, .account = refusal->account};
    struct change change = {.person = refusal->person, .account = refusal->account};
    struct error ignored;

    if (!refusal->repeats)
        return;
    if (!refusal->verb)
        change.login = &login;
    if (refusal->id && ledger_load(ledger, refusal->id, &checkout, &ignored) != 0)
        return;
    change.checkout = checkout;
    if (commit(ledger, refusal, &change, "the same again", refusal->repeats - 1, now) != 0)
        return;
    ledger->repeats -= refusal->repeats;
    refusal->repeats = 0;
    refusal->boot = now->boot ? now->boot : 1;
}

void refusals_settle(struct ledger *ledger, bool all, const struct moment *now)
{
    for (size_t i = 0; i < REFUSALS_REMEMBERED && ledger->repeats; i++)
        if (all || !is_recent(&ledger->refusals[i], now))
            settle(ledger, &ledger->refusals[i], now);
}

/* Finds the place where this refusal was recorded lately, or the one to record it in. */
static struct refusal *find(struct ledger *ledger, const struct refusal *wanted,
                            const struct moment *now)
{
    struct refusal *oldest = &ledger->refusals[0], *newest = NULL;
    size_t attempts = 0;

    for (size_t i = 0; i < REFUSALS_REMEMBERED; i++) {
        struct refusal *refusal = &ledger->refusals[i];

        if (refusal->boot && is_same(refusal, wanted))
            return refusal;
        if (refusal->boot < oldest->boot)
            oldest = refusal;
        if (wanted->verb && refusal->verb && refusal->uid == wanted->uid &&
            is_recent(refusal, now)) {
            attempts++;
            if (!newest || refusal->boot >= newest->boot)
                newest = refusal;
        }
    }
    if (attempts >= ATTEMPTS_A_MINUTE)
        return newest;
    settle(ledger, oldest, now);
    ledger->repeats -= oldest->repeats; /* what cannot be recorded now makes room all the same */
    clear(oldest);
    *oldest = *wanted;
    oldest->person = wanted->person ? strdup(wanted->person) : NULL;
    oldest->account = wanted->account ? strdup(wanted->account) : NULL;
    oldest->actor = wanted->actor ? strdup(wanted->actor) : NULL;
    return oldest;
}

/* Records it, or counts it where the same one was recorded lately. */
static void note(struct ledger *ledger, const struct refusal *wanted, const struct change *change,
                 const char *message, const struct moment *now)
{
    struct refusal *refusal = find(ledger, wanted, now);

    if (is_recent(refusal, now)) {
        refusal->repeats++;
        ledger->repeats++;
        return;
    }
    if (commit(ledger, refusal, change, message, refusal->repeats, now) != 0)
        return;
    refusal->boot = now->boot ? now->boot : 1;
    ledger->repeats -= refusal->repeats;
    refusal->repeats = 0;
}

void door_refuse(struct ledger *ledger, const struct login *login, const struct entrance *entrance,
                 const struct moment *now, struct verdict *verdict)
{
    struct login asked = *login;
    const struct identity *person = entrance->person, *account = entrance->account;
    struct refusal refusal = {.uid = person ? person->uid : UID_UNSET,
                              .account_uid = account ? account->uid : UID_UNSET,
                              .door = login->door,
                              .person = (char *)entrance->name,
                              .account = (char *)login->account};
    struct change change = {.login = &asked};

    asked.person = entrance->name;
    verdict->kind = VERDICT_REFUSED;
    note(ledger, &refusal, &change, verdict->message, now);
}

int attempt_refused(struct ledger *ledger, const struct attempt *attempt, const struct moment *now,
                    const struct error *error)
{
    struct refusal refusal = {.uid = attempt->caller->uid,
                              .verb = attempt->verb,
                              .code = error->code,
                              .id = attempt->checkout ? attempt->checkout->id : 0,
                              .loginuid = attempt->caller->loginuid,
                              .person = (char *)attempt->person,
                              .account = (char *)attempt->account,
                              .actor = attempt->actor->name};
    struct change change = {
        .checkout = attempt->checkout, .person = attempt->person, .account = attempt->account};

    note(ledger, &refusal, &change, error->text, now);
    return error->code;
}
