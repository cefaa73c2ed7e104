/* core/worker/pool_lane.c: whose turn it is at the couriers; see pool_internal.h.
 *
 * A lane is a connection: its requests run one after another in one courier, which keeps the session. A lane that has
 * work and no courier stands in line. It gets, in this order: a courier that has no session yet, a new courier, the one
 * that has been idle longest. When all are busy, a lane that had its turn goes to the end of the line.
 *
 * Partners that say nothing keep a courier until a deadline. Lanes whose last request ended so may have half of the
 * couriers together, and wait for one another; the others pass them by (SF-11).
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

static void leave_line(worker_pool *pool, lane *l) {
    lane *before = NULL;
    if (pool->line_first == l)
        pool->line_first = l->next_in_line;
    else
        for (before = pool->line_first; before->next_in_line != l; before = before->next_in_line)
            ;
    if (before) before->next_in_line = l->next_in_line;
    if (pool->line_last == l) pool->line_last = before;
    l->in_line = false;
}

/* Whether one more silent lane may have a courier. */
static bool has_room_for_silence(const worker_pool *pool) {
    size_t couriers = pool->slot_count - pool->translator_count, busy = 0;
    for (size_t i = pool->translator_count; i < pool->slot_count; i++) {
        const slot *s = &pool->slots[i];
        if (s->first && s->served && s->served->silent) busy++;
    }
    return busy < (couriers > 1 ? couriers / 2 : 1);
}

/* The first in line whose turn it may be. */
static lane *next_in_turn(const worker_pool *pool) {
    bool room = has_room_for_silence(pool);
    lane *l = pool->line_first;
    while (l && l->silent && !room)
        l = l->next_in_line;
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

/* A lane without work and courier is nothing to remember, unless it was silent. */
static void free_if_done(worker_pool *pool, lane *l) {
    if (l->courier || l->in_line || l->waiting.first || l->silent) return;
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

void lane_note_end(worker_pool *pool, const slot *s, bool failed) {
    if (s->served && s->first)
        s->served->silent = failed && pool->now_ms - s->first->head_since_ms >= pool->options.silent_ms;
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
    bool room = has_room_for_silence(pool);
    for (const lane *l = pool->line_first; l; l = l->next_in_line)
        if (room || !l->silent) wanted++;
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

/* What only reads follows what only reads into the courier before that is answered: each hop saved is two changes of
 * process. */
static bool may_follow(const worker_pool *pool, const slot *s) {
    if (s->kind != WORKER_COURIER || s->state != SLOT_READY || !s->served || !s->last || s->flights >= FLIGHTS_MAX)
        return false;
    const task *next = s->served->waiting.first;
    bool slow = pool->now_ms - s->first->head_since_ms >= SLOW_AFTER_MS;
    return next && next->request.reads_only && s->last->work->request.reads_only && !slow;
}

static bool has_turn(const worker_pool *pool, const slot *s) {
    return !pool->line_first || pool->now_ms - s->served->turn_since_ms < TURN_MS;
}

static void serve_idle(worker_pool *pool, slot *s) {
    bool has_work = s->served && s->served->waiting.first;
    if (has_work && s->served->silent && !has_room_for_silence(pool)) return;
    if (has_work && has_turn(pool, s))
        send_next(pool, s);
    else if (!has_work && pool->now_ms - s->idle_since_ms >= IDLE_COURIER_MS)
        slot_retire(pool, s);
}

void lanes_dispatch(worker_pool *pool) {
    for (lane *l; (l = next_in_turn(pool));) {
        slot *s = find_courier(pool, false);
        if (!s && start_couriers(pool)) break;
        if (!s) s = find_courier(pool, true);
        if (!s) break;
        leave_line(pool, l);
        bind_courier(pool, s, l);
        send_next(pool, s);
    }
    for (size_t i = pool->translator_count; i < pool->slot_count; i++) {
        slot *s = &pool->slots[i];
        if (is_idle(s)) serve_idle(pool, s);
        while (may_follow(pool, s) && has_turn(pool, s))
            send_next(pool, s);
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
        leave_line(pool, pool->line_first);
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
