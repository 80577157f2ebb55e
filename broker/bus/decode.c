/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus/decode.h"

#include <string.h>

#include "broker1.h"
#include "dict.h"
#include "gate1.h"
#include "text.h"

/* "" is how some senders say "unknown". */
static const char *known(const char *text)
{
    return text && *text ? text : NULL;
}

/* Reads an id; the bus knows larger ones than the ledger. */
static int read_id(DBusMessageIter *iter, uint64_t *ret_id, struct error *error)
{
    dbus_uint64_t id = 0;

    dbus_message_iter_get_basic(iter, &id);
    if (id == 0 || id > INT64_MAX)
        return error_set(error, ERROR_INVALID_ARGUMENT, "%llu is not the number of a request",
                         (unsigned long long)id);
    *ret_id = id;
    return 0;
}

int decode_login(DBusMessage *message, uint64_t *ret_id, struct login *ret_login,
                 struct error *error)
{
    struct gate1_login dict = GATE1_LOGIN_INIT;
    DBusMessageIter iter;
    uint64_t id = 0;
    unsigned door;
    int r = 0;

    dbus_message_iter_init(message, &iter);
    if (ret_id) {
        r = read_id(&iter, &id, error);
        dbus_message_iter_next(&iter);
    }
    if (r == 0)
        r = dict_read(&iter, &gate1_login_schema, &dict, error);
    if (r != 0)
        return r;
    dict_release(&gate1_login_schema, &dict);

    door = door_from_name(dict.door ? dict.door : "");
    if (!door)
        return error_set(error, ERROR_INVALID_ARGUMENT,
                         "door must be sudo, su, ssh or login, not \"%s\"",
                         dict.door ? dict.door : "");
    if (!known(dict.person) || !known(dict.account) || !known(dict.service))
        return error_set(error, ERROR_INVALID_ARGUMENT,
                         "a login needs person, account and service");
    if (!(dict.has & GATE1_LOGIN_HAS_PID) || dict.pid == 0)
        return error_set(error, ERROR_INVALID_ARGUMENT, "a login needs its pid");

    *ret_login = (struct login){
        .door = door,
        .person = dict.person,
        .account = dict.account,
        .service = dict.service,
        .phase = known(dict.phase),
        .tty = known(dict.tty),
        .rhost = known(dict.rhost),
        .command = known(dict.command),
        .reason = known(dict.reason),
        .ticket = known(dict.ticket),
        .reason_source = known(dict.reason_source),
        .authinfo = known(dict.authinfo),
        .pid = dict.pid,
        .ruid = dict.has & GATE1_LOGIN_HAS_RUID ? dict.ruid : UID_UNSET,
        .loginuid = dict.has & GATE1_LOGIN_HAS_LOGINUID ? dict.loginuid : LOGINUID_UNSET,
        .audit_session = dict.audit_session,
        .wait_seconds = dict.wait_seconds,
        .unit = known(dict.unit),
        .cgroup = known(dict.cgroup),
        .parent_cgroup = known(dict.parent_cgroup),
    };
    if (ret_id)
        *ret_id = id;
    return 0;
}

int decode_kill_handle(DBusMessage *message, int *ret_kill, struct error *error)
{
    struct gate1_login dict = GATE1_LOGIN_INIT;
    DBusMessageIter iter;
    int r;

    dbus_message_iter_init(message, &iter);
    r = dict_read(&iter, &gate1_login_schema, &dict, error);
    if (r != 0)
        return r;
    *ret_kill = TAKE_FD(dict.cgroup_kill);
    dict_release(&gate1_login_schema, &dict);
    return 0;
}

/* A door, if one is named. */
static int read_door(const char *name, unsigned *ret_door, struct error *error)
{
    unsigned door = name ? door_from_name(name) : 0;

    if (name && !door)
        return error_set(error, ERROR_INVALID_ARGUMENT,
                         "door must be sudo, su, ssh or login, not \"%s\"", name);
    *ret_door = door;
    return 0;
}

