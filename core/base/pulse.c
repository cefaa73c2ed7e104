/* core/base/pulse.c: see pulse.h. */
#include "core/base/pulse.h"

#include "core/base/clock.h"
#include "core/base/memory.h"

#include <pthread.h>
#include <stdlib.h>

struct pulse {
    void (*beat)(pulse *p, void *context);
    void *context;
    int64_t every_ms;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop; /* under the lock */
};

bool pulse_pause(pulse *p, int64_t ms) {
    const struct timespec until = clock_monotonic_in(ms);
    pthread_mutex_lock(&p->lock);
    while (!p->stop && pthread_cond_timedwait(&p->wake, &p->lock, &until) == 0)
        ;
    bool go_on = !p->stop;
    pthread_mutex_unlock(&p->lock);
    return go_on;
}

static void *run(void *context) {
    pulse *p = context;
    while (pulse_pause(p, p->every_ms))
        p->beat(p, p->context);
    return NULL;
}

static void free_pulse(pulse *p) {
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

error *pulse_start(
    const char *name, int64_t every_ms, void (*beat)(pulse *p, void *context), void *context, pulse **out) {
    pthread_condattr_t attributes;
    pulse *p = xcalloc(1, sizeof *p);
    p->beat = beat;
    p->context = context;
    p->every_ms = every_ms;
    pthread_mutex_init(&p->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&p->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    *out = NULL;
    int failed = pthread_create(&p->thread, NULL, run, p);
    if (failed) {
        free_pulse(p);
        return error_from_errno(failed, "cannot start a thread");
    }
    pthread_setname_np(p->thread, name);
    *out = p;
    return NULL;
}

void pulse_stop(pulse *p) {
    if (!p) return;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
    free_pulse(p);
}
