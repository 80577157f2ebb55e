/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "policy/config_document.h"

#include <errno.h>
#include <ini_configobj.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "text.h"

/* The library compares every section and key with every other, so their number is bounded. */
#define SECTIONS_MAX 1024
#define ENTRIES_MAX 4096

/* Doubled keys are kept; what becomes of doubled sections, the caller says. Lines are not folded:
 * an indented line could be meant as a key or as the rest of the line above, so it is an error. */
#define COLLISION_FLAGS (INI_MV1S_ALLOW | INI_MV2S_ALLOW)
#define PARSE_FLAGS                                                                                \
    (INI_PARSE_NOWRAP | INI_PARSE_NOSPACE | INI_PARSE_NOTAB | INI_PARSE_NO_C_COMMENTS)

static void cleanup_cfgfile(struct ini_cfgfile **file)
{
    if (*file)
        ini_config_file_destroy(*file);
}

static void cleanup_cfgobj(struct ini_cfgobj **object)
{
    if (*object)
        ini_config_destroy(*object);
}

static void cleanup_sections(char ***list)
{
    if (*list)
        ini_free_section_list(*list);
}

static void cleanup_attributes(char ***list)
{
    if (*list)
        ini_free_attribute_list(*list);
}

struct config_document *config_document_free(struct config_document *document)
{
    if (!document)
        return NULL;
    for (size_t i = 0; i < document->n_sections; i++) {
        struct config_section *section = &document->sections[i];

        for (size_t k = 0; k < section->n_entries; k++) {
            free(section->entries[k].key);
            free(section->entries[k].value);
        }
        free(section->entries);
        free(section->name);
    }
    free(document->sections);
    free(document->file);
    free(document);
    return NULL;
}

static int out_of_memory(const char *file, struct error *error)
{
    return error_set(error, ERROR_INVALID_ARGUMENT, "%s: out of memory", file);
}

/* What the library's numbers mean to who has to mend the file. */
static const char *parse_problem(int code)
{
    switch (code) {
    case ERR_NOCLOSESEC:
        return "a section's line does not end with ]";
    case ERR_NOSECTION:
        return "a section has no name";
    case ERR_SECTIONLONG:
        return "a section's name is too long";
    case ERR_NOEQUAL:
        return "there is no = in this line; write KEY = VALUE";
    case ERR_NOKEY:
        return "there is no key before the =";
    case ERR_LONGKEY:
        return "the key is too long";
    case ERR_SPACE:
    case ERR_TAB:
    case ERR_SPECIAL:
        return "the line begins with a blank; begin every line at its start and repeat the key for "
               "a "
               "list that goes on";
    case ERR_DUPSECTION:
        return "this section is in the file already (case does not count)";
    default:
        return "the line cannot be read";
    }
}

/* The library tells its errors as text only: "Error (CODE) on line LINE: …". */
static int fail_parse(const char *file, struct ini_cfgobj *object, struct error *error)
{
    char **errors = NULL;
    unsigned line = 0;
    int code = 0;

    if (ini_config_get_errors(object, &errors) != 0)
        return error_set(error, ERROR_INVALID_ARGUMENT, "%s: cannot be parsed", file);
    if (errors && errors[0]) {
        const char *number = strchr(errors[0], '(');

        if (!number || sscanf(number, "(%d) on line %u", &code, &line) != 2)
            line = 0;
    }
    ini_config_free_errors(errors);
    if (line == 0)
        return error_set(error, ERROR_INVALID_ARGUMENT, "%s: cannot be parsed", file);
    return error_set(error, ERROR_INVALID_ARGUMENT, "%s:%u: %s", file, line, parse_problem(code));
}

/* The library keeps no line of a section; its name stands between [ and ] where one begins. */
static unsigned section_line(const char *text, const char *name)
{
    size_t length = strlen(name);

    for (unsigned line = 1; text && *text; line++) {
        if (*text == '[') {
            const char *at = text + 1 + strspn(text + 1, " \t");

            if (strncmp(at, name, length) == 0 && at[length + strspn(at + length, " \t")] == ']')
                return line;
        }
        text = strchr(text, '\n');
        if (text)
            text++;
    }
    return 0;
}

