/* core/worker/pool_slot.c: one worker from order to death; see pool_internal.h.
 *
 * Every death takes one path: whoever wants a worker gone kills it and waits for the nursery's report. Only then are
 * the last replies read, the head blamed and the others given back, so that nothing is decided twice.
 */
#include "core/worker/pool_internal.h"

#include "core/base/clock.h"
#include "core/base/io.h"
#include "core/base/log.h"
#include "core/base/memory.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum {
    DEFAULT_TIME_MS = 30000,
    COURIER_MEMORY_BYTES = 1 << 30,
    BACKOFF_FIRST_MS = 50,
    BACKOFF_DOUBLINGS_MAX = 7,
    LAST_READS_MAX = 64, /* of what a dead worker left in its socket, which is bounded */
};

static const char *kind_name(worker_kind kind) {
    return kind == WORKER_COURIER ? "courier" : "translator";
}

void slot_start(worker_pool *pool, slot *s) {
    nursery_order order = {.kind = s->kind,
        .memory_bytes = s->kind == WORKER_COURIER ? COURIER_MEMORY_BYTES : pool->options.memory_bytes,
        .user = pool->options.user,
        .group = pool->options.group};
    s->order_id = ++pool->next_id;
    error *err = nursery_order_worker(pool->nursery, s->order_id, &order);
    if (err) {
        /* The end of the nursery's channel is noticed, and answered, in the loop. */
        log_failure(LOG_ERROR, "a worker cannot be ordered", err);
        return;
    }
    s->state = SLOT_STARTING;
}

static void back_off(worker_pool *pool, slot *s) {
    unsigned doublings = s->idle_deaths < BACKOFF_DOUBLINGS_MAX ? s->idle_deaths : BACKOFF_DOUBLINGS_MAX;
    s->start_after_ms = pool->now_ms + ((int64_t)BACKOFF_FIRST_MS << doublings);
    s->idle_deaths++;
}

void slot_started(worker_pool *pool, slot *s, nursery_event *event) {
    if (event->failure || event->channel_fd < 0 || event->process_fd < 0) {
        log_failure(LOG_ERROR, "a worker could not be started", event->failure);
        io_close(&event->channel_fd);
        io_close(&event->process_fd);
        s->state = SLOT_EMPTY;
        back_off(pool, s);
        return;
    }
    s->state = SLOT_READY;
    s->pid = event->pid;
    s->process_fd = event->process_fd;
    s->channel = frame_channel_new(event->channel_fd);
    s->has_output = s->watches_output = false;
    s->end = END_UNKNOWN;
    s->idle_since_ms = pool->now_ms;
    s->watch = http_loop_watch(pool->loop, event->channel_fd, EPOLLIN, pool_slot_ready, s);
    log_debug("%s %d started", kind_name(s->kind), (int)s->pid);
}

/* The worker's last words stay in the socket until its death is reported. */
static void stop_listening(slot *s, slot_end end, int64_t kill_at_ms) {
    if (s->state != SLOT_READY) return;
    http_loop_drop(s->watch);
    s->watch = NULL;
    s->state = SLOT_ENDING;
    s->end = end;
    s->kill_at_ms = kill_at_ms;
    s->blamed_id = s->first ? s->first->id : 0;
}

static void kill_now(slot *s, slot_end end) {
    stop_listening(s, end, INT64_MAX);
    s->kill_at_ms = INT64_MAX;
    if (pidfd_send_signal(s->process_fd, SIGKILL, NULL, 0) < 0)
        log_debug("%s %d is gone already", kind_name(s->kind), (int)s->pid);
}

static void distrust(slot *s, error *take) {
    if (s->end != END_MALFORMED) {
        s->why = xstrdup(error_text(take));
        kill_now(s, END_MALFORMED);
        s->end = END_MALFORMED;
    }
    error_free(take);
}

