/* core/flow/tracing.c: see tracing.h. */
#include "core/flow/tracing.h"

#include "core/base/clock.h"
#include "core/base/id.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/flow/estate_traffic.h"
#include "core/http/client.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    QUEUE_SPANS = 4096,
    BATCH_SPANS = 512,
    EVERY_MS = 1000,
    CALL_MS = 5000,
    LAST_CALL_MS = 2000,
    ANSWER_BYTES = 65536
};
enum { WAIT_FIRST_MS = 1000, WAIT_MOST_MS = 30000, COMPLAIN_MS = 60000 };

struct tracing {
    tracing_options options; /* copies */
    http_field header;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* waits by the monotonic clock */
    pthread_t thread;
    trace_span *queue; /* a ring */
    size_t first, count;
    uint64_t sent, dropped;
    bool stopping;
    int64_t complained_ms;
};

static _Atomic(tracing *) running; /* for the figures */

int64_t tracing_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* ---- contexts ---- */

bool trace_is_valid(span text) {
    static const char shape[] = "xx-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-xxxxxxxxxxxxxxxx-xx";
    bool trace = false, parent = false;
    if (text.len < sizeof shape - 1 || span_starts(text, SPAN("ff"))) return false;
    for (size_t i = 0; i < sizeof shape - 1; i++) {
        if (shape[i] == '-' ? text.data[i] != '-' : !strchr("0123456789abcdef", text.data[i])) return false;
        if (i >= 3 && i < 35) trace |= text.data[i] != '0';
        if (i >= 36 && i < 52) parent |= text.data[i] != '0';
    }
    /* A later version may say more, behind another hyphen; this one may not. */
    bool longer = text.len > sizeof shape - 1;
    return trace && parent && (!longer || (!span_starts(text, SPAN("00")) && text.data[sizeof shape - 1] == '-'));
}

static void random_hex(char *text, size_t digits) {
    static const char hex[] = "0123456789abcdef";
    unsigned char bytes[16];
    do {
        id_random(bytes, digits / 2);
        for (size_t i = 0; i < digits; i++)
            text[i] = hex[i % 2 ? bytes[i / 2] & 15 : bytes[i / 2] >> 4];
        text[digits] = '\0';
    } while (strspn(text, "0") == digits);
}

bool trace_is_drawn(const tracing *t, const char *trace) {
    unsigned long drawn = strtoul(trace + 24, NULL, 16);
    return (int)(drawn % TRAFFIC_WHOLE) < t->options.share;
}

void trace_begin(const tracing *t, span traceparent, trace_context *context) {
    random_hex(context->span, SPAN_ID_SIZE - 1);
    context->parent[0] = '\0';
    if (trace_is_valid(traceparent)) {
        snprintf(context->trace, sizeof context->trace, "%.32s", traceparent.data + 3);
        snprintf(context->parent, sizeof context->parent, "%.16s", traceparent.data + 36);
        context->sampled = strchr("13579bdf", traceparent.data[54]) != NULL; /* bit 0 (§3.3) */
        return;
    }
    random_hex(context->trace, TRACE_ID_SIZE - 1);
    context->sampled = trace_is_drawn(t, context->trace);
}

void trace_child(const trace_context *of, trace_context *context) {
    *context = *of;
    memcpy(context->parent, of->span, sizeof context->parent);
    random_hex(context->span, SPAN_ID_SIZE - 1);
}

char *trace_write(const trace_context *context, char text[TRACEPARENT_SIZE]) {
    snprintf(text, TRACEPARENT_SIZE, "00-%s-%s-%s", context->trace, context->span, context->sampled ? "01" : "00");
    return text;
}

/* ---- the encoding (opentelemetry-proto, JSON mapping: ids in hex, 64-bit numbers as texts) ---- */

static void add_text(json_t *attributes, const char *key, const char *value) {
    if (!*value) return;
    json_array_append_new(attributes,
        json_pack("{s:s, s:{s:o}}", "key", key, "value", "stringValue", json_stringn_nocheck(value, strlen(value))));
}

static void add_number(json_t *attributes, const char *key, int64_t value) {
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)value);
    json_array_append_new(attributes, json_pack("{s:s, s:{s:s}}", "key", key, "value", "intValue", text));
}

