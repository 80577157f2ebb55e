/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "policy/policy_diff.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "caps.h"
#include "policy/config_document.h"

#define POLICY_PREFIX "policy "

/* Room for the two other lists and what is counted. */
#define LIST_MAX ((LIMIT_REASON - 100) / 3)

static const struct config_section *find(const struct config_document *document, const char *name)
{
    for (size_t i = 0; document && i < document->n_sections; i++)
        if (strcmp(document->sections[i].name, name) == 0)
            return &document->sections[i];
    return NULL;
}

static bool is_same(const struct config_section *one, const struct config_section *other)
{
    if (one->n_entries != other->n_entries)
        return false;
    for (size_t i = 0; i < one->n_entries; i++)
        if (strcmp(one->entries[i].key, other->entries[i].key) != 0 ||
            strcmp(one->entries[i].value, other->entries[i].value) != 0)
            return false;
    return true;
}

/* Names as they come, until the list is full. */
struct list {
    char text[LIST_MAX];
    size_t count, left_out;
};

static void add(struct list *list, const char *section)
{
    const char *name = strncmp(section, POLICY_PREFIX, strlen(POLICY_PREFIX)) == 0
                           ? section + strlen(POLICY_PREFIX)
                           : section;
    size_t length = strlen(list->text);

    name += strspn(name, " \t");
    if (length + strlen(name) + 3 > sizeof(list->text)) {
        list->left_out++;
        return;
    }
    (void)snprintf(list->text + length, sizeof(list->text) - length, "%s%s",
                   list->count++ ? ", " : "", name);
}

static void print(FILE *out, const char *what, const struct list *list, bool *any)
{
    if (!list->count && !list->left_out)
        return;
    fprintf(out, "%s%s: %s", *any ? "; " : "", what, list->text);
    if (list->left_out)
        fprintf(out, " and %zu more", list->left_out);
    *any = true;
}

/* One that is not valid, which none that was in force is, has no sections. */
static struct config_document *parse(const char *text)
{
    struct config_document *document = NULL;

    if (!text || !*text ||
        config_document_parse_joined("", text, strlen(text), &document, NULL) != 0)
        return NULL;
    return document;
}

char *policy_diff(const char *before, const char *after)
{
    CLEANUP_CONFIG_DOCUMENT struct config_document *old = parse(before), *new = parse(after);
    struct list added = {0}, changed = {0}, removed = {0};
    char *text = NULL;
    size_t size = 0;
    bool any = false;
    FILE *out;

    for (size_t i = 0; new &&i < new->n_sections; i++) {
        const struct config_section *was = find(old, new->sections[i].name);

        if (!was)
            add(&added, new->sections[i].name);
        else if (!is_same(was, &new->sections[i]))
            add(&changed, new->sections[i].name);
    }
    for (size_t i = 0; old && i < old->n_sections; i++)
        if (!find(new, old->sections[i].name))
            add(&removed, old->sections[i].name);

    out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    print(out, "added", &added, &any);
    print(out, "changed", &changed, &any);
    print(out, "removed", &removed, &any);
    if (!any)
        fputs(strcmp(before ? before : "", after ? after : "") == 0
                  ? "unchanged"
                  : "only comments, files or order changed",
              out);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
