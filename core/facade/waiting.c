/* core/facade/waiting.c: see waiting.h. */
#include "core/facade/waiting.h"

#include "core/base/map.h"
#include "core/base/memory.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

typedef struct named {
    char id[ID_SIZE];
    waiter *by;
    struct named *next; /* of the same message */
} named;

struct waiter {
    blocking *threads;
    later_steps *later;
    void (*look)(void *context);
    void *context;
    unsigned holders; /* its owner, and timers */
    unsigned naps;    /* how often it went to sleep: a timer of an earlier one does not count */
    bool asleep, changed, over;
    named names[WAITER_MESSAGES_MAX];
    size_t count;
};

typedef struct nap {
    waiter *by;
    unsigned number;
} nap;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards all that follows, and every waiter */
static map *all;                                         /* message id → the first of those that named it */
static atomic_size_t waiters;

waiter *waiter_new(blocking *threads, later_steps *later, void (*look)(void *context), void *context) {
    waiter *w = xcalloc(1, sizeof *w);
    w->threads = threads;
    w->later = later;
    w->look = look;
    w->context = context;
    w->holders = 1;
    atomic_fetch_add(&waiters, 1);
    return w;
}

bool waiter_knows(waiter *w, const char *message_id) {
    bool known = w->count == WAITER_MESSAGES_MAX;
    for (size_t i = 0; i < w->count && !known; i++)
        known = strcmp(w->names[i].id, message_id) == 0;
    if (known || strlen(message_id) >= ID_SIZE) return true;
    named *n = &w->names[w->count++];
    memcpy(n->id, message_id, strlen(message_id) + 1);
    n->by = w;
    pthread_mutex_lock(&lock);
    if (!all) all = map_new();
    n->next = map_get(all, span_of(n->id));
    map_put(all, span_of(n->id), n);
    pthread_mutex_unlock(&lock);
    return false;
}

/* With the lock held. */
static void forget_name(named *n) {
    named *first = map_get(all, span_of(n->id));
    if (first == n && n->next) {
        map_put(all, span_of(n->id), n->next);
    } else if (first == n) {
        map_remove(all, span_of(n->id));
    } else {
        while (first->next != n)
            first = first->next;
        first->next = n->next;
    }
}

/* With the lock held, which is let go. */
static void let_go(waiter *w) {
    bool last = --w->holders == 0;
    pthread_mutex_unlock(&lock);
    if (last) free(w);
}

void waiter_free(waiter *w) {
    if (!w) return;
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < w->count; i++)
        forget_name(&w->names[i]);
    w->over = true;
    atomic_fetch_sub(&waiters, 1);
    let_go(w);
}

/* With the lock held. */
static void wake(waiter *w) {
    w->changed = !w->asleep;
    if (!w->asleep) return;
    w->asleep = false;
    blocking_run(w->threads, w->look, w->context);
}

static void nap_is_over(void *context) {
    nap *n = context;
    waiter *w = n->by;
    pthread_mutex_lock(&lock);
    if (!w->over && w->asleep && w->naps == n->number) wake(w);
    let_go(w);
    free(n);
}

void waiter_sleep(waiter *w, int64_t ms) {
    nap *n = xmalloc(sizeof *n);
    pthread_mutex_lock(&lock);
    w->asleep = true;
    *n = (nap){.by = w, .number = ++w->naps};
    w->holders++;
    if (w->changed) wake(w);
    later_steps *later = w->later;
    pthread_mutex_unlock(&lock);
    later_run(later, ms, nap_is_over, n);
}

void waiting_tell(const store_news *news, size_t count) {
    if (atomic_load(&waiters) == 0) return;
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < count && all; i++) {
        if (strcmp(news[i].kind, "message") != 0) continue;
        for (named *n = map_get(all, span_of(news[i].id)); n; n = n->next)
            wake(n->by);
    }
    pthread_mutex_unlock(&lock);
}
