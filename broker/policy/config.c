/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "policy/config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cleanup.h"
#include "policy/config_document.h"
#include "policy/config_file.h"
#include "policy/config_managers.h"
#include "policy/config_policy.h"
#include "policy/config_value.h"
#include "policy/persons.h"
#include "text.h"

#define POLICY_FILES_MAX 256
#define POLICY_NAME_MAX 64
#define POLICY_SECTION "policy "
#define SUFFIX ".conf"
#define PERSONS_NAME "persons"

static int out_of_memory(const char *file, struct error *error)
{
    return error_set(error, ERROR_INVALID_ARGUMENT, "%s: out of memory", file);
}

static int fail_section(const char *file, const struct config_section *section, const char *problem,
                        struct error *error)
{
    char name[160];

    text_escape_to(name, sizeof(name), section->name);
    return error_set(error, ERROR_INVALID_ARGUMENT, "%s:%u: [%s] %s", file, section->line, name,
                     problem);
}

void broker_config_clear(struct broker_config *config)
{
    free(config->administrators);
    free(config->auditors);
    *config = (struct broker_config){0};
}

static int read_group(const struct config_place *place, const char *value, char **target)
{
    int r;

    if (*value == '%')
        value++;
    r = config_check_name(place, value);
    if (r != 0)
        return r;
    *target = strdup(value);
    return *target ? 0 : config_out_of_memory(place);
}

static int read_broker_section(const char *file, const struct config_section *section,
                               struct broker_config *config, struct error *error)
{
    bool told = false;

    for (size_t i = 0; i < section->n_entries; i++) {
        const struct config_entry *entry = &section->entries[i];
        struct config_place place = {file, entry->line, section->name, entry->key, error};
        bool administrators = strcmp(entry->key, "administrators") == 0;
        bool auditors = strcmp(entry->key, "auditors") == 0;
        bool tell = strcmp(entry->key, "tell-terminals") == 0;
        int r;

        if (!administrators && !auditors && !tell)
            return config_fail(&place,
                               "there is no such key; there are administrators, auditors and "
                               "tell-terminals");
        if ((administrators && config->administrators) || (auditors && config->auditors) ||
            (tell && told))
            return config_fail(&place, "is given twice; it takes one value");
        if (!*entry->value)
            return config_fail(&place, "has no value; leave the key out for its default");
        if (tell)
            r = config_read_bool(&place, entry->value, &config->tell_terminals);
        else
            r = read_group(&place, entry->value,
                           administrators ? &config->administrators : &config->auditors);
        if (r != 0)
            return r;
        told = told || tell;
    }
    return 0;
}

static int make_digest(const char *text, char ret_digest[static DIGEST_TEXT_MAX])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;

    if (EVP_Digest(text, strlen(text), digest, &length, EVP_sha256(), NULL) != 1 ||
        2 * length + 1 != DIGEST_TEXT_MAX)
        return -EIO;
    for (unsigned i = 0; i < length; i++)
        snprintf(ret_digest + 2 * i, 3, "%02x", digest[i]);
    return 0;
}

int config_load_broker(const char *file, struct broker_config *ret_config, struct error *error)
{
    CLEANUP(broker_config_clear) struct broker_config config = {.tell_terminals = true};
    CLEANUP_CONFIG_DOCUMENT struct config_document *document = NULL;
    CLEANUP_FREE char *text = NULL;
    size_t length = 0;
    int r;

    r = config_file_read(AT_FDCWD, file, file, &text, &length, error);
    if (r == 0 && text)
        r = config_text_check(file, text, length, error);
    if (r == 0 && text)
        r = config_document_parse(file, text, length, &document, error);
    if (r != 0)
        return r;
    for (size_t i = 0; document && i < document->n_sections; i++) {
        const struct config_section *section = &document->sections[i];

        if (strcmp(section->name, "broker") != 0)
            return fail_section(file, section, "is no section of this file; write [broker]", error);
        r = read_broker_section(file, section, &config, error);
        if (r != 0)
            return r;
    }
    if (text && make_digest(text, config.digest) < 0)
        return error_set(error, ERROR_INVALID_ARGUMENT, "%s: the digest cannot be computed", file);

    *ret_config = config;
    config = (struct broker_config){0};
    return 0;
}

