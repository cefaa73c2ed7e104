/* core/facade/limits.c: see limits.h. */
#include "core/facade/limits.h"

#include "core/base/map.h"
#include "core/base/memory.h"

#include <pthread.h>
#include <stdlib.h>

enum { SETS = 4096, WAYS = 4 }; /* 16384 keys in 256 KiB */

typedef struct bucket {
    uint64_t key; /* its hash; keyed, 64 bits: nobody can aim at the bucket of another */
    int64_t full_at_us;
} bucket;

struct limits {
    char *name;
    int references;
    pthread_mutex_t lock;
    bucket buckets[SETS][WAYS];
};

static pthread_mutex_t all_lock = PTHREAD_MUTEX_INITIALIZER;
static map *all; /* name → limits */

limits *limits_hold(const char *name) {
    pthread_mutex_lock(&all_lock);
    if (!all) all = map_new();
    limits *l = map_get(all, span_of(name));
    if (!l) {
        l = xcalloc(1, sizeof *l);
        l->name = xstrdup(name);
        pthread_mutex_init(&l->lock, NULL);
        map_put(all, span_of(name), l);
    }
    l->references++;
    pthread_mutex_unlock(&all_lock);
    return l;
}

void limits_release(limits *l) {
    if (!l) return;
    pthread_mutex_lock(&all_lock);
    bool last = --l->references == 0;
    if (last) map_remove(all, span_of(l->name));
    pthread_mutex_unlock(&all_lock);
    if (!last) return;
    pthread_mutex_destroy(&l->lock);
    free(l->name);
    free(l);
}

static bucket *find_bucket(limits *l, uint64_t key) {
    bucket *set = l->buckets[key % SETS], *oldest = &set[0];
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].key == key) return &set[i];
        if (set[i].full_at_us < oldest->full_at_us) oldest = &set[i];
    }
    *oldest = (bucket){.key = key, .full_at_us = 0};
    return oldest;
}

limits_state limits_take(limits *l, const limits_rate *rate, span key, int64_t now_us) {
    int64_t step = rate->per_ms * 1000 / rate->requests;
    if (step < 1) step = 1;
    int64_t room = step * rate->burst;
    pthread_mutex_lock(&l->lock);
    bucket *b = find_bucket(l, map_hash(key));
    int64_t full_at = (b->full_at_us > now_us ? b->full_at_us : now_us) + step;
    limits_state state = {.allowed = full_at - now_us <= room};
    if (state.allowed) b->full_at_us = full_at;
    int64_t used = (b->full_at_us > now_us ? b->full_at_us : now_us) - now_us;
    pthread_mutex_unlock(&l->lock);
    state.remaining = (room - used) / step;
    state.reset_ms = (used + 999) / 1000;
    if (!state.allowed) state.retry_ms = (full_at - now_us - room + 999) / 1000;
    return state;
}
