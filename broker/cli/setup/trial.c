/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/setup/trial.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <security/pam_appl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "doctor/examination.h"
#include "doctor/tree.h"

/* A child's exit status is this and PAM's code; anything else is no answer. */
#define STATUS_BASE 64

/* FOLDER/tree: /etc and /usr/lib for the doctor, changed. FOLDER/before, FOLDER/after: stacks for
 * libpam, all in one folder. */
struct trial {
    char folder[64];
};

static int remove_one(const char *path, const struct stat *status, int flag, struct FTW *ftw)
{
    return remove(path);
}

struct trial *trial_end(struct trial *trial)
{
    if (!trial)
        return NULL;
    if (trial->folder[0] != '\0')
        (void)nftw(trial->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(trial);
    return NULL;
}

static int write_text(const char *path, const char *text)
{
    CLEANUP_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    size_t length = strlen(text);

    if (fd < 0)
        return -errno;
    for (size_t done = 0; done < length;) {
        ssize_t n = write(fd, text + done, length - done);

        if (n < 0 && errno != EINTR)
            return -errno;
        done += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* What the file holds: of the change, where it has it and `changed` says so. NULL: no such file. */
static int text_of(const struct tree *tree, const struct change *change, bool changed,
                   const char *path, char **ret_text)
{
    int r;

    *ret_text = NULL;
    for (size_t i = 0; changed && i < change->n_files; i++)
        if (strcmp(change->files[i].path, path) == 0) {
            *ret_text = strdup(change->files[i].after);
            return *ret_text ? 0 : -ENOMEM;
        }
    r = tree_read(tree, path, ret_text, NULL);
    return r == -ENOENT || r == -EISDIR || r == -EINVAL ? 0 : r;
}

/* Where the name of an included file begins in a line; 0: it includes none. */
static size_t included_at(const char *line, size_t length)
{
    size_t word = strspn(line, " \t"), control, at;

    if (strncasecmp(line + word + (line[word] == '-'), "@include", 8) == 0)
        control = word;
    else
        control = word + strcspn(line + word, " \t\n");
    if (control != word) {
        control += strspn(line + control, " \t");
        if (strncasecmp(line + control, "include", 7) != 0 &&
            strncasecmp(line + control, "substack", 8) != 0)
            return 0;
    }
    at = control + strcspn(line + control, " \t\n");
    at += strspn(line + at, " \t");
    return at < length ? at : 0;
}

/* Debian's libpam looks for included files in /etc/pam.d whatever folder it was started with. */
static int lead_includes(const char *text, const char *folder, char **ret_text)
{
    CLEANUP_FREE char *out_text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&out_text, &length);

    if (!out)
        return -ENOMEM;
    while (*text != '\0') {
        size_t n = strcspn(text, "\n"), at = included_at(text, n);

        if (at > 0 && text[at] != '/')
            fprintf(out, "%.*s%s/%.*s\n", (int)at, text, folder, (int)(n - at), text + at);
        else
            fprintf(out, "%.*s\n", (int)n, text);
        text += n + (text[n] == '\n');
    }
    if (fclose(out) != 0)
        return -ENOMEM;
    *ret_text = TAKE_PTR(out_text);
    return 0;
}

/* One stack's file in FOLDER/before or FOLDER/after; those of /etc come last and prevail. */
static int copy_stack(struct trial *trial, const struct tree *tree, const struct change *change,
                      bool changed, const char *path, const char *name)
{
    CLEANUP_FREE char *text = NULL, *led = NULL, *folder = NULL, *to = NULL;
    int r = text_of(tree, change, changed, path, &text);

    if (r < 0 || !text)
        return r;
    if (asprintf(&folder, "%s/%s", trial->folder, changed ? "after" : "before") < 0) {
        folder = NULL;
        return -ENOMEM;
    }
    if (asprintf(&to, "%s/%s", folder, name) < 0) {
        to = NULL;
        return -ENOMEM;
    }
    r = lead_includes(text, folder, &led);
    return r < 0 ? r : write_text(to, led);
}

/* One file in FOLDER/tree. */
static int copy_plain(struct trial *trial, const struct tree *tree, const struct change *change,
                      const char *path)
{
    CLEANUP_FREE char *text = NULL, *to = NULL;
    int r = text_of(tree, change, true, path, &text);

    if (r < 0 || !text)
        return r;
    if (asprintf(&to, "%s/tree%s", trial->folder, path) < 0) {
        to = NULL;
        return -ENOMEM;
    }
    return write_text(to, text);
}

static int make_folder(const struct trial *trial, const char *path)
{
    CLEANUP_FREE char *folder = NULL;

    if (asprintf(&folder, "%s/%s", trial->folder, path) < 0) {
        folder = NULL;
        return -ENOMEM;
    }
    return mkdir(folder, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

static int copy_folder(struct trial *trial, const struct tree *tree, const struct change *change,
                       const char *folder, bool stacks)
{
    CLEANUP_TREE_NAMES struct tree_names names = {0};
    int r = tree_list(tree, folder, &names);

    for (size_t i = 0; i < names.count && r == 0; i++) {
        CLEANUP_FREE char *path = NULL;

        if (asprintf(&path, "%s/%s", folder, names.names[i]) < 0) {
            path = NULL;
            return -ENOMEM;
        }
        r = copy_plain(trial, tree, change, path);
        for (int changed = 0; changed < 2 && stacks && r == 0; changed++)
            r = copy_stack(trial, tree, change, changed, path, names.names[i]);
    }
    return r == -ENOENT ? 0 : r;
}

/* Files that the change adds. */
static int copy_new(struct trial *trial, const struct tree *tree, const struct change *change)
{
    int r = 0;

    for (size_t i = 0; i < change->n_files && r == 0; i++) {
        const char *path = change->files[i].path;

        if (change->files[i].before)
            continue;
        r = copy_plain(trial, tree, change, path);
        if (r == 0 && strncmp(path, "/etc/pam.d/", 11) == 0)
            r = copy_stack(trial, tree, change, true, path, path + 11);
    }
    return r;
}

int trial_begin(const struct change *change, struct trial **ret_trial)
{
    static const char *const folders[] = {"before",   "after",          "tree",
                                          "tree/etc", "tree/etc/pam.d", "tree/etc/sudoers.d",
                                          "tree/usr", "tree/usr/lib",   "tree/usr/lib/pam.d"};
    static const char name[] = "/run/pam-checkout-setup.XXXXXX";
    CLEANUP_TRIAL struct trial *trial = calloc(1, sizeof(*trial));
    CLEANUP_TREE struct tree *tree = NULL;
    int r = 0;

    if (!trial)
        return -ENOMEM;
    memcpy(trial->folder, name, sizeof(name));
    if (!mkdtemp(trial->folder)) {
        trial->folder[0] = '\0';
        return -errno;
    }
    for (size_t i = 0; i < sizeof(folders) / sizeof(*folders) && r == 0; i++)
        r = make_folder(trial, folders[i]);
    if (r == 0)
        r = tree_open(NULL, &tree);
    if (r == 0)
        r = copy_folder(trial, tree, change, "/usr/lib/pam.d", true);
    if (r == 0)
        r = copy_folder(trial, tree, change, "/etc/pam.d", true);
    if (r == 0)
        r = copy_folder(trial, tree, change, "/etc/sudoers.d", false);
    if (r == 0)
        r = copy_plain(trial, tree, change, "/etc/sudoers");
    if (r == 0)
        r = copy_plain(trial, tree, change, "/etc/passwd");
    if (r == 0)
        r = copy_plain(trial, tree, change, "/etc/group");
    if (r == 0)
        r = copy_new(trial, tree, change);
    if (r < 0)
        return r;
    *ret_trial = TAKE_PTR(trial);
    return 0;
}

/* Only what leads to this account, by any of its names, is looked at. */
static void keep_targets(struct examination *examination, const char *account)
{
    const struct person *person = people_by_name(&examination->people, account);
    size_t kept = 0;

    for (size_t i = 0; i < examination->n_targets; i++) {
        struct target *target = &examination->targets[i];

        if (strcmp(target->name, account) == 0 || (person && person->uid == target->uid))
            examination->targets[kept++] = *target;
        else
            free(target->name);
    }
    examination->n_targets = kept;
}

int trial_examine(struct trial *trial, const struct policy_set *policies, unsigned door,
                  const char *account, struct findings *findings)
{
    CLEANUP_TREE struct tree *tree = NULL;
    struct examination examination = {.findings = findings, .as_root = true};
    CLEANUP_FREE char *root = NULL;
    int r;

    if (asprintf(&root, "%s/tree", trial->folder) < 0) {
        root = NULL;
        return -ENOMEM;
    }
    r = tree_open(root, &tree);
    if (r < 0)
        return r;
    examination.tree = tree;
    r = examination_begin(&examination, policies);
    if (r == 0) {
        keep_targets(&examination, account);
        if (door == DOOR_SUDO)
            check_sudo(&examination);
        else if (door == DOOR_SU)
            check_su(&examination);
        else
            check_ssh_stack(&examination);
        check_ungated(&examination);
    }
    examination_clear(&examination);
    return r < 0 ? r : findings->lost ? -ENOMEM : 0;
}

/* Never returns. What the module asks by, the real uid, is read from how the program was started
 * (AT_UID), so it must be there before exec. */
static void become(const struct trial *trial, bool changed, const struct trial_login *login)
{
    char folder[96], number[16];
    char *environment[] = {(char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin", (char *)"LC_ALL=C", NULL};
    char *argv[] = {(char *)"checkoutctl",  (char *)"setup",     (char *)"--trial",    folder,
                    (char *)login->service, (char *)login->user, (char *)login->ruser, NULL};
    int fd = open("/dev/null", O_RDWR);
    int length = snprintf(number, sizeof(number), "%u", (unsigned)login->uid);

    (void)snprintf(folder, sizeof(folder), "%s/%s", trial->folder, changed ? "after" : "before");
    if (fd < 0 || dup2(fd, 0) < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
        _exit(1);
    (void)setsid();
    /* The login of whoever runs this is not that of who is tried; where it cannot be set, a gate
     * refuses for that. */
    fd = open("/proc/self/loginuid", O_WRONLY | O_CLOEXEC);
    if (fd >= 0 && login->uid != 0 && write(fd, number, (size_t)length) < 0)
        fd = -1;
    if (setresuid(login->uid, 0, 0) < 0)
        _exit(1);
    execve("/proc/self/exe", argv, environment);
    _exit(1);
}

int trial_run(const struct trial *trial, bool changed, const struct trial_login *login)
{
    pid_t pid = fork();
    int status = 0;

    if (pid < 0)
        return -errno;
    if (pid == 0)
        become(trial, changed, login);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    if (!WIFEXITED(status) || WEXITSTATUS(status) < STATUS_BASE)
        return -EIO;
    return WEXITSTATUS(status) - STATUS_BASE;
}

static int converse(int n, const struct pam_message **messages, struct pam_response **responses,
                    void *data)
{
    return PAM_CONV_ERR;
}

int trial_child(int argc, char **argv)
{
    const struct pam_conv conv = {converse, NULL};
    pam_handle_t *pamh = NULL;
    int code;

    if (argc < 3 || argc > 4)
        return EXIT_USAGE;
    code = pam_start_confdir(argv[1], argv[2], &conv, argv[0], &pamh);
    if (code == PAM_SUCCESS && argc == 4)
        code = pam_set_item(pamh, PAM_RUSER, argv[3]);
    if (code == PAM_SUCCESS && argc == 3)
        code = pam_set_item(pamh, PAM_TTY, "ssh");
    if (code == PAM_SUCCESS)
        code = pam_acct_mgmt(pamh, PAM_SILENT);
    if (pamh)
        (void)pam_end(pamh, code);
    return STATUS_BASE + code;
}
