/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "scene.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/config.h"

/* ---- people ---- */

static const struct scene_user known_users[] = {
    {"root", 0, "root"},
    {"alice", 1001, "users"},
    {"bob", 1002, "users security"},
    {"carol", 1003, "users security managers"},
    {"dave", 1004, "users managers"},
    {"erin", 1005, "users"},
    {"oracle", 1006, "dba"},
    {"backup", 1007, "backup"},
};

struct scene_user *scene_user(struct scene *scene, const char *name)
{
    for (size_t i = 0; i < scene->n_users; i++)
        if (strcmp(scene->users[i].name, name) == 0)
            return &scene->users[i];
    fail_msg("the scene knows no %s", name);
    return NULL;
}

void scene_add_user(struct scene *scene, const char *name, uid_t uid, const char *groups)
{
    struct scene_user *user = &scene->users[scene->n_users++];

    assert_true(scene->n_users <= SCENE_USERS_MAX);
    *user = (struct scene_user){.uid = uid};
    (void)snprintf(user->name, sizeof(user->name), "%s", name);
    (void)snprintf(user->groups, sizeof(user->groups), "%s", groups);
}

void scene_forget_user(struct scene *scene, const char *name)
{
    *scene_user(scene, name) = scene->users[--scene->n_users];
}

static bool is_member(const struct scene_user *user, const char *group)
{
    char padded[sizeof(user->groups) + 2], word[80];

    (void)snprintf(padded, sizeof(padded), " %s ", user->groups);
    (void)snprintf(word, sizeof(word), " %s ", group);
    return strstr(padded, word) != NULL;
}

static void fill_identity(const struct scene_user *user, bool groups, struct identity *identity)
{
    char copy[sizeof(user->groups)];
    char *rest = copy;

    *identity = (struct identity){.name = strdup(user->name), .uid = user->uid};
    if (!groups)
        return;
    identity->groups_known = true;
    memcpy(copy, user->groups, sizeof(copy));
    identity->groups = calloc(16, sizeof(char *));
    for (char *group; (group = strsep(&rest, " "));)
        if (*group)
            identity->groups[identity->n_groups++] = strdup(group);
}

static void fill_members(const struct scene *scene, struct roster_entry *entry)
{
    size_t count = 0;

    entry->members = calloc(scene->n_users + 1, sizeof(char *));
    for (size_t i = 0; i < scene->n_users; i++)
        if (is_member(&scene->users[i], entry->name))
            entry->members[count++] = strdup(scene->users[i].name);
    if (count == 0)
        entry->error = -ENOENT;
}

void scene_answer(struct scene *scene, struct roster *roster)
{
    for (size_t i = 0; i < roster->count; i++) {
        struct roster_entry *entry = &roster->entries[i];
        const struct scene_user *user = NULL;

        if (entry->answered)
            continue;
        entry->answered = true;
        if (entry->kind == ROSTER_MEMBERS) {
            fill_members(scene, entry);
            continue;
        }
        for (size_t k = 0; k < scene->n_users && !user; k++)
            if (entry->kind == ROSTER_UID ? scene->users[k].uid == entry->uid
                                          : strcmp(scene->users[k].name, entry->name) == 0)
                user = &scene->users[k];
        if (!user)
            entry->error = -ENOENT;
        else if (user->error || (entry->groups && user->groups_error))
            entry->error = user->error ? user->error : user->groups_error;
        else
            fill_identity(user, entry->groups, &entry->user);
    }
}

/* ---- the stage ---- */

void scene_make_directory(char directory[static 64])
{
    /* In memory where there is such a thing: the store syncs every transaction. */
    (void)snprintf(directory, 64, "%s/pam-checkout-test-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(directory));
}

void scene_remove_directory(const char *directory)
{
    DIR *dir = opendir(directory);
    char path[512];

    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        (void)snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            assert_int_equal(remove(path), 0);
    }
    closedir(dir);
    assert_int_equal(rmdir(directory), 0);
}

