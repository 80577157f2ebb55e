/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A login program for tests: runs phases of a PAM stack, prints what the module says and returns,
 * and whether it left anything behind.
 *
 *   pam_host --confdir DIR --service NAME --user NAME [OPTION]... PHASE...
 *
 * PHASE: auth setcred account session close
 * OPTION: --item NAME=VALUE, --pam-env NAME=VALUE, --answer TEXT (to a prompt), --silent,
 *   --handlers, --ignore SIGNAL, --pending SIGNAL, --at-once SIGNAL (when told that one may give
 * up),
 *   --ruid UID, --fd-limit N, --repeat N
 *
 * One line each on standard output, texts in hexadecimal:
 *   text info|error|prompt HEX
 *   log PRIORITY HEX
 *   code PHASE CODE MILLISECONDS
 *   handled COUNT
 *   residue WHAT
 *   done */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <security/pam_appl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define MAX_LIST 16
#define MAX_FDS 1024

static volatile sig_atomic_t handled;

static struct {
    const char *confdir, *service, *user;
    const char *items[MAX_LIST], *pam_env[MAX_LIST], *answers[MAX_LIST];
    size_t n_items, n_pam_env, n_answers, next_answer;
    bool silent, handlers;
    int ignored, pending, at_once;
    long repeat, fd_limit, ruid;
} host = {.repeat = 1, .ruid = -1};

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "pam_host: %s: %s\n", what, strerror(errno));
    exit(70);
}

static void print_hex(const char *kind, const char *detail, const char *text)
{
    printf("%s %s ", kind, detail);
    for (const char *byte = text; *byte; byte++)
        printf("%02x", (unsigned char)*byte);
    printf("\n");
    fflush(stdout);
}

/* libpam finds these before the C library's, so that the test sees what the journal would. */
#define INSTEAD __attribute__((visibility("default")))

static void __attribute__((format(printf, 2, 0)))
take_log(int priority, const char *format, va_list arguments)
{
    char detail[16];
    char *text = NULL;

    if (vasprintf(&text, format, arguments) < 0)
        fail("vasprintf");
    snprintf(detail, sizeof(detail), "%d", LOG_PRI(priority));
    print_hex("log", detail, text);
    free(text);
}

INSTEAD void vsyslog(int priority, const char *format, va_list arguments)
{
    take_log(priority, format, arguments);
}

INSTEAD void syslog(int priority, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    take_log(priority, format, arguments);
    va_end(arguments);
}

__attribute__((format(printf, 3, 4))) void __syslog_chk(int priority, int flag, const char *format,
                                                        ...);
INSTEAD void __syslog_chk(int priority, int flag, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    take_log(priority, format, arguments);
    va_end(arguments);
}

__attribute__((format(printf, 3, 0))) void __vsyslog_chk(int priority, int flag, const char *format,
                                                         va_list arguments);
INSTEAD void __vsyslog_chk(int priority, int flag, const char *format, va_list arguments)
{
    take_log(priority, format, arguments);
}

/* As sudo's, which answers from the environment that it makes for the command (env_reset). */
INSTEAD char *getenv(const char *name)
{
    size_t length = strlen(name);

    if (strncmp(name, "CHECKOUT_", 9) == 0)
        return NULL;
    for (char **entry = environ; *entry; entry++)
        if (strncmp(*entry, name, length) == 0 && (*entry)[length] == '=')
            return *entry + length + 1;
    return NULL;
}

static int converse(int count, const struct pam_message **messages, struct pam_response **ret,
                    void *data)
{
    struct pam_response *responses = calloc((size_t)count, sizeof(*responses));

    if (!responses)
        return PAM_BUF_ERR;
    for (int i = 0; i < count; i++) {
        switch (messages[i]->msg_style) {
        case PAM_TEXT_INFO:
            print_hex("text", "info", messages[i]->msg);
            if (host.at_once && strstr(messages[i]->msg, "Ctrl-C"))
                raise(host.at_once);
            break;
        case PAM_ERROR_MSG:
            print_hex("text", "error", messages[i]->msg);
            break;
        default:
            print_hex("text", "prompt", messages[i]->msg);
            if (host.next_answer == host.n_answers) {
                free(responses);
                return PAM_CONV_ERR;
            }
            responses[i].resp = strdup(host.answers[host.next_answer++]);
        }
    }
    *ret = responses;
    return PAM_SUCCESS;
}

