/* core/flow/engine.c: see engine.h. The dispatcher keeps no state that a restart would miss: what is ready is in the
 * store, when sources were last looked at does not matter. */
#include "core/flow/engine.h"

#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/flow/callback.h"
#include "core/flow/exchange_parts.h"
#include "core/flow/expiry.h"
#include "core/flow/intake.h"
#include "core/flow/outgoing.h"
#include "core/flow/work.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum {
    RUNNERS_DEFAULT = 32,
    LANE_WIDTH = 8,
    STOP_MS = 5000,
    CLAIM_MAX = 64,
    STACK_BYTES = 512 * 1024,
    LEASE_MS = 5 * 60 * 1000
};

static const int64_t longest_sleep_ms = 1000, release_every_ms = 60 * 1000;

/* What a runner does next: a job, or a look at a source. */
typedef struct task {
    struct task *next;
    claimed_job job;
    char source[65]; /* name of the connection; "" for a job */
} task;

/* The deliveries of one connection, and the translations whose scripts call it first. It is one session with a partner,
 * where they happen one after another: to have a few under way keeps it busy, and leaves the other runners to others
 * when the partner is slow or says nothing (FI-05).
 */
typedef struct lane {
    size_t running;
    task *first, *last; /* claimed, waiting for one that runs */
} lane;

/* When a source is looked at again; `busy` while a runner does. */
typedef struct source_state {
    int64_t due_ms; /* monotonic */
    bool busy;
    bool stirred; /* something came while a runner looked: to be looked at again at once */
} source_state;

typedef struct dispatcher {
    pthread_mutex_t lock;
    pthread_cond_t wake_dispatcher, wake_runner, runner_ended;
    pthread_t thread, *runners;
    size_t runner_count, running, idle, queued;
    task *first, *last;
    map *sources; /* connection name → source_state, owned */
    map *lanes;   /* connection name → lane, owned; those with deliveries */
    bool woken, stopping;
    bool starved;           /* there may be more jobs than there were idle runners */
    bool reconfigured;      /* what was held may run now */
    int64_t released_at_ms; /* when that was last looked after; the dispatcher's own */
    map *expiries;          /* certificates whose end was told; the dispatcher's own */
} dispatcher;

/* ---- the queue between dispatcher and runners ---- */

static void push(dispatcher *d, task *t) {
    t->next = NULL;
    if (d->last)
        d->last->next = t;
    else
        d->first = t;
    d->last = t;
    d->queued++;
    pthread_cond_signal(&d->wake_runner);
}

static task *pop(dispatcher *d) {
    task *t = d->first;
    if (!t) return NULL;
    d->first = t->next;
    if (!d->first) d->last = NULL;
    d->queued--;
    return t;
}

/* ---- lanes ---- */

#define LANE_KINDS "deliver", "receipt", "translate"

/* Does it wait for the connection that its job names? */
static bool is_delivery(const task *t) {
    static const char *const kinds[] = {LANE_KINDS};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && !t->source[0] && t->job.connection[0]; i++)
        if (strcmp(t->job.kind, kinds[i]) == 0) return true;
    return false;
}

/* To the runners, or to its lane when that is busy. */
static void push_job(dispatcher *d, task *t) {
    lane *l = is_delivery(t) ? map_get(d->lanes, span_of(t->job.connection)) : NULL;
    if (is_delivery(t) && !l) {
        l = xcalloc(1, sizeof *l);
        map_put(d->lanes, span_of(t->job.connection), l);
    }
    if (!l || l->running < LANE_WIDTH) {
        if (l) l->running++;
        push(d, t);
        return;
    }
    t->next = NULL;
    if (l->last)
        l->last->next = t;
    else
        l->first = t;
    l->last = t;
}

/* A delivery is over: the next of its lane takes its place. */
static void leave_lane(dispatcher *d, const task *t) {
    span name = span_of(t->job.connection);
    lane *l = is_delivery(t) ? map_get(d->lanes, name) : NULL;
    if (!l) return;
    bool was_busy = l->running >= LANE_WIDTH;
    task *next = l->first;
    if (next) {
        l->first = next->next;
        if (!l->first) l->last = NULL;
        push(d, next);
        return;
    }
    if (--l->running == 0) free(map_remove(d->lanes, name));
    if (!was_busy) return;
    d->woken = true;
    pthread_cond_signal(&d->wake_dispatcher);
}

