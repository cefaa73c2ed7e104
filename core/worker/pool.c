/* core/worker/pool.c: the pool's interface, its turns on the loop and the translators' queue; see pool.h and
 * pool_internal.h. */
#include "core/worker/pool_internal.h"

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/memory.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { COURIERS_DEFAULT = 16, SILENT_DEFAULT_MS = 3000, WAITING_DEFAULT = 10000 };

static const uint64_t memory_default = 256u << 20;

void task_append(task_queue *queue, task *t) {
    t->next = NULL;
    if (queue->last)
        queue->last->next = t;
    else
        queue->first = t;
    queue->last = t;
    queue->count++;
}

void task_prepend(task_queue *queue, task *t) {
    t->next = queue->first;
    queue->first = t;
    if (!queue->last) queue->last = t;
    queue->count++;
}

task *task_pop(task_queue *queue) {
    task *t = queue->first;
    if (!t) return NULL;
    queue->first = t->next;
    if (!queue->first) queue->last = NULL;
    queue->count--;
    return t;
}

void task_finish(task *take, frame *reply, error *failure) {
    take->request.done(take->request.context, reply, failure);
    frame_clear(&take->request.call);
    free(take->lane_name);
    free(take);
}

/* The end of this turn has something to do. */
static void stir(worker_pool *pool) {
    pool->stirred = true;
}

/* ---- from any thread ---- */

void worker_pool_submit(worker_pool *pool, const worker_request *request) {
    task *t = xcalloc(1, sizeof *t);
    t->request = *request;
    if (request->kind == WORKER_COURIER) t->lane_name = xstrdup(request->lane ? request->lane : "");
    t->request.lane = t->lane_name;
    /* From the loop itself nothing has to wake it. `done` is never called from here: the end of the turn comes first.
     */
    if (http_loop_is_here(pool->loop)) {
        task_append(&pool->handed, t);
        stir(pool);
        http_loop_hurry(pool->loop);
    } else {
        mailbox_post(pool->box, &t->link);
    }
}

json_t *worker_pool_status(worker_pool *pool) {
    json_t *list = json_array();
    pthread_mutex_lock(&pool->view_lock);
    for (size_t i = 0; i < pool->slot_count; i++) {
        const slot_view *v = &pool->views[i];
        if (v->pid == 0) continue;
        json_t *entry = json_pack("{s:s,s:i,s:b,s:I,s:I}", "kind", v->kind == WORKER_COURIER ? "courier" : "translator",
            "pid", (int)v->pid, "busy", v->flights > 0, "queued", (json_int_t)(v->flights > 0 ? v->flights - 1 : 0),
            "restarts", (json_int_t)v->restarts);
        if (v->connection[0]) json_put_text(entry, "connection", v->connection);
        json_array_append_new(list, entry);
    }
    pthread_mutex_unlock(&pool->view_lock);
    return list;
}

size_t worker_pool_waiting(worker_pool *pool) {
    return atomic_load(&pool->waiting_shown);
}

/* ---- on the loop ---- */

static void show(worker_pool *pool) {
    atomic_store(&pool->waiting_shown, pool->waiting.count + pool->waiting_in_lanes);
    pthread_mutex_lock(&pool->view_lock);
    for (size_t i = 0; i < pool->slot_count; i++) {
        const slot *s = &pool->slots[i];
        slot_view *v = &pool->views[i];
        v->kind = s->kind;
        v->pid = s->state == SLOT_READY || s->state == SLOT_ENDING ? s->pid : 0;
        v->flights = s->flights;
        v->restarts = s->restarts;
        const char *served = s->served ? s->served->name : "";
        if (strncmp(v->connection, served, sizeof v->connection - 1) != 0)
            snprintf(v->connection, sizeof v->connection, "%s", served);
    }
    pthread_mutex_unlock(&pool->view_lock);
}

