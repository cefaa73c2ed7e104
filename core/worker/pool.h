/* core/worker/pool.h: the desk's side of its workers: spawn, hand out work, watch, replace.
 *
 * Workers are forked from the nursery, a small single-threaded process that main forks before anything else runs, so
 * that they inherit no thread, no lock, no descriptor and no secret. The pool lives on a loop (core/http/loop.h), whose
 * thread does all I/O with the workers and calls the `done` functions: on the public listener's loop a request goes to
 * its script and back without changing its thread.
 *
 * A worker that crashes, hangs past its deadline or outgrows its memory fails only the request at the head of its queue
 * (ERROR_CRASHED, ERROR_TIMEOUT, ERROR_LIMIT); the requests pipelined behind it are given to another worker and count
 * no attempt.
 */
#ifndef BANYAN_CORE_WORKER_POOL_H
#define BANYAN_CORE_WORKER_POOL_H

#include "core/http/loop.h"
#include "core/worker/frame.h"

#include <sys/types.h>

typedef enum worker_kind { WORKER_TRANSLATOR, WORKER_COURIER } worker_kind;

typedef struct nursery nursery;

/* Forks the nursery. Call first thing in main: before threads, before secrets are read, before anything is opened. */
must_check error *nursery_start(nursery **out);
void nursery_stop(nursery *n); /* ends it and every worker */

typedef struct worker_pool worker_pool;

typedef struct worker_pool_options {
    http_loop *loop;       /* outlives the pool; NULL: one of its own */
    int translators;       /* how many; 0: one a core */
    int couriers_max;      /* started on demand, idle ones ended after a while; 0: 16 */
    uint64_t memory_bytes; /* address space of a translator beyond its start; 0: 256 MiB */
    int64_t silent_ms;     /* a connection whose request failed after so long is held to be silent; 0: 3 s */
    size_t waiting_max;    /* requests that no worker has yet; more are refused with ERROR_LIMIT; 0: 10,000 */
    uid_t user;            /* when started as root: workers become this user; 0: they stay (file connections then act */
    gid_t group;           /* with root's rights on files, and nothing else of root's) */
    /* The nursery died: no worker can be had any more, every request fails with ERROR_CRASHED, and the desk should end
     * in order to be started anew. Called once, on the loop; may be NULL. */
    void (*lost)(void *context);
    void *context;
} worker_pool_options;

typedef struct worker_request {
    worker_kind kind;
    const char *lane; /* courier: the connection; requests of one lane run one after another in one courier, which keeps
                         its session */
    bool
        reads_only; /* courier: it changes nothing at the peer, and may be sent behind others of its lane that do not */
    frame call;     /* taken: operation and fields; set `secret` when it holds any */
    int64_t deadline_ms; /* from the moment the worker starts on it; 0: 30 s */
    /* The reply is borrowed for the time of the call. A `failure` is the callee's; with it, the reply is NULL unless
     * the worker itself reported the failure: then its head may tell more (the log of a script). Called on the pool's
     * thread: quick, no blocking, no fsync. */
    void (*done)(void *context, frame *reply, error *failure);
    /* Answers a question of the worker; fills `answer` (initialised). NULL: every question is refused. Same thread,
     * same rules. */
    error *(*ask)(void *context, const frame *question, frame *answer);
    void *context;
} worker_request;

must_check error *worker_pool_start(nursery *n, const worker_pool_options *options, worker_pool **out);
void worker_pool_submit(worker_pool *pool, const worker_request *request); /* from any thread */

/* [{"kind","pid","busy","queued","restarts"}], couriers with "connection"; new reference; from any thread. */
json_t *worker_pool_status(worker_pool *pool);
size_t worker_pool_waiting(worker_pool *pool); /* requests that no worker has yet; from any thread */

/* Kills what is under way and refuses all else from now on, each with ERROR_UNREACHABLE; the pool itself answers until
 * worker_pool_stop. For an end that cannot wait any longer. */
void worker_pool_abandon(worker_pool *pool);

/* Waits for what is under way up to its deadline, then kills; requests that no worker has yet fail with
 * ERROR_UNREACHABLE. Submit nothing after it. Not from the loop. */
void worker_pool_stop(worker_pool *pool);

#endif
