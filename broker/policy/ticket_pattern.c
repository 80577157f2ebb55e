/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "policy/ticket_pattern.h"

#include <errno.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* Far more than an honest pattern needs for LIMIT_TICKET bytes, and done in a few milliseconds. */
#define MATCH_STEPS_MAX 100000
#define MATCH_KIB_MAX 1024
#define PATTERN_DEPTH_MAX 32

struct ticket_pattern {
    char *text;
    pcre2_code *code;
    pcre2_match_context *limits;
    pcre2_match_data *match;
};

static void cleanup_compile_context(pcre2_compile_context **context)
{
    pcre2_compile_context_free(*context);
}

struct ticket_pattern *ticket_pattern_free(struct ticket_pattern *pattern)
{
    if (!pattern)
        return NULL;
    pcre2_match_data_free(pattern->match);
    pcre2_match_context_free(pattern->limits);
    pcre2_code_free(pattern->code);
    free(pattern->text);
    free(pattern);
    return NULL;
}

int ticket_pattern_new(const char *text, struct ticket_pattern **ret_pattern, char *problem,
                       size_t size)
{
    CLEANUP(cleanup_ticket_pattern) struct ticket_pattern *pattern = calloc(1, sizeof(*pattern));
    CLEANUP(cleanup_compile_context)
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    PCRE2_SIZE offset;
    int error;

    if (!pattern || !context)
        return -ENOMEM;
    pcre2_set_max_pattern_length(context, TICKET_PATTERN_MAX);
    pcre2_set_parens_nest_limit(context, PATTERN_DEPTH_MAX);
    pattern->code =
        pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED,
                      PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C,
                      &error, &offset, context);
    if (!pattern->code) {
        if (error == PCRE2_ERROR_NOMEMORY)
            return -ENOMEM;
        pcre2_get_error_message(error, (PCRE2_UCHAR *)problem, size);
        return -EINVAL;
    }
    pattern->text = strdup(text);
    pattern->limits = pcre2_match_context_create(NULL);
    pattern->match = pcre2_match_data_create_from_pattern(pattern->code, NULL);
    if (!pattern->text || !pattern->limits || !pattern->match)
        return -ENOMEM;
    pcre2_set_match_limit(pattern->limits, MATCH_STEPS_MAX);
    pcre2_set_depth_limit(pattern->limits, MATCH_STEPS_MAX);
    pcre2_set_heap_limit(pattern->limits, MATCH_KIB_MAX);
    *ret_pattern = TAKE_PTR(pattern);
    return 0;
}

const char *ticket_pattern_text(const struct ticket_pattern *pattern)
{
    return pattern->text;
}

bool ticket_pattern_fits(const struct ticket_pattern *pattern, const char *ticket)
{
    return pcre2_match(pattern->code, (PCRE2_SPTR)ticket, PCRE2_ZERO_TERMINATED, 0, 0,
                       pattern->match, pattern->limits) >= 0;
}
