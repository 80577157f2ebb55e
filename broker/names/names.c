/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "names/names.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>

#include "names/lookup.h"
#include "names/message.h"
#include "names/process.h"

/* Per lane: so many look-ups may hang at once without keeping the others waiting. */
#define WORKERS_MAX 4

/* Per lane: more than this are not served within the time limit anyway. */
#define WAITING_MAX 256

/* sd-event may be this late with a deadline. */
#define ACCURACY_US 1000

/* A plain one and one for groups, for each queue. */
#define LANES (2 * (NAMES_PEOPLE + 1))

struct worker {
    struct lane *lane;
    struct process *process; /* NULL: this place is free */
    struct names_lookup *lookup;
    struct message_buffer answer; /* as far as it has come */
};

struct lane {
    struct names *names;
    struct worker workers[WORKERS_MAX];
    struct lookup_list waiting;
    size_t n_waiting;
};

struct names {
    sd_event *event;
    char *program;
    sd_event_source *deadline;  /* armed for the oldest look-up or earlier */
    sd_event_source *failures;  /* enabled while there are failed look-ups to be answered */
    struct lookup_list pending; /* all, the oldest first */
    struct lookup_list failed;
    struct lane lanes[LANES];
    uint64_t last_id;
    bool answering;
    uint8_t packet[MESSAGE_PACKET_MAX + 1]; /* one more than fits: what is longer shows */
};

DEFINE_CLEANUP(struct names *, names, names_free);

static uint64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Takes it off the queue or the worker it is with. */
static void lookup_detach(struct names_lookup *lookup)
{
    if (lookup->worker) {
        lookup->worker->lookup = NULL;
        lookup->worker = NULL;
    } else if (lookup->error) {
        TAILQ_REMOVE(&lookup->names->failed, lookup, in_queue);
    } else {
        TAILQ_REMOVE(&lookup->lane->waiting, lookup, in_queue);
        lookup->lane->n_waiting--;
    }
}

/* Answers with the results as they are, or with an error for every item. Consumes the look-up,
 * which has been detached. */
static void lookup_finish(struct names_lookup *lookup, int error)
{
    struct names *names = lookup->names;

    TAILQ_REMOVE(&names->pending, lookup, in_pending);
    for (size_t i = 0; error < 0 && i < lookup->count; i++) {
        lookup->results[i].error = error;
        lookup->results[i].user.uid = UID_UNSET;
    }
    lookup->finishing = true;
    if (lookup->done) {
        names->answering = true;
        lookup->done(lookup->items, lookup->results, lookup->count, lookup->userdata);
        names->answering = false;
    }
    lookup_free(lookup);
}

/* To be answered from the loop, since this may be called from names_look_up. */
static void lookup_fail_later(struct names_lookup *lookup, int error)
{
    lookup_detach(lookup);
    /* That there is no such program does not mean that there is no such user. */
    lookup->error = error == -ENOENT ? -EIO : error;
    TAILQ_INSERT_TAIL(&lookup->names->failed, lookup, in_queue);
    (void)sd_event_source_set_enabled(lookup->names->failures, SD_EVENT_ON);
}

static int worker_send(struct worker *worker, struct names_lookup *lookup)
{
    struct message_header header = {
        .magic = MESSAGE_MAGIC,
        .total = (uint32_t)lookup->request.size,
        .count = (uint32_t)lookup->count,
        .id = lookup->id,
    };

    return process_send(worker->process, &header, sizeof(header), lookup->request.data,
                        lookup->request.size);
}

/* Starts killing it; its place is free when it is gone. The look-up it was on is handed back. */
static struct names_lookup *worker_kill(struct worker *worker)
{
    struct names_lookup *lookup = worker->lookup;

    if (lookup)
        lookup_detach(lookup);
    message_buffer_clear(&worker->answer);
    process_kill(worker->process);
    return lookup;
}

static bool worker_is_idle(const struct worker *worker)
{
    return worker->process && !worker->lookup && process_is_usable(worker->process);
}

static void on_readable(struct process *process, void *userdata);
static void on_gone(struct process *process, void *userdata);

/* An idle worker, a new one, or NULL when all are busy. *ret_error is why none could be started, if
 * there is none that could be waited for. */
static struct worker *lane_worker(struct lane *lane, int *ret_error)
{
    struct worker *vacant = NULL;
    bool any = false;

    for (size_t i = 0; i < WORKERS_MAX; i++) {
        struct worker *worker = &lane->workers[i];

        if (worker_is_idle(worker))
            return worker;
        if (worker->process)
            any = true;
        else if (!vacant)
            vacant = worker;
    }
    if (!vacant)
        return NULL;

