/* core/facade/exchange.h: one request on an endpoint, from its head to its answer.
 *
 * An exchange is a chain of steps, each begun by the end of the one before: policies on the head, body, policies on the
 * body, request script, back-end, response script, commit, answer. No step blocks: scripts run in translators, files in
 * couriers, HTTP on the outgoing loop, commits on the store's writer thread, and whatever must wait for a file runs on
 * the blocking threads. At any time one thread has the exchange in its hands.
 *
 * Policies and back-ends work on it through exchange_inside.h.
 */
#ifndef BANYAN_CORE_FACADE_EXCHANGE_H
#define BANYAN_CORE_FACADE_EXCHANGE_H

#include "core/base/blocking.h"
#include "core/base/later.h"
#include "core/facade/routes.h"
#include "core/facade/upstreams.h"
#include "core/flow/accounts.h"
#include "core/flow/call.h"
#include "core/flow/tracing.h"
#include "core/http/request.h"

typedef struct exchange_services {
    store *store;
    config *config;
    worker_pool *pool;
    control_numbers *numbers;
    blocking *blocking;
    later_steps *later; /* the facade's own, as the upstreams */
    accounts *accounts;
    http_loop *loop;
    upstreams *upstreams;
    switches *switches;
    tracing *tracing;       /* NULL: traces are passed on, but not told */
    int64_t body_bytes_max; /* of endpoints that do not say */
} exchange_services;

/* Takes the request over. The services live longer than any request; the routes are held. */
void exchange_start(
    const exchange_services *services, routes *snapshot, const routes_match *match, http_request *request);

#endif