/* The name of the section or key on this line, without the blanks around it. */
static bool name_is_sane(const char *line, size_t length)
{
    const char *equals = memchr(line, '=', length);
    size_t end = equals && *line != '[' ? (size_t)(equals - line) : length;

    if (!equals && *line != '[')
        return true;
    while (end > 0 && (line[end - 1] == ' ' || line[end - 1] == '\t'))
        end--;
    for (size_t i = strspn(line, " \t"); i < end; i++)
        if (line[i] < ' ' || line[i] > '~' || line[i] == '!')
            return false;
    return true;
}

/* What the library cannot take, or takes without a word: names with an exclamation mark or beyond
 * ASCII (it gives up and names no line), keys outside of a section (it loses the first one). */
static int check_lines(const char *file, const char *text, struct error *error)
{
    size_t sections = 0;

    for (unsigned line = 1; *text; line++) {
        size_t length = strcspn(text, "\n");
        bool is_comment = *text == '#' || *text == ';' || strspn(text, " \t") == length;

        if (*text == '[' && ++sections > SECTIONS_MAX)
            return error_set(error, ERROR_INVALID_ARGUMENT,
                             "%s:%u: is section number %zu; one file holds at most %d", file, line,
                             sections, SECTIONS_MAX);
        if (!is_comment && sections == 0 && *text != ' ' && *text != '\t')
            return error_set(error, ERROR_INVALID_ARGUMENT,
                             "%s:%u: there is no section above this line; begin with [SECTION]",
                             file, line);
        if (!is_comment && !name_is_sane(text, length))
            return error_set(error, ERROR_INVALID_ARGUMENT,
                             "%s:%u: names of sections and keys are plain ASCII, without tabs and "
                             "exclamation marks",
                             file, line);
        text += length;
        if (*text)
            text++;
    }
    return 0;
}

static int compare_lines(const void *one, const void *other)
{
    const struct config_entry *a = one, *b = other;

    return (a->line > b->line) - (a->line < b->line);
}

static int read_entry(struct ini_cfgobj *object, const char *section, const char *key, int mode,
                      struct config_entry *ret_entry)
{
    struct value_obj *object_value = NULL;
    CLEANUP_FREE char *key_copy = NULL;
    CLEANUP_FREE char *value_copy = NULL;
    const char *value = NULL;
    uint32_t line = 0;

    if (ini_get_config_valueobj(section, key, object, mode, &object_value) != 0 || !object_value ||
        value_get_concatenated(object_value, &value) != 0 || !value ||
        value_get_line(object_value, &line) != 0)
        return -EIO;
    key_copy = strdup(key);
    value_copy = strdup(value);
    if (!key_copy || !value_copy)
        return -ENOMEM;
    *ret_entry = (struct config_entry){
        .key = TAKE_PTR(key_copy), .value = TAKE_PTR(value_copy), .line = line};
    return 0;
}

/* The library finds keys whatever their case, one after the other where they are doubled, and lists
 * their names as they are written, in order: the two are brought together here. */
static int read_section(const char *file, struct ini_cfgobj *object, struct config_section *section,
                        struct error *error)
{
    CLEANUP(cleanup_attributes) char **keys = NULL;
    CLEANUP_FREE bool *done = NULL;
    int size = 0, failed = 0, r;
    size_t n_keys = 0;

    keys = ini_get_attribute_list(object, section->name, &size, &failed);
    if (!keys || failed != 0)
        return out_of_memory(file, error);
    while (keys[n_keys])
        n_keys++;
    if (n_keys > ENTRIES_MAX)
        return error_set(error, ERROR_INVALID_ARGUMENT, "%s:%u: [%s]: has more than %d lines", file,
                         section->line, section->name, ENTRIES_MAX);

