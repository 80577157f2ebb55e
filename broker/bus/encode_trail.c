/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "broker1.h"
#include "bus/encode.h"
#include "dict.h"
#include "text.h"

DEFINE_CLEANUP(json_t *, json, json_decref);

/* Fills in what the record says under the keys of the schema; strings are borrowed. */
static void fill(struct broker1_record *dict, const json_t *record)
{
    const struct dict_schema *schema = &broker1_record_schema;

    for (size_t i = 0; i < schema->n_fields; i++) {
        const struct dict_field *field = &schema->fields[i];
        const json_t *value = json_object_get(record, field->key);
        void *member = (char *)dict + field->offset;
        json_int_t number = json_integer_value(value);

        if (strcmp(field->type, "s") == 0) {
            const char *text = json_string_value(value);

            if (text && text_is_valid(text, field->max))
                *(const char **)member = text;
        } else if (json_is_integer(value) && number >= 0 &&
                   (field->type[0] == 't' || number <= UINT32_MAX)) {
            if (field->type[0] == 't')
                *(uint64_t *)member = (uint64_t)number;
            else
                *(uint32_t *)member = (uint32_t)number;
            dict->has |= UINT64_C(1) << field->bit;
        }
    }
}

static int encode_record(DBusMessageIter *array, const struct trail_entry *entry)
{
    struct broker1_record dict = {.has = 0};
    CLEANUP(cleanup_json)
    json_t *record = entry->text ? json_loads(entry->text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    char hash[HASH_SIZE * 2 + 1] = "";

    fill(&dict, record);
    /* The columns beside the text, which whoever verifies compares with it. */
    dict.seq = entry->number;
    dict.time = entry->time;
    dict.event = entry->event && text_is_valid(entry->event, LIMIT_WORD) ? entry->event : NULL;
    dict.id = entry->checkout_id;
    dict.has |= BROKER1_RECORD_HAS_SEQ | BROKER1_RECORD_HAS_TIME;
    dict.has = entry->checkout_id ? dict.has | BROKER1_RECORD_HAS_ID
                                  : dict.has & ~(uint64_t)BROKER1_RECORD_HAS_ID;
    if (entry->has_hash)
        hash_format(entry->hash, hash);
    dict.hash = entry->has_hash ? hash : NULL;
    dict.record = entry->text && text_is_valid(entry->text, LIMIT_RECORD) ? entry->text : NULL;
    return dict_write(array, &broker1_record_schema, &dict);
}

static int encode_row(DBusMessageIter *array, const struct trail_entry *entry)
{
    struct broker1_row dict = {
        .number = entry->number,
        .id = entry->checkout_id,
        .row = entry->text && text_is_valid(entry->text, LIMIT_RECORD) ? entry->text : NULL,
        .has = BROKER1_ROW_HAS_NUMBER | BROKER1_ROW_HAS_ID};

    return dict_write(array, &broker1_row_schema, &dict);
}

int encode_trail(DBusMessage *reply, const struct trail *trail, bool rows)
{
    DBusMessageIter iter, array;
    int r = 0;

    dbus_message_iter_init_append(reply, &iter);
    if (!dbus_message_iter_open_container(&iter, DBUS_TYPE_ARRAY, "a{sv}", &array))
        return -ENOMEM;
    for (size_t i = 0; i < trail->count && r == 0; i++)
        r = (rows ? encode_row : encode_record)(&array, &trail->items[i]);
    if (r < 0) {
        dbus_message_iter_abandon_container(&iter, &array);
        return r;
    }
    return dbus_message_iter_close_container(&iter, &array) ? 0 : -ENOMEM;
}
