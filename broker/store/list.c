/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>

#include "store/sqlite.h"

/* Binds the names of the states in the mask from `first` on, as often as there are states. */
static int bind_states(sqlite3_stmt *statement, int first, uint32_t states)
{
    int r = SQLITE_OK, at = first;

    for (enum checkout_state s = STATE_PENDING; s < STATE_COUNT && r == SQLITE_OK; s++)
        if (states & (1u << s))
            r = sqlite3_bind_text(statement, at++, state_name(s), -1, SQLITE_STATIC);
    return r;
}

int store_bind_names(sqlite3_stmt *statement, int first, const struct name_list *names)
{
    int r = SQLITE_OK;

    for (size_t i = 0; i < names->count && r == SQLITE_OK; i++)
        r = sqlite3_bind_text(statement, first + (int)i, names->items[i], -1, SQLITE_STATIC);
    return r;
}

/* Parameters of a list's statement. Every number up to the highest can be bound, used or not. */
enum {
    LIST_PERSON = 1,
    LIST_ACCOUNT,
    LIST_SINCE,
    LIST_UNTIL,
    LIST_AFTER,
    LIST_APPROVER,
    LIST_PERSON_UID,
    LIST_EXTENDS,
    LIST_SEEN_BY,
    LIST_LIMIT,
    LIST_STATES,                              /* and as many more as there are states */
    LIST_POLICIES = LIST_STATES + STATE_COUNT /* and as many more as there are of them */
};

static const uint32_t open_states = 1u << STATE_PENDING | 1u << STATE_APPROVED | 1u << STATE_ACTIVE;

static void write_states(FILE *out, uint32_t states)
{
    unsigned count = (unsigned)__builtin_popcount(states);

    /* Where most of the history fits, going through it in order finds a page sooner than sorting
     * what an index says; the + keeps SQLite from the index. */
    fprintf(out, " AND %sstate IN (", count > 1 && (states & ~open_states) ? "+" : "");
    for (unsigned i = 0; i < count; i++)
        fprintf(out, "%s?%u", i ? ", " : "", LIST_STATES + i);
    fputc(')', out);
}

/* What somebody sees: their own by the indexes, and what they decide about without any. */
static void write_seen(FILE *out, const struct name_list *policies)
{
    fprintf(out,
            " AND (id IN (SELECT id FROM checkout WHERE person_uid = ?%d"
            " UNION ALL SELECT checkout FROM decision WHERE actor_uid = ?%d)",
            LIST_SEEN_BY, LIST_SEEN_BY);
    for (size_t i = 0; i < policies->count; i++)
        fprintf(out, "%s?%zu", i ? ", " : " OR policy IN (", LIST_POLICIES + i);
    fputs(policies->count ? "))" : ")", out);
}

/* Only what is asked for: a condition that is switched off by a parameter keeps SQLite from every
 * index. */
static char *list_text(const struct checkout_filter *filter)
{
    CLEANUP_FREE char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    fprintf(out, "SELECT id, {checkout} FROM checkout WHERE id > ?%d", LIST_AFTER);
    if (filter->person)
        fprintf(out, " AND person = ?%d", LIST_PERSON);
    if (filter->account)
        fprintf(out, " AND account = ?%d", LIST_ACCOUNT);
    if (filter->states)
        write_states(out, filter->states);
    if (filter->since)
        fprintf(out, " AND requested >= ?%d", LIST_SINCE);
    if (filter->until && filter->until <= INT64_MAX)
        fprintf(out, " AND requested < ?%d", LIST_UNTIL);
    if (filter->approver)
        fprintf(out, " AND id IN (SELECT checkout FROM decision WHERE actor = ?%d)", LIST_APPROVER);
    if (filter->person_uid != UID_UNSET)
        fprintf(out, " AND person_uid = ?%d", LIST_PERSON_UID);
    if (filter->extends)
        fprintf(out, " AND extends > 0 AND extends = ?%d", LIST_EXTENDS);
    if (filter->seen_by != UID_UNSET)
        write_seen(out, &filter->policies);
    fprintf(out, " ORDER BY id LIMIT ?%d", LIST_LIMIT);
    if (fclose(out) != 0)
        return NULL;
    return TAKE_PTR(text);
}

int store_list(struct store *store, const struct checkout_filter *filter,
               struct checkouts *ret_checkouts)
{
    CLEANUP_FINALIZE sqlite3_stmt *statement = NULL;
    CLEANUP_FREE char *text = NULL;
    int r;

    if (filter->after > INT64_MAX || filter->since > INT64_MAX || filter->extends > INT64_MAX) {
        *ret_checkouts = (struct checkouts){0};
        return 0;
    }
    text = list_text(filter);
    if (!text)
        return -ENOMEM;
    r = store_prepare(store, text, 0, &statement);
    if (r < 0)
        return r;
    if (bind_name(statement, LIST_PERSON, filter->person) != SQLITE_OK ||
        bind_name(statement, LIST_ACCOUNT, filter->account) != SQLITE_OK ||
        bind_id(statement, LIST_SINCE, filter->since) != SQLITE_OK ||
        bind_id(statement, LIST_UNTIL, filter->until) != SQLITE_OK ||
        bind_id(statement, LIST_AFTER, filter->after) != SQLITE_OK ||
        bind_name(statement, LIST_APPROVER, filter->approver) != SQLITE_OK ||
        bind_id(statement, LIST_PERSON_UID, filter->person_uid) != SQLITE_OK ||
        bind_id(statement, LIST_EXTENDS, filter->extends) != SQLITE_OK ||
        bind_id(statement, LIST_SEEN_BY, filter->seen_by) != SQLITE_OK ||
        bind_id(statement, LIST_LIMIT, filter->limit) != SQLITE_OK ||
        bind_states(statement, LIST_STATES, filter->states) != SQLITE_OK ||
        (filter->seen_by != UID_UNSET &&
         store_bind_names(statement, LIST_POLICIES, &filter->policies) != SQLITE_OK))
        return -EIO;
    return store_read_checkouts(store, statement, ret_checkouts);
}
