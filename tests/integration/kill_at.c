/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* kill_at PID N: lets the process run from now on and kills it at the Nth system call that it
 * begins, which so never happens; N 0 only counts. Says "ready" when it has it, and at the end
 * "killed N NAME-NUMBER" or, on SIGTERM, "counted N". Threads and children are left alone. */

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

static volatile sig_atomic_t ended;

static void on_term(int signal)
{
    ended = 1;
}

static int fail(const char *what)
{
    perror(what);
    return EXIT_FAILURE;
}

/* Waits for the next stop; false once there is none: it has gone, or we are to end. */
static bool next_stop(pid_t pid, int *ret_status)
{
    for (;;) {
        if (waitpid(pid, ret_status, __WALL) == pid)
            return WIFSTOPPED(*ret_status);
        if (errno != EINTR)
            return false;
        if (ended && ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0)
            return false;
    }
}

static int watch(pid_t pid, unsigned long number)
{
    unsigned long count = 0;
    int status = 0;

    while (next_stop(pid, &status)) {
        struct __ptrace_syscall_info info = {0};
        int event = status >> 16, signal = WSTOPSIG(status);

        if (ended) {
            if (ptrace(PTRACE_DETACH, pid, NULL, NULL) < 0)
                return fail("PTRACE_DETACH");
            printf("counted %lu\n", count);
            return EXIT_SUCCESS;
        }
        if (signal == (SIGTRAP | 0x80)) {
            signal = 0;
            if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) > 0 &&
                info.op == PTRACE_SYSCALL_INFO_ENTRY && ++count == number) {
                if (kill(pid, SIGKILL) < 0)
                    return fail("kill");
                printf("killed %lu %llu\n", count, (unsigned long long)info.entry.nr);
                fflush(stdout);
                continue;
            }
        } else if (event == PTRACE_EVENT_STOP) {
            signal = 0;
        }
        if (ptrace(PTRACE_SYSCALL, pid, NULL, signal) < 0 && errno != ESRCH)
            return fail("PTRACE_SYSCALL");
    }
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = on_term};
    pid_t pid;

    if (argc != 3)
        return 2;
    pid = (pid_t)strtol(argv[1], NULL, 10);
    sigaction(SIGTERM, &action, NULL);
    if (ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_TRACESYSGOOD) < 0 ||
        ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0)
        return fail("PTRACE_SEIZE");
    puts("ready");
    fflush(stdout);
    return watch(pid, strtoul(argv[2], NULL, 10));
}
