/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "doctor/sudoers.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "doctor/program.h"

#define SUDOERS "/etc/sudoers"
#define DEPTH_MAX 16

/* In the order in which sudo applies them. cvtsudoers writes what a setting is bound to without
 * saying of which kind it is, so each kind is asked for by itself. */
enum kind { GLOBAL, HOST, USER, RUNAS, COMMAND, KINDS };
static const char *const kind_names[KINDS] = {"global", "host", "user", "runas", "command"};

struct line {
    char *file;
    unsigned number;
    char *text;
};

struct sudoers {
    json_t *defaults[KINDS]; /* arrays, or NULL */
    json_t *rules;           /* array, or NULL */
    struct line *lines;      /* of all files, includes in their places */
    size_t n_lines;
};

struct sudoers *sudoers_free(struct sudoers *sudoers)
{
    if (!sudoers)
        return NULL;
    for (int i = 0; i < KINDS; i++)
        json_decref(sudoers->defaults[i]);
    json_decref(sudoers->rules);
    for (size_t i = 0; i < sudoers->n_lines; i++) {
        free(sudoers->lines[i].file);
        free(sudoers->lines[i].text);
    }
    free(sudoers->lines);
    free(sudoers);
    return NULL;
}

static int read_file(const struct tree *tree, const char *path, struct sudoers *sudoers, int depth);

static int add_line(struct sudoers *sudoers, const char *file, unsigned number, const char *text)
{
    struct line *grown = reallocarray(sudoers->lines, sudoers->n_lines + 1, sizeof(*grown));
    struct line added = {strdup(file), number, strdup(text)};

    if (grown)
        sudoers->lines = grown;
    if (!grown || !added.file || !added.text) {
        free(added.file);
        free(added.text);
        return -ENOMEM;
    }
    grown[sudoers->n_lines++] = added;
    return 0;
}

/* sudoers(5): files with a dot or a ~ at the end are left out. */
static int read_folder(const struct tree *tree, const char *path, struct sudoers *sudoers,
                       int depth)
{
    CLEANUP_TREE_NAMES struct tree_names names = {0};
    int r = tree_list(tree, path, &names);

    for (size_t i = 0; i < names.count && r == 0; i++) {
        CLEANUP_FREE char *file = NULL;
        const char *name = names.names[i];

        if (strchr(name, '.') || name[strlen(name) - 1] == '~')
            continue;
        if (asprintf(&file, "%s/%s", path, name) < 0) {
            file = NULL;
            return -ENOMEM;
        }
        r = read_file(tree, file, sudoers, depth + 1);
        if (r == -EINVAL)
            r = 0;
    }
    return r == -ENOENT ? 0 : r;
}

/* "@include FILE", "#includedir FOLDER"; the path, without quotes. NULL: no such line. */
static char *include_of(const char *text, bool *ret_folder)
{
    const char *word = text + strspn(text, " \t");
    size_t length;

    if (*word != '@' && *word != '#')
        return NULL;
    length = strcspn(++word, " \t");
    *ret_folder = length == strlen("includedir") && strncmp(word, "includedir", length) == 0;
    if (!*ret_folder && (length != strlen("include") || strncmp(word, "include", length) != 0))
        return NULL;
    word += length + strspn(word + length, " \t");
    length = *word == '"' ? strcspn(++word, "\"") : strcspn(word, " \t");
    return strndup(word, length);
}

/* The lines, for the place of a setting and for a tree that is not this host, whose includes
 * cvtsudoers would look for on this one. */
static int read_file(const struct tree *tree, const char *path, struct sudoers *sudoers, int depth)
{
    CLEANUP_FREE char *text = NULL;
    char *rest, *line;
    unsigned number = 0;
    int r;

    if (depth > DEPTH_MAX)
        return -ELOOP;
    r = tree_read(tree, path, &text, NULL);
    if (r < 0)
        return r;
    for (rest = text; r == 0 && (line = strsep(&rest, "\n")); number++) {
        bool folder = false;
        CLEANUP_FREE char *included = include_of(line, &folder);

        if (!included) {
            r = add_line(sudoers, path, number + 1, line);
        } else if (included[0] != '/') {
            CLEANUP_FREE char *beside = NULL;

            if (asprintf(&beside, "%.*s/%s", (int)(strrchr(path, '/') - path), path, included) <
                0) {
                beside = NULL;
                return -ENOMEM;
            }
            r = folder ? read_folder(tree, beside, sudoers, depth)
                       : read_file(tree, beside, sudoers, depth + 1);
        } else {
            r = folder ? read_folder(tree, included, sudoers, depth)
                       : read_file(tree, included, sudoers, depth + 1);
        }
    }
    return r;
}

