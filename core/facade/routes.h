/* core/facade/routes.h: the endpoints of one snapshot, ready to be looked up: router, prepared policies, switches.
 *
 * Built from each snapshot, then immutable; a request holds it from its head to its end, so that it sees one
 * configuration throughout. Endpoints of one method and path stand in a chain, those with most conditions first; the
 * conditions are looked at after the router has found the chain.
 */
#ifndef BANYAN_CORE_FACADE_ROUTES_H
#define BANYAN_CORE_FACADE_ROUTES_H

#include "core/facade/policy.h"
#include "core/flow/switches.h"
#include "core/http/request.h"
#include "core/http/router.h"

#include <stdatomic.h>

typedef struct routes routes;

/* The functions that the script of a side was found not to have when a request came by: it is not called for them
 * again. All that a plan learns; from any thread. */
typedef struct script_gaps {
    atomic_bool request, response;
} script_gaps;

/* One endpoint as requests use it. */
typedef struct route_plan {
    const estate_endpoint *endpoint;
    policy_chain policies;
    char *fixed; /* the body of the one answer that it gives; NULL: it asks somebody */
    size_t fixed_len;
    route_switch *turn;      /* NULL: it has one side only */
    script_gaps *gaps;       /* [SIDES] */
    struct route_plan *next; /* of the same method and path, with fewer or other conditions */
} route_plan;

/* Routes that clash and policies that do not hold together are faults; what can be served is. The estate is held.
 * `turns` NULL: only to look for faults. */
routes *routes_build(estate *snapshot, switches *turns, fault_list *faults);
routes *routes_hold(routes *r);
void routes_release(routes *r); /* NULL is fine */

estate *routes_estate(const routes *r);

/* What the appliance itself serves on the public listener. */
typedef enum routes_own { OWN_NONE, OWN_STATUS, OWN_REPLY, OWN_OPENAPI, OWN_DOCS, OWN_AS2 } routes_own;

/* The endpoint of a request, or what of the appliance's own it asks for. */
typedef struct routes_match {
    routes_own own;
    const route_plan *plan;
    http_route_match route;
} routes_match;

/* `method` may be another than the request's own (a preflight's). */
http_route_result routes_find(const routes *r, span method, http_request *request, routes_match *match);

#endif
