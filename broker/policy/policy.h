/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the administrator wrote, and what follows from it for one question. Pure: no clock, no I/O,
 * no look-up of names. Made by config.h, evaluated here. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/checkout.h"
#include "error.h"
#include "core/identity.h"
#include "policy_hours.h"
#include "policy_source.h"
#include "ticket_pattern.h"

/* Doors, as bits. */
enum door {
    DOOR_SUDO = 1 << 0,
    DOOR_SU = 1 << 1,
    DOOR_SSH = 1 << 2,
    DOOR_LOGIN = 1 << 3,
    DOOR_ANY = DOOR_SUDO | DOOR_SU | DOOR_SSH | DOOR_LOGIN,
};

/* The bit of a door's name, 0 if there is none of that name; and back ("?" for no single door). */
unsigned door_from_name(const char *name);
const char *door_name(unsigned door);

/* "alice", "%ops", "uid:1000-1999" or, among approvers only, "manager" */
struct principal {
    char *name; /* without the %; a range as it was written */
    bool is_group;
    bool is_range;
    bool is_manager;   /* of whoever requests */
    uid_t first, last; /* of a range, both included */
};

#define MANAGER_WORD "manager"

struct principals {
    struct principal *items;
    size_t count;
};

/* An account that policies manage. config.h leaves uid_known false for all but root, whose uid is
 * always 0; the caller fills in what the name service says. Nobody looks up the name of a range. */
struct policy_account {
    char *name; /* a range as it was written: "uid:200-299" */
    uid_t uid;
    bool uid_known;
    bool is_range;
    uid_t first, last; /* of a range, both included */
};

/* Has nobody said yet whose uid it is? */
static inline bool policy_account_is_open(const struct policy_account *account)
{
    return !account->is_range && !account->uid_known;
}

/* NEED_NO: nobody is asked for it; what is given all the same is kept. */
enum policy_need { NEED_NO, NEED_OPTIONAL, NEED_REQUIRED };
enum policy_clock { CLOCK_STARTS_AT_APPROVAL, CLOCK_STARTS_AT_FIRST_USE };
enum policy_on_end { ON_END_TERMINATE, ON_END_WARN, ON_END_NOTHING };
enum policy_person { PERSON_IS_ACCOUNT, PERSON_IS_KEY_OWNER };

struct persons; /* persons.h */
struct quorum;  /* quorum.h */

struct policy {
    char *name;
    char *file;    /* where it stands, for messages */
    unsigned line; /* of its section; 0: unknown */

    /* matchers */
    struct policy_account *accounts;
    size_t n_accounts;
    struct principals requesters;
    unsigned doors; /* default DOOR_ANY */
    struct policy_source *from;
    size_t n_from; /* 0: from anywhere */

    /* constraints */
    struct principals exempt;
    bool approval_required; /* false: approval = none */
    struct principals approvers;
    struct quorum *quorum; /* never NULL where approval is required */
    bool self_approval;
    enum policy_need reason;
    uint64_t reason_min_length; /* characters */
    enum policy_need ticket;
    struct ticket_pattern *ticket_pattern;                        /* NULL: any ticket will do */
    uint64_t duration, max_duration, pending_timeout, use_within; /* seconds */
    enum policy_clock clock;
    struct policy_hours *hours;
    size_t n_hours; /* 0: at any time */
    bool exclusive;
    uint64_t uses;     /* doors one check-out opens; 0: any number */
    uint64_t max_open; /* pending and live ones of one person; 0: no cap of its own */
    enum policy_person person;
    enum policy_on_end on_end;
    uint64_t warn_before; /* seconds */
    bool return_on_logout;
    bool survive_reboot;
};

struct policy_set {
    struct policy **policies; /* in the order that decides */
    size_t n_policies;
    void *managers;               /* policy_managers.h */
    struct persons *persons;      /* persons.h; NULL: there is no such file */
    char *text;                   /* all files as read, with their names, for the ledger */
    char digest[DIGEST_TEXT_MAX]; /* SHA-256 of text */
};

/* A policy with every default and nothing mandatory in it; NULL when out of memory. */
struct policy *policy_new(const char *name);

/* All accept NULL and return NULL. */
struct policy *policy_free(struct policy *policy);
struct policy_set *policy_set_free(struct policy_set *set);
void principals_clear(struct principals *principals);
DEFINE_CLEANUP(struct policy *, policy, policy_free);
DEFINE_CLEANUP(struct policy_set *, policy_set, policy_set_free);
#define CLEANUP_POLICY CLEANUP(cleanup_policy)
#define CLEANUP_POLICY_SET CLEANUP(cleanup_policy_set)

