/* core/flow/work.h: what the parts of the engine share: the engine itself and the job in hand. Private to core/flow. */
#ifndef BANYAN_CORE_FLOW_WORK_H
#define BANYAN_CORE_FLOW_WORK_H

#include "core/flow/engine.h"
#include "core/flow/health.h"
#include "core/flow/job_trace.h"
#include "core/flow/watcher.h"

#include <stdatomic.h>

struct engine {
    engine_options options;
    health *health;
    watcher *watcher;
    struct dispatcher *dispatcher;
    struct posters *posters;       /* idle HTTP clients with their connections */
    struct peers *peers;           /* what partners said that they can */
    _Atomic(char *) public_url;    /* how partners reach us; NULL: not known yet */
    atomic_uint turn;              /* which courier packs or unpacks next */
    _Atomic int64_t held_since_ms; /* restored from a backup then, and not released; 0: no */
    atomic_bool abandoned;         /* it ends, and what fails now is the end's fault: the next life does it */
};

/* A job on its runner. The kinds of jobs each have a function that ends it with one transaction, or returns why it
 * could not. */
typedef struct work {
    engine *engine;
    estate *estate; /* the snapshot that this job sees from beginning to end */
    const claimed_job *job;
    call_scope scope;
    job_trace trace;
} work;

/* Finds out what a message is, records its documents, decides who takes them. */
must_check error *work_process(work *w);
/* Runs one flow on one document (or the whole message). */
must_check error *work_translate(work *w);
/* Has others called for its script, and waits for the answers: a new reference. `first` is the number of the first
 * request in this run. ERROR_UNREACHABLE when they do not come by `until_ms` (monotonic). */
must_check error *work_ask_others(work *w, json_t *requests, size_t first, int64_t until_ms, json_t **answers);
/* Takes a message to where it goes. */
must_check error *work_deliver(work *w);

/* Sets the job aside until its connection may be used, or the restored appliance; `take_why` is freed. */
must_check error *work_hold(work *w, char *take_why);
must_check error *work_hold_restored(work *w);

/* The same for a kind that exchanges: packed once, kept, posted, its receipt judged (exchange_send.c). */
must_check error *work_send(work *w, const estate_connection *connection);
/* Takes a receipt of ours to a partner who wants it on its own way. */
must_check error *work_receipt(work *w);
/* A partner says something about certificates (offers.c). */
must_check error *work_offer(work *w);
/* A receipt has not come in time. */
must_check error *work_overdue(work *w);

/* Is this store restored from a backup, and may it not send yet? */
must_check error *restored_look(engine *e);

/* Ends a job that failed: retried later, buried, or its message quarantined, by the kind of the error and the job's
 * retry policy. */
void work_failed(work *w, error *take);

/* Collects from a source all that can be picked up now. */
/* True when there is more at the source than one look takes: it is to be looked at again at once. */
bool poll_source(engine *e, estate *snapshot, const estate_connection *connection);

#endif
