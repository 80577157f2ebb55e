/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus/encode.h"

#include <errno.h>

#include "broker1.h"
#include "dict.h"

static struct broker1_decision decision_dict(const struct decision *decision)
{
    bool approve = decision->verdict == DECISION_APPROVE;

    return (struct broker1_decision){
        .actor = decision->actor,
        .actor_uid = decision->actor_uid,
        .actor_loginuid = decision->actor_loginuid,
        .verdict = approve ? "approve" : "deny",
        .reason = decision->reason,
        .time = decision->time,
        .seconds = decision->seconds,
        .term = decision->term,
        .has =
            BROKER1_DECISION_HAS_ACTOR_UID | BROKER1_DECISION_HAS_TIME |
            (decision->actor_loginuid != LOGINUID_UNSET ? BROKER1_DECISION_HAS_ACTOR_LOGINUID : 0) |
            (decision->seconds ? BROKER1_DECISION_HAS_SECONDS : 0),
    };
}

static struct broker1_session session_dict(const struct session *session)
{
    return (struct broker1_session){
        .session = session->session,
        .id = session->checkout_id,
        .person = session->person,
        .account = session->account,
        .door = session->door,
        .service = session->service,
        .tty = session->tty,
        .rhost = session->rhost,
        .pid = session->pid,
        .unit = session->unit,
        .cgroup = session->cgroup,
        .audit_session = session->audit_session,
        .inside = session->inside,
        .opened = session->opened,
        .closed = session->closed,
        .how = session->how,
        .number = session->number,
        .has = BROKER1_SESSION_HAS_ID | BROKER1_SESSION_HAS_PID | BROKER1_SESSION_HAS_OPENED |
               (session->closed ? BROKER1_SESSION_HAS_CLOSED : 0) |
               (session->number ? BROKER1_SESSION_HAS_NUMBER : 0) |
               (session->audit_session && session->audit_session != LOGINUID_UNSET
                    ? BROKER1_SESSION_HAS_AUDIT_SESSION
                    : 0),
    };
}

int encode_sessions(DBusMessage *reply, const struct sessions *sessions)
{
    DBusMessageIter iter, array;
    int r = 0;

    dbus_message_iter_init_append(reply, &iter);
    if (!dbus_message_iter_open_container(&iter, DBUS_TYPE_ARRAY, "a{sv}", &array))
        return -ENOMEM;
    for (size_t i = 0; i < sessions->count && r == 0; i++) {
        struct broker1_session dict = session_dict(sessions->items[i]);

        r = dict_write(&array, &broker1_session_schema, &dict);
    }
    if (r < 0) {
        dbus_message_iter_abandon_container(&iter, &array);
        return r;
    }
    return dbus_message_iter_close_container(&iter, &array) ? 0 : -ENOMEM;
}

int encode_checkout(DBusMessageIter *iter, const struct checkout *checkout,
                    struct session *const *sessions, size_t n_sessions)
{
    CLEANUP_FREE struct broker1_decision *decisions =
        calloc(checkout->n_decisions + 1, sizeof(*decisions));
    CLEANUP_FREE struct broker1_session *session_dicts =
        calloc(n_sessions + 1, sizeof(*session_dicts));
    struct broker1_checkout dict = {
        .id = checkout->id,
        .start = checkout->start ? checkout->start : checkout->start_at,
        .end = checkout->end,
        .requested = checkout->requested,
        .lapses = checkout->lapses,
        .duration = checkout->duration,
        .extends = checkout->extends,
        .uuid = checkout->uuid,
        .state = state_name(checkout->state),
        .person = checkout->person,
        .account = checkout->account,
        .host = checkout->host,
        .machine_id = checkout->machine_id,
        .door = checkout->door,
        .service = checkout->service,
        .tty = checkout->tty,
        .rhost = checkout->rhost,
        .command = checkout->command,
        .reason = checkout->reason,
        .reason_source = checkout->reason_source,
        .ticket = checkout->ticket,
        .to = checkout->to,
        .policy = checkout->policy,
        .policy_digest = checkout->policy_digest,
        .digest = checkout->digest,
        .boot_id = checkout->boot_id,
        .person_uid = checkout->person_uid,
        .account_uid = checkout->account_uid,
        .uses = checkout->uses,
    };

    if (!decisions || !session_dicts)
        return -ENOMEM;
    for (size_t i = 0; i < checkout->n_decisions; i++)
        decisions[i] = decision_dict(&checkout->decisions[i]);
    for (size_t i = 0; i < n_sessions; i++)
        session_dicts[i] = session_dict(sessions[i]);
    dict.decisions = (struct dict_items){decisions, checkout->n_decisions, sizeof(*decisions),
                                         &broker1_decision_schema};
    dict.sessions = (struct dict_items){session_dicts, n_sessions, sizeof(*session_dicts),
                                        &broker1_session_schema};
    dict.has = BROKER1_CHECKOUT_HAS_ID | BROKER1_CHECKOUT_HAS_REQUESTED |
               BROKER1_CHECKOUT_HAS_LAPSES | BROKER1_CHECKOUT_HAS_DURATION |
               BROKER1_CHECKOUT_HAS_PERSON_UID | BROKER1_CHECKOUT_HAS_ACCOUNT_UID |
               BROKER1_CHECKOUT_HAS_USES;
    if (dict.start)
        dict.has |= BROKER1_CHECKOUT_HAS_START;
    if (dict.end)
        dict.has |= BROKER1_CHECKOUT_HAS_END;
    if (dict.extends)
        dict.has |= BROKER1_CHECKOUT_HAS_EXTENDS;
    return dict_write(iter, &broker1_checkout_schema, &dict);
}
