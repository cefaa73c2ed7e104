/* core/base/blocking.c: see blocking.h. */
#include "core/base/blocking.h"

#include "core/base/memory.h"

#include <pthread.h>
#include <stdlib.h>

typedef struct step {
    struct step *next;
    void (*run)(void *context);
    void *context;
} step;

struct blocking {
    pthread_mutex_t lock;
    pthread_cond_t more;
    pthread_t *threads;
    size_t count;
    step *first, *last;
    bool stopping;
};

static void *serve(void *context) {
    blocking *b = context;
    pthread_mutex_lock(&b->lock);
    for (;;) {
        step *s = b->first;
        if (!s && b->stopping) break;
        if (!s) {
            pthread_cond_wait(&b->more, &b->lock);
            continue;
        }
        b->first = s->next;
        if (!b->first) b->last = NULL;
        pthread_mutex_unlock(&b->lock);
        s->run(s->context);
        free(s);
        pthread_mutex_lock(&b->lock);
    }
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

error *blocking_start(size_t threads, blocking **out) {
    int failed = 0;
    blocking *b = xcalloc(1, sizeof *b);
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->more, NULL);
    b->threads = xcalloc(threads, sizeof *b->threads);
    for (; b->count < threads && !failed; b->count++)
        failed = pthread_create(&b->threads[b->count], NULL, serve, b);
    *out = b;
    return failed ? error_from_errno(failed, "cannot start the blocking threads") : NULL;
}

void blocking_run(blocking *b, void (*run)(void *context), void *context) {
    step *s = xmalloc(sizeof *s);
    *s = (step){.next = NULL, .run = run, .context = context};
    pthread_mutex_lock(&b->lock);
    if (b->last)
        b->last->next = s;
    else
        b->first = s;
    b->last = s;
    pthread_cond_signal(&b->more);
    pthread_mutex_unlock(&b->lock);
}

void blocking_stop(blocking *b) {
    if (!b) return;
    pthread_mutex_lock(&b->lock);
    b->stopping = true;
    pthread_cond_broadcast(&b->more);
    pthread_mutex_unlock(&b->lock);
    for (size_t i = 0; i < b->count; i++)
        pthread_join(b->threads[i], NULL);
    pthread_mutex_destroy(&b->lock);
    pthread_cond_destroy(&b->more);
    free(b->threads);
    free(b);
}
