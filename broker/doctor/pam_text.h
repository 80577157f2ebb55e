/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How libpam reads its configuration (libpam's pam_handlers.c, pam_line.c and pam_misc.c): lines,
 * words, control fields. */

#include <stdbool.h>
#include <stddef.h>

/* PAM's return codes, 0 to 31. */
#define PAM_TEXT_CODES 32

/* What a return code does; above 0: so many lines are jumped over. */
enum pam_action {
    PAM_DO_IGNORE = 0,
    PAM_DO_OK = -1,
    PAM_DO_DONE = -2,
    PAM_DO_BAD = -3,
    PAM_DO_DIE = -4,
    PAM_DO_RESET = -5,
    PAM_DO_UNSET = -6,
};

/* A file's text that is being read. */
struct pam_text {
    const char *at, *end;
    unsigned line; /* lines that are behind us */
};

struct pam_text_line {
    char *text;      /* continued lines in one, comments cut off; the caller frees */
    unsigned number; /* of the first of them */
    bool doubtful;   /* releases of libpam differ here */
};

/* Returns 1 and the next line that holds something, 0 at the end, -EBADMSG where the text ends in
 * the middle of a continued line (libpam then reads nothing of the service), or -ENOMEM. */
int pam_text_next(struct pam_text *text, struct pam_text_line *ret_line);

/* The next word of a line, "[...]" being one, which is stripped of its brackets. `from` is the line
 * for the first word, NULL later; *next must be NULL or where the last call left it. NULL at the
 * end. Writes into the line. */
char *pam_text_word(char *from, char **next);

/* Fills in what the control field does for each code. False where libpam does not understand it and
 * takes every code for bad. */
bool pam_text_control(const char *control, int actions[static PAM_TEXT_CODES]);

/* "success", "perm_denied"; "?" for what is no code. */
const char *pam_text_code_name(int code);