/* The NAME of `[policy NAME]`, NULL if it is none. */
static const char *policy_name(const char *section)
{
    const char *name = section + strlen(POLICY_SECTION);
    size_t length;

    if (strncmp(section, POLICY_SECTION, strlen(POLICY_SECTION)) != 0)
        return NULL;
    name += strspn(name, " \t");
    length = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");
    return length > 0 && length <= POLICY_NAME_MAX && !name[length] ? name : NULL;
}

static int add_policy(struct policy_set *set, const char *file,
                      const struct config_section *section, struct error *error)
{
    CLEANUP_POLICY struct policy *policy = NULL;
    const char *name = policy_name(section->name);
    struct policy **more;
    char problem[256];
    int r;

    if (!name)
        return fail_section(
            file, section,
            "is no section of this file; write [policy NAME], where NAME has 1 to 64 "
            "of A-Z a-z 0-9 . _ -, or [managers]",
            error);
    for (size_t i = 0; i < set->n_policies; i++) {
        if (strcasecmp(set->policies[i]->name, name) != 0)
            continue;
        snprintf(problem, sizeof(problem),
                 "has a name that is taken already, in line %u of %.128s (case does not count)",
                 set->policies[i]->line, set->policies[i]->file);
        return fail_section(file, section, problem, error);
    }

    r = config_read_policy(file, section, name, &policy, error);
    if (r != 0)
        return r;
    more = realloc(set->policies, (set->n_policies + 1) * sizeof(struct policy *));
    if (!more)
        return out_of_memory(file, error);
    set->policies = more;
    set->policies[set->n_policies++] = TAKE_PTR(policy);
    return 0;
}

static int add_sections(struct policy_set *set, const char *file,
                        const struct config_document *document, struct error *error)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < document->n_sections; i++) {
        const struct config_section *section = &document->sections[i];

        r = strcmp(section->name, MANAGERS_SECTION) == 0
                ? config_read_managers(set, file, section, error)
                : add_policy(set, file, section, error);
    }
    return r;
}

int config_add_policies(struct policy_set *set, const char *file, const char *text, size_t length,
                        struct error *error)
{
    CLEANUP_CONFIG_DOCUMENT struct config_document *document = NULL;
    int r;

    r = config_text_check(file, text, length, error);
    if (r == 0)
        r = config_document_parse(file, text, length, &document, error);
    return r == 0 ? add_sections(set, file, document, error) : r;
}

int config_restore_policies(struct policy_set *set, const char *origin, const char *text,
                            struct error *error)
{
    CLEANUP_CONFIG_DOCUMENT struct config_document *document = NULL;
    int r;

    r = config_text_check(origin, text, strlen(text), error);
    if (r == 0)
        r = config_document_parse_joined(origin, text, strlen(text), &document, error);
    return r == 0 ? add_sections(set, origin, document, error) : r;
}

struct names {
    char **items;
    size_t count;
};

static void names_clear(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->items[i]);
    free(names->items);
    *names = (struct names){0};
}

static void cleanup_dir(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}

static bool is_policy_file(const char *name)
{
    size_t length = strlen(name);

    return name[0] != '.' && length > strlen(SUFFIX) &&
           strcmp(name + length - strlen(SUFFIX), SUFFIX) == 0;
}

static int compare_names(const void *one, const void *other)
{
    return strcmp(*(char *const *)one, *(char *const *)other);
}

/* Takes the descriptor over. */
static int list_files(int *fd, const char *directory, struct names *names, struct error *error)
{
    CLEANUP(cleanup_dir) DIR *dir = fdopendir(*fd);
    struct dirent *entry;

    if (!dir)
        return out_of_memory(directory, error);
    *fd = -1;

    names->items = calloc(POLICY_FILES_MAX, sizeof(*names->items));
    if (!names->items)
        return out_of_memory(directory, error);
    while ((errno = 0, entry = readdir(dir))) {
        if (!is_policy_file(entry->d_name))
            continue;
        if (names->count == POLICY_FILES_MAX)
            return error_set(error, ERROR_INVALID_ARGUMENT, "%s: has more than %d files", directory,
                             POLICY_FILES_MAX);
        names->items[names->count] = strdup(entry->d_name);
        if (!names->items[names->count])
            return out_of_memory(directory, error);
        names->count++;
    }
    if (errno != 0)
        return error_set(error, ERROR_INVALID_ARGUMENT, "%s: cannot be read: %s", directory,
                         strerrordesc_np(errno));
    qsort(names->items, names->count, sizeof(*names->items), compare_names);
    return 0;
}

