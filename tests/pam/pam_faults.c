/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Runs a login under libpam again and again, and has the 1st, the 2nd, the 3rd... call of each
 * function of the C library fail that the module, or libdbus for it, makes, until no run makes as
 * many any more.
 *
 *   pam_faults --confdir DIR --service NAME --user NAME [OPTION]... PHASE...
 *
 * PHASE: account session close
 * OPTION: --ruser NAME, --mode once|onward|interrupted|short, --between FILE (is written the
 *   process' number to behind the first phase), --leaks (look for lost memory, which takes
 *   AddressSanitizer)
 *
 * once: one call fails. onward: all from there on. interrupted: one is interrupted (EINTR). short:
 * one run in which what is read, received and sent goes by single bytes.
 *
 * Each login is a process of its own, and prints a line:
 *   run FUNCTION N failed|whole PID CODE... [residue WHAT]... */

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <link.h>
#include <poll.h>
#include <security/pam_appl.h>
#include <security/pam_modules.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_PHASES 4
#define MAX_CALLERS 2
#define MAX_RUNS 20000
/* How many calls it is depends a little on how the answers come in, so that one run without a
 * failure may have been a short one. */
#define WHOLE_RUNS 4

enum mode { ONCE, ONWARD, INTERRUPTED, SHORT };

static struct {
    const char *confdir, *service, *user, *ruser, *between;
    enum mode mode;
    bool leaks;
} options;

static struct {
    bool armed;
    const char *function;        /* whose calls are counted */
    unsigned long count, target; /* the calls so far, and which of them fails */
    bool happened;
    struct {
        uintptr_t start, end;
    } callers[MAX_CALLERS];
    size_t n_callers;
} fault;

static _Noreturn void give_up(const char *what)
{
    fprintf(stderr, "pam_faults: %s: %s\n", what, strerror(errno));
    exit(70);
}

/* ---- which calls fail ---- */

static int note_object(struct dl_phdr_info *info, size_t size, void *userdata)
{
    if (!strstr(info->dlpi_name, "/pam_checkout.so") && !strstr(info->dlpi_name, "/libdbus-1.so"))
        return 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];

        if (segment->p_type != PT_LOAD || !(segment->p_flags & PF_X))
            continue;
        if (fault.n_callers == MAX_CALLERS)
            give_up(info->dlpi_name);
        fault.callers[fault.n_callers].start = info->dlpi_addr + segment->p_vaddr;
        fault.callers[fault.n_callers++].end =
            info->dlpi_addr + segment->p_vaddr + segment->p_memsz;
    }
    return 0;
}

static bool is_of_module(const void *caller)
{
    for (size_t i = 0; i < fault.n_callers; i++)
        if ((uintptr_t)caller >= fault.callers[i].start && (uintptr_t)caller < fault.callers[i].end)
            return true;
    return false;
}

static bool fails(const char *name, const void *caller)
{
    if (!fault.armed || options.mode == SHORT || !is_of_module(caller))
        return false;
    if (strcmp(name, fault.function) == 0 && ++fault.count == fault.target)
        fault.happened = true;
    else if (options.mode != ONWARD || !fault.happened)
        return false;
    return true;
}

static size_t portion(size_t size, const void *caller)
{
    return fault.armed && options.mode == SHORT && is_of_module(caller) && size > 1 ? 1 : size;
}

/* This program's functions are found before the C library's. */
#define INSTEAD __attribute__((visibility("default"), noinline))
#define CALLER __builtin_return_address(0)

static void *next(const char *name)
{
    void *function = dlsym(RTLD_NEXT, name);

    if (!function)
        give_up(name);
    return function;
}

