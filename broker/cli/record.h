/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Audit records as people, scripts and spreadsheets read them. */

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "cli/output.h"

/* The record itself, from its canonical text; what came beside that where the text is damaged. The
 * caller owns it; NULL when out of memory. */
json_t *record_of(const json_t *row);

/* "2026-11-22 17:07:12 UTC  17  decision: bob is for request 17 of alice for root", as the journal
 * says it. */
void record_line(struct output *output, FILE *stream, const json_t *record);

/* RFC 4180: a line of the keys, and one for each record. A text that a spreadsheet would take for a
 * formula has an apostrophe before it. */
void record_csv_heading(struct output *output, FILE *stream);
void record_csv(struct output *output, FILE *stream, const json_t *record);

/* One cell of such a line, with the comma before it unless it is the first. */
void record_csv_cell(struct output *output, FILE *stream, const char *text, bool first);

/* Is there an event of that name? */
bool record_is_event(const char *name, size_t length);