/* A number that is given must say something. */
static int check_number(const char *what, bool given, uint64_t value, uint64_t max,
                        struct error *error)
{
    if (given && (value == 0 || value > max))
        return error_set(error, ERROR_INVALID_ARGUMENT, "%s must be from 1 to %llu, not %llu", what,
                         (unsigned long long)max, (unsigned long long)value);
    return 0;
}

static int check_optional_text(const char *what, const char *text, size_t max, struct error *error)
{
    return text ? text_check(what, text, 1, max, error) : 0;
}

/* Reads a name; the iterator goes on to the next argument. */
static int read_name(DBusMessageIter *iter, const char *what, const char **ret_name,
                     struct error *error)
{
    const char *name = NULL;
    int r;

    dbus_message_iter_get_basic(iter, &name);
    dbus_message_iter_next(iter);
    r = text_check(what, name, 1, LIMIT_NAME, error);
    if (r == 0)
        *ret_name = name;
    return r;
}

/* The account and the options of Request and Grant. */
static int read_request(DBusMessageIter *iter, struct request *ret_request, struct error *error)
{
    struct broker1_options dict = BROKER1_OPTIONS_INIT;
    const char *account = NULL;
    unsigned door = 0;
    int r = read_name(iter, "account", &account, error);

    if (r == 0)
        r = dict_read(iter, &broker1_options_schema, &dict, error);
    if (r == 0)
        r = read_door(dict.door, &door, error);
    if (r == 0)
        r = check_number("duration", dict.has & BROKER1_OPTIONS_HAS_DURATION, dict.duration,
                         LIMIT_DURATION_SECONDS, error);
    if (r == 0)
        r = check_number("start", dict.has & BROKER1_OPTIONS_HAS_START, dict.start, INT64_MAX / 2,
                         error);
    if (r == 0)
        r = check_optional_text("reason", dict.reason, LIMIT_REASON, error);
    if (r == 0)
        r = check_optional_text("ticket", dict.ticket, LIMIT_TICKET, error);
    if (r == 0)
        r = check_optional_text("to", dict.to, LIMIT_NAME, error);
    if (r != 0)
        return r;
    *ret_request = (struct request){.account = account,
                                    .reason = dict.reason,
                                    .ticket = dict.ticket,
                                    .to = dict.to,
                                    .door = door,
                                    .duration = dict.duration,
                                    .start = dict.start};
    return 0;
}

int decode_request(DBusMessage *message, struct request *ret_request, struct error *error)
{
    DBusMessageIter iter;

    dbus_message_iter_init(message, &iter);
    return read_request(&iter, ret_request, error);
}

int decode_grant(DBusMessage *message, const char **ret_person, struct request *ret_request,
                 struct error *error)
{
    DBusMessageIter iter;
    const char *person = NULL;
    int r;

    dbus_message_iter_init(message, &iter);
    r = read_name(&iter, "person", &person, error);
    if (r == 0)
        r = read_request(&iter, ret_request, error);
    if (r == 0)
        *ret_person = person;
    return r;
}

int decode_extend(DBusMessage *message, uint64_t *ret_id, uint64_t *ret_seconds,
                  const char **ret_reason, struct error *error)
{
    DBusMessageIter iter;
    dbus_uint64_t seconds = 0;
    const char *reason = NULL;
    uint64_t id = 0;
    int r;

    dbus_message_iter_init(message, &iter);
    r = read_id(&iter, &id, error);
    dbus_message_iter_next(&iter);
    dbus_message_iter_get_basic(&iter, &seconds);
    if (r == 0)
        r = check_number("seconds", true, seconds, LIMIT_DURATION_SECONDS, error);
    dbus_message_iter_next(&iter);
    dbus_message_iter_get_basic(&iter, &reason);
    if (r == 0)
        r = text_check("reason", reason, 1, LIMIT_REASON, error);
    if (r != 0)
        return r;
    *ret_id = id;
    *ret_seconds = seconds;
    *ret_reason = reason;
    return 0;
}

