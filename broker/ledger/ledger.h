/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The one writer: every change of state is one transaction that also appends its audit record;
 * whoever must hear of it hears after the commit. Knows no bus and no clock.
 *
 * Functions that take a roster return -EAGAIN, with nothing changed, where they need people that
 * are not in it yet (roster.h). Functions that take a struct error return 0 or a positive enum
 * error_code with the sentence for the person; what the store could not do is ERROR_STORAGE_FAILED.
 */

#include "core/event.h"
#include "policy/policy.h"
#include "ledger/roster.h"
#include "store/store.h"

struct ledger;

struct ledger_settings {
    struct store *store;                   /* borrowed; outlives the ledger */
    const char *host;                      /* copied */
    const char *machine_id;                /* copied */
    const char *administrators, *auditors; /* groups, NULL: none; copied */
    event_sink sink;
    void *userdata;
};

int ledger_new(const struct ledger_settings *settings,
               struct ledger **ret_ledger);        /* 0 or -ENOMEM */
struct ledger *ledger_free(struct ledger *ledger); /* accepts NULL, returns NULL */

/* The policies from now on; takes the set over where it returns 0. Recorded. */
int ledger_load_policies(struct ledger *ledger, struct policy_set *set, const struct moment *now,
                         struct error *error);

/* The policies could not be read: the old ones stay. Without old ones every door is refused with
 * the problem. Recorded. */
int ledger_reject_policies(struct ledger *ledger, const char *problem, const struct moment *now,
                           struct error *error);

const struct policy_set *ledger_policies(const struct ledger *ledger); /* NULL: none was readable */

/* The name service has now said who that account of the policies is. */
void ledger_learn_account(struct ledger *ledger, const char *name, uid_t uid);

/* Records what concerns the broker itself: that it starts, stops, or that the journal missed
 * something. reason NULL: none. */
int ledger_note(struct ledger *ledger, enum event_kind kind, const char *reason,
                const struct moment *now, struct error *error);

/* ---- what the journal has of it (retell.c) ---- */

/* The last audit record, and the last one that the journal is known to have. */
uint64_t ledger_head(const struct ledger *ledger);
uint64_t ledger_journal_mark(const struct ledger *ledger);

/* The journal has everything up to that record: written down with the next change, or now. */
void ledger_note_journal(struct ledger *ledger, uint64_t seq);
int ledger_keep_journal_mark(struct ledger *ledger); /* 0 or a negative errno */

/* Takes an event that is told again; false: not now, and none behind it. */
typedef bool (*event_taker)(const struct event *event, void *userdata);

/* Tells the events of up to `limit` records behind `after` again, as far as the records say what
 * happened. 0, or a negative errno of the store. */
int ledger_retell(struct ledger *ledger, uint64_t after, size_t limit, event_taker take,
                  void *userdata);

/* Lets time do its work: lapses, starts, expiries. */
int ledger_tick(struct ledger *ledger, const struct moment *now, struct error *error);

/* When it should be called next, by wall clock and boot clock; 0: no need. 0 or a negative errno.
 */
int ledger_next_tick(struct ledger *ledger, const struct moment *now, uint64_t *ret_wall,
                     uint64_t *ret_boot);

/* Pending requests that lapse in (after, until]: for those who might still decide. */
int ledger_lapsing(struct ledger *ledger, uint64_t after, uint64_t until,
                   struct checkouts *ret_checkouts); /* 0 or a negative errno */

/* ---- at a door (door.c) ---- */

/* A login as the door reports it; borrowed, checked for form by the decoder. NULL where unknown. */
struct login {
    unsigned door;
    const char *person, *account;
    const char *service, *phase, *tty, *rhost, *command;
    const char *reason, *ticket, *reason_source;
    const char *authinfo; /* sshd's SSH_AUTH_INFO_0, lines; only of its own service */
    uint32_t pid, ruid, loginuid, audit_session, wait_seconds;
    /* Session phase. The scope that the login lives in by now, and its cgroup; of root, from within
     * what the login came. */
    const char *unit, *cgroup, *parent_cgroup;
    uint64_t cgroup_inode; /* of the cgroup (session.cgroup_inode) */
    uint64_t start_time;   /* of the process (session.start_time) */
    const char *misplaced; /* what is wrong with the scope, as a sentence; NULL: nothing is */
};

enum verdict_kind {
    VERDICT_REFUSED,
    VERDICT_PENDING,
    VERDICT_ALLOW,
    VERDICT_UNMANAGED,
    VERDICT_EXEMPT,
    VERDICT_INCOMPLETE /* words are missing that the door can ask for; nothing was filed */
};

