/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "door.h"

#include <errno.h>
#include <inttypes.h>
#include <security/pam_ext.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "duration.h"
#include "gate.h"
#include "options.h"
#include "session.h"
#include "text.h"
#include "voice.h"
#include "wait.h"

/* One login at the door, for the time of one call of libpam. */
struct door {
    struct options options;
    struct login login;
    struct voice voice;
};

/* A sentence without its full stop, so that another can follow. */
static int sentence_length(const char *sentence)
{
    size_t length = strlen(sentence);

    return (int)(length > 0 && sentence[length - 1] == '.' ? length - 1 : length);
}

static int refuse_unanswered(struct door *door, const struct problem *problem)
{
    return voice_refuse(&door->voice, LOG_ERR, &door->login.wire,
                        "refused: the check-out broker does not answer (%s); %s", problem->text,
                        door->options.help);
}

static int refuse_answered(struct door *door, const struct gate_answer *answer)
{
    return voice_refuse(&door->voice, LOG_NOTICE, &door->login.wire, "%s",
                        answer->message[0] != '\0' ? answer->message
                                                   : "refused by the check-out broker");
}

/* The broker's word in PAM's terms. Every no is PAM_PERM_DENIED: in its session phase sudo goes on
 * after PAM_SESSION_ERR and PAM_IGNORE, in its account phase after PAM_NEW_AUTHTOK_REQD. */
static int conclude(struct door *door, const struct gate_answer *answer)
{
    switch (answer->verdict) {
    case GATE_ALLOW:
        return PAM_SUCCESS;
    case GATE_EXEMPT:
        return PAM_IGNORE;
    case GATE_UNMANAGED:
        if (!door->options.account)
            return PAM_IGNORE;
        return voice_refuse(&door->voice, LOG_NOTICE, &door->login.wire,
                            "refused: no policy manages the account %s, and this door opens for "
                            "managed accounts only; %s",
                            door->login.wire.account, door->options.help);
    case GATE_PENDING:
        if (answer->message[0] == '\0')
            break;
        return voice_refuse(&door->voice, LOG_NOTICE, &door->login.wire,
                            "%.*s; try again when it is approved", sentence_length(answer->message),
                            answer->message);
    case GATE_REFUSED:
    case GATE_INCOMPLETE:
        break;
    }
    return refuse_answered(door, answer);
}

/* Waits for the decision of the request that the answer names, and puts the outcome in its place.
 */
static int wait_out(struct door *door, struct peer **peer, struct gate_answer *answer,
                    struct problem *problem)
{
    const struct gate1_login *wire = &door->login.wire;
    char duration[DURATION_TEXT_MAX], words[LIMIT_SENTENCE + 64];
    uint64_t id = answer->id;
    int r;

    (void)snprintf(words, sizeof(words), "%.*s; waiting up to %s, Ctrl-C to give up",
                   sentence_length(answer->message), answer->message,
                   duration_format(wire->wait_seconds, duration));
    r = wait_for_decision(door->options.gate, wire, id, &door->voice, words, peer, answer, problem);
    if (r == 0 && answer->verdict == GATE_ALLOW && answer->message[0] != '\0')
        voice_tell(&door->voice, "%s", answer->message);
    return r;
}

/* What the person types when asked. */
struct words {
    char *reason, *ticket;
};

static void words_clear(struct words *words)
{
    free(words->reason);
    free(words->ticket);
}

/* Asks for reason and ticket and puts them into the login. An empty line is none. Returns 0, or
 * ERROR_INVALID_ARGUMENT with a sentence. */
static int prompt(struct door *door, struct words *words, struct error *error)
{
    struct gate1_login *wire = &door->login.wire;
    int r = 0;

    if (pam_prompt(door->voice.pamh, PAM_PROMPT_ECHO_ON, &words->reason,
                   "Reason for using the account %s: ", wire->account) != PAM_SUCCESS ||
        pam_prompt(door->voice.pamh, PAM_PROMPT_ECHO_ON, &words->ticket,
                   "Ticket (empty: none): ") != PAM_SUCCESS)
        return error_set(error, ERROR_INVALID_ARGUMENT, "the reason cannot be asked for here");

    if (words->reason && words->reason[0] != '\0') {
        r = text_check("reason", words->reason, 0, LIMIT_REASON, error);
        wire->reason = words->reason;
    }
    if (r == 0 && words->ticket && words->ticket[0] != '\0') {
        r = text_check("ticket", words->ticket, 0, LIMIT_TICKET, error);
        wire->ticket = words->ticket;
    }
    return r;
}

