/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/event.h"

#include <string.h>

static const char *const event_names[EVENT_KIND_COUNT] = {
    [EVENT_REQUESTED] = "requested",
    [EVENT_DECISION] = "decision",
    [EVENT_APPROVED] = "approved",
    [EVENT_DENIED] = "denied",
    [EVENT_CANCELLED] = "cancelled",
    [EVENT_LAPSED] = "lapsed",
    [EVENT_STARTED] = "started",
    [EVENT_EXTENDED] = "extended",
    [EVENT_CARRIED_OVER] = "carried-over",
    [EVENT_RETURNED] = "returned",
    [EVENT_REVOKED] = "revoked",
    [EVENT_EXPIRED] = "expired",
    [EVENT_SESSION_OPENED] = "session-opened",
    [EVENT_SESSION_PLACED] = "session-placed",
    [EVENT_SESSION_CLOSED] = "session-closed",
    [EVENT_SESSION_KILLED] = "session-killed",
    [EVENT_SESSION_SURVIVED] = "session-survived",
    [EVENT_DOOR_REFUSED] = "door-refused",
    [EVENT_DECISION_REFUSED] = "decision-refused",
    [EVENT_POLICY_LOADED] = "policy-loaded",
    [EVENT_POLICY_REJECTED] = "policy-rejected",
    [EVENT_BROKER_STARTED] = "broker-started",
    [EVENT_BROKER_STOPPED] = "broker-stopped",
    [EVENT_JOURNAL_GAP] = "journal-gap",
};

const char *event_name(enum event_kind kind)
{
    return (unsigned)kind < EVENT_KIND_COUNT ? event_names[kind] : "unknown";
}

enum event_kind event_from_name(const char *name)
{
    enum event_kind kind = 0;

    while (kind < EVENT_KIND_COUNT && (!name || strcmp(event_names[kind], name) != 0))
        kind++;
    return kind;
}
