/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "scene.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "model.h"

/* Random steps of several people, doors, clocks, policies and broker restarts, against the model.
 * On the first difference the seed and the last steps are printed; CHECKOUT_SEED repeats them,
 * CHECKOUT_STEPS sets how many there are. */

#define STEPS_DEFAULT 100000
#define LINES 40

static const char *const people[PEOPLE] = {"root", "alice", "bob", "carol", "dave", "erin"};
static const char *const accounts[ACCOUNTS] = {"oracle", "backup", "app", "root", "games"};
static const unsigned doors[] = {DOOR_SUDO, DOOR_SU, DOOR_SSH, DOOR_LOGIN};

#define REQUIRED .security = true, .quorum = 1
#define TIMES .duration = 3600, .max_duration = 7200, .pending_timeout = 1800, .use_within = 7200

static const struct rules rules_one[] = {
    {"plain", ORACLE, BIT(ALICE) | BIT(BOB) | BIT(ERIN), REQUIRED, TIMES, .max_open = 6},
    {"two", BACKUP, BIT(ALICE) | BIT(DAVE) | BIT(ERIN), .security = true, .managers = true,
     .approvers = BIT(ERIN), .one_of_each = true, TIMES, .exclusive = true, .first_use = true},
    {"auto", APP, BIT(ALICE) | BIT(BOB), .auto_approved = true, .duration = 600,
     .max_duration = 1200, .pending_timeout = 1800, .use_within = 7200, .uses = 2},
    {"boot", PRIVILEGED, BIT(ALICE) | BIT(CAROL) | BIT(ERIN), BIT(BOB), DOOR_SUDO | DOOR_SSH,
     .security = true, .approvers = BIT(DAVE), .quorum = 2, TIMES, .survive = true,
     .exclusive = true},
    {"boot-su", PRIVILEGED, BIT(ALICE) | BIT(DAVE), .doors = DOOR_SU, REQUIRED, TIMES,
     .survive = true, .first_use = true},
};
static const struct rules rules_other[] = {
    {"plain", ORACLE, BIT(ALICE) | BIT(ERIN), BIT(BOB), .managers = true, .quorum = 1,
     .duration = 1800, .max_duration = 2700, .pending_timeout = 600, .use_within = 7200,
     .exclusive = true},
    {"auto", APP, BIT(ALICE) | BIT(BOB), REQUIRED, TIMES, .uses = 1},
    {"boot", PRIVILEGED, BIT(ALICE) | BIT(CAROL) | BIT(ERIN), .security = true,
     .approvers = BIT(DAVE), .quorum = 1, TIMES, .first_use = true},
};

struct play {
    struct scene *scene;
    struct model model;
    uint64_t random;
    unsigned long step;
    char lines[LINES][160];
    unsigned long n_lines;
    uint64_t touched; /* the check-out that the step was about; 0: none */
    struct model_answer answer;
};

