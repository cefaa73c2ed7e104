/* core/facade/calls.h: the calls of other systems that an endpoint's script asks for (core/script/lua_connection.c).
 *
 * All of a batch go out at the same time, each through the back-end of its connection. What a system answers is an
 * answer, whatever its status; one that does not answer gives its reason, for the script to decide upon.
 */
#ifndef BANYAN_CORE_FACADE_CALLS_H
#define BANYAN_CORE_FACADE_CALLS_H

#include "core/facade/back_end.h"

/* `answers` has one for each request, in their order, as core/script/host.h shows them; taken by the callee. From any
 * thread, perhaps before calls_start returns. */
typedef void calls_done(void *context, json_t *answers);

typedef struct calls_plan {
    const exchange_services *services;
    const estate *estate;
    const json_t *requests; /* of the outcome; never empty */
    const char *id;         /* X-Request-Id of all of them */
    int64_t timeout_ms;
    calls_done *done;
    void *context;
} calls_plan;

/* Everything in the plan is borrowed and lives until `done` was called. */
void calls_start(const calls_plan *plan);

#endif