static json_t *span_json(const trace_span *s) {
    char start[24], end[24];
    enum { STATUS_UNSET = 0, STATUS_ERROR = 2 };
    json_t *attributes = json_array();
    add_text(attributes, "http.request.method", s->method);
    add_text(attributes, "http.route", s->route);
    add_text(attributes, "url.path", s->path);
    add_text(attributes, s->kind == TRACE_SERVER ? "client.address" : "server.address", s->peer);
    add_text(attributes, "banyan.message.id", s->message);
    add_text(attributes, "banyan.flow", s->flow);
    if (s->attempt) add_number(attributes, "banyan.attempt", s->attempt);
    if (s->status) add_number(attributes, "http.response.status_code", s->status);
    if (s->resends) add_number(attributes, "http.request.resend_count", s->resends);
    snprintf(start, sizeof start, "%lld", (long long)s->start_ns);
    snprintf(end, sizeof end, "%lld", (long long)s->end_ns);
    /* A server's own 4xx is the caller's error, a client's is its own (semantic conventions of HTTP). */
    bool failed = s->status >= (s->kind == TRACE_SERVER ? 500 : 400) || s->status == 0;
    if (s->step) failed = s->failed;
    json_t *one = json_pack("{s:s, s:s, s:s, s:i, s:s, s:s, s:o, s:{s:i}}", "traceId", s->context.trace, "spanId",
        s->context.span, "name", s->name, "kind", (int)s->kind, "startTimeUnixNano", start, "endTimeUnixNano", end,
        "attributes", attributes, "status", "code", failed ? STATUS_ERROR : STATUS_UNSET);
    if (s->context.parent[0]) json_put_text(one, "parentSpanId", s->context.parent);
    return one;
}

static char *batch_text(const tracing *t, const trace_span *spans, size_t count) {
    json_t *list = json_array(), *resource = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, span_json(&spans[i]));
    add_text(resource, "service.name", t->options.service);
    add_text(resource, "service.version", t->options.version);
    json_t *all = json_pack("{s:[{s:{s:o}, s:[{s:{s:s}, s:o}]}]}", "resourceSpans", "resource", "attributes", resource,
        "scopeSpans", "scope", "name", "banyan", "spans", list);
    char *text = json_text(all, false);
    json_decref(all);
    return text;
}

/* ---- the thread ---- */

/* What a collector that is too busy for now says; everything else will not become better (OTLP/HTTP, Failures). */
static bool is_worth_another_try(const error *err) {
    error_code code = error_code_of(err);
    return code == ERROR_UNREACHABLE || code == ERROR_TIMEOUT || code == ERROR_LIMIT;
}

static error *send_batch(tracing *t, http_client *client, const trace_span *spans, size_t count, unsigned within_ms) {
    char *url = xasprintf("%s/v1/traces", t->options.url), *text = batch_text(t, spans, count);
    http_field fields[2] = {{SPAN("Content-Type"), SPAN("application/json")}, t->header};
    http_call call = http_call_to("POST", url);
    http_answer answer;
    call.headers = fields;
    call.header_count = t->header.name.data ? 2 : 1;
    call.body = span_of(text);
    call.timeout_ms = call.connect_timeout_ms = within_ms;
    call.answer_maximum = ANSWER_BYTES;
    error *err = http_client_call(client, &call, &answer);
    if (!err) {
        err = http_answer_check(&answer);
        http_answer_free(&answer);
    }
    free(text);
    free(url);
    return err;
}

static size_t take_batch(tracing *t, trace_span *into) {
    size_t count = t->count < BATCH_SPANS ? t->count : BATCH_SPANS;
    for (size_t i = 0; i < count; i++)
        into[i] = t->queue[(t->first + i) % QUEUE_SPANS];
    t->first = (t->first + count) % QUEUE_SPANS;
    t->count -= count;
    return count;
}

static void complain(tracing *t, const error *err) {
    int64_t now = clock_monotonic_ms();
    if (t->complained_ms && now - t->complained_ms < COMPLAIN_MS) return;
    t->complained_ms = now;
    log_warning("the collector of traces does not take them: %s", error_text(err));
}

static void wait_until(tracing *t, int64_t ms) {
    const struct timespec until = clock_monotonic_in(ms);
    int waited = 0;
    while (!t->stopping && t->count < BATCH_SPANS && waited == 0)
        waited = pthread_cond_timedwait(&t->changed, &t->lock, &until);
}

