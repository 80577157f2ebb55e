/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model.h"

#include <assert.h>
#include <string.h>

#define YEAR (UINT64_C(366) * 24 * 3600)

static bool is_final(enum checkout_state state)
{
    return state != STATE_PENDING && state != STATE_APPROVED && state != STATE_ACTIVE;
}

static struct model_checkout *find(struct model *model, uint64_t id)
{
    return id >= 1 && id <= model->last ? &model->all[id] : NULL;
}

static uint64_t granted(const struct model_checkout *c)
{
    uint64_t seconds = c->duration;

    for (size_t i = 0; i < c->n_decisions; i++)
        if (c->decisions[i].seconds && c->decisions[i].seconds < seconds)
            seconds = c->decisions[i].seconds;
    return seconds;
}

/* ---- time ---- */

static uint64_t boot_clock_at(const struct model *model, uint64_t wall)
{
    return model->boot_clock + (wall > model->wall ? wall - model->wall : 0);
}

static void open_window(struct model *model, struct model_checkout *c, uint64_t start)
{
    c->state = STATE_ACTIVE;
    c->boot = model->boot;
    c->start = start;
    c->end = start + granted(c);
    c->end_boot = boot_clock_at(model, c->end);
}

static void age(struct model *model, struct model_checkout *c)
{
    if (c->state == STATE_PENDING) {
        if (c->lapses <= model->wall)
            c->state = STATE_LAPSED;
        return;
    }
    if (c->boot != model->boot) {
        if (!c->rules->survive || model->wall < model->highest_wall) {
            c->state = STATE_EXPIRED;
            return;
        }
        c->boot = model->boot;
        c->end_boot = boot_clock_at(model, c->start ? c->end : c->use_by);
    }
    if (c->state == STATE_APPROVED && !c->use_by && c->start_at <= model->wall)
        open_window(model, c, c->start_at ? c->start_at : model->wall);
    if (c->state == STATE_APPROVED && c->use_by &&
        (c->use_by <= model->wall || c->end_boot <= model->boot_clock))
        c->state = STATE_EXPIRED;
    if (c->state == STATE_ACTIVE && (c->end <= model->wall || c->end_boot <= model->boot_clock))
        c->state = STATE_EXPIRED;
}

void model_time(struct model *model)
{
    size_t kept = 0;

    for (size_t i = 0; i < model->n_open; i++) {
        struct model_checkout *c = &model->all[model->open[i]];

        if (!is_final(c->state))
            age(model, c);
        if (!is_final(c->state))
            model->open[kept++] = model->open[i];
    }
    model->n_open = kept;
}

/* ---- policy ---- */

enum outcome { UNMANAGED, NOBODY, EXEMPT, DECIDES };

static enum outcome decide(const struct model *model, enum person person, enum account account,
                           unsigned door, const struct rules **ret_rules)
{
    bool managed = false;

    for (size_t i = 0; i < model->n_rules; i++) {
        const struct rules *rules = &model->rules[i];

        if (rules->account != account)
            continue;
        managed = true;
        if (door && rules->doors && !(rules->doors & door))
            continue;
        if (rules->exempt & BIT(person))
            return EXEMPT;
        if (!(rules->requesters & BIT(person)))
            continue;
        *ret_rules = rules;
        return DECIDES;
    }
    return managed ? NOBODY : UNMANAGED;
}

/* Today's policy of the name under which it was filed. */
static const struct rules *todays(const struct model *model, const struct rules *then)
{
    for (size_t i = 0; i < model->n_rules; i++)
        if (strcmp(model->rules[i].name, then->name) == 0)
            return &model->rules[i];
    return NULL;
}

static bool is_approver(const struct model *model, const struct rules *rules, enum person person)
{
    return (rules->approvers & BIT(person)) ||
           (rules->security && (model->security & BIT(person))) ||
           (rules->managers && (model->managers & BIT(person)));
}