int decode_question(DBusMessage *message, struct explain_request *ret_request, struct error *error)
{
    struct broker1_question dict = BROKER1_QUESTION_INIT;
    DBusMessageIter iter;
    unsigned door = 0;
    int r;

    dbus_message_iter_init(message, &iter);
    r = dict_read(&iter, &broker1_question_schema, &dict, error);
    if (r == 0)
        r = text_check("person", dict.person ? dict.person : "", 1, LIMIT_NAME, error);
    if (r == 0)
        r = text_check("account", dict.account ? dict.account : "", 1, LIMIT_NAME, error);
    if (r == 0)
        r = read_door(dict.door, &door, error);
    if (r == 0)
        r = check_number("at", dict.has & BROKER1_QUESTION_HAS_AT, dict.at, INT64_MAX / 2, error);
    if (r != 0)
        return r;
    *ret_request = (struct explain_request){.person = dict.person,
                                            .account = dict.account,
                                            .door = door,
                                            .rhost = known(dict.from),
                                            .at = dict.at};
    return 0;
}

int decode_approval(DBusMessage *message, uint64_t *ret_id, struct approval_terms *ret_terms,
                    struct error *error)
{
    struct broker1_approval dict = BROKER1_APPROVAL_INIT;
    DBusMessageIter iter;
    uint64_t id = 0;
    int r;

    dbus_message_iter_init(message, &iter);
    r = read_id(&iter, &id, error);
    dbus_message_iter_next(&iter);
    if (r == 0)
        r = dict_read(&iter, &broker1_approval_schema, &dict, error);
    if (r == 0 && (!dict.digest || !*dict.digest))
        r = error_set(error, ERROR_INVALID_ARGUMENT,
                      "an approval needs the digest of the request that was shown");
    if (r == 0)
        r = check_optional_text("reason", dict.reason, LIMIT_REASON, error);
    if (r == 0)
        r = check_number("duration", dict.has & BROKER1_APPROVAL_HAS_DURATION, dict.duration,
                         LIMIT_DURATION_SECONDS, error);
    if (r == 0)
        r = check_number("start", dict.has & BROKER1_APPROVAL_HAS_START, dict.start, INT64_MAX / 2,
                         error);
    if (r != 0)
        return r;
    *ret_id = id;
    *ret_terms = (struct approval_terms){.digest = dict.digest,
                                         .reason = dict.reason,
                                         .duration = dict.duration,
                                         .start = dict.start};
    return 0;
}

int decode_id(DBusMessage *message, uint64_t *ret_id, const char **ret_reason, struct error *error)
{
    DBusMessageIter iter;
    const char *reason = NULL;
    uint64_t id = 0;
    int r;

    dbus_message_iter_init(message, &iter);
    r = read_id(&iter, &id, error);
    if (r == 0 && ret_reason) {
        dbus_message_iter_next(&iter);
        dbus_message_iter_get_basic(&iter, &reason);
        r = text_check("reason", reason, 1, LIMIT_REASON, error);
    }
    if (r != 0)
        return r;
    *ret_id = id;
    if (ret_reason)
        *ret_reason = reason;
    return 0;
}

static int read_page(DBusMessageIter *iter, uint64_t *ret_after, uint32_t *ret_limit,
                     struct error *error)
{
    dbus_uint64_t after = 0;
    dbus_uint32_t limit = 0;
    int r;

    dbus_message_iter_get_basic(iter, &after);
    dbus_message_iter_next(iter);
    dbus_message_iter_get_basic(iter, &limit);
    r = check_number("limit", true, limit, LIMIT_TRAIL_ROWS, error);
    if (r != 0)
        return r;
    *ret_after = after;
    *ret_limit = limit;
    return 0;
}

int decode_page(DBusMessage *message, uint64_t *ret_id, uint64_t *ret_after, uint32_t *ret_limit,
                struct error *error)
{
    DBusMessageIter iter;
    int r = 0;

    dbus_message_iter_init(message, &iter);
    if (ret_id) {
        r = read_id(&iter, ret_id, error);
        dbus_message_iter_next(&iter);
    }
    return r == 0 ? read_page(&iter, ret_after, ret_limit, error) : r;
}