const char *verdict_name(enum verdict_kind kind);

struct verdict {
    enum verdict_kind kind;
    uint64_t id;  /* of the request or check-out; 0: none */
    uint64_t end; /* of the window; 0: none */
    /* Where it allows: the latest end that extensions could give it, and whether the policy ends
     * the sessions then. */
    uint64_t latest;
    bool terminate;
    char session[SESSION_NAME_MAX]; /* that was opened; "": none */
    char message[LIMIT_SENTENCE];
};

/* May this login go on? Files a request where the policy lets the person ask. The verdict is always
 * filled in, refused unless everything says otherwise. Returns 0 or -EAGAIN. */
int ledger_ask(struct ledger *ledger, const struct login *login, struct roster *roster,
               const struct moment *now, struct verdict *ret_verdict);

/* How does that request of the same person, account, door and boot stand now? Files nothing. */
int ledger_resume(struct ledger *ledger, uint64_t id, const struct login *login,
                  struct roster *roster, const struct moment *now, struct verdict *ret_verdict);

/* The session phase, before the session is there to be recorded: as ledger_ask, but the clock of a
 * check-out that waits for its first use does not start. */
int ledger_prepare_session(struct ledger *ledger, const struct login *login, struct roster *roster,
                           const struct moment *now, struct verdict *ret_verdict);

/* The session phase: as ledger_ask, and records the session where it allows. The same process once
 * more has the same session, of which it may say now where it is. A login of root's from within a
 * session is recorded under the same check-out, and allowed. */
int ledger_open_session(struct ledger *ledger, const struct login *login, struct roster *roster,
                        const struct moment *now, struct verdict *ret_verdict);

/* The login says that its session is over. What is not known is not recorded, and a session whose
 * cgroup is known is over when that is empty; returns 0 or an error code. */
int ledger_close_session(struct ledger *ledger, const struct login *login, const struct moment *now,
                         struct error *error);

/* What became of a session, as a SESSION_ word: it is closed, unless it survived. Gives the
 * check-out back with its last session where the policy says so. reason NULL: none. What is closed
 * already stays so. Returns 0 or an error code. */
int ledger_end_session(struct ledger *ledger, const char *name, const char *how, const char *reason,
                       const struct moment *now, struct error *error);

/* Those that are not closed; 0 or a negative errno. */
int ledger_open_sessions(struct ledger *ledger, struct sessions *ret_sessions);
/* All of a check-out, oldest first. */
int ledger_sessions_of(struct ledger *ledger, uint64_t id, struct sessions *ret_sessions);

/* What the policy of that name says today about the end of its sessions; without it they end. */
enum policy_on_end ledger_on_end(const struct ledger *ledger, const char *policy,
                                 uint64_t *ret_warn_before);

/* What it is now; 0 or an error code. */
int ledger_checkout(struct ledger *ledger, uint64_t id, struct checkout **ret_checkout,
                    struct error *error);

/* The last login that waited for this request has gone: cancels it if it was filed to be waited for
 * and is still pending. */
int ledger_abandon(struct ledger *ledger, uint64_t id, const struct moment *now,
                   struct error *error);

/* The same for every such request that should be waited for still, and is not: after a start, for
 * logins that died while no broker saw it. */
typedef bool (*is_waited_for)(uint64_t id, void *userdata);
int ledger_abandon_unattended(struct ledger *ledger, is_waited_for waited, void *userdata,
                              const struct moment *now, struct error *error);

/* ---- for people (request.c, decision.c, view.c) ---- */

/* Who calls: what the bus and the kernel say of the connection. */
struct caller {
    uid_t uid;
    uint32_t loginuid;
    bool loginuid_known; /* it could be read: unset is known too */
};

struct request {
    const char *account;
    const char *reason, *ticket, *to; /* NULL: not given */
    unsigned door;                    /* 0: every door of the policy */
    uint64_t duration, start;         /* 0: the policy's, at once */
};

/* The id of the new request, or of the one that asks for the same already. */
int ledger_request(struct ledger *ledger, const struct request *request,
                   const struct caller *caller, struct roster *roster, const struct moment *now,
                   uint64_t *ret_id, struct error *error);

/* A request of somebody else's together with the caller's approval; the quorum stays what it is. */
int ledger_grant(struct ledger *ledger, const char *person_name, const struct request *request,
                 const struct caller *caller, struct roster *roster, const struct moment *now,
                 uint64_t *ret_id, struct error *error);

/* Asks for `seconds` more on a check-out of one's own; decided like any other request. The id is
 * the extension's, or that of the one that is pending already. */
