/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sink/journal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "sink/journal_socket.h"
#include "core/scope.h"
#include "sink/sentence.h"

/* More than there are fields. */
#define FIELDS_MAX 32

/* Numbers of audit records. */
struct journal {
    struct journal_socket *socket;
    journal_send send; /* NULL: by the socket */
    uint64_t sent;     /* the last one that was handed over */
    uint64_t read;     /* the last one that is known to have been read */
    uint64_t next;     /* the next one to be sent again; 0: everything was sent */
    struct journal_gap gap;
};

/* The ids are the first 16 bytes of SHA-256("pam-checkout:" + the event's name); a test computes
 * them. */
static const struct {
    int priority;
    const char *message_id;
} kinds[EVENT_KIND_COUNT] = {
    [EVENT_REQUESTED] = {LOG_NOTICE, "a9e42fb9bb075c7d96bcd91ccb750f46"},
    [EVENT_DECISION] = {LOG_NOTICE, "888fa9ea41e6641d65f5b4eeb41378ef"},
    [EVENT_APPROVED] = {LOG_NOTICE, "76125a94a9aa35eeef1b0c490788b05b"},
    [EVENT_DENIED] = {LOG_NOTICE, "b07186a38506c00d2d0374a0d2719bc8"},
    [EVENT_CANCELLED] = {LOG_INFO, "f713cb856b8f55736f2a0baa6d627d6b"},
    [EVENT_LAPSED] = {LOG_INFO, "d8cf05ab2668556a1870b28872b29a61"},
    [EVENT_STARTED] = {LOG_NOTICE, "852faa11b2eb489df77bab96a3e4cc6e"},
    [EVENT_EXTENDED] = {LOG_NOTICE, "6de6f6fd8403ecbbea93139af3191f52"},
    [EVENT_CARRIED_OVER] = {LOG_NOTICE, "3ca1cbd2bcf00f7c853c72593722be23"},
    [EVENT_RETURNED] = {LOG_INFO, "f633005a9e7c40ffa4684c4c44c5be17"},
    [EVENT_REVOKED] = {LOG_WARNING, "441def55d7febe8de66e901055b7bdd3"},
    [EVENT_EXPIRED] = {LOG_INFO, "e8a225366f2c3ba4bda8aba1948f6832"},
    [EVENT_SESSION_OPENED] = {LOG_NOTICE, "acfd4ba886d0f05b4b9820cc4078935e"},
    [EVENT_SESSION_PLACED] = {LOG_INFO, "47eb22780d5b3922c1ab5944eb6364c6"},
    [EVENT_SESSION_CLOSED] = {LOG_INFO, "855c9b4fbfc19b49198a0074d2d809a4"},
    [EVENT_SESSION_KILLED] = {LOG_WARNING, "3c4963f43029f1172f55c84df9ab1363"},
    [EVENT_SESSION_SURVIVED] = {LOG_CRIT, "acd98cbf3c1ec21cc4bbbd536eb8a9a5"},
    [EVENT_DOOR_REFUSED] = {LOG_WARNING, "6c23ea22799933888922afc559f78dc2"},
    [EVENT_DECISION_REFUSED] = {LOG_WARNING, "d65dd0f7a8c289bd4c5062ece53631cd"},
    [EVENT_POLICY_LOADED] = {LOG_NOTICE, "0b6a894f7b8967e592bdf717a310999a"},
    [EVENT_POLICY_REJECTED] = {LOG_ERR, "b8156eac6f7e33b59bbc0478651ebe15"},
    [EVENT_BROKER_STARTED] = {LOG_INFO, "534ef86677cba9b7d713423ee8e1cd2e"},
    [EVENT_BROKER_STOPPED] = {LOG_INFO, "b84f7f9242a1394527a6141e757728b2"},
    [EVENT_JOURNAL_GAP] = {LOG_WARNING, "89e581b7b395f944129f75a9b5a09f16"},
};

/* One entry in the making. */
struct entry {
    struct iovec fields[FIELDS_MAX];
    int count;
    bool failed; /* out of memory */
};

static void entry_clear(struct entry *entry)
{
    for (int i = 0; i < entry->count; i++)
        free(entry->fields[i].iov_base);
    entry->count = 0;
}

/* What is unknown is absent. Values go as they are: the protocol carries their lengths. */
static void add(struct entry *entry, const char *field, const char *value)
{
    char *text = NULL;

    if (!value || !*value || entry->failed)
        return;
    int length = entry->count < FIELDS_MAX ? asprintf(&text, "%s=%s", field, value) : -1;
    if (length < 0) {
        entry->failed = true;
        return;
    }
    entry->fields[entry->count++] = (struct iovec){text, (size_t)length};
}

static void add_number(struct entry *entry, const char *field, uint64_t value)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRIu64, value);
    add(entry, field, text);
}

static void add_state(struct entry *entry, const char *field, enum checkout_state state)
{
    if (state != STATE_NONE)
        add(entry, field, state_name(state));
}

static void add_checkout(struct entry *entry, const struct event *event)
{
    const struct checkout *checkout = event->checkout;

    if (checkout) {
        add_number(entry, "CHECKOUT_ID", checkout->id);
        add(entry, "CHECKOUT_UUID", checkout->uuid);
        add(entry, "CHECKOUT_TICKET", checkout->ticket);
    }
    add(entry, "CHECKOUT_POLICY", event->policy || !checkout ? event->policy : checkout->policy);
    add(entry, "CHECKOUT_POLICY_DIGEST",
        event->policy_digest || !checkout ? event->policy_digest : checkout->policy_digest);
}

