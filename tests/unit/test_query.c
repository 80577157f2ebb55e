/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "scene.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/sqlite.h"

#define BOOT "0123456789abcdef0123456789abcdef"
#define OTHER_BOOT "1123456789abcdef0123456789abcdef"

struct place {
    char directory[64];
    char path[96];
    struct store *store;
};

static int place_setup(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    struct error error;

    scene_make_directory(place->directory);
    (void)snprintf(place->path, sizeof(place->path), "%s/ledger.db", place->directory);
    assert_int_equal(store_open(place->path, &place->store, &error), 0);
    *state = place;
    return 0;
}

static int place_teardown(void **state)
{
    struct place *place = *state;

    store_free(place->store);
    scene_remove_directory(place->directory);
    free(place);
    return 0;
}

static void reopen(struct place *place)
{
    struct error error;

    place->store = store_free(place->store);
    assert_int_equal(store_open(place->path, &place->store, &error), 0);
}

/* Borrows its texts. */
static struct checkout sample(enum checkout_state state)
{
    static unsigned count;
    struct checkout checkout = {.state = state,
                                .person = (char *)"alice",
                                .person_uid = 1001,
                                .person_loginuid = 1001,
                                .account = (char *)"oracle",
                                .account_uid = 1006,
                                .host = (char *)"db1",
                                .machine_id = (char *)SCENE_MACHINE,
                                .policy = (char *)"p",
                                .boot_id = BOOT,
                                .requested = 100};

    (void)snprintf(checkout.uuid, sizeof(checkout.uuid), "%036u", ++count);
    return checkout;
}

static uint64_t insert(struct place *place, struct checkout checkout)
{
    assert_int_equal(store_insert_checkout(place->store, &checkout), 0);
    assert_true(checkout.id > 0);
    return checkout.id;
}

static void assert_text(const char *one, const char *other)
{
    if (!one || !other)
        assert_ptr_equal(one, other);
    else
        assert_string_equal(one, other);
}

static void assert_same_checkout(const struct checkout *one, const struct checkout *other)
{
    assert_int_equal(one->id, other->id);
    assert_string_equal(one->uuid, other->uuid);
    assert_int_equal(one->state, other->state);
    assert_text(one->person, other->person);
    assert_int_equal(one->person_uid, other->person_uid);
    assert_int_equal(one->person_loginuid, other->person_loginuid);
    assert_text(one->account, other->account);
    assert_int_equal(one->account_uid, other->account_uid);
    assert_text(one->host, other->host);
    assert_text(one->machine_id, other->machine_id);
    assert_text(one->door, other->door);
    assert_text(one->service, other->service);
    assert_text(one->tty, other->tty);
    assert_text(one->rhost, other->rhost);
    assert_text(one->command, other->command);
    assert_text(one->reason, other->reason);
    assert_text(one->reason_source, other->reason_source);
    assert_text(one->ticket, other->ticket);
    assert_text(one->to, other->to);
    assert_int_equal(one->waiting, other->waiting);
    assert_text(one->policy, other->policy);
    assert_string_equal(one->policy_digest, other->policy_digest);
    assert_string_equal(one->digest, other->digest);
    assert_int_equal(one->requested, other->requested);
    assert_int_equal(one->lapses, other->lapses);
    assert_int_equal(one->duration, other->duration);
    assert_int_equal(one->asked_start, other->asked_start);
    assert_int_equal(one->waits_until, other->waits_until);
    assert_int_equal(one->start_at, other->start_at);
    assert_int_equal(one->extends, other->extends);
    assert_int_equal(one->approved_at, other->approved_at);
    assert_int_equal(one->use_by, other->use_by);
    assert_int_equal(one->start, other->start);
    assert_int_equal(one->end, other->end);
    assert_int_equal(one->end_boot, other->end_boot);
    assert_string_equal(one->boot_id, other->boot_id);
    assert_int_equal(one->uses, other->uses);
    assert_int_equal(one->survive_reboot, other->survive_reboot);
}

/* ---- rows ---- */

static void fill(char *text, size_t size, char with)
{
    memset(text, with, size - 1);
    text[size - 1] = '\0';
}