/* splitmix64: small, and the same everywhere */
static uint64_t next_random(struct play *play)
{
    uint64_t z = play->random += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static unsigned below(struct play *play, unsigned limit)
{
    return (unsigned)(next_random(play) % limit);
}

static bool chance(struct play *play, unsigned of)
{
    return below(play, of) == 0;
}

__attribute__((format(printf, 2, 3))) static void note(struct play *play, const char *format, ...)
{
    char *line = play->lines[play->n_lines++ % LINES];
    va_list arguments;
    int length = snprintf(line, sizeof(play->lines[0]), "%lu: ", play->step);

    va_start(arguments, format);
    (void)vsnprintf(line + length, sizeof(play->lines[0]) - (size_t)length, format, arguments);
    va_end(arguments);
}

__attribute__((format(printf, 2, 3), noreturn)) static void differ(struct play *play,
                                                                   const char *format, ...)
{
    va_list arguments;
    char text[512];

    for (unsigned long i = play->n_lines > LINES ? play->n_lines - LINES : 0; i < play->n_lines;
         i++)
        print_message("# %s\n", play->lines[i % LINES]);
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    fail_msg("%s", text);
    abort();
}

/* ---- the same on both sides ---- */

static void write_people(FILE *out, const char *key, unsigned mask, bool security, bool managers)
{
    const char *joint = "";

    if (!mask && !security && !managers)
        return;
    fprintf(out, "%s = ", key);
    for (enum person p = ROOT; p < PEOPLE; p++)
        if (mask & BIT(p)) {
            fprintf(out, "%s%s", joint, people[p]);
            joint = ", ";
        }
    fprintf(out, "%s%s%s%s\n", security ? joint : "", security ? "%security" : "",
            managers ? (security || *joint ? ", " : "") : "", managers ? "%managers" : "");
}

static char *rules_text(const struct rules *rules, size_t count)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    for (size_t i = 0; i < count; i++, rules++) {
        fprintf(out, "[policy %s]\naccounts = %s\nduration = %llus\nmax-duration = %llus\n",
                rules->name, accounts[rules->account], (unsigned long long)rules->duration,
                (unsigned long long)rules->max_duration);
        if (!rules->auto_approved)
            fprintf(out, "pending-timeout = %llus\n", (unsigned long long)rules->pending_timeout);
        write_people(out, "requesters", rules->requesters, false, false);
        write_people(out, "exempt", rules->exempt, false, false);
        write_people(out, "approvers", rules->approvers, rules->security, rules->managers);
        for (size_t k = 0; k < 4; k++)
            if (rules->doors & doors[k])
                fprintf(out, "doors = %s\n", door_name(doors[k]));
        if (rules->auto_approved)
            fputs("approval = none\n", out);
        else if (rules->one_of_each)
            fputs("quorum = security:1 & managers:1\n", out);
        else
            fprintf(out, "quorum = %u\n", rules->quorum);
        if (rules->first_use)
            fprintf(out, "clock = first-use\nuse-within = %llus\n",
                    (unsigned long long)rules->use_within);
        if (rules->exclusive)
            fputs("exclusive = yes\n", out);
        if (rules->survive)
            fputs("survive-reboot = yes\n", out);
        if (rules->uses)
            fprintf(out, "uses = %u\n", rules->uses);
        if (rules->max_open)
            fprintf(out, "max-open = %u\n", rules->max_open);
    }
    assert_int_equal(fclose(out), 0);
    return text;
}

static void load_rules(struct play *play, const struct rules *rules, size_t count)
{
    CLEANUP_FREE char *text = rules_text(rules, count);

    play->model.rules = rules;
    play->model.n_rules = count;
    scene_policies(play->scene, text);
}

static void set_groups(struct play *play)
{
    for (enum person p = ALICE; p < PEOPLE; p++)
        (void)snprintf(scene_user(play->scene, people[p])->groups,
                       sizeof(play->scene->users[0].groups), "users%s%s",
                       play->model.security & BIT(p) ? " security" : "",
                       play->model.managers & BIT(p) ? " managers" : "");
}

static void set_clocks(struct play *play)
{
    play->scene->now.wall = play->model.wall;
    play->scene->now.boot = play->model.boot_clock;
    (void)snprintf(play->scene->now.boot_id, sizeof(play->scene->now.boot_id), "%032x",
                   play->model.boot);
}

static void tick(struct play *play)
{
    scene_tick(play->scene);
    model_time(&play->model);
}

/* Before a clock goes back: everything is done that is due, and the time is on record. */
static void settle(struct play *play)
{
    tick(play);
    if (ledger_note(play->scene->ledger, EVENT_JOURNAL_GAP, NULL, &play->scene->now,
                    &play->scene->error) != 0)
        differ(play, "%s", play->scene->error.text);
    if (play->model.highest_wall < play->model.wall)
        play->model.highest_wall = play->model.wall;
}

