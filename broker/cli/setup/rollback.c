/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/setup/rollback.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "doctor/program.h"

#define UNIT "pam-checkout-setup-"

/* The program that runs, by its path: an installed one. */
static int own_path(char *buffer)
{
    ssize_t n = readlink("/proc/self/exe", buffer, PATH_MAX - 1);

    if (n < 0)
        return -errno;
    buffer[n] = '\0';
    return 0;
}

static int arm_timer(const char *systemd_run, const char *self, const char *name)
{
    CLEANUP_FREE char *errors = NULL;
    char unit[96], after[48];
    const char *const argv[] = {systemd_run,
                                "--quiet",
                                unit,
                                after,
                                "--timer-property=AccuracySec=1s",
                                "--description=Takes back a change that was not confirmed",
                                "--collect",
                                "--",
                                self,
                                "setup",
                                "--roll-back",
                                name,
                                NULL};
    int status = 0, r;

    (void)snprintf(unit, sizeof(unit), "--unit=" UNIT "%s", name);
    (void)snprintf(after, sizeof(after), "--on-active=%d", ROLLBACK_SECONDS);
    r = program_run(argv, NULL, NULL, &errors, &status);
    if (r < 0)
        return r;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

/* In a session of its own, the child of nobody. Sleeps by a clock that goes on during suspend. */
static void wait_and_roll_back(const char *self, const char *name)
{
    struct timespec until;
    int null = open("/dev/null", O_RDWR);

    (void)setsid();
    if (fork() != 0)
        _exit(0);
    (void)signal(SIGHUP, SIG_IGN);
    if (null >= 0)
        for (int fd = 0; fd < 3; fd++)
            (void)dup2(null, fd);
    (void)close_range(3, UINT_MAX, 0);
    (void)clock_gettime(CLOCK_BOOTTIME, &until);
    until.tv_sec += ROLLBACK_SECONDS;
    while (clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &until, NULL) == EINTR)
        ;
    (void)execl(self, "checkoutctl", "setup", "--roll-back", name, (char *)NULL);
    _exit(1);
}

int rollback_arm(const char *name)
{
    char buffer[PATH_MAX], self[PATH_MAX];
    const char *systemd_run = program_find("systemd-run", buffer);
    pid_t pid;
    int r = own_path(self);

    if (r < 0)
        return r;
    /* sd_booted(3) */
    if (systemd_run && access("/run/systemd/system", F_OK) == 0)
        return arm_timer(systemd_run, self, name);
    pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0)
        wait_and_roll_back(self, name);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return 0;
}

void rollback_disarm(const char *name)
{
    char buffer[PATH_MAX], unit[96];
    const char *systemctl = program_find("systemctl", buffer);
    const char *const argv[] = {systemctl, "stop", "--quiet", unit, NULL};
    int status;

    (void)snprintf(unit, sizeof(unit), UNIT "%s.timer", name);
    if (systemctl && access("/run/systemd/system", F_OK) == 0)
        (void)program_run(argv, NULL, NULL, NULL, &status);
}
