/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What is wrong with a host, and how to mend it. */

#include <stdbool.h>
#include <stddef.h>

enum finding_severity {
    FINDING_NOTE,    /* to know */
    FINDING_WARNING, /* weaker or less comfortable than meant */
    FINDING_PROBLEM, /* a way round the gate, a door that is shut to all, or something unknown */
};

/* "problem" */
const char *finding_severity_name(enum finding_severity severity);

struct finding {
    enum finding_severity severity;
    const char *name; /* "gate-optional": for scripts */
    char *file;       /* NULL: none */
    unsigned line;    /* 0: none */
    char *message;    /* one paragraph */
    char *fix;
};

struct findings {
    struct finding *items;
    size_t count;
    bool lost; /* out of memory: not all are there */
};

void findings_clear(struct findings *findings);

/* Adds one, unless one of this name is there for this file and line with the same message. `name`
 * is static; file may be NULL, the fix not. Never fails, but see `lost`. */
void findings_add(struct findings *findings, enum finding_severity severity, const char *name,
                  const char *file, unsigned line, const char *fix, const char *format, ...)
    __attribute__((format(printf, 7, 8)));

bool findings_have(const struct findings *findings, const char *name, const char *file,
                   unsigned line);

/* The worst comes first; what came first stays first among its like. */
void findings_sort(struct findings *findings);
