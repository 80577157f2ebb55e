/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stage.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <grp.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "bus/moment.h"
#include "policy/config.h"
#include "gate1.h"
#include "sink/signals.h"

static const char policy_text[] = "[policy root]\n"
                                  "accounts = root\n"
                                  "requesters = %ops\n"
                                  "approvers = %security\n"
                                  "reason = optional\n"
                                  "[policy oracle]\n"
                                  "accounts = oracle\n"
                                  "requesters = %ops\n"
                                  "approvers = %security\n"
                                  "quorum = 2\n"
                                  "reason = optional\n";

/* ---- people, for the workers: these stand before libc's ---- */

#define GID_OPS 5001
#define GID_SECURITY 5002

static const struct {
    const char *name;
    uid_t uid;
    gid_t group; /* besides their own */
} people[] = {{"root", 0, 0},
              {"alice", ALICE, GID_OPS},
              {"bob", BOB, GID_SECURITY},
              {"carol", CAROL, GID_SECURITY},
              {"mallory", MALLORY, 0},
              {"oracle", 4007, 0},
              {"hangs-groups", HANGING, 0}};
#define N_PEOPLE (sizeof(people) / sizeof(*people))

static _Noreturn void hang(void)
{
    for (;;)
        pause();
}

static int give_user(size_t index, struct passwd *user, struct passwd **found)
{
    static char nothing[] = "";

    *user = (struct passwd){.pw_name = (char *)people[index].name,
                            .pw_uid = people[index].uid,
                            .pw_gid = people[index].uid,
                            .pw_dir = nothing,
                            .pw_shell = nothing,
                            .pw_gecos = nothing,
                            .pw_passwd = nothing};
    *found = user;
    return 0;
}

int getpwnam_r(const char *name, struct passwd *user, char *buffer, size_t size,
               struct passwd **found)
{
    *found = NULL;
    for (size_t i = 0; i < N_PEOPLE; i++)
        if (strcmp(people[i].name, name) == 0)
            return give_user(i, user, found);
    if (strncmp(name, "hangs", 5) == 0)
        hang();
    return strncmp(name, "fails", 5) == 0 ? ECONNREFUSED : 0;
}

int getpwuid_r(uid_t uid, struct passwd *user, char *buffer, size_t size, struct passwd **found)
{
    *found = NULL;
    for (size_t i = 0; i < N_PEOPLE; i++)
        if (people[i].uid == uid)
            return give_user(i, user, found);
    return 0;
}

int getgrouplist(const char *name, gid_t primary, gid_t *gids, int *count)
{
    gid_t groups[2] = {primary, 0};
    int n = 1;

    if (strncmp(name, "hangs", 5) == 0)
        hang();
    for (size_t i = 0; i < N_PEOPLE; i++)
        if (strcmp(people[i].name, name) == 0 && people[i].group)
            groups[n++] = people[i].group;
    if (*count < n) {
        *count = n;
        return -1;
    }
    memcpy(gids, groups, (size_t)n * sizeof(*gids));
    *count = n;
    return n;
}

static int give_group(gid_t gid, const char *name, struct group *group, struct group **found)
{
    static char *members[N_PEOPLE + 1];
    size_t n = 0;

    for (size_t i = 0; i < N_PEOPLE; i++)
        if (people[i].group == gid)
            members[n++] = (char *)people[i].name;
    members[n] = NULL;
    *group = (struct group){.gr_name = (char *)name, .gr_gid = gid, .gr_mem = members};
    *found = group;
    return 0;
}

int getgrgid_r(gid_t gid, struct group *group, char *buffer, size_t size, struct group **found)
{
    *found = NULL;
    if (gid == GID_OPS)
        return give_group(gid, "ops", group, found);
    if (gid == GID_SECURITY)
        return give_group(gid, "security", group, found);
    return 0;
}

int getgrnam_r(const char *name, struct group *group, char *buffer, size_t size,
               struct group **found)
{
    *found = NULL;
    if (strcmp(name, "ops") == 0)
        return give_group(GID_OPS, "ops", group, found);
    if (strcmp(name, "security") == 0)
        return give_group(GID_SECURITY, "security", group, found);
    return 0;
}

int getpwent_r(struct passwd *user, char *buffer, size_t size, struct passwd **found)
{
    *found = NULL;
    return ENOENT;
}

bool stage_is_worker(int argc, char **argv, int *ret_code)
{
    if (argc != 2 || strcmp(argv[1], NAMES_WORKER_ARGUMENT) != 0)
        return false;
    *ret_code = names_worker_main();
    return true;
}

/* ---- the broker ---- */

static void on_event(const struct event *event, void *userdata)
{
    struct stage *stage = userdata;

    stage->events[event->kind]++;
    if (stage->signals)
        signals_sink(event, stage->signals);
    waiters_sink(event, stage->waiters);
}