    section->entries = calloc(n_keys + 1, sizeof(*section->entries));
    done = calloc(n_keys + 1, sizeof(*done));
    if (!section->entries || !done)
        return out_of_memory(file, error);

    for (size_t i = 0; i < n_keys; i++) {
        int mode = INI_GET_FIRST_VALUE;

        for (size_t k = i; k < n_keys && !done[i]; k++) {
            if (done[k] || strcasecmp(keys[k], keys[i]) != 0)
                continue;
            if (k > i)
                done[k] = true;
            r = read_entry(object, section->name, keys[k], mode,
                           &section->entries[section->n_entries]);
            if (r == -ENOMEM)
                return out_of_memory(file, error);
            if (r < 0)
                return error_set(error, ERROR_INVALID_ARGUMENT, "%s:%u: [%s]: cannot be read", file,
                                 section->line, section->name);
            section->n_entries++;
            mode = INI_GET_NEXT_VALUE;
        }
        done[i] = true;
    }
    qsort(section->entries, section->n_entries, sizeof(*section->entries), compare_lines);
    return 0;
}

static int read_sections(struct config_document *document, struct ini_cfgobj *object,
                         const char *text, struct error *error)
{
    CLEANUP(cleanup_sections) char **names = NULL;
    int size = 0, failed = 0;
    size_t n_names = 0;
    int r;

    names = ini_get_section_list(object, &size, &failed);
    if (!names || failed != 0)
        return out_of_memory(document->file, error);
    while (names[n_names])
        n_names++;
    document->sections = calloc(n_names + 1, sizeof(*document->sections));
    if (!document->sections)
        return out_of_memory(document->file, error);

    for (size_t i = 0; i < n_names; i++) {
        struct config_section *section = &document->sections[document->n_sections];

        section->name = strdup(names[i]);
        if (!section->name)
            return out_of_memory(document->file, error);
        document->n_sections++;
        section->line = section_line(text, section->name);
        r = read_section(document->file, object, section, error);
        if (r != 0)
            return r;
    }
    return 0;
}

static int parse(const char *file, const char *text, size_t length, uint32_t doubled_sections,
                 struct config_document **ret_document, struct error *error)
{
    CLEANUP_CONFIG_DOCUMENT struct config_document *document = NULL;
    CLEANUP(cleanup_cfgfile) struct ini_cfgfile *input = NULL;
    CLEANUP(cleanup_cfgobj) struct ini_cfgobj *object = NULL;
    CLEANUP_FREE char *copy = NULL;
    int r;

    document = calloc(1, sizeof(*document));
    if (!document)
        return out_of_memory(file, error);
    document->file = strdup(file);
    copy = strndup(text, length);
    if (!document->file || !copy)
        return out_of_memory(file, error);
    if (length == 0) {
        *ret_document = TAKE_PTR(document);
        return 0;
    }
    r = check_lines(file, copy, error);
    if (r != 0)
        return r;
    if (ini_config_file_from_mem(copy, (uint32_t)length, &input) != 0 ||
        ini_config_create(&object) != 0)
        return out_of_memory(file, error);
    if (ini_config_parse(input, INI_STOP_ON_ANY, COLLISION_FLAGS | doubled_sections, PARSE_FLAGS,
                         object) != 0)
        return fail_parse(file, object, error);
    r = read_sections(document, object, copy, error);
    if (r != 0)
        return r;

    *ret_document = TAKE_PTR(document);
    return 0;
}

int config_document_parse(const char *file, const char *text, size_t length,
                          struct config_document **ret_document, struct error *error)
{
    return parse(file, text, length, INI_MS_ERROR, ret_document, error);
}

int config_document_parse_joined(const char *file, const char *text, size_t length,
                                 struct config_document **ret_document, struct error *error)
{
    return parse(file, text, length, INI_MS_MERGE, ret_document, error);
}
