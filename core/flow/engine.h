/* core/flow/engine.h: the life of a message, from the bytes that came in to the acknowledgement that went out.
 *
 * One dispatcher thread leases ready jobs from the store and tells when sources are due; a few runner threads do them,
 * each straight from its first step to the transaction that ends it. Everything that must survive is in the store: the
 * engine can be killed at any point.
 */
#ifndef BANYAN_CORE_FLOW_ENGINE_H
#define BANYAN_CORE_FLOW_ENGINE_H

#include "core/flow/call.h"
#include "core/flow/others.h"
#include "core/flow/tracing.h"

typedef struct engine engine;

typedef struct engine_options {
    store *store;
    config *config;
    worker_pool *pool;
    control_numbers *numbers;
    int runners;            /* 0: 32 */
    const char *public_url; /* under which partners reach us, without a path; copied; NULL: engine_reached_at tells */
    uint64_t payload_limit; /* bytes: what is larger is not taken from a source; 0: no limit */
    others_start *others;   /* makes the calls of flows' scripts; NULL: they can make none */
    void *others_context;
    tracing *tracing; /* is told of every step; NULL: nobody is */
} engine_options;

must_check error *engine_start(const engine_options *options, engine **out);
/* Finishes what is under way, for five seconds; what is late or was not begun stays in the queue. The pool is of no use
 * afterwards, but for being stopped. */
void engine_stop(engine *e);

/* After the stop, once nobody uses it any more. NULL is fine. */
void engine_free(engine *e);

/* New work may be ready, or the configuration changed. From any thread, cheap. */
void engine_wake(engine *e);
void engine_reconfigured(engine *e);

/* Puts a payload into a connection as an outgoing message, or takes it as if it had come in by it (`incoming`); the id
 * of the message. */
typedef struct engine_posting {
    const char *connection, *filename, *content_type, *who;
    const char *path; /* of an outgoing one; NULL: the connection's */
    bool incoming;
} engine_posting;
must_check error *engine_post(engine *e, const engine_posting *posting, payload *take, char id[ID_SIZE]);

/* Again, by an operator: a failed message goes on where it stopped; one that came through is sent as a new message with
 * this one as its parent. `id` is the message that will move. */
must_check error *engine_resend(engine *e, const char *message_id, const char *who, char id[ID_SIZE]);

/* One call of another system by hand, as a script would make it (others.h): {"connection","method","path","headers",
 * "content_type","body": base64}; its answer, a new reference. Waits. */
must_check error *engine_call_other(engine *e, json_t *request, int64_t timeout_ms, json_t **answer);

/* An appliance restored from a backup holds all deliveries until somebody says that they may go: since when (wall ms),
 * 0 when it does not; and that word, which is kept with who said it. */
int64_t engine_held_since_ms(const engine *e);
must_check error *engine_release(engine *e, const char *who);

/* The public listener is there: this is how partners reach us, unless the options said otherwise. Once. */
void engine_reached_at(engine *e, const char *url);
const char *engine_public_url(const engine *e); /* NULL: not known yet */

/* {"name": {"state": "ok"|"failing"|"idle", "error", "since", "last"}}: what is known of each connection since the
 * start. New reference. */
json_t *engine_health(engine *e);

#endif