    int r = process_start(lane->names->event, lane->names->program, NAMES_WORKER_ARGUMENT,
                          on_readable, on_gone, vacant, &vacant->process);
    if (r < 0) {
        if (!any)
            *ret_error = r;
        return NULL;
    }
    return vacant;
}

/* Gives waiting look-ups to workers, as long as there are both. */
static void lane_run(struct lane *lane)
{
    struct names_lookup *lookup;

    while ((lookup = TAILQ_FIRST(&lane->waiting))) {
        int error = 0;
        struct worker *worker = lane_worker(lane, &error);

        if (!worker) {
            if (error == 0)
                return;
            lookup_fail_later(lookup, error);
            continue;
        }
        /* An idle worker may have died unnoticed: the next one then. Each turn uses one up, and a
         * killed one keeps its place, so this ends. */
        if (worker_send(worker, lookup) < 0) {
            worker_kill(worker);
            continue;
        }
        lookup_detach(lookup);
        lookup->worker = worker;
        worker->lookup = lookup;
    }
}

/* Ends the worker and answers what it was on with an error. */
static void worker_fail(struct worker *worker, int error)
{
    struct lane *lane = worker->lane;
    struct names_lookup *lookup = worker_kill(worker);

    lane_run(lane);
    if (lookup)
        lookup_finish(lookup, error);
}

/* Takes a packet of an answer. Returns 1 when it was the last, 0 when more is to come. */
static int worker_take_packet(struct worker *worker, const uint8_t *packet, size_t size)
{
    const struct names_lookup *lookup = worker->lookup;
    struct message_buffer *answer = &worker->answer;
    struct message_header header;

    if (!lookup || size <= sizeof(header) || size > MESSAGE_PACKET_MAX)
        return -EBADMSG;
    memcpy(&header, packet, sizeof(header));
    size -= sizeof(header);
    if (header.magic != MESSAGE_MAGIC || header.id != lookup->id || header.count != lookup->count ||
        header.total > MESSAGE_ANSWER_MAX || header.offset != answer->size ||
        (answer->size > 0 && header.total != answer->allocated) ||
        size > header.total - header.offset)
        return -EBADMSG;
    if (!answer->data) {
        answer->data = malloc(header.total);
        if (!answer->data)
            return -ENOMEM;
        answer->allocated = header.total;
    }
    memcpy(answer->data + answer->size, packet + sizeof(header), size);
    answer->size += size;
    return answer->size == answer->allocated;
}

static void on_readable(struct process *process, void *userdata)
{
    struct worker *worker = userdata;
    struct lane *lane = worker->lane;
    struct names *names = lane->names;
    int r;

    do {
        ssize_t n = process_receive(process, names->packet, sizeof(names->packet));

        if (n == -EAGAIN)
            return;
        r = n < 0 ? (int)n : worker_take_packet(worker, names->packet, (size_t)n);
    } while (r == 0);

    struct names_lookup *lookup = worker->lookup;
    if (r > 0)
        r = message_read_answer(worker->answer.data, worker->answer.size, lookup->items,
                                lookup->count, lookup->results);
    if (r < 0) {
        worker_fail(worker, r);
        return;
    }
    message_buffer_clear(&worker->answer);
    lookup_detach(lookup);
    lane_run(lane);
    lookup_finish(lookup, 0);
}

static void on_gone(struct process *process, void *userdata)
{
    struct worker *worker = userdata;
    struct lane *lane = worker->lane;
    struct names_lookup *lookup = worker_kill(worker);

    worker->process = process_free(process);
    lane_run(lane);
    if (lookup)
        lookup_finish(lookup, -EIO);
}