static void test_checkout_round_trip(void **state)
{
    struct place *place = *state;
    struct checkout few = sample(STATE_PENDING), all = sample(STATE_ACTIVE);
    CLEANUP_CHECKOUT struct checkout *read_few = NULL, *read_all = NULL;
    static char long_text[LIMIT_COMMAND + 1];

    few.boot_id[0] = '\0';
    fill(long_text, sizeof(long_text), 'x');
    memcpy(long_text, "\xf0\x9f\x98\x80';--\"\\", 9);
    all.person_uid = UINT32_MAX - 1;
    all.person_loginuid = UINT32_MAX;
    all.account_uid = 0;
    all.door = (char *)"sudo";
    all.service = (char *)"sudo-i";
    all.tty = (char *)"/dev/pts/0";
    all.rhost = (char *)"2001:db8::1";
    all.command = long_text;
    all.reason = (char *)"gr\xc3\xbc\xc3\x9f'; DROP TABLE checkout; --";
    all.reason_source = (char *)"from environment";
    all.ticket = (char *)"";
    all.to = (char *)"bob";
    all.waiting = all.survive_reboot = true;
    fill(all.policy_digest, sizeof(all.policy_digest), 'a');
    fill(all.digest, sizeof(all.digest), 'b');
    all.requested = INT64_MAX;
    all.lapses = INT64_MAX - 1;
    all.duration = INT64_MAX - 2;
    all.asked_start = INT64_MAX - 10;
    all.waits_until = INT64_MAX - 11;
    all.start_at = INT64_MAX - 3;
    all.extends = INT64_MAX - 4;
    all.approved_at = INT64_MAX - 5;
    all.use_by = INT64_MAX - 6;
    all.start = INT64_MAX - 7;
    all.end = INT64_MAX - 8;
    all.end_boot = INT64_MAX - 9;
    all.uses = UINT32_MAX;

    few.id = insert(place, few);
    all.id = insert(place, all);
    assert_true(all.id > few.id);
    reopen(place);
    assert_int_equal(store_get_checkout(place->store, few.id, &read_few), 0);
    assert_int_equal(store_get_checkout(place->store, all.id, &read_all), 0);
    assert_same_checkout(read_few, &few);
    assert_same_checkout(read_all, &all);
    assert_int_equal(read_all->n_decisions, 0);
}

static void test_every_state(void **state)
{
    struct place *place = *state;

    for (enum checkout_state s = STATE_PENDING; s < STATE_COUNT; s++) {
        CLEANUP_CHECKOUT struct checkout *read = NULL;
        uint64_t id = insert(place, sample(s));

        assert_int_equal(store_get_checkout(place->store, id, &read), 0);
        assert_int_equal(read->state, s);
    }
}

static void test_not_there(void **state)
{
    static const uint64_t ids[] = {0, 1, 99, INT64_MAX, (uint64_t)INT64_MAX + 1, UINT64_MAX};
    struct place *place = *state;
    struct checkout *read = NULL;

    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
        assert_int_equal(store_get_checkout(place->store, ids[i], &read), -ENOENT);
    assert_null(read);
}

/* A number is never given twice, even where a crash took the row that had it. */
static void test_ids_are_not_used_again(void **state)
{
    struct place *place = *state;
    uint64_t first = insert(place, sample(STATE_PENDING));

    scene_tamper(place->path, "DELETE FROM checkout");
    assert_true(insert(place, sample(STATE_PENDING)) > first);
}

static void test_uuid_is_unique(void **state)
{
    struct place *place = *state;
    struct checkout checkout = sample(STATE_PENDING);

    insert(place, checkout);
    assert_int_equal(store_insert_checkout(place->store, &checkout), -EEXIST);
}

static void test_row_that_cannot_be(void **state)
{
    static const char *const wounds[] = {
        "UPDATE checkout SET state = 'none'",
        "UPDATE checkout SET state = 'open'",
        "UPDATE checkout SET state = ''",
        "UPDATE checkout SET \"end\" = -1",
        "UPDATE checkout SET person_uid = 4294967296",
        "UPDATE checkout SET person_uid = -1",
        "UPDATE checkout SET waiting = 2",
        "UPDATE checkout SET boot_id = '0123456789abcdef0123456789abcdef0'",
        "UPDATE checkout SET uuid = '0123456789abcdef0123456789abcdef01234567'",
        "UPDATE checkout SET person = 'al' || char(0) || 'ice'",
    };
    struct place *place = *state;

    for (size_t i = 0; i < sizeof(wounds) / sizeof(wounds[0]); i++) {
        uint64_t id = insert(place, sample(STATE_ACTIVE));
        struct checkout *read = NULL;
        struct checkouts found = {0};

        scene_tamper(place->path, wounds[i]);
        assert_int_equal(store_get_checkout(place->store, id, &read), -EIO);
        assert_null(read);
        (void)store_open_checkouts(place->store, 1001, 1006, &found);
        assert_int_equal(found.count, 0);
        assert_null(found.items);
        scene_tamper(place->path, "DELETE FROM checkout");
    }
}