/* A function by its name in the library, which large files and fortification change. */
#define REPLACE(type, symbol, parameters, arguments, failure, number)                              \
    type fail_##symbol parameters __asm__(#symbol);                                                \
    INSTEAD type fail_##symbol parameters                                                          \
    {                                                                                              \
        type(*real) parameters = (type(*) parameters)next(#symbol);                                \
                                                                                                   \
        if (fails(#symbol, CALLER)) {                                                              \
            errno = options.mode == INTERRUPTED ? EINTR : number;                                  \
            return failure;                                                                        \
        }                                                                                          \
        return real arguments;                                                                     \
    }

REPLACE(int, open64, (const char *path, int flags, ...), (path, flags), -1, EMFILE)
REPLACE(FILE *, fopen64, (const char *path, const char *mode), (path, mode), NULL, EMFILE)
REPLACE(int, stat64, (const char *path, struct stat *status), (path, status), -1, EACCES)
REPLACE(int, lstat64, (const char *path, struct stat *status), (path, status), -1, EACCES)
REPLACE(int, fstatfs64, (int fd, struct statfs *status), (fd, status), -1, EIO)
REPLACE(int, socket, (int domain, int type, int protocol), (domain, type, protocol), -1, EMFILE)
REPLACE(int, connect, (int fd, const struct sockaddr *address, socklen_t size), (fd, address, size),
        -1, ECONNREFUSED)
REPLACE(int, getsockopt, (int fd, int level, int name, void *value, socklen_t *size),
        (fd, level, name, value, size), -1, ENOBUFS)
REPLACE(int, poll, (struct pollfd * fds, nfds_t count, int timeout), (fds, count, timeout), -1,
        ENOMEM)
REPLACE(ssize_t, send, (int fd, const void *data, size_t size, int flags),
        (fd, data, portion(size, CALLER), flags), -1, EPIPE)
REPLACE(ssize_t, recv, (int fd, void *data, size_t size, int flags),
        (fd, data, portion(size, CALLER), flags), -1, ECONNRESET)
REPLACE(ssize_t, __recv_chk, (int fd, void *data, size_t size, size_t room, int flags),
        (fd, data, portion(size, CALLER), room, flags), -1, ECONNRESET)
REPLACE(ssize_t, read, (int fd, void *data, size_t size), (fd, data, portion(size, CALLER)), -1,
        EIO)
REPLACE(ssize_t, __read_chk, (int fd, void *data, size_t size, size_t room),
        (fd, data, portion(size, CALLER), room), -1, EIO)
REPLACE(int, signalfd, (int fd, const sigset_t *mask, int flags), (fd, mask, flags), -1, EMFILE)
REPLACE(char *, strdup, (const char *text), (text), NULL, ENOMEM)
REPLACE(char *, strndup, (const char *text, size_t size), (text, size), NULL, ENOMEM)
REPLACE(int, pam_set_data,
        (pam_handle_t * pamh, const char *name, void *data,
         void (*cleanup)(pam_handle_t *pamh, void *data, int status)),
        (pamh, name, data, cleanup), PAM_BUF_ERR, ENOMEM)

ssize_t fail_sendmsg(int fd, const struct msghdr *message, int flags) __asm__("sendmsg");
INSTEAD ssize_t fail_sendmsg(int fd, const struct msghdr *message, int flags)
{
    ssize_t (*real)(int, const struct msghdr *, int) =
        (ssize_t(*)(int, const struct msghdr *, int))next("sendmsg");
    struct iovec vector = message->msg_iov[0];
    struct msghdr part = *message;

    if (fails("sendmsg", CALLER)) {
        errno = options.mode == INTERRUPTED ? EINTR : ETOOMANYREFS;
        return -1;
    }
    if (message->msg_iovlen == 1) {
        vector.iov_len = portion(vector.iov_len, CALLER);
        part.msg_iov = &vector;
    }
    return real(fd, &part, flags);
}

/* dlsym() may itself allocate: these are found without it, with AddressSanitizer in between where
 * it is there. */
#define REPLACE_MEMORY(type, name, parameters, arguments)                                          \
    type __libc_##name parameters;                                                                 \
    type __interceptor_##name parameters __attribute__((weak));                                    \
    type fail_##name parameters __asm__(#name);                                                    \
    INSTEAD type fail_##name parameters                                                            \
    {                                                                                              \
        if (fails(#name, CALLER)) {                                                                \
            errno = ENOMEM;                                                                        \
            return NULL;                                                                           \
        }                                                                                          \
        return __interceptor_##name ? __interceptor_##name arguments : __libc_##name arguments;    \
    }

REPLACE_MEMORY(void *, malloc, (size_t size), (size))
REPLACE_MEMORY(void *, calloc, (size_t count, size_t size), (count, size))
REPLACE_MEMORY(void *, realloc, (void *old, size_t size), (old, size))

/* Nothing of this is for the journal of the machine, which takes a descriptor. */
void no_syslog(int priority, const char *format, ...) __asm__("syslog");
INSTEAD void no_syslog(int priority, const char *format, ...)
{
}

void no_syslog_chk(int priority, int flag, const char *format, ...) __asm__("__syslog_chk");
INSTEAD void no_syslog_chk(int priority, int flag, const char *format, ...)
{
}

static const struct {
    const char *name;
    bool interruptible;
} functions[] = {
    {"open64", false},    {"fopen64", false}, {"stat64", false},       {"lstat64", false},
    {"fstatfs64", false}, {"socket", false},  {"connect", true},       {"getsockopt", false},
    {"poll", true},       {"send", true},     {"sendmsg", true},       {"recv", true},
    {"__recv_chk", true}, {"read", true},     {"__read_chk", true},    {"signalfd", false},
    {"strdup", false},    {"strndup", false}, {"pam_set_data", false}, {"malloc", false},
    {"calloc", false},    {"realloc", false},
};

/* ---- one login ---- */

int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

static size_t count_fds(void)
{
    DIR *directory = opendir("/proc/self/fd");
    size_t count = 0;

    if (!directory)
        give_up("/proc/self/fd");
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static int converse(int count, const struct pam_message **messages, struct pam_response **ret,
                    void *data)
{
    bool was_armed = fault.armed;

    fault.armed = false;
    *ret = calloc((size_t)count, sizeof(**ret));
    fault.armed = was_armed;
    return *ret ? PAM_SUCCESS : PAM_BUF_ERR;
}

static int run_phase(pam_handle_t *pamh, const char *phase)
{
    int code;

    fault.armed = true;
    if (strcmp(phase, "account") == 0)
        code = pam_acct_mgmt(pamh, 0);
    else if (strcmp(phase, "session") == 0)
        code = pam_open_session(pamh, 0);
    else if (strcmp(phase, "close") == 0)
        code = pam_close_session(pamh, 0);
    else
        give_up(phase);
    fault.armed = false;
    return code;
}

static void go_between(void)
{
    FILE *file = options.between ? fopen(options.between, "we") : NULL;

    if (options.between &&
        (!file || fprintf(file, "%ld\n", (long)getpid()) < 0 || fclose(file) != 0))
        give_up(options.between);
}

static void run_login(char **phases)
{
    struct pam_conv conversation = {.conv = converse};
    pam_handle_t *pamh = NULL;
    int codes[MAX_PHASES] = {0};
    size_t fds, n_codes = 0;
    sigset_t before, after;

    if (pam_start_confdir(options.service, options.user, &conversation, options.confdir, &pamh) !=
        PAM_SUCCESS)
        give_up("pam_start");
    if (options.ruser && pam_set_item(pamh, PAM_RUSER, options.ruser) != PAM_SUCCESS)
        give_up("PAM_RUSER");
    if (pam_set_item(pamh, PAM_TTY, "/dev/pts/3") != PAM_SUCCESS)
        give_up("PAM_TTY");
    dl_iterate_phdr(note_object, NULL);
    if (fault.n_callers != MAX_CALLERS)
        give_up("the module and libdbus are not there");

    sigprocmask(SIG_BLOCK, NULL, &before);
    fds = count_fds();
    for (; *phases && n_codes < MAX_PHASES; phases++) {
        if (n_codes == 1)
            go_between();
        codes[n_codes++] = run_phase(pamh, *phases);
    }
    printf("run %s %lu %s %ld", fault.function, fault.target, fault.happened ? "failed" : "whole",
           (long)getpid());
    for (size_t i = 0; i < n_codes; i++)
        printf(" %d", codes[i]);
    if (count_fds() != fds)
        printf(" residue fd");
    sigprocmask(SIG_BLOCK, NULL, &after);
    for (int i = 1; i < NSIG; i++)
        if (sigismember(&before, i) != sigismember(&after, i))
            printf(" residue mask");
    pam_end(pamh, codes[0]);
    if (__lsan_do_recoverable_leak_check && options.leaks && __lsan_do_recoverable_leak_check())
        printf(" residue memory");
    printf("\n");
    fflush(stdout);
}

/* Returns whether the call was made. */
static bool run(const char *function, unsigned long target, char **phases)
{
    pid_t child = fork();
    int status;

    if (child < 0)
        give_up("fork");
    if (child == 0) {
        fault.function = function;
        fault.target = target;
        run_login(phases);
        _exit(fault.happened ? 0 : 1);
    }
    if (waitpid(child, &status, 0) != child)
        give_up("waitpid");
    if (!WIFEXITED(status) || WEXITSTATUS(status) > 1) {
        printf("run %s %lu failed %ld died %d\n", function, target, (long)child, status);
        return true;
    }
    return WEXITSTATUS(status) == 0;
}

static bool run_all(const char *function, char **phases)
{
    for (unsigned long target = 1, whole = 0; target < MAX_RUNS; target++) {
        whole = run(function, target, phases) ? 0 : whole + 1;
        if (whole == WHOLE_RUNS)
            return true;
    }
    return false;
}

static enum mode parse_mode(const char *word)
{
    static const char *const words[] = {"once", "onward", "interrupted", "short"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(word, words[i]) == 0)
            return (enum mode)i;
    give_up(word);
}

int main(int argc, char **argv)
{
    static const struct option known[] = {
        {"confdir", required_argument, NULL, 'c'}, {"service", required_argument, NULL, 's'},
        {"user", required_argument, NULL, 'u'},    {"ruser", required_argument, NULL, 'r'},
        {"mode", required_argument, NULL, 'm'},    {"between", required_argument, NULL, 'b'},
        {"leaks", no_argument, NULL, 'l'},         {NULL, 0, NULL, 0},
    };
    int option;

    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1)
        switch (option) {
        case 'c':
            options.confdir = optarg;
            break;
        case 's':
            options.service = optarg;
            break;
        case 'u':
            options.user = optarg;
            break;
        case 'r':
            options.ruser = optarg;
            break;
        case 'm':
            options.mode = parse_mode(optarg);
            break;
        case 'l':
            options.leaks = true;
            break;
        case 'b':
            options.between = optarg;
            break;
        default:
            return 64;
        }
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (options.mode == SHORT) {
        (void)run("-", 1, argv + optind);
    } else {
        for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
            if ((options.mode != INTERRUPTED || functions[i].interruptible) &&
                !run_all(functions[i].name, argv + optind))
                return 1;
    }
    printf("done\n");
    return 0;
}
