/* core/worker/pool_lane.c: whose turn it is at the couriers; see pool_internal.h.
 *
 * A lane is a connection: its requests run one after another in one courier, which keeps the session. A lane that has
 * work and no courier stands in line. It gets, in this order: a courier that has no session yet, a new courier, the one
 * that has been idle longest. When all are busy, a lane that had its turn goes to the end of the line.
 */
#include "core/worker/pool_internal.h"

#include "core/base/memory.h"

#include <stdlib.h>

static void join_line(worker_pool *pool, lane *l) {
    if (l->in_line || l->courier || !l->waiting.first) return;
    l->in_line = true;
    l->next_in_line = NULL;
    if (pool->line_last)
        pool->line_last->next_in_line = l;
    else
        pool->line_first = l;
    pool->line_last = l;
}

static lane *leave_line(worker_pool *pool) {
    lane *l = pool->line_first;
    pool->line_first = l->next_in_line;
    if (!pool->line_first) pool->line_last = NULL;
    l->in_line = false;
    return l;
}

static lane *find_lane(worker_pool *pool, const char *name) {
    lane *l = map_get(pool->lanes, span_of(name));
    if (l) return l;
    l = xcalloc(1, sizeof *l);
    l->name = xstrdup(name);
    map_put(pool->lanes, span_of(name), l);
    return l;
}

/* A lane without work and courier is nothing to remember. */
static void free_if_done(worker_pool *pool, lane *l) {
    if (l->courier || l->in_line || l->waiting.first) return;
    map_remove(pool->lanes, span_of(l->name));
    free(l->name);
    free(l);
}

void lane_enqueue(worker_pool *pool, task *take) {
    lane *l = find_lane(pool, take->lane_name);
    task_append(&l->waiting, take);
    pool->waiting_in_lanes++;
    join_line(pool, l);
}

void lane_return(worker_pool *pool, task *take) {
    lane *l = find_lane(pool, take->lane_name);
    task_prepend(&l->waiting, take);
    pool->waiting_in_lanes++;
    join_line(pool, l);
}

void lane_lose_courier(worker_pool *pool, slot *s) {
    lane *l = s->served;
    if (!l) return;
    s->served = NULL;
    l->courier = NULL;
    join_line(pool, l);
    free_if_done(pool, l);
}

static void bind_courier(worker_pool *pool, slot *s, lane *l) {
    lane_lose_courier(pool, s);
    s->served = l;
    l->courier = s;
    l->turn_since_ms = pool->now_ms;
}

static bool is_idle(const slot *s) {
    return s->kind == WORKER_COURIER && s->state == SLOT_READY && !s->first;
}

static void send_next(worker_pool *pool, slot *s) {
    task *next = task_pop(&s->served->waiting);
    pool->waiting_in_lanes--;
    slot_send(pool, s, next);
}

/* An idle courier for the lane at the head of the line: one without a session, else, when none can be started, the one
 * that has been idle longest. A courier whose lane has work is not idle, but its turn may be over. */
static slot *find_courier(worker_pool *pool, bool take_from_others) {
    slot *best = NULL;
    for (size_t i = pool->translator_count; i < pool->slot_count; i++) {
        slot *s = &pool->slots[i];
        if (!is_idle(s)) continue;
        if (!s->served) return s;
        bool has_work = s->served->waiting.first != NULL;
        if (!take_from_others || (has_work && pool->now_ms - s->served->turn_since_ms < TURN_MS)) continue;
        if (!best || s->idle_since_ms < best->idle_since_ms) best = s;
    }
    return best;
}

/* Orders couriers for those in line, as far as there is room. True when at least one is on its way. */
static bool start_couriers(worker_pool *pool) {
    size_t wanted = 0, starting = 0;
    for (const lane *l = pool->line_first; l; l = l->next_in_line)
        wanted++;
    for (size_t i = pool->translator_count; i < pool->slot_count; i++)
        if (pool->slots[i].state == SLOT_STARTING) starting++;
    for (size_t i = pool->translator_count; i < pool->slot_count && starting < wanted; i++) {
        slot *s = &pool->slots[i];
        if (s->state != SLOT_EMPTY || pool->now_ms < s->start_after_ms) continue;
        slot_start(pool, s);
        if (s->state == SLOT_STARTING) starting++;
    }
    return starting > 0;
}

void lanes_dispatch(worker_pool *pool) {
    while (pool->line_first) {
        slot *s = find_courier(pool, false);
        if (!s && start_couriers(pool)) break;
        if (!s) s = find_courier(pool, true);
        if (!s) break;
        lane *l = leave_line(pool);
        bind_courier(pool, s, l);
        send_next(pool, s);
    }
    for (size_t i = pool->translator_count; i < pool->slot_count; i++) {
        slot *s = &pool->slots[i];
        if (!is_idle(s)) continue;
        bool has_work = s->served && s->served->waiting.first;
        if (has_work && (!pool->line_first || pool->now_ms - s->served->turn_since_ms < TURN_MS))
            send_next(pool, s);
        else if (!has_work && pool->now_ms - s->idle_since_ms >= IDLE_COURIER_MS)
            slot_retire(pool, s);
    }
}

static void fail_all(worker_pool *pool, lane *l, const error *why) {
    for (task *t; (t = task_pop(&l->waiting));) {
        pool->waiting_in_lanes--;
        task_finish(t, NULL, error_new(error_code_of(why), "%s", error_text(why)));
    }
}

void lanes_fail_waiting(worker_pool *pool, const error *why) {
    size_t cursor = 0;
    span name;
    void *value;
    while (pool->line_first)
        leave_line(pool);
    while (map_next(pool->lanes, &cursor, &name, &value))
        fail_all(pool, value, why);
}

static void free_lane(void *value) {
    lane *l = value;
    free(l->name);
    free(l);
}

void lanes_free(worker_pool *pool) {
    map_free(pool->lanes, free_lane);
}
