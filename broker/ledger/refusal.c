/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "ledger/door_internal.h"
#include "text.h"

/* Finds the place where this refusal was recorded lately, or the one to record it in. */
static struct refusal *find_refusal(struct ledger *ledger, uid_t person_uid, uid_t account_uid,
                                    unsigned door, const struct moment *now, bool *ret_recent)
{
    struct refusal *oldest = &ledger->refusals[0];

    for (size_t i = 0; i < REFUSALS_REMEMBERED; i++) {
        struct refusal *refusal = &ledger->refusals[i];

        if (refusal->boot && refusal->person_uid == person_uid &&
            refusal->account_uid == account_uid && refusal->door == door) {
            *ret_recent = now->boot < refusal->boot + REFUSAL_REPEAT_SECONDS;
            return refusal;
        }
        if (refusal->boot < oldest->boot)
            oldest = refusal;
    }
    *ret_recent = false;
    *oldest = (struct refusal){.person_uid = person_uid, .account_uid = account_uid, .door = door};
    return oldest;
}

void refusal_record(struct ledger *ledger, struct change *change, uid_t person_uid,
                    uid_t account_uid, unsigned door, const struct moment *now)
{
    char message[LIMIT_SENTENCE - 64], reason[LIMIT_SENTENCE];
    struct error ignored;
    bool recent;
    struct refusal *refusal = find_refusal(ledger, person_uid, account_uid, door, now, &recent);

    if (recent) {
        refusal->repeats++;
        return;
    }
    (void)snprintf(message, sizeof(message), "%.*s", (int)sizeof(message) - 1, change->reason);
    text_mend_end(message);
    change->reason = message;
    if (refusal->repeats) {
        (void)snprintf(reason, sizeof(reason), "%s (and %llu times since it was last recorded)",
                       message, (unsigned long long)refusal->repeats);
        change->reason = reason;
        change->repeats = refusal->repeats;
    }
    if (ledger_commit(ledger, change, 1, now, &ignored) == 0) {
        refusal->boot = now->boot ? now->boot : 1;
        refusal->repeats = 0;
    }
    change->reason = NULL; /* it goes with this function */
}

void door_refuse(struct ledger *ledger, const struct login *login, const struct entrance *entrance,
                 const struct moment *now, struct verdict *verdict)
{
    const struct identity *person = entrance->person, *account = entrance->account;
    struct change change = {.kind = EVENT_DOOR_REFUSED,
                            .life = LIFE_EVENT_COUNT,
                            .login = login,
                            .reason = verdict->message};

    verdict->kind = VERDICT_REFUSED;
    refusal_record(ledger, &change, person ? person->uid : UID_UNSET,
                   account ? account->uid : UID_UNSET, login->door, now);
}