static void test_decisions(void **state)
{
    struct place *place = *state;
    CLEANUP_CHECKOUT struct checkout *read = NULL;
    uint64_t id = insert(place, sample(STATE_PENDING));
    uint64_t other = insert(place, sample(STATE_PENDING));
    static const struct decision full = {.actor = (char *)"bob",
                                         .actor_uid = UINT32_MAX - 1,
                                         .actor_loginuid = UINT32_MAX,
                                         .verdict = DECISION_APPROVE,
                                         .reason = (char *)"\xc3\xbc",
                                         .time = INT64_MAX,
                                         .seconds = INT64_MAX - 1,
                                         .start = INT64_MAX - 2,
                                         .term = (char *)"security:1"};
    static const struct decision bare = {
        .actor = (char *)"carol", .actor_uid = 5, .verdict = DECISION_DENY};

    assert_int_equal(store_insert_decision(place->store, id, &full), 0);
    assert_int_equal(store_insert_decision(place->store, id, &full), -EEXIST);
    assert_int_equal(store_insert_decision(place->store, other, &full), 0);
    assert_int_equal(store_insert_decision(place->store, id, &bare), 0);
    assert_int_equal(store_insert_decision(place->store, 9999, &bare), -EIO); /* of nothing */
    reopen(place);
    assert_int_equal(store_get_checkout(place->store, id, &read), 0);
    assert_int_equal(read->n_decisions, 2);
    assert_string_equal(read->decisions[0].actor, "bob");
    assert_int_equal(read->decisions[0].actor_uid, UINT32_MAX - 1);
    assert_int_equal(read->decisions[0].actor_loginuid, UINT32_MAX);
    assert_int_equal(read->decisions[0].verdict, DECISION_APPROVE);
    assert_string_equal(read->decisions[0].reason, "\xc3\xbc");
    assert_int_equal(read->decisions[0].time, INT64_MAX);
    assert_int_equal(read->decisions[0].seconds, INT64_MAX - 1);
    assert_int_equal(read->decisions[0].start, INT64_MAX - 2);
    assert_string_equal(read->decisions[0].term, "security:1");
    assert_string_equal(read->decisions[1].actor, "carol");
    assert_int_equal(read->decisions[1].verdict, DECISION_DENY);
    assert_null(read->decisions[1].reason);
    assert_null(read->decisions[1].term);
}

static void test_many_decisions_in_order(void **state)
{
    struct place *place = *state;
    CLEANUP_CHECKOUT struct checkout *read = NULL;
    uint64_t id = insert(place, sample(STATE_PENDING));
    char name[16];

    for (uid_t i = 0; i < 40; i++) {
        struct decision decision = {.actor = name, .actor_uid = 2000 - i};

        (void)snprintf(name, sizeof(name), "user%u", i);
        assert_int_equal(store_insert_decision(place->store, id, &decision), 0);
    }
    assert_int_equal(store_get_checkout(place->store, id, &read), 0);
    assert_int_equal(read->n_decisions, 40);
    for (uid_t i = 0; i < 40; i++)
        assert_int_equal(read->decisions[i].actor_uid, 2000 - i);
}

