/* core/facade/facade.c: see facade.h. */
#include "core/facade/facade.h"

#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/facade/access.h"
#include "core/facade/answer.h"
#include "core/facade/as2.h"
#include "core/facade/calls.h"
#include "core/facade/openapi.h"
#include "core/facade/policies.h"
#include "core/facade/reply.h"
#include "core/facade/routes.h"
#include "core/facade/status.h"

#include <pthread.h>
#include <stdlib.h>

struct facade {
    facade_options options;
    as2_services as2;
    pthread_mutex_t lock; /* guards `now` */
    routes *now;
};

void facade_check(const estate *candidate, fault_list *faults) {
    routes_release(routes_build((estate *)(uintptr_t)candidate, NULL, faults));
}

static routes *hold_routes(facade *f) {
    pthread_mutex_lock(&f->lock);
    routes *r = f->now ? routes_hold(f->now) : NULL;
    pthread_mutex_unlock(&f->lock);
    return r;
}

void facade_reconfigured(facade *f, estate *now) {
    fault_list faults = {.faults = NULL, .count = 0};
    switches_reconfigured(f->options.services.switches, now);
    upstreams_refresh(f->options.services.upstreams, now);
    routes *next = routes_build(now, f->options.services.switches, &faults);
    for (size_t i = 0; i < faults.count; i++)
        log_error("a route is not served: %s", error_text(faults.faults[i]));
    fault_list_free(&faults);
    pthread_mutex_lock(&f->lock);
    routes *before = f->now;
    f->now = next;
    pthread_mutex_unlock(&f->lock);
    routes_release(before);
}

error *facade_new(const facade_options *options, facade **out) {
    facade *f = xcalloc(1, sizeof *f);
    f->options = *options;
    f->options.services.upstreams = upstreams_new(options->services.loop, options->services.config);
    f->as2 = (as2_services){.store = options->services.store,
        .threads = options->exchanges,
        .parts = as2_parts_new(options->services.store)};
    pthread_mutex_init(&f->lock, NULL);
    *out = f;
    return later_start(&f->options.services.later);
}

void facade_attach(facade *f, engine *e) {
    f->as2.engine = e;
}

void facade_call_others(void *context, const others_plan *plan) {
    const facade *f = context;
    calls_start(&f->options.services, plan);
}

void facade_let_go(facade *f) {
    if (f) later_end(f->options.services.later);
}

void facade_settle(facade *f) {
    if (f) quota_save_all(f->options.services.store);
}

void facade_free(facade *f) {
    if (!f) return;
    routes_release(f->now);
    upstreams_free(f->options.services.upstreams);
    later_free(f->options.services.later);
    as2_parts_free(f->as2.parts);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

/* ---- requests ---- */

/* The status of a request, or the reply to it. */
static void serve_status(facade *f, routes *r, http_request *request, const routes_match *match) {
    principal caller = {.name = ""};
    const exchange_services *services = &f->options.services;
    char *id = xspandup(http_route_parameter(&match->route, "id"));
    access_verdict verdict = access_judge(services->accounts, request, ACCESS_PUBLIC, &caller);
    const char *name = caller.name[0] ? caller.name : NULL;
    if (verdict != ACCESS_ALLOWED)
        http_respond(request, access_refusal(verdict));
    else if (match->own == OWN_REPLY)
        reply_serve(services, routes_estate(r), request, id, name);
    else
        status_start(services, request, id, name);
    free(id);
}

static void serve_docs(http_request *request, const routes_match *match) {
    span file = http_route_parameter(&match->route, "file");
    http_response *response = openapi_page(file.data ? file : SPAN(""));
    if (!response) response = answer_problem(404, "not-found", "There is no such page", "/docs is the page.", NULL);
    http_respond(request, response);
}

/* The description and its page are only read. */
static bool is_read(http_request *request) {
    span method = http_request_method(request);
    if (span_is(method, "GET") || span_is(method, "HEAD")) return true;
    http_response *response = answer_problem(405, "method-not-allowed", "Not with this method", NULL, NULL);
    http_response_header(response, "Allow", "GET, HEAD");
    http_respond(request, response);
    return false;
}

static void serve_found(facade *f, routes *r, http_request *request, const routes_match *match) {
    const estate *e = routes_estate(r);
    if ((match->own == OWN_OPENAPI || match->own == OWN_DOCS) && !is_read(request)) return;
    switch (match->own) {
    case OWN_NONE: exchange_start(&f->options.services, r, match, request); break;
    case OWN_REPLY:
    case OWN_STATUS: serve_status(f, r, request, match); break;
    case OWN_OPENAPI: http_respond(request, openapi_document(e, f->options.version)); break;
    case OWN_DOCS: serve_docs(request, match); break;
    case OWN_AS2: as2_start(&f->as2, routes_estate(r), request); break;
    }
}

void facade_handle(void *context, http_request *request) {
    facade *f = context;
    routes *r = hold_routes(f);
    routes_match match;
    if (!r) {
        http_respond(request, answer_problem(503, "starting", "Not ready yet", "Try again in a moment.", NULL));
        return;
    }
    http_response *preflight = cors_preflight(r, request);
    if (preflight) {
        http_respond(request, preflight);
        routes_release(r);
        return;
    }
    http_route_result found = routes_find(r, http_request_method(request), request, &match);
    if (found == HTTP_ROUTE_FOUND) {
        serve_found(f, r, request, &match);
    } else if (found == HTTP_ROUTE_NO_METHOD) {
        char *detail = xasprintf("Here is %s.", match.route.allow);
        http_response *response = answer_problem(405, "method-not-allowed", "Not with this method", detail, NULL);
        http_response_header(response, "Allow", match.route.allow);
        free(detail);
        http_respond(request, response);
    } else {
        http_respond(request,
            answer_problem(404, "not-found", "There is no such resource", "/openapi.json tells what there is.", NULL));
    }
    routes_release(r);
}
