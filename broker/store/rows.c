/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/rows.h"

#include <errno.h>
#include <string.h>

#define COLUMN(record, member, name, type)                                                         \
    {                                                                                              \
        name, type, offsetof(struct record, member), sizeof(((struct record *)0)->member)          \
    }

static const struct column checkout_columns[] = {
    COLUMN(checkout, uuid, "uuid", COLUMN_FIXED),
    COLUMN(checkout, state, "state", COLUMN_STATE),
    COLUMN(checkout, person, "person", COLUMN_TEXT),
    COLUMN(checkout, person_uid, "person_uid", COLUMN_U32),
    COLUMN(checkout, person_loginuid, "person_loginuid", COLUMN_U32),
    COLUMN(checkout, account, "account", COLUMN_TEXT),
    COLUMN(checkout, account_uid, "account_uid", COLUMN_U32),
    COLUMN(checkout, host, "host", COLUMN_TEXT),
    COLUMN(checkout, machine_id, "machine_id", COLUMN_TEXT),
    COLUMN(checkout, door, "door", COLUMN_TEXT),
    COLUMN(checkout, service, "service", COLUMN_TEXT),
    COLUMN(checkout, tty, "tty", COLUMN_TEXT),
    COLUMN(checkout, rhost, "rhost", COLUMN_TEXT),
    COLUMN(checkout, command, "command", COLUMN_TEXT),
    COLUMN(checkout, reason, "reason", COLUMN_TEXT),
    COLUMN(checkout, reason_source, "reason_source", COLUMN_TEXT),
    COLUMN(checkout, ticket, "ticket", COLUMN_TEXT),
    COLUMN(checkout, to, "preferred", COLUMN_TEXT),
    COLUMN(checkout, waiting, "waiting", COLUMN_BOOL),
    COLUMN(checkout, waits_until, "waits_until", COLUMN_U64),
    COLUMN(checkout, policy, "policy", COLUMN_TEXT),
    COLUMN(checkout, policy_digest, "policy_digest", COLUMN_FIXED),
    COLUMN(checkout, digest, "digest", COLUMN_FIXED),
    COLUMN(checkout, requested, "requested", COLUMN_U64),
    COLUMN(checkout, lapses, "lapses", COLUMN_U64),
    COLUMN(checkout, duration, "duration", COLUMN_U64),
    COLUMN(checkout, asked_start, "asked_start", COLUMN_U64),
    COLUMN(checkout, start_at, "start_at", COLUMN_U64),
    COLUMN(checkout, extends, "extends", COLUMN_U64),
    COLUMN(checkout, approved_at, "approved_at", COLUMN_U64),
    COLUMN(checkout, use_by, "use_by", COLUMN_U64),
    COLUMN(checkout, start, "start", COLUMN_U64),
    COLUMN(checkout, end, "\"end\"", COLUMN_U64),
    COLUMN(checkout, end_boot, "end_boot", COLUMN_U64),
    COLUMN(checkout, boot_id, "boot_id", COLUMN_FIXED),
    COLUMN(checkout, uses, "uses", COLUMN_U32),
    COLUMN(checkout, survive_reboot, "survive_reboot", COLUMN_BOOL),
};

static const struct column decision_columns[] = {
    COLUMN(decision, actor, "actor", COLUMN_TEXT),
    COLUMN(decision, actor_uid, "actor_uid", COLUMN_U32),
    COLUMN(decision, actor_loginuid, "actor_loginuid", COLUMN_U32),
    COLUMN(decision, verdict, "verdict", COLUMN_VERDICT),
    COLUMN(decision, reason, "reason", COLUMN_TEXT),
    COLUMN(decision, time, "time", COLUMN_U64),
    COLUMN(decision, seconds, "seconds", COLUMN_U64),
    COLUMN(decision, start, "start", COLUMN_U64),
    COLUMN(decision, term, "term", COLUMN_TEXT),
};

static const struct column session_columns[] = {
    COLUMN(session, session, "session", COLUMN_TEXT),
    COLUMN(session, checkout_id, "checkout", COLUMN_U64),
    COLUMN(session, person, "person", COLUMN_TEXT),
    COLUMN(session, account, "account", COLUMN_TEXT),
    COLUMN(session, door, "door", COLUMN_TEXT),
    COLUMN(session, service, "service", COLUMN_TEXT),
    COLUMN(session, tty, "tty", COLUMN_TEXT),
    COLUMN(session, rhost, "rhost", COLUMN_TEXT),
    COLUMN(session, pid, "pid", COLUMN_U32),
    COLUMN(session, audit_session, "audit_session", COLUMN_U32),
    COLUMN(session, opened, "opened", COLUMN_U64),
    COLUMN(session, closed, "closed", COLUMN_U64),
    COLUMN(session, unit, "unit", COLUMN_TEXT),
    COLUMN(session, cgroup, "cgroup", COLUMN_TEXT),
    COLUMN(session, inside, "inside", COLUMN_TEXT),
    COLUMN(session, how, "how", COLUMN_TEXT),
    COLUMN(session, boot_id, "boot_id", COLUMN_FIXED),
    COLUMN(session, start_time, "start_time", COLUMN_U64),
    COLUMN(session, cgroup_inode, "cgroup_inode", COLUMN_U64),
};

