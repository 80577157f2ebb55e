/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "policy/persons.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "policy/config_file.h"
#include "policy/config_value.h"
#include "policy/persons_options.h"
#include "policy/persons_private.h"
#include "policy/ssh_key.h"
#include "text.h"

/* The line that is read; its texts are cut out of a copy. */
struct place {
    struct persons *persons;
    unsigned line;
    struct error *error;
};

static int fail(const struct place *place, const char *problem)
{
    return error_set(place->error, ERROR_INVALID_ARGUMENT, "%s:%u: %s", place->persons->file,
                     place->line, problem);
}

static int out_of_memory(const struct place *place)
{
    return fail(place, "out of memory");
}

static void line_free(struct person_line *line)
{
    if (!line)
        return;
    free(line->principals);
    free(line->key);
    free(line);
}

DEFINE_CLEANUP(struct person_line *, line, line_free);

static void leave_alone(void *line)
{
}

struct persons *persons_free(struct persons *persons)
{
    if (!persons)
        return NULL;
    tdestroy(persons->by_key, leave_alone);
    for (size_t i = 0; i < persons->n_lines; i++)
        line_free(persons->lines[i]);
    free(persons->lines);
    free(persons->file);
    free(persons);
    return NULL;
}

int person_line_compare(const void *one, const void *other)
{
    const struct person_line *a = one, *b = other;

    if (a->key_size != b->key_size)
        return a->key_size < b->key_size ? -1 : 1;
    return memcmp(a->key, b->key, a->key_size);
}

bool person_name_is_valid(const char *name)
{
    struct error ignored;
    const struct config_place place = {"", 0, "", "", &ignored};

    return config_check_name(&place, name) == 0;
}

static char *skip_blanks(char *at)
{
    return at + strspn(at, " \t");
}

/* Cuts the first word off; *at goes to the next one. With quotes around it blanks belong to it. */
static int cut_word(const struct place *place, char **at, char **ret_word)
{
    char *word = *at, *end;

    if (*word == '"') {
        word++;
        end = strchr(word, '"');
        if (!end)
            return fail(place, "a quote is not closed");
        if (end[1] && end[1] != ' ' && end[1] != '\t')
            return fail(place, "a blank is missing behind a quote");
    } else {
        end = word + strcspn(word, " \t");
    }
    *at = *end ? skip_blanks(end + 1) : end;
    *end = '\0';
    *ret_word = word;
    return 0;
}

static int read_options(const struct place *place, char **at, struct persons_options *ret_options)
{
    struct persons_options options = {0};
    const char *problem = "a quote is not closed";
    size_t length = strcspn(*at, " \t");
    char first = (*at)[length], *end;
    int r;

    (*at)[length] = '\0';
    r = ssh_key_is_type(*at);
    (*at)[length] = first;
    if (!r) {
        r = persons_options_measure(*at, &length);
        if (r < 0)
            return fail(place, problem);
        end = *at + length;
        first = *end;
        *end = '\0';
        r = persons_options_read(*at, &options, &problem);
        if (r == -ENOMEM)
            return out_of_memory(place);
        if (r < 0)
            return fail(place, problem);
        *at = first ? skip_blanks(end + 1) : end;
    }
    *ret_options = options;
    return 0;
}

/* The patterns of an authority: none may be empty, since an empty one fits nothing and was not
 * meant. */
static int check_patterns(const struct place *place, const char *list)
{
    for (const char *at = list;; at++) {
        at += *at == '!';
        if (!*at || *at == ',')
            return fail(place, "a pattern is empty");
        if (strcspn(at, "\" \t") < strcspn(at, ","))
            return fail(place, "a pattern has a blank or a quote in it");
        at += strcspn(at, ",");
        if (!*at)
            return 0;
    }
}

static int check_principals(const struct place *place, const char *principals,
                            const struct persons_options *options)
{
    if (options->is_authority)
        return check_patterns(place, principals);
    if (strpbrk(principals, "*?!,"))
        return fail(place, "a key has one owner: write one user's name before it, no list and no "
                           "pattern; those are for cert-authority");
    if (!person_name_is_valid(principals))
        return fail(place, "does not begin with the name of a user");
    return 0;
}