/* How many places of the quorum these people fill together, one each. */
static unsigned filled(const struct model *model, const struct rules *rules, unsigned people)
{
    unsigned count = 0, security, managers;

    for (enum person p = ROOT; p < PEOPLE; p++)
        if ((people & BIT(p)) && !is_approver(model, rules, p))
            people &= ~BIT(p);
    if (!rules->one_of_each) {
        for (; people; people &= people - 1)
            count++;
        return count < rules->quorum ? count : rules->quorum;
    }
    security = people & model->security;
    managers = people & model->managers;
    if (security && managers) /* one who is in both fills one */
        return security == managers && !(security & (security - 1)) ? 1 : 2;
    return security || managers ? 1 : 0;
}

static unsigned places(const struct rules *rules)
{
    return rules->one_of_each ? 2 : rules->quorum;
}

static unsigned everybody_but(enum person person)
{
    return (BIT(PEOPLE) - 1) & ~BIT(ROOT) & ~BIT(person);
}

/* ---- filing ---- */

static bool is_held(const struct model *model, enum account account, enum person but, uint64_t from,
                    uint64_t to)
{
    for (size_t i = 0; i < model->n_open; i++) {
        const struct model_checkout *c = &model->all[model->open[i]];
        uint64_t held_from, held_to;

        if (c->account != account || c->person == but ||
            (c->state != STATE_APPROVED && c->state != STATE_ACTIVE))
            continue;
        held_from = c->start ? c->start : c->start_at;
        held_to = c->start ? c->end : (c->use_by ? c->use_by : c->start_at) + granted(c);
        if (from < held_to && held_from < to)
            return true;
    }
    return false;
}

/* Would it, started as late as it may, meet somebody else's? */
static bool is_excluded(const struct model *model, const struct rules *rules,
                        const struct model_checkout *c)
{
    uint64_t from = c->start_at > model->wall ? c->start_at : model->wall;

    return rules->exclusive &&
           is_held(model, c->account, c->person, from,
                   from + (rules->first_use ? rules->use_within : 0) + granted(c));
}

static refusals check_filing(const struct model *model, const struct rules *rules,
                             const struct model_checkout *c, uint64_t duration)
{
    unsigned open = 0, pending = 0, recent = 0;
    refusals no = 0;

    for (size_t i = 0; i < model->n_open; i++) {
        const struct model_checkout *other = &model->all[model->open[i]];

        open += other->person == c->person;
        pending += other->person == c->person && other->state == STATE_PENDING;
    }
    for (uint64_t id = 1; id <= model->last; id++)
        recent += model->all[id].person == c->person && model->all[id].requested <= model->wall &&
                  model->all[id].requested + 60 >= model->wall;
    if (duration > rules->max_duration)
        no |= BIT(ERROR_POLICY_REFUSED);
    if ((c->start_at && c->start_at <= model->wall) || c->start_at > model->wall + YEAR)
        no |= BIT(ERROR_INVALID_ARGUMENT);
    if ((rules->max_open && !c->extends && open >= rules->max_open) ||
        pending >= LIMIT_PENDING_PERSON || recent >= LIMIT_REQUESTS_PER_MINUTE)
        no |= BIT(ERROR_LIMIT_REACHED);
    if (!rules->auto_approved && filled(model, rules, everybody_but(c->person)) < places(rules))
        no |= BIT(ERROR_NO_APPROVER);
    if (!c->extends && is_excluded(model, rules, c))
        no |= BIT(ERROR_POLICY_REFUSED);
    return no;
}

static struct model_checkout draft(const struct model *model, const struct rules *rules,
                                   enum person person, enum account account, unsigned door,
                                   uint64_t duration, uint64_t start)
{
    struct model_checkout c = {.state = STATE_PENDING,
                               .person = person,
                               .account = account,
                               .door = door,
                               .rules = rules,
                               .requested = model->wall,
                               .lapses = model->wall + rules->pending_timeout,
                               .duration = duration ? duration : rules->duration,
                               .start_at = start,
                               .boot = model->boot};

    if (start > c.lapses)
        c.lapses = start;
    return c;
}

static struct model_checkout *file(struct model *model, struct model_checkout c)
{
    model->all[++model->last] = c;
    assert(model->last < MODEL_MAX - 1 && model->n_open < MODEL_OPEN_MAX);
    model->open[model->n_open++] = model->last;
    return &model->all[model->last];
}