static void test_sessions(void **state)
{
    struct place *place = *state;
    CLEANUP_SESSION struct session *found = NULL, *again = NULL;
    uint64_t id = insert(place, sample(STATE_ACTIVE));
    struct session first = {.session = (char *)"s1",
                            .checkout_id = id,
                            .person = (char *)"alice",
                            .account = (char *)"oracle",
                            .door = (char *)"sudo",
                            .service = (char *)"sudo",
                            .tty = (char *)"/dev/pts/1",
                            .rhost = (char *)"10.0.0.1",
                            .pid = UINT32_MAX,
                            .audit_session = UINT32_MAX,
                            .opened = INT64_MAX};
    struct session second = first;
    struct session **sessions = NULL;
    size_t count = 99;

    second.session = (char *)"s2";
    second.tty = second.rhost = NULL;
    assert_int_equal(store_find_session(place->store, UINT32_MAX, "sudo", &found), -ENOENT);
    assert_int_equal(store_insert_session(place->store, &first), 0);
    assert_int_equal(store_insert_session(place->store, &first), -EEXIST);
    assert_int_equal(store_insert_session(place->store, &second), 0);
    reopen(place);
    assert_int_equal(store_find_session(place->store, UINT32_MAX, "su", &found), -ENOENT);
    assert_int_equal(store_find_session(place->store, 1, "sudo", &found), -ENOENT);
    assert_int_equal(store_find_session(place->store, UINT32_MAX, "sudo", &found), 0);
    assert_string_equal(found->session, "s2"); /* the newest */
    assert_null(found->tty);
    assert_int_equal(found->closed, 0);
    assert_int_equal(store_close_session(place->store, "s2", 77, SESSION_CLOSED), 0);
    assert_int_equal(store_close_session(place->store, "s2", 78, SESSION_CLOSED),
                     -ENOENT); /* once */
    assert_int_equal(store_close_session(place->store, "s3", 78, SESSION_CLOSED), -ENOENT);
    assert_int_equal(store_find_session(place->store, UINT32_MAX, "sudo", &again), 0);
    assert_string_equal(again->session, "s1");
    assert_int_equal(store_sessions_of(place->store, id, &sessions, &count), 0);
    assert_int_equal(count, 2);
    assert_string_equal(sessions[0]->session, "s1");
    assert_string_equal(sessions[0]->rhost, "10.0.0.1");
    assert_int_equal(sessions[0]->pid, UINT32_MAX);
    assert_int_equal(sessions[0]->opened, INT64_MAX);
    assert_int_equal(sessions[1]->closed, 77);
    while (count > 0)
        session_free(sessions[--count]);
    free(sessions);
    assert_int_equal(store_sessions_of(place->store, id + 1, &sessions, &count), 0);
    assert_int_equal(count, 0);
    free(sessions);
}

/* ---- changes ---- */

static void test_update_from_the_expected_state_only(void **state)
{
    struct place *place = *state;
    CLEANUP_CHECKOUT struct checkout *read = NULL;
    struct checkout checkout = sample(STATE_PENDING);

    checkout.id = insert(place, checkout);
    checkout.state = STATE_APPROVED;
    for (enum checkout_state old = STATE_NONE; old < STATE_COUNT; old++)
        if (old != STATE_PENDING)
            assert_int_equal(store_update_checkout(place->store, &checkout, old), -ESTALE);
    assert_int_equal(store_update_checkout(place->store, &checkout, STATE_PENDING), 0);
    assert_int_equal(store_update_checkout(place->store, &checkout, STATE_PENDING), -ESTALE);
    checkout.id++;
    assert_int_equal(store_update_checkout(place->store, &checkout, STATE_APPROVED), -ESTALE);
    checkout.id--;

    /* what may change is written, what may not is not */
    checkout.state = STATE_ACTIVE;
    checkout.start_at = 1;
    checkout.approved_at = 2;
    checkout.use_by = 3;
    checkout.start = 4;
    checkout.end = 5;
    checkout.end_boot = 6;
    checkout.uses = 7;
    fill(checkout.digest, sizeof(checkout.digest), 'd');
    memcpy(checkout.boot_id, OTHER_BOOT, sizeof(checkout.boot_id));
    assert_int_equal(store_update_checkout(place->store, &checkout, STATE_APPROVED), 0);
    assert_int_equal(store_get_checkout(place->store, checkout.id, &read), 0);
    assert_same_checkout(read, &checkout);
    checkout_free(TAKE_PTR(read));

    struct checkout forged = checkout;

    forged.person = (char *)"mallory";
    forged.person_uid = 6;
    forged.account_uid = 0;
    forged.duration = 999999;
    forged.policy = (char *)"other";
    assert_int_equal(store_update_checkout(place->store, &forged, STATE_ACTIVE), 0);
    assert_int_equal(store_get_checkout(place->store, checkout.id, &read), 0);
    assert_same_checkout(read, &checkout);
}

/* ---- selections ---- */

static void assert_ids(const struct checkouts *found, const char *expected)
{
    char text[512] = "";

    for (size_t i = 0; i < found->count; i++)
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%llu", i ? " " : "",
                       (unsigned long long)found->items[i]->id);
    assert_string_equal(text, expected);
}

