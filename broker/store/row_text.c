/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "store/rows.h"
#include "store/store.h"

DEFINE_CLEANUP(json_t *, json, json_decref);

/* A number that is 0 is left out: a column that a later version adds with that default changes no
 * digest of an earlier one. An empty text is not NULL and stays. */
static int add_column(json_t *object, const struct column *column, const void *member)
{
    const char *text = NULL;
    uint64_t number = 0;
    char key[32];

    switch (column->type) {
    case COLUMN_TEXT:
        text = *(char *const *)member;
        break;
    case COLUMN_FIXED:
        text = member;
        break;
    case COLUMN_STATE:
    case COLUMN_VERDICT:
        text = column_name(column, member);
        break;
    case COLUMN_U64:
        number = *(const uint64_t *)member;
        break;
    case COLUMN_U32:
        number = *(const uint32_t *)member;
        break;
    case COLUMN_BOOL:
        number = *(const bool *)member;
        break;
    }
    /* "end" is quoted for SQL. */
    size_t quoted = column->name[0] == '"', length = strlen(column->name) - 2 * quoted;
    if (length >= sizeof(key))
        return -EINVAL;
    memcpy(key, column->name + quoted, length);
    key[length] = '\0';
    if (text)
        return json_object_set_new(object, key, json_string(text)) < 0 ? -ENOMEM : 0;
    return number ? canonical_add_number(object, key, number) : 0;
}

static int row_text(const char *id_key, uint64_t id, const struct table *table, const void *record,
                    char **ret_text)
{
    CLEANUP(cleanup_json) json_t *object = json_object();
    char *text;

    if (!object || (id_key && canonical_add_number(object, id_key, id) < 0))
        return -ENOMEM;
    for (size_t i = 0; i < table->n_columns; i++) {
        const struct column *column = &table->columns[i];

        if (add_column(object, column, (const char *)record + column->offset) < 0)
            return -ENOMEM;
    }
    text = canonical_text(object);
    if (!text)
        return -ENOMEM;
    *ret_text = text;
    return 0;
}

int store_checkout_text(const struct checkout *checkout, char **ret_text)
{
    return row_text("id", checkout->id, &checkout_table, checkout, ret_text);
}

int store_decision_text(uint64_t checkout_id, const struct decision *decision, char **ret_text)
{
    return row_text("checkout", checkout_id, &decision_table, decision, ret_text);
}

int store_session_text(const struct session *session, char **ret_text)
{
    return row_text(NULL, 0, &session_table, session, ret_text);
}
