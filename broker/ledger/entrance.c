/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ledger/door_internal.h"
#include "policy/persons.h"
#include "text.h"

static const char *const verdict_names[] = {
    [VERDICT_REFUSED] = "refused", [VERDICT_PENDING] = "pending",
    [VERDICT_ALLOW] = "allow",     [VERDICT_UNMANAGED] = "unmanaged",
    [VERDICT_EXEMPT] = "exempt",   [VERDICT_INCOMPLETE] = "incomplete",
};

const char *verdict_name(enum verdict_kind kind)
{
    return (unsigned)kind <= VERDICT_INCOMPLETE ? verdict_names[kind]
                                                : verdict_names[VERDICT_REFUSED];
}

int verdict_say(struct verdict *verdict, enum verdict_kind kind, const char *format, ...)
{
    va_list arguments;
    int length;

    verdict->kind = kind;
    if (kind != VERDICT_ALLOW) {
        verdict->end = verdict->latest = 0;
        verdict->terminate = false;
    }
    va_start(arguments, format);
    length = vsnprintf(verdict->message, sizeof(verdict->message), format, arguments);
    va_end(arguments);
    if (length < 0)
        verdict->message[0] = '\0';
    else if ((size_t)length >= sizeof(verdict->message))
        text_mend_end(verdict->message);
    return 0;
}

/* Looks both up; a failed look-up refuses. 0 with the verdict undecided, 1 with it decided,
 * -EAGAIN. */
static int identify(const struct login *login, struct roster *roster, struct entrance *entrance,
                    struct verdict *verdict)
{
    int person = roster_user(roster, entrance->name, false, &entrance->person);
    int account = roster_user(roster, login->account, false, &entrance->account);

    if (person == -EAGAIN || account == -EAGAIN)
        return -EAGAIN;
    if (person < 0) {
        entrance->person = NULL;
        verdict_say(verdict, VERDICT_REFUSED,
                    person == -ENOENT ? "there is no user %s on this host"
                                      : "the name service did not say in time who %s is: try again",
                    entrance->name);
        return 1;
    }
    if (account < 0) {
        entrance->account = NULL;
        verdict_say(verdict, VERDICT_REFUSED,
                    account == -ENOENT
                        ? "there is no account %s on this host"
                        : "the name service did not say in time who %s is: try again",
                    login->account);
        return 1;
    }
    return 0;
}

/* Is the caller the person that the door says? sudo and su keep the loginuid of the login they were
 * called in, and su the real uid. 0 or 1 with the verdict decided. */
static int check_person(const struct login *login, const struct identity *person,
                        struct verdict *verdict)
{
    if (!(login->door & (DOOR_SUDO | DOOR_SU)))
        return 0;
    if (login->door == DOOR_SU && login->ruid != 0 && login->ruid != person->uid) {
        verdict_say(verdict, VERDICT_REFUSED, "the caller (uid %u) is not %s", login->ruid,
                    person->name);
        return 1;
    }
    if (person->uid == 0 && login->ruid != 0) {
        verdict_say(verdict, VERDICT_REFUSED, "the caller is not root");
        return 1;
    }
    if (person->uid == 0) { /* has what it asks for, whoever logged in to become it */
        verdict_say(verdict, VERDICT_EXEMPT, "root may enter");
        return 1;
    }
    if (login->loginuid != LOGINUID_UNSET && login->loginuid != person->uid) {
        verdict_say(verdict, VERDICT_REFUSED,
                    "you logged in as another person (uid %u) than %s: log in as %s to use this",
                    login->loginuid, person->name, person->name);
        return 1;
    }
    return 0;
}

/* A shared account says nothing about who logs in to it, and at the console there are no keys. 0 or
 * 1 with the verdict decided. */
static int check_shared(const struct login *login, const struct policy *policy,
                        struct verdict *verdict)
{
    if (policy->person != PERSON_IS_KEY_OWNER || login->door != DOOR_LOGIN)
        return 0;
    verdict_say(verdict, VERDICT_REFUSED,
                "%s is shared, and who logs in to it here cannot be told: log in as yourself and "
                "use sudo or su",
                login->account);
    return 1;
}