static error *refusal(const worker_pool *pool, const task *t) {
    size_t maximum = pool->options.waiting_max;
    if (pool->lost) return error_new(ERROR_CRASHED, "the worker and its nursery are gone");
    if (pool->stopping || pool->abandoned) return error_new(ERROR_UNREACHABLE, "the appliance is stopping");
    if (t->request.call.overflow)
        return error_new(ERROR_LIMIT, "a request to a worker is larger than %d bytes or has more than %d files",
            FRAME_BYTES_MAX, FRAME_DESCRIPTORS_MAX);
    if (pool->waiting.count + pool->waiting_in_lanes >= maximum)
        return error_new(ERROR_LIMIT, "%zu requests wait for a worker already", maximum);
    return NULL;
}

static void fail_waiting(worker_pool *pool, worker_kind kind, error *take) {
    if (kind == WORKER_COURIER) lanes_fail_waiting(pool, take);
    for (task *t; kind == WORKER_TRANSLATOR && (t = task_pop(&pool->waiting));)
        task_finish(t, NULL, error_new(error_code_of(take), "%s", error_text(take)));
    error_free(take);
}

static void fail_all_waiting(worker_pool *pool) {
    fail_waiting(pool, WORKER_TRANSLATOR, error_new(ERROR_UNREACHABLE, "the appliance is stopping"));
    fail_waiting(pool, WORKER_COURIER, error_new(ERROR_UNREACHABLE, "the appliance is stopping"));
}

static void take_order(worker_pool *pool, task *take) {
    error *no = refusal(pool, take);
    if (no)
        task_finish(take, NULL, no);
    else if (take->request.kind == WORKER_COURIER)
        lane_enqueue(pool, take);
    else
        task_append(&pool->waiting, take);
}

static void take_orders(worker_pool *pool) {
    for (mail *m = mailbox_take(pool->box), *next; m; m = next) {
        next = m->next;
        task *t = (task *)m;
        if (t != &pool->stop_order && t != &pool->abandon_order) {
            take_order(pool, t);
            continue;
        }
        pool->stopping = pool->stopping || t == &pool->stop_order;
        pool->abandoned = pool->abandoned || t == &pool->abandon_order;
        fail_all_waiting(pool);
    }
}

static void take_handed(worker_pool *pool) {
    for (task *t; (t = task_pop(&pool->handed));)
        take_order(pool, t);
}

static void lose_nursery(worker_pool *pool, error *why) {
    log_failure(LOG_ERROR, "the nursery is gone, and all workers with it", why);
    pool->lost = true;
    http_loop_drop(pool->nursery_watch);
    pool->nursery_watch = NULL;
    for (size_t i = 0; i < pool->slot_count; i++)
        slot_abandon(pool, &pool->slots[i]);
    fail_waiting(pool, WORKER_TRANSLATOR, error_new(ERROR_CRASHED, "the worker and its nursery are gone"));
    fail_waiting(pool, WORKER_COURIER, error_new(ERROR_CRASHED, "the worker and its nursery are gone"));
    if (pool->options.lost) pool->options.lost(pool->options.context);
}

static void take_event(worker_pool *pool, nursery_event *event) {
    for (size_t i = 0; i < pool->slot_count; i++) {
        slot *s = &pool->slots[i];
        if (event->spawned && s->state == SLOT_STARTING && s->order_id == event->id) {
            slot_started(pool, s, event);
            return;
        }
        bool lives = s->state == SLOT_READY || s->state == SLOT_ENDING;
        if (!event->spawned && lives && s->pid == event->pid) {
            slot_ended(pool, s, event->status);
            return;
        }
    }
}

static void listen_to_nursery(worker_pool *pool) {
    nursery_event event;
    error *err = nursery_listen(pool->nursery);
    while (nursery_take_event(pool->nursery, &event))
        take_event(pool, &event);
    if (err) lose_nursery(pool, err);
}

static slot *least_loaded(worker_pool *pool) {
    slot *best = NULL;
    for (size_t i = 0; i < pool->translator_count; i++) {
        slot *s = &pool->slots[i];
        bool slow = s->first && pool->now_ms - s->first->head_since_ms >= SLOW_AFTER_MS;
        if (s->state != SLOT_READY || slow || s->flights >= FLIGHTS_MAX) continue;
        if (!best || s->flights < best->flights) best = s;
    }
    return best;
}

static void start_translators(worker_pool *pool) {
    for (size_t i = 0; i < pool->translator_count; i++) {
        slot *s = &pool->slots[i];
        if (s->state == SLOT_EMPTY && pool->now_ms >= s->start_after_ms) slot_start(pool, s);
    }
}

