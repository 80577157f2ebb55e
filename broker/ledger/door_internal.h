/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the files about doors share: entrance.c (who wants in, and which policy decides), door.c (is
 * there a check-out), refusal.c (what is written down of a no), session.c. */

#include "ledger/ledger_internal.h"

/* Borrowed from the roster, the login and the policies; must not be moved or copied. */
struct entrance {
    const char *name; /* of who asks: the login's, or the key's owner; NULL: not known */
    char owner[LIMIT_NAME + 1];
    const struct identity *person, *account; /* NULL: not known */
    const struct policy *policy;             /* NULL unless one decides */
    bool rehearses;                          /* starts no clock: what it would be is only said */
    uint64_t has_open; /* the check-out of the session that the process has already; 0: none */
};

/* Returns 0. What does not fit is cut at a character's border. */
int verdict_say(struct verdict *verdict, enum verdict_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Everything up to the check-outs. 0 with the policy found, 1 with the verdict decided, -EAGAIN. */
int door_enter(struct ledger *ledger, const struct login *login, struct roster *roster,
               const struct moment *now, struct entrance *entrance, struct verdict *verdict);

/* ledger_ask() without writing a refusal down. 0 or -EAGAIN. */
int door_ask(struct ledger *ledger, const struct login *login, struct roster *roster,
             const struct moment *now, struct entrance *entrance, struct verdict *verdict);

/* Is nothing to be done but told, as by sudo -l and -v? */
bool door_only_asks(const struct login *login);

/* Writes the refusal down; the same one within a minute is only counted. One that cannot be
 * recorded is a refusal all the same. */
void door_refuse(struct ledger *ledger, const struct login *login, const struct entrance *entrance,
                 const struct moment *now, struct verdict *verdict);
