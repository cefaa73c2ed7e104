/* core/facade/routes.c: see routes.h. */
#include "core/facade/routes.h"

#include "core/base/memory.h"

#include <stdatomic.h>
#include <stdlib.h>

struct routes {
    atomic_int references;
    estate *estate;
    http_router *router;
    size_t count;
    route_plan plans[];
};

/* What the appliance itself serves; endpoints may not take these. The router's target is the row. */
static const struct own_route {
    const char *method, *path_template;
    routes_own own;
} own_routes[] = {
    {"GET", "/status/{id}", OWN_STATUS},
    {"*", "/openapi.json", OWN_OPENAPI},
    {"*", "/docs", OWN_DOCS},
    {"*", "/docs/{file}", OWN_DOCS},
    {"*", "/as2", OWN_AS2},
};

enum { OWN_ROUTES = sizeof own_routes / sizeof *own_routes };

static void add_own(http_router *router, fault_list *faults) {
    for (size_t i = 0; i < OWN_ROUTES; i++)
        fault_list_add(faults, http_router_add(router, own_routes[i].method, own_routes[i].path_template,
                                   (void *)(uintptr_t)&own_routes[i]));
}

static void add_endpoint(routes *r, const estate_endpoint *endpoint, switches *turns, fault_list *faults) {
    route_plan *plan = &r->plans[r->count++];
    plan->endpoint = endpoint;
    plan->turn = turns ? switches_find(turns, endpoint->route) : NULL;
    policy_chain_prepare(&plan->policies, endpoint, faults);
    error *err = http_router_add(r->router, endpoint->method ? endpoint->method : "*", endpoint->path, plan);
    fault_list_add(faults, error_at(error_wrap(err, "route"), "/endpoints/%s/route", endpoint->route));
}

routes *routes_build(estate *snapshot, switches *turns, fault_list *faults) {
    routes *r = xcalloc(1, sizeof *r + snapshot->endpoint_count * sizeof *r->plans);
    atomic_init(&r->references, 1);
    r->estate = estate_hold(snapshot);
    r->router = http_router_new();
    add_own(r->router, faults);
    for (size_t i = 0; i < snapshot->endpoint_count; i++)
        add_endpoint(r, &snapshot->endpoints[i], turns, faults);
    return r;
}

routes *routes_hold(routes *r) {
    atomic_fetch_add(&r->references, 1);
    return r;
}

void routes_release(routes *r) {
    if (!r || atomic_fetch_sub(&r->references, 1) > 1) return;
    for (size_t i = 0; i < r->count; i++)
        policy_chain_forget(&r->plans[i].policies);
    http_router_free(r->router);
    estate_release(r->estate);
    free(r);
}

estate *routes_estate(const routes *r) {
    return r->estate;
}

size_t routes_count(const routes *r) {
    return r->count;
}

const route_plan *routes_plan(const routes *r, size_t index) {
    return &r->plans[index];
}

http_route_result routes_find(const routes *r, span method, span path, routes_match *match) {
    match->own = OWN_NONE;
    match->plan = NULL;
    http_route_result found = http_router_find(r->router, method, path, &match->route);
    if (found != HTTP_ROUTE_FOUND) return found;
    for (size_t i = 0; i < OWN_ROUTES; i++)
        if (match->route.target == &own_routes[i]) match->own = own_routes[i].own;
    if (match->own == OWN_NONE) match->plan = match->route.target;
    return found;
}
