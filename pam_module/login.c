/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "login.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "audit_number.h"
#include "cleanup.h"
#include "text.h"

/* What stands behind a command line that was cut. */
#define CUT_MARK " [cut]"

extern char **environ;

static void close_stream(FILE *stream)
{
    fclose(stream);
}

DEFINE_CLEANUP(FILE *, stream, close_stream);

const char *login_door_of_service(const char *service)
{
    if (strcmp(service, "sudo") == 0 || (strncmp(service, "sudo-", 5) == 0 && service[5] != '\0'))
        return "sudo";
    if (strcmp(service, "su") == 0 || strcmp(service, "su-l") == 0)
        return "su";
    if (strcmp(service, "sshd") == 0)
        return "ssh";
    if (strcmp(service, "login") == 0 || strcmp(service, "remote") == 0)
        return "login";
    return NULL;
}

/* *ret_text is NULL where the item is not set or empty. */
static int read_item(pam_handle_t *pamh, int item, const char *name, size_t max,
                     const char **ret_text, struct error *error)
{
    const void *value = NULL;
    const char *text;

    if (pam_get_item(pamh, item, &value) != PAM_SUCCESS)
        return error_set(error, ERROR_STORAGE_FAILED, "%s cannot be read", name);
    text = value;
    if (text && text[0] == '\0')
        text = NULL;
    if (text && !text_is_valid(text, max))
        return error_set(error, ERROR_INVALID_ARGUMENT,
                         "%s is too long, not valid UTF-8 or has a control character", name);
    *ret_text = text;
    return 0;
}

static int read_mandatory(pam_handle_t *pamh, int item, const char *name, size_t max,
                          const char **ret_text, struct error *error)
{
    int r = read_item(pamh, item, name, max, ret_text, error);

    if (r == 0 && !*ret_text)
        return error_set(error, ERROR_INVALID_ARGUMENT, "%s is not set", name);
    return r;
}

/* Which door it is: the service's own; for any other service the one that the argument names. */
static int choose_door(const struct options *options, struct gate1_login *wire, struct error *error)
{
    const char *own = login_door_of_service(wire->service);

    if (own && options->door && strcmp(own, options->door) != 0)
        return error_set(error, ERROR_INVALID_ARGUMENT,
                         "the argument door=%s in the PAM configuration does not go with this "
                         "service, whose door is %s",
                         options->door, own);
    wire->door = own ? own : options->door;
    if (!wire->door)
        return error_set(error, ERROR_INVALID_ARGUMENT,
                         "this service has no door; the argument door= in the PAM configuration "
                         "can name one");
    return 0;
}

/* Who wants to become whom. sudo keeps the caller in PAM_USER until setcred, so that its account
 * phase knows the account from the argument alone. */
static int read_names(pam_handle_t *pamh, enum login_phase phase, const struct options *options,
                      struct gate1_login *wire, struct error *error)
{
    bool is_sudo = strcmp(wire->door, "sudo") == 0;
    const char *user = NULL, *ruser = NULL;
    int r;

    r = read_mandatory(pamh, PAM_USER, "PAM_USER", LIMIT_NAME, &user, error);
    if (r != 0)
        return r;
    if (!is_sudo && strcmp(wire->door, "su") != 0) {
        wire->person = user;
    } else {
        r = read_mandatory(pamh, PAM_RUSER, "PAM_RUSER", LIMIT_NAME, &ruser, error);
        if (r != 0)
            return r;
        wire->person = ruser;
    }

    if (is_sudo && phase != LOGIN_SESSION) {
        wire->account = options->account ? options->account : "root";
        return 0;
    }
    /* Elsewhere the account is known; a differing argument is a mistake that must not open a door
     * with somebody else's check-out. sudo's own plain service asks for root *and* the target. */
    if (!is_sudo && options->account && strcmp(options->account, user) != 0)
        return error_set(error, ERROR_INVALID_ARGUMENT,
                         "the argument account= in the PAM configuration is not the account of "
                         "this login");
    wire->account = user;
    return 0;
}

/* A name of uid 0 in /etc/passwd. Not by getpwnam: a name service that hangs would hang the door,
 * and who is root is not for a directory to say. */
static bool is_local_root(const char *name)
{
    CLEANUP(cleanup_stream) FILE *passwd = fopen("/etc/passwd", "re");
    struct passwd entry, *found = NULL;
    char line[4096];

    while (passwd && fgetpwent_r(passwd, &entry, line, sizeof(line), &found) == 0)
        if (entry.pw_uid == 0 && strcmp(entry.pw_name, name) == 0)
            return true;
    return false;
}

/* Whether root itself typed sudo or su: the program was started by real uid 0 and says so itself.
 */
static bool is_called_by_root(const struct gate1_login *wire)
{
    const char *own = login_door_of_service(wire->service);

    if (!own || (strcmp(own, "sudo") != 0 && strcmp(own, "su") != 0))
        return false;
    if (!(wire->has & GATE1_LOGIN_HAS_RUID) || wire->ruid != 0 || getuid() != 0)
        return false;
    return is_local_root(wire->person);
}

/* Which process it is. Not by getuid(): sudo and su change it on the way, each in its own phase.
 * AT_UID (getauxval(3)) is the real uid that the kernel saw when the program was started. */
static void read_process(struct gate1_login *wire)
{
    wire->pid = (uint32_t)getpid();
    wire->has |= GATE1_LOGIN_HAS_PID;
    errno = 0;
    wire->ruid = (uint32_t)getauxval(AT_UID);
    if (errno == 0)
        wire->has |= GATE1_LOGIN_HAS_RUID;
}