/* The jobs that would only wait here, as store_claim_jobs wants them named; NULL: none. */
static json_t *busy_lanes(dispatcher *d) {
    static const char *const kinds[] = {LANE_KINDS};
    json_t *busy = NULL;
    size_t cursor = 0;
    span name;
    void *value;
    while (map_next(d->lanes, &cursor, &name, &value)) {
        if (((const lane *)value)->running < LANE_WIDTH) continue;
        if (!busy) busy = json_array();
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
            json_array_append_new(busy, json_sprintf("%s/%.*s", kinds[i], (int)name.len, name.data));
    }
    return busy;
}

static void free_lane(void *value) {
    lane *l = value;
    for (task *t = l->first, *next; t; t = next) {
        next = t->next;
        claimed_job_free(&t->job);
        free(t);
    }
    free(l);
}

/* ---- runners ---- */

static void run_job(engine *e, const claimed_job *job) {
    estate *snapshot = config_estate(e->options.config);
    work w = {.engine = e, .estate = snapshot, .job = job, .trace = {.start_ns = tracing_now_ns()}};
    error *err = NULL;
    call_scope_begin(&w.scope, snapshot, e->options.numbers);
    if (strcmp(job->kind, "process") == 0)
        err = work_process(&w);
    else if (strcmp(job->kind, "translate") == 0)
        err = work_translate(&w);
    else if (strcmp(job->kind, "deliver") == 0)
        err = work_deliver(&w);
    else if (strcmp(job->kind, "receipt") == 0)
        err = work_receipt(&w);
    else if (strcmp(job->kind, "offer") == 0)
        err = work_offer(&w);
    else if (strcmp(job->kind, "overdue") == 0)
        err = work_overdue(&w);
    else if (strcmp(job->kind, "callback") == 0)
        err = work_callback(&w);
    else
        err = error_new(ERROR_UNSUPPORTED, "a job of the kind \"%s\" is not known to this version", job->kind);
    job_trace_add(e, job, &w.trace, err != NULL);
    if (err) work_failed(&w, err);
    call_scope_end(&w.scope);
    estate_release(snapshot);
}

static void look_at_source(engine *e, const char *name) {
    estate *snapshot = config_estate(e->options.config);
    const estate_connection *connection = estate_find_connection(snapshot, name);
    int64_t pause_ms = longest_sleep_ms;
    bool more = false;
    if (connection && connection->enabled && connection->source) {
        more = poll_source(e, snapshot, connection);
        pause_ms = connection->poll_ms;
    }
    dispatcher *d = e->dispatcher;
    pthread_mutex_lock(&d->lock);
    source_state *state = map_get(d->sources, span_of(name));
    if (state) {
        state->busy = false;
        bool at_once = more || state->stirred;
        state->due_ms = at_once ? 0 : clock_monotonic_ms() + pause_ms;
        if (at_once) {
            d->woken = true;
            pthread_cond_signal(&d->wake_dispatcher);
        }
    }
    pthread_mutex_unlock(&d->lock);
    estate_release(snapshot);
}