void slot_retire(worker_pool *pool, slot *s) {
    if (s->state != SLOT_READY) return;
    stop_listening(s, END_WANTED, pool->now_ms + GRACE_MS);
    shutdown(frame_channel_fd(s->channel), SHUT_WR);
}

/* ---- requests and replies ---- */

static void watch_output(slot *s, bool wanted) {
    if (s->watches_output == wanted || s->state != SLOT_READY) return;
    http_loop_change(s->watch, EPOLLIN | (wanted ? (uint32_t)EPOLLOUT : 0));
    s->watches_output = wanted;
}

void slot_flush(slot *s) {
    bool all_written = true;
    if (!s->has_output || s->state != SLOT_READY) return;
    /* A closed channel shows on the reading side too, where the worker's last words come first. */
    error *err = frame_channel_flush(s->channel, &all_written);
    if (err && error_code_of(err) != ERROR_UNREACHABLE)
        log_failure(LOG_WARNING, "pool", err);
    else
        error_free(err);
    s->has_output = !all_written;
    watch_output(s, !err && !all_written);
}

void slot_send(worker_pool *pool, slot *s, task *take) {
    flight *f = xcalloc(1, sizeof *f);
    take->request.call.kind = FRAME_REQUEST;
    take->request.call.id = ++pool->next_id;
    f->work = take;
    f->id = take->request.call.id;
    f->operation = take->request.call.operation;
    f->time_ms = take->request.deadline_ms > 0 ? take->request.deadline_ms : DEFAULT_TIME_MS;
    f->head_since_ms = pool->now_ms;
    f->ticket = frame_channel_lend(s->channel, &take->request.call);
    if (s->last)
        s->last->next = f;
    else
        s->first = f;
    s->last = f;
    s->flights++;
    s->has_output = true;
}

static task *pop_flight(worker_pool *pool, slot *s) {
    flight *f = s->first;
    task *work = f->work;
    s->first = f->next;
    if (s->first)
        s->first->head_since_ms = pool->now_ms;
    else
        s->last = NULL;
    s->flights--;
    s->idle_since_ms = pool->now_ms;
    free(f);
    return work;
}

static void take_reply(worker_pool *pool, slot *s, frame *reply) {
    error *failure = frame_get_error(reply);
    lane_note_end(pool, s, failure != NULL);
    task *work = pop_flight(pool, s);
    s->idle_deaths = 0;
    if (!work) {
        error_free(failure);
        return;
    }
    task_finish(work, reply, failure);
}

static error *ask_owner(const task *work, const frame *question, frame *answer) {
    if (!work) return error_new(ERROR_CONFLICT, "the request was given to another worker");
    if (!work->request.ask) return error_new(ERROR_DENIED, "this request may not ask the desk");
    return work->request.ask(work->request.context, question, answer);
}

static void answer_question(slot *s, const frame *question) {
    frame answer;
    frame_init(&answer, FRAME_ANSWER, question->operation, question->id);
    error *refusal = ask_owner(s->first->work, question, &answer);
    if (refusal) frame_put_error(&answer, refusal);
    error_free(refusal);
    frame_channel_send(s->channel, &answer);
    s->has_output = true;
}

/* A worker may be anybody's by now: it may only answer what it was asked, in order, and ask about what it has in hand.
 */
static void take_frame(worker_pool *pool, slot *s, frame *f) {
    flight *head = s->first;
    bool in_hand = head && f->id == head->id && frame_channel_written(s->channel, head->ticket);
    bool question = f->kind == FRAME_QUESTION && f->operation >= QUESTION_SOURCE && f->operation <= QUESTION_SCHEMA;
    bool reply = f->kind == FRAME_REPLY && head &&
                 (f->operation == head->operation || (f->operation == OPERATION_WITHDRAW && !head->work));
    if (in_hand && question)
        answer_question(s, f);
    else if (in_hand && reply)
        take_reply(pool, s, f);
    else
        distrust(s, error_new(ERROR_INVALID, "a frame that nobody waited for"));
    frame_clear(f);
}