static void test_open_and_holders(void **state)
{
    struct place *place = *state;
    struct checkouts found = {0};
    char all[64] = "", held[64] = "";

    for (enum checkout_state s = STATE_PENDING; s < STATE_COUNT; s++) {
        struct checkout other_person = sample(s), other_account = sample(s);
        uint64_t id = insert(place, sample(s));

        other_person.person_uid = 1002;
        other_account.account_uid = 0;
        insert(place, other_account);
        if (s == STATE_PENDING || s == STATE_APPROVED || s == STATE_ACTIVE)
            (void)snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%llu", *all ? " " : "",
                           (unsigned long long)id);
        if (s == STATE_APPROVED || s == STATE_ACTIVE)
            (void)snprintf(held + strlen(held), sizeof(held) - strlen(held), "%s%llu %llu",
                           *held ? " " : "", (unsigned long long)id,
                           (unsigned long long)insert(place, other_person));
        else
            insert(place, other_person);
    }
    assert_int_equal(store_open_checkouts(place->store, 1001, 1006, &found), 0);
    assert_ids(&found, all);
    checkouts_clear(&found);
    assert_int_equal(store_holders(place->store, 1006, &found), 0);
    assert_ids(&found, held);
    checkouts_clear(&found);
    assert_int_equal(store_open_checkouts(place->store, 1006, 1001, &found), 0);
    assert_int_equal(found.count, 0);
    checkouts_clear(&found);
    assert_int_equal(store_holders(place->store, 4711, &found), 0);
    assert_int_equal(found.count, 0);
    checkouts_clear(&found);
}

static struct checkout_filter everything(void)
{
    return (struct checkout_filter){.person_uid = UID_UNSET, .seen_by = UID_UNSET, .limit = 100};
}

static void assert_list(struct place *place, const struct checkout_filter *filter,
                        const char *expected)
{
    CLEANUP_CHECKOUTS struct checkouts found = {0};

    assert_int_equal(store_list(place->store, filter, &found), 0);
    assert_ids(&found, expected);
}

static void test_list_filters(void **state)
{
    struct place *place = *state;
    struct checkout checkout = sample(STATE_PENDING);
    struct decision decision = {.actor = (char *)"bob", .actor_uid = 1002};
    struct checkout_filter filter;

    insert(place, checkout); /* 1 */
    checkout = sample(STATE_ACTIVE);
    checkout.person = (char *)"erin";
    checkout.person_uid = 1005;
    checkout.requested = 200;
    insert(place, checkout); /* 2 */
    checkout = sample(STATE_EXPIRED);
    checkout.account = (char *)"root";
    checkout.account_uid = 0;
    checkout.requested = 300;
    insert(place, checkout); /* 3 */
    checkout = sample(STATE_PENDING);
    checkout.extends = 2;
    checkout.requested = 400;
    insert(place, checkout); /* 4 */
    assert_int_equal(store_insert_decision(place->store, 2, &decision), 0);
    assert_int_equal(store_insert_decision(place->store, 3, &decision), 0);

    filter = everything();
    assert_list(place, &filter, "1 2 3 4");
    filter.person = "alice";
    assert_list(place, &filter, "1 3 4");
    filter.account = "root";
    assert_list(place, &filter, "3");
    filter = everything();
    filter.person = "ali%";
    assert_list(place, &filter, "");
    filter = everything();
    filter.person_uid = 1005;
    assert_list(place, &filter, "2");
    filter.person_uid = 0;
    assert_list(place, &filter, "");
    filter = everything();
    filter.states = 1u << STATE_PENDING | 1u << STATE_EXPIRED;
    assert_list(place, &filter, "1 3 4");
    filter.states = 1u << STATE_LAPSED;
    assert_list(place, &filter, "");
    filter.states = (1u << STATE_COUNT) - 2;
    assert_list(place, &filter, "1 2 3 4");
    filter = everything();
    filter.since = 200; /* [since, until) */
    assert_list(place, &filter, "2 3 4");
    filter.until = 300;
    assert_list(place, &filter, "2");
    filter.until = UINT64_MAX;
    assert_list(place, &filter, "2 3 4");
    filter.since = UINT64_MAX;
    assert_list(place, &filter, "");
    filter = everything();
    filter.approver = "bob";
    assert_list(place, &filter, "2 3");
    filter.states = 1u << STATE_ACTIVE;
    assert_list(place, &filter, "2");
    filter = everything();
    filter.seen_by = 1002; /* decided about */
    assert_list(place, &filter, "2 3");
    filter.seen_by = 1005; /* asked for */
    assert_list(place, &filter, "2");
    filter.after = 2;
    assert_list(place, &filter, "");
    filter.after = 0;
    filter.states = 1u << STATE_EXPIRED | 1u << STATE_PENDING;
    filter.seen_by = 1001;
    assert_list(place, &filter, "1 3 4");
    filter.seen_by = 4711;
    assert_list(place, &filter, "");
    filter = everything();
    filter.extends = 2;
    assert_list(place, &filter, "4");
    filter = everything();
    filter.after = 2;
    assert_list(place, &filter, "3 4");
    filter.limit = 1;
    assert_list(place, &filter, "3");
    filter.after = 4;
    assert_list(place, &filter, "");
    filter.after = INT64_MAX;
    assert_list(place, &filter, "");
    filter.after = UINT64_MAX;
    assert_list(place, &filter, "");
}

