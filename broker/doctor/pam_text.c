/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "doctor/pam_text.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <security/pam_appl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cleanup.h"

#define BLANKS " \n\t"
/* Before 1.5.3 a line ended at 1023 bytes, and the rest was one of its own. */
#define LINE_MAX_OLD 1000

static const char *const codes[PAM_TEXT_CODES] = {
    "success",
    "open_err",
    "symbol_err",
    "service_err",
    "system_err",
    "buf_err",
    "perm_denied",
    "auth_err",
    "cred_insufficient",
    "authinfo_unavail",
    "user_unknown",
    "maxtries",
    "new_authtok_reqd",
    "acct_expired",
    "session_err",
    "cred_unavail",
    "cred_expired",
    "cred_err",
    "no_module_data",
    "conv_err",
    "authtok_err",
    "authtok_recover_err",
    "authtok_lock_busy",
    "authtok_disable_aging",
    "try_again",
    "ignore",
    "abort",
    "authtok_expired",
    "module_unknown",
    "bad_item",
    "conv_again",
    "incomplete",
};

static const char *const actions_by_name[] = {"ignore", "ok", "done", "bad", "die", "reset"};

const char *pam_text_code_name(int code)
{
    return code >= 0 && code < PAM_TEXT_CODES ? codes[code] : "?";
}

/* One line as it stands in the file, without its end. */
static bool cut_line(struct pam_text *text, const char **ret_start, size_t *ret_length)
{
    const char *end;

    if (text->at >= text->end)
        return false;
    end = memchr(text->at, '\n', (size_t)(text->end - text->at));
    *ret_start = text->at;
    *ret_length = (size_t)((end ? end : text->end) - text->at);
    text->at = end ? end + 1 : text->end;
    text->line++;
    return true;
}

static int append(char **line, size_t *length, const char *more, size_t n)
{
    char *grown = realloc(*line, *length + n + 2);

    if (!grown)
        return -ENOMEM;
    *line = grown;
    memcpy(grown + *length, more, n);
    *length += n;
    grown[*length] = '\0';
    return 0;
}

int pam_text_next(struct pam_text *text, struct pam_text_line *ret_line)
{
    CLEANUP_FREE char *line = NULL;
    size_t length = 0, n;
    unsigned number = 0;
    bool doubtful = false;
    const char *start;

    while (cut_line(text, &start, &n)) {
        bool continued = false;
        const char *comment;

        if (memchr(start, '\0', n))
            doubtful = true;
        while (n > 0 && strchr(BLANKS, *start) && *start != '\0') {
            start++;
            n--;
        }
        if (n == 0 || *start == '#') {
            /* Older libpam goes on looking for the rest of a continued line, newer ends it. */
            if (!line)
                continue;
            doubtful = true;
            break;
        }
        if (number == 0)
            number = text->line;
        comment = memchr(start, '#', n);
        if (comment) {
            n = (size_t)(comment - start);
        } else {
            size_t last = n;

            while (last > 1 && strchr(BLANKS, start[last - 1]))
                last--;
            if (start[last - 1] == '\\') {
                continued = true;
                n = last - 1;
            }
        }
        if (append(&line, &length, start, n) < 0 ||
            (continued && append(&line, &length, " ", 1) < 0))
            return -ENOMEM;
        if (!continued) {
            *ret_line = (struct pam_text_line){
                .text = TAKE_PTR(line),
                .number = number,
                .doubtful = doubtful || length > LINE_MAX_OLD,
            };
            return 1;
        }
    }
    if (line && !doubtful)
        return -EBADMSG;
    if (line) {
        *ret_line = (struct pam_text_line){TAKE_PTR(line), number, true};
        return 1;
    }
    return 0;
}

char *pam_text_word(char *from, char **next)
{
    char *end;

    if (!from && !(from = *next))
        return NULL;
    from += strspn(from, BLANKS);
    if (*from == '[') {
        char *to;

        /* "\]" does not end it. */
        for (to = end = ++from; *end && *end != ']'; to++, end++) {
            if (*end == '\\' && end[1] == ']')
                end++;
            if (to != end)
                *to = *end;
        }
        if (to != end)
            *to = '\0';
    } else if (*from) {
        end = from + strcspn(from, BLANKS);
    } else {
        *next = NULL;
        return NULL;
    }
    if (*end)
        *end++ = '\0';
    *next = *end ? end : NULL;
    return from;
}

static void set_default(int *actions, int action)
{
    for (int i = 0; i < PAM_TEXT_CODES; i++)
        if (actions[i] == PAM_DO_UNSET)
            actions[i] = action;
}

static const char *skip_blanks(const char *c)
{
    while (isspace((unsigned char)*c))
        c++;
    return c;
}

/* The code that stands at *c, PAM_TEXT_CODES for "default", or -1. */
static int read_code(const char **c)
{
    for (int i = 0; i <= PAM_TEXT_CODES; i++) {
        const char *name = i < PAM_TEXT_CODES ? codes[i] : "default";

        if (strncmp(name, *c, strlen(name)) == 0) {
            *c += strlen(name);
            return i;
        }
    }
    return -1;
}

static bool read_action(const char **c, int *ret_action)
{
    int jump = 0;

    for (size_t i = 0; i < sizeof(actions_by_name) / sizeof(*actions_by_name); i++)
        if (strncmp(actions_by_name[i], *c, strlen(actions_by_name[i])) == 0) {
            *c += strlen(actions_by_name[i]);
            *ret_action = -(int)i;
            return true;
        }
    for (; isdigit((unsigned char)**c); (*c)++)
        if (__builtin_mul_overflow(jump, 10, &jump) ||
            __builtin_add_overflow(jump, **c - '0', &jump))
            return false;
    *ret_action = jump;
    return jump > 0;
}

/* "[success=1 default=ignore]" without the brackets. */
static bool read_pairs(const char *c, int *actions)
{
    for (c = skip_blanks(c); *c; c = skip_blanks(c)) {
        int code = read_code(&c), action = 0;

        if (code < 0)
            return false;
        c = skip_blanks(c);
        if (*c++ != '=')
            return false;
        c = skip_blanks(c);
        if (!read_action(&c, &action))
            return false;
        if (code < PAM_TEXT_CODES)
            actions[code] = action;
        else
            set_default(actions, action);
    }
    return true;
}

bool pam_text_control(const char *control, int actions[static PAM_TEXT_CODES])
{
    static const struct {
        const char *name;
        int success, ignore, other;
    } words[] = {
        {"required", PAM_DO_OK, PAM_DO_IGNORE, PAM_DO_BAD},
        {"requisite", PAM_DO_OK, PAM_DO_IGNORE, PAM_DO_DIE},
        {"optional", PAM_DO_OK, PAM_DO_IGNORE, PAM_DO_IGNORE},
        {"sufficient", PAM_DO_DONE, PAM_DO_IGNORE, PAM_DO_IGNORE},
    };
    bool understood = true;

    for (int i = 0; i < PAM_TEXT_CODES; i++)
        actions[i] = PAM_DO_UNSET;
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (strcasecmp(words[i].name, control) == 0) {
            actions[PAM_SUCCESS] = actions[PAM_NEW_AUTHTOK_REQD] = words[i].success;
            actions[PAM_IGNORE] = words[i].ignore;
            set_default(actions, words[i].other);
            return true;
        }
    understood = read_pairs(control, actions);
    if (!understood)
        for (int i = 0; i < PAM_TEXT_CODES; i++)
            actions[i] = PAM_DO_BAD;
    set_default(actions, PAM_DO_BAD);
    return understood;
}
