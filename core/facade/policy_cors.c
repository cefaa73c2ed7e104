/* core/facade/policy_cors.c: which web pages of other origins may call an endpoint (Fetch standard §3.2). */
#include "core/base/memory.h"
#include "core/facade/exchange_inside.h"
#include "core/facade/policies.h"
#include "core/flow/estate_policy_settings.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct cors {
    const json_t *origins;            /* of the endpoint's body */
    char *methods, *headers, *expose; /* as in the fields; NULL: by what is asked */
    bool any, credentials;
    long long max_age;
} cors;

/* "a, b"; NULL without a list. */
static char *joined(const json_t *object, const char *member) {
    const json_t *list = json_get_array(object, member);
    buf text = BUF_MAX(4096);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *item = json_string_value(json_array_get(list, i));
        buf_printf(&text, "%s%s", i ? ", " : "", item ? item : "");
    }
    return list ? buf_take(&text, NULL) : NULL;
}

static bool is_origin(const char *text) {
    if (strcmp(text, "*") == 0) return true;
    const char *host = strstr(text, "://");
    return host && host > text && host[3] && !strpbrk(host + 3, "/?# ,");
}

static void *prepare(const estate_endpoint *endpoint, fault_list *faults) {
    const json_t *object = json_get_object(endpoint->body, "cors");
    if (!object) return NULL;
    cors *c = xcalloc(1, sizeof *c);
    c->origins = json_get_array(object, "origins");
    c->methods = joined(object, "methods");
    c->headers = joined(object, "headers");
    c->expose = joined(object, "expose");
    c->credentials = settings_boolean(estate_cors_settings, object, "credentials");
    c->max_age = (long long)settings_integer(estate_cors_settings, object, "max_age") / 1000;
    for (size_t i = 0; i < json_array_size(c->origins); i++) {
        const char *origin = json_string_value(json_array_get(c->origins, i));
        if (!origin) continue;
        c->any |= strcmp(origin, "*") == 0;
        if (!is_origin(origin))
            policy_fault(faults, endpoint, "cors",
                error_new(ERROR_INVALID, "origins: \"%s\" is not an origin such as https://app.example", origin));
    }
    if (c->any && c->credentials)
        policy_fault(faults, endpoint, "cors",
            error_new(ERROR_INVALID, "credentials: any page could act for whoever is signed in; name the origins"));
    return c;
}

static void forget(void *prepared) {
    cors *c = prepared;
    free(c->methods);
    free(c->headers);
    free(c->expose);
    free(c);
}

/* "https:" and two slashes with "*.example" behind them stand for every name below example, not for example itself. */
static bool origin_fits(const char *pattern, span origin) {
    const char *star = strstr(pattern, "://*.");
    if (!star) return span_is(origin, pattern);
    span scheme = span_make(pattern, (size_t)(star - pattern) + 3), tail = span_of(star + 4);
    if (!span_starts(origin, scheme) || origin.len <= scheme.len + tail.len) return false;
    span rest = span_make(origin.data + scheme.len, origin.len - scheme.len);
    if (memchr(rest.data, '/', rest.len)) return false;
    return span_equal(span_make(rest.data + rest.len - tail.len, tail.len), tail);
}

static bool allows(const cors *c, span origin) {
    if (c->any) return true;
    for (size_t i = 0; i < json_array_size(c->origins); i++) {
        const char *pattern = json_string_value(json_array_get(c->origins, i));
        if (pattern && origin_fits(pattern, origin)) return true;
    }
    return false;
}

/* True when the page may read the answer. */
static bool add_origin(const cors *c, span origin, http_response *response) {
    bool allowed = origin.len > 0 && allows(c, origin);
    if (!c->any) http_response_header(response, "Vary", "Origin");
    if (!allowed) return false;
    if (c->any)
        http_response_header(response, "Access-Control-Allow-Origin", "*");
    else
        http_response_header_span(response, "Access-Control-Allow-Origin", origin);
    if (c->credentials) http_response_header(response, "Access-Control-Allow-Credentials", "true");
    return true;
}

static void on_answer(exchange *x, void *prepared, http_response *response) {
    const cors *c = prepared;
    bool allowed = add_origin(c, http_request_header(x->request, "Origin"), response);
    if (allowed && c->expose) http_response_header(response, "Access-Control-Expose-Headers", c->expose);
}

const policy cors_policy = {.name = "cors", .prepare = prepare, .forget = forget, .on_answer = on_answer};

/* ---- preflight ---- */

/* The methods that a page may use on this path: as configured, or those that have an endpoint. */
static void add_methods(const cors *c, const routes *r, http_request *request, http_response *response) {
    routes_match match;
    if (c->methods) {
        http_response_header(response, "Access-Control-Allow-Methods", c->methods);
        return;
    }
    http_route_result found = routes_find(r, SPAN("OPTIONS"), request, &match);
    http_response_header(response, "Access-Control-Allow-Methods",
        found == HTTP_ROUTE_NO_METHOD ? match.route.allow : "GET, HEAD, POST, PUT, PATCH, DELETE");
}

http_response *cors_preflight(const routes *r, http_request *request) {
    span wanted = http_request_header(request, "Access-Control-Request-Method");
    span origin = http_request_header(request, "Origin");
    routes_match match;
    if (!span_is(http_request_method(request), "OPTIONS") || !wanted.data || !origin.data) return NULL;
    if (routes_find(r, wanted, request, &match) != HTTP_ROUTE_FOUND || !match.plan) return NULL;
    const cors *c = policy_prepared(&match.plan->policies, &cors_policy);
    if (!c) return NULL;
    http_response *response = http_response_new(204);
    http_response_header(response, "Vary", "Access-Control-Request-Method, Access-Control-Request-Headers");
    if (!add_origin(c, origin, response)) return response;
    char age[24];
    span headers = http_request_header(request, "Access-Control-Request-Headers");
    add_methods(c, r, request, response);
    if (c->headers)
        http_response_header(response, "Access-Control-Allow-Headers", c->headers);
    else if (headers.len > 0 && !c->credentials)
        http_response_header_span(response, "Access-Control-Allow-Headers", headers);
    snprintf(age, sizeof age, "%lld", c->max_age);
    http_response_header(response, "Access-Control-Max-Age", age);
    return response;
}
