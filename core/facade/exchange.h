/* core/facade/exchange.h: one request on an endpoint, from its head to its answer.
 *
 * An exchange is a chain of steps, each begun by the end of the one before: body, request script, back-end, response
 * script, commit, answer. No step blocks: scripts run in translators, back-ends in couriers, commits on the store's
 * writer thread, and whatever must wait for a file runs on the blocking threads. At any time one thread has the
 * exchange in its hands.
 */
#ifndef BANYAN_CORE_FACADE_EXCHANGE_H
#define BANYAN_CORE_FACADE_EXCHANGE_H

#include "core/base/blocking.h"
#include "core/flow/call.h"
#include "core/http/request.h"

typedef struct exchange_services {
    store *store;
    config *config;
    worker_pool *pool;
    control_numbers *numbers;
    blocking *blocking;
} exchange_services;

/* Takes the request over. `parameters` (taken) are those of the path; `principal` the caller's name, NULL for nobody
 * known. */
void exchange_start(const exchange_services *services, estate *snapshot, const estate_endpoint *endpoint,
    http_request *request, json_t *take_parameters, const char *principal);

#endif