static int load_file(struct policy_set *set, int directory_fd, const char *directory,
                     const char *name, FILE *all, struct error *error)
{
    CLEANUP_FREE char *file = NULL;
    CLEANUP_FREE char *text = NULL;
    size_t length = 0;
    int r;

    if (asprintf(&file, "%s/%s", directory, name) < 0) {
        file = NULL;
        return out_of_memory(directory, error);
    }
    if (!text_is_valid(file, SIZE_MAX))
        return error_set(error, ERROR_INVALID_ARGUMENT,
                         "%s: a file's name has a control character or is not UTF-8", directory);
    r = config_file_read(directory_fd, name, file, &text, &length, error);
    if (r != 0)
        return r;
    if (!text)
        return error_set(error, ERROR_INVALID_ARGUMENT, "%s: went away while it was to be read",
                         file);
    r = config_add_policies(set, file, text, length, error);
    if (r != 0)
        return r;
    fprintf(all, "# %s\n%s%s", file, text, length && text[length - 1] == '\n' ? "" : "\n");
    return 0;
}

/* "/etc/pam-checkout/policy.d" -> "/etc/pam-checkout/persons", for messages. */
static char *persons_path(const char *directory)
{
    size_t length = strlen(directory);
    const char *base;
    char *path = NULL;
    int r;

    while (length > 1 && directory[length - 1] == '/')
        length--;
    base = memrchr(directory, '/', length);
    base = base ? base + 1 : directory;
    if (*base == '.' || length == 1)
        r = asprintf(&path, "%.*s/../" PERSONS_NAME, (int)length, directory);
    else
        r = asprintf(&path, "%.*s" PERSONS_NAME, (int)(base - directory), directory);
    return r < 0 ? NULL : path;
}

/* The file beside the directory. Its lines are comments in the text of all, which is read again as
 * policies. */
static int load_persons(struct policy_set *set, int directory_fd, const char *directory, FILE *all,
                        struct error *error)
{
    CLEANUP_FREE char *file = persons_path(directory);
    CLEANUP_FREE char *text = NULL;
    size_t length = 0;
    int r;

    if (!file)
        return out_of_memory(directory, error);
    r = config_file_read(directory_fd, "../" PERSONS_NAME, file, &text, &length, error);
    if (r == 0 && text)
        r = persons_parse(file, text, length, &set->persons, error);
    if (r != 0 || !text)
        return r;
    fprintf(all, "# %s\n", file);
    for (char *rest = text, *line; (line = strsep(&rest, "\n")) && rest;)
        fprintf(all, "#| %s\n", line);
    return 0;
}

static int load_files(struct policy_set *set, int directory_fd, const char *directory,
                      const struct names *names, struct error *error)
{
    size_t size = 0;
    FILE *all = open_memstream(&set->text, &size);
    int r = 0;

    if (!all)
        return out_of_memory(directory, error);
    for (size_t i = 0; i < names->count && r == 0; i++)
        r = load_file(set, directory_fd, directory, names->items[i], all, error);
    if (r == 0 && directory_fd >= 0)
        r = load_persons(set, directory_fd, directory, all, error);
    if (fclose(all) != 0 && r == 0)
        r = out_of_memory(directory, error);
    return r;
}

int config_load_policies(const char *directory, struct policy_set **ret_set, struct error *error)
{
    CLEANUP_POLICY_SET struct policy_set *set = NULL;
    CLEANUP(names_clear) struct names names = {0};
    CLEANUP_CLOSE int fd = -1;
    CLEANUP_CLOSE int list_fd = -1;
    int r;

    set = calloc(1, sizeof(*set));
    if (!set)
        return out_of_memory(directory, error);
    r = config_directory_open(directory, &fd, error);
    if (r != 0)
        return r;
    if (fd >= 0) {
        /* The list has its own descriptor, because closedir() closes it. */
        list_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        if (list_fd < 0)
            return out_of_memory(directory, error);
        r = list_files(&list_fd, directory, &names, error);
        if (r != 0)
            return r;
    }
    r = load_files(set, fd, directory, &names, error);
    if (r != 0)
        return r;
    if (make_digest(set->text, set->digest) < 0)
        return error_set(error, ERROR_INVALID_ARGUMENT, "%s: the digest cannot be computed",
                         directory);
    *ret_set = TAKE_PTR(set);
    return 0;
}
