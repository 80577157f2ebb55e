/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A request and what became of it: the record that every layer of the broker speaks about. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cleanup.h"
#include "identity.h"
#include "lifecycle.h"

#define UUID_TEXT_MAX 37
#define DIGEST_TEXT_MAX 65
#define BOOT_ID_TEXT_MAX 33
#define SESSION_NAME_MAX 33

/* Now, read once at the edge and handed down: nothing below reads a clock. */
struct moment {
    uint64_t wall;                  /* Unix seconds */
    uint64_t boot;                  /* CLOCK_BOOTTIME, seconds */
    char boot_id[BOOT_ID_TEXT_MAX]; /* sd_id128 in hexadecimal */
};

enum decision_verdict { DECISION_APPROVE, DECISION_DENY };

struct decision {
    char *actor;
    uid_t actor_uid;
    uint32_t actor_loginuid; /* LOGINUID_UNSET if it was */
    enum decision_verdict verdict;
    char *reason; /* NULL: none given */
    uint64_t time;
    uint64_t seconds; /* the time limit that the approver set; 0: none */
    uint64_t start;   /* the later start that the approver set; 0: none */
    char *term;       /* the term of the quorum that it filled; NULL: the plain count */
};

/* One login made under a check-out. */
struct session {
    uint64_t number; /* in the order of their opening; 0: only lists tell */
    char *session;   /* the broker's own name for it */
    uint64_t checkout_id;
    char *person, *account, *door, *service, *tty, *rhost;
    char *unit, *cgroup;   /* where its processes are; NULL: the door handed nothing over */
    uint64_t cgroup_inode; /* a later cgroup of the same name has another; 0: unknown */
    char *inside;          /* the session that root opened it from; NULL: it stands for itself */
    char *how;             /* it ended, see below; NULL: it has not */
    uint32_t pid;
    uint64_t start_time; /* of that process, in its own clock's ticks (proc(5)); 0: unknown */
    char boot_id[BOOT_ID_TEXT_MAX];
    uint32_t audit_session;
    uint64_t opened;
    uint64_t closed; /* 0: open */
};

/* How a session ended: of itself, by being stopped, by the kill handle, not at all, with the
 * machine. One that survived may be open still. */
#define SESSION_CLOSED "closed"
#define SESSION_ENDED "ended"
#define SESSION_KILLED "killed"
#define SESSION_SURVIVED "survived"
#define SESSION_REBOOTED "rebooted"

struct checkout {
    uint64_t id;
    char uuid[UUID_TEXT_MAX];
    enum checkout_state state;

    char *person;
    uid_t person_uid;
    uint32_t person_loginuid;
    char *account;
    uid_t account_uid;
    char *host;
    char *machine_id;

    /* NULL where unknown or not given. `door`: the one door it opens; NULL: every door of its
     * policy. */
    char *door, *service, *tty, *rhost, *command;
    char *reason, *reason_source, *ticket, *to;
    bool waiting;         /* filed by a login that waits for it: gone with the last waiter */
    uint64_t waits_until; /* so long, by the wall clock; 0: unknown, or none */

    char *policy;                        /* name of the policy that decided at filing */
    char policy_digest[DIGEST_TEXT_MAX]; /* of the whole policy text at filing */
    char digest[DIGEST_TEXT_MAX];        /* of what approvers are shown (contracts) */

    uint64_t requested;   /* when filed */
    uint64_t lapses;      /* pending until */
    uint64_t duration;    /* seconds asked for; decisions may have set less */
    uint64_t asked_start; /* the start that was asked for; 0: at once */
    uint64_t start_at;    /* the same, or later where an approver said so */
    uint64_t extends;     /* id of the check-out it extends; 0: none */

    uint64_t approved_at; /* 0: not yet */
    uint64_t
        use_by; /* its clock starts at first use, which must come before this; 0: no such clock */
    uint64_t start;    /* of the window; 0: not yet */
    uint64_t end;      /* of the window, wall clock; 0: not yet */
    uint64_t end_boot; /* the same, or use_by before it starts, by CLOCK_BOOTTIME of boot_id */
    char boot_id[BOOT_ID_TEXT_MAX];
    uint32_t uses; /* doors opened with it */
    bool survive_reboot;

    struct decision *decisions;
    size_t n_decisions;
};

/* All accept NULL and return NULL. */
struct checkout *checkout_free(struct checkout *checkout);
struct session *session_free(struct session *session);
/* A copy that owns its texts; NULL when out of memory. */
struct session *session_copy(const struct session *session);
void decision_clear(struct decision *decision);

DEFINE_CLEANUP(struct checkout *, checkout, checkout_free);
DEFINE_CLEANUP(struct session *, session, session_free);
#define CLEANUP_CHECKOUT CLEANUP(cleanup_checkout)
#define CLEANUP_SESSION CLEANUP(cleanup_session)

/* Computes the digest of what approvers are shown into checkout->digest. Returns 0 or -ENOMEM. */
int checkout_seal(struct checkout *checkout);

/* Is it this person's, for this account? Both by uid and name: two names of one uid may have
 * different groups. Only uid 0 is root under every name. */
bool checkout_is_of(const struct checkout *checkout, const struct identity *person,
                    const struct identity *account);

/* Seconds from now until a window closes by the clock that is there first; 0: it is closed. */
uint64_t window_left(uint64_t end, uint64_t end_boot, const struct moment *now);

/* True while the window is open by both clocks of this boot. A wall clock set back before the start
 * does not close it: the boot clock still ends it. */
bool checkout_in_window(const struct checkout *checkout, const struct moment *now);

/* When an open window closes, by the wall clock as it is set now: earlier than `end` where it was
 * set back. */
uint64_t checkout_closes_at(const struct checkout *checkout, const struct moment *now);

/* What was asked for, or less where an approver set less. */
uint64_t checkout_granted_seconds(const struct checkout *checkout);
