/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What becomes of a login that may come in: where it lives, so that its end can be enforced, and
 * that the broker knows. */

#include <security/pam_modules.h>
#include <stdbool.h>

#include "cgroup.h"
#include "gate.h"
#include "voice.h"

/* What a session phase works with. `wire` is changed: it says where the session lives, and owns
 * wire->cgroup_kill, until session_clear(). */
struct session {
    pam_handle_t *pamh;
    const struct voice *voice;
    const char *gate;
    struct gate1_login *wire;
    struct peer *peer; /* the connection to the broker; NULL: none yet */
    struct patience patience;
    struct cgroup cgroup, parent; /* that `wire` points to */
};

/* Closes the connection and the descriptor, and takes out of `wire` what was put in. */
void session_clear(struct session *session);

/* Has an earlier line of this stack opened the session, so that it is to be handed over now? */
bool session_is_open(pam_handle_t *pamh);

/* Opens the session that Prepare has allowed: gives it a scope of its own (sudo, su), or arranges
 * for the handover behind pam_systemd (ssh, login). Returns 0 with the broker's answer, which is
 * a refusal too where the policy ends sessions and this one could not be ended; or a negative errno
 * with *problem filled in, where the broker does not answer. */
int session_open(struct session *session, const struct gate_answer *prepared,
                 struct gate_answer *ret_answer, struct problem *problem);

/* Tells the broker of the scope that pam_systemd has made since. Returns as session_open. */
int session_hand_over(struct session *session, struct gate_answer *ret_answer,
                      struct problem *problem);

/* root, of whom nobody is asked, opens a session. Where that may be within a check-out the broker
 * hears of it, because it ends with it. Whatever comes of it, root goes on. */
void session_report(struct session *session);

/* Was it reported, so that its end is to be as well? */
bool session_is_reported(pam_handle_t *pamh);
