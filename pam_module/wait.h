/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Waiting for the decision of a request that the broker has filed. */

#include "gate.h"
#include "voice.h"

/* Waits as long as login->wait_seconds says. *peer is the connection the question was asked on; it
 * is used up, and a new one is made when it breaks, for as long as the wait lasts and the broker is
 * not away for good. INT, QUIT, TERM, HUP and TSTP end the wait and are left pending for the host.
 * Returns 0 with what the broker said, which still may be GATE_PENDING; -ECANCELED when the person
 * gave up; -ESHUTDOWN when sshd's client has gone; or another negative errno with *problem filled
 * in. The signal mask is as before. The person is told `words` once giving up works. */
int wait_for_decision(const char *path, const struct gate1_login *login, uint64_t id,
                      const struct voice *voice, const char *words, struct peer **peer,
                      struct gate_answer *ret_answer, struct problem *problem);