/* Whoever pages through sees every row that was there at the beginning once, in order. */
static void test_paging_while_rows_arrive(void **state)
{
    struct place *place = *state;
    struct checkout_filter filter = everything();
    uint64_t last = 0, seen = 0;

    for (int i = 0; i < 25; i++)
        insert(place, sample(STATE_PENDING));
    filter.limit = 4;
    for (int page = 0; page < 100; page++) {
        CLEANUP_CHECKOUTS struct checkouts found = {0};

        assert_int_equal(store_list(place->store, &filter, &found), 0);
        for (size_t i = 0; i < found.count; i++) {
            assert_true(found.items[i]->id == last + 1);
            last = found.items[i]->id;
            seen++;
        }
        if (found.count < filter.limit)
            break;
        filter.after = last;
        if (page < 3)
            insert(place, sample(STATE_PENDING));
    }
    assert_int_equal(seen, 28);
}

/* ---- time ---- */

static struct moment at(uint64_t wall, uint64_t boot, const char *boot_id)
{
    struct moment now = {.wall = wall, .boot = boot};

    (void)snprintf(now.boot_id, sizeof(now.boot_id), "%s", boot_id);
    return now;
}

static bool is_due(struct place *place, uint64_t id, uint64_t wall, uint64_t boot,
                   const char *boot_id)
{
    struct moment now = at(wall, boot, boot_id);
    uint64_t *ids = NULL;
    size_t count = 0;
    bool found = false;

    assert_int_equal(store_due(place->store, &now, &ids, &count), 0);
    for (size_t i = 0; i < count; i++) {
        found = found || ids[i] == id;
        assert_true(i == 0 || ids[i] > ids[i - 1]);
    }
    free(ids);
    return found;
}

static void test_due_pending(void **state)
{
    struct place *place = *state;
    struct checkout checkout = sample(STATE_PENDING);
    uint64_t id;

    checkout.lapses = 1000;
    id = insert(place, checkout);
    assert_false(is_due(place, id, 999, 50, BOOT));
    assert_true(is_due(place, id, 1000, 50, BOOT));
    assert_true(is_due(place, id, 1001, 50, BOOT));
    assert_false(is_due(place, id, 999, UINT32_MAX, OTHER_BOOT)); /* waits over a reboot */
}

static void test_due_approved(void **state)
{
    struct place *place = *state;
    struct checkout scheduled = sample(STATE_APPROVED), unused = sample(STATE_APPROVED);
    uint64_t id;

    scheduled.start_at = 1000;
    id = insert(place, scheduled);
    assert_false(is_due(place, id, 999, 50, BOOT));
    assert_true(is_due(place, id, 1000, 50, BOOT));
    assert_true(is_due(place, id, 999, 50, OTHER_BOOT));

    unused.start_at = 500;
    unused.use_by = 1000;
    unused.end_boot = 80;
    id = insert(place, unused);
    assert_false(is_due(place, id, 999, 50, BOOT));
    assert_true(is_due(place, id, 1000, 50, BOOT));
    /* the boot clock says when an unused one is over, too */
    assert_false(is_due(place, id, 10, 79, BOOT));
    assert_true(is_due(place, id, 10, 80, BOOT));
    assert_true(is_due(place, id, 10, 50, OTHER_BOOT));
}

static void test_due_active(void **state)
{
    struct place *place = *state;
    struct checkout checkout = sample(STATE_ACTIVE);
    uint64_t id, survivor;

    checkout.start = 500;
    checkout.end = 1000;
    checkout.end_boot = 80;
    id = insert(place, checkout);
    assert_false(is_due(place, id, 999, 79, BOOT));
    assert_true(is_due(place, id, 1000, 79, BOOT));
    assert_true(is_due(place, id, 999, 80, BOOT));
    assert_true(is_due(place, id, 1, 80, BOOT));
    assert_true(is_due(place, id, 999, 1, OTHER_BOOT));

    /* one that survives a reboot needs its boot-clock end anew */
    checkout = sample(STATE_ACTIVE);
    checkout.start = 500;
    checkout.end = 1000;
    checkout.end_boot = 80;
    checkout.survive_reboot = true;
    survivor = insert(place, checkout);
    assert_false(is_due(place, survivor, 999, 79, BOOT));
    assert_true(is_due(place, survivor, 999, 1, OTHER_BOOT));
}