static void load_policies(struct stage *stage)
{
    CLEANUP_POLICY_SET struct policy_set *set = NULL;
    struct moment now = moment_now();
    char path[128];
    struct error error;
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/policy.d", stage->directory);
    assert_int_equal(mkdir(path, 0755), 0);
    (void)snprintf(path, sizeof(path), "%s/policy.d/test.conf", stage->directory);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(policy_text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    (void)snprintf(path, sizeof(path), "%s/policy.d", stage->directory);
    if (config_load_policies(path, &set, &error) != 0 ||
        ledger_load_policies(stage->ledger, set, &now, &error) != 0)
        fail_msg("%s", error.text);
    set = NULL;
}

int stage_set_up(void **state)
{
    struct stage *stage = test_calloc(1, sizeof(*stage));
    struct ledger_settings settings = {.host = "host",
                                       .machine_id = "0123456789abcdef0123456789abcdef",
                                       .sink = on_event,
                                       .userdata = stage};
    char path[128], folder[96], program[4096];
    struct error error;
    ssize_t length;

    umask(022);
    strcpy(stage->directory, "/tmp/pam-checkout-test.XXXXXX");
    assert_non_null(mkdtemp(stage->directory));
    assert_int_equal(chmod(stage->directory, 0755), 0);
    (void)snprintf(folder, sizeof(folder), "%s/state", stage->directory);
    assert_int_equal(mkdir(folder, 0700), 0);
    (void)snprintf(path, sizeof(path), "%s/ledger.db", folder);
    assert_int_equal(sd_event_new(&stage->event), 0);
    if (store_open(path, &stage->store, &error) != 0)
        fail_msg("%s", error.text);
    assert_int_equal(waiters_new(stage->event, &stage->waiters), 0);
    /* By its own name: under valgrind the link itself leads to valgrind. */
    length = readlink("/proc/self/exe", program, sizeof(program) - 1);
    assert_true(length > 0);
    program[length] = '\0';
    assert_int_equal(names_new(stage->event, program, &stage->names), 0);
    settings.store = stage->store;
    assert_int_equal(ledger_new(&settings, &stage->ledger), 0);
    load_policies(stage);
    stage->bus = (struct bus){.event = stage->event,
                              .ledger = stage->ledger,
                              .names = stage->names,
                              .waiters = stage->waiters};
    LIST_INIT(&stage->bus.calls);
    *state = stage;
    return 0;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    return remove(path);
}

int stage_tear_down(void **state)
{
    struct stage *stage = *state;

    assert_true(LIST_EMPTY(&stage->bus.calls));
    waiters_free(stage->waiters);
    names_free(stage->names);
    ledger_free(stage->ledger);
    store_free(stage->store);
    sd_event_unref(stage->event);
    assert_int_equal(nftw(stage->directory, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
    test_free(stage);
    return 0;
}

/* ---- running it ---- */

unsigned stage_run(struct stage *stage)
{
    unsigned turns = 0;

    while (sd_event_run(stage->event, 0) > 0)
        assert_true(++turns < 10000);
    return turns;
}

void stage_until(struct stage *stage, bool (*condition)(void *userdata), void *userdata,
                 DBusConnection *const *clients, size_t n_clients)
{
    time_t deadline = time(NULL) + 60;

    while (!condition(userdata)) {
        assert_true(time(NULL) < deadline);
        /* With clients the loop must not sleep while they have something to do. */
        assert_true(sd_event_run(stage->event, n_clients ? 1000 : 1000000) >= 0);
        for (size_t i = 0; i < n_clients; i++) {
            (void)dbus_connection_read_write(clients[i], 0);
            while (dbus_connection_dispatch(clients[i]) == DBUS_DISPATCH_DATA_REMAINS)
                ;
        }
    }
}

static bool is_completed(void *userdata)
{
    return dbus_pending_call_get_completed(userdata);
}

DBusMessage *stage_call(struct stage *stage, DBusConnection *client, DBusMessage *call)
{
    DBusPendingCall *pending = NULL;
    DBusMessage *reply;

    assert_true(dbus_connection_send_with_reply(client, call, &pending, 60000));
    assert_non_null(pending);
    stage_until(stage, is_completed, pending, &client, 1);
    reply = dbus_pending_call_steal_reply(pending);
    dbus_pending_call_unref(pending);
    assert_non_null(reply);
    return reply;
}

DBusMessage *stage_login(const char *method, uint64_t id, const char *person, const char *account,
                         uint32_t wait_seconds)
{
    struct gate1_login login = GATE1_LOGIN_INIT;
    DBusMessage *call = dbus_message_new_method_call(NULL, GATE1_PATH, GATE1_INTERFACE, method);
    dbus_uint64_t number = id;
    DBusMessageIter iter;

    assert_non_null(call);
    login.door = "sudo";
    login.service = "sudo";
    login.phase = "account";
    login.person = person;
    login.account = account;
    login.pid = 4711;
    login.wait_seconds = wait_seconds;
    login.has = GATE1_LOGIN_HAS_PID | GATE1_LOGIN_HAS_WAIT_SECONDS;
    dbus_message_iter_init_append(call, &iter);
    if (id)
        assert_true(dbus_message_iter_append_basic(&iter, DBUS_TYPE_UINT64, &number));
    assert_int_equal(dict_write(&iter, &gate1_login_schema, &login), 0);
    return call;
}

/* ---- people at work, without the bus ---- */

/* Asks the ledger again until it knows everybody it wants to. */
static void answer_wishes(struct roster *roster)
{
    for (size_t i = 0; i < roster->count; i++) {
        struct roster_entry *entry = &roster->entries[i];
        size_t n = 0;

        if (entry->answered)
            continue;
        entry->answered = true;
        entry->error = -ENOENT;
        if (entry->kind == ROSTER_MEMBERS) {
            entry->error = 0;
            entry->members = calloc(N_PEOPLE + 1, sizeof(*entry->members));
        }
        for (size_t j = 0; j < N_PEOPLE; j++) {
            const char *group = people[j].group == GID_OPS        ? "ops"
                                : people[j].group == GID_SECURITY ? "security"
                                                                  : NULL;

            if (entry->kind == ROSTER_MEMBERS) {
                if (group && strcmp(group, entry->name) == 0)
                    entry->members[n++] = strdup(people[j].name);
                continue;
            }
            if (entry->kind == ROSTER_UID ? people[j].uid != entry->uid
                                          : strcmp(people[j].name, entry->name) != 0)
                continue;
            entry->error = 0;
            entry->user.name = strdup(people[j].name);
            entry->user.uid = people[j].uid;
            entry->user.groups_known = true;
            if (group) {
                entry->user.groups = calloc(1, sizeof(char *));
                entry->user.groups[0] = strdup(group);
                entry->user.n_groups = 1;
            }
        }
    }
}

uint64_t stage_request(struct stage *stage, uid_t uid, const char *account)
{
    struct caller caller = {.uid = uid, .loginuid = uid, .loginuid_known = true};
    struct request request = {.account = account, .reason = "test"};
    CLEANUP(roster_clear) struct roster roster = {0};
    struct moment now = moment_now();
    struct error error;
    uint64_t id = 0;
    int r;

    while ((r = ledger_request(stage->ledger, &request, &caller, &roster, &now, &id, &error)) ==
           -EAGAIN)
        answer_wishes(&roster);
    if (r != 0)
        fail_msg("%s", error.text);
    return id;
}

int stage_approve(struct stage *stage, uint64_t id, uid_t uid)
{
    struct caller caller = {.uid = uid, .loginuid = uid, .loginuid_known = true};
    CLEANUP(roster_clear) struct roster roster = {0};
    CLEANUP_CHECKOUT struct checkout *checkout = NULL;
    struct moment now = moment_now();
    struct approval_terms terms = {0};
    struct error error;
    int r;

    assert_int_equal(store_get_checkout(stage->store, id, &checkout), 0);
    terms.digest = checkout->digest;
    while ((r = ledger_approve(stage->ledger, id, &terms, &caller, &roster, &now, &error)) ==
           -EAGAIN)
        answer_wishes(&roster);
    return r;
}

int stage_deny(struct stage *stage, uint64_t id, uid_t uid)
{
    struct caller caller = {.uid = uid, .loginuid = uid, .loginuid_known = true};
    CLEANUP(roster_clear) struct roster roster = {0};
    struct moment now = moment_now();
    struct error error;
    int r;

    while ((r = ledger_deny(stage->ledger, id, "no", &caller, &roster, &now, &error)) == -EAGAIN)
        answer_wishes(&roster);
    return r;
}

enum checkout_state stage_state(struct stage *stage, uint64_t id)
{
    CLEANUP_CHECKOUT struct checkout *checkout = NULL;

    assert_int_equal(store_get_checkout(stage->store, id, &checkout), 0);
    return checkout->state;
}

/* ---- connections ---- */

DBusConnection *stage_connect(const char *address, uid_t uid, bool is_bus)
{
    DBusError problem = DBUS_ERROR_INIT;
    DBusConnection *connection;

    /* The kernel tells the other side the effective uid at the time of connecting (unix(7)). */
    assert_int_equal(seteuid(uid), 0);
    connection = dbus_connection_open_private(address, &problem);
    if (connection) {
        dbus_connection_set_exit_on_disconnect(connection, FALSE);
        if (is_bus)
            (void)dbus_bus_register(connection, &problem);
        dbus_connection_set_exit_on_disconnect(connection, FALSE);
    }
    assert_int_equal(seteuid(0), 0);
    if (dbus_error_is_set(&problem))
        fail_msg("%s: %s", address, problem.message);
    return connection;
}

void stage_hang_up(DBusConnection *connection)
{
    dbus_connection_close(connection);
    dbus_connection_unref(connection);
}

size_t stage_count_fds(void)
{
    DIR *directory = opendir("/proc/self/fd");
    size_t count = 0;

    assert_non_null(directory);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}
