/* core/facade/facade.c: see facade.h. */
#include "core/facade/facade.h"

#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/facade/answer.h"
#include "core/facade/openapi.h"
#include "core/facade/status.h"
#include "core/http/router.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* The routes of one snapshot; requests hold it while they look something up. */
typedef struct routes {
    atomic_int references;
    estate *estate;
    http_router *router;
} routes;

struct facade {
    facade_options options;
    pthread_mutex_t lock; /* guards `now` */
    routes *now;
};

/* What the appliance itself serves on the public listener; endpoints may not take these. */
static const char status_template[] = "/status/{id}";
static const char own_paths[][16] = {"/openapi.json", "/docs", "/as2"};

/* ---- routes of a snapshot ---- */

static error *add_own(http_router *router) {
    error *err = http_router_add(router, "GET", status_template, (void *)(uintptr_t)status_template);
    for (size_t i = 0; i < sizeof own_paths / sizeof *own_paths && !err; i++)
        err = http_router_add(router, "*", own_paths[i], (void *)(uintptr_t)own_paths[i]);
    return err;
}

static void add_endpoints(http_router *router, const estate *e, fault_list *faults) {
    for (size_t i = 0; i < e->endpoint_count; i++) {
        const estate_endpoint *endpoint = &e->endpoints[i];
        error *err = http_router_add(
            router, endpoint->method ? endpoint->method : "*", endpoint->path, (void *)(uintptr_t)endpoint);
        fault_list_add(faults, error_at(error_wrap(err, "route"), "/endpoints/%s/route", endpoint->route));
    }
}

static http_router *build_router(const estate *e, fault_list *faults) {
    http_router *router = http_router_new();
    fault_list_add(faults, add_own(router));
    add_endpoints(router, e, faults);
    return router;
}

void facade_check(const estate *candidate, fault_list *faults) {
    http_router_free(build_router(candidate, faults));
}

static void release_routes(routes *r) {
    if (!r || atomic_fetch_sub(&r->references, 1) > 1) return;
    http_router_free(r->router);
    estate_release(r->estate);
    free(r);
}

static routes *hold_routes(facade *f) {
    pthread_mutex_lock(&f->lock);
    routes *r = f->now;
    if (r) atomic_fetch_add(&r->references, 1);
    pthread_mutex_unlock(&f->lock);
    return r;
}

void facade_reconfigured(facade *f, estate *now) {
    fault_list faults = {.faults = NULL, .count = 0};
    routes *next = xcalloc(1, sizeof *next);
    atomic_init(&next->references, 1);
    next->estate = estate_hold(now);
    next->router = build_router(now, &faults);
    for (size_t i = 0; i < faults.count; i++)
        log_error("a route is not served: %s", error_text(faults.faults[i]));
    fault_list_free(&faults);
    pthread_mutex_lock(&f->lock);
    routes *before = f->now;
    f->now = next;
    pthread_mutex_unlock(&f->lock);
    release_routes(before);
}

error *facade_new(const facade_options *options, facade **out) {
    facade *f = xcalloc(1, sizeof *f);
    f->options = *options;
    pthread_mutex_init(&f->lock, NULL);
    *out = f;
    return NULL;
}

