/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* `from`: where a login may come from. Literal addresses only; names are never resolved. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

/* An address and network, or `local` (no rhost). */
struct policy_source {
    bool local;
    int family;              /* AF_INET, AF_INET6 */
    struct in6_addr address; /* an IPv4 address in the first four bytes */
    unsigned prefix;
};

/* Reads "local", an address or a network in CIDR notation whose host bits are zero; an IPv4-mapped
 * IPv6 network becomes the IPv4 one. Returns 0, or -EINVAL with what is wrong in *ret_problem (a
 * constant string). */
int policy_source_parse(const char *text, struct policy_source *ret_source,
                        const char **ret_problem);

/* Does a login from rhost come from there? NULL and "" are local; a name matches nothing; an
 * IPv4-mapped IPv6 address is the IPv4 one, and a zone ("%eth0") is not looked at. */
bool policy_source_matches(const struct policy_source *source, const char *rhost);

/* Is all of `inner` within `outer`? */
bool policy_source_covers(const struct policy_source *outer, const struct policy_source *inner);
