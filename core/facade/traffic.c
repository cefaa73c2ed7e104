/* core/facade/traffic.c: see traffic.h. */
#include "core/facade/traffic.h"

#include "core/base/clock.h"

/* The value of one cookie (RFC 6265 §5.4). */
static span cookie_of(const exchange *x, const char *name) {
    span rest = http_request_header(x->request, "Cookie"), pair;
    while (rest.data && span_split(&rest, ';', &pair)) {
        span part = span_trim(pair);
        const char *equals = part.len ? memchr(part.data, '=', part.len) : NULL;
        if (!equals || !span_is(span_make(part.data, (size_t)(equals - part.data)), name)) continue;
        return span_make(equals + 1, part.len - (size_t)(equals + 1 - part.data));
    }
    return span_make(NULL, 0);
}

/* What the request is told apart by; {NULL, 0} when it has none of that. */
static span key_of(const exchange *x, traffic_key key, const char *name) {
    span value = {NULL, 0};
    switch (key) {
    case KEY_CALLER: value = span_of(x->caller); break;
    case KEY_ADDRESS: break;
    case KEY_HEADER: value = http_request_header(x->request, name); break;
    case KEY_COOKIE: value = cookie_of(x, name); break;
    case KEY_CLAIM: value = json_get_span(x->claims, name); break;
    case KEY_PARAMETER:
        value = json_get_span(x->parameters, name);
        if (!value.data) value = http_request_parameter(x->request, name);
        break;
    }
    return value;
}

static bool holds(const json_t *list, span value) {
    for (size_t i = 0; i < json_array_size(list); i++)
        if (span_is(value, json_string_value(json_array_get(list, i)))) return true;
    return false;
}

static bool fits(const exchange *x, const traffic_rule *rule) {
    if (rule->methods && !holds(rule->methods, http_request_method(x->request))) return false;
    if (rule->callers && !(x->caller && holds(rule->callers, span_of(x->caller)))) return false;
    if (!rule->keyed) return true;
    span value = key_of(x, rule->key, rule->name);
    if (rule->key == KEY_ADDRESS) value = span_of(x->address);
    return value.data && (!rule->values || holds(rule->values, value));
}

static traffic_side side_of(const exchange *x, const estate_traffic *t) {
    for (size_t i = 0; i < t->rule_count; i++)
        if (fits(x, &t->rules[i])) return t->rules[i].to;
    bool reads = exchange_is(x, "GET") || exchange_is(x, "HEAD");
    int fixed = reads ? t->reads : t->writes;
    if (fixed >= 0) return (traffic_side)fixed;
    /* Who cannot be told apart otherwise is so by the address. */
    span key = key_of(x, t->key, t->key_name);
    if (!key.data || key.len == 0) key = x->address[0] ? span_of(x->address) : http_request_peer(x->request);
    return route_switch_side(x->plan->turn, key);
}

void traffic_choose(exchange *x) {
    const estate_endpoint *endpoint = x->endpoint;
    x->began_ms = clock_monotonic_ms();
    x->side = SIDE_LEGACY;
    if (endpoint->modern.connection && x->plan->turn)
        x->side = endpoint->legacy ? side_of(x, &endpoint->traffic) : SIDE_MODERN;
    bool modern = x->side == SIDE_MODERN;
    x->target = modern ? &endpoint->modern : endpoint->legacy ? &endpoint->target : NULL;
    x->script = modern ? endpoint->modern_script : endpoint->script;
}

void traffic_answered(exchange *x, int status) {
    if (!x->plan->turn || !x->called) return;
    route_switch_answered(x->plan->turn, x->side, status >= 500, clock_monotonic_ms() - x->began_ms);
}