/* The whole answer must be out within LIMIT_ANSWER_MS: this much of it is for the host and for
 * speaking. */
#define SPARE_MS 250
/* root's own logins wait for nobody. */
#define ROOT_MS 1000

static struct patience patience_for(uint64_t milliseconds)
{
    return (struct patience){.deadline = peer_now() + milliseconds, .stop_fd = -1, .client_fd = -1};
}

static struct patience one_answer(void)
{
    return patience_for(LIMIT_ANSWER_MS - SPARE_MS);
}

static struct session session_of(struct door *door, const struct patience *patience)
{
    return (struct session){
        .pamh = door->voice.pamh,
        .voice = &door->voice,
        .gate = door->options.gate,
        .wire = &door->login.wire,
        .patience = *patience,
    };
}

/* The broker's word on a session, or the lack of one. */
static int conclude_session(struct door *door, int r, const struct gate_answer *answer,
                            const struct problem *problem)
{
    return r < 0 ? refuse_unanswered(door, problem) : conclude(door, answer);
}

/* A session that may be opened. */
static int open_session(struct door *door, struct peer **peer, const struct patience *patience,
                        const struct gate_answer *prepared)
{
    CLEANUP(session_clear) struct session session = session_of(door, patience);
    struct gate_answer answer = {.verdict = GATE_REFUSED};
    struct problem problem = {.text = ""};
    int r;

    session.peer = TAKE_PTR(*peer);
    r = session_open(&session, prepared, &answer, &problem);
    return conclude_session(door, r, &answer, &problem);
}

/* One that an earlier line of the stack has opened. */
static int hand_over_session(struct door *door)
{
    struct patience patience = one_answer();
    CLEANUP(session_clear) struct session session = session_of(door, &patience);
    struct gate_answer answer = {.verdict = GATE_REFUSED};
    struct problem problem = {.text = ""};
    int r;

    r = session_hand_over(&session, &answer, &problem);
    return conclude_session(door, r, &answer, &problem);
}

static void report_session(struct door *door)
{
    struct patience patience = patience_for(ROOT_MS);
    CLEANUP(session_clear) struct session session = session_of(door, &patience);

    session_report(&session);
}

/* The question of the phase, until there is an answer to act on. */
static int ask(struct door *door)
{
    CLEANUP(words_clear) struct words words = {NULL, NULL};
    CLEANUP(cleanup_peer) struct peer *peer = NULL;
    struct gate1_login *wire = &door->login.wire;
    bool is_session = strcmp(wire->phase, "session") == 0;
    const char *method = is_session ? GATE1_PREPARE : GATE1_ASK;
    struct gate_answer answer = {.verdict = GATE_REFUSED};
    struct problem problem = {.text = ""};
    struct patience patience = one_answer();
    struct error error = {.code = ERROR_NONE};
    uint64_t id;
    int r;

    if (door->options.prompt)
        wire->reason_source = "prompt";
    r = gate_ask(door->options.gate, method, wire, &patience, &peer, &answer, &problem);
    /* Only who is not let in without words is asked for them. */
    if (r == 0 && answer.verdict == GATE_INCOMPLETE && door->options.prompt) {
        voice_tell(&door->voice, "%s", answer.message);
        if (prompt(door, &words, &error) != 0)
            return voice_refuse(&door->voice, LOG_NOTICE, wire, "refused: %s", error.text);
        if (wire->reason || wire->ticket) {
            peer = peer_free(peer);
            patience = one_answer();
            r = gate_ask(door->options.gate, method, wire, &patience, &peer, &answer, &problem);
        }
    }
    if (r < 0)
        return refuse_unanswered(door, &problem);

    if (answer.verdict == GATE_PENDING && answer.id != 0 && wire->wait_seconds > 0) {
        id = answer.id;
        r = wait_out(door, &peer, &answer, &problem);
        if (r == -ECANCELED)
            return voice_refuse(&door->voice, LOG_NOTICE, wire,
                                "refused: you gave up waiting for request %" PRIu64, id);
        if (r == -ESHUTDOWN)
            return voice_refuse(&door->voice, LOG_NOTICE, wire,
                                "refused: the client hung up while it waited for request %" PRIu64,
                                id);
        /* What was waited for says nothing about the session. */
        patience = one_answer();
        if (r == 0 && is_session && answer.verdict == GATE_ALLOW)
            r = gate_ask(door->options.gate, method, wire, &patience, &peer, &answer, &problem);
        if (r < 0)
            return refuse_unanswered(door, &problem);
    }
    if (is_session && answer.verdict == GATE_ALLOW)
        return open_session(door, &peer, &patience, &answer);
    return conclude(door, &answer);
}

