/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "policy/quorum.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "policy/quorum_private.h"
#include "caps.h"

/* stages  := choice { "then" choice }
 * choice  := all { "|" all }
 * all     := single { "&" single }
 * single  := NUMBER | NAME ":" NUMBER | "manager" [ ":1" ] | "(" choice ")" */

struct choices {
    term_set *sets;
    size_t count;
};

struct parser {
    const char *at;
    const struct principals *approvers;
    struct quorum *quorum;
    unsigned depth;
    unsigned approvals; /* of all terms so far */
    size_t first_term;  /* of the current stage */
    char **ret_problem;
};

static void choices_clear(struct choices *choices)
{
    free(choices->sets);
    *choices = (struct choices){0};
}

static int parse_choice(struct parser *parser, struct choices *ret_choices);

static int fail(struct parser *parser, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int fail(struct parser *parser, const char *format, ...)
{
    char *problem = NULL;
    va_list arguments;
    int r;

    va_start(arguments, format);
    r = vasprintf(&problem, format, arguments);
    va_end(arguments);
    if (r < 0)
        return -ENOMEM;
    *parser->ret_problem = problem;
    return -EINVAL;
}

static void skip_blanks(struct parser *parser)
{
    parser->at += strspn(parser->at, " \t");
}

/* The length of the word (a count, a term, `then`) that begins here. */
static size_t word_length(const struct parser *parser)
{
    return strcspn(parser->at, " \t&|()");
}

static bool at_then(const struct parser *parser)
{
    return word_length(parser) == 4 && strncmp(parser->at, "then", 4) == 0;
}

/* 1 to QUORUM_APPROVALS_MAX, without a leading zero; 0 if it is none. */
static unsigned parse_count(const char *text, size_t length)
{
    unsigned value = 0;

    if (length == 0 || length > 2 || text[0] == '0')
        return 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return 0;
        value = value * 10 + (unsigned)(text[i] - '0');
    }
    return value <= QUORUM_APPROVALS_MAX ? value : 0;
}

/* Finds what the name is among the approvers. A group may be written with its %. */
static int find_name(struct parser *parser, const char *name, enum term_kind *ret_kind)
{
    bool marked = name[0] == '%', group = false, user = false;
    const char *bare = name + (marked ? 1 : 0);

    for (size_t i = 0; i < parser->approvers->count; i++) {
        const struct principal *principal = &parser->approvers->items[i];

        if (principal->is_range || principal->is_manager || strcmp(principal->name, bare) != 0)
            continue;
        if (principal->is_group)
            group = true;
        else
            user = true;
    }
    if (marked)
        user = false;
    if (group && user)
        return fail(parser,
                    "'%s' is a user and a group among the approvers; write %%%s for the group",
                    name, bare);
    if (!group && !user)
        return fail(parser, "'%s' is not among the approvers", name);
    *ret_kind = group ? TERM_GROUP : TERM_USER;
    return 0;
}

static bool is_manager(const char *word, size_t length)
{
    return length == strlen(MANAGER_WORD) && strncmp(word, MANAGER_WORD, length) == 0;
}

static int check_manager(struct parser *parser, unsigned needed)
{
    if (needed > 1)
        return fail(parser, "'%s:%u' asks for %u approvals of one person", MANAGER_WORD, needed,
                    needed);
    if (!principals_name_manager(parser->approvers))
        return fail(parser,
                    "'%s', the requester's manager, is not among the approvers; write %%%s:1 for "
                    "the group",
                    MANAGER_WORD, MANAGER_WORD);
    return 0;
}