/* What stands behind a slow head is done by somebody who has nothing to do. */
static void relieve_slow_translators(worker_pool *pool) {
    const slot *best = pool->waiting.first ? NULL : least_loaded(pool);
    if (!best || best->first) return;
    for (size_t i = 0; i < pool->translator_count; i++) {
        slot *s = &pool->slots[i];
        if (s->flights > 1 && pool->now_ms - s->first->head_since_ms >= SLOW_AFTER_MS) slot_withdraw_followers(pool, s);
    }
}

static void dispatch_to_translators(worker_pool *pool) {
    relieve_slow_translators(pool);
    for (slot *s; pool->waiting.first && (s = least_loaded(pool));)
        slot_send(pool, s, task_pop(&pool->waiting));
}

/* Can no worker of this kind be started? Then nothing may wait for one. */
static bool is_hopeless(const worker_pool *pool, worker_kind kind) {
    for (size_t i = 0; i < pool->slot_count; i++) {
        const slot *s = &pool->slots[i];
        if (s->kind == kind && (s->state == SLOT_READY || s->idle_deaths < HOPELESS_STARTS)) return false;
    }
    return true;
}

static void give_up_hopeless(worker_pool *pool, worker_kind kind) {
    if (is_hopeless(pool, kind))
        fail_waiting(pool, kind, error_new(ERROR_CRASHED, "no worker can be started; the log says why"));
}

static void retire_idle(worker_pool *pool) {
    for (size_t i = 0; i < pool->slot_count; i++)
        if (!pool->slots[i].first) slot_retire(pool, &pool->slots[i]);
}

static bool all_empty(const worker_pool *pool) {
    for (size_t i = 0; i < pool->slot_count; i++)
        if (pool->slots[i].state != SLOT_EMPTY) return false;
    return true;
}

static void work(worker_pool *pool) {
    for (size_t i = 0; i < pool->slot_count; i++)
        slot_check_time(pool, &pool->slots[i]);
    if (pool->stopping || pool->abandoned) fail_all_waiting(pool); /* what a dead worker gave back */
    if (pool->stopping)
        retire_idle(pool);
    else if (!pool->lost && !pool->abandoned) {
        start_translators(pool);
        dispatch_to_translators(pool);
        lanes_dispatch(pool);
        give_up_hopeless(pool, WORKER_TRANSLATOR);
        give_up_hopeless(pool, WORKER_COURIER);
    }
    for (size_t i = 0; i < pool->slot_count; i++)
        slot_flush(&pool->slots[i]);
    show(pool);
}

static int64_t next_time(const worker_pool *pool) {
    int64_t next_ms = INT64_MAX;
    for (size_t i = 0; i < pool->slot_count; i++) {
        int64_t slot_ms = slot_next_time(pool, &pool->slots[i]);
        if (slot_ms < next_ms) next_ms = slot_ms;
    }
    return next_ms;
}

/* Something happens now. */
static void wake(worker_pool *pool) {
    pool->now_ms = clock_monotonic_ms();
    stir(pool);
}

static void box_ready(void *context, uint32_t events) {
    worker_pool *pool = context;
    (void)events;
    wake(pool);
    take_orders(pool);
}

static void nursery_ready(void *context, uint32_t events) {
    worker_pool *pool = context;
    (void)events;
    wake(pool);
    listen_to_nursery(pool);
}

void pool_slot_ready(void *context, uint32_t events) {
    slot *s = context;
    wake(s->pool);
    if (events & EPOLLOUT) s->has_output = true;
    slot_read(s->pool, s);
}

static bool is_over(const worker_pool *pool) {
    return pool->stopping && (all_empty(pool) || pool->lost);
}

/* Whoever stops the pool waits for this, and frees it. */
static void leave_loop(worker_pool *pool) {
    http_loop_drop(pool->box_watch);
    if (pool->nursery_watch) http_loop_drop(pool->nursery_watch);
    http_loop_remove_turn(pool->loop, pool->turn);
    pthread_mutex_lock(&pool->view_lock);
    pool->left_loop = true;
    pthread_cond_signal(&pool->left);
    pthread_mutex_unlock(&pool->view_lock);
}

