/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "voice.h"

#include <security/pam_ext.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "caps.h"
#include "login.h"
#include "text.h"

static bool has_item(pam_handle_t *pamh, int item)
{
    const void *value = NULL;

    return pam_get_item(pamh, item, &value) == PAM_SUCCESS && value &&
           ((const char *)value)[0] != '\0';
}

static const char *door_of(pam_handle_t *pamh)
{
    const void *service = NULL;
    const char *door = NULL;

    if (pam_get_item(pamh, PAM_SERVICE, &service) == PAM_SUCCESS && service)
        door = login_door_of_service(service);
    return door ? door : "";
}

struct voice voice_init(pam_handle_t *pamh, int flags, bool quiet)
{
    struct voice voice = {.pamh = pamh};
    const char *door = door_of(pamh);
    bool is_sudo = strcmp(door, "sudo") == 0;
    bool may_speak = !quiet && (!(flags & PAM_SILENT) || is_sudo);

    voice.is_su = strcmp(door, "su") == 0;
    voice.aloud = may_speak && has_item(pamh, PAM_TTY);
    /* Their conversations put PAM_ERROR_MSG on standard error: sudo_conversation() in sudo's
     * src/conversation.c, misc_conv() of libpam_misc in su. */
    voice.refuses_aloud = voice.aloud || (may_speak && (is_sudo || voice.is_su));
    return voice;
}

/* Everything that leaves goes through here: control characters and the like come out as escapes. */
static void __attribute__((format(printf, 3, 0)))
compose(char *line, size_t size, const char *format, va_list arguments)
{
    char text[LIMIT_SENTENCE];

    if (vsnprintf(text, sizeof(text), format, arguments) < 0)
        text[0] = '\0';
    text_escape_to(line, size, text);
}

void voice_tell(const struct voice *voice, const char *format, ...)
{
    char line[LIMIT_SENTENCE];
    va_list arguments;

    if (!voice->aloud)
        return;
    va_start(arguments, format);
    compose(line, sizeof(line), format, arguments);
    va_end(arguments);
    /* In its session phase su drops PAM_TEXT_INFO, unless it is `su -` (supam_conv() in
     * util-linux's su-common.c), and who waits there would not know for what. */
    if (voice->is_su)
        pam_error(voice->pamh, "pam_checkout: %s", line);
    else
        pam_info(voice->pamh, "pam_checkout: %s", line);
}

/* Who was refused, for the journal. */
static void describe(char *line, size_t size, const struct gate1_login *login)
{
    char text[LIMIT_SENTENCE];

    snprintf(text, sizeof(text), " (person=%s account=%s door=%s phase=%s tty=%s rhost=%s)",
             login->person, login->account, login->door, login->phase,
             login->tty ? login->tty : "-", login->rhost ? login->rhost : "-");
    text_escape_to(line, size, text);
}

static void write_log(const struct voice *voice, int priority, const struct gate1_login *login,
                      const char *line)
{
    char who[LIMIT_SENTENCE] = "";

    if (login)
        describe(who, sizeof(who), login);
    pam_syslog(voice->pamh, priority, "%s%s", line, who);
}

void voice_log(const struct voice *voice, int priority, const struct gate1_login *login,
               const char *format, ...)
{
    char line[LIMIT_SENTENCE];
    va_list arguments;

    va_start(arguments, format);
    compose(line, sizeof(line), format, arguments);
    va_end(arguments);
    write_log(voice, priority, login, line);
}

int voice_refuse(const struct voice *voice, int priority, const struct gate1_login *login,
                 const char *format, ...)
{
    char line[LIMIT_SENTENCE];
    va_list arguments;

    va_start(arguments, format);
    compose(line, sizeof(line), format, arguments);
    va_end(arguments);

    write_log(voice, priority, login, line);
    if (voice->refuses_aloud)
        pam_error(voice->pamh, "pam_checkout: %s", line);
    return PAM_PERM_DENIED;
}