/* A question: may this person enter (or ask for) this account? Borrowed. */
struct policy_question {
    const struct identity *person;
    const struct identity *account; /* groups are not looked at */
    unsigned door;                  /* one bit, or 0: a request that names no door */
    const char *rhost;              /* NULL: local. A host name matches no network */
    bool any_source;                /* a request, which does not come through a door */
    uint64_t wall;                  /* for hours */
};

enum policy_verdict {
    POLICY_UNMANAGED,     /* no policy names the account */
    POLICY_EXEMPT,        /* the deciding policy exempts the person */
    POLICY_NOBODY,        /* managed, but no policy lets this person in by this door from here */
    POLICY_OUTSIDE_HOURS, /* a policy decides, and it is not the time */
    POLICY_DECIDES,
    POLICY_NEEDS_GROUPS, /* cannot be said before the person's groups are known */
};

/* "decides", "unmanaged" and so on; never NULL. */
const char *policy_verdict_name(enum policy_verdict verdict);

struct policy_answer {
    enum policy_verdict verdict;
    const struct policy
        *policy; /* the deciding one for EXEMPT, OUTSIDE_HOURS and DECIDES; else NULL */
};

/* A policy with `person = key` and the ssh door makes the accounts that it names shared: at that
 * door nobody is the account itself, and only such policies decide. The one that says so for this
 * account (borrowed); NULL: the account is not shared. */
const struct policy *policy_sharing(const struct policy_set *set, const struct identity *account);

/* What one policy says to a question, by the first of its keys that does not fit. */
enum policy_match {
    MATCH_NO_ACCOUNT,
    MATCH_NO_DOOR,
    MATCH_SHARED, /* at the ssh door, to which another policy gives the account as a shared one */
    MATCH_NO_SOURCE,
    MATCH_NO_REQUESTER,
    MATCH_NEEDS_GROUPS,
    MATCH_EXEMPT,
    MATCH_OUTSIDE_HOURS,
    MATCH_DECIDES,
};
enum policy_match policy_match(const struct policy *policy, const struct policy_question *question,
                               bool shared);

/* First match in order decides. An account matches by name or, where known, by uid; uid 0 is always
 * root's. At the ssh door a shared account has policies of its own (policy_sharing()). A policy
 * whose matchers fit and that lists the person under `exempt` exempts before it asks for
 * `requesters`. Never fails. */
struct policy_answer policy_decide(const struct policy_set *set,
                                   const struct policy_question *question);

/* Is there an account that nobody has told the uid of (of that name; NULL: any)? Its other names
 * cannot be known as such. */
bool policy_set_has_open_account(const struct policy_set *set, const char *name);

/* Why the answer is what it is, one line per policy looked at ("policy.d/10-root.conf:3 [policy a]:
 * requesters do not include alice"); the caller frees. NULL when out of memory. */
char *policy_explain(const struct policy_set *set, const struct policy_question *question);

/* Is this person among the principals? Tri-state: 1 yes, 0 no, -EAGAIN if the groups would be
 * needed. Nobody is `manager` here: whose would it be? */
int principals_include(const struct principals *principals, const struct identity *person);

/* Is `manager` among them? */
bool principals_name_manager(const struct principals *principals);

/* A policy's approvers as they are for one requester; borrowed. */
struct approvers {
    const struct principals *principals;
    const char *requester; /* NULL: no certain one */
    const char *manager;   /* who is `manager` among them; NULL: nobody */
};

struct approvers approvers_of(const struct policy_set *set, const struct policy *policy,
                              const char *requester);

/* As principals_include(). */
int approvers_include(const struct approvers *approvers, const struct identity *person);

/* "bob, carol (alice's manager) or anyone in %security", for people; a range is "anyone with a uid
 * from 1000 to 1999"; the caller frees. NULL when out of memory. */
char *approvers_sentence(const struct approvers *approvers);

/* "carol (alice's manager)" */
void approvers_write_manager(FILE *out, const struct approvers *approvers);

/* Is `wall` within the policy's hours (true where it has none)? */
bool policy_in_hours(const struct policy *policy, uint64_t wall);

/* Checks what a requester gives against the policy: reason, ticket, duration. *ret_seconds is the
 * duration to use (the default where asked is 0). A text that is NULL or "" was not given. Returns
 * 0, or ERROR_POLICY_REFUSED or ERROR_INVALID_ARGUMENT with a sentence that names the policy and
 * what it wants. */
int policy_check_request(const struct policy *policy, const char *reason, const char *ticket,
                         uint64_t asked_seconds, uint64_t *ret_seconds, struct error *error);
