/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wait.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/signalfd.h>

#include "client.h"

/* The broker ends the wait itself when it is over; this much later the module does. */
#define GRACE_MS 5000
/* A broker that stays away this long is not being restarted. */
#define AWAY_MAX_MS 30000
/* A connection that lived this long ends an outage; a broker that keeps crashing does not. */
#define STABLE_MS 5000
#define RETRY_MS 200

struct wait {
    const char *path;
    struct gate1_login login; /* with the time that is left to wait */
    const struct voice *voice;
    uint64_t id;
    uint64_t until; /* when the wait is over, by the module's own clock */
    struct patience patience;
    uint64_t away_since; /* when the last outage began; 0: there was none */
    uint64_t back_at;    /* when the last connection was made */
    bool away_said, back_said;
    char told[LIMIT_SENTENCE]; /* the broker's last words, so as not to repeat them */
};

static bool is_lost(int r)
{
    switch (r) {
    case -ECONNRESET:
    case -ECONNREFUSED:
    case -EPIPE:
    case -ENOENT:
    case -ENOTCONN:
        return true;
    default:
        return false;
    }
}

/* The connection is gone or cannot be made. */
static void note_away(struct wait *wait)
{
    uint64_t now = peer_now();

    if (wait->away_since == 0 ||
        (wait->back_at >= wait->away_since && now - wait->back_at >= STABLE_MS)) {
        wait->away_since = now;
        wait->away_said = wait->back_said = false;
    }
    if (!wait->away_said)
        voice_tell(wait->voice, "the check-out broker is away; still waiting for request %" PRIu64,
                   wait->id);
    wait->away_said = true;
}

static void note_back(struct wait *wait)
{
    wait->back_at = peer_now();
    if (!wait->back_said)
        voice_tell(wait->voice, "the check-out broker is back; waiting for request %" PRIu64,
                   wait->id);
    wait->back_said = true;
}

/* Makes a new connection. systemd holds the socket while the broker restarts, so connecting may
 * succeed and the broker's first words take their time. */
static int reconnect(struct wait *wait, struct peer **ret_peer, struct problem *problem)
{
    struct patience patience = wait->patience;
    int r;

    if (wait->away_since + AWAY_MAX_MS < patience.deadline)
        patience.deadline = wait->away_since + AWAY_MAX_MS;
    for (;;) {
        r = peer_connect(wait->path, PEER_GATE, &patience, ret_peer, problem);
        if (r == 0)
            r = peer_await(*ret_peer, &patience, problem);
        if (r == 0)
            note_back(wait);
        if (!is_lost(r))
            return r;
        *ret_peer = peer_free(*ret_peer);
        r = peer_pause(RETRY_MS, &patience);
        if (r < 0)
            return r;
    }
}

/* Pending before the time is over: somebody has approved and it takes more. Says so, and true if
 * there is time to wait on. */
static bool goes_on(struct wait *wait, const struct gate_answer *answer)
{
    uint64_t now = peer_now();

    if (answer->verdict != GATE_PENDING || now + 1000 > wait->until)
        return false;
    wait->login.wait_seconds = (uint32_t)((wait->until - now) / 1000);
    if (strcmp(wait->told, answer->message) != 0)
        voice_tell(wait->voice, "%s", answer->message);
    memcpy(wait->told, answer->message, sizeof(wait->told));
    return true;
}

static int resume(struct wait *wait, struct peer **peer, struct gate_answer *ret_answer,
                  struct problem *problem)
{
    for (;;) {
        int r;

        if (!*peer) {
            r = reconnect(wait, peer, problem);
            if (r < 0)
                return r;
        }
        r = gate_call(*peer, GATE1_RESUME, wait->id, &wait->login, &wait->patience, ret_answer,
                      problem);
        if (r == 0 ? !goes_on(wait, ret_answer) : !is_lost(r))
            return r;
        if (r < 0) {
            *peer = peer_free(*peer);
            note_away(wait);
        }
        r = peer_pause(RETRY_MS, &wait->patience);
        if (r < 0)
            return r;
    }
}

int wait_for_decision(const char *path, const struct gate1_login *login, uint64_t id,
                      const struct voice *voice, const char *words, struct peer **peer,
                      struct gate_answer *ret_answer, struct problem *problem)
{
    CLEANUP_CLOSE int stop_fd = -1;
    struct wait wait = {.path = path, .login = *login, .voice = voice, .id = id};
    sigset_t ends, before;
    int r;

    /* Blocked, because sudo's handlers restart what they interrupt and su's default is to die; seen
     * through a signalfd that nobody reads, so that they stay pending and the host gets them. */
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGQUIT);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGHUP);
    sigaddset(&ends, SIGTSTP);
    stop_fd = signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
    if (stop_fd < 0)
        return problem_set(problem, -errno, "signals cannot be watched");
    r = pthread_sigmask(SIG_BLOCK, &ends, &before);
    if (r != 0)
        return problem_set(problem, -r, "signals cannot be blocked");
    voice_tell(voice, "%s", words);

    wait.patience.stop_fd = stop_fd;
    /* PAM is not told when the client hangs up (sshd sits in this very call). */
    wait.patience.client_fd = client_connection(login);
    wait.until = peer_now() + (uint64_t)login->wait_seconds * 1000;
    wait.patience.deadline = wait.until + GRACE_MS;
    r = resume(&wait, peer, ret_answer, problem);

    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return r;
}
