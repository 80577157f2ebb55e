/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "doctor/examination.h"
#include "doctor/program.h"

#define BROKER_USER "pam-checkout"
#define BROKER_UNIT "pam-checkout-broker.service"
#define SOCKET_UNIT "pam-checkout-gate.socket"
#define GATE_FOLDER "/run/pam-checkout"
#define GATE GATE_FOLDER "/gate"
#define BUS_POLICY "org.pamcheckout.Broker1.conf"
#define REINSTALL "Install the package pam-checkout again."

/* Where libpam lies, its modules lie: in security/ beside it. */
static void check_module(struct examination *examination)
{
    static const char *const folders[] = {"/usr/lib", "/usr/lib64", "/lib", "/lib64"};
    bool libpam = false;

    for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
        CLEANUP_TREE_NAMES struct tree_names names = {0};

        if (tree_list(examination->tree, folders[i], &names) < 0)
            continue;
        /* The folder itself, then the multiarch ones in it. */
        for (size_t j = 0; j <= names.count; j++) {
            const char *below = j == 0 ? "" : names.names[j - 1];
            char path[PATH_MAX];
            struct stat status;

            if (snprintf(path, sizeof(path), "%s/%s/libpam.so.0", folders[i], below) >=
                    (int)sizeof(path) ||
                tree_stat(examination->tree, path, &status) < 0)
                continue;
            libpam = true;
            if (snprintf(path, sizeof(path), "%s/%s/security/" GATE_MODULE, folders[i], below) <
                    (int)sizeof(path) &&
                tree_stat(examination->tree, path, &status) == 0) {
                if (status.st_uid != 0 || (status.st_mode & 022))
                    findings_add(
                        examination->findings, FINDING_PROBLEM, "module-writable", path, 0,
                        "chown root:root the file and chmod 0644 it.",
                        "The module can be changed by others than root, who then are root.");
                return;
            }
        }
    }
    if (libpam)
        findings_add(examination->findings, FINDING_PROBLEM, "module-missing", NULL, 0, REINSTALL,
                     GATE_MODULE
                     " is not in libpam's folder: every service with the gate in its stack "
                     "refuses everybody.");
}

/* One that only root may write to. */
static void check_folder(struct examination *examination, const char *path, bool needed)
{
    struct stat status;
    int r = tree_stat(examination->tree, path, &status);

    if (r == -ENOENT && !needed)
        return;
    if (r == -ENOENT)
        findings_add(examination->findings, FINDING_PROBLEM, "folder-missing", path, 0,
                     "Run systemd-tmpfiles --create pam-checkout.conf.", "The folder is missing.");
    else if (r < 0)
        examination_unread(examination, path, r);
    else if (status.st_uid != 0 || (status.st_mode & 022))
        findings_add(
            examination->findings, FINDING_PROBLEM, "folder-writable", path, 0,
            "chown it to root and chmod go-w it.",
            "Others than root may change what is in this folder (uid %u, mode %04o), and so "
            "who gets in.",
            (unsigned)status.st_uid, (unsigned)(status.st_mode & 07777));
}

static void check_files(struct examination *examination)
{
    static const char *const bus_folders[] = {"/usr/share/dbus-1/system.d", "/etc/dbus-1/system.d"};
    const struct person *user = people_by_name(&examination->people, BROKER_USER);
    struct stat status;
    bool found = false;
    int r;

    if (!user)
        findings_add(examination->findings, FINDING_PROBLEM, "user-missing", "/etc/passwd", 0,
                     "Run systemd-sysusers pam-checkout.conf, then systemctl reload dbus.service.",
                     "There is no user " BROKER_USER ", as whom the broker runs.");
    check_folder(examination, "/etc/pam-checkout", true);
    check_folder(examination, "/etc/pam-checkout/policy.d", true);
    check_folder(examination, GATE_FOLDER, tree_is_host(examination->tree));
    for (size_t i = 0; i < 2 && !found; i++) {
        char path[PATH_MAX];

        (void)snprintf(path, sizeof(path), "%s/" BUS_POLICY, bus_folders[i]);
        found = tree_stat(examination->tree, path, &status) == 0;
    }
    if (!found)
        findings_add(
            examination->findings, FINDING_PROBLEM, "bus-policy-missing", NULL, 0, REINSTALL,
            "The system bus has no " BUS_POLICY ": the broker gets no name there, and nobody "
            "can ask or approve.");
    r = tree_stat(examination->tree, "/var/lib/pam-checkout", &status);
    if (r == 0 && user && (status.st_uid != user->uid || (status.st_mode & 077)))
        findings_add(
            examination->findings, FINDING_PROBLEM, "state-owner", "/var/lib/pam-checkout", 0,
            "chown -R pam-checkout:pam-checkout the folder and chmod 0700 it.",
            "The ledger's folder belongs to uid %u with mode %04o: the broker cannot write "
            "there, or others can read.",
            (unsigned)status.st_uid, (unsigned)(status.st_mode & 07777));
    else if (r < 0 && r != -ENOENT && examination->as_root)
        examination_unread(examination, "/var/lib/pam-checkout", r);
}

