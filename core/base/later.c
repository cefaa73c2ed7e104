/* core/base/later.c: see later.h. A binary heap by the time that a step is due. */
#include "core/base/later.h"

#include "core/base/clock.h"
#include "core/base/memory.h"

#include <pthread.h>
#include <stdlib.h>

typedef struct step {
    int64_t due_ms; /* monotonic */
    uint64_t order; /* of those due at the same time the first comes first */
    void (*run)(void *context);
    void *context;
} step;

struct later_steps {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* waits by the monotonic clock */
    pthread_t thread;
    step *heap;
    size_t count, room;
    uint64_t order;
    bool over, joined;
};

static bool before(const step *a, const step *b) {
    return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->order < b->order;
}

static void swap(step *a, step *b) {
    step kept = *a;
    *a = *b;
    *b = kept;
}

static void push(later_steps *l, step s) {
    if (l->count == l->room) {
        l->room = l->room ? l->room * 2 : 16;
        l->heap = xreallocarray(l->heap, l->room, sizeof *l->heap);
    }
    size_t i = l->count++;
    l->heap[i] = s;
    for (; i > 0 && before(&l->heap[i], &l->heap[(i - 1) / 2]); i = (i - 1) / 2)
        swap(&l->heap[i], &l->heap[(i - 1) / 2]);
}

static step pop(later_steps *l) {
    step first = l->heap[0];
    l->heap[0] = l->heap[--l->count];
    for (size_t i = 0;;) {
        size_t least = i, left = 2 * i + 1;
        if (left < l->count && before(&l->heap[left], &l->heap[least])) least = left;
        if (left + 1 < l->count && before(&l->heap[left + 1], &l->heap[least])) least = left + 1;
        if (least == i) return first;
        swap(&l->heap[i], &l->heap[least]);
        i = least;
    }
}

static void *serve(void *context) {
    later_steps *l = context;
    pthread_mutex_lock(&l->lock);
    while (!l->over || l->count > 0) {
        int64_t left = l->count ? l->heap[0].due_ms - clock_monotonic_ms() : 0;
        if (l->count == 0) {
            pthread_cond_wait(&l->changed, &l->lock);
        } else if (left > 0 && !l->over) {
            struct timespec until = clock_monotonic_in(left);
            pthread_cond_timedwait(&l->changed, &l->lock, &until);
        } else {
            step s = pop(l);
            pthread_mutex_unlock(&l->lock);
            s.run(s.context);
            pthread_mutex_lock(&l->lock);
        }
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

error *later_start(later_steps **out) {
    pthread_condattr_t attributes;
    later_steps *l = xcalloc(1, sizeof *l);
    pthread_mutex_init(&l->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&l->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    int failed = pthread_create(&l->thread, NULL, serve, l);
    if (failed) {
        l->joined = true;
        later_free(l);
        return error_from_errno(failed, "cannot start the thread for what is due later");
    }
    *out = l;
    return NULL;
}

void later_run(later_steps *l, int64_t ms, void (*run)(void *context), void *context) {
    pthread_mutex_lock(&l->lock);
    bool over = l->over;
    if (!over) {
        push(l, (step){.due_ms = clock_monotonic_ms() + ms, .order = l->order++, .run = run, .context = context});
        pthread_cond_signal(&l->changed);
    }
    pthread_mutex_unlock(&l->lock);
    if (over) run(context);
}

bool later_is_over(later_steps *l) {
    pthread_mutex_lock(&l->lock);
    bool over = l->over;
    pthread_mutex_unlock(&l->lock);
    return over;
}

void later_end(later_steps *l) {
    if (!l) return;
    pthread_mutex_lock(&l->lock);
    bool first = !l->over;
    l->over = true;
    pthread_cond_signal(&l->changed);
    pthread_mutex_unlock(&l->lock);
    if (!first) return;
    pthread_join(l->thread, NULL);
    l->joined = true;
}

void later_free(later_steps *l) {
    if (!l) return;
    if (!l->joined) later_end(l);
    pthread_mutex_destroy(&l->lock);
    pthread_cond_destroy(&l->changed);
    free(l->heap);
    free(l);
}