/* The quorum is reached. */
static void complete(struct model *model, const struct rules *rules, struct model_checkout *c)
{
    uint64_t from;

    for (size_t i = 0; i < c->n_decisions; i++)
        if (c->decisions[i].start > c->start_at)
            c->start_at = c->decisions[i].start;
    c->state = STATE_APPROVED;
    c->boot = model->boot;
    from = c->start_at > model->wall ? c->start_at : model->wall;
    if (rules->first_use) {
        c->use_by = from + rules->use_within;
        c->end_boot = boot_clock_at(model, c->use_by);
    } else if (c->start_at <= model->wall) {
        open_window(model, c, model->wall);
    }
}

/* An active one, or one that is waited for, gives what is asked for. */
static uint64_t find_same(const struct model *model, const struct rules *rules, enum person person,
                          enum account account, unsigned door, uint64_t start)
{
    for (size_t i = 0; i < model->n_open; i++) {
        const struct model_checkout *c = &model->all[model->open[i]];
        bool opens = !c->door || c->door == door, same = false;

        if (c->person != person || c->account != account || c->extends ||
            strcmp(c->rules->name, rules->name) != 0)
            continue;
        if (c->state == STATE_PENDING)
            same = c->door == door && c->start_at == start;
        else if (c->state == STATE_APPROVED && start)
            same = opens && c->start_at == start;
        else if (c->state == STATE_APPROVED)
            same = opens && c->use_by && c->start_at <= model->wall;
        else if (!start)
            same = opens && (!rules->uses || c->uses < rules->uses);
        if (same)
            return model->open[i];
    }
    return 0;
}

refusals model_request(struct model *model, enum person person, enum account account, unsigned door,
                       uint64_t duration, uint64_t start, uint64_t *ret_same)
{
    const struct rules *rules = NULL;
    struct model_checkout c;
    refusals no;

    *ret_same = 0;
    model_time(model);
    if (decide(model, person, account, door, &rules) != DECIDES)
        return BIT(ERROR_POLICY_REFUSED);
    *ret_same = find_same(model, rules, person, account, door, start);
    if (*ret_same)
        return 0;
    c = draft(model, rules, person, account, door, duration, start);
    no = check_filing(model, rules, &c, duration);
    if (no == 0 && rules->auto_approved)
        complete(model, rules, &c);
    if (no == 0)
        file(model, c);
    return no;
}

/* ---- doors ---- */

static bool fits(const struct model *model, const struct model_checkout *c, enum person person,
                 enum account account, unsigned door)
{
    return c->person == person && c->account == account && (!c->door || c->door == door) &&
           !c->extends;
}

static bool opens(const struct model *model, const struct model_checkout *c,
                  const struct rules *rules, enum person person, enum account account,
                  unsigned door)
{
    return fits(model, c, person, account, door) && strcmp(c->rules->name, rules->name) == 0 &&
           (!rules->uses || c->uses < rules->uses);
}

static void collect(const struct model *model, const struct rules *rules, enum person person,
                    enum account account, unsigned door, enum checkout_state state,
                    struct model_answer *answer)
{
    for (size_t i = 0; i < model->n_open; i++) {
        const struct model_checkout *c = &model->all[model->open[i]];

        if (c->state == state && opens(model, c, rules, person, account, door) &&
            (state == STATE_ACTIVE || c->start_at <= model->wall))
            answer->ids[answer->n_ids++] = model->open[i];
    }
}