static void compare_one(struct play *play, uint64_t id)
{
    const struct model_checkout *c = &play->model.all[id];
    CLEANUP_CHECKOUT struct checkout *stored = scene_checkout(play->scene, id);
    bool same = stored->state == c->state && stored->uses == c->uses &&
                stored->requested == c->requested && stored->lapses == c->lapses &&
                stored->use_by == c->use_by && stored->extends == c->extends &&
                stored->n_decisions == c->n_decisions + (c->state == STATE_DENIED);

    if (!c->extends) /* one that was applied has the window that it made */
        same = same && stored->start == c->start && stored->end == c->end;
    if (c->state == STATE_ACTIVE)
        same = same && stored->end_boot == c->end_boot;
    if (same)
        return;
    differ(
        play,
        "number %llu is %s (uses %u, lapses %llu, start %llu, end %llu or %llu, use by %llu), not "
        "%s (%u, %llu, %llu, %llu or %llu, %llu)",
        (unsigned long long)id, state_name(stored->state), stored->uses,
        (unsigned long long)stored->lapses, (unsigned long long)stored->start,
        (unsigned long long)stored->end, (unsigned long long)stored->end_boot,
        (unsigned long long)stored->use_by, state_name(c->state), c->uses,
        (unsigned long long)c->lapses, (unsigned long long)c->start, (unsigned long long)c->end,
        (unsigned long long)c->end_boot, (unsigned long long)c->use_by);
}

static void compare_all(struct play *play)
{
    int64_t open;

    tick(play);
    for (size_t i = 0; i < play->model.n_open; i++)
        compare_one(play, play->model.open[i]);
    open = scene_number(play->scene, "SELECT count(*) FROM checkout"
                                     " WHERE state IN ('pending', 'approved', 'active')");
    if (open != (int64_t)play->model.n_open)
        differ(play, "%lld are open, not %zu", (long long)open, play->model.n_open);
    open = scene_number(play->scene, "SELECT count(*) FROM checkout");
    if (open != (int64_t)play->model.last)
        differ(play, "there are %lld, not %llu", (long long)open,
               (unsigned long long)play->model.last);
}

/* ---- steps ---- */

static enum person anybody(struct play *play)
{
    return chance(play, 40) ? ROOT : (enum person)(ALICE + below(play, PEOPLE - ALICE));
}

static enum account any_account(struct play *play)
{
    return chance(play, 40) ? GAMES : (enum account)below(play, GAMES);
}

/* Mostly one that is open, now and then one that is over or was never there. */
static uint64_t any_id(struct play *play)
{
    if (play->model.n_open && !chance(play, 8))
        return play->model.open[below(play, (unsigned)play->model.n_open)];
    return next_random(play) % (play->model.last + 2);
}

static void check_refusals(struct play *play, int r, refusals no)
{
    if (r == 0 ? no != 0 : !(no & BIT(r)))
        differ(play, "%s (%s), not one of %#x", r ? error_short_name((enum error_code)r) : "done",
               r ? play->scene->error.text : "", no);
}

static void check_id(struct play *play, int r, uint64_t id, uint64_t same)
{
    if (r == 0 && id != (same ? same : play->model.last))
        differ(play, "number %llu, not %llu", (unsigned long long)id,
               (unsigned long long)(same ? same : play->model.last));
    play->touched = r == 0 ? id : 0;
}

static bool is_expected(const struct model_answer *answer, uint64_t id)
{
    for (size_t i = 0; i < answer->n_ids; i++)
        if (answer->ids[i] == id)
            return true;
    return false;
}

static void step_door(struct play *play, bool session)
{
    struct scene *scene = play->scene;
    enum person person = anybody(play);
    enum account account = any_account(play);
    unsigned door = doors[below(play, 3)];
    bool only_asks = !session && door == DOOR_SUDO && chance(play, 10), waits = chance(play, 3);
    struct login login = scene_login(scene, door, people[person], accounts[account]);
    enum verdict_kind kind;

    login.command = only_asks ? "list" : "/bin/sh";
    login.wait_seconds = waits ? 30 : 0;
    note(play, "%s: %s enters %s by %s%s%s", session ? "open" : "ask", people[person],
         accounts[account], door_name(door), only_asks ? ", lists" : "", waits ? ", waits" : "");
    model_ask(&play->model, person, account, door, only_asks, waits, &play->answer);
    login.pid = (uint32_t)play->step + 1; /* a process of its own each time */
    kind = session ? scene_open(scene, &login) : scene_ask(scene, &login);
    if (kind != play->answer.kind)
        differ(play, "%s (%s), not %s", verdict_name(kind), scene->verdict.message,
               verdict_name(play->answer.kind));
    if (kind != VERDICT_ALLOW && kind != VERDICT_PENDING)
        return;
    if (!is_expected(&play->answer, scene->verdict.id))
        differ(play, "%s by number %llu", verdict_name(kind),
               (unsigned long long)scene->verdict.id);
    play->touched = scene->verdict.id;
    if (kind != VERDICT_ALLOW)
        return;
    model_entered(&play->model, scene->verdict.id, session);
    uint64_t closes = model_closes(&play->model, scene->verdict.id);

    if (scene->verdict.end != closes)
        differ(play, "until %llu, not %llu", (unsigned long long)scene->verdict.end,
               (unsigned long long)closes);
}