int decode_rows(DBusMessage *message, enum trail_table *ret_table, uint64_t *ret_after,
                uint32_t *ret_limit, struct error *error)
{
    static const char *const names[] = {[TRAIL_CHECKOUTS] = "checkout",
                                        [TRAIL_DECISIONS] = "decision",
                                        [TRAIL_SESSIONS] = "session"};
    DBusMessageIter iter;
    const char *name = NULL;

    dbus_message_iter_init(message, &iter);
    dbus_message_iter_get_basic(&iter, &name);
    dbus_message_iter_next(&iter);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i], name) == 0) {
            *ret_table = (enum trail_table)i;
            return read_page(&iter, ret_after, ret_limit, error);
        }
    return error_set(error, ERROR_INVALID_ARGUMENT,
                     "the table must be checkout, decision or session");
}

int decode_digest(DBusMessage *message, const char **ret_digest, struct error *error)
{
    DBusMessageIter iter;
    const char *digest = NULL;

    dbus_message_iter_init(message, &iter);
    dbus_message_iter_get_basic(&iter, &digest);
    if (strlen(digest) != LIMIT_DIGEST || strspn(digest, "0123456789abcdef") != LIMIT_DIGEST)
        return error_set(error, ERROR_INVALID_ARGUMENT,
                         "a digest is %d hexadecimal digits in lower case", LIMIT_DIGEST);
    *ret_digest = digest;
    return 0;
}

static int read_states(const struct dict_strings *names, uint32_t *ret_states, struct error *error)
{
    uint32_t states = 0;

    for (size_t i = 0; i < names->count; i++) {
        enum checkout_state state = state_from_name(names->items[i]);

        if (state == STATE_NONE)
            return error_set(error, ERROR_INVALID_ARGUMENT, "there is no state \"%s\"",
                             names->items[i]);
        states |= 1u << state;
    }
    *ret_states = states;
    return 0;
}

int decode_list(DBusMessage *message, struct list_request *ret_request, struct error *error)
{
    struct broker1_filter dict = BROKER1_FILTER_INIT;
    DBusMessageIter iter;
    uint32_t states = 0;
    int r;

    dbus_message_iter_init(message, &iter);
    r = dict_read(&iter, &broker1_filter_schema, &dict, error);
    if (r == 0)
        r = read_states(&dict.state, &states, error);
    if (r == 0)
        r = check_number("limit", dict.has & BROKER1_FILTER_HAS_LIMIT, dict.limit, LIMIT_LIST_ROWS,
                         error);
    if (r != 0)
        return r;
    *ret_request = (struct list_request){
        .filter = {.person = known(dict.person),
                   .account = known(dict.account),
                   .approver = known(dict.approver),
                   .states = states,
                   .since = dict.since,
                   .until = dict.until,
                   .after = dict.after,
                   .person_uid = UID_UNSET,
                   .limit = dict.limit ? dict.limit : LIMIT_LIST_DEFAULT},
        .mine = dict.mine,
        .decidable = dict.decidable,
    };
    return 0;
}

int decode_sessions(DBusMessage *message, struct session_filter *ret_filter, struct error *error)
{
    struct broker1_session_filter dict = BROKER1_SESSION_FILTER_INIT;
    DBusMessageIter iter;
    int r;

    dbus_message_iter_init(message, &iter);
    r = dict_read(&iter, &broker1_session_filter_schema, &dict, error);
    if (r == 0)
        r = check_number("id", dict.has & BROKER1_SESSION_FILTER_HAS_ID, dict.id, INT64_MAX, error);
    if (r == 0)
        r = check_number("limit", dict.has & BROKER1_SESSION_FILTER_HAS_LIMIT, dict.limit,
                         LIMIT_LIST_ROWS, error);
    if (r != 0)
        return r;
    *ret_filter = (struct session_filter){.person = known(dict.person),
                                          .account = known(dict.account),
                                          .checkout_id = dict.id,
                                          .since = dict.since,
                                          .until = dict.until,
                                          .open = dict.open,
                                          .after = dict.after,
                                          .limit = dict.limit ? dict.limit : LIMIT_LIST_DEFAULT};
    return 0;
}