static void on_event(const struct event *event, void *userdata)
{
    struct scene *scene = userdata;
    struct scene_event *seen = &scene->events[scene->n_events++ % SCENE_EVENTS_MAX];

    if (event->seq != scene->last_seq + 1 || strlen(event->hash) != 64)
        scene->sink_broken = true;
    scene->last_seq = event->seq;
    *seen = (struct scene_event){.kind = event->kind,
                                 .seq = event->seq,
                                 .id = event->checkout ? event->checkout->id : 0,
                                 .state_old = event->state_old,
                                 .state_new = event->state_new};
    (void)snprintf(seen->actor, sizeof(seen->actor), "%s", event->actor ? event->actor : "");
    (void)snprintf(seen->reason, sizeof(seen->reason), "%s", event->reason ? event->reason : "");
    if (scene->also)
        scene->also(event, scene->also_userdata);
}

static void open_ledger(struct scene *scene)
{
    unsigned char head[HASH_SIZE];

    if (store_open(scene->path, &scene->store, &scene->error) != 0)
        fail_msg("%s", scene->error.text);
    store_head(scene->store, &scene->last_seq, head);

    const struct ledger_settings settings = {.store = scene->store,
                                             .host = "db1.example",
                                             .machine_id = SCENE_MACHINE,
                                             .administrators = "wheel",
                                             .auditors = "auditors",
                                             .sink = on_event,
                                             .userdata = scene};

    assert_int_equal(ledger_new(&settings, &scene->ledger), 0);
}

int scene_setup(void **state)
{
    struct scene *scene = calloc(1, sizeof(*scene));

    assert_non_null(scene);
    setenv("TZ", "UTC", 1);
    scene_make_directory(scene->directory);
    (void)snprintf(scene->path, sizeof(scene->path), "%s/ledger.db", scene->directory);
    for (size_t i = 0; i < sizeof(known_users) / sizeof(known_users[0]); i++)
        scene->users[scene->n_users++] = known_users[i];
    scene->now = (struct moment){.wall = SCENE_WALL, .boot = SCENE_BOOT, .boot_id = SCENE_BOOT_ID};
    open_ledger(scene);
    *state = scene;
    return 0;
}

int scene_teardown(void **state)
{
    struct scene *scene = *state;

    scene->ledger = ledger_free(scene->ledger);
    scene->store = store_free(scene->store);
    assert_false(scene->sink_broken);
    scene_prove(scene->path);
    scene_remove_directory(scene->directory);
    free(scene);
    return 0;
}

void scene_policies(struct scene *scene, const char *text)
{
    struct policy_set *set = calloc(1, sizeof(*set));
    unsigned char digest[HASH_SIZE];

    assert_non_null(set);
    if (config_add_policies(set, "test.conf", text, strlen(text), &scene->error) != 0)
        fail_msg("%s", scene->error.text);
    set->text = strdup(text);
    assert_int_equal(EVP_Digest(text, strlen(text), digest, NULL, EVP_sha256(), NULL), 1);
    hash_format(digest, set->digest);
    for (size_t i = 0; i < set->n_policies; i++)
        for (size_t k = 0; k < set->policies[i]->n_accounts; k++) {
            struct policy_account *account = &set->policies[i]->accounts[k];

            for (size_t u = 0; u < scene->n_users && !account->is_range; u++)
                if (strcmp(scene->users[u].name, account->name) == 0) {
                    account->uid = scene->users[u].uid;
                    account->uid_known = true;
                }
        }
    if (ledger_load_policies(scene->ledger, set, &scene->now, &scene->error) != 0)
        fail_msg("%s", scene->error.text);
}

void scene_pass(struct scene *scene, uint64_t seconds)
{
    scene->now.wall += seconds;
    scene->now.boot += seconds;
}

