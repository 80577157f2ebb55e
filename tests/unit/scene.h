/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A ledger in a directory of its own, with people, a clock and policies that a test sets; and the
 * proof that what it wrote holds together. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ledger/ledger.h"

#define SCENE_WALL UINT64_C(1790000000)
#define SCENE_BOOT UINT64_C(5000)
#define SCENE_BOOT_ID "0123456789abcdef0123456789abcdef"
#define SCENE_MACHINE "fedcba9876543210fedcba9876543210"
#define SCENE_USERS_MAX 400
#define SCENE_EVENTS_MAX 64

/* Whom the name service knows. */
struct scene_user {
    char name[64];
    uid_t uid;
    char groups[96];  /* with blanks between */
    int error;        /* of every look-up of the user; 0: none */
    int groups_error; /* of look-ups that want the groups; 0: none */
};

/* What the sink was told. */
struct scene_event {
    enum event_kind kind;
    uint64_t id, seq;
    enum checkout_state state_old, state_new;
    char actor[64];
    char reason[256];
};

struct scene {
    char directory[64];
    char path[96];
    struct store *store;
    struct ledger *ledger;
    struct moment now;
    struct error error;
    struct verdict verdict;
    struct scene_user users[SCENE_USERS_MAX];
    size_t n_users;
    struct scene_event
        events[SCENE_EVENTS_MAX]; /* the newest ones, the last at n_events - 1 modulo */
    size_t n_events;
    uint64_t last_seq;
    bool sink_broken; /* numbers did not follow one another */
    event_sink also;  /* is told of every event, too; NULL: nobody */
    void *also_userdata;
};

/* For cmocka_unit_test_setup_teardown(): *state is the scene. It knows root and, each with a uid
 * from 1001 on and in this order, alice, bob (security), carol (security, managers), dave
 * (managers), erin (none), oracle and backup (accounts). Tearing down proves the ledger
 * (scene_prove). */
int scene_setup(void **state);
int scene_teardown(void **state);

/* A directory that is removed with all its files. */
void scene_make_directory(char directory[static 64]);
void scene_remove_directory(const char *directory);

/* Changes or adds. */
struct scene_user *scene_user(struct scene *scene, const char *name);
void scene_add_user(struct scene *scene, const char *name, uid_t uid, const char *groups);
void scene_forget_user(struct scene *scene, const char *name);

/* The text's policies are in force from now on; accounts get their uids. */
void scene_policies(struct scene *scene, const char *text);

/* Both clocks go on. Nothing ticks by itself. */
void scene_pass(struct scene *scene, uint64_t seconds);
/* Another boot, `seconds` of wall clock later. */
void scene_reboot(struct scene *scene, uint64_t seconds);
/* The broker ends and starts again: store and ledger are opened anew, the policies stay to be set.
 */
void scene_restart(struct scene *scene, const char *policies);

/* Fills in what the roster wishes to know. */
void scene_answer(struct scene *scene, struct roster *roster);

/* r = call, which uses a `struct roster roster`, with every wish answered. */
#define SCENE_ANSWERED(scene, r, call)                                                             \
    do {                                                                                           \
        struct roster roster = {0};                                                                \
        unsigned rounds_ = 0;                                                                      \
        while (((r) = (call)) == -EAGAIN) {                                                        \
            assert_true(++rounds_ < 8);                                                            \
            scene_answer((scene), &roster);                                                        \
        }                                                                                          \
        roster_clear(&roster);                                                                     \
    } while (0)

/* Somebody at a door, with a reason. */
struct login scene_login(const struct scene *scene, unsigned door, const char *person,
                         const char *account);
struct caller scene_caller(const struct scene *scene, const char *name);

/* The ledger's operations with every look-up answered; the verdict and the error are in the scene.
 */
enum verdict_kind scene_ask(struct scene *scene, const struct login *login);
enum verdict_kind scene_resume(struct scene *scene, uint64_t id, const struct login *login);
enum verdict_kind scene_prepare(struct scene *scene, const struct login *login);
enum verdict_kind scene_open(struct scene *scene, const struct login *login);
int scene_request(struct scene *scene, const char *person, const struct request *request,
                  uint64_t *ret_id);
/* A plain request with a reason that must be filed: its id. */
uint64_t scene_file(struct scene *scene, const char *person, const char *account);
int scene_approve_with(struct scene *scene, const char *approver, uint64_t id,
                       const struct approval_terms *terms);
/* With the digest that is there. */
int scene_approve(struct scene *scene, const char *approver, uint64_t id);
int scene_deny(struct scene *scene, const char *approver, uint64_t id);
int scene_cancel(struct scene *scene, const char *person, uint64_t id);
int scene_check_in(struct scene *scene, const char *person, uint64_t id);
int scene_revoke(struct scene *scene, const char *person, uint64_t id);
int scene_extend(struct scene *scene, const char *person, uint64_t id, uint64_t seconds,
                 uint64_t *ret_id);
int scene_grant(struct scene *scene, const char *granter, const char *person,
                const struct request *request, uint64_t *ret_id);
void scene_tick(struct scene *scene);

/* As it is stored; the caller frees. */
struct checkout *scene_checkout(struct scene *scene, uint64_t id);
enum checkout_state scene_state(struct scene *scene, uint64_t id);
#define assert_state(scene, id, expected)                                                          \
    assert_string_equal(state_name(scene_state((scene), (id))), state_name(expected))
#define assert_verdict(kind, expected)                                                             \
    assert_string_equal(verdict_name(kind), verdict_name(expected))
const char *scene_code(int code); /* "done" for 0 */
#define assert_code(code, expected) assert_string_equal(scene_code(code), scene_code(expected))

/* The newest event but `back`. */
const struct scene_event *scene_event(const struct scene *scene, size_t back);
/* Rows that this statement counts ("SELECT count(*) …"). */
int64_t scene_number(const struct scene *scene, const char *sql);
/* Runs it with a connection of its own. */
void scene_tamper(const char *path, const char *sql);

/* Recomputes the chain, every record's canonical form and every digest from nothing but the file,
 * and follows each check-out through its records: only steps of the table "Life cycle". Fails the
 * test. */
void scene_prove(const char *path);
