/* core/facade/policy_accept.c: 406 for who takes no answer of the kind that an endpoint says it gives (RFC 9110
 * §12.5.1).
 *
 * Only where the media type is told before anything is done: by `response`, or by `respond` when nothing else makes the
 * answer. Elsewhere back-end and script know, and Accept goes along to them. Problems are given to everybody.
 */
#include "core/base/memory.h"
#include "core/facade/answer.h"
#include "core/facade/exchange_inside.h"
#include "core/facade/policies.h"
#include "core/flow/estate_policy_settings.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct media {
    span type, sub;
} media;

/* "text/csv; charset=utf-8" without its parameters; false when it is none. */
static bool media_of(span text, media *out) {
    span rest = text, range, type;
    if (!text.data || !span_split(&rest, ';', &range)) return false;
    range = span_trim(range);
    out->sub = range;
    if (!span_split(&out->sub, '/', &type)) return false;
    out->type = type;
    return type.len > 0 && out->sub.data && out->sub.len > 0 && !memchr(out->sub.data, '/', out->sub.len);
}

/* How closely the range names the type: 0 not at all, 1 by "*" for all, 2 by its kind, 3 by its name. */
static int closeness(const media *range, const media *type) {
    if (span_is(range->type, "*")) return span_is(range->sub, "*") ? 1 : 0;
    if (!http_name_equal(range->type, type->type)) return 0;
    return http_name_equal(range->sub, type->sub) ? 3 : span_is(range->sub, "*") ? 2 : 0;
}

/* Is there a weight of zero among the parameters? */
static bool is_refused(span item) {
    span parameter;
    (void)span_split(&item, ';', &parameter); /* the range itself */
    while (item.data && span_split(&item, ';', &parameter)) {
        span name, value = span_trim(parameter);
        if (!span_split(&value, '=', &name) || !value.data || !http_name_equal(span_trim(name), SPAN("q"))) continue;
        value = span_trim(value);
        for (size_t i = 0; i < value.len; i++)
            if (value.data[i] != '0' && value.data[i] != '.') return false;
        return value.len > 0;
    }
    return false;
}

typedef struct verdict {
    int closest;   /* of the ranges seen so far */
    bool accepted; /* by that one */
    bool odd;      /* something in it is no range: who wrote it may mean anything */
} verdict;

static void judge_field(verdict *v, span field, const media *type) {
    span item;
    while (field.data && span_split(&field, ',', &item)) {
        media range;
        if (span_trim(item).len == 0) continue;
        if (!media_of(item, &range)) {
            v->odd = true;
            continue;
        }
        int close = closeness(&range, type);
        if (close < v->closest || close == 0) continue;
        bool accepted = !is_refused(item);
        v->accepted = close > v->closest ? accepted : v->accepted || accepted;
        v->closest = close;
    }
}

static bool takes(const http_request *request, const char *content_type) {
    size_t count, seen = 0;
    media type;
    verdict v = {.closest = 0};
    const http_field *fields = http_request_headers(request, &count);
    if (!media_of(span_of(content_type), &type)) return true;
    for (size_t i = 0; i < count; i++) {
        if (!http_name_equal(fields[i].name, SPAN("Accept")) || span_trim(fields[i].value).len == 0) continue;
        seen++;
        judge_field(&v, fields[i].value, &type);
    }
    return seen == 0 || v.odd || v.accepted;
}

/* The media type told beforehand; NULL: none. */
static void *prepare(const estate_endpoint *endpoint, fault_list *faults) {
    const json_t *response = json_get_object(endpoint->body, "response");
    const json_t *respond = json_get_object(endpoint->body, "respond");
    const json_t *body = json_object_get(respond, "body");
    const char *told = json_get_text(respond, "content_type", NULL);
    (void)faults;
    if (response) return xstrdup(settings_text(estate_answers_settings, response, "content_type"));
    bool alone = !endpoint->legacy && !json_object_get(endpoint->body, "modern") && !endpoint->script;
    if (!alone || !body) return NULL;
    return xstrdup(told ? told : json_is_string(body) ? "text/plain" : "application/json");
}

static policy_verdict on_head(exchange *x, void *prepared) {
    char detail[512];
    if (takes(x->request, prepared)) return POLICY_GO_ON;
    snprintf(detail, sizeof detail, "This resource is answered as %s; let Accept take that, or leave it out.",
        (const char *)prepared);
    exchange_respond(x, answer_problem(406, "not-acceptable", "No answer that you accept", detail, x->id));
    return POLICY_OVER;
}

const policy accept_policy = {.name = "accept", .prepare = prepare, .forget = free, .on_head = on_head};
