/* core/flow/retention.c: see retention.h. */
#include "core/flow/retention.h"

#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/base/pulse.h"

#include <stdlib.h>

enum { PAUSE_MS = 5, TURNS = 24 };

static const int64_t shortest_ms = 1000, longest_ms = 3600 * 1000;

struct retention {
    store *store;
    int64_t payloads_ms, messages_ms;
    pulse *pulse;
};

static bool pause_between(void *context) {
    return pulse_pause(context, PAUSE_MS);
}

static void remove_old(pulse *p, void *context) {
    retention *r = context;
    purge_outcome removed;
    int64_t now = clock_wall_ms();
    const purge_plan plan = {
        .payloads_before = r->payloads_ms ? now - r->payloads_ms : 0,
        .messages_before = r->messages_ms ? now - r->messages_ms : 0,
        .go_on = pause_between,
        .context = p,
    };
    error *err = store_purge(r->store, &plan, &removed);
    if (removed.payloads || removed.messages)
        log_info("retention: %llu payloads and %llu messages were removed", (unsigned long long)removed.payloads,
            (unsigned long long)removed.messages);
    if (err) log_failure(LOG_WARNING, "retention", err);
}

static int64_t turn_of(int64_t payloads_ms, int64_t messages_ms) {
    int64_t shorter = payloads_ms && (!messages_ms || payloads_ms < messages_ms) ? payloads_ms : messages_ms;
    int64_t every = shorter / TURNS;
    if (every < shortest_ms) return shortest_ms;
    return every > longest_ms ? longest_ms : every;
}

error *retention_start(store *s, int64_t payloads_ms, int64_t messages_ms, retention **out) {
    *out = NULL;
    if (!payloads_ms && !messages_ms) return NULL;
    retention *r = xcalloc(1, sizeof *r);
    r->store = s;
    r->payloads_ms = payloads_ms;
    r->messages_ms = messages_ms;
    error *err = pulse_start("retention", turn_of(payloads_ms, messages_ms), remove_old, r, &r->pulse);
    if (err)
        free(r);
    else
        *out = r;
    return err;
}

void retention_stop(retention *r) {
    if (!r) return;
    pulse_stop(r->pulse);
    free(r);
}
