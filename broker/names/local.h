/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Users of the machine's own /etc/passwd, read without the name service: a file does not hang.
 * Answers only what the name service would answer from that very file, which is where nsswitch.conf
 * asks it first, as it does everywhere by default. Groups are not known here: other services may
 * add some. */

#include "core/identity.h"

#define LOCAL_NSSWITCH "/etc/nsswitch.conf"
#define LOCAL_PASSWD "/etc/passwd"

/* By name, or by uid where name is NULL. Returns 0, -ENOENT where the name service must be asked,
 * or another negative errno where the files cannot be read (ask it then, too). */
int local_user(const char *nsswitch, const char *passwd, const char *name, uid_t uid,
               struct identity *ret_user);