static int read_key(const struct place *place, char *at, struct person_line *line)
{
    CLEANUP_SSH_KEY struct ssh_key key = {0};
    const char *problem = NULL;
    char sentence[256], *type = NULL, *base64 = NULL;
    int r = cut_word(place, &at, &type);

    if (r == 0)
        r = cut_word(place, &at, &base64);
    if (r != 0)
        return r;
    if (!*base64)
        return fail(place, "has no key");
    if (!ssh_key_is_type(type))
        return fail(place, "has a key of a type that is not known");
    r = ssh_key_read(type, base64, &key, &problem);
    if (r == -ENOMEM)
        return out_of_memory(place);
    if (r < 0) {
        (void)snprintf(sentence, sizeof(sentence), "what is written as the key %s", problem);
        return fail(place, sentence);
    }
    if (key.key_id)
        return fail(place, "has a certificate; write the key that signs certificates, with "
                           "cert-authority before it");
    line->key = TAKE_PTR(key.blob);
    line->key_size = key.size;
    return 0;
}

/* Puts it where it is found by its key. */
static int index_line(const struct place *place, struct person_line *line)
{
    struct person_line **found, *first;
    char sentence[LIMIT_NAME + 128];

    if (line->is_authority || line->other_purpose)
        return 0;
    found = tsearch(line, &place->persons->by_key, person_line_compare);
    if (!found)
        return out_of_memory(place);
    first = *found;
    if (first == line)
        return 0;
    if (strcmp(first->principals, line->principals) != 0) {
        (void)snprintf(sentence, sizeof(sentence), "this key is the one of %s already, in line %u",
                       first->principals, first->line);
        return fail(place, sentence);
    }
    line->next_of_key = first->next_of_key;
    first->next_of_key = line;
    return 0;
}

/* Takes the line over, even where it returns an error: the index may know it. */
static int add_line(const struct place *place, struct person_line *line)
{
    struct persons *persons = place->persons;
    struct person_line **more;

    /* doubled whenever the number is a power of two */
    if ((persons->n_lines & (persons->n_lines - 1)) == 0) {
        more = reallocarray(persons->lines, persons->n_lines ? 2 * persons->n_lines : 1,
                            sizeof(struct person_line *));
        if (!more) {
            line_free(line);
            return out_of_memory(place);
        }
        persons->lines = more;
    }
    persons->lines[persons->n_lines++] = line;
    return index_line(place, line);
}

static int read_line(const struct place *place, char *at)
{
    CLEANUP(cleanup_line) struct person_line *line = NULL;
    struct persons_options options = {0};
    char *principals = NULL;
    int r;

    at = skip_blanks(at);
    if (!*at || *at == '#')
        return 0;
    r = cut_word(place, &at, &principals);
    if (r == 0 && !*at)
        r = fail(place, "has no key");
    if (r == 0)
        r = read_options(place, &at, &options);
    if (r == 0)
        r = check_principals(place, principals, &options);
    if (r != 0)
        return r;
    line = calloc(1, sizeof(*line));
    if (!line)
        return out_of_memory(place);
    line->line = place->line;
    line->principals = strdup(principals);
    line->is_authority = options.is_authority;
    line->other_purpose = options.other_purpose;
    line->valid_after = options.valid_after;
    line->valid_before = options.valid_before;
    if (!line->principals)
        return out_of_memory(place);
    r = read_key(place, at, line);
    return r == 0 ? add_line(place, TAKE_PTR(line)) : r;
}

int persons_parse(const char *file, const char *text, size_t length, struct persons **ret_persons,
                  struct error *error)
{
    CLEANUP_PERSONS struct persons *persons = NULL;
    CLEANUP_FREE char *copy = NULL;
    struct place place = {.error = error};
    char *rest, *line;
    int r = config_text_check(file, text, length, error);

    if (r != 0)
        return r;
    persons = calloc(1, sizeof(*persons));
    copy = strndup(text, length);
    if (persons)
        persons->file = strdup(file);
    if (!persons || !persons->file || !copy)
        return error_set(error, ERROR_INVALID_ARGUMENT, "%s: out of memory", file);
    place.persons = persons;
    rest = copy;
    while (r == 0 && (line = strsep(&rest, "\n"))) {
        place.line++;
        r = read_line(&place, line);
    }
    if (r == 0)
        *ret_persons = TAKE_PTR(persons);
    return r;
}
