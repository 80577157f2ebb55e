/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "session.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "caps.h"
#include "scope.h"

/* Of the time for the whole answer: what systemd may take, and what is kept for the broker. */
#define SCOPE_MS 3000
#define BROKER_MS 500

/* What is kept in the handle from one line of the stack to the next, and to the end. */
#define OPENED "pam_checkout.opened"
#define REPORTED "pam_checkout.reported"
/* Read by pam_systemd (systemd's pam_systemd.c, "systemd.runtime_max_sec"). */
#define RUNTIME_MAX "systemd.runtime_max_sec"

static const char terminates[] = "terminate", lets_run[] = "let run";

static void free_data(pam_handle_t *pamh, void *data, int status)
{
    free(data);
}

/* Puts a copy of the text into the handle; NULL: takes out what is there. */
static int keep(pam_handle_t *pamh, const char *name, const char *text)
{
    char *copy = NULL;

    if (text) {
        copy = strdup(text);
        if (!copy)
            return -ENOMEM;
    }
    if (pam_set_data(pamh, name, copy, copy ? free_data : NULL) == PAM_SUCCESS)
        return 0;
    free(copy);
    return -ENOMEM;
}

static const char *kept(pam_handle_t *pamh, const char *name)
{
    const void *data = NULL;

    return pam_get_data(pamh, name, &data) == PAM_SUCCESS ? data : NULL;
}

void session_clear(struct session *session)
{
    struct gate1_login *wire = session->wire;

    session->peer = peer_free(session->peer);
    if (wire->cgroup_kill >= 0)
        close(wire->cgroup_kill);
    wire->cgroup_kill = -1;
    wire->unit = wire->cgroup = wire->parent_cgroup = NULL;
}

bool session_is_open(pam_handle_t *pamh)
{
    return kept(pamh, OPENED) != NULL;
}

bool session_is_reported(pam_handle_t *pamh)
{
    return kept(pamh, REPORTED) != NULL;
}

static int ask_open(struct session *session, struct gate_answer *ret_answer,
                    struct problem *problem)
{
    return gate_ask(session->gate, GATE1_OPEN, session->wire, &session->patience, &session->peer,
                    ret_answer, problem);
}

/* Hands over the scope that this process is in. */
static int take_scope(struct session *session, struct problem *problem)
{
    struct gate1_login *wire = session->wire;
    int r = cgroup_open_kill(&session->cgroup, &wire->cgroup_kill, problem);

    if (r < 0)
        return r;
    wire->cgroup = session->cgroup.path;
    wire->unit = cgroup_unit(&session->cgroup);
    return 0;
}

/* There is no scope to end the session by, for the reason in *problem. Where the policy does not
 * end sessions that is for the journal only. Returns true if the login is refused. */
static bool fails_without_scope(const struct session *session, bool terminate,
                                struct gate_answer *ret_answer, const struct problem *problem)
{
    struct gate_answer answer = {.verdict = GATE_REFUSED};

    if (!terminate) {
        voice_log(session->voice, LOG_WARNING, session->wire,
                  "the session has no scope of its own, so its end will not be seen: %s",
                  problem->text);
        return false;
    }
    snprintf(answer.message, sizeof(answer.message),
             "refused: your session could not be given a scope of its own, so its end could not be "
             "enforced: %s",
             problem->text);
    *ret_answer = answer;
    return true;
}

/* ---- sudo and su ---- */

/* In the caller's slice it keeps its owner: polkit, for one, asks for that. */
static int find_owner(const struct gate1_login *wire, uint32_t *ret_uid, struct problem *problem)
{
    if (wire->has & GATE1_LOGIN_HAS_LOGINUID && wire->loginuid != UINT32_MAX)
        *ret_uid = wire->loginuid;
    else if (wire->has & GATE1_LOGIN_HAS_RUID)
        *ret_uid = wire->ruid;
    else
        return problem_set(problem, -ENODATA, "nobody says who calls");
    return 0;
}

static int enter_scope(struct session *session, const struct gate_answer *prepared,
                       struct problem *problem)
{
    struct scope scope = {
        .checkout = prepared->id,
        .latest = prepared->terminate ? prepared->latest : 0,
        .person = session->wire->person,
        .account = session->wire->account,
    };
    struct patience patience = session->patience;
    uint64_t until = peer_now() + SCOPE_MS;
    int r;

    if (patience.deadline > until + BROKER_MS)
        patience.deadline = until;
    else
        patience.deadline -= BROKER_MS;
    r = find_owner(session->wire, &scope.uid, problem);
    if (r == 0)
        r = scope_enter(&scope, &patience, &session->cgroup, problem);
    return r == 0 ? take_scope(session, problem) : r;
}

static int open_in_scope(struct session *session, const struct gate_answer *prepared,
                         struct gate_answer *ret_answer, struct problem *problem)
{
    struct problem scopeless = {.text = ""};

    if (enter_scope(session, prepared, &scopeless) < 0 &&
        fails_without_scope(session, prepared->terminate, ret_answer, &scopeless))
        return 0;
    return ask_open(session, ret_answer, problem);
}

/* ---- ssh and login ---- */