static int read_audit(struct gate1_login *wire, struct error *error)
{
    int r;

    /* -ENOENT: a kernel without audit. */
    r = audit_number_read("/proc/self/loginuid", &wire->loginuid);
    if (r < 0 && r != -ENOENT)
        return error_set(error, ERROR_STORAGE_FAILED, "/proc/self/loginuid cannot be read (%s)",
                         strerrordesc_np(-r));
    if (r == 0)
        wire->has |= GATE1_LOGIN_HAS_LOGINUID;

    r = audit_number_read("/proc/self/sessionid", &wire->audit_session);
    if (r < 0 && r != -ENOENT)
        return error_set(error, ERROR_STORAGE_FAILED, "/proc/self/sessionid cannot be read (%s)",
                         strerrordesc_np(-r));
    if (r == 0 && wire->audit_session != UINT32_MAX)
        wire->has |= GATE1_LOGIN_HAS_AUDIT_SESSION;
    return 0;
}

/* For approvers to see, never to decide by: what is odd is shown escaped, what is long is cut. */
static void read_command(struct login *login)
{
    const char *command = getenv("SUDO_COMMAND");

    if (strcmp(login->wire.door, "sudo") != 0 || !command || command[0] == '\0')
        return;
    if (text_is_valid(command, LIMIT_COMMAND)) {
        login->wire.command = command;
        return;
    }
    text_escape_to(login->command, sizeof(login->command) - strlen(CUT_MARK), command);
    if (strnlen(command, LIMIT_COMMAND + 1) > LIMIT_COMMAND)
        strncat(login->command, CUT_MARK, sizeof(login->command) - strlen(login->command) - 1);
    login->wire.command = login->command;
}

/* What the person set before calling. Not by getenv: sudo's own getenv() sees the environment after
 * env_reset, so that the words would reach nobody without an env_keep in sudoers. */
static const char *find_variable(const char *name)
{
    size_t length = strlen(name);

    for (char **entry = environ; entry && *entry; entry++)
        if (strncmp(*entry, name, length) == 0 && (*entry)[length] == '=')
            return (*entry)[length + 1] != '\0' ? *entry + length + 1 : NULL;
    return NULL;
}

static int read_words(struct gate1_login *wire, struct error *error)
{
    const char *reason = find_variable("CHECKOUT_REASON");
    const char *ticket = find_variable("CHECKOUT_TICKET");
    int r;

    r = reason ? text_check("variable CHECKOUT_REASON", reason, 0, LIMIT_REASON, error) : 0;
    if (r == 0 && ticket)
        r = text_check("variable CHECKOUT_TICKET", ticket, 0, LIMIT_TICKET, error);
    if (r != 0)
        return r;
    wire->reason = reason;
    wire->ticket = ticket;
    if (reason || ticket)
        wire->reason_source = "environment";
    return 0;
}

/* By which keys sshd let the person in: of its own service alone, where sshd is who set it. */
static int read_authinfo(pam_handle_t *pamh, struct gate1_login *wire, struct error *error)
{
    const char *info;

    if (strcmp(wire->service, "sshd") != 0)
        return 0;
    info = pam_getenv(pamh, "SSH_AUTH_INFO_0");
    if (!info || info[0] == '\0')
        return 0;
    if (!text_is_valid_lines(info, LIMIT_AUTHINFO))
        return error_set(error, ERROR_INVALID_ARGUMENT,
                         "SSH_AUTH_INFO_0 is too long, not valid UTF-8 or has a control character");
    wire->authinfo = info;
    return 0;
}

/* Where it comes from and what is said about it. */
static int read_circumstances(pam_handle_t *pamh, const struct options *options,
                              struct gate1_login *wire, struct error *error)
{
    int r;

    r = read_item(pamh, PAM_TTY, "PAM_TTY", LIMIT_TTY, &wire->tty, error);
    if (r == 0)
        r = read_item(pamh, PAM_RHOST, "PAM_RHOST", LIMIT_HOST, &wire->rhost, error);
    if (r == 0)
        r = read_audit(wire, error);
    if (r == 0)
        r = read_authinfo(pamh, wire, error);
    if (r == 0 && (strcmp(wire->door, "sudo") == 0 || strcmp(wire->door, "su") == 0))
        r = read_words(wire, error);
    if (r != 0)
        return r;

    /* Nobody waits without a terminal to give up on. */
    if (wire->tty && options->wait_seconds > 0) {
        wire->wait_seconds = options->wait_seconds;
        wire->has |= GATE1_LOGIN_HAS_WAIT_SECONDS;
    }
    return 0;
}

int login_read(pam_handle_t *pamh, enum login_phase phase, const struct options *options,
               struct login *ret_login, struct error *error)
{
    static const char *const phases[] = {
        [LOGIN_AUTH] = "auth",
        [LOGIN_ACCOUNT] = "account",
        [LOGIN_SESSION] = "session",
    };
    struct gate1_login wire = GATE1_LOGIN_INIT;
    bool is_root = false;
    int r;

    wire.phase = phases[phase];
    r = read_mandatory(pamh, PAM_SERVICE, "PAM_SERVICE", LIMIT_SERVICE, &wire.service, error);
    if (r == 0)
        r = choose_door(options, &wire, error);
    if (r == 0)
        r = read_names(pamh, phase, options, &wire, error);
    if (r == 0) {
        read_process(&wire);
        is_root = is_called_by_root(&wire);
    }
    if (r == 0)
        r = read_circumstances(pamh, options, &wire, error);
    /* Of root nobody is asked, so that nothing about it can be a reason to refuse. */
    if (r != 0 && !is_root)
        return r;

    ret_login->wire = wire;
    ret_login->command[0] = '\0';
    ret_login->is_root = is_root;
    read_command(ret_login);
    return 0;
}
