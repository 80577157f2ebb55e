/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reload.h"

#include <errno.h>
#include <string.h>

#include "bus/moment.h"

#define NAMES_BATCH 32

struct reload {
    struct ledger *ledger;
    struct names *names;
    char *directory;
    reload_done done;
    void *userdata;
    sd_event_source *begin;
    struct policy_set *set;
    struct names_lookup *lookup;
    /* The accounts that the look-up under way is about, in its order. */
    struct policy_account *asked[NAMES_BATCH];
    size_t n_asked;
    size_t n_seen; /* accounts that were asked about or need not be */
};

DEFINE_CLEANUP(struct reload *, reload, reload_free);

struct reload *reload_free(struct reload *reload)
{
    if (!reload)
        return NULL;
    names_cancel(reload->lookup);
    sd_event_source_disable_unref(reload->begin);
    policy_set_free(reload->set);
    free(reload->directory);
    free(reload);
    return NULL;
}

static void reject(struct reload *reload, const struct error *error)
{
    struct moment now = moment_now();
    struct error storage;

    (void)ledger_reject_policies(reload->ledger, error->text, &now, &storage);
    reload->done(error->text, reload->userdata);
}

static void take(struct reload *reload)
{
    struct moment now = moment_now();
    struct error error;

    if (ledger_load_policies(reload->ledger, reload->set, &now, &error) != 0) {
        reload->done(error.text, reload->userdata);
        return;
    }
    reload->set = NULL;
    reload->done(NULL, reload->userdata);
}

/* The account number `index` of all policies together; NULL behind the last. */
static struct policy_account *account_at(struct policy_set *set, size_t index)
{
    for (size_t i = 0; i < set->n_policies; i++) {
        if (index < set->policies[i]->n_accounts)
            return &set->policies[i]->accounts[index];
        index -= set->policies[i]->n_accounts;
    }
    return NULL;
}

static void look_up_next(struct reload *reload);

static void on_names(const struct names_item *items, struct names_result *results, size_t count,
                     void *userdata)
{
    struct reload *reload = userdata;

    reload->lookup = NULL;
    /* Whom nobody knows or can tell is managed by name alone. */
    for (size_t i = 0; i < count && i < reload->n_asked; i++)
        if (results[i].error == 0) {
            reload->asked[i]->uid = results[i].user.uid;
            reload->asked[i]->uid_known = true;
        }
    look_up_next(reload);
}

static void look_up_next(struct reload *reload)
{
    struct names_item items[NAMES_BATCH];
    struct policy_account *account;

    reload->n_asked = 0;
    while (reload->n_asked < NAMES_BATCH && (account = account_at(reload->set, reload->n_seen))) {
        reload->n_seen++;
        if (account->is_range || account->uid_known)
            continue;
        items[reload->n_asked] = (struct names_item){.kind = NAMES_USER, .name = account->name};
        reload->asked[reload->n_asked++] = account;
    }
    if (reload->n_asked == 0 || names_look_up(reload->names, NAMES_DOORS, items, reload->n_asked,
                                              on_names, reload, &reload->lookup) < 0)
        take(reload);
}

static int on_begin(sd_event_source *source, void *userdata)
{
    struct reload *reload = userdata;
    struct error error;

    if (config_load_policies(reload->directory, &reload->set, &error) != 0)
        reject(reload, &error);
    else
        look_up_next(reload);
    return 0;
}

int reload_start(struct ledger *ledger, struct names *names, sd_event *event, const char *directory,
                 reload_done done, void *userdata, struct reload **ret_reload)
{
    CLEANUP(cleanup_reload) struct reload *reload = calloc(1, sizeof(*reload));

    if (!reload)
        return -ENOMEM;
    reload->ledger = ledger;
    reload->names = names;
    reload->done = done;
    reload->userdata = userdata;
    reload->directory = strdup(directory);
    if (!reload->directory || sd_event_add_defer(event, &reload->begin, on_begin, reload) < 0)
        return -ENOMEM;
    *ret_reload = TAKE_PTR(reload);
    return 0;
}