static void step_resume(struct play *play)
{
    uint64_t id = any_id(play);
    const struct model_checkout *c = &play->model.all[id];
    bool own = id >= 1 && id <= play->model.last && !chance(play, 10);
    enum person person = own ? c->person : anybody(play);
    enum account account = own ? c->account : any_account(play);
    unsigned door = own && c->door ? c->door : doors[below(play, 3)];
    struct login login = scene_login(play->scene, door, people[person], accounts[account]);
    enum verdict_kind kind, expected;

    note(play, "resume %llu: %s enters %s by %s", (unsigned long long)id, people[person],
         accounts[account], door_name(door));
    expected = model_resume(&play->model, id, person, account, door);
    kind = scene_resume(play->scene, id, &login);
    if (kind != expected)
        differ(play, "%s (%s), not %s", verdict_name(kind), play->scene->verdict.message,
               verdict_name(expected));
    play->touched = own ? id : 0;
}

/* In seconds from now; most ask for nothing of the kind. */
static uint64_t any_start(struct play *play)
{
    static const uint64_t offsets[] = {0, 1, 60, 1800, 3600, 7200, 366 * 86400, 366 * 86400 + 1};

    return chance(play, 5) ? play->model.wall + offsets[below(play, 8)] : 0;
}

static uint64_t any_duration(struct play *play)
{
    static const uint64_t durations[] = {1, 300, 900, 1800, 2700, 3600, 7200, 7201};

    return chance(play, 3) ? durations[below(play, 8)] : 0;
}

static void step_request(struct play *play)
{
    enum person person = anybody(play);
    enum account account = any_account(play);
    struct request request = {.account = accounts[account],
                              .reason = "x",
                              .door = chance(play, 3) ? doors[below(play, 3)] : 0,
                              .duration = any_duration(play),
                              .start = any_start(play)};
    uint64_t id = 0, same = 0;
    refusals no;
    int r;

    note(play, "request: %s wants %s, door %u, for %llu, at %llu", people[person],
         accounts[account], request.door, (unsigned long long)request.duration,
         (unsigned long long)request.start);
    no = model_request(&play->model, person, account, request.door, request.duration, request.start,
                       &same);
    r = scene_request(play->scene, people[person], &request, &id);
    check_refusals(play, r, no);
    check_id(play, r, id, same);
}

static void step_grant(struct play *play)
{
    enum person granter = anybody(play), person = anybody(play);
    enum account account = any_account(play);
    struct request request = {.account = accounts[account],
                              .reason = "x",
                              .duration = any_duration(play),
                              .start = any_start(play)};
    uint64_t id = 0;
    refusals no;
    int r;

    note(play, "grant: %s gives %s to %s, for %llu, at %llu", people[granter], accounts[account],
         people[person], (unsigned long long)request.duration, (unsigned long long)request.start);
    no = model_grant(&play->model, granter, person, account, request.duration, request.start);
    r = scene_grant(play->scene, people[granter], people[person], &request, &id);
    check_refusals(play, r, no);
    check_id(play, r, id, 0);
}

static void step_extend(struct play *play)
{
    uint64_t id = any_id(play), new_id = 0, same = 0, seconds = 60 + below(play, 4000);
    enum person person = id >= 1 && id <= play->model.last && !chance(play, 6)
                             ? play->model.all[id].person
                             : anybody(play);
    refusals no;
    int r;

    if (id >= 1 && id <= play->model.last && play->model.all[id].extends)
        return; /* one that is final like any other, and never active */
    note(play, "extend %llu: %s by %llu", (unsigned long long)id, people[person],
         (unsigned long long)seconds);
    no = model_extend(&play->model, person, id, seconds, &same);
    r = scene_extend(play->scene, people[person], id, seconds, &new_id);
    check_refusals(play, r, no);
    check_id(play, r, new_id, same);
}

