/* core/facade/key_sets.c: see key_sets.h. */
#include "core/facade/key_sets.h"

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/map.h"
#include "core/base/memory.h"
#include "core/http/client.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { AGAIN_MS = 60000, FETCH_TIMEOUT_MS = 10000, WAITING_MAX = 1000 };

struct shared_keys {
    atomic_int references;
    jwk_set *set;
};

typedef struct waiter {
    struct waiter *next;
    void (*ready)(void *context);
    void *context;
} waiter;

struct key_source {
    char *url;
    int64_t refresh_ms;
    int references; /* with all_lock; a fetch under way holds one */
    pthread_mutex_t lock;
    shared_keys *now;             /* NULL until the first fetch */
    int64_t fetched_ms, tried_ms; /* monotonic; 0: never */
    bool fetching;
    waiter *waiting;
    size_t waiting_count;
};

static pthread_mutex_t all_lock = PTHREAD_MUTEX_INITIALIZER;
static map *all; /* url → key_source */

error *key_source_check_url(const char *url) {
    static const char *const local[] = {"http://127.0.0.1:", "http://localhost:", "http://[::1]:"};
    if (strncmp(url, "https://", 8) == 0) return NULL;
    for (size_t i = 0; i < sizeof local / sizeof *local; i++)
        if (strncmp(url, local[i], strlen(local[i])) == 0) return NULL;
    return error_new(ERROR_INVALID, "the address of the keys must begin with https://");
}

key_source *key_source_hold(const char *url, int64_t refresh_ms) {
    pthread_mutex_lock(&all_lock);
    if (!all) all = map_new();
    key_source *s = map_get(all, span_of(url));
    if (!s) {
        s = xcalloc(1, sizeof *s);
        s->url = xstrdup(url);
        pthread_mutex_init(&s->lock, NULL);
        map_put(all, span_of(url), s);
    }
    s->refresh_ms = refresh_ms;
    s->references++;
    pthread_mutex_unlock(&all_lock);
    return s;
}

void shared_keys_done(shared_keys *held) {
    if (!held || atomic_fetch_sub(&held->references, 1) > 1) return;
    jwk_set_free(held->set);
    free(held);
}

void key_source_release(key_source *s) {
    if (!s) return;
    pthread_mutex_lock(&all_lock);
    bool last = --s->references == 0;
    if (last) map_remove(all, span_of(s->url));
    pthread_mutex_unlock(&all_lock);
    if (!last) return;
    shared_keys_done(s->now);
    pthread_mutex_destroy(&s->lock);
    free(s->url);
    free(s);
}

const jwk_set *shared_keys_set(const shared_keys *held) {
    return held->set;
}

/* ---- fetching ---- */

static error *fetch(const char *url, jwk_set **set) {
    http_client *client = http_client_new();
    http_call call = http_call_to("GET", url);
    http_answer answer;
    call.answer_maximum = JWK_SET_BYTES_MAX;
    call.timeout_ms = FETCH_TIMEOUT_MS;
    error *err = http_client_call(client, &call, &answer);
    if (!err) {
        err = answer.status == 200 ? jwk_set_read(buf_span(&answer.body), set)
                                   : error_new(ERROR_UNREACHABLE, "the address answered %d", answer.status);
        http_answer_free(&answer);
    }
    http_client_free(client);
    return err;
}

static void fetch_now(void *context) {
    key_source *s = context;
    jwk_set *set = NULL;
    error *err = fetch(s->url, &set);
    pthread_mutex_lock(&s->lock);
    shared_keys *before = NULL;
    if (!err) {
        before = s->now;
        s->now = xcalloc(1, sizeof *s->now);
        atomic_init(&s->now->references, 1);
        s->now->set = set;
        s->fetched_ms = clock_monotonic_ms();
    }
    s->fetching = false;
    waiter *waiting = s->waiting;
    s->waiting = NULL;
    s->waiting_count = 0;
    pthread_mutex_unlock(&s->lock);
    shared_keys_done(before);
    if (err) log_warning("the keys at %s cannot be fetched: %s", s->url, error_text(err));
    error_free(err);
    while (waiting) {
        waiter *next = waiting->next;
        waiting->ready(waiting->context);
        free(waiting);
        waiting = next;
    }
    key_source_release(s);
}

/* With s->lock held; true when one is under way. */
static bool begin_fetch(key_source *s, int64_t now, blocking *threads) {
    if (s->fetching) return true;
    if (s->tried_ms && now - s->tried_ms < AGAIN_MS) return false;
    s->fetching = true;
    s->tried_ms = now;
    pthread_mutex_lock(&all_lock);
    s->references++;
    pthread_mutex_unlock(&all_lock);
    blocking_run(threads, fetch_now, s);
    return true;
}

key_source_state key_source_get(key_source *s, span kid, bool final, blocking *threads, void (*ready)(void *context),
    void *context, shared_keys **held) {
    int64_t now = clock_monotonic_ms();
    *held = NULL;
    pthread_mutex_lock(&s->lock);
    bool has_key = s->now && jwk_set_has(s->now->set, kid);
    bool old = !s->now || now - s->fetched_ms >= s->refresh_ms;
    bool coming = !final && (old || !has_key) && begin_fetch(s, now, threads);
    bool waits = coming && !has_key && s->waiting_count < WAITING_MAX;
    if (waits) {
        waiter *w = xcalloc(1, sizeof *w);
        *w = (waiter){.next = s->waiting, .ready = ready, .context = context};
        s->waiting = w;
        s->waiting_count++;
    } else if (s->now) {
        *held = s->now;
        atomic_fetch_add(&s->now->references, 1);
    }
    pthread_mutex_unlock(&s->lock);
    return waits ? KEYS_LATER : *held ? KEYS_HERE : KEYS_NONE;
}