void model_ask(struct model *model, enum person person, enum account account, unsigned door,
               bool only_asks, bool waits, struct model_answer *answer)
{
    const struct rules *rules = NULL;
    struct model_checkout c;

    answer->kind = VERDICT_REFUSED;
    answer->n_ids = 0;
    answer->filed = false;
    if (person == ROOT && (door == DOOR_SUDO || door == DOOR_SU)) {
        answer->kind = VERDICT_EXEMPT;
        return;
    }
    switch (decide(model, person, account, door, &rules)) {
    case UNMANAGED:
        answer->kind = VERDICT_UNMANAGED;
        return;
    case EXEMPT:
        answer->kind = VERDICT_EXEMPT;
        return;
    case NOBODY:
        return;
    case DECIDES:
        break;
    }
    model_time(model);
    collect(model, rules, person, account, door, STATE_ACTIVE, answer);
    if (answer->n_ids == 0 && !only_asks)
        collect(model, rules, person, account, door, STATE_APPROVED, answer);
    if (answer->n_ids) {
        answer->kind = VERDICT_ALLOW;
        return;
    }
    collect(model, rules, person, account, door, STATE_PENDING, answer);
    if (answer->n_ids) {
        answer->kind = only_asks ? VERDICT_REFUSED : VERDICT_PENDING;
        return;
    }
    for (size_t i = 0; i < model->n_open; i++) /* approved, to start later: come back then */
        if (model->all[model->open[i]].state == STATE_APPROVED &&
            model->all[model->open[i]].start_at > model->wall &&
            opens(model, &model->all[model->open[i]], rules, person, account, door))
            return;
    if (only_asks)
        return;
    c = draft(model, rules, person, account, door, 0, 0);
    c.waiting = waits;
    if (check_filing(model, rules, &c, 0) != 0)
        return;
    if (rules->auto_approved)
        complete(model, rules, &c);
    file(model, c);
    answer->filed = true;
    answer->ids[answer->n_ids++] = model->last;
    answer->kind = rules->auto_approved ? VERDICT_ALLOW : VERDICT_PENDING;
}

void model_entered(struct model *model, uint64_t id, bool session)
{
    struct model_checkout *c = find(model, id);

    if (c->state == STATE_APPROVED)
        open_window(model, c, model->wall);
    c->uses += session;
}

uint64_t model_closes(const struct model *model, uint64_t id)
{
    const struct model_checkout *c = &model->all[id];
    uint64_t left_by_wall = c->end - model->wall, left_by_boot = c->end_boot - model->boot_clock;

    return model->wall + (left_by_boot < left_by_wall ? left_by_boot : left_by_wall);
}

enum verdict_kind model_resume(struct model *model, uint64_t id, enum person person,
                               enum account account, unsigned door)
{
    const struct rules *rules = NULL;
    struct model_checkout *c = find(model, id);

    if (person == ROOT && (door == DOOR_SUDO || door == DOOR_SU))
        return VERDICT_EXEMPT;
    switch (decide(model, person, account, door, &rules)) {
    case UNMANAGED:
        return VERDICT_UNMANAGED;
    case EXEMPT:
        return VERDICT_EXEMPT;
    case NOBODY:
        return VERDICT_REFUSED;
    case DECIDES:
        break;
    }
    model_time(model);
    if (!c || !fits(model, c, person, account, door) || c->boot != model->boot)
        return VERDICT_REFUSED;
    if (c->state == STATE_PENDING)
        return VERDICT_PENDING;
    if (!opens(model, c, rules, person, account, door))
        return VERDICT_REFUSED;
    if (c->state == STATE_APPROVED && c->use_by && c->start_at <= model->wall)
        open_window(model, c, model->wall);
    return c->state == STATE_ACTIVE ? VERDICT_ALLOW : VERDICT_REFUSED;
}

refusals model_abandon(struct model *model, uint64_t id)
{
    struct model_checkout *c = find(model, id);

    model_time(model);
    if (!c)
        return BIT(ERROR_NOT_FOUND);
    if (c->state == STATE_PENDING && c->waiting)
        c->state = STATE_CANCELLED;
    return 0;
}

/* ---- decisions ---- */

/* Why this person may not decide, whatever the state. */
static refusals check_decider(const struct model *model, const struct rules *rules,
                              enum person requester, enum person person)
{
    refusals no = 0;

    if (person == ROOT || !is_approver(model, rules, person))
        no |= BIT(ERROR_NOT_PERMITTED);
    if (person == requester)
        no |= BIT(ERROR_SELF_APPROVAL);
    return no;
}

static refusals not_pending(const struct model_checkout *c)
{
    if (c->state == STATE_PENDING)
        return 0;
    return c->state == STATE_APPROVED || c->state == STATE_ACTIVE || c->state == STATE_DENIED ||
                   c->state == STATE_APPLIED
               ? BIT(ERROR_ALREADY_DECIDED)
               : BIT(ERROR_WRONG_STATE);
}