static void step_approve(struct play *play)
{
    uint64_t id = any_id(play), start = any_start(play), seconds = any_duration(play);
    bool there = id >= 1 && id <= play->model.last, right = !chance(play, 20);
    enum person person = anybody(play);
    CLEANUP_CHECKOUT struct checkout *checkout = there ? scene_checkout(play->scene, id) : NULL;
    struct approval_terms terms = {
        .digest = there && right ? checkout->digest : "0000", .duration = seconds, .start = start};
    refusals no;
    int r;

    if (there && play->model.all[id].extends)
        terms.start = start = 0;
    note(play, "approve %llu: %s, for %llu, at %llu%s", (unsigned long long)id, people[person],
         (unsigned long long)seconds, (unsigned long long)start, right ? "" : ", unseen");
    no = model_approve(&play->model, person, id, right, seconds, start);
    r = scene_approve_with(play->scene, people[person], id, &terms);
    check_refusals(play, r, no);
    play->touched = there ? id : 0;
}

static void step_on(struct play *play, const char *word,
                    refusals (*expect)(struct model *model, enum person person, uint64_t id),
                    int (*act)(struct scene *scene, const char *person, uint64_t id), bool own)
{
    uint64_t id = any_id(play);
    bool there = id >= 1 && id <= play->model.last;
    enum person person =
        own && there && !chance(play, 6) ? play->model.all[id].person : anybody(play);
    refusals no;
    int r;

    note(play, "%s %llu: %s", word, (unsigned long long)id, people[person]);
    no = expect(&play->model, person, id);
    r = act(play->scene, people[person], id);
    check_refusals(play, r, no);
    play->touched = there ? id : 0;
}

static void step_abandon(struct play *play)
{
    uint64_t id = any_id(play);
    refusals no;
    int r;

    note(play, "abandon %llu", (unsigned long long)id);
    no = model_abandon(&play->model, id);
    r = ledger_abandon(play->scene->ledger, id, &play->scene->now, &play->scene->error);
    check_refusals(play, r, no);
    play->touched = no ? 0 : id;
}

static void pass(struct play *play, uint64_t seconds)
{
    note(play, "%llu seconds go by", (unsigned long long)seconds);
    play->model.wall += seconds;
    play->model.boot_clock += seconds;
    set_clocks(play);
}

/* To the moment when something happens, or to the one before. */
static void step_to_boundary(struct play *play)
{
    const struct model_checkout *c;
    uint64_t when = 0;

    if (play->model.n_open == 0)
        return;
    c = &play->model.all[play->model.open[below(play, (unsigned)play->model.n_open)]];
    when = c->state == STATE_PENDING  ? c->lapses
           : c->state == STATE_ACTIVE ? c->end
           : c->use_by                ? c->use_by
                                      : c->start_at;
    when -= chance(play, 2);
    if (when > play->model.wall && when - play->model.wall < 10000)
        pass(play, when - play->model.wall);
}

static void step_clock_is_set(struct play *play)
{
    uint64_t by = 1 + below(play, 7200);
    bool back = chance(play, 2);

    note(play, "the clock is set %s by %llu", back ? "back" : "forward", (unsigned long long)by);
    settle(play);
    play->model.wall += back ? -by : by;
    set_clocks(play);
}

/* As the broker does: the policies are read, and then time does its work before a door is open. */
static void start_again(struct play *play)
{
    scene_restart(play->scene, NULL);
    load_rules(play, play->model.rules, play->model.n_rules);
    tick(play);
}

static void step_reboot(struct play *play)
{
    uint64_t off = below(play, 3) ? below(play, 300) : below(play, 6000);
    bool back = chance(play, 4);

    note(play, "reboot, %s%llu", back ? "back " : "", (unsigned long long)off);
    settle(play);
    play->model.wall += back ? -off : off;
    play->model.boot++;
    play->model.boot_clock = below(play, 60);
    set_clocks(play);
    start_again(play);
}