/* One batch is in hand until it is taken or refused; meanwhile others queue up, and are dropped beyond its room. */
static void *export(void *context) {
    tracing *t = context;
    http_client *client = http_client_new();
    trace_span *batch = xmalloc(BATCH_SPANS * sizeof *batch);
    int64_t wait_ms = WAIT_FIRST_MS;
    size_t count = 0;
    pthread_mutex_lock(&t->lock);
    for (;;) {
        if (count == 0 && !t->stopping) wait_until(t, EVERY_MS);
        bool last = t->stopping;
        if (count == 0) count = take_batch(t, batch);
        if (count == 0 && last) break;
        if (count == 0) continue;
        pthread_mutex_unlock(&t->lock);
        error *err = send_batch(t, client, batch, count, last ? LAST_CALL_MS : CALL_MS);
        pthread_mutex_lock(&t->lock);
        bool again = err && is_worth_another_try(err) && !t->stopping;
        if (err) complain(t, err);
        if (!again) {
            *(err ? &t->dropped : &t->sent) += count;
            count = 0;
            wait_ms = WAIT_FIRST_MS;
        } else {
            const struct timespec until = clock_monotonic_in(wait_ms);
            for (int waited = 0; !t->stopping && waited == 0;)
                waited = pthread_cond_timedwait(&t->changed, &t->lock, &until);
            wait_ms = wait_ms * 2 > WAIT_MOST_MS ? WAIT_MOST_MS : wait_ms * 2;
        }
        bool gone = err && t->stopping;
        error_free(err);
        if (gone) break;
    }
    t->dropped += count + t->count;
    t->count = 0;
    pthread_mutex_unlock(&t->lock);
    free(batch);
    http_client_free(client);
    return NULL;
}

/* ---- from outside ---- */

void tracing_add(tracing *t, const trace_span *s) {
    if (!s->context.sampled) return;
    pthread_mutex_lock(&t->lock);
    if (t->count == QUEUE_SPANS || t->stopping) {
        t->dropped++;
    } else {
        t->queue[(t->first + t->count++) % QUEUE_SPANS] = *s;
        if (t->count == BATCH_SPANS) pthread_cond_signal(&t->changed);
    }
    pthread_mutex_unlock(&t->lock);
}

json_t *tracing_counts(void) {
    tracing *t = atomic_load(&running);
    if (!t) return NULL;
    pthread_mutex_lock(&t->lock);
    json_t *counts = json_pack("{s:I, s:I, s:I}", "sent", (json_int_t)t->sent, "dropped", (json_int_t)t->dropped,
        "waiting", (json_int_t)t->count);
    pthread_mutex_unlock(&t->lock);
    return counts;
}

static error *read_header(tracing *t) {
    const char *line = t->options.header, *colon = line ? strchr(line, ':') : NULL;
    if (!line) return NULL;
    span name = span_make(line, colon ? (size_t)(colon - line) : 0),
         value = colon ? span_trim(span_of(colon + 1)) : SPAN("");
    if (!colon || !http_is_token(name) || !http_is_field_value(value))
        return error_at(
            error_new(ERROR_INVALID, "must be a header field: Authorization: Bearer ..."), "tracing.header");
    t->header = (http_field){name, value};
    return NULL;
}

static void forget(tracing *t) {
    pthread_mutex_destroy(&t->lock);
    pthread_cond_destroy(&t->changed);
    free((char *)(uintptr_t)t->options.url);
    free((char *)(uintptr_t)t->options.service);
    free((char *)(uintptr_t)t->options.version);
    free((char *)(uintptr_t)t->options.header);
    free(t->queue);
    free(t);
}

static error *check_url(const char *url) {
    bool known = strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0;
    return known ? NULL
                 : error_at(error_new(ERROR_INVALID, "must be a URL: http://collector.example:4318"), "tracing.url");
}

error *tracing_start(const tracing_options *options, tracing **out) {
    pthread_condattr_t monotonic;
    tracing *t = xcalloc(1, sizeof *t);
    t->options = *options;
    t->options.url = xstrdup(options->url);
    t->options.service = xstrdup(options->service);
    t->options.version = xstrdup(options->version);
    t->options.header = options->header ? xstrdup(options->header) : NULL;
    for (size_t len = strlen(t->options.url); len && t->options.url[len - 1] == '/';)
        ((char *)(uintptr_t)t->options.url)[--len] = '\0';
    t->queue = xmalloc(QUEUE_SPANS * sizeof *t->queue);
    pthread_mutex_init(&t->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&t->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    error *err = check_url(t->options.url);
    if (!err) err = read_header(t);
    int failed = err ? 0 : pthread_create(&t->thread, NULL, export, t);
    if (failed) err = error_from_errno(failed, "cannot start the thread for traces");
    if (err) {
        forget(t);
        return err;
    }
    atomic_store(&running, t);
    *out = t;
    return NULL;
}

void tracing_stop(tracing *t) {
    if (!t) return;
    atomic_store(&running, NULL);
    pthread_mutex_lock(&t->lock);
    t->stopping = true;
    pthread_cond_signal(&t->changed);
    pthread_mutex_unlock(&t->lock);
    pthread_join(t->thread, NULL);
    forget(t);
}