static void test_due_final(void **state)
{
    struct place *place = *state;

    for (enum checkout_state s = STATE_DENIED; s < STATE_COUNT; s++)
        assert_false(is_due(place, insert(place, sample(s)), INT64_MAX, INT64_MAX, OTHER_BOOT));
}

static void assert_next(struct place *place, uint64_t wall, uint64_t boot, uint64_t next_wall,
                        uint64_t next_boot)
{
    struct moment now = at(wall, boot, BOOT);
    uint64_t got_wall = 77, got_boot = 77;

    assert_int_equal(store_next_due(place->store, &now, &got_wall, &got_boot), 0);
    assert_int_equal(got_wall, next_wall);
    assert_int_equal(got_boot, next_boot);
}

static void test_next_due(void **state)
{
    struct place *place = *state;
    struct checkout checkout;

    assert_next(place, 1, 1, 0, 0);
    checkout = sample(STATE_PENDING);
    checkout.lapses = 4000;
    insert(place, checkout);
    assert_next(place, 1, 1, 4000, 0);
    assert_next(place, 3999, 1, 4000, 0);
    assert_next(place, 4000, 1, 0, 0);
    checkout = sample(STATE_APPROVED);
    checkout.start_at = 3000;
    insert(place, checkout);
    assert_next(place, 1, 1, 3000, 0);
    checkout = sample(STATE_APPROVED);
    checkout.use_by = 2000;
    checkout.start_at = 100;
    checkout.end_boot = 700;
    insert(place, checkout);
    assert_next(place, 150, 1, 2000, 700);
    checkout = sample(STATE_ACTIVE);
    checkout.end = 1000;
    checkout.end_boot = 600;
    insert(place, checkout);
    assert_next(place, 1, 599, 1000, 600);
    assert_next(place, 1, 600, 1000, 700);
    checkout = sample(STATE_ACTIVE);
    checkout.end = 900;
    checkout.end_boot = 5;
    memcpy(checkout.boot_id, OTHER_BOOT, sizeof(checkout.boot_id));
    insert(place, checkout);
    assert_next(place, 1, 1, 900, 600); /* another boot's clock says nothing */
    insert(place, sample(STATE_EXPIRED));
    assert_next(place, 4000, 700, 0, 0);
}

/* ---- caps ---- */

static void test_tally(void **state)
{
    struct place *place = *state;
    struct tally tally = {9, 9, 9, 9};
    struct checkout checkout;

    assert_int_equal(store_tally(place->store, 1001, 0, 1000, &tally), 0);
    assert_int_equal(tally.open + tally.pending + tally.recent + tally.pending_all, 0);
    for (enum checkout_state s = STATE_PENDING; s < STATE_COUNT; s++)
        insert(place, sample(s)); /* requested at 100 */
    checkout = sample(STATE_PENDING);
    checkout.person_uid = 1002;
    insert(place, checkout);
    checkout = sample(STATE_PENDING);
    checkout.requested = 99;
    insert(place, checkout);
    assert_int_equal(store_tally(place->store, 1001, 100, 100, &tally), 0);
    assert_int_equal(tally.open, 4);
    assert_int_equal(tally.pending, 2);
    assert_int_equal(tally.recent, STATE_COUNT - 1);
    assert_int_equal(tally.pending_all, 3);
    assert_int_equal(store_tally(place->store, 1001, 101, 1000, &tally), 0);
    assert_int_equal(tally.recent, 0);
    assert_int_equal(store_tally(place->store, 1001, 0, 99, &tally), 0);
    assert_int_equal(tally.recent, 1);
    assert_int_equal(store_tally(place->store, 4711, 0, 1000, &tally), 0);
    assert_int_equal(tally.open + tally.pending + tally.recent, 0);
}

/* ---- what it costs ---- */

/* Steps of SQLite's machine since the last time. */
static int steps_of(struct place *place)
{
    int steps = 0;

    for (size_t i = 0; i < STATEMENT_COUNT; i++)
        if (place->store->statements[i])
            steps += sqlite3_stmt_status(place->store->statements[i], SQLITE_STMTSTATUS_VM_STEP, 1);
    return steps;
}