static void take_frames(worker_pool *pool, slot *s) {
    frame f;
    while (frame_channel_take(s->channel, &f)) {
        if (s->end == END_MALFORMED)
            frame_clear(&f);
        else
            take_frame(pool, s, &f);
    }
}

void slot_read(worker_pool *pool, slot *s) {
    if (s->state != SLOT_READY) return;
    error *err = frame_channel_fill(s->channel);
    bool at_end = err && error_code_of(err) == ERROR_UNREACHABLE;
    if (err && !at_end) {
        distrust(s, err); /* and what came with it */
        return;
    }
    error_free(err);
    take_frames(pool, s);
    if (at_end) stop_listening(s, END_UNKNOWN, pool->now_ms + GRACE_MS / 10);
}

/* ---- time ---- */

void slot_check_time(worker_pool *pool, slot *s) {
    if (s->state == SLOT_ENDING && pool->now_ms >= s->kill_at_ms) kill_now(s, s->end);
    if (s->state == SLOT_READY && s->first && pool->abandoned)
        kill_now(s, END_ABANDONED);
    else if (s->state == SLOT_READY && s->first && pool->now_ms >= s->first->head_since_ms + s->first->time_ms)
        kill_now(s, END_DEADLINE);
}

int64_t slot_next_time(const worker_pool *pool, const slot *s) {
    const flight *head = s->first;
    if (s->state == SLOT_ENDING) return s->kill_at_ms;
    if (s->state == SLOT_EMPTY) return s->start_after_ms > pool->now_ms ? s->start_after_ms : INT64_MAX;
    if (s->state != SLOT_READY) return INT64_MAX;
    if (!head) return s->kind == WORKER_COURIER ? s->idle_since_ms + IDLE_COURIER_MS : INT64_MAX;
    int64_t slow_ms = head->head_since_ms + SLOW_AFTER_MS, end_ms = head->head_since_ms + head->time_ms;
    return s->flights > 1 && slow_ms > pool->now_ms && slow_ms < end_ms ? slow_ms : end_ms;
}

static void give_back(worker_pool *pool, task *take) {
    if (take->request.kind == WORKER_COURIER)
        lane_return(pool, take);
    else
        task_prepend(&pool->waiting, take);
}

/* From the last to the first, each to the front of the queue: so they stay in order. */
static void give_back_all(worker_pool *pool, task_queue *lifo) {
    for (task *t; (t = task_pop(lifo));)
        give_back(pool, t);
}

void slot_withdraw_followers(worker_pool *pool, slot *s) {
    task_queue lifo = {0};
    if (s->state != SLOT_READY || !s->first) return;
    for (flight *f = s->first->next; f; f = f->next) {
        if (!f->work || !frame_channel_written(s->channel, f->ticket)) continue;
        frame withdrawal;
        frame_init(&withdrawal, FRAME_REQUEST, OPERATION_WITHDRAW, f->id);
        frame_channel_send(s->channel, &withdrawal);
        s->has_output = true;
        task_prepend(&lifo, f->work);
        f->work = NULL;
    }
    give_back_all(pool, &lifo);
}

/* ---- death ---- */

static error *death_in_words(const worker_pool *pool, const slot *s, const flight *head, int status) {
    const char *name = kind_name(s->kind);
    uint64_t mebibytes =
        (s->kind == WORKER_COURIER ? (uint64_t)COURIER_MEMORY_BYTES : pool->options.memory_bytes) >> 20;
    if (s->end == END_ABANDONED) return error_new(ERROR_UNREACHABLE, "the appliance is stopping");
    if (s->end == END_DEADLINE)
        return error_new(ERROR_TIMEOUT, "not done after %lld ms: the %s was stopped", (long long)head->time_ms, name);
    if (s->end == END_MALFORMED)
        return error_new(ERROR_CRASHED, "the %s does not keep to the protocol: %s", name, s->why);
    if (WIFEXITED(status) && WEXITSTATUS(status) == WORKER_EXIT_MEMORY)
        return error_new(
            ERROR_LIMIT, "the %s needed more than %llu MiB of memory", name, (unsigned long long)mebibytes);
    if (WIFEXITED(status)) return error_new(ERROR_CRASHED, "the %s ended with status %d", name, WEXITSTATUS(status));
    int number = WTERMSIG(status);
    if (number == SIGSYS)
        return error_new(ERROR_CRASHED, "the %s was stopped by its sandbox: it made a forbidden system call", name);
    const char *abbreviation = sigabbrev_np(number);
    return error_new(ERROR_CRASHED, "the %s crashed: SIG%s", name, abbreviation ? abbreviation : "unknown");
}

