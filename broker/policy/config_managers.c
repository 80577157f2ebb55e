/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "policy/config_managers.h"

#include <errno.h>
#include <string.h>

#include "policy/config_value.h"
#include "policy/policy_managers.h"

static int read_line(struct policy_set *set, const struct config_place *place,
                     const struct config_entry *entry)
{
    const struct policy_manager *other = NULL;
    int r;

    if (!*entry->value)
        return config_fail(place, "has no value; write the name of this person's manager");
    r = config_check_name(place, entry->key);
    if (r == 0)
        r = config_check_name(place, entry->value);
    if (r != 0)
        return r;
    if (strcmp(entry->key, entry->value) == 0)
        return config_fail(place, "cannot be their own manager");

    r = policy_managers_add(set, entry->key, entry->value, place->file, place->line, &other);
    if (r == -EEXIST)
        return config_fail(place, "has a manager already: %s, in line %u of %.128s", other->manager,
                           other->line, other->file);
    return r < 0 ? config_out_of_memory(place) : 0;
}

int config_read_managers(struct policy_set *set, const char *file,
                         const struct config_section *section, struct error *error)
{
    int r = 0;

    for (size_t i = 0; i < section->n_entries && r == 0; i++) {
        const struct config_entry *entry = &section->entries[i];
        const struct config_place place = {file, entry->line, section->name, entry->key, error};

        r = read_line(set, &place, entry);
    }
    return r;
}