static void on_signal(int signal_number)
{
    handled++;
}

/* What a library must not change. */
struct state {
    char *fds[MAX_FDS];
    sigset_t mask;
    struct sigaction actions[NSIG];
    size_t n_threads;
    char timers[4096];
    mode_t umask;
};

static size_t count_entries(const char *path)
{
    DIR *directory = opendir(path);
    size_t count = 0;

    if (!directory)
        fail(path);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static void state_read(struct state *state)
{
    int fd;

    memset(state, 0, sizeof(*state));
    for (fd = 0; fd < MAX_FDS; fd++) {
        char path[64], target[512];
        ssize_t length;

        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        length = readlink(path, target, sizeof(target) - 1);
        if (length < 0)
            continue;
        target[length] = '\0';
        state->fds[fd] = strdup(target);
    }
    sigprocmask(SIG_SETMASK, NULL, &state->mask);
    for (int i = 1; i < NSIG; i++)
        sigaction(i, NULL, &state->actions[i]);
    state->n_threads = count_entries("/proc/self/task");
    fd = open("/proc/self/timers", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        if (read(fd, state->timers, sizeof(state->timers) - 1) < 0)
            fail("timers");
        close(fd);
    }
    state->umask = umask(0);
    umask(state->umask);
}

static void state_free(struct state *state)
{
    for (int fd = 0; fd < MAX_FDS; fd++)
        free(state->fds[fd]);
}

static void state_compare(const struct state *before, const struct state *after)
{
    for (int fd = 0; fd < MAX_FDS; fd++) {
        const char *old = before->fds[fd] ? before->fds[fd] : "closed";
        const char *new = after->fds[fd] ? after->fds[fd] : "closed";

        if (strcmp(old, new) != 0)
            printf("residue fd %d was %s, is %s\n", fd, old, new);
    }
    for (int i = 1; i < NSIG; i++) {
        if (sigismember(&before->mask, i) != sigismember(&after->mask, i))
            printf("residue mask of signal %d\n", i);
        if (before->actions[i].sa_handler != after->actions[i].sa_handler ||
            before->actions[i].sa_flags != after->actions[i].sa_flags)
            printf("residue handler of signal %d\n", i);
    }
    if (before->n_threads != after->n_threads)
        printf("residue threads\n");
    if (strcmp(before->timers, after->timers) != 0)
        printf("residue timers\n");
    if (before->umask != after->umask)
        printf("residue umask\n");
}

static void set_item(pam_handle_t *pamh, const char *setting)
{
    static const struct {
        const char *name;
        int item;
    } names[] = {
        {"user=", PAM_USER},   {"ruser=", PAM_RUSER},     {"tty=", PAM_TTY},
        {"rhost=", PAM_RHOST}, {"service=", PAM_SERVICE},
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        size_t length = strlen(names[i].name);

        if (strncmp(setting, names[i].name, length) == 0) {
            if (pam_set_item(pamh, names[i].item, setting + length) != PAM_SUCCESS)
                fail("pam_set_item");
            return;
        }
    }
    fail(setting);
}

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int run_phase(pam_handle_t *pamh, const char *phase)
{
    int flags = host.silent ? PAM_SILENT : 0;

    if (strcmp(phase, "auth") == 0)
        return pam_authenticate(pamh, flags);
    if (strcmp(phase, "setcred") == 0)
        return pam_setcred(pamh, PAM_ESTABLISH_CRED | flags);
    if (strcmp(phase, "account") == 0)
        return pam_acct_mgmt(pamh, flags);
    if (strcmp(phase, "session") == 0)
        return pam_open_session(pamh, flags);
    if (strcmp(phase, "close") == 0)
        return pam_close_session(pamh, flags);
    fail(phase);
}

static void run_login(char **phases)
{
    struct pam_conv conversation = {.conv = converse};
    pam_handle_t *pamh = NULL;
    int code = PAM_SUCCESS;

    if (pam_start_confdir(host.service, host.user, &conversation, host.confdir, &pamh) !=
        PAM_SUCCESS)
        fail("pam_start");
    for (size_t i = 0; i < host.n_items; i++)
        set_item(pamh, host.items[i]);
    for (size_t i = 0; i < host.n_pam_env; i++)
        if (pam_putenv(pamh, host.pam_env[i]) != PAM_SUCCESS)
            fail("pam_putenv");

    for (; *phases; phases++) {
        uint64_t start = now_ms();

        code = run_phase(pamh, *phases);
        printf("code %s %d %llu\n", *phases, code, (unsigned long long)(now_ms() - start));
        fflush(stdout);
    }
    pam_end(pamh, code);
}

static void arrange_signals(void)
{
    static const int ends[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGTSTP};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigset_t set;

    for (size_t i = 0; host.handlers && i < sizeof(ends) / sizeof(ends[0]); i++)
        sigaction(ends[i], &action, NULL);
    if (host.ignored)
        signal(host.ignored, SIG_IGN);
    if (host.pending) {
        sigemptyset(&set);
        sigaddset(&set, host.pending);
        sigprocmask(SIG_BLOCK, &set, NULL);
        raise(host.pending);
    }
}

static void parse(int argc, char **argv)
{
    static const struct option known[] = {
        {"confdir", required_argument, NULL, 'c'},
        {"service", required_argument, NULL, 's'},
        {"user", required_argument, NULL, 'u'},
        {"item", required_argument, NULL, 'i'},
        {"pam-env", required_argument, NULL, 'e'},
        {"silent", no_argument, NULL, 'q'},
        {"answer", required_argument, NULL, 'a'},
        {"handlers", no_argument, NULL, 'h'},
        {"ignore", required_argument, NULL, 'g'},
        {"pending", required_argument, NULL, 'p'},
        {"at-once", required_argument, NULL, 'o'},
        {"repeat", required_argument, NULL, 'n'},
        {"ruid", required_argument, NULL, 'r'},
        {"fd-limit", required_argument, NULL, 'f'},
        {NULL, 0, NULL, 0},
    };
    int option;

    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (host.n_items == MAX_LIST || host.n_pam_env == MAX_LIST || host.n_answers == MAX_LIST)
            fail("too many");
        switch (option) {
        case 'c':
            host.confdir = optarg;
            break;
        case 's':
            host.service = optarg;
            break;
        case 'u':
            host.user = *optarg ? optarg : NULL;
            break;
        case 'i':
            host.items[host.n_items++] = optarg;
            break;
        case 'e':
            host.pam_env[host.n_pam_env++] = optarg;
            break;
        case 'a':
            host.answers[host.n_answers++] = optarg;
            break;
        case 'q':
            host.silent = true;
            break;
        case 'h':
            host.handlers = true;
            break;
        case 'g':
            host.ignored = atoi(optarg);
            break;
        case 'p':
            host.pending = atoi(optarg);
            break;
        case 'o':
            host.at_once = atoi(optarg);
            break;
        case 'n':
            host.repeat = atol(optarg);
            break;
        case 'r':
            host.ruid = atol(optarg);
            break;
        case 'f':
            host.fd_limit = atol(optarg);
            break;
        default:
            exit(64);
        }
    }
    if (!host.confdir || !host.service)
        fail("--confdir and --service are needed");
}

int main(int argc, char **argv)
{
    static struct state before, after;

    parse(argc, argv);
    if (host.ruid >= 0 && setresuid((uid_t)host.ruid, 0, 0) < 0)
        fail("setresuid");
    if (host.fd_limit > 0) {
        struct rlimit limit = {(rlim_t)host.fd_limit, (rlim_t)host.fd_limit};

        setrlimit(RLIMIT_NOFILE, &limit);
    }
    arrange_signals();
    state_read(&before);
    for (long i = 0; i < host.repeat; i++) {
        host.next_answer = 0;
        run_login(argv + optind);
    }
    state_read(&after);
    state_compare(&before, &after);
    state_free(&before);
    state_free(&after);
    printf("handled %d\ndone\n", (int)handled);
    return 0;
}