void facade_free(facade *f) {
    if (!f) return;
    release_routes(f->now);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

/* ---- who may call ---- */

/* Behind a proxy on this machine everybody would seem to be local; a proxy tells itself by these fields. */
static bool is_local(http_request *request) {
    span peer = http_request_peer(request);
    bool loopback = span_starts(peer, SPAN("127.")) || span_is(peer, "::1");
    return loopback && !http_request_header(request, "Forwarded").data &&
           !http_request_header(request, "X-Forwarded-For").data;
}

typedef enum verdict { CALL_ALLOWED, CALL_UNKNOWN, CALL_FORBIDDEN } verdict;

/* `caller` has an empty name when nobody is known. A key that is sent must be good, also where none is needed. */
static verdict judge(facade *f, http_request *request, estate_access needed, principal *caller) {
    span authorization = http_request_header(request, "Authorization");
    bool known = false;
    caller->name[0] = '\0';
    if (span_starts(authorization, SPAN("Bearer "))) {
        span key = span_trim(span_make(authorization.data + 7, authorization.len - 7));
        known = accounts_by_key(f->options.accounts, key, caller);
        if (!known) return CALL_UNKNOWN;
    }
    if (known) return caller->role == ROLE_CLIENT || caller->role == ROLE_ADMIN ? CALL_ALLOWED : CALL_FORBIDDEN;
    if (needed == ACCESS_PUBLIC) return CALL_ALLOWED;
    return needed == ACCESS_LOCAL && is_local(request) ? CALL_ALLOWED : CALL_UNKNOWN;
}

static http_response *refuse(verdict v) {
    if (v == CALL_FORBIDDEN)
        return answer_problem(
            403, "forbidden", "This key does not call endpoints", "Use a key with the role client.", NULL);
    http_response *response = answer_problem(401, "unauthenticated", "An API key is needed",
        "Send it as \"Authorization: Bearer KEY\"; an administrator makes one with banyan key add.", NULL);
    http_response_header(response, "WWW-Authenticate", "Bearer");
    return response;
}

/* ---- requests ---- */

static void serve_own(
    facade *f, const routes *r, http_request *request, const char *what, const http_route_match *match) {
    principal caller = {.name = ""};
    if (what == status_template) {
        span id = http_route_parameter(match, "id");
        char *text = xspandup(id);
        verdict v = judge(f, request, ACCESS_PUBLIC, &caller);
        if (v == CALL_ALLOWED)
            status_start(f->options.services.store, f->options.services.blocking, request, text,
                caller.name[0] ? caller.name : NULL);
        else
            http_respond(request, refuse(v));
        free(text);
    } else if (strcmp(what, "/openapi.json") == 0) {
        http_respond(request, openapi_document(r->estate, f->options.version));
    } else if (strcmp(what, "/docs") == 0) {
        http_respond(request, openapi_page(r->estate, f->options.version));
    } else {
        http_respond(request,
            answer_problem(404, "not-found", "There is no such resource", "No AS2 connection is configured.", NULL));
    }
}

static json_t *parameters_of(const http_route_match *match) {
    json_t *all = json_object();
    for (size_t i = 0; i < match->parameter_count; i++) {
        char *name = xspandup(match->parameters[i].name);
        json_put_span(all, name, match->parameters[i].value);
        free(name);
    }
    return all;
}

static void serve_endpoint(facade *f, const routes *r, http_request *request, const http_route_match *match) {
    const estate_endpoint *endpoint = match->target;
    principal caller = {.name = ""};
    verdict v = judge(f, request, endpoint->access, &caller);
    if (v != CALL_ALLOWED) {
        http_respond(request, refuse(v));
        return;
    }
    exchange_start(
        &f->options.services, r->estate, endpoint, request, parameters_of(match), caller.name[0] ? caller.name : NULL);
}

static bool is_own(const void *target) {
    if (target == status_template) return true;
    for (size_t i = 0; i < sizeof own_paths / sizeof *own_paths; i++) {
        if (target == own_paths[i]) return true;
    }
    return false;
}

void facade_handle(void *context, http_request *request) {
    facade *f = context;
    routes *r = hold_routes(f);
    http_route_match match;
    if (!r) {
        http_respond(request, answer_problem(503, "starting", "Not ready yet", "Try again in a moment.", NULL));
        return;
    }
    http_route_result found =
        http_router_find(r->router, http_request_method(request), http_request_path(request), &match);
    if (found == HTTP_ROUTE_FOUND && is_own(match.target)) {
        serve_own(f, r, request, match.target, &match);
    } else if (found == HTTP_ROUTE_FOUND) {
        serve_endpoint(f, r, request, &match);
    } else if (found == HTTP_ROUTE_NO_METHOD) {
        http_response *response = answer_problem(405, "method-not-allowed", "Not with this method", NULL, NULL);
        http_response_header(response, "Allow", match.allow);
        http_respond(request, response);
    } else {
        http_respond(request,
            answer_problem(404, "not-found", "There is no such resource", "/openapi.json tells what there is.", NULL));
    }
    release_routes(r);
}
