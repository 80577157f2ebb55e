/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "doctor/finding.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

const char *finding_severity_name(enum finding_severity severity)
{
    static const char *const names[] = {"note", "warning", "problem"};

    return severity <= FINDING_PROBLEM ? names[severity] : "?";
}

static void finding_clear(struct finding *finding)
{
    free(finding->file);
    free(finding->message);
    free(finding->fix);
}

void findings_clear(struct findings *findings)
{
    for (size_t i = 0; i < findings->count; i++)
        finding_clear(&findings->items[i]);
    free(findings->items);
    *findings = (struct findings){0};
}

static bool is_at(const struct finding *finding, const char *name, const char *file, unsigned line)
{
    return strcmp(finding->name, name) == 0 && finding->line == line &&
           (file ? finding->file && strcmp(finding->file, file) == 0 : !finding->file);
}

bool findings_have(const struct findings *findings, const char *name, const char *file,
                   unsigned line)
{
    for (size_t i = 0; i < findings->count; i++)
        if (is_at(&findings->items[i], name, file, line))
            return true;
    return false;
}

void findings_add(struct findings *findings, enum finding_severity severity, const char *name,
                  const char *file, unsigned line, const char *fix, const char *format, ...)
{
    CLEANUP_FREE char *message = NULL;
    struct finding *grown, added = {.severity = severity, .name = name, .line = line};
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vasprintf(&message, format, arguments);
    va_end(arguments);
    if (length < 0) {
        message = NULL;
        findings->lost = true;
        return;
    }
    for (size_t i = 0; i < findings->count; i++)
        if (is_at(&findings->items[i], name, file, line) &&
            strcmp(findings->items[i].message, message) == 0)
            return;
    added.file = file ? strdup(file) : NULL;
    added.fix = strdup(fix);
    added.message = TAKE_PTR(message);
    grown = reallocarray(findings->items, findings->count + 1, sizeof(*grown));
    if (grown)
        findings->items = grown;
    if (!grown || (file && !added.file) || !added.fix) {
        finding_clear(&added);
        findings->lost = true;
        return;
    }
    findings->items[findings->count++] = added;
}

void findings_sort(struct findings *findings)
{
    /* Few, and their order among equals matters. */
    for (size_t i = 1; i < findings->count; i++)
        for (size_t j = i; j > 0 && findings->items[j].severity > findings->items[j - 1].severity;
             j--) {
            struct finding swap = findings->items[j];

            findings->items[j] = findings->items[j - 1];
            findings->items[j - 1] = swap;
        }
}