/* One text of all files. */
static char *flatten(const struct sudoers *sudoers)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);

    if (!out)
        return NULL;
    for (size_t i = 0; i < sudoers->n_lines; i++)
        fprintf(out, "%s\n", sudoers->lines[i].text);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* The first line of what a program complains. */
static char *first_line(const char *text)
{
    return strndup(text ? text : "", strcspn(text ? text : "", "\n"));
}

static int convert(const char *program, const char *input, const char *kind, json_t **ret_json,
                   char **ret_problem)
{
    /* /dev/null: no settings of its own. A kind of Defaults, or the rules alone. */
    const char *const argv[] = {program,
                                "-c",
                                "/dev/null",
                                "-e",
                                "-f",
                                "json",
                                "-s",
                                kind ? "aliases,privileges" : "aliases,defaults",
                                "-d",
                                kind ? kind : "all",
                                input ? "-" : SUDOERS,
                                NULL};
    CLEANUP_FREE char *output = NULL, *errors = NULL;
    json_error_t error;
    int status = 0, r = program_run(argv, input, &output, &errors, &status);

    if (r < 0)
        return r;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        if (!*ret_problem)
            *ret_problem = first_line(errors);
        return -EBADMSG;
    }
    /* Nothing of the kind: some releases then write nothing at all. */
    if (!output || output[strspn(output, " \n")] == '\0') {
        *ret_json = NULL;
        return 0;
    }
    *ret_json = json_loads(output, JSON_REJECT_DUPLICATES, &error);
    if (!*ret_json && !*ret_problem)
        *ret_problem = strdup("what it wrote is no JSON");
    return *ret_json ? 0 : -EBADMSG;
}

/* Takes one member out of an object. */
static json_t *take(json_t *object, const char *key)
{
    json_t *value = json_incref(json_object_get(object, key));

    json_decref(object);
    if (value && !json_is_array(value)) {
        json_decref(value);
        return NULL;
    }
    return value;
}

int sudoers_load(const struct tree *tree, struct sudoers **ret_sudoers, char **ret_problem)
{
    CLEANUP_SUDOERS struct sudoers *sudoers = calloc(1, sizeof(*sudoers));
    CLEANUP_FREE char *input = NULL;
    char buffer[PATH_MAX];
    const char *program = program_find("cvtsudoers", buffer);
    json_t *json = NULL;
    int r;

    *ret_problem = NULL;
    if (!sudoers)
        return -ENOMEM;
    r = read_file(tree, SUDOERS, sudoers, 0);
    if (r < 0)
        return r;
    if (!program)
        return -ENOPKG;
    if (!tree_is_host(tree)) {
        input = flatten(sudoers);
        if (!input)
            return -ENOMEM;
    }
    for (int i = 0; i < KINDS && r == 0; i++) {
        r = convert(program, input, kind_names[i], &json, ret_problem);
        if (r == 0)
            sudoers->defaults[i] = take(json, "Defaults");
    }
    if (r == 0)
        r = convert(program, input, NULL, &json, ret_problem);
    if (r < 0)
        return r;
    sudoers->rules = take(json, "User_Specs");
    *ret_sudoers = TAKE_PTR(sudoers);
    return 0;
}

enum match { NO, PERHAPS, YES };

/* Is the target among what a setting is bound to? The last that fits decides. */
static enum match match_target(const json_t *binding, const struct people *people,
                               const char *target)
{
    const struct person *person = people_by_name(people, target);
    enum match result = NO;
    const json_t *item;
    size_t i;

    json_array_foreach (binding, i, item) {
        const char *name = json_string_value(json_object_get(item, "username"));
        const char *group = json_string_value(json_object_get(item, "usergroup"));
        const json_t *uid = json_object_get(item, "userid");
        bool negated = json_is_true(json_object_get(item, "negated"));
        enum match found = NO;

        if (name)
            found = strcmp(name, target) == 0 || strcmp(name, "ALL") == 0 ? YES : NO;
        else if (json_is_integer(uid))
            found = !person                                              ? PERHAPS
                    : json_integer_value(uid) == (json_int_t)person->uid ? YES
                                                                         : NO;
        else if (group)
            found = people_in_group(people, target, group) ? YES
                    : people_group(people, group)          ? NO
                                                           : PERHAPS;
        else
            found = PERHAPS;
        if (found != NO)
            result = found == PERHAPS ? PERHAPS : negated ? NO : YES;
    }
    return result;
}

