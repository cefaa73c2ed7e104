/* core/worker/pool.h: the desk's side of its workers: spawn, hand out work, watch, replace.
 *
 * Workers are forked from the nursery, a small single-threaded process that main forks before anything else runs, so
 * that they inherit no thread, no lock, no descriptor and no secret. The pool owns one thread, which does all I/O with
 * the workers and calls the `done` functions.
 *
 * A worker that crashes, hangs past its deadline or outgrows its memory fails only the request at the head of its queue
 * (ERROR_CRASHED, ERROR_TIMEOUT, ERROR_LIMIT); the requests pipelined behind it are given to another worker and count
 * no attempt.
 */
#ifndef BANYAN_CORE_WORKER_POOL_H
#define BANYAN_CORE_WORKER_POOL_H

#include "core/worker/frame.h"

typedef enum worker_kind { WORKER_TRANSLATOR, WORKER_COURIER } worker_kind;

typedef struct nursery nursery;

/* Forks the nursery. Call first thing in main: before threads, before secrets are read, before anything is opened. */
must_check error *nursery_start(nursery **out);
void nursery_stop(nursery *n); /* ends it and every worker */

typedef struct worker_pool worker_pool;

typedef struct worker_pool_options {
    int translators;       /* how many; 0: one a core */
    int couriers_max;      /* started on demand, idle ones ended after a while; 0: 8 */
    uint64_t memory_bytes; /* address space of a translator beyond its start; 0: 256 MiB */
} worker_pool_options;

typedef struct worker_request {
    worker_kind kind;
    const char *lane; /* courier: the connection; requests of one lane run one after another in one courier, which keeps
                         its session */
    frame call;       /* taken */
    int64_t deadline_ms; /* from the moment the worker starts on it; 0: 30 s */
    /* The reply is borrowed for the time of the call; exactly one of `reply` and `failure` is set, `failure` is the
     * callee's. Called on the pool's thread: quick, no blocking, no fsync. */
    void (*done)(void *context, frame *reply, error *failure);
    /* Answers a question of the worker; fills `answer` (initialised). NULL: every question is refused. Same thread,
     * same rules. */
    error *(*ask)(void *context, const frame *question, frame *answer);
    void *context;
} worker_request;

must_check error *worker_pool_start(nursery *n, const worker_pool_options *options, worker_pool **out);
void worker_pool_submit(worker_pool *pool, const worker_request *request); /* from any thread */
json_t *worker_pool_status(worker_pool *pool); /* [{"kind","pid","busy","queued","restarts"}], new reference */
void worker_pool_stop(worker_pool *pool);      /* waits for what is under way up to its deadline, then kills */

#endif
