/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the ledger's own files share. */

#include "ledger/ledger.h"

/* Refusals that were recorded lately: the same one is counted, not multiplied. */
#define REFUSALS_REMEMBERED 1024
#define REFUSAL_REPEAT_SECONDS 60

struct refusal {
    uid_t uid;            /* who came to a door, or tried to decide */
    const char *verb;     /* what was tried; NULL: to pass a door */
    enum error_code code; /* why it was refused, and about which check-out */
    uint64_t id;
    uint32_t loginuid;
    uid_t account_uid; /* at a door */
    unsigned door;
    char *person, *account; /* at a door, or of a grant; NULL where unknown */
    char *actor;            /* who tried; NULL at a door */
    uint64_t boot;          /* seconds, when it was last recorded; 0: free */
    uint64_t repeats;
};

struct ledger {
    struct store *store;
    char *host, *machine_id;
    char *administrators, *auditors;
    event_sink sink;
    void *userdata;
    struct policy_set *policies;
    char *policy_problem; /* why the newest policies were not taken; NULL: they were */
    struct refusal refusals[REFUSALS_REMEMBERED];
    uint64_t repeats;      /* of all refusals, not yet recorded */
    uint64_t journal_mark; /* the journal has the records up to this one */
};

struct actor {
    const char *name;
    uid_t uid;
    uint32_t loginuid;
};

/* One step of a transaction. */
struct change {
    enum event_kind kind;
    enum lifecycle_event life;          /* LIFE_EVENT_COUNT: the check-out's state stays */
    struct checkout *checkout;          /* with its new values but the old state; NULL: none */
    const struct actor *actor;          /* NULL: time or the broker */
    const char *reason;                 /* of this step; NULL: none */
    const struct decision *decision;    /* stored with it; NULL: none */
    const struct session *session;      /* opened, placed or closed with it, by kind; NULL: none */
    const char *how;                    /* a session ends: SESSION_CLOSED and so on */
    const struct login *login;          /* where it happened at a door; NULL: elsewhere */
    const char *policy, *policy_digest; /* where no check-out says it */
    const char *person, *account;       /* where neither check-out nor login says it */
    const char *quorum;  /* of an approval: who has filled which terms (quorum_evidence) */
    const char *refusal; /* of a refused decision: the error's name */
    uint64_t repeats;    /* of a refusal: as often since it was last recorded */
};

/* Applies the changes, in order, in one transaction with their audit records, then tells the sink.
 * The check-outs' states (and a new one's id and digest) are updated in place; on failure they are
 * as before. Returns 0 or an error code. */
int ledger_commit(struct ledger *ledger, const struct change *changes, size_t count,
                  const struct moment *now, struct error *error);

#define LEDGER_CHANGES_MAX 8

/* Changes that are put together step by step. */
struct changes {
    struct change items[LEDGER_CHANGES_MAX];
    size_t count;
};

/* 0, or ERROR_STORAGE_FAILED with a sentence; for a negative errno of the store. */
int ledger_storage_error(const struct ledger *ledger, int r, struct error *error);

/* The check-out; ERROR_NOT_FOUND names the id. */
int ledger_load(struct ledger *ledger, uint64_t id, struct checkout **ret_checkout,
                struct error *error);

/* Today's policy of that name; NULL if there is none. */
const struct policy *ledger_policy(const struct ledger *ledger, const char *name);

/* What the policy that decides asks for, a line each; with a roster also what stands against a
 * request now. The caller frees. 0, -ENOMEM, -EIO, or -EAGAIN where people are not in the roster
 * yet. */
int explain_terms(struct ledger *ledger, const struct policy_set *set, const struct policy *policy,
                  const struct policy_question *question, struct roster *roster,
                  const struct moment *now, char **ret_lines);

/* ERROR_NO_APPROVER where nobody could approve a request of this person; -EAGAIN. */
int request_check_approvers(const struct ledger *ledger, const struct policy *policy,
                            const struct identity *person, struct roster *roster,
                            struct error *error);

/* The step that brought it into its state; the caller clears it. */
void outcome_find(struct ledger *ledger, const struct checkout *checkout, struct step *ret_step);

/* Its state is not the one that somebody's step needs: says who has done what instead, and when. */
int outcome_refuse(struct ledger *ledger, const struct checkout *checkout, const struct moment *now,
                   struct error *error);
/* The same for a request that was approved before it could be cancelled. */
int outcome_refuse_cancel(struct ledger *ledger, const struct checkout *checkout,
                          const struct moment *now, struct error *error);

/* Somebody tried what they may not: borrowed. */
struct attempt {
    const char *verb; /* a literal: "approve" */
    const struct caller *caller;
    const struct identity *actor;
    struct checkout *checkout;    /* NULL: a grant, and then: */
    const char *person, *account; /* for whom */
};

/* Writes the attempt down with the error that refused it, and returns that error's code. The same
 * one within a minute is only counted. One that cannot be recorded is refused all the same. */
int attempt_refused(struct ledger *ledger, const struct attempt *attempt, const struct moment *now,
                    const struct error *error);