static void step_rare(struct play *play)
{
    switch (below(play, 5)) {
    case 0:
        step_clock_is_set(play);
        break;
    case 1:
        step_reboot(play);
        break;
    case 2:
        note(play, "the broker starts again");
        settle(play);
        start_again(play);
        break;
    case 3:
        note(play, "other policies");
        if (play->model.rules == rules_one)
            load_rules(play, rules_other, sizeof(rules_other) / sizeof(rules_other[0]));
        else
            load_rules(play, rules_one, sizeof(rules_one) / sizeof(rules_one[0]));
        break;
    default:
        *(chance(play, 2) ? &play->model.security : &play->model.managers) ^=
            BIT(ALICE + below(play, PEOPLE - ALICE));
        note(play, "security is %#x, managers %#x", play->model.security, play->model.managers);
        set_groups(play);
        break;
    }
}

static void step(struct play *play)
{
    unsigned which = below(play, 1000);

    play->touched = 0;
    if (which < 8)
        step_rare(play);
    else if (which < 230)
        pass(play, 1 + below(play, which < 200 ? 60 : 1500));
    else if (which < 260)
        step_to_boundary(play);
    else if (which < 420)
        step_door(play, false);
    else if (which < 500)
        step_door(play, true);
    else if (which < 560)
        step_resume(play);
    else if (which < 660)
        step_request(play);
    else if (which < 690)
        step_grant(play);
    else if (which < 730)
        step_extend(play);
    else if (which < 890)
        step_approve(play);
    else if (which < 910)
        step_on(play, "deny", model_deny, scene_deny, false);
    else if (which < 930)
        step_on(play, "cancel", model_cancel, scene_cancel, true);
    else if (which < 960)
        step_on(play, "check in", model_check_in, scene_check_in, true);
    else if (which < 980)
        step_on(play, "revoke", model_revoke, scene_revoke, false);
    else
        step_abandon(play);
    if (chance(play, 2) && play->touched) {
        tick(play);
        compare_one(play, play->touched);
    }
    if (play->step % 64 == 0)
        compare_all(play);
}

static uint64_t number_from(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);

    return text ? strtoull(text, NULL, 0) : otherwise;
}

static void test_model(void **state)
{
    struct play *play = calloc(1, sizeof(*play));
    unsigned long steps = (unsigned long)number_from("CHECKOUT_STEPS", STEPS_DEFAULT);
    uint64_t seed = 0;

    assert_non_null(play);
    assert_int_equal(getrandom(&seed, sizeof(seed), 0), sizeof(seed));
    seed = number_from("CHECKOUT_SEED", seed >> 32);
    print_message("# CHECKOUT_SEED=%llu CHECKOUT_STEPS=%lu\n", (unsigned long long)seed, steps);
    play->random = seed;
    play->scene = *state;
    scene_add_user(play->scene, "app", 1008, "");
    scene_add_user(play->scene, "games", 1009, "");
    play->model.all = calloc(MODEL_MAX, sizeof(*play->model.all));
    assert_non_null(play->model.all);
    play->model.security = BIT(BOB) | BIT(CAROL);
    play->model.managers = BIT(CAROL) | BIT(DAVE);
    play->model.wall = SCENE_WALL;
    play->model.boot_clock = SCENE_BOOT;
    play->model.boot = 1;
    set_clocks(play);
    set_groups(play);
    load_rules(play, rules_one, sizeof(rules_one) / sizeof(rules_one[0]));
    for (play->step = 1; play->step <= steps && play->model.last < MODEL_MAX - 10; play->step++)
        step(play);
    compare_all(play);
    for (uint64_t id = 1; id <= play->model.last; id += 1 + play->model.last / 2000)
        compare_one(play, id);
    print_message("# %llu requests and check-outs, %lld records\n",
                  (unsigned long long)play->model.last,
                  (long long)scene_number(play->scene, "SELECT count(*) FROM audit"));
    free(play->model.all);
    free(play);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_model, scene_setup, scene_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