static void ask_everything_hot(struct place *place)
{
    struct moment now = at(5000, 50, BOOT);
    CLEANUP_FREE uint64_t *ids = NULL;
    CLEANUP_CHECKOUTS struct checkouts open = {0}, held = {0};
    CLEANUP_SESSION struct session *session = NULL;
    struct tally tally;
    uint64_t wall, boot;
    size_t count;

    assert_int_equal(store_open_checkouts(place->store, 1001, 1006, &open), 0);
    assert_int_equal(open.count, 2);
    assert_int_equal(store_holders(place->store, 1006, &held), 0);
    assert_int_equal(held.count, 1);
    assert_int_equal(store_due(place->store, &now, &ids, &count), 0);
    assert_int_equal(count, 0);
    assert_int_equal(store_next_due(place->store, &now, &wall, &boot), 0);
    assert_int_equal(store_tally(place->store, 1001, 4940, 5000, &tally), 0);
    assert_int_equal(store_find_session(place->store, 7, "sudo", &session), -ENOENT);
}

/* A door's question and the clock's cost the same after ten years as on the first day. */
static void test_cost_does_not_grow_with_history(void **state)
{
    struct place *place = *state;
    struct checkout checkout = sample(STATE_PENDING);
    int young, old;

    checkout.lapses = 9000;
    insert(place, checkout);
    checkout = sample(STATE_ACTIVE);
    checkout.end = 9000;
    checkout.end_boot = 900;
    insert(place, checkout);
    ask_everything_hot(place);
    (void)steps_of(place);
    ask_everything_hot(place);
    young = steps_of(place);
    assert_true(young > 0);
    assert_int_equal(store_begin(place->store), 0);
    for (unsigned i = 0; i < 3000; i++) {
        struct session session = {.session = checkout.uuid,
                                  .person = (char *)"alice",
                                  .account = (char *)"oracle",
                                  .door = (char *)"sudo",
                                  .service = (char *)"sudo",
                                  .pid = i,
                                  .closed = 1};

        checkout = sample(STATE_DENIED + i % (STATE_COUNT - STATE_DENIED));
        checkout.person_uid = 1001 + i % 3;
        checkout.end_boot = i % 100;
        checkout.start_at = i % 5000;
        session.checkout_id = insert(place, checkout);
        assert_int_equal(store_insert_session(place->store, &session), 0);
    }
    assert_int_equal(store_commit(place->store), 0);
    ask_everything_hot(place);
    (void)steps_of(place);
    ask_everything_hot(place);
    old = steps_of(place);
    if (old > young + young / 10) /* how deep a tree is shows a little */
        fail_msg("%d steps, and %d with a history", young, old);
}

/* No statement but those that read one row anyway goes through a whole table. */
static void test_plans(void **state)
{
    struct place *place = *state;

    for (enum statement_id id = 0; id < STATEMENT_COUNT; id++) {
        CLEANUP_FINALIZE sqlite3_stmt *plan = NULL;
        sqlite3_stmt *statement = NULL;
        char *text;

        assert_int_equal(store_statement(place->store, id, &statement), 0);
        if (id == STATEMENT_HEAD || id == STATEMENT_CLOCK || id == STATEMENT_RAISE_CLOCK ||
            id == STATEMENT_JOURNAL_MARK || id == STATEMENT_RAISE_JOURNAL_MARK ||
            id == STATEMENT_POLICY_AT)
            continue;
        text = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", sqlite3_sql(statement));
        assert_int_equal(sqlite3_prepare_v2(place->store->database, text, -1, &plan, NULL),
                         SQLITE_OK);
        while (sqlite3_step(plan) == SQLITE_ROW) {
            const char *detail = (const char *)sqlite3_column_text(plan, 3);

            if (strncmp(detail, "SCAN ", 5) == 0 && strcmp(detail, "SCAN CONSTANT ROW") != 0 &&
                strcmp(detail, "SCAN (subquery-1)") != 0)
                fail_msg("%s: %s", detail, text);
        }
        sqlite3_free(text);
    }
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, place_setup, place_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_checkout_round_trip),
        TEST(test_every_state),
        TEST(test_not_there),
        TEST(test_ids_are_not_used_again),
        TEST(test_uuid_is_unique),
        TEST(test_row_that_cannot_be),
        TEST(test_decisions),
        TEST(test_many_decisions_in_order),
        TEST(test_sessions),
        TEST(test_update_from_the_expected_state_only),
        TEST(test_open_and_holders),
        TEST(test_list_filters),
        TEST(test_paging_while_rows_arrive),
        TEST(test_due_pending),
        TEST(test_due_approved),
        TEST(test_due_active),
        TEST(test_due_final),
        TEST(test_next_due),
        TEST(test_tally),
        TEST(test_cost_does_not_grow_with_history),
        TEST(test_plans),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