/* Records the refusals that were only counted, once their minute is over, or all of them. */
void refusals_settle(struct ledger *ledger, bool all, const struct moment *now);
void refusals_clear(struct ledger *ledger);

/* May this caller give a decision of that policy about it? 0 or an error code. */
int decision_check(const struct ledger *ledger, const struct policy *policy,
                   const struct checkout *checkout, const struct caller *caller,
                   const struct identity *person, struct error *error);

/* Loads a request that somebody wants to decide about, after time has done its work. */
int decision_load(struct ledger *ledger, const char *verb, uint64_t id, const struct caller *caller,
                  struct roster *roster, const struct moment *now,
                  const struct identity **ret_person, const struct policy **ret_policy,
                  struct checkout **ret_checkout, struct error *error);

/* Opens the window of an approved check-out at `start`. */
void checkout_open_window(struct checkout *checkout, uint64_t start, const struct moment *now);

/* The approval is complete: opens the window, or says until when it must be opened. */
void checkout_approve(struct checkout *checkout, const struct policy *policy,
                      const struct moment *now);

/* Does it start in this same moment? */
bool checkout_starts_now(const struct checkout *checkout, const struct moment *now);

/* What somebody asks for, at a door or on the bus; borrowed. */
struct draft {
    const struct identity *person, *account;
    uint32_t person_loginuid;
    const struct policy *policy;
    const struct login *login; /* NULL: not at a door */
    const char *reason, *ticket, *reason_source, *to;
    unsigned door;
    uint64_t duration, start;
    uint64_t extends; /* the check-out that gets more time; 0: none */
    bool waiting;
};

/* Checks it against the policy, the caps and whether anybody could approve it, and makes the
 * check-out of it without storing it. Returns 0, -EAGAIN (the roster), or an error code. */
int request_draw_up(struct ledger *ledger, const struct draft *draft, struct roster *roster,
                    const struct moment *now, struct checkout **ret_checkout, struct error *error);

/* The same, and stores it. */
int request_file(struct ledger *ledger, const struct draft *draft, struct roster *roster,
                 const struct moment *now, struct checkout **ret_checkout, struct error *error);

/* Who else holds the account in that time where the policy is exclusive: 0, or ERROR_POLICY_REFUSED
 * with a sentence that names the holder. */
int request_check_exclusive(struct ledger *ledger, const struct policy *policy,
                            const struct checkout *checkout, const struct moment *now,
                            struct error *error);

/* The same for a time that is not the check-out's own. */
int request_check_span(struct ledger *ledger, const struct policy *policy,
                       const struct checkout *checkout, uint64_t from, uint64_t to,
                       const struct moment *now, struct error *error);

/* Is it known whose login asks? 0 or ERROR_NOT_PERMITTED. */
int request_check_caller(const struct caller *caller, struct error *error);

/* Today's deciding policy for a request of that person: 0, -EAGAIN, or why there is none. */
int request_decide(struct ledger *ledger, const struct request *request,
                   const struct identity *person, const struct identity *account,
                   struct roster *roster, const struct moment *now,
                   const struct policy **ret_policy, struct error *error);

/* A person or account by name, with groups if asked: 0, -EAGAIN, or ERROR_NOT_FOUND and the like.
 * With several, a later one's refusal overwrites the sentence of an earlier one. */
int request_find_user(struct roster *roster, const char *name, bool groups,
                      const struct identity **ret_user, struct error *error);

/* The latest end that extensions can give it, counted from its start, which is known. */
uint64_t extension_latest_end(const struct policy *policy, const struct checkout *checkout);

/* The quorum of an extension is reached: moves the end of the check-out that it extends, which is
 * handed over in *ret_extended and must live until the commit. */
int extension_complete(struct ledger *ledger, const struct policy *policy,
                       struct checkout *extension, const struct actor *actor, const char *reason,
                       const char *quorum, const struct moment *now, struct checkout **ret_extended,
                       struct changes *changes, struct error *error);

/* The caller as a person, with groups where the name service tells them. 0, -EAGAIN, or an error.
 */
int ledger_identify(const struct caller *caller, struct roster *roster,
                    const struct identity **ret_person, struct error *error);

/* Is the person in the group of that setting? */
bool ledger_is_administrator(const struct ledger *ledger, const struct identity *person);

/* Is the person among the approvers of its policy, as they are for its requester? */
bool ledger_is_approver(const struct ledger *ledger, const struct checkout *checkout,
                        const struct identity *person);

/* May this person decide about it? Nobody decides for themselves. */
bool ledger_may_decide(const struct ledger *ledger, const struct checkout *checkout,
                       const struct identity *person);

/* May this person see it? 0 or ERROR_NOT_PERMITTED. */
int ledger_check_sight(const struct ledger *ledger, const struct checkout *checkout,
                       const struct identity *person, struct error *error);

/* Root, administrators and auditors see everything. */
bool ledger_sees_all(const struct ledger *ledger, const struct identity *person);

/* "18:05" today, else "2026-11-22 18:05", in local time. Returns buffer. */
#define WHEN_TEXT_MAX 32
char *when_format(uint64_t wall, const struct moment *now, char buffer[static WHEN_TEXT_MAX]);
