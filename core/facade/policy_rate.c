/* core/facade/policy_rate.c: how often an endpoint may be called (RFC 6585 §4; draft-ietf-httpapi-ratelimit-headers).
 */
#include "core/base/memory.h"
#include "core/facade/answer.h"
#include "core/facade/exchange_inside.h"
#include "core/facade/limits.h"
#include "core/facade/policies.h"
#include "core/flow/estate_policy_settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef enum rate_by { BY_CALLER, BY_ADDRESS, BY_ENDPOINT } rate_by;

typedef struct rate_plan {
    limits *limits;
    limits_rate rate;
    rate_by by;
    bool legacy_headers;
    char *policy_field; /* "default";q=100;w=60 */
    char *name;
} rate_plan;

enum { FIELD_ROOM = 160 };

static rate_by by_of(const json_t *object) {
    const char *by = settings_text(estate_rate_settings, object, "by");
    return strcmp(by, "address") == 0 ? BY_ADDRESS : strcmp(by, "endpoint") == 0 ? BY_ENDPOINT : BY_CALLER;
}

/* Limits that do not depend on who calls are asked before the caller's credentials are looked at. */
static void *prepare(const estate_endpoint *endpoint, bool early) {
    const json_t *object = json_get_object(endpoint->body, "rate_limit");
    if (!object || (by_of(object) != BY_CALLER) != early) return NULL;
    const setting *table = estate_rate_settings;
    rate_plan *p = xcalloc(1, sizeof *p);
    const char *share = json_get_text(object, "share", NULL);
    p->rate.requests = settings_integer(table, object, "requests");
    p->rate.per_ms = settings_integer(table, object, "per");
    p->rate.burst = json_get_integer(object, "burst", p->rate.requests);
    if (p->rate.requests < 1) p->rate.requests = 1; /* refused by the table already */
    p->by = by_of(object);
    p->legacy_headers = settings_boolean(table, object, "legacy_headers");
    p->name = xasprintf("%s/%s", share ? "share" : "endpoint", share ? share : endpoint->route);
    p->limits = limits_hold(p->name);
    p->policy_field = xasprintf("\"%s\";q=%lld;w=%lld", share ? share : "default", (long long)p->rate.requests,
        (long long)((p->rate.per_ms + 999) / 1000));
    return p;
}

static void *prepare_early(const estate_endpoint *endpoint, fault_list *faults) {
    (void)faults;
    return prepare(endpoint, true);
}

static void *prepare_late(const estate_endpoint *endpoint, fault_list *faults) {
    (void)faults;
    return prepare(endpoint, false);
}

static void forget(void *prepared) {
    rate_plan *p = prepared;
    limits_release(p->limits);
    free(p->policy_field);
    free(p->name);
    free(p);
}

static int64_t now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void add_fields(const rate_plan *p, const limits_state *state, http_response *response) {
    char text[FIELD_ROOM];
    long long reset = (state->allowed ? state->reset_ms : state->retry_ms) / 1000 + 1;
    http_response_header(response, "RateLimit-Policy", p->policy_field);
    snprintf(text, sizeof text, "%.*s;r=%lld;t=%lld", (int)strcspn(p->policy_field, ";"), p->policy_field,
        (long long)state->remaining, reset);
    http_response_header(response, "RateLimit", text);
    if (!p->legacy_headers) return;
    snprintf(text, sizeof text, "%lld", (long long)p->rate.requests);
    http_response_header(response, "X-RateLimit-Limit", text);
    snprintf(text, sizeof text, "%lld", (long long)state->remaining);
    http_response_header(response, "X-RateLimit-Remaining", text);
    snprintf(text, sizeof text, "%lld", reset);
    http_response_header(response, "X-RateLimit-Reset", text);
}

static policy_verdict on_head_of(exchange *x, const rate_plan *p, const policy *self) {
    char key[FIELD_ROOM];
    if (p->by == BY_ENDPOINT)
        key[0] = '\0';
    else if (p->by == BY_CALLER && x->caller)
        snprintf(key, sizeof key, "caller %s", x->caller);
    else
        snprintf(key, sizeof key, "address %s", x->address);
    limits_state *state = xcalloc(1, sizeof *state);
    *state = limits_take(p->limits, &p->rate, span_of(key), now_us());
    *exchange_memory(x, self) = state;
    if (state->allowed) return POLICY_GO_ON;
    char wait[24];
    http_response *response = answer_problem(429, "rate-limited", "Too many requests",
        "Wait as long as Retry-After says; RateLimit-Policy tells how many are allowed.", NULL);
    snprintf(wait, sizeof wait, "%lld", (long long)(state->retry_ms + 999) / 1000);
    http_response_header(response, "Retry-After", wait);
    exchange_respond(x, response);
    return POLICY_OVER;
}

static policy_verdict on_head_early(exchange *x, void *prepared) {
    return on_head_of(x, prepared, &rate_by_address_policy);
}

static policy_verdict on_head_late(exchange *x, void *prepared) {
    return on_head_of(x, prepared, &rate_policy);
}

static void on_answer_of(exchange *x, const rate_plan *p, http_response *response, const policy *self) {
    const limits_state *state = *exchange_memory(x, self);
    if (state) add_fields(p, state, response);
}

static void on_answer_early(exchange *x, void *prepared, http_response *response) {
    on_answer_of(x, prepared, response, &rate_by_address_policy);
}

static void on_answer_late(exchange *x, void *prepared, http_response *response) {
    on_answer_of(x, prepared, response, &rate_policy);
}

static void on_end_early(exchange *x, void *prepared) {
    (void)prepared;
    free(*exchange_memory(x, &rate_by_address_policy));
}

static void on_end_late(exchange *x, void *prepared) {
    (void)prepared;
    free(*exchange_memory(x, &rate_policy));
}

const policy rate_by_address_policy = {.name = "rate_limit",
    .prepare = prepare_early,
    .forget = forget,
    .on_head = on_head_early,
    .on_answer = on_answer_early,
    .on_end = on_end_early};

const policy rate_policy = {.name = "rate_limit",
    .prepare = prepare_late,
    .forget = forget,
    .on_head = on_head_late,
    .on_answer = on_answer_late,
    .on_end = on_end_late};