/* One each time: what is called may fail the same way at once. */
static int on_failures(sd_event_source *source, void *userdata)
{
    struct names *names = userdata;
    struct names_lookup *lookup = TAILQ_FIRST(&names->failed);

    if (!lookup || !TAILQ_NEXT(lookup, in_queue))
        (void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
    if (lookup) {
        int error = lookup->error;

        lookup_detach(lookup);
        lookup_finish(lookup, error);
    }
    return 0;
}

/* When nothing was asked for a while, one worker for each lane is enough. */
static void retire_surplus(struct names *names)
{
    for (size_t i = 0; i < LANES; i++) {
        bool kept = false;

        for (size_t j = 0; j < WORKERS_MAX; j++) {
            struct worker *worker = &names->lanes[i].workers[j];

            if (!worker_is_idle(worker))
                continue;
            if (kept)
                worker_kill(worker);
            kept = true;
        }
    }
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct names *names = userdata;
    struct names_lookup *lookup;

    while ((lookup = TAILQ_FIRST(&names->pending))) {
        if (lookup->deadline > now_us()) {
            /* Not moved for every look-up, only when it comes: the first of many is the oldest. */
            (void)sd_event_source_set_time(source, lookup->deadline);
            (void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
            return 0;
        }
        if (lookup->worker)
            worker_kill(lookup->worker);
        else
            lookup_detach(lookup);
        lookup_finish(lookup, -ETIMEDOUT);
    }
    retire_surplus(names);
    return 0;
}

int names_new(sd_event *event, const char *worker_program, struct names **ret_names)
{
    CLEANUP(cleanup_names) struct names *names = calloc(1, sizeof(*names));
    sigset_t child;
    int r;

    if (!names)
        return -ENOMEM;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &child, NULL) < 0)
        return -errno;
    names->event = sd_event_ref(event);
    TAILQ_INIT(&names->pending);
    TAILQ_INIT(&names->failed);
    for (size_t i = 0; i < LANES; i++) {
        struct lane *lane = &names->lanes[i];

        lane->names = names;
        TAILQ_INIT(&lane->waiting);
        for (size_t j = 0; j < WORKERS_MAX; j++)
            lane->workers[j].lane = lane;
    }
    names->program = strdup(worker_program);
    if (!names->program)
        return -ENOMEM;
    r = sd_event_add_time(event, &names->deadline, CLOCK_MONOTONIC, 0, ACCURACY_US, on_deadline,
                          names);
    if (r >= 0)
        r = sd_event_source_set_enabled(names->deadline, SD_EVENT_OFF);
    if (r >= 0)
        r = sd_event_add_defer(event, &names->failures, on_failures, names);
    if (r >= 0)
        r = sd_event_source_set_enabled(names->failures, SD_EVENT_OFF);
    if (r < 0)
        return r;
    *ret_names = TAKE_PTR(names);
    return 0;
}

struct names *names_free(struct names *names)
{
    struct names_lookup *lookup;

    if (!names)
        return NULL;
    assert(!names->answering);
    sd_event_source_disable_unref(names->deadline);
    sd_event_source_disable_unref(names->failures);
    while ((lookup = TAILQ_FIRST(&names->pending))) {
        TAILQ_REMOVE(&names->pending, lookup, in_pending);
        lookup_detach(lookup);
        lookup_free(lookup);
    }
    for (size_t i = 0; i < LANES; i++) {
        for (size_t j = 0; j < WORKERS_MAX; j++) {
            struct worker *worker = &names->lanes[i].workers[j];

            message_buffer_clear(&worker->answer);
            process_free(worker->process);
        }
    }
    sd_event_unref(names->event);
    free(names->program);
    free(names);
    return NULL;
}

int names_look_up(struct names *names, enum names_queue queue, const struct names_item *items,
                  size_t count, names_done done, void *userdata, struct names_lookup **ret_lookup)
{
    CLEANUP(cleanup_lookup) struct names_lookup *lookup = NULL;
    int enabled = SD_EVENT_OFF;
    int r = lookup_new(items, count, &lookup);

    if (r < 0)
        return r;
    struct lane *lane = &names->lanes[2 * queue + lookup_needs_groups(lookup)];
    if (lane->n_waiting >= WAITING_MAX)
        return -EBUSY;

    lookup->deadline = now_us() + NAMES_TIMEOUT_MS * 1000ULL;
    (void)sd_event_source_get_enabled(names->deadline, &enabled);
    if (enabled == SD_EVENT_OFF) {
        r = sd_event_source_set_time(names->deadline, lookup->deadline);
        if (r >= 0)
            r = sd_event_source_set_enabled(names->deadline, SD_EVENT_ONESHOT);
        if (r < 0)
            return r;
    }

    lookup->names = names;
    lookup->lane = lane;
    lookup->id = ++names->last_id;
    lookup->done = done;
    lookup->userdata = userdata;
    TAILQ_INSERT_TAIL(&names->pending, lookup, in_pending);
    TAILQ_INSERT_TAIL(&lane->waiting, lookup, in_queue);
    lane->n_waiting++;
    if (ret_lookup)
        *ret_lookup = lookup;
    lookup = NULL;
    lane_run(lane);
    return 0;
}

void names_cancel(struct names_lookup *lookup)
{
    if (!lookup || lookup->finishing)
        return;
    /* What a worker is on stays until it has answered: if it hangs, it must still be killed. */
    lookup->done = NULL;
    if (lookup->worker)
        return;
    lookup_detach(lookup);
    TAILQ_REMOVE(&lookup->names->pending, lookup, in_pending);
    lookup_free(lookup);
}
