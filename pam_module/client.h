/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The other end of a login that comes over the network. */

#include <stdbool.h>

#include "gate1.h"

/* The host's own connection to the client that logs in, which still is the host's: never read from,
 * never closed. For sshd, which holds it in each of its processes that call PAM; -1 where there is
 * none or it cannot be told which it is. */
int client_connection(const struct gate1_login *login);
