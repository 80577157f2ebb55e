/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "accounts.h"

#include <errno.h>
#include <string.h>

/* A name service that was away comes back; a user that is not there yet may be made. */
#define ASK_AGAIN_USEC (10 * 1000000ULL)

struct accounts {
    struct ledger *ledger;
    struct names *names;
    sd_event_source *timer;
    struct names_lookup *lookup;
    size_t skip; /* open accounts that were asked about since the last round began */
};

DEFINE_CLEANUP(struct accounts *, accounts, accounts_free);

struct accounts *accounts_free(struct accounts *accounts)
{
    if (!accounts)
        return NULL;
    names_cancel(accounts->lookup);
    sd_event_source_disable_unref(accounts->timer);
    free(accounts);
    return NULL;
}

static bool is_asked(const struct names_item *items, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(items[i].name, name) == 0)
            return true;
    return false;
}

/* The next names behind those that were asked about in this round. */
static size_t choose(struct accounts *accounts, struct names_item items[static NAMES_BATCH_MAX])
{
    const struct policy_set *set = ledger_policies(accounts->ledger);
    size_t count = 0, open = 0;

    for (size_t i = 0; set && i < set->n_policies; i++)
        for (size_t j = 0; j < set->policies[i]->n_accounts && count < NAMES_BATCH_MAX; j++) {
            const struct policy_account *account = &set->policies[i]->accounts[j];

            if (policy_account_is_open(account) && open++ >= accounts->skip &&
                !is_asked(items, count, account->name))
                items[count++] = (struct names_item){.kind = NAMES_USER, .name = account->name};
        }
    accounts->skip = count == NAMES_BATCH_MAX ? open : 0;
    return count;
}

static void on_names(const struct names_item *items, struct names_result *results, size_t count,
                     void *userdata)
{
    struct accounts *accounts = userdata;
    size_t learnt = 0;

    accounts->lookup = NULL;
    for (size_t i = 0; i < count; i++)
        if (results[i].error == 0) {
            ledger_learn_account(accounts->ledger, items[i].name, results[i].user.uid);
            learnt++;
        }
    accounts->skip = accounts->skip > learnt ? accounts->skip - learnt : 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct accounts *accounts = userdata;
    struct names_item items[NAMES_BATCH_MAX];
    size_t count = accounts->lookup ? 0 : choose(accounts, items);
    int r;

    /* One that cannot be asked about now is asked about the next time. */
    if (count)
        (void)names_look_up(accounts->names, NAMES_PEOPLE, items, count, on_names, accounts,
                            &accounts->lookup);
    r = sd_event_source_set_time_relative(source, ASK_AGAIN_USEC);
    return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int accounts_new(sd_event *event, struct ledger *ledger, struct names *names,
                 struct accounts **ret_accounts)
{
    CLEANUP(cleanup_accounts) struct accounts *accounts = calloc(1, sizeof(*accounts));
    int r;

    if (!accounts)
        return -ENOMEM;
    accounts->ledger = ledger;
    accounts->names = names;
    r = sd_event_add_time_relative(event, &accounts->timer, CLOCK_BOOTTIME, ASK_AGAIN_USEC, 0,
                                   on_timer, accounts);
    if (r >= 0)
        r = sd_event_source_set_exit_on_failure(accounts->timer, true);
    if (r < 0)
        return r;
    *ret_accounts = TAKE_PTR(accounts);
    return 0;
}
