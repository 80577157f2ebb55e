/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Names of the scopes that sessions live in, and paths of their cgroups. Pure: what is there is
 * looked at elsewhere. A mistake here ends the wrong processes. */

#include <stdbool.h>
#include <stdint.h>

/* pam-checkout-ID-….scope, which a door makes for a session of that check-out. */
bool scope_is_of(const char *unit, uint64_t checkout_id);

/* session-N.scope or session-cN.scope, which pam_systemd(8) makes for a login. */
bool scope_is_login(const char *unit);

/* The path of that unit's cgroup: absolute, without "." and "..", ending in the unit's name. */
bool scope_has_cgroup(const char *unit, const char *cgroup);

/* Is `inner` the cgroup `outer`, or below it? */
bool cgroup_contains(const char *outer, const char *inner);
