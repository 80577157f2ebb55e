/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "policy/persons.h"

#include <errno.h>
#include <inttypes.h>
#include <search.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "policy/persons_options.h"
#include "policy/persons_private.h"
#include "policy/ssh_key.h"
#include "text.h"

/* sshd writes a line for each method: its name and, where a key was used, the key's type and base64
 * (auth2_update_methods_lists, sshkey_format_text). */
#define KEY_METHOD "publickey "
#define ASK_TO_ADD "ask an administrator to add it to " PERSONS_FILE

/* One question. */
struct search {
    const struct persons *persons;
    uint64_t wall;
    struct error *error;
};

static int refuse(const struct search *search, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int refuse(const struct search *search, const char *format, ...)
{
    char text[LIMIT_SENTENCE];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return error_set(search->error, ERROR_NOT_PERMITTED, "%s", text);
}

static const char *format_time(uint64_t wall, char buffer[static 64])
{
    time_t seconds = (time_t)wall;
    struct tm tm;

    if (!localtime_r(&seconds, &tm) || strftime(buffer, 64, "%Y-%m-%d %H:%M", &tm) == 0)
        (void)snprintf(buffer, 64, "%" PRIu64, wall);
    return buffer;
}

/* As ssh-keygen has it: both ends belong to it. */
static bool is_valid_now(const struct person_line *line, uint64_t wall)
{
    return wall >= line->valid_after && (!line->valid_before || wall <= line->valid_before);
}

static int refuse_time(const struct search *search, const struct person_line *line)
{
    bool early = search->wall < line->valid_after;
    char when[64];

    return refuse(search, "by line %u of " PERSONS_FILE " %s is valid %s %s: ask an administrator",
                  line->line, line->is_authority ? "the authority of this certificate" : "this key",
                  early ? "only from" : "until",
                  format_time(early ? line->valid_after : line->valid_before, when));
}

static int find_key(const struct search *search, const struct ssh_key *key, const char **ret_owner)
{
    const struct person_line wanted = {.key = key->blob, .key_size = key->size};
    struct person_line *const *found =
        tfind(&wanted, &search->persons->by_key, person_line_compare);
    char fingerprint[SSH_FINGERPRINT_MAX];

    if (!found)
        return refuse(search, "whose key %s (%s) is, is not known here: " ASK_TO_ADD,
                      ssh_key_fingerprint(key->blob, key->size, fingerprint), key->type);
    for (const struct person_line *line = *found; line; line = line->next_of_key)
        if (is_valid_now(line, search->wall)) {
            *ret_owner = line->principals;
            return 0;
        }
    return refuse_time(search, *found);
}

/* The person is the certificate's Key ID, where its authority may speak of that person. */
static int find_certificate(const struct search *search, const struct ssh_key *key,
                            const char **ret_owner)
{
    const struct person_line *known = NULL, *fitting = NULL;
    char fingerprint[SSH_FINGERPRINT_MAX], key_id[2 * LIMIT_NAME];

    text_escape_to(key_id, sizeof(key_id), key->key_id);
    for (size_t i = 0; i < search->persons->n_lines; i++) {
        const struct person_line *line = search->persons->lines[i];

        if (!line->is_authority || line->other_purpose || line->key_size != key->authority_size ||
            memcmp(line->key, key->authority, line->key_size) != 0)
            continue;
        known = line;
        if (!persons_pattern_list_fits(line->principals, key->key_id))
            continue;
        fitting = line;
        if (is_valid_now(line, search->wall))
            break;
    }
    if (!known)
        return refuse(search,
                      "the certificate \"%s\" is signed by %s, which is no authority here: ask an "
                      "administrator to add that key to " PERSONS_FILE " with cert-authority",
                      key_id,
                      ssh_key_fingerprint(key->authority, key->authority_size, fingerprint));
    if (!person_name_is_valid(key->key_id))
        return refuse(search,
                      "the Key ID of this certificate, \"%s\", is not the name of a user, which "
                      "says who you are here: ask for a certificate that has yours",
                      key_id);
    if (!fitting)
        return refuse(search,
                      "the authority of this certificate may not speak of %s, its Key ID: ask an "
                      "administrator to see line %u of " PERSONS_FILE,
                      key_id, known->line);
    if (!is_valid_now(fitting, search->wall))
        return refuse_time(search, fitting);
    *ret_owner = key->key_id;
    return 0;
}

/* "TYPE BASE64" as sshd wrote it. */
static int read_key(const struct search *search, char *text, struct ssh_key *ret_key)
{
    const char *problem = "has no key";
    char *base64 = text;
    int r;

    strsep(&base64, " ");
    r = base64 ? ssh_key_read(text, base64, ret_key, &problem) : -EINVAL;
    if (r == -EINVAL)
        return error_set(search->error, ERROR_INVALID_ARGUMENT,
                         "sshd's SSH_AUTH_INFO_0 cannot be read: what it says is a key %s: ask an "
                         "administrator",
                         problem);
    if (r < 0)
        return error_set(search->error, ERROR_INVALID_ARGUMENT, "out of memory");
    return 0;
}

/* Takes one key into account: its owner must be the one of those before it. */
static int add_key(const struct search *search, char *text, char owner[static LIMIT_NAME + 1])
{
    CLEANUP_SSH_KEY struct ssh_key key = {0};
    const char *found = NULL;
    int r = read_key(search, text, &key);

    if (r == 0)
        r = key.key_id ? find_certificate(search, &key, &found) : find_key(search, &key, &found);
    if (r != 0)
        return r;
    if (*owner && strcmp(owner, found) != 0)
        return refuse(search,
                      "this login was made with keys of two persons, %s and %s: use your own alone",
                      owner, found);
    (void)snprintf(owner, LIMIT_NAME + 1, "%s", found);
    return 0;
}

bool persons_authinfo_has_key(const char *authinfo)
{
    for (const char *line = authinfo; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, KEY_METHOD, strlen(KEY_METHOD)) == 0)
            return true;
    }
    return false;
}

int persons_find_owner(const struct persons *persons, const char *authinfo, uint64_t wall,
                       char ret_owner[static LIMIT_NAME + 1], struct error *error)
{
    const struct search search = {.persons = persons, .wall = wall, .error = error};
    CLEANUP_FREE char *copy = strdup(authinfo ? authinfo : "");
    char owner[LIMIT_NAME + 1] = "", *rest = copy, *line;
    int r = 0;

    if (!copy)
        return error_set(error, ERROR_INVALID_ARGUMENT, "out of memory");
    if (!persons)
        return refuse(&search, "whose key is whose is not known on this host: an administrator has "
                               "to write " PERSONS_FILE);
    while (r == 0 && (line = strsep(&rest, "\n")))
        if (strncmp(line, KEY_METHOD, strlen(KEY_METHOD)) == 0)
            r = add_key(&search, line + strlen(KEY_METHOD), owner);
    if (r == 0 && !*owner)
        r = refuse(&search, "this login was made without a key: log in with your own");
    if (r == 0)
        memcpy(ret_owner, owner, sizeof(owner));
    return r;
}