/* No policy has this name or uid. Where the uid of a managed account is not known yet, this may be
 * another name of it: the first name of the uid tells. 1 with the verdict decided, -EAGAIN. */
static int say_unmanaged(const struct ledger *ledger, struct roster *roster,
                         const struct entrance *entrance, struct verdict *verdict)
{
    const struct identity *account = entrance->account, *first = NULL;
    int r;

    if (policy_set_has_open_account(ledger->policies, NULL)) {
        r = roster_uid(roster, account->uid, false, &first);
        if (r == -EAGAIN)
            return r;
        if (r < 0 && r != -ENOENT) {
            verdict_say(verdict, VERDICT_REFUSED,
                        "the name service did not say in time whether %s is another name of a "
                        "managed account: try again",
                        account->name);
            return 1;
        }
        if (r == 0 && policy_set_has_open_account(ledger->policies, first->name)) {
            verdict_say(verdict, VERDICT_REFUSED,
                        "%s is another name of %s, which is managed: use that name", account->name,
                        first->name);
            return 1;
        }
    }
    verdict_say(verdict, VERDICT_UNMANAGED, "no policy manages %s", account->name);
    return 1;
}

/* No key is to be seen: why not, and what to do. */
static int refuse_without_key(const struct login *login, struct verdict *verdict)
{
    if (strcmp(login->service, "sshd") != 0)
        verdict_say(verdict, VERDICT_REFUSED,
                    "%s is shared, and only sshd says whose key a login was made with, which %s is "
                    "not: log in as yourself and use sudo or su",
                    login->account, login->service);
    else if (login->phase && strcmp(login->phase, "account") == 0)
        verdict_say(verdict, VERDICT_REFUSED,
                    "%s is shared, and in the account phase sshd does not show whose key this is: "
                    "your administrator has to move the gate of %s to the session phase, see "
                    "pam_checkout(8)",
                    login->account, login->account);
    else
        verdict_say(verdict, VERDICT_REFUSED,
                    "%s is shared, and this login was made without a key that tells who you are: "
                    "log in with your own ssh key",
                    login->account);
    return 1;
}

/* The name may be a second one of somebody else, and then what was approved for one would be used
 * by the other. 0, 1 with the verdict decided, or -EAGAIN. */
static int check_owner(struct roster *roster, struct entrance *entrance, struct verdict *verdict)
{
    const struct identity *owner = NULL, *same = NULL;
    int r = roster_user(roster, entrance->owner, false, &owner);

    if (r == 0)
        r = roster_uid(roster, owner->uid, false, &same);
    if (r == -EAGAIN)
        return r;
    if (r == 0 && owner->uid != 0 && strcmp(owner->name, entrance->owner) == 0 &&
        strcmp(same->name, entrance->owner) == 0) {
        entrance->name = entrance->owner;
        return 0;
    }
    if (r == -ENOENT)
        verdict_say(verdict, VERDICT_REFUSED,
                    "this key is the one of %s, by " PERSONS_FILE ", and there is no such user on "
                    "this host: ask an administrator",
                    entrance->owner);
    else if (r < 0)
        verdict_say(verdict, VERDICT_REFUSED,
                    "the name service did not say in time who %s is: try again", entrance->owner);
    else if (owner->uid == 0)
        verdict_say(verdict, VERDICT_REFUSED,
                    "this key is the one of %s, by " PERSONS_FILE ", and uid 0 is no person: ask "
                    "an administrator to write the person's own name there",
                    entrance->owner);
    else
        verdict_say(verdict, VERDICT_REFUSED,
                    "this key is the one of %s, by " PERSONS_FILE ", which is another name of %s "
                    "(uid %u): ask an administrator to write that name there",
                    entrance->owner, same->name, owner->uid);
    return 1;
}