static refusals may_decide(struct model *model, enum person person, uint64_t id,
                           const struct rules **ret_rules, struct model_checkout **ret_checkout)
{
    struct model_checkout *c = find(model, id);
    const struct rules *rules;

    model_time(model);
    if (!c)
        return BIT(ERROR_NOT_FOUND);
    rules = todays(model, c->rules);
    if (!rules || rules->auto_approved)
        return c->state == STATE_PENDING ? BIT(ERROR_POLICY_REFUSED) : not_pending(c);
    *ret_rules = rules;
    *ret_checkout = c;
    return check_decider(model, rules, c->person, person) | not_pending(c);
}

static bool has_room(const struct model *model, const struct rules *rules,
                     const struct model_checkout *c, uint64_t seconds)
{
    return c->end + seconds <= c->start + rules->max_duration &&
           !(rules->exclusive && is_held(model, c->account, c->person, c->end, c->end + seconds));
}

/* The approval that completes it, `c` being as it would be; what stands in the way. */
static refusals check_complete(struct model *model, const struct rules *rules,
                               const struct model_checkout *c)
{
    struct model_checkout later = *c;

    if (c->extends) {
        const struct model_checkout *base = find(model, c->extends);

        if (base->state != STATE_ACTIVE)
            return BIT(ERROR_WRONG_STATE);
        return has_room(model, rules, base, granted(c)) ? 0 : BIT(ERROR_POLICY_REFUSED);
    }
    for (size_t i = 0; i < c->n_decisions; i++)
        if (c->decisions[i].start > later.start_at)
            later.start_at = c->decisions[i].start;
    return is_excluded(model, rules, &later) ? BIT(ERROR_POLICY_REFUSED) : 0;
}

static void finish(struct model *model, const struct rules *rules, struct model_checkout *c)
{
    if (c->extends) {
        struct model_checkout *base = find(model, c->extends);

        base->end += granted(c);
        base->end_boot += granted(c);
        c->state = STATE_APPLIED;
    } else {
        complete(model, rules, c);
    }
}

static unsigned who_approved(const struct model_checkout *c)
{
    unsigned people = 0;

    for (size_t i = 0; i < c->n_decisions; i++)
        people |= BIT(c->decisions[i].actor);
    return people;
}

refusals model_approve(struct model *model, enum person person, uint64_t id, bool right_digest,
                       uint64_t seconds, uint64_t start)
{
    const struct rules *rules = NULL;
    struct model_checkout *c = NULL, with;
    refusals no = may_decide(model, person, id, &rules, &c);
    bool reached;

    if (!c)
        return no;
    if (!right_digest)
        no |= BIT(ERROR_CHANGED);
    if (seconds > c->duration || (start && (start < c->start_at || start < model->wall)) ||
        start > model->wall + YEAR)
        no |= BIT(ERROR_INVALID_ARGUMENT);
    if ((seconds ? seconds : granted(c)) > rules->max_duration)
        no |= BIT(ERROR_POLICY_REFUSED);
    if (who_approved(c) & BIT(person))
        no |= BIT(ERROR_ALREADY_DECIDED);
    else if (filled(model, rules, who_approved(c)) < places(rules) &&
             filled(model, rules, who_approved(c) | BIT(person)) ==
                 filled(model, rules, who_approved(c)))
        no |= BIT(ERROR_NOT_PERMITTED);
    if (no)
        return no;
    with = *c;
    with.decisions[with.n_decisions++] =
        (struct model_decision){.actor = person, .seconds = seconds, .start = start};
    reached = filled(model, rules, who_approved(&with)) == places(rules);
    if (reached)
        no = check_complete(model, rules, &with);
    if (no)
        return no;
    *c = with;
    if (reached)
        finish(model, rules, c);
    return 0;
}

refusals model_deny(struct model *model, enum person person, uint64_t id)
{
    const struct rules *rules;
    struct model_checkout *c = NULL;
    refusals no = may_decide(model, person, id, &rules, &c);

    if (no == 0)
        c->state = STATE_DENIED;
    return no;
}