/* Many turns of a loop that carries others too are none of the pool's business: then it costs a look at the clock. */
static int on_turn(void *context) {
    worker_pool *pool = context;
    int64_t now_ms = clock_monotonic_ms();
    if (pool->stirred || now_ms >= pool->due_ms) {
        pool->stirred = false;
        pool->now_ms = now_ms;
        take_handed(pool);
        work(pool);
        pool->due_ms = next_time(pool);
        if (is_over(pool)) {
            leave_loop(pool);
            return -1;
        }
    }
    if (pool->stirred) return 0;
    if (pool->due_ms == INT64_MAX) return -1;
    int64_t wait_ms = pool->due_ms - now_ms;
    return wait_ms <= 0 ? 0 : wait_ms > INT_MAX ? INT_MAX : (int)wait_ms;
}

/* ---- start and stop ---- */

static void make_slots(worker_pool *pool) {
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    worker_pool_options *o = &pool->options;
    if (o->translators <= 0) o->translators = processors > 0 ? (int)processors : 1;
    if (o->couriers_max <= 0) o->couriers_max = COURIERS_DEFAULT;
    if (o->silent_ms <= 0) o->silent_ms = SILENT_DEFAULT_MS;
    if (o->memory_bytes == 0) o->memory_bytes = memory_default;
    if (o->waiting_max == 0) o->waiting_max = WAITING_DEFAULT;
    pool->translator_count = (size_t)o->translators;
    pool->slot_count = pool->translator_count + (size_t)o->couriers_max;
    pool->slots = xcalloc(pool->slot_count, sizeof *pool->slots);
    pool->views = xcalloc(pool->slot_count, sizeof *pool->views);
    for (size_t i = 0; i < pool->slot_count; i++) {
        pool->slots[i].kind = i < pool->translator_count ? WORKER_TRANSLATOR : WORKER_COURIER;
        pool->slots[i].process_fd = -1;
        pool->slots[i].pool = pool;
    }
}

static void free_pool(worker_pool *pool) {
    lanes_free(pool);
    mailbox_free(pool->box);
    http_loop_stop(pool->own_loop);
    pthread_cond_destroy(&pool->left);
    pthread_mutex_destroy(&pool->view_lock);
    free(pool->slots);
    free(pool->views);
    free(pool);
}

static void begin(void *context) {
    worker_pool *pool = context;
    pool->box_watch = http_loop_watch(pool->loop, mailbox_fd(pool->box), EPOLLIN, box_ready, pool);
    pool->nursery_watch = http_loop_watch(pool->loop, nursery_fd(pool->nursery), EPOLLIN, nursery_ready, pool);
    pool->turn = http_loop_add_turn(pool->loop, on_turn, pool);
    wake(pool); /* the end of this turn starts the translators */
    http_loop_hurry(pool->loop);
}

error *worker_pool_start(nursery *n, const worker_pool_options *options, worker_pool **out) {
    worker_pool *pool = xcalloc(1, sizeof *pool);
    pool->nursery = n;
    pool->options = *options;
    pool->lanes = map_new();
    pthread_mutex_init(&pool->view_lock, NULL);
    pthread_cond_init(&pool->left, NULL);
    make_slots(pool);
    error *err = mailbox_new(&pool->box);
    if (!err && !options->loop) err = http_loop_start(&pool->own_loop);
    if (err) {
        free_pool(pool);
        return err;
    }
    pool->loop = options->loop ? options->loop : pool->own_loop;
    http_loop_call(pool->loop, begin, pool);
    *out = pool;
    return NULL;
}

void worker_pool_abandon(worker_pool *pool) {
    mailbox_post(pool->box, &pool->abandon_order.link);
}

void worker_pool_stop(worker_pool *pool) {
    if (!pool) return;
    mailbox_post(pool->box, &pool->stop_order.link);
    pthread_mutex_lock(&pool->view_lock);
    while (!pool->left_loop)
        pthread_cond_wait(&pool->left, &pool->view_lock);
    pthread_mutex_unlock(&pool->view_lock);
    take_orders(pool); /* what came too late is refused */
    take_handed(pool);
    free_pool(pool);
}