static int add_term(struct parser *parser, const char *word, size_t length)
{
    struct quorum_term *term = &parser->quorum->terms[parser->quorum->n_terms];
    const char *colon = memchr(word, ':', length);
    const char *count = colon ? colon + 1 : word;
    bool manager = is_manager(word, colon ? (size_t)(colon - word) : length);
    CLEANUP_FREE char *name = NULL;
    CLEANUP_FREE char *text = NULL;
    enum term_kind kind = TERM_ANYBODY;
    unsigned needed;
    int r;

    if (parser->quorum->n_terms == QUORUM_TERMS_MAX)
        return fail(parser, "has more than %d terms", QUORUM_TERMS_MAX);

    needed = manager && !colon ? 1 : parse_count(count, length - (size_t)(count - word));
    if (needed == 0)
        return fail(parser,
                    "'%.*s' is neither a number nor GROUP:NUMBER with a number from 1 to %d",
                    (int)length, word, QUORUM_APPROVALS_MAX);
    if (needed + parser->approvals > QUORUM_APPROVALS_MAX)
        return fail(parser, "asks for more than %d approvals in all", QUORUM_APPROVALS_MAX);

    if (manager) {
        r = check_manager(parser, needed);
        if (r < 0)
            return r;
        kind = TERM_MANAGER;
        text = strdup(MANAGER_WORD ":1");
        if (!text)
            return -ENOMEM;
    } else if (colon) {
        name = strndup(word, (size_t)(colon - word));
        text = strndup(word, length);
        if (!name || !text)
            return -ENOMEM;
        r = find_name(parser, name, &kind);
        if (r < 0)
            return r;
        if (kind == TERM_USER && needed > 1)
            return fail(parser, "'%s' asks for %u approvals of one person", text, needed);
        if (name[0] == '%')
            memmove(name, name + 1, strlen(name));
    } else {
        text = strdup("");
        if (!text)
            return -ENOMEM;
    }

    *term = (struct quorum_term){
        .kind = kind, .name = TAKE_PTR(name), .text = TAKE_PTR(text), .needed = needed};
    parser->approvals += needed;
    parser->quorum->n_terms++;
    return 0;
}

static int parse_single(struct parser *parser, struct choices *ret_choices)
{
    CLEANUP(choices_clear) struct choices choices = {0};
    size_t length;
    int r;

    skip_blanks(parser);
    if (*parser->at == '(') {
        if (++parser->depth > QUORUM_DEPTH_MAX)
            return fail(parser, "has more than %d parentheses in each other", QUORUM_DEPTH_MAX);
        parser->at++;
        r = parse_choice(parser, &choices);
        if (r < 0)
            return r;
        if (*parser->at != ')')
            return fail(parser, "lacks a ')' at '%s'", parser->at);
        parser->at++;
        parser->depth--;
    } else {
        length = word_length(parser);
        if (length == 0 || at_then(parser))
            return fail(parser,
                        *parser->at ? "lacks a term before '%s'" : "lacks a term at its end%s",
                        parser->at);
        r = add_term(parser, parser->at, length);
        if (r < 0)
            return r;
        parser->at += length;
        choices.sets = malloc(sizeof(*choices.sets));
        if (!choices.sets)
            return -ENOMEM;
        choices.sets[0] = (term_set)1 << (parser->quorum->n_terms - 1);
        choices.count = 1;
    }
    skip_blanks(parser);

    *ret_choices = choices;
    choices = (struct choices){0};
    return 0;
}

/* Every pairing of a set of one with a set of the other. */
static int combine(struct parser *parser, struct choices *choices, const struct choices *more)
{
    CLEANUP(choices_clear) struct choices all = {0};

    if (choices->count * more->count > QUORUM_CHOICES_MAX)
        return fail(parser, "has more than %d ways to be reached", QUORUM_CHOICES_MAX);
    all.sets = calloc(choices->count * more->count, sizeof(*all.sets));
    if (!all.sets)
        return -ENOMEM;
    for (size_t i = 0; i < choices->count; i++)
        for (size_t k = 0; k < more->count; k++)
            all.sets[all.count++] = choices->sets[i] | more->sets[k];

    choices_clear(choices);
    *choices = all;
    all = (struct choices){0};
    return 0;
}

