/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/checkout.h"

#include <errno.h>
#include <string.h>

#include "core/canonical.h"

DEFINE_CLEANUP(json_t *, json, json_decref);

void decision_clear(struct decision *decision)
{
    free(decision->actor);
    free(decision->reason);
    free(decision->term);
    memset(decision, 0, sizeof(*decision));
}

struct checkout *checkout_free(struct checkout *checkout)
{
    if (!checkout)
        return NULL;
    char *texts[] = {
        checkout->person,  checkout->account,       checkout->host,   checkout->machine_id,
        checkout->door,    checkout->service,       checkout->tty,    checkout->rhost,
        checkout->command, checkout->reason_source, checkout->ticket, checkout->reason,
        checkout->to,      checkout->policy};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        free(texts[i]);
    for (size_t i = 0; i < checkout->n_decisions; i++)
        decision_clear(&checkout->decisions[i]);
    free(checkout->decisions);
    free(checkout);
    return NULL;
}

struct session *session_free(struct session *session)
{
    if (!session)
        return NULL;
    free(session->session);
    free(session->person);
    free(session->account);
    free(session->door);
    free(session->service);
    free(session->tty);
    free(session->rhost);
    free(session->unit);
    free(session->cgroup);
    free(session->inside);
    free(session->how);
    free(session);
    return NULL;
}

static bool copy_text(char **text)
{
    char *copy = *text ? strdup(*text) : NULL;
    bool copied = copy || !*text;

    *text = copy;
    return copied;
}

struct session *session_copy(const struct session *session)
{
    CLEANUP_SESSION struct session *copy = calloc(1, sizeof(*copy));
    bool copied = true;

    if (!copy)
        return NULL;
    *copy = *session;
    char **texts[] = {&copy->session, &copy->person, &copy->account, &copy->door,
                      &copy->service, &copy->tty,    &copy->rhost,   &copy->unit,
                      &copy->cgroup,  &copy->inside, &copy->how};
    /* Every one of them: what could not be copied must not be left another's. */
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        copied = copy_text(texts[i]) && copied;
    return copied ? TAKE_PTR(copy) : NULL;
}

int checkout_seal(struct checkout *checkout)
{
    CLEANUP(cleanup_json) json_t *object = json_object();
    CLEANUP_FREE char *text = NULL;
    unsigned char hash[HASH_SIZE];

    if (!object || canonical_add_number(object, "id", checkout->id) < 0 ||
        canonical_add_text(object, "uuid", checkout->uuid) < 0 ||
        canonical_add_text(object, "person", checkout->person) < 0 ||
        canonical_add_number(object, "person_uid", checkout->person_uid) < 0 ||
        canonical_add_text(object, "account", checkout->account) < 0 ||
        canonical_add_number(object, "account_uid", checkout->account_uid) < 0 ||
        canonical_add_text(object, "machine_id", checkout->machine_id) < 0 ||
        canonical_add_text(object, "door", checkout->door) < 0 ||
        canonical_add_text(object, "reason", checkout->reason) < 0 ||
        canonical_add_text(object, "ticket", checkout->ticket) < 0 ||
        canonical_add_number(object, "duration", checkout->duration) < 0 ||
        (checkout->asked_start &&
         canonical_add_number(object, "start", checkout->asked_start) < 0) ||
        canonical_add_text(object, "policy", checkout->policy) < 0 ||
        canonical_add_text(object, "policy_digest", checkout->policy_digest) < 0)
        return -ENOMEM;
    text = canonical_text(object);
    if (!text)
        return -ENOMEM;
    if (canonical_hash(NULL, text, hash) < 0)
        return -ENOMEM;
    hash_format(hash, checkout->digest);
    return 0;
}

bool checkout_is_of(const struct checkout *checkout, const struct identity *person,
                    const struct identity *account)
{
    return checkout->person_uid == person->uid && strcmp(checkout->person, person->name) == 0 &&
           checkout->account_uid == account->uid &&
           (account->uid == 0 || strcmp(checkout->account, account->name) == 0);
}

uint64_t window_left(uint64_t end, uint64_t end_boot, const struct moment *now)
{
    uint64_t wall = end > now->wall ? end - now->wall : 0;
    uint64_t boot = end_boot > now->boot ? end_boot - now->boot : 0;

    return wall < boot ? wall : boot;
}

bool checkout_in_window(const struct checkout *checkout, const struct moment *now)
{
    return checkout->start && strcmp(checkout->boot_id, now->boot_id) == 0 &&
           window_left(checkout->end, checkout->end_boot, now) > 0;
}

uint64_t checkout_closes_at(const struct checkout *checkout, const struct moment *now)
{
    return now->wall + window_left(checkout->end, checkout->end_boot, now);
}

uint64_t checkout_granted_seconds(const struct checkout *checkout)
{
    uint64_t seconds = checkout->duration;

    for (size_t i = 0; i < checkout->n_decisions; i++)
        if (checkout->decisions[i].seconds && checkout->decisions[i].seconds < seconds)
            seconds = checkout->decisions[i].seconds;
    return seconds;
}
