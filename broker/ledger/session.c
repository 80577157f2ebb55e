/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>
#include <systemd/sd-id128.h>

#include "ledger/door_internal.h"

static int record_session(struct ledger *ledger, const struct login *login,
                          const struct entrance *entrance, uint64_t id, const struct moment *now,
                          struct error *error)
{
    CLEANUP_CHECKOUT struct checkout *checkout = NULL;
    char name[SD_ID128_STRING_MAX];
    sd_id128_t random;
    int r = ledger_load(ledger, id, &checkout, error);

    if (r != 0)
        return r;
    if (sd_id128_randomize(&random) < 0)
        return error_set(error, ERROR_STORAGE_FAILED, "no random number for the session");

    struct session session = {.session = sd_id128_to_string(random, name),
                              .checkout_id = id,
                              .person = entrance->person->name,
                              .account = (char *)login->account,
                              .door = (char *)door_name(login->door),
                              .service = (char *)login->service,
                              .tty = (char *)login->tty,
                              .rhost = (char *)login->rhost,
                              .pid = login->pid,
                              .audit_session = login->audit_session,
                              .opened = now->wall};
    struct change change = {.kind = EVENT_SESSION_OPENED,
                            .life = LIFE_USED,
                            .checkout = checkout,
                            .session = &session,
                            .login = login};

    checkout->uses++;
    return ledger_commit(ledger, &change, 1, now, error);
}

int ledger_prepare_session(struct ledger *ledger, const struct login *login, struct roster *roster,
                           const struct moment *now, struct verdict *ret_verdict)
{
    struct verdict verdict = {.kind = VERDICT_REFUSED};
    struct entrance entrance = {.rehearses = true};
    int r = door_ask(ledger, login, roster, now, &entrance, &verdict);

    if (r != 0)
        return r;
    if (verdict.kind == VERDICT_REFUSED)
        door_refuse(ledger, login, &entrance, now, &verdict);
    *ret_verdict = verdict;
    return 0;
}

int ledger_open_session(struct ledger *ledger, const struct login *login, struct roster *roster,
                        const struct moment *now, struct verdict *ret_verdict)
{
    struct verdict verdict = {.kind = VERDICT_REFUSED};
    struct entrance entrance = {0};
    struct error error;
    int r = door_ask(ledger, login, roster, now, &entrance, &verdict);

    if (r != 0)
        return r;
    /* No record, no session: what cannot be written down does not happen. */
    if (verdict.kind == VERDICT_ALLOW &&
        record_session(ledger, login, &entrance, verdict.id, now, &error) != 0)
        verdict_say(&verdict, VERDICT_REFUSED, "%s", error.text);
    if (verdict.kind == VERDICT_REFUSED)
        door_refuse(ledger, login, &entrance, now, &verdict);
    *ret_verdict = verdict;
    return 0;
}

int ledger_close_session(struct ledger *ledger, const struct login *login, const struct moment *now,
                         struct error *error)
{
    CLEANUP_SESSION struct session *session = NULL;
    CLEANUP_CHECKOUT struct checkout *checkout = NULL;
    struct change change = {.kind = EVENT_SESSION_CLOSED, .life = LIFE_EVENT_COUNT, .login = login};
    int r = store_find_session(ledger->store, login->pid, login->service, &session);

    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return ledger_storage_error(ledger, r, error);
    if (strcmp(session->person, login->person) != 0 ||
        strcmp(session->account, login->account) != 0)
        return 0;
    r = ledger_load(ledger, session->checkout_id, &checkout, error);
    if (r != 0)
        return r;
    change.checkout = checkout;
    change.session = session;
    return ledger_commit(ledger, &change, 1, now, error);
}
