/* core/flow/others.h: the calls of other systems that a script asks for (core/script/lua_connection.c).
 *
 * Endpoints and flows have the same calls, made by whoever has the back-ends (the facade, see engine_options): all of a
 * batch at the same time. What a system answers is an answer, whatever its status; one that does not answer gives its
 * reason, for the script to decide upon.
 *
 * A flow's calls are made at least once: a translation that ends before its transaction (an error further down in the
 * script, a crash) is done again from its beginning, calls included. They carry the message's id as X-Request-Id, and
 * those that change something an Idempotency-Key that is the same each time; and the trace they are made in.
 */
#ifndef BANYAN_CORE_FLOW_OTHERS_H
#define BANYAN_CORE_FLOW_OTHERS_H

#include "core/flow/estate.h"

/* `answers` has one for each request, in their order, as core/script/host.h shows them; taken by the callee. From any
 * thread, perhaps before the function that starts them returns. */
typedef void others_done(void *context, json_t *answers);

typedef struct others_plan {
    const estate *estate;
    const json_t *requests; /* of the outcome; never empty */
    const char *id;         /* X-Request-Id of all of them */
    const char *key;        /* begins their Idempotency-Key, their numbers end it; NULL: they have none */
    size_t first;           /* number of the first one */
    const char *trace;      /* their traceparent; NULL: they are in no trace */
    int64_t timeout_ms;
    others_done *done;
    void *context;
} others_plan;

/* Everything in the plan is borrowed and lives until `done` was called. */
typedef void others_start(void *context, const others_plan *plan);

#endif
