/* core/facade/routes.c: see routes.h. */
#include "core/facade/routes.h"

#include "core/facade/reply.h"

#include "core/base/memory.h"

#include <stdlib.h>

/* What the router finds. */
typedef struct route_chain {
    route_plan *first;
} route_chain;

struct routes {
    atomic_int references;
    estate *estate;
    http_router *router;
    map *chains; /* "METHOD PATH" → route_chain */
    size_t count;
    route_plan plans[];
};

/* What the appliance itself serves; endpoints may not take these. The router's target is the row. */
static const struct own_route {
    const char *method, *path_template;
    routes_own own;
} own_routes[] = {
    {"GET", "/status/{id}", OWN_STATUS},
    {"GET", "/status/{id}/reply", OWN_REPLY},
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

static bool same_text(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool has_condition(const estate_endpoint *endpoint, const route_condition *wanted) {
    for (size_t i = 0; i < endpoint->condition_count; i++) {
        const route_condition *c = &endpoint->conditions[i];
        if (c->kind == wanted->kind && same_text(c->name, wanted->name) && same_text(c->value, wanted->value))
            return true;
    }
    return false;
}

static bool same_conditions(const estate_endpoint *a, const estate_endpoint *b) {
    bool same = a->condition_count == b->condition_count;
    for (size_t i = 0; i < a->condition_count && same; i++)
        same = has_condition(b, &a->conditions[i]);
    return same;
}

/* Into its chain, behind those with as many conditions. */
static error *join(route_plan **link, route_plan *plan) {
    for (route_plan *p = *link; p; p = p->next)
        if (same_conditions(p->endpoint, plan->endpoint))
            return error_new(
                ERROR_CONFLICT, "routes %s and %s match the same requests", p->endpoint->route, plan->endpoint->route);
    while (*link && (*link)->endpoint->condition_count >= plan->endpoint->condition_count)
        link = &(*link)->next;
    plan->next = *link;
    *link = plan;
    return NULL;
}

/* The body of an endpoint that answers by itself, as it goes out. */
static void fix_answer(route_plan *plan) {
    const estate_endpoint *endpoint = plan->endpoint;
    const json_t *respond = json_get_object(endpoint->body, "respond"), *body = json_object_get(respond, "body");
    if (!respond || endpoint->script || endpoint->legacy || endpoint->modern.connection) return;
    span text = json_get_span(respond, "body");
    plan->fixed = text.data ? xspandup(text) : body ? json_text(body, false) : xstrdup("");
    plan->fixed_len = text.data ? text.len : strlen(plan->fixed);
}

static void add_endpoint(routes *r, const estate_endpoint *endpoint, switches *turns, fault_list *faults) {
    char *key = xasprintf("%s %s", endpoint->method ? endpoint->method : "*", endpoint->path);
    route_plan *plan = &r->plans[r->count++];
    plan->endpoint = endpoint;
    plan->turn = turns ? switches_find(turns, endpoint->route) : NULL;
    plan->gaps = xcalloc(SIDES, sizeof *plan->gaps);
    policy_chain_prepare(&plan->policies, endpoint, faults);
    fix_answer(plan);
    reply_check(r->estate, endpoint, faults);
    route_chain *chain = map_get(r->chains, span_of(key));
    error *err = NULL;
    if (!chain) {
        chain = xcalloc(1, sizeof *chain);
        map_put(r->chains, span_of(key), chain);
        err = http_router_add(r->router, endpoint->method ? endpoint->method : "*", endpoint->path, chain);
    }
    if (!err) err = join(&chain->first, plan);
    fault_list_add(faults, error_at(error_wrap(err, "route"), "/endpoints/%s/route", endpoint->route));
    free(key);
}

routes *routes_build(estate *snapshot, switches *turns, fault_list *faults) {
    routes *r = xcalloc(1, sizeof *r + snapshot->endpoint_count * sizeof *r->plans);
    atomic_init(&r->references, 1);
    r->estate = estate_hold(snapshot);
    r->router = http_router_new();
    r->chains = map_new();
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
    for (size_t i = 0; i < r->count; i++) {
        policy_chain_forget(&r->plans[i].policies);
        free(r->plans[i].fixed);
        free(r->plans[i].gaps);
    }
    http_router_free(r->router);
    map_free(r->chains, free);
    estate_release(r->estate);
    free(r);
}

estate *routes_estate(const routes *r) {
    return r->estate;
}

/* ---- conditions ---- */

static span without_port(span host) {
    const char *colon = host.len && host.data[0] != '[' ? memchr(host.data, ':', host.len) : NULL;
    return colon ? span_make(host.data, (size_t)(colon - host.data)) : host;
}

static bool host_fits(span host, const char *wanted) {
    span name = without_port(host), pattern = span_of(wanted);
    if (pattern.len < 3 || pattern.data[0] != '*') return http_name_equal(name, pattern);
    span tail = span_make(pattern.data + 1, pattern.len - 1); /* ".example.com" */
    return name.len > tail.len && http_name_equal(span_make(name.data + name.len - tail.len, tail.len), tail);
}

/* Is the media type one of the list, whatever its parameters? */
static bool lists_type(span list, const char *wanted) {
    span one;
    while (list.data && span_split(&list, ',', &one)) {
        const char *semicolon = one.len ? memchr(one.data, ';', one.len) : NULL;
        span type = semicolon ? span_make(one.data, (size_t)(semicolon - one.data)) : one;
        if (http_name_equal(span_trim(type), span_of(wanted))) return true;
    }
    return false;
}

static bool value_fits(span value, const char *wanted) {
    return value.data && (!wanted || span_is(value, wanted));
}

static bool holds(const route_condition *c, http_request *request, const http_route_match *route) {
    switch (c->kind) {
    case CONDITION_HOST: return host_fits(http_request_host(request), c->value);
    case CONDITION_HEADER: return value_fits(http_request_header(request, c->name), c->value);
    case CONDITION_QUERY: return value_fits(http_request_parameter(request, c->name), c->value);
    case CONDITION_ACCEPT:
        return lists_type(http_request_header(request, "Accept"), c->value) ||
               lists_type(http_request_header(request, "Content-Type"), c->value);
    case CONDITION_TYPE:
    case CONDITION_CHOICE: return estate_route_value_fits(c, http_route_parameter(route, c->name));
    }
    return false;
}

static const route_plan *choose(const route_chain *chain, http_request *request, const http_route_match *route) {
    for (const route_plan *p = chain->first; p; p = p->next) {
        size_t i = 0;
        while (i < p->endpoint->condition_count && holds(&p->endpoint->conditions[i], request, route))
            i++;
        if (i == p->endpoint->condition_count) return p;
    }
    return NULL;
}

http_route_result routes_find(const routes *r, span method, http_request *request, routes_match *match) {
    match->own = OWN_NONE;
    match->plan = NULL;
    http_route_result found = http_router_find(r->router, method, http_request_path(request), &match->route);
    if (found != HTTP_ROUTE_FOUND) return found;
    for (size_t i = 0; i < OWN_ROUTES; i++)
        if (match->route.target == &own_routes[i]) match->own = own_routes[i].own;
    if (match->own != OWN_NONE) return found;
    match->plan = choose(match->route.target, request, &match->route);
    return match->plan ? HTTP_ROUTE_FOUND : HTTP_ROUTE_NO_PATH;
}