static void add_session(struct entry *entry, const struct session *session)
{
    CLEANUP_FREE char *login = NULL;

    if (!session)
        return;
    add(entry, "CHECKOUT_SESSION", session->session);
    add(entry, "CHECKOUT_UNIT", session->unit);
    add(entry, "CHECKOUT_CGROUP", session->cgroup);
    if (session->audit_session && session->audit_session != UINT32_MAX)
        add_number(entry, "CHECKOUT_AUDIT_SESSION", session->audit_session);
    /* pam_systemd(8) names the scope after logind's session. */
    if (!scope_is_login(session->unit))
        return;
    login = strdup(session->unit + strlen("session-"));
    if (!login) {
        entry->failed = true;
        return;
    }
    login[strcspn(login, ".")] = '\0';
    add(entry, "CHECKOUT_LOGIND_SESSION", login);
}

static void compose(struct entry *entry, const struct event *event)
{
    char message[SENTENCE_MAX];

    sentence_of_event(event, message);
    add(entry, "MESSAGE", message);
    add(entry, "MESSAGE_ID", kinds[event->kind].message_id);
    add_number(entry, "PRIORITY", (uint64_t)kinds[event->kind].priority);
    add(entry, "SYSLOG_IDENTIFIER", "pam-checkout-broker");
    add(entry, "CHECKOUT_EVENT", event_name(event->kind));
    add_number(entry, "CHECKOUT_SEQ", event->seq);
    add(entry, "CHECKOUT_HASH", event->hash);
    add_checkout(entry, event);
    add(entry, "CHECKOUT_PERSON", event_person(event));
    add(entry, "CHECKOUT_ACCOUNT", event_account(event));
    add(entry, "CHECKOUT_ACTOR", event->actor);
    add_state(entry, "CHECKOUT_STATE_OLD", event->state_old);
    add_state(entry, "CHECKOUT_STATE_NEW", event->state_new);
    add(entry, "CHECKOUT_REASON", event_reason(event));
    add(entry, "CHECKOUT_DOOR", event_door(event));
    add(entry, "CHECKOUT_SERVICE", event_service(event));
    add(entry, "CHECKOUT_TTY", event_tty(event));
    add(entry, "CHECKOUT_RHOST", event_rhost(event));
    add_session(entry, event->session);
    if (event->retold)
        add(entry, "CHECKOUT_REPLAYED", "1");
}

int journal_new(journal_send send, struct journal **ret_journal)
{
    struct journal *journal = calloc(1, sizeof(*journal));

    if (!journal || (!send && journal_socket_new(NULL, &journal->socket) < 0)) {
        free(journal);
        return -ENOMEM;
    }
    journal->send = send;
    *ret_journal = journal;
    return 0;
}

struct journal *journal_free(struct journal *journal)
{
    if (!journal)
        return NULL;
    journal_socket_free(journal->socket);
    free(journal);
    return NULL;
}

/* From that record on they must be sent (again), and in their order. */
static void fall_behind(struct journal *journal, uint64_t from, int error)
{
    if (!journal->next || from < journal->next)
        journal->next = from;
    if (!journal->gap.first_seq)
        journal->gap.error = error; /* what began it */
    if (!journal->gap.first_seq || from < journal->gap.first_seq)
        journal->gap.first_seq = from;
}

static int send_event(struct journal *journal, const struct event *event)
{
    CLEANUP(entry_clear) struct entry entry = {0};
    int r;

    compose(&entry, event);
    if (entry.failed)
        r = -ENOMEM;
    else
        r = journal->send ? journal->send(entry.fields, entry.count)
                          : journal_socket_send(journal->socket, entry.fields, entry.count);
    if (r == 0)
        journal->sent = event->seq;
    else if (r == -ECONNRESET) /* what nobody has read went with it */
        fall_behind(journal, journal->read + 1, r);
    else
        fall_behind(journal, event->seq, r);
    return r;
}

void journal_begin(struct journal *journal, uint64_t mark, uint64_t head)
{
    journal->read = journal->sent = mark;
    if (head > mark)
        fall_behind(journal, mark + 1, -EOWNERDEAD);
}

void journal_sink(const struct event *event, void *userdata)
{
    struct journal *journal = userdata;

    /* While older ones are missing it waits for its turn, in the ledger. */
    if ((unsigned)event->kind < EVENT_KIND_COUNT && !journal->next)
        (void)send_event(journal, event);
}

bool journal_retell(const struct event *event, void *userdata)
{
    struct journal *journal = userdata;

    if (send_event(journal, event) != 0)
        return false;
    journal->next = event->seq + 1;
    return true;
}

uint64_t journal_check(struct journal *journal)
{
    int r = 0;

    if (journal->sent <= journal->read)
        return journal->read;
    r = journal->send ? 1 : journal_socket_settled(journal->socket);
    if (r > 0)
        journal->read = journal->sent;
    else if (r == -ECONNRESET)
        fall_behind(journal, journal->read + 1, r);
    return journal->read;
}

bool journal_is_read(const struct journal *journal)
{
    return journal->sent <= journal->read;
}

uint64_t journal_next(const struct journal *journal)
{
    return journal->next;
}

bool journal_catch_up(struct journal *journal, struct journal_gap *ret_gap)
{
    if (!journal->next)
        return false;
    journal->gap.last_seq = journal->next - 1;
    *ret_gap = journal->gap;
    journal->next = 0;
    journal->gap = (struct journal_gap){0};
    return ret_gap->last_seq >= ret_gap->first_seq;
}
