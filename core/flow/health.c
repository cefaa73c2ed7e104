/* core/flow/health.c: see health.h. */
#include "core/flow/health.h"

#include "core/base/clock.h"
#include "core/base/map.h"
#include "core/base/memory.h"

#include <pthread.h>
#include <stdlib.h>

typedef struct condition {
    bool failing;
    char *why, *left;
    int64_t since_ms, last_ms, left_since_ms;
} condition;

struct health {
    pthread_mutex_t lock;
    map *conditions;
};

static void free_condition(void *value) {
    condition *c = value;
    free(c->why);
    free(c->left);
    free(c);
}

health *health_new(void) {
    health *h = xcalloc(1, sizeof *h);
    pthread_mutex_init(&h->lock, NULL);
    h->conditions = map_new();
    return h;
}

void health_free(health *h) {
    if (!h) return;
    map_free(h->conditions, free_condition);
    pthread_mutex_destroy(&h->lock);
    free(h);
}

bool health_note(health *h, const char *connection, const error *failure) {
    int64_t now = clock_wall_ms();
    pthread_mutex_lock(&h->lock);
    condition *c = map_get(h->conditions, span_of(connection));
    bool is_new = !c;
    if (is_new) {
        c = xcalloc(1, sizeof *c);
        map_put(h->conditions, span_of(connection), c);
    }
    bool changed = is_new ? failure != NULL : c->failing != (failure != NULL);
    if (is_new || changed) c->since_ms = now;
    c->failing = failure != NULL;
    c->last_ms = now;
    free(c->why);
    c->why = failure ? xstrdup(error_text(failure)) : NULL;
    pthread_mutex_unlock(&h->lock);
    return changed;
}

void health_left(health *h, const char *connection, const char *what) {
    pthread_mutex_lock(&h->lock);
    condition *c = map_get(h->conditions, span_of(connection));
    if (!c && what) {
        c = xcalloc(1, sizeof *c);
        c->since_ms = c->last_ms = clock_wall_ms();
        map_put(h->conditions, span_of(connection), c);
    }
    if (c) {
        if (what && !c->left) c->left_since_ms = clock_wall_ms();
        free(c->left);
        c->left = what ? xstrdup(what) : NULL;
    }
    pthread_mutex_unlock(&h->lock);
}

json_t *health_json(health *h) {
    json_t *all = json_object();
    size_t cursor = 0;
    span name;
    void *value;
    pthread_mutex_lock(&h->lock);
    while (map_next(h->conditions, &cursor, &name, &value)) {
        const condition *c = value;
        char since[CLOCK_TEXT_SIZE], last[CLOCK_TEXT_SIZE];
        json_t *one = json_pack("{s:s, s:s, s:s}", "state", c->failing ? "failing" : "ok", "since",
            clock_format(c->since_ms, since), "last", clock_format(c->last_ms, last));
        json_put_text(one, "error", c->why);
        json_put_text(one, "left", c->left);
        if (c->left) json_put_text(one, "left_since", clock_format(c->left_since_ms, since));
        json_object_setn_new(all, name.data, name.len, one);
    }
    pthread_mutex_unlock(&h->lock);
    return all;
}