/* The scope that pam_systemd has had made for this login. One that the caller shares is not this
 * login's: logind makes none within another session, and to end that would end the caller's. */
static int find_session(struct session *session, struct problem *problem)
{
    struct cgroup parent;
    int r;

    r = cgroup_read(0, &session->cgroup);
    if (r < 0)
        return problem_errno(problem, r, "/proc/self/cgroup");
    if (!cgroup_is_session(cgroup_unit(&session->cgroup)))
        return problem_set(problem, -ENOENT, "pam_systemd has made no session, it is in %s",
                           session->cgroup.path);
    r = cgroup_read(getppid(), &parent);
    if (r == 0 && strcmp(parent.path, session->cgroup.path) == 0)
        return problem_set(problem, -ENOENT, "it is within %s, which is the caller's",
                           cgroup_unit(&session->cgroup));
    if (r < 0 && r != -ENOENT && r != -ESRCH)
        return problem_errno(problem, r, "the caller's cgroup");
    return take_scope(session, problem);
}

/* For the case that there is no broker at the end. */
static int limit_session(struct session *session, const struct gate_answer *prepared)
{
    uint64_t now = (uint64_t)time(NULL);
    uint64_t left = prepared->latest > now ? prepared->latest - now : 1;
    char seconds[24];

    if (left > LIMIT_DURATION_SECONDS)
        left = LIMIT_DURATION_SECONDS;
    snprintf(seconds, sizeof(seconds), "%" PRIu64, left);
    return keep(session->pamh, RUNTIME_MAX, seconds);
}

/* Before pam_systemd: recorded all the same, because the second line may be missing. */
static int open_before_session(struct session *session, const struct gate_answer *prepared,
                               struct gate_answer *ret_answer, struct problem *problem)
{
    struct problem scopeless = {.text = "no memory"};
    bool limited = prepared->terminate && prepared->latest > 0;
    int r;

    if ((keep(session->pamh, OPENED, prepared->terminate ? terminates : lets_run) < 0 ||
         (limited && limit_session(session, prepared) < 0)) &&
        fails_without_scope(session, prepared->terminate, ret_answer, &scopeless))
        return 0;
    r = ask_open(session, ret_answer, problem);
    if (r < 0 || ret_answer->verdict != GATE_ALLOW)
        (void)keep(session->pamh, OPENED, NULL);
    return r;
}

static int open_by_session(struct session *session, const struct gate_answer *prepared,
                           struct gate_answer *ret_answer, struct problem *problem)
{
    struct problem sessionless = {.text = ""};

    if (find_session(session, &sessionless) < 0)
        return open_before_session(session, prepared, ret_answer, problem);
    if (prepared->terminate)
        voice_log(session->voice, LOG_WARNING, session->wire,
                  "no line of pam_checkout stands before pam_systemd, so that systemd will not end "
                  "%s by itself if the broker cannot",
                  session->wire->unit);
    return ask_open(session, ret_answer, problem);
}

int session_hand_over(struct session *session, struct gate_answer *ret_answer,
                      struct problem *problem)
{
    struct problem sessionless = {.text = ""};
    const char *word = kept(session->pamh, OPENED);
    bool terminate = !word || strcmp(word, lets_run) != 0;

    (void)keep(session->pamh, OPENED, NULL);
    if (find_session(session, &sessionless) < 0 &&
        fails_without_scope(session, terminate, ret_answer, &sessionless)) {
        (void)gate_close_session(session->gate, session->wire, &session->patience, problem);
        return 0;
    }
    return ask_open(session, ret_answer, problem);
}

int session_open(struct session *session, const struct gate_answer *prepared,
                 struct gate_answer *ret_answer, struct problem *problem)
{
    const char *door = session->wire->door;

    if (strcmp(door, "sudo") == 0 || strcmp(door, "su") == 0)
        return open_in_scope(session, prepared, ret_answer, problem);
    return open_by_session(session, prepared, ret_answer, problem);
}

/* ---- root ---- */

void session_report(struct session *session)
{
    struct gate1_login *wire = session->wire;
    struct gate_answer answer = {.verdict = GATE_REFUSED};
    struct problem problem = {.text = ""};
    bool parent_is_within, own_is_within;

    if (cgroup_read(0, &session->cgroup) < 0)
        return;
    parent_is_within =
        cgroup_read(getppid(), &session->parent) == 0 && cgroup_is_within_scope(&session->parent);
    own_is_within = cgroup_is_within_scope(&session->cgroup);
    if (!parent_is_within && !own_is_within)
        return;

    wire->parent_cgroup = parent_is_within ? session->parent.path : session->cgroup.path;
    if (strcmp(wire->parent_cgroup, session->cgroup.path) != 0 &&
        cgroup_is_session(cgroup_unit(&session->cgroup)) && take_scope(session, &problem) < 0)
        voice_log(session->voice, LOG_WARNING, wire, "root's session cannot be ended: %s",
                  problem.text);
    if (ask_open(session, &answer, &problem) < 0)
        voice_log(session->voice, LOG_WARNING, wire,
                  "the check-out broker did not hear of root's session (%s)", problem.text);
    else if (answer.verdict == GATE_ALLOW)
        (void)keep(session->pamh, REPORTED, "");
}