refusals model_grant(struct model *model, enum person granter, enum person person,
                     enum account account, uint64_t duration, uint64_t start)
{
    const struct rules *rules = NULL;
    struct model_checkout c;
    refusals no;
    bool reached;

    model_time(model);
    if (decide(model, person, account, 0, &rules) != DECIDES || rules->auto_approved)
        return BIT(ERROR_POLICY_REFUSED);
    c = draft(model, rules, person, account, 0, duration, start);
    no = check_filing(model, rules, &c, duration) | check_decider(model, rules, person, granter);
    c.decisions[c.n_decisions++] = (struct model_decision){.actor = granter};
    reached = filled(model, rules, BIT(granter)) == places(rules);
    if (filled(model, rules, BIT(granter)) == 0)
        no |= BIT(ERROR_NOT_PERMITTED);
    if (no)
        return no;
    if (reached)
        complete(model, rules, &c);
    file(model, c);
    return 0;
}

refusals model_extend(struct model *model, enum person person, uint64_t id, uint64_t seconds,
                      uint64_t *ret_same)
{
    struct model_checkout *base = find(model, id), c;
    const struct rules *rules;
    refusals no = 0;

    *ret_same = 0;
    model_time(model);
    if (!base)
        return BIT(ERROR_NOT_FOUND);
    if (base->person != person)
        no |= BIT(ERROR_NOT_PERMITTED);
    if (base->state != STATE_ACTIVE)
        no |= BIT(ERROR_WRONG_STATE);
    if (no)
        return no;
    for (size_t i = 0; i < model->n_open; i++)
        if (model->all[model->open[i]].extends == id &&
            model->all[model->open[i]].state == STATE_PENDING)
            *ret_same = model->open[i];
    if (*ret_same)
        return 0;
    rules = todays(model, base->rules);
    if (!rules)
        return BIT(ERROR_POLICY_REFUSED);
    c = draft(model, rules, person, base->account, base->door, seconds, 0);
    c.extends = id;
    if (c.lapses > base->end)
        c.lapses = base->end;
    no = check_filing(model, rules, &c, seconds);
    if (!has_room(model, rules, base, seconds))
        no |= BIT(ERROR_POLICY_REFUSED);
    if (no)
        return no;
    if (rules->auto_approved)
        finish(model, rules, &c);
    file(model, c);
    return 0;
}

/* ---- giving back, taking away ---- */

refusals model_cancel(struct model *model, enum person person, uint64_t id)
{
    struct model_checkout *c = find(model, id);
    refusals no = 0;

    model_time(model);
    if (!c)
        return BIT(ERROR_NOT_FOUND);
    if (c->person != person)
        no |= BIT(ERROR_NOT_PERMITTED);
    if (c->state != STATE_PENDING)
        no |= BIT(ERROR_WRONG_STATE) | BIT(ERROR_ALREADY_DECIDED);
    if (no == 0)
        c->state = STATE_CANCELLED;
    return no;
}

refusals model_check_in(struct model *model, enum person person, uint64_t id)
{
    struct model_checkout *c = find(model, id);
    refusals no = 0;

    model_time(model);
    if (!c)
        return BIT(ERROR_NOT_FOUND);
    if (c->person != person)
        no |= BIT(ERROR_NOT_PERMITTED);
    if (c->state != STATE_APPROVED && c->state != STATE_ACTIVE)
        no |= BIT(ERROR_WRONG_STATE) | BIT(ERROR_ALREADY_DECIDED);
    if (no == 0)
        c->state = STATE_RETURNED;
    return no;
}

refusals model_revoke(struct model *model, enum person person, uint64_t id)
{
    struct model_checkout *c = find(model, id);
    const struct rules *rules;
    refusals no = 0;

    model_time(model);
    if (!c)
        return BIT(ERROR_NOT_FOUND);
    rules = todays(model, c->rules);
    if (person != ROOT && !(rules && is_approver(model, rules, person)))
        no |= BIT(ERROR_NOT_PERMITTED);
    if (c->state != STATE_APPROVED && c->state != STATE_ACTIVE)
        no |= BIT(ERROR_WRONG_STATE) | BIT(ERROR_ALREADY_DECIDED);
    if (no == 0)
        c->state = STATE_REVOKED;
    return no;
}