void scene_reboot(struct scene *scene, uint64_t seconds)
{
    scene->now.wall += seconds;
    scene->now.boot = 10;
    scene->now.boot_id[0] = scene->now.boot_id[0] == 'f' ? '0' : 'f';
}

void scene_restart(struct scene *scene, const char *policies)
{
    scene->ledger = ledger_free(scene->ledger);
    scene->store = store_free(scene->store);
    open_ledger(scene);
    if (policies)
        scene_policies(scene, policies);
}

/* ---- what people do ---- */

struct login scene_login(const struct scene *scene, unsigned door, const char *person,
                         const char *account)
{
    uid_t uid = UID_UNSET;

    for (size_t i = 0; i < scene->n_users; i++)
        if (strcmp(scene->users[i].name, person) == 0)
            uid = scene->users[i].uid;
    return (struct login){.door = door,
                          .person = person,
                          .account = account,
                          .service = door_name(door),
                          .phase = "account",
                          .tty = "/dev/pts/3",
                          .command = "/usr/bin/id",
                          .reason = "disk is full",
                          .reason_source = "from environment",
                          .pid = 4711,
                          .ruid = uid,
                          .loginuid = uid,
                          .audit_session = 12};
}

struct caller scene_caller(const struct scene *scene, const char *name)
{
    for (size_t i = 0; i < scene->n_users; i++)
        if (strcmp(scene->users[i].name, name) == 0)
            return (struct caller){.uid = scene->users[i].uid,
                                   .loginuid = scene->users[i].uid,
                                   .loginuid_known = true};
    fail_msg("the scene knows no %s", name);
    return (struct caller){.uid = UID_UNSET};
}

/* A verdict that nobody filled in would let everybody in. */
static const struct verdict untouched = {.kind = VERDICT_ALLOW, .message = "untouched"};

static enum verdict_kind verdict_given(const struct scene *scene, int r)
{
    assert_int_equal(r, 0);
    assert_string_not_equal(scene->verdict.message, untouched.message);
    assert_string_not_equal(scene->verdict.message, "");
    assert_true(scene->verdict.kind == VERDICT_ALLOW || scene->verdict.end == 0);
    return scene->verdict.kind;
}

enum verdict_kind scene_ask(struct scene *scene, const struct login *login)
{
    int r;

    scene->verdict = untouched;
    SCENE_ANSWERED(scene, r,
                   ledger_ask(scene->ledger, login, &roster, &scene->now, &scene->verdict));
    return verdict_given(scene, r);
}

enum verdict_kind scene_resume(struct scene *scene, uint64_t id, const struct login *login)
{
    int r;

    scene->verdict = untouched;
    SCENE_ANSWERED(scene, r,
                   ledger_resume(scene->ledger, id, login, &roster, &scene->now, &scene->verdict));
    return verdict_given(scene, r);
}

enum verdict_kind scene_prepare(struct scene *scene, const struct login *login)
{
    int r;

    scene->verdict = untouched;
    SCENE_ANSWERED(
        scene, r,
        ledger_prepare_session(scene->ledger, login, &roster, &scene->now, &scene->verdict));
    return verdict_given(scene, r);
}

enum verdict_kind scene_open(struct scene *scene, const struct login *login)
{
    int r;

    scene->verdict = untouched;
    SCENE_ANSWERED(
        scene, r, ledger_open_session(scene->ledger, login, &roster, &scene->now, &scene->verdict));
    return verdict_given(scene, r);
}

int scene_request(struct scene *scene, const char *person, const struct request *request,
                  uint64_t *ret_id)
{
    struct caller caller = scene_caller(scene, person);
    int r;

    SCENE_ANSWERED(scene, r,
                   ledger_request(scene->ledger, request, &caller, &roster, &scene->now, ret_id,
                                  &scene->error));
    return r;
}