/* Who asks: at the ssh door of a shared account the owner of the key, else whom the door says. 0
 * with entrance->name set, 1 with the verdict decided, -EAGAIN. */
static int find_asker(struct ledger *ledger, const struct login *login, struct roster *roster,
                      const struct moment *now, struct entrance *entrance, struct verdict *verdict)
{
    const struct identity *account = NULL;
    struct error error;
    int r;

    entrance->name = login->person;
    if (login->door != DOOR_SSH || !ledger->policies)
        return 0;
    r = roster_user(roster, login->account, false, &account);
    if (r == -EAGAIN)
        return r;
    if (r < 0 || !policy_sharing(ledger->policies, account))
        return 0;

    entrance->account = account;
    entrance->name = NULL;
    /* Of another service it is whatever its environment says. */
    if (strcmp(login->service, "sshd") != 0 || !persons_authinfo_has_key(login->authinfo))
        return refuse_without_key(login, verdict);
    if (persons_find_owner(ledger->policies->persons, login->authinfo, now->wall, entrance->owner,
                           &error) != 0) {
        verdict_say(verdict, VERDICT_REFUSED, "%s", error.text);
        return 1;
    }
    return check_owner(roster, entrance, verdict);
}

/* Finds the deciding policy. 0 with entrance->policy set, 1 with the verdict decided, -EAGAIN. */
static int find_policy(struct ledger *ledger, const struct login *login, struct roster *roster,
                       const struct moment *now, struct entrance *entrance, struct verdict *verdict)
{
    struct policy_question question = {.person = entrance->person,
                                       .account = entrance->account,
                                       .door = login->door,
                                       .rhost = login->rhost,
                                       .wall = now->wall};
    struct policy_answer answer;
    int r;

    if (!ledger->policies) {
        verdict_say(
            verdict, VERDICT_REFUSED,
            "the check-out policy of this host cannot be read, so nobody can be let in: its "
            "administrator finds the reason in the journal of pam-checkout-broker.service");
        return 1;
    }
    answer = policy_decide(ledger->policies, &question);
    if (answer.verdict == POLICY_NEEDS_GROUPS) {
        r = roster_user(roster, entrance->name, true, &question.person);
        if (r == -EAGAIN)
            return r;
        if (r < 0) {
            verdict_say(verdict, VERDICT_REFUSED,
                        "the name service did not say in time which groups %s is in: try again",
                        entrance->name);
            return 1;
        }
        answer = policy_decide(ledger->policies, &question);
    }
    switch (answer.verdict) {
    case POLICY_DECIDES:
        entrance->policy = answer.policy;
        return check_shared(login, answer.policy, verdict);
    case POLICY_UNMANAGED:
        return say_unmanaged(ledger, roster, entrance, verdict);
    case POLICY_EXEMPT:
        verdict_say(verdict, VERDICT_EXEMPT, "policy %s exempts %s", answer.policy->name,
                    entrance->person->name);
        return 1;
    case POLICY_OUTSIDE_HOURS:
        verdict_say(verdict, VERDICT_REFUSED, "policy %s does not let anybody into %s at this hour",
                    answer.policy->name, entrance->account->name);
        return 1;
    case POLICY_NOBODY:
    case POLICY_NEEDS_GROUPS:
        break;
    }
    verdict_say(verdict, VERDICT_REFUSED,
                "no policy lets %s into %s through %s%s%s: ask your administrator",
                entrance->person->name, entrance->account->name, door_name(login->door),
                login->rhost ? " from " : "", login->rhost ? login->rhost : "");
    return 1;
}

int door_enter(struct ledger *ledger, const struct login *login, struct roster *roster,
               const struct moment *now, struct entrance *entrance, struct verdict *verdict)
{
    int r = find_asker(ledger, login, roster, now, entrance, verdict);

    if (r == 0)
        r = identify(login, roster, entrance, verdict);
    if (r == 0)
        r = check_person(login, entrance->person, verdict);
    return r == 0 ? find_policy(ledger, login, roster, now, entrance, verdict) : r;
}
