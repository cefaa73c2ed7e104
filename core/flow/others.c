/* core/flow/others.c: see others.h. A runner waits for the answers of a batch; when the appliance ends, or a courier is
 * not to be had, it leaves, and the batch comes home to nobody. */
#include "core/flow/others.h"

#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/flow/work.h"

#include <pthread.h>
#include <stdlib.h>

enum { LOOK_MS = 100, GRACE_MS = 2000 };

/* Held by the runner and by the batch. */
typedef struct batch {
    pthread_mutex_t lock;
    pthread_cond_t home;
    int holders;
    estate *estate;
    json_t *requests, *answers;
    char *id, *key, *trace;
} batch;

static batch *batch_new(estate *e, json_t *requests, const char *id, const char *key, const char *trace) {
    pthread_condattr_t monotonic;
    batch *b = xcalloc(1, sizeof *b);
    pthread_mutex_init(&b->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&b->home, &monotonic);
    pthread_condattr_destroy(&monotonic);
    b->holders = 2;
    b->estate = estate_hold(e);
    b->requests = json_incref(requests);
    b->id = xstrdup(id);
    b->key = key ? xstrdup(key) : NULL;
    b->trace = trace ? xstrdup(trace) : NULL;
    return b;
}

static void let_go(batch *b) {
    pthread_mutex_lock(&b->lock);
    bool last = --b->holders == 0;
    pthread_mutex_unlock(&b->lock);
    if (!last) return;
    pthread_mutex_destroy(&b->lock);
    pthread_cond_destroy(&b->home);
    estate_release(b->estate);
    json_decref(b->requests);
    json_decref(b->answers);
    free(b->id);
    free(b->key);
    free(b->trace);
    free(b);
}

static void come_home(void *context, json_t *answers) {
    batch *b = context;
    pthread_mutex_lock(&b->lock);
    b->answers = answers;
    pthread_cond_signal(&b->home);
    pthread_mutex_unlock(&b->lock);
    let_go(b);
}

/* A new reference; NULL: they did not come. */
static json_t *wait_for(const engine *e, batch *b, int64_t until_ms) {
    json_t *answers;
    pthread_mutex_lock(&b->lock);
    while (!b->answers && !atomic_load(&e->abandoned) && clock_monotonic_ms() < until_ms) {
        struct timespec look = clock_monotonic_in(LOOK_MS);
        pthread_cond_timedwait(&b->home, &b->lock, &look);
    }
    answers = b->answers;
    b->answers = NULL;
    pthread_mutex_unlock(&b->lock);
    return answers;
}

/* Has the calls of the batch made and waits for them. Takes the batch. */
static error *ask(engine *e, batch *b, size_t first, int64_t left_ms, json_t **answers) {
    const others_plan plan = {
        .estate = b->estate,
        .requests = b->requests,
        .trace = b->trace,
        .id = b->id,
        .key = b->key,
        .first = first,
        .timeout_ms = left_ms,
        .done = come_home,
        .context = b,
    };
    int64_t until_ms = clock_monotonic_ms() + left_ms + GRACE_MS;
    e->options.others(e->options.others_context, &plan);
    *answers = wait_for(e, b, until_ms);
    let_go(b);
    return *answers ? NULL : error_new(ERROR_UNREACHABLE, "no answer came in time");
}

error *work_ask_others(work *w, json_t *requests, size_t first, int64_t until_ms, json_t **answers) {
    int64_t left_ms = until_ms - clock_monotonic_ms();
    error *err = NULL;
    *answers = NULL;
    if (!w->engine->options.others) return error_new(ERROR_UNSUPPORTED, "scripts can call no other systems here");
    if (left_ms > 0) {
        const char *trace = job_trace_parent(w->engine, w->job, &w->trace);
        batch *b = batch_new(w->estate, requests, w->job->message, w->job->id, trace);
        err = ask(w->engine, b, first, left_ms, answers);
    }
    if (*answers) return NULL;
    error_free(err);
    return error_new(ERROR_UNREACHABLE, "its calls of other systems took longer than its `timeout`");
}

error *engine_call_other(engine *e, json_t *request, int64_t timeout_ms, json_t **answer) {
    char id[ID_SIZE];
    json_t *answers = NULL, *requests = json_array();
    *answer = NULL;
    if (!e->options.others) {
        json_decref(requests);
        return error_new(ERROR_UNSUPPORTED, "other systems cannot be called here");
    }
    json_array_append(requests, request);
    estate *snapshot = config_estate(e->options.config);
    error *err = ask(e, batch_new(snapshot, requests, id_new(id), NULL, NULL), 0, timeout_ms, &answers);
    if (!err) *answer = json_incref(json_array_get(answers, 0));
    estate_release(snapshot);
    json_decref(answers);
    json_decref(requests);
    return err;
}