static int parse_all(struct parser *parser, struct choices *ret_choices)
{
    CLEANUP(choices_clear) struct choices choices = {0};
    int r;

    r = parse_single(parser, &choices);
    while (r == 0 && *parser->at == '&') {
        CLEANUP(choices_clear) struct choices more = {0};

        parser->at++;
        r = parse_single(parser, &more);
        if (r == 0)
            r = combine(parser, &choices, &more);
    }
    if (r < 0)
        return r;

    *ret_choices = choices;
    choices = (struct choices){0};
    return 0;
}

static int parse_choice(struct parser *parser, struct choices *ret_choices)
{
    CLEANUP(choices_clear) struct choices choices = {0};
    int r;

    r = parse_all(parser, &choices);
    while (r == 0 && *parser->at == '|') {
        CLEANUP(choices_clear) struct choices more = {0};
        term_set *sets;

        parser->at++;
        r = parse_all(parser, &more);
        if (r < 0)
            break;
        if (choices.count + more.count > QUORUM_CHOICES_MAX)
            return fail(parser, "has more than %d ways to be reached", QUORUM_CHOICES_MAX);
        sets = realloc(choices.sets, (choices.count + more.count) * sizeof(*sets));
        if (!sets)
            return -ENOMEM;
        memcpy(sets + choices.count, more.sets, more.count * sizeof(*sets));
        choices.sets = sets;
        choices.count += more.count;
    }
    if (r < 0)
        return r;

    *ret_choices = choices;
    choices = (struct choices){0};
    return 0;
}

/* `2 & security:1` could mean two of whom one is of security, or three: it is refused. */
static int check_counts(struct parser *parser)
{
    const struct quorum *quorum = parser->quorum;

    if (quorum->n_terms - parser->first_term < 2)
        return 0;
    for (size_t i = parser->first_term; i < quorum->n_terms; i++)
        if (quorum->terms[i].kind == TERM_ANYBODY)
            return fail(parser, "mixes the number %u with other terms", quorum->terms[i].needed);
    return 0;
}

static int parse_stages(struct parser *parser)
{
    struct quorum *quorum = parser->quorum;
    size_t ways = 1;
    int r;

    for (;;) {
        CLEANUP(choices_clear) struct choices choices = {0};

        if (quorum->n_stages == QUORUM_STAGES_MAX)
            return fail(parser, "has more than %d stages", QUORUM_STAGES_MAX);
        parser->first_term = quorum->n_terms;
        r = parse_choice(parser, &choices);
        if (r < 0)
            return r;
        r = check_counts(parser);
        if (r < 0)
            return r;
        ways *= choices.count;
        if (ways > QUORUM_CHOICES_MAX)
            return fail(parser, "has more than %d ways to be reached", QUORUM_CHOICES_MAX);
        quorum->stages[quorum->n_stages++] =
            (struct quorum_stage){.choices = TAKE_PTR(choices.sets), .n_choices = choices.count};
        if (!at_then(parser))
            break;
        parser->at += strlen("then");
    }
    if (*parser->at)
        return fail(parser, "cannot be read from '%s' on", parser->at);
    return 0;
}

int quorum_parse(const char *text, const struct principals *approvers, struct quorum **ret_quorum,
                 char **ret_problem)
{
    CLEANUP_QUORUM struct quorum *quorum = calloc(1, sizeof(*quorum));
    struct parser parser = {
        .at = text, .approvers = approvers, .quorum = quorum, .ret_problem = ret_problem};
    int r;

    if (!quorum)
        return -ENOMEM;
    if (strlen(text) > QUORUM_TEXT_MAX)
        return fail(&parser, "has more than %d bytes", QUORUM_TEXT_MAX);
    r = parse_stages(&parser);
    if (r < 0)
        return r;

    *ret_quorum = TAKE_PTR(quorum);
    return 0;
}
