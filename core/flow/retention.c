/* core/flow/retention.c: see retention.h. */
#include "core/flow/retention.h"

#include "core/base/log.h"
#include "core/base/memory.h"

#include <pthread.h>
#include <stdlib.h>

enum { PAUSE_MS = 5, TURNS = 24 };

static const int64_t shortest_ms = 1000, longest_ms = 3600 * 1000;

struct retention {
    store *store;
    int64_t payloads_ms, messages_ms, every_ms;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop; /* under the lock */
};

/* False when it is time to stop. */
static bool wait_ms(retention *r, int64_t ms) {
    const struct timespec until = clock_monotonic_in(ms);
    pthread_mutex_lock(&r->lock);
    while (!r->stop && pthread_cond_timedwait(&r->wake, &r->lock, &until) == 0)
        ;
    bool go_on = !r->stop;
    pthread_mutex_unlock(&r->lock);
    return go_on;
}

static bool pause_between(void *context) {
    return wait_ms(context, PAUSE_MS);
}

static void remove_old(retention *r) {
    purge_outcome removed;
    int64_t now = clock_wall_ms();
    const purge_plan plan = {
        .payloads_before = r->payloads_ms ? now - r->payloads_ms : 0,
        .messages_before = r->messages_ms ? now - r->messages_ms : 0,
        .go_on = pause_between,
        .context = r,
    };
    error *err = store_purge(r->store, &plan, &removed);
    if (removed.payloads || removed.messages)
        log_info("retention: %llu payloads and %llu messages were removed", (unsigned long long)removed.payloads,
            (unsigned long long)removed.messages);
    if (err) log_failure(LOG_WARNING, "retention", err);
}

static void *run(void *context) {
    retention *r = context;
    while (wait_ms(r, r->every_ms))
        remove_old(r);
    return NULL;
}

static int64_t turn_of(int64_t payloads_ms, int64_t messages_ms) {
    int64_t shorter = payloads_ms && (!messages_ms || payloads_ms < messages_ms) ? payloads_ms : messages_ms;
    int64_t every = shorter / TURNS;
    if (every < shortest_ms) return shortest_ms;
    return every > longest_ms ? longest_ms : every;
}

error *retention_start(store *s, int64_t payloads_ms, int64_t messages_ms, retention **out) {
    pthread_condattr_t attributes;
    *out = NULL;
    if (!payloads_ms && !messages_ms) return NULL;
    retention *r = xcalloc(1, sizeof *r);
    r->store = s;
    r->payloads_ms = payloads_ms;
    r->messages_ms = messages_ms;
    r->every_ms = turn_of(payloads_ms, messages_ms);
    pthread_mutex_init(&r->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&r->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    int failed = pthread_create(&r->thread, NULL, run, r);
    if (!failed) {
        pthread_setname_np(r->thread, "retention");
        *out = r;
        return NULL;
    }
    pthread_cond_destroy(&r->wake);
    pthread_mutex_destroy(&r->lock);
    free(r);
    return error_from_errno(failed, "cannot start a thread");
}

void retention_stop(retention *r) {
    if (!r) return;
    pthread_mutex_lock(&r->lock);
    r->stop = true;
    pthread_cond_signal(&r->wake);
    pthread_mutex_unlock(&r->lock);
    pthread_join(r->thread, NULL);
    pthread_cond_destroy(&r->wake);
    pthread_mutex_destroy(&r->lock);
    free(r);
}
