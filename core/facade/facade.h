/* core/facade/facade.h: the public listener: endpoints, the status of what they accepted, and their description.
 *
 * Routes are compiled from each configuration snapshot into a table that requests hold while they use it. Endpoints
 * decide who may call them (estate_access); the status of an accepted request is shown to whoever made it;
 * /openapi.json and /docs are public.
 */
#ifndef BANYAN_CORE_FACADE_FACADE_H
#define BANYAN_CORE_FACADE_FACADE_H

#include "core/facade/exchange.h"
#include "core/flow/engine.h"
#include "core/http/server.h"

typedef struct facade facade;

typedef struct facade_options {
    exchange_services services; /* the upstreams are the facade's own */
    blocking *exchanges;        /* threads for /as2: each has one message in hand, however long that takes */
    const char *version;
} facade_options;

must_check error *facade_new(const facade_options *options, facade **out);
void facade_free(facade *f);

/* What partners post to /as2 goes there; before the listener starts. */
void facade_attach(facade *f, engine *e);

/* For engine_options, with the facade as context: the calls of flows' scripts. */
void facade_call_others(void *facade, const others_plan *plan);

/* The listener is about to stop: whoever waits for a reply is answered now. */
void facade_let_go(facade *f); /* NULL is fine */

/* No request comes any more, and the store is still there: what was counted is kept. */
void facade_settle(facade *f); /* NULL is fine */

/* The handler for http_server_options; the context is the facade. */
void facade_handle(void *context, http_request *request);

/* A new configuration is in force. */
void facade_reconfigured(facade *f, estate *now);

/* Routes that clash, templates that cannot be read: for config_options.check_estate. */
void facade_check(const estate *candidate, fault_list *faults);

#endif
