/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "policy/policy_source.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#define MAPPED_PREFIX 96 /* ::ffff:0:0/96, RFC 4291, 2.5.5.2 */

/* Turns an IPv4-mapped IPv6 address into the IPv4 one. */
static void unmap(struct policy_source *source)
{
    struct in6_addr plain = {0};

    if (source->family != AF_INET6 || source->prefix < MAPPED_PREFIX ||
        !IN6_IS_ADDR_V4MAPPED(&source->address))
        return;
    memcpy(plain.s6_addr, source->address.s6_addr + 12, 4);
    source->address = plain;
    source->family = AF_INET;
    source->prefix -= MAPPED_PREFIX;
}

static int parse_address(const char *text, struct policy_source *ret_source)
{
    struct policy_source source = {0};

    if (inet_pton(AF_INET, text, source.address.s6_addr) == 1) {
        source.family = AF_INET;
        source.prefix = 32;
    } else if (inet_pton(AF_INET6, text, source.address.s6_addr) == 1) {
        source.family = AF_INET6;
        source.prefix = 128;
    } else {
        return -EINVAL;
    }
    *ret_source = source;
    return 0;
}

/* Digits only, no leading zero, at most max. */
static int parse_prefix(const char *text, unsigned max, unsigned *ret_prefix)
{
    unsigned value = 0;
    size_t length = strlen(text);

    if (length == 0 || length > 3 || (text[0] == '0' && length > 1))
        return -EINVAL;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -EINVAL;
        value = value * 10 + (unsigned)(text[i] - '0');
    }
    if (value > max)
        return -EINVAL;
    *ret_prefix = value;
    return 0;
}

/* Are the first `prefix` bits of both the same? */
static bool same_network(const uint8_t *one, const uint8_t *other, unsigned prefix)
{
    unsigned whole = prefix / 8, rest = prefix % 8;

    if (memcmp(one, other, whole) != 0)
        return false;
    if (rest == 0)
        return true;
    return ((one[whole] ^ other[whole]) & (0xff00u >> rest) & 0xffu) == 0;
}

/* Are all bits behind the prefix zero? */
static bool is_network(const struct policy_source *source)
{
    unsigned bits = source->family == AF_INET ? 32 : 128;

    for (unsigned bit = source->prefix; bit < bits; bit++)
        if (source->address.s6_addr[bit / 8] & (0x80u >> (bit % 8)))
            return false;
    return true;
}

int policy_source_parse(const char *text, struct policy_source *ret_source,
                        const char **ret_problem)
{
    char address[INET6_ADDRSTRLEN];
    struct policy_source source = {0};
    const char *slash;
    size_t length;

    if (strcmp(text, "local") == 0) {
        *ret_source = (struct policy_source){.local = true};
        return 0;
    }

    slash = strchr(text, '/');
    length = slash ? (size_t)(slash - text) : strlen(text);
    if (length >= sizeof(address)) {
        *ret_problem = "is not an address";
        return -EINVAL;
    }
    memcpy(address, text, length);
    address[length] = '\0';

    if (parse_address(address, &source) < 0) {
        *ret_problem = "is not an address";
        return -EINVAL;
    }
    if (slash && parse_prefix(slash + 1, source.prefix, &source.prefix) < 0) {
        *ret_problem = "has a bad length behind the slash";
        return -EINVAL;
    }
    if (!is_network(&source)) {
        *ret_problem = "has address bits set behind its length";
        return -EINVAL;
    }
    unmap(&source);

    *ret_source = source;
    return 0;
}

bool policy_source_matches(const struct policy_source *source, const char *rhost)
{
    char address[INET6_ADDRSTRLEN];
    struct policy_source from = {0};
    size_t length;

    if (!rhost || !*rhost)
        return source->local;
    if (source->local)
        return false;

    /* getnameinfo(3) writes link-local addresses with their zone. */
    length = strcspn(rhost, "%");
    if (length >= sizeof(address))
        return false;
    memcpy(address, rhost, length);
    address[length] = '\0';

    if (parse_address(address, &from) < 0)
        return false;
    unmap(&from);
    return policy_source_covers(source, &from);
}

bool policy_source_covers(const struct policy_source *outer, const struct policy_source *inner)
{
    if (outer->local || inner->local)
        return outer->local && inner->local;
    return outer->family == inner->family && outer->prefix <= inner->prefix &&
           same_network(outer->address.s6_addr, inner->address.s6_addr, outer->prefix);
}