/* Reads the arguments and the login. Returns PAM_SUCCESS, or PAM_PERM_DENIED after having said why.
 */
static int approach(pam_handle_t *pamh, int flags, enum login_phase phase, int argc,
                    const char **argv, struct door *door)
{
    struct error error = {.code = ERROR_NONE};

    door->voice = voice_init(pamh, flags, false);
    if (options_parse(argc, argv, &door->options, &error) != 0)
        return voice_refuse(&door->voice, LOG_ERR, NULL, "refused: %s; ask your administrator",
                            error.text);
    door->voice = voice_init(pamh, flags, door->options.quiet);
    if (login_read(pamh, phase, &door->options, &door->login, &error) != 0)
        return voice_refuse(&door->voice, LOG_ERR, NULL, "refused: %s; %s", error.text,
                            door->options.help);
    /* Success in the auth phase is a login: at the ssh door there has to be a method before it that
     * has shown who is there. sshd names it in SSH_AUTH_INFO_0. */
    if (phase == LOGIN_AUTH && strcmp(door->login.wire.door, "ssh") == 0 &&
        !door->login.wire.authinfo)
        return voice_refuse(&door->voice, LOG_NOTICE, &door->login.wire,
                            "refused: log in with your ssh key first; where that was done, sshd "
                            "needs AuthenticationMethods publickey,keyboard-interactive:pam for "
                            "this account; %s",
                            door->options.help);
    if (door->options.prompt && (phase != LOGIN_AUTH || strcmp(door->login.wire.door, "ssh") != 0))
        return voice_refuse(&door->voice, LOG_ERR, &door->login.wire,
                            "refused: the argument prompt in the PAM configuration works only in "
                            "the auth phase of ssh; %s",
                            door->options.help);
    return PAM_SUCCESS;
}

int door_enter(pam_handle_t *pamh, int flags, enum login_phase phase, int argc, const char **argv)
{
    int verdict = PAM_PERM_DENIED;
    struct door door;

    verdict = approach(pamh, flags, phase, argc, argv, &door);
    if (verdict != PAM_SUCCESS)
        return verdict;
    if (door.login.is_root) {
        if (phase == LOGIN_SESSION)
            report_session(&door);
        return PAM_IGNORE;
    }
    if (phase == LOGIN_SESSION && session_is_open(pamh))
        return hand_over_session(&door);
    return ask(&door);
}

void door_leave(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    struct problem problem = {.text = ""};
    struct patience patience;
    struct door door;

    if (approach(pamh, flags, LOGIN_SESSION, argc, argv, &door) != PAM_SUCCESS ||
        (door.login.is_root && !session_is_reported(pamh)))
        return;
    patience = door.login.is_root ? patience_for(ROOT_MS) : one_answer();
    if (gate_close_session(door.options.gate, &door.login.wire, &patience, &problem) < 0)
        voice_log(&door.voice, LOG_WARNING, &door.login.wire,
                  "the check-out broker did not hear of the session's end (%s)", problem.text);
}