int ledger_extend(struct ledger *ledger, uint64_t id, uint64_t seconds, const char *reason,
                  const struct caller *caller, struct roster *roster, const struct moment *now,
                  uint64_t *ret_id, struct error *error);

struct approval_terms {
    const char *digest; /* of what was shown */
    const char *reason; /* NULL: none */
    uint64_t duration;  /* at most; 0: as asked */
    uint64_t start;     /* not before; 0: as asked */
};

int ledger_approve(struct ledger *ledger, uint64_t id, const struct approval_terms *terms,
                   const struct caller *caller, struct roster *roster, const struct moment *now,
                   struct error *error);
int ledger_deny(struct ledger *ledger, uint64_t id, const char *reason, const struct caller *caller,
                struct roster *roster, const struct moment *now, struct error *error);
int ledger_cancel(struct ledger *ledger, uint64_t id, const struct caller *caller,
                  struct roster *roster, const struct moment *now, struct error *error);
int ledger_check_in(struct ledger *ledger, uint64_t id, const struct caller *caller,
                    struct roster *roster, const struct moment *now, struct error *error);
int ledger_revoke(struct ledger *ledger, uint64_t id, const char *reason,
                  const struct caller *caller, struct roster *roster, const struct moment *now,
                  struct error *error);

struct explain_request {
    const char *person, *account;
    unsigned door;     /* 0: a request that names no door */
    const char *rhost; /* NULL: local */
    uint64_t at;       /* Unix seconds; 0: now */
};

struct explanation {
    enum policy_verdict verdict;
    char *policy;                        /* the deciding one; NULL: none */
    char policy_digest[DIGEST_TEXT_MAX]; /* of the policies that were asked */
    char *lines;                         /* one for each policy: does it decide, and why not */
};
void explanation_clear(struct explanation *explanation);

/* Which policy decides about such a login, of the policies that were in force at that time.
 * Everybody may ask about themselves; root, administrators and auditors about anybody. */
int ledger_explain(struct ledger *ledger, const struct explain_request *request,
                   const struct caller *caller, struct roster *roster, const struct moment *now,
                   struct explanation *ret_explanation, struct error *error);

/* May the caller have the policies read anew? 0, -EAGAIN, or ERROR_NOT_PERMITTED. */
int ledger_check_reload(struct ledger *ledger, const struct caller *caller, struct roster *roster,
                        struct error *error);

/* What the caller may see of it. Frees nothing: *ret_checkout and *ret_sessions are the caller's.
 */
int ledger_get(struct ledger *ledger, uint64_t id, const struct caller *caller,
               struct roster *roster, struct checkout **ret_checkout,
               struct session ***ret_sessions, size_t *ret_n_sessions, struct error *error);

struct list_request {
    struct checkout_filter filter;
    bool mine, decidable;
};
int ledger_list(struct ledger *ledger, const struct list_request *request,
                const struct caller *caller, struct roster *roster, struct checkouts *ret_checkouts,
                struct error *error);

/* Sessions of check-outs that the caller may see. */
int ledger_list_sessions(struct ledger *ledger, const struct session_filter *filter,
                         const struct caller *caller, struct roster *roster,
                         struct sessions *ret_sessions, struct error *error);

/* Audit records in order, from behind `after`: for root, administrators and auditors. A page is
 * bounded by bytes too, and may be shorter than what is left. The caller clears it. */
int ledger_audit(struct ledger *ledger, uint64_t after, size_t limit, const struct caller *caller,
                 struct roster *roster, struct trail *ret_trail, struct error *error);

/* The same of one check-out, for whoever may see that. */
int ledger_trail(struct ledger *ledger, uint64_t id, uint64_t after, size_t limit,
                 const struct caller *caller, struct roster *roster, struct trail *ret_trail,
                 struct error *error);

/* Rows as they are stored, for whoever verifies: as ledger_audit(). */
int ledger_rows(struct ledger *ledger, enum trail_table table, uint64_t after, size_t limit,
                const struct caller *caller, struct roster *roster, struct trail *ret_trail,
                struct error *error);

/* The policies of that digest: the same people. The caller frees. */
int ledger_policy_text(struct ledger *ledger, const char *digest, const struct caller *caller,
                       struct roster *roster, char **ret_text, struct error *error);

/* Is that request pending, and may this person, whose groups are known, decide about it and has not
 * yet? */
bool ledger_waits_for(struct ledger *ledger, uint64_t id, const struct identity *person);

/* "bob or anyone in %security can approve it", or "" when out of memory; the caller frees. */
char *ledger_who_can_approve(const struct ledger *ledger, const struct checkout *checkout);