#define TABLE(name, columns)                                                                       \
    {                                                                                              \
        name, columns, sizeof(columns) / sizeof((columns)[0])                                      \
    }

const struct table checkout_table = TABLE("checkout", checkout_columns);
const struct table decision_table = TABLE("decision", decision_columns);
const struct table session_table = TABLE("session", session_columns);

/* The names of enum decision_verdict. */
static const char *const verdict_names[] = {
    [DECISION_APPROVE] = "approve", [DECISION_DENY] = "deny"};

const char *column_name(const struct column *column, const void *member)
{
    return column->type == COLUMN_STATE ? state_name(*(const enum checkout_state *)member)
                                        : verdict_names[*(const enum decision_verdict *)member];
}

static int bind_text(sqlite3_stmt *statement, int at, const char *text)
{
    return text ? sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC)
                : sqlite3_bind_null(statement, at);
}

static int bind_column(sqlite3_stmt *statement, int at, const struct column *column,
                       const void *member)
{
    switch (column->type) {
    case COLUMN_TEXT:
        return bind_text(statement, at, *(char *const *)member);
    case COLUMN_FIXED:
        return bind_text(statement, at, member);
    case COLUMN_U64:
        return sqlite3_bind_int64(statement, at, (sqlite3_int64) * (const uint64_t *)member);
    case COLUMN_U32:
        return sqlite3_bind_int64(statement, at, *(const uint32_t *)member);
    case COLUMN_BOOL:
        return sqlite3_bind_int(statement, at, *(const bool *)member);
    case COLUMN_STATE:
    case COLUMN_VERDICT:
        return bind_text(statement, at, column_name(column, member));
    }
    return SQLITE_MISUSE;
}

int row_bind(sqlite3_stmt *statement, int first, const struct table *table, const void *record)
{
    int r = SQLITE_OK;

    for (size_t i = 0; i < table->n_columns && r == SQLITE_OK; i++)
        r = bind_column(statement, first + (int)i, &table->columns[i],
                        (const char *)record + table->columns[i].offset);
    return r;
}

/* A column's text, NULL where it is NULL. Returns 0, -ENOMEM, or -EIO for a text with a NUL in it.
 */
static int column_text(sqlite3_stmt *statement, int at, const char **ret_text)
{
    if (sqlite3_column_type(statement, at) == SQLITE_NULL) {
        *ret_text = NULL;
        return 0;
    }
    const char *text = (const char *)sqlite3_column_text(statement, at);
    if (!text)
        return -ENOMEM;
    if (strlen(text) != (size_t)sqlite3_column_bytes(statement, at))
        return -EIO;
    *ret_text = text;
    return 0;
}

static int read_named(const struct column *column, const char *text, void *member)
{
    if (!text)
        return -EIO;
    if (column->type == COLUMN_STATE) {
        enum checkout_state state = state_from_name(text);

        *(enum checkout_state *)member = state;
        return state == STATE_NONE ? -EIO : 0;
    }
    for (size_t i = 0; i < sizeof(verdict_names) / sizeof(verdict_names[0]); i++)
        if (strcmp(verdict_names[i], text) == 0) {
            *(enum decision_verdict *)member = (enum decision_verdict)i;
            return 0;
        }
    return -EIO;
}

static int read_column(sqlite3_stmt *statement, int at, const struct column *column, void *member)
{
    sqlite3_int64 number = sqlite3_column_int64(statement, at);
    const char *text = NULL;
    int r;

    switch (column->type) {
    case COLUMN_U64:
        *(uint64_t *)member = (uint64_t)number;
        return number < 0 ? -EIO : 0;
    case COLUMN_U32:
        *(uint32_t *)member = (uint32_t)number;
        return number < 0 || number > UINT32_MAX ? -EIO : 0;
    case COLUMN_BOOL:
        *(bool *)member = number != 0;
        return number < 0 || number > 1 ? -EIO : 0;
    case COLUMN_TEXT:
    case COLUMN_FIXED:
    case COLUMN_STATE:
    case COLUMN_VERDICT:
        break;
    }
    r = column_text(statement, at, &text);
    if (r < 0)
        return r;
    if (column->type == COLUMN_STATE || column->type == COLUMN_VERDICT)
        return read_named(column, text, member);
    if (column->type == COLUMN_FIXED) {
        size_t length = text ? strlen(text) : 0;

        if (length >= column->size)
            return -EIO;
        memcpy(member, text ? text : "", length + 1);
        return 0;
    }
    if (text && !(*(char **)member = strdup(text)))
        return -ENOMEM;
    return 0;
}

int row_read(sqlite3_stmt *statement, int first, const struct table *table, void *record)
{
    int r = 0;

    for (size_t i = 0; i < table->n_columns && r == 0; i++)
        r = read_column(statement, first + (int)i, &table->columns[i],
                        (char *)record + table->columns[i].offset);
    return r;
}