/* Rules that let the broker stop sessions through systemd. */
static void check_polkit(struct examination *examination)
{
    static const char *const folders[] = {"/usr/share/polkit-1/rules.d", "/etc/polkit-1/rules.d"};
    static const char *const daemons[] = {"/usr/lib/polkit-1/polkitd", "/usr/libexec/polkitd",
                                          "/usr/lib/policykit-1/polkitd"};
    struct stat status;
    bool daemon = false, rule = false, unread = false;

    for (size_t i = 0; i < sizeof(daemons) / sizeof(*daemons); i++)
        daemon = daemon || tree_stat(examination->tree, daemons[i], &status) == 0;
    for (size_t i = 0; i < 2; i++) {
        CLEANUP_TREE_NAMES struct tree_names names = {0};
        int r = tree_list(examination->tree, folders[i], &names);

        unread = unread || (r < 0 && r != -ENOENT);
        for (size_t j = 0; j < names.count; j++)
            rule = rule || strstr(names.names[j], "pam-checkout");
    }
    if (daemon && (rule || unread))
        return;
    findings_add(
        examination->findings, FINDING_NOTE, "no-polkit-rule", NULL, 0,
        daemon ? REINSTALL : "Install polkitd.",
        "%s, so the broker cannot ask systemd to stop sessions: they end at once by the kill "
        "handle, without a chance to finish.",
        daemon ? "polkit has no rule for the broker" : "polkit is not here");
}

static const char *property(const char *text, const char *name, char *buffer, size_t size)
{
    size_t length = strlen(name);

    for (const char *line = text; line && *line;
         line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        if (strncmp(line, name, length) == 0 && line[length] == '=') {
            (void)snprintf(buffer, size, "%.*s", (int)strcspn(line + length + 1, "\n"),
                           line + length + 1);
            return buffer;
        }
    buffer[0] = '\0';
    return buffer;
}

static void check_unit(struct examination *examination, const char *systemctl, const char *unit,
                       bool must_run)
{
    const char *const argv[] = {systemctl, "show", "--property=LoadState,ActiveState,UnitFileState",
                                unit, NULL};
    CLEANUP_FREE char *output = NULL;
    char load[32], active[32], file[32], fix[128];
    int status = 0, r = program_run(argv, NULL, &output, NULL, &status);

    if (r < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0 || !output) {
        findings_add(examination->findings, FINDING_PROBLEM, "unread", NULL, 0,
                     "Run systemctl status and see.",
                     "systemctl does not tell about %s, so its state is not known.", unit);
        return;
    }
    property(output, "LoadState", load, sizeof(load));
    property(output, "ActiveState", active, sizeof(active));
    property(output, "UnitFileState", file, sizeof(file));
    (void)snprintf(fix, sizeof(fix), "systemctl enable --now %s", unit);
    if (strcmp(load, "loaded") != 0) {
        findings_add(examination->findings, FINDING_PROBLEM, "unit-missing", NULL, 0,
                     strcmp(load, "masked") == 0 ? "systemctl unmask it, then enable it."
                                                 : REINSTALL,
                     "systemd has no usable %s (%s).", unit, load[0] ? load : "unknown");
        return;
    }
    if (strcmp(active, "failed") == 0 ||
        (must_run && strcmp(active, "active") != 0 && strcmp(active, "reloading") != 0))
        findings_add(examination->findings, FINDING_PROBLEM, "unit-inactive", NULL, 0, fix,
                     "%s is %s: managed doors stay shut.", unit, active);
    if (strncmp(file, "enabled", 7) != 0)
        findings_add(examination->findings, FINDING_PROBLEM, "unit-disabled", NULL, 0, fix,
                     "%s is %s: after the next boot managed doors stay shut.", unit, file);
}

/* Listening, as the kernel sees it: knocking would disturb the broker. */
static void check_socket(struct examination *examination)
{
    struct stat status;
    FILE *file;
    char line[512];
    bool listens = false;
    int r = tree_stat(examination->tree, GATE, &status);

    if (r < 0 || !S_ISSOCK(status.st_mode)) {
        findings_add(examination->findings, FINDING_PROBLEM, "socket-missing", GATE, 0,
                     "systemctl restart " SOCKET_UNIT,
                     "There is no socket here: managed doors stay shut.");
        return;
    }
    if (status.st_uid != 0 || status.st_gid != 0 || (status.st_mode & 07777) != 0600)
        findings_add(
            examination->findings, FINDING_PROBLEM, "socket-mode", GATE, 0,
            "systemctl restart " SOCKET_UNIT ", whose SocketMode= is 0600 and owner root.",
            "The socket belongs to uid %u with mode %04o, not to root with 0600: the module "
            "refuses to ask there.",
            (unsigned)status.st_uid, (unsigned)(status.st_mode & 07777));
    file = fopen("/proc/net/unix", "re");
    if (!file)
        return;
    /* proc(5): flags have __SO_ACCEPTCON where it listens. */
    while (fgets(line, sizeof(line), file)) {
        unsigned flags = 0;
        const char *path = strchr(line, '/');

        if (path && strncmp(path, GATE "\n", strlen(GATE "\n")) == 0 &&
            sscanf(line, "%*[^:]: %*x %*x %x", &flags) == 1 && (flags & 0x10000))
            listens = true;
    }
    (void)fclose(file);
    if (!listens)
        findings_add(examination->findings, FINDING_PROBLEM, "socket-deaf", GATE, 0,
                     "systemctl restart " SOCKET_UNIT,
                     "Nobody listens on the socket: managed doors stay shut.");
}

void check_installation(struct examination *examination)
{
    char buffer[PATH_MAX];
    const char *systemctl = program_find("systemctl", buffer);

    check_module(examination);
    check_files(examination);
    check_polkit(examination);
    if (!tree_is_host(examination->tree))
        return;
    check_socket(examination);
    if (systemctl) {
        check_unit(examination, systemctl, SOCKET_UNIT, true);
        check_unit(examination, systemctl, BROKER_UNIT, false);
    }
}