static void *runner_main(void *context) {
    engine *e = context;
    dispatcher *d = e->dispatcher;
    pthread_mutex_lock(&d->lock);
    while (!d->stopping) {
        task *t = pop(d);
        if (!t) {
            d->idle++;
            if (d->starved) {
                d->woken = true;
                pthread_cond_signal(&d->wake_dispatcher);
            }
            pthread_cond_wait(&d->wake_runner, &d->lock);
            d->idle--;
            continue;
        }
        pthread_mutex_unlock(&d->lock);
        if (t->source[0])
            look_at_source(e, t->source);
        else
            run_job(e, &t->job);
        pthread_mutex_lock(&d->lock);
        leave_lane(d, t);
        if (!t->source[0]) claimed_job_free(&t->job);
        free(t);
    }
    d->running--;
    pthread_cond_signal(&d->runner_ended);
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

/* ---- the dispatcher ---- */

static void push_jobs(engine *e, const json_t *busy, size_t room) {
    claimed_job jobs[CLAIM_MAX];
    size_t count = 0;
    dispatcher *d = e->dispatcher;
    error *err = store_claim_jobs(e->options.store, LEASE_MS, busy, jobs, room < CLAIM_MAX ? room : CLAIM_MAX, &count);
    if (err) {
        log_failure(LOG_ERROR, "cannot take jobs", err);
        return;
    }
    pthread_mutex_lock(&d->lock);
    for (size_t i = 0; i < count; i++) {
        task *t = xcalloc(1, sizeof *t);
        t->job = jobs[i];
        push_job(d, t);
    }
    if (count > 0) d->woken = true; /* there may be more, and lanes may be busy now */
    pthread_mutex_unlock(&d->lock);
}

/* Pushes the sources that are due; when the next one is. */
static int64_t push_sources(engine *e) {
    dispatcher *d = e->dispatcher;
    estate *snapshot = config_estate(e->options.config);
    int64_t now = clock_monotonic_ms(), next = INT64_MAX;
    pthread_mutex_lock(&d->lock);
    for (size_t i = 0; i < snapshot->connection_count; i++) {
        const estate_connection *connection = &snapshot->connections[i];
        span name = span_of(connection->name);
        source_state *state = map_get(d->sources, name);
        if (!connection->source || !connection->enabled || !connection->adapter->list) continue;
        if (!state) {
            state = xcalloc(1, sizeof *state);
            map_put(d->sources, name, state);
        }
        if (!state->busy && state->due_ms <= now) {
            task *t = xcalloc(1, sizeof *t);
            memcpy(t->source, name.data, name.len);
            state->busy = true;
            state->stirred = false;
            push(d, t);
        }
        if (!state->busy && state->due_ms < next) next = state->due_ms;
    }
    pthread_mutex_unlock(&d->lock);
    estate_release(snapshot);
    return next;
}

static int64_t next_job_at(engine *e, const json_t *busy) {
    int64_t job_at = INT64_MAX;
    log_failure(LOG_ERROR, "cannot look at the queue", store_next_job_at(e->options.store, busy, &job_at));
    return job_at;
}

/* Jobs that were held for a connection that is in use, or gone. Whoever holds one goes by the configuration that was in
 * force when the work began; one that was held in the very moment of a change is found the next time. */
static error *release_jobs(engine *e) {
    json_t *names = NULL;
    if (engine_held_since_ms(e)) return NULL;
    error *err = store_held_connections(e->options.store, &names);
    if (err) return err;
    estate *snapshot = config_estate(e->options.config);
    for (size_t i = 0; i < json_array_size(names) && !err; i++) {
        const char *name = json_string_value(json_array_get(names, i));
        const estate_connection *connection = estate_find_connection(snapshot, name);
        if (connection && !connection->enabled) continue;
        store_change *change = store_change_new();
        store_release_jobs(change, name);
        err = store_commit(e->options.store, change, NULL);
    }
    estate_release(snapshot);
    json_decref(names);
    return err;
}

static void release_jobs_if_due(engine *e) {
    dispatcher *d = e->dispatcher;
    int64_t now = clock_monotonic_ms();
    pthread_mutex_lock(&d->lock);
    bool due = d->reconfigured || now - d->released_at_ms >= release_every_ms;
    d->reconfigured = false;
    pthread_mutex_unlock(&d->lock);
    if (!due) return;
    d->released_at_ms = now;
    log_failure(LOG_ERROR, "cannot release held jobs", release_jobs(e));
    estate *snapshot = config_estate(e->options.config);
    expiry_look(snapshot, d->expiries);
    estate_release(snapshot);
}

static int64_t sleep_for(int64_t job_at, int64_t next_source_ms) {
    int64_t sleep_ms = longest_sleep_ms;
    int64_t until_job = job_at == INT64_MAX ? longest_sleep_ms : job_at - clock_wall_ms();
    int64_t until_source = next_source_ms == INT64_MAX ? longest_sleep_ms : next_source_ms - clock_monotonic_ms();
    if (until_job < sleep_ms) sleep_ms = until_job;
    if (until_source < sleep_ms) sleep_ms = until_source;
    return sleep_ms < 1 ? 1 : sleep_ms;
}

static void wait_until_woken(dispatcher *d, int64_t sleep_ms) {
    struct timespec until = clock_monotonic_in(sleep_ms);
    while (!d->woken && !d->stopping) {
        if (pthread_cond_timedwait(&d->wake_dispatcher, &d->lock, &until) != 0) break;
    }
    d->woken = false;
}

static void *dispatcher_main(void *context) {
    engine *e = context;
    dispatcher *d = e->dispatcher;
    pthread_mutex_lock(&d->lock);
    while (!d->stopping) {
        size_t room = d->idle > d->queued ? d->idle - d->queued : 0;
        d->starved = room == 0;
        json_t *busy = busy_lanes(d);
        pthread_mutex_unlock(&d->lock);
        release_jobs_if_due(e);
        int64_t next_source_ms = push_sources(e);
        /* To look costs little, to claim a transaction. Without room, whoever becomes idle tells. */
        int64_t job_at = room > 0 ? next_job_at(e, busy) : INT64_MAX;
        if (job_at <= clock_wall_ms()) push_jobs(e, busy, room);
        json_decref(busy);
        int64_t sleep_ms = sleep_for(job_at, next_source_ms);
        pthread_mutex_lock(&d->lock);
        wait_until_woken(d, sleep_ms);
    }
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

void engine_wake(engine *e) {
    dispatcher *d = e->dispatcher;
    pthread_mutex_lock(&d->lock);
    d->woken = true;
    pthread_cond_signal(&d->wake_dispatcher);
    pthread_mutex_unlock(&d->lock);
}

/* A source notifies: its next look is now. On the watcher's thread. */
static void stirred(void *context, const char *connection) {
    engine *e = context;
    dispatcher *d = e->dispatcher;
    pthread_mutex_lock(&d->lock);
    source_state *state = map_get(d->sources, span_of(connection));
    if (state) {
        state->stirred = true;
        state->due_ms = 0;
    }
    d->woken = true;
    pthread_cond_signal(&d->wake_dispatcher);
    pthread_mutex_unlock(&d->lock);
}

void engine_reconfigured(engine *e) {
    dispatcher *d = e->dispatcher;
    size_t cursor = 0;
    span name;
    void *state;
    pthread_mutex_lock(&d->lock);
    while (map_next(d->sources, &cursor, &name, &state))
        ((source_state *)state)->due_ms = 0;
    d->reconfigured = true;
    pthread_mutex_unlock(&d->lock);
    engine_wake(e);
}

/* ---- start and stop ---- */

static dispatcher *dispatcher_new(void) {
    pthread_condattr_t monotonic;
    dispatcher *d = xcalloc(1, sizeof *d);
    pthread_mutex_init(&d->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&d->wake_dispatcher, &monotonic);
    pthread_cond_init(&d->runner_ended, &monotonic);
    pthread_cond_init(&d->wake_runner, NULL);
    pthread_condattr_destroy(&monotonic);
    d->sources = map_new();
    d->lanes = map_new();
    d->expiries = map_new();
    d->reconfigured = true;
    return d;
}

error *engine_start(const engine_options *options, engine **out) {
    engine *e = xcalloc(1, sizeof *e);
    error *err = NULL;
    size_t wanted = (size_t)(options->runners > 0 ? options->runners : RUNNERS_DEFAULT);
    pthread_attr_t attributes;
    e->options = *options;
    e->health = health_new();
    e->posters = posters_new();
    e->peers = peers_new();
    if (options->public_url) atomic_store(&e->public_url, xstrdup(options->public_url));
    e->dispatcher = dispatcher_new();
    dispatcher *d = e->dispatcher;
    err = restored_look(e);
    if (!err) err = watcher_start(stirred, e, &e->watcher);
    if (err) return err;
    d->runners = xcalloc(wanted, sizeof *d->runners);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    int failed = pthread_create(&d->thread, &attributes, dispatcher_main, e);
    while (!failed && d->runner_count < wanted) {
        failed = pthread_create(&d->runners[d->runner_count], &attributes, runner_main, e);
        if (!failed) d->runner_count++;
    }
    pthread_mutex_lock(&d->lock);
    d->running += d->runner_count;
    pthread_mutex_unlock(&d->lock);
    pthread_attr_destroy(&attributes);
    *out = e;
    return failed ? error_from_errno(failed, "cannot start the engine's threads") : NULL;
}

void engine_stop(engine *e) {
    if (!e) return;
    dispatcher *d = e->dispatcher;
    pthread_mutex_lock(&d->lock);
    d->stopping = true;
    pthread_cond_broadcast(&d->wake_dispatcher);
    pthread_cond_broadcast(&d->wake_runner);
    struct timespec until = clock_monotonic_in(STOP_MS);
    int waited = 0;
    while (waited == 0 && d->running > 0)
        waited = pthread_cond_timedwait(&d->runner_ended, &d->lock, &until);
    bool late = d->running > 0;
    pthread_mutex_unlock(&d->lock);
    if (late) {
        atomic_store(&e->abandoned, true);
        worker_pool_abandon(e->options.pool);
    }
    pthread_join(d->thread, NULL);
    for (size_t i = 0; i < d->runner_count; i++)
        pthread_join(d->runners[i], NULL);
    for (task *t = pop(d); t; t = pop(d)) {
        if (!t->source[0]) claimed_job_free(&t->job);
        free(t);
    }
    watcher_stop(e->watcher);
    map_free(d->sources, free);
    map_free(d->lanes, free_lane);
    map_free(d->expiries, free);
    pthread_cond_destroy(&d->wake_dispatcher);
    pthread_cond_destroy(&d->wake_runner);
    pthread_cond_destroy(&d->runner_ended);
    pthread_mutex_destroy(&d->lock);
    free(d->runners);
    free(d);
    e->dispatcher = NULL;
}

void engine_free(engine *e) {
    if (!e) return;
    health_free(e->health);
    posters_free(e->posters);
    peers_free(e->peers);
    free(atomic_load(&e->public_url));
    free(e);
}

/* ---- what others ask of it ---- */

void engine_reached_at(engine *e, const char *url) {
    if (!atomic_load(&e->public_url)) atomic_store(&e->public_url, xstrdup(url));
}

const char *engine_public_url(const engine *e) {
    return atomic_load(&e->public_url);
}

json_t *engine_health(engine *e) {
    return health_json(e->health);
}

static error *post_outgoing(
    engine *e, const engine_posting *posting, const estate_connection *connection, payload *take, char id[ID_SIZE]) {
    store_change *change = store_change_new();
    const estate_destination destination = {.connection = connection, .path = posting->path};
    json_t *result = json_pack("{s:s?, s:s?}", "filename", posting->filename, "content_type", posting->content_type);
    const outgoing o = {
        .destination = &destination,
        .principal = posting->who,
        .result = result,
        .retry = {.attempts = 20, .first_ms = 5000, .maximum_ms = 3600000},
        .why = "sent by hand",
    };
    error *err = outgoing_add(change, &o, take, id);
    if (err)
        store_change_free(change);
    else
        err = store_commit(e->options.store, change, NULL);
    json_decref(result);
    return err;
}

error *engine_post(engine *e, const engine_posting *posting, payload *take, char id[ID_SIZE]) {
    estate *snapshot = config_estate(e->options.config);
    const estate_connection *connection = estate_find_connection(snapshot, posting->connection);
    error *err = NULL;
    bool duplicate;
    if (!connection) {
        err = error_new(ERROR_NOT_FOUND, "there is no connection \"%s\"", posting->connection);
    } else if (posting->incoming) {
        const intake in = {.connection = connection,
            .filename = posting->filename,
            .content_type = posting->content_type,
            .principal = posting->who};
        err = intake_message(e, &in, take, id, &duplicate);
    } else {
        err = post_outgoing(e, posting, connection, take, id);
    }
    estate_release(snapshot);
    if (!err) engine_wake(e);
    return err;
}
