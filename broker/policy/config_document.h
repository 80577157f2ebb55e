/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One INI file as libini_config reads it: sections, keys in the order of their lines, values
 * without the blanks around them. What a key means is not known here. */

#include <stddef.h>

#include "cleanup.h"
#include "error.h"

struct config_entry {
    char *key;
    char *value; /* may be empty */
    unsigned line;
};

struct config_section {
    char *name;
    unsigned line; /* 0: unknown */
    struct config_entry *entries;
    size_t n_entries;
};

struct config_document {
    char *file; /* what messages call it */
    struct config_section *sections;
    size_t n_sections;
};

/* Parses a text that passed config_text_check(). A broken line, a doubled section (whatever its
 * case) and a key outside of any section are errors; repeated keys are not. Returns 0, or
 * ERROR_INVALID_ARGUMENT with "FILE:LINE: …". */
int config_document_parse(const char *file, const char *text, size_t length,
                          struct config_document **ret_document, struct error *error);

/* The same of several files behind one another: a section that more than one of them has becomes
 * one. */
int config_document_parse_joined(const char *file, const char *text, size_t length,
                                 struct config_document **ret_document, struct error *error);
struct config_document *config_document_free(struct config_document *document);
DEFINE_CLEANUP(struct config_document *, config_document, config_document_free);
#define CLEANUP_CONFIG_DOCUMENT CLEANUP(cleanup_config_document)