/* "the user alice, the group ops" */
static void describe(const json_t *binding, const char *what, char *buffer, size_t size)
{
    const json_t *item, *value;
    const char *key;
    size_t i, length = (size_t)snprintf(buffer, size, "%s", what);

    json_array_foreach (binding, i, item) {
        void *at = json_object_iter((json_t *)item);

        for (; at && length < size; at = json_object_iter_next((json_t *)item, at)) {
            key = json_object_iter_key(at);
            value = json_object_iter_value(at);
            if (strcmp(key, "negated") == 0)
                continue;
            length += (size_t)snprintf(buffer + length, size - length, "%s %s%s", i ? "," : "",
                                       strcmp(key, "usergroup") == 0 ? "%" : "",
                                       json_is_string(value) ? json_string_value(value) : key);
        }
    }
}

/* What an entry sets the option to, NULL where it does not. */
static const json_t *option_in(const json_t *entry, const char *option)
{
    const json_t *options = json_object_get(entry, "Options"), *item, *found = NULL;
    size_t i;

    json_array_foreach (options, i, item) {
        const json_t *value = json_object_get(item, option);

        if (value)
            found = value;
    }
    return found;
}

#define VALUES_MAX 64

void sudoers_each_value(const struct sudoers *sudoers, const struct people *people,
                        const char *option, const char *target,
                        void (*each)(const struct sudoers_value *value, void *userdata),
                        void *userdata)
{
    static const char *const whats[KINDS] = {[GLOBAL] = "",
                                             [HOST] = "on the host",
                                             [USER] = "for the user",
                                             [RUNAS] = "for targets",
                                             [COMMAND] = "for the command"};
    CLEANUP_FREE struct sudoers_value *values = calloc(VALUES_MAX, sizeof(*values));
    size_t count = 1;

    if (!values)
        return;
    for (int kind = GLOBAL; kind < KINDS; kind++) {
        const json_t *entry;
        size_t i;

        json_array_foreach (sudoers->defaults[kind], i, entry) {
            const json_t *value = option_in(entry, option);
            const json_t *binding = json_object_get(entry, "Binding");
            enum match match = kind == GLOBAL ? YES
                               : kind == RUNAS
                                   ? (target ? match_target(binding, people, target) : NO)
                                   : PERHAPS;

            if (!value || match == NO)
                continue;
            /* It holds for all who come here, whatever was set before. */
            if (match == YES)
                count = 1;
            else if (count < VALUES_MAX)
                count++;
            values[match == YES ? 0 : count - 1].value = value;
            if (match != YES)
                describe(binding, whats[kind], values[count - 1].whom, sizeof(values->whom));
        }
    }
    for (size_t i = 0; i < count; i++) {
        values[i].scope = values[i].whom;
        each(&values[i], userdata);
    }
}

static bool has_word(const char *text, const char *word)
{
    size_t length = strlen(word);

    for (const char *at = strstr(text, word); at; at = strstr(at + 1, word)) {
        char before = at == text ? ' ' : at[-1], after = at[length];

        if (!isalnum((unsigned char)before) && before != '_' && before != '-' &&
            !isalnum((unsigned char)after) && after != '_' && after != '-')
            return true;
    }
    return false;
}

unsigned sudoers_find_line(const struct sudoers *sudoers, const char *option, const char *value,
                           const char **ret_file)
{
    bool continued = false, defaults = false;

    for (size_t i = 0; i < sudoers->n_lines; i++) {
        const struct line *line = &sudoers->lines[i];
        const char *text = line->text + strspn(line->text, " \t");

        if (!continued)
            defaults = strncmp(text, "Defaults", strlen("Defaults")) == 0;
        continued = text[0] != '\0' && text[strlen(text) - 1] == '\\';
        if (defaults && has_word(text, option) && (!value || has_word(text, value))) {
            *ret_file = line->file;
            return line->number;
        }
    }
    *ret_file = NULL;
    return 0;
}

bool sudoers_allow_groups(const struct sudoers *sudoers, const char **ret_who)
{
    const json_t *rule, *spec;
    size_t i, j;

    json_array_foreach (sudoers->rules, i, rule) {
        const json_t *users = json_object_get(rule, "User_List");
        const json_t *first = json_array_get(users, 0);
        const char *name = json_string_value(json_object_get(first, "username"));
        const char *group = json_string_value(json_object_get(first, "usergroup"));

        if (json_array_size(users) == 1 && name && strcmp(name, "root") == 0)
            continue;
        json_array_foreach (json_object_get(rule, "Cmnd_Specs"), j, spec) {
            if (json_array_size(json_object_get(spec, "runasgroups")) == 0)
                continue;
            *ret_who = name ? name : group ? group : "somebody";
            return true;
        }
    }
    return false;
}