static void read_last_words(worker_pool *pool, slot *s) {
    error *err = NULL;
    for (int i = 0; !err && s->end != END_MALFORMED && i < LAST_READS_MAX; i++) {
        err = frame_channel_fill(s->channel);
        take_frames(pool, s);
    }
    error_free(err);
}

static void close_all(slot *s) {
    frame_channel_free(s->channel); /* before the tasks that it borrowed from go anywhere */
    s->channel = NULL;
    io_close(&s->process_fd);
    s->state = SLOT_EMPTY;
}

/* Empties the flights: the head fails when it is to blame, the others go back. */
static void settle_flights(worker_pool *pool, slot *s, bool head_to_blame, error *take) {
    task_queue lifo = {0};
    error *failure = take;
    if (head_to_blame) lane_note_end(pool, s, true);
    while (s->first) {
        task *work = pop_flight(pool, s);
        if (head_to_blame && work) {
            task_finish(work, NULL, failure);
            failure = NULL;
        } else if (work) {
            task_prepend(&lifo, work);
        }
        head_to_blame = false;
    }
    error_free(failure);
    give_back_all(pool, &lifo);
}

void slot_ended(worker_pool *pool, slot *s, int status) {
    stop_listening(s, END_UNKNOWN, INT64_MAX);
    slot_end end = s->end;
    uint64_t blamed_id = s->blamed_id;
    read_last_words(pool, s);
    if (s->end == END_MALFORMED && end != END_MALFORMED) blamed_id = s->first ? s->first->id : 0;
    /* A worker that ended by itself failed at what it had in hand at the very end; one that was killed is held to what
     * it was killed for, which it may have finished meanwhile. */
    bool never_began = WIFEXITED(status) && WEXITSTATUS(status) == WORKER_EXIT_SANDBOX;
    bool head_to_blame =
        s->first && !never_began && (s->end == END_UNKNOWN || s->end == END_WANTED || s->first->id == blamed_id);
    error *failure =
        s->first || s->end == END_UNKNOWN || s->end == END_MALFORMED ? death_in_words(pool, s, s->first, status) : NULL;
    if (s->end != END_WANTED) {
        s->restarts++;
        log_warning("%s %d: %s", kind_name(s->kind), (int)s->pid, failure ? error_text(failure) : "stopped in time");
    }
    bool idle_death = never_began || (!s->first && s->end != END_WANTED && s->end != END_DEADLINE);
    close_all(s);
    settle_flights(pool, s, head_to_blame, failure);
    lane_lose_courier(pool, s);
    if (idle_death) back_off(pool, s);
    free(s->why);
    s->why = NULL;
    s->pid = 0;
    s->end = END_UNKNOWN;
}

void slot_abandon(worker_pool *pool, slot *s) {
    if (s->state == SLOT_READY || s->state == SLOT_ENDING) {
        stop_listening(s, END_UNKNOWN, INT64_MAX);
        close_all(s);
    }
    s->state = SLOT_EMPTY;
    settle_flights(pool, s, true, error_new(ERROR_CRASHED, "the worker and its nursery are gone"));
    lane_lose_courier(pool, s);
    free(s->why);
    s->why = NULL;
}