uint64_t scene_file(struct scene *scene, const char *person, const char *account)
{
    const struct request request = {.account = account, .reason = "disk is full"};
    uint64_t id = 0;

    if (scene_request(scene, person, &request, &id) != 0)
        fail_msg("%s", scene->error.text);
    return id;
}

int scene_approve_with(struct scene *scene, const char *approver, uint64_t id,
                       const struct approval_terms *terms)
{
    struct caller caller = scene_caller(scene, approver);
    int r;

    SCENE_ANSWERED(
        scene, r,
        ledger_approve(scene->ledger, id, terms, &caller, &roster, &scene->now, &scene->error));
    return r;
}

int scene_approve(struct scene *scene, const char *approver, uint64_t id)
{
    CLEANUP_CHECKOUT struct checkout *checkout = scene_checkout(scene, id);
    struct approval_terms terms = {.digest = checkout->digest};

    return scene_approve_with(scene, approver, id, &terms);
}

int scene_deny(struct scene *scene, const char *approver, uint64_t id)
{
    struct caller caller = scene_caller(scene, approver);
    int r;

    SCENE_ANSWERED(
        scene, r,
        ledger_deny(scene->ledger, id, "not today", &caller, &roster, &scene->now, &scene->error));
    return r;
}

int scene_cancel(struct scene *scene, const char *person, uint64_t id)
{
    struct caller caller = scene_caller(scene, person);
    int r;

    SCENE_ANSWERED(scene, r,
                   ledger_cancel(scene->ledger, id, &caller, &roster, &scene->now, &scene->error));
    return r;
}

int scene_check_in(struct scene *scene, const char *person, uint64_t id)
{
    struct caller caller = scene_caller(scene, person);
    int r;

    SCENE_ANSWERED(
        scene, r, ledger_check_in(scene->ledger, id, &caller, &roster, &scene->now, &scene->error));
    return r;
}

int scene_revoke(struct scene *scene, const char *person, uint64_t id)
{
    struct caller caller = scene_caller(scene, person);
    int r;

    SCENE_ANSWERED(
        scene, r,
        ledger_revoke(scene->ledger, id, "enough", &caller, &roster, &scene->now, &scene->error));
    return r;
}

int scene_extend(struct scene *scene, const char *person, uint64_t id, uint64_t seconds,
                 uint64_t *ret_id)
{
    struct caller caller = scene_caller(scene, person);
    int r;

    SCENE_ANSWERED(scene, r,
                   ledger_extend(scene->ledger, id, seconds, "not done yet", &caller, &roster,
                                 &scene->now, ret_id, &scene->error));
    return r;
}

int scene_grant(struct scene *scene, const char *granter, const char *person,
                const struct request *request, uint64_t *ret_id)
{
    struct caller caller = scene_caller(scene, granter);
    int r;

    SCENE_ANSWERED(scene, r,
                   ledger_grant(scene->ledger, person, request, &caller, &roster, &scene->now,
                                ret_id, &scene->error));
    return r;
}

void scene_tick(struct scene *scene)
{
    if (ledger_tick(scene->ledger, &scene->now, &scene->error) != 0)
        fail_msg("%s", scene->error.text);
}

struct checkout *scene_checkout(struct scene *scene, uint64_t id)
{
    struct checkout *checkout = NULL;

    assert_int_equal(store_get_checkout(scene->store, id, &checkout), 0);
    return checkout;
}

enum checkout_state scene_state(struct scene *scene, uint64_t id)
{
    CLEANUP_CHECKOUT struct checkout *checkout = scene_checkout(scene, id);

    return checkout->state;
}

const char *scene_code(int code)
{
    return code ? error_short_name((enum error_code)code) : "done";
}

const struct scene_event *scene_event(const struct scene *scene, size_t back)
{
    assert_true(back < scene->n_events && back < SCENE_EVENTS_MAX);
    return &scene->events[(scene->n_events - 1 - back) % SCENE_EVENTS_MAX];
}
