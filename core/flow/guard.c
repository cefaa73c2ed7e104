/* core/flow/guard.c: see guard.h. */
#include "core/flow/guard.h"

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/flow/estate_settings.h"

#include <pthread.h>
#include <stdlib.h>

enum { LONGER_MAX = 8, REPEAT = TRAFFIC_WHOLE };

const setting guard_breaker_settings[] = {
    {.name = "failures",
        .type = SETTING_INTEGER,
        .min = 1,
        .max = 1000,
        .fallback = "5",
        .help = "So many in a row open it: no connection, no answer in time, 502, 503, 504."},
    {.name = "open",
        .type = SETTING_DURATION,
        .min = 100,
        .max = 3600000,
        .fallback = "10s",
        .help = "How long nobody is sent there; then one request tries."},
    {.name = NULL},
};

typedef struct waiter {
    struct waiter *next;
    guard_ticket *ticket;
    void (*go)(void *context, guard_verdict verdict);
    void *context;
    int64_t until_ms;
    guard_verdict verdict; /* once it is taken out of the queue */
} waiter;

struct guard {
    char *name;
    pthread_mutex_t lock;
    int64_t concurrent; /* as it was last read */
    int64_t running, waiting, failures, opened, refused, longer;
    int64_t open_until_ms; /* monotonic; 0: closed */
    int64_t open_since_ms; /* wall */
    int64_t open_ms;
    int64_t repeats; /* what is left of the budget, in parts of 10,000 of one */
    int64_t repeated, not_repeated;
    int64_t failures_most; /* 0: no breaker */
    bool probing;
    waiter *first, **last;
};

static pthread_mutex_t all_lock = PTHREAD_MUTEX_INITIALIZER;
static map *all; /* name → guard; never freed: there are as many as connections */

static guard *find(const char *name) {
    pthread_mutex_lock(&all_lock);
    if (!all) all = map_new();
    guard *g = map_get(all, span_of(name));
    if (!g) {
        g = xcalloc(1, sizeof *g);
        g->name = xstrdup(name);
        g->last = &g->first;
        g->repeats = GUARD_REPEATS_SAVED * REPEAT;
        pthread_mutex_init(&g->lock, NULL);
        map_put(all, span_of(name), g);
    }
    pthread_mutex_unlock(&all_lock);
    return g;
}

static void read_rules(guard *g, const estate_connection *connection) {
    const json_t *breaker = json_get_object(connection->body, "breaker");
    g->concurrent = settings_integer(estate_settings("connections"), connection->body, "concurrent");
    g->failures_most = breaker ? settings_integer(guard_breaker_settings, breaker, "failures") : 0;
    g->open_ms = breaker ? settings_integer(guard_breaker_settings, breaker, "open") : 0;
}

static bool has_room(const guard *g) {
    return g->concurrent == 0 || g->running < g->concurrent;
}

static void take(guard *g, guard_ticket *ticket, bool probe) {
    g->running++;
    g->probing |= probe;
    *ticket = (guard_ticket){.guard = g, .probe = probe};
}

guard_verdict guard_enter(const estate_connection *connection, guard_ticket *ticket,
    void (*go)(void *context, guard_verdict verdict), void *context, int64_t *retry_ms) {
    const json_t *body = connection->body;
    *ticket = (guard_ticket){.guard = NULL};
    if (!json_object_get(body, "breaker") && !json_object_get(body, "concurrent")) return GUARD_PASS;
    const setting *table = estate_settings("connections");
    guard *g = find(connection->name);
    guard_verdict verdict = GUARD_PASS;
    int64_t now = clock_monotonic_ms(), wait_ms = settings_integer(table, body, "queue_wait");
    pthread_mutex_lock(&g->lock);
    read_rules(g, connection);
    bool broken = g->failures_most > 0 && g->open_until_ms > 0;
    if (broken && (now < g->open_until_ms || g->probing)) {
        verdict = GUARD_OPEN;
        *retry_ms = now < g->open_until_ms ? g->open_until_ms - now : g->open_ms;
    } else if (has_room(g)) {
        take(g, ticket, broken);
    } else if (g->waiting < settings_integer(table, body, "queue") && !broken) {
        waiter *w = xcalloc(1, sizeof *w);
        *w = (waiter){.ticket = ticket, .go = go, .context = context, .until_ms = now + wait_ms};
        *g->last = w;
        g->last = &w->next;
        g->waiting++;
        verdict = GUARD_LATER;
    } else {
        verdict = GUARD_FULL;
        *retry_ms = wait_ms > 1000 ? wait_ms : 1000;
    }
    if (verdict == GUARD_OPEN || verdict == GUARD_FULL) g->refused++;
    pthread_mutex_unlock(&g->lock);
    return verdict;
}

/* With the lock held. */
static void note_outcome(guard *g, bool probe, bool failed, int64_t now) {
    if (probe) g->probing = false;
    if (g->failures_most == 0) return;
    if (!failed) {
        if (g->open_until_ms) log_info("connection %s: answers again, the breaker closes", g->name);
        g->failures = g->longer = g->open_until_ms = 0;
        return;
    }
    g->failures++;
    bool opens = probe || (g->open_until_ms == 0 && g->failures >= g->failures_most);
    if (!opens) return;
    g->longer = g->longer ? g->longer * 2 : 1;
    if (g->longer > LONGER_MAX) g->longer = LONGER_MAX;
    if (g->open_until_ms == 0) g->open_since_ms = clock_wall_ms();
    g->open_until_ms = now + g->open_ms * g->longer;
    g->opened++;
    log_warning("connection %s: %lld failures in a row, the breaker opens", g->name, (long long)g->failures);
}

/* Those that may go now, or have waited too long, in their order. With the lock held. */
static waiter *take_waiting(guard *g, int64_t now) {
    waiter *ready = NULL, **end = &ready;
    while (g->first && (now >= g->first->until_ms || g->open_until_ms || has_room(g))) {
        waiter *w = g->first;
        g->first = w->next;
        if (!g->first) g->last = &g->first;
        g->waiting--;
        w->next = NULL;
        w->verdict = g->open_until_ms ? GUARD_OPEN : now >= w->until_ms ? GUARD_FULL : GUARD_PASS;
        if (w->verdict == GUARD_PASS)
            take(g, w->ticket, false);
        else
            g->refused++;
        *end = w;
        end = &w->next;
    }
    return ready;
}

void guard_leave(guard_ticket *ticket, bool failed) {
    guard *g = ticket->guard;
    if (!g) return;
    int64_t now = clock_monotonic_ms();
    pthread_mutex_lock(&g->lock);
    g->running--;
    note_outcome(g, ticket->probe, failed, now);
    *ticket = (guard_ticket){.guard = NULL};
    waiter *ready = take_waiting(g, now);
    pthread_mutex_unlock(&g->lock);
    while (ready) {
        waiter *next = ready->next;
        ready->go(ready->context, ready->verdict);
        free(ready);
        ready = next;
    }
}

void guard_earn_repeat(const estate_connection *connection, int share) {
    guard *g = find(connection->name);
    pthread_mutex_lock(&g->lock);
    g->repeats += share;
    if (g->repeats > GUARD_REPEATS_SAVED * REPEAT) g->repeats = GUARD_REPEATS_SAVED * REPEAT;
    pthread_mutex_unlock(&g->lock);
}

bool guard_spend_repeat(const estate_connection *connection) {
    guard *g = find(connection->name);
    pthread_mutex_lock(&g->lock);
    bool left = g->repeats >= REPEAT;
    if (left) g->repeats -= REPEAT;
    if (left)
        g->repeated++;
    else
        g->not_repeated++;
    pthread_mutex_unlock(&g->lock);
    return left;
}

json_t *guard_states(void) {
    json_t *states = json_object();
    size_t cursor = 0;
    span name;
    void *value;
    pthread_mutex_lock(&all_lock);
    while (all && map_next(all, &cursor, &name, &value)) {
        guard *g = value;
        pthread_mutex_lock(&g->lock);
        int64_t left_ms = g->open_until_ms - clock_monotonic_ms();
        const char *state = !g->open_until_ms ? "closed" : left_ms <= 0 ? "half-open" : "open";
        json_t *one = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "breaker", state, "running",
            (json_int_t)g->running, "waiting", (json_int_t)g->waiting, "failures", (json_int_t)g->failures, "opened",
            (json_int_t)g->opened, "refused", (json_int_t)g->refused, "repeated", (json_int_t)g->repeated,
            "not_repeated", (json_int_t)g->not_repeated);
        if (g->open_until_ms) {
            char since[CLOCK_TEXT_SIZE];
            json_put_text(one, "since", clock_format(g->open_since_ms, since));
            json_object_set_new(one, "next_ms", json_integer(left_ms <= 0 ? 0 : (json_int_t)left_ms));
        }
        json_object_set_new(states, g->name, one);
        pthread_mutex_unlock(&g->lock);
    }
    pthread_mutex_unlock(&all_lock);
    return states;
}
