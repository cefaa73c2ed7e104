/* core/facade/trace.c: see trace.h. */
#include "core/facade/trace.h"

#include "core/base/memory.h"

#include <stdio.h>

struct exchange_trace {
    trace_context own, call;
    char traceparent[TRACEPARENT_SIZE]; /* of the call */
    int64_t start_ns;
    bool told;
};

void exchange_trace_begin(exchange *x) {
    if (!x->services->tracing) return;
    x->trace = xcalloc(1, sizeof *x->trace); /* freed with the exchange */
    x->trace->start_ns = tracing_now_ns();
    trace_begin(x->services->tracing, http_request_header(x->request, "traceparent"), &x->trace->own);
    trace_child(&x->trace->own, &x->trace->call);
    trace_write(&x->trace->call, x->trace->traceparent);
}

static void copy(char *to, size_t room, span from) {
    snprintf(to, room, "%.*s", (int)(from.len < room ? from.len : room - 1), from.data ? from.data : "");
}

void exchange_trace_end(exchange *x, int status) {
    struct exchange_trace *t = x->trace;
    if (!t || t->told || !t->own.sampled) return;
    t->told = true;
    trace_span s = {
        .context = t->own, .kind = TRACE_SERVER, .start_ns = t->start_ns, .end_ns = tracing_now_ns(), .status = status};
    copy(s.method, sizeof s.method, http_request_method(x->request));
    copy(s.route, sizeof s.route, span_of(x->endpoint->path));
    copy(s.path, sizeof s.path, http_request_path(x->request));
    copy(s.peer, sizeof s.peer, x->address[0] ? span_of(x->address) : http_request_peer(x->request));
    copy(s.message, sizeof s.message, span_of(x->id));
    snprintf(s.name, sizeof s.name, "%s %s", s.method, s.route);
    tracing_add(x->services->tracing, &s);
    if (!x->called_ms || !x->target) return;
    trace_span call = {
        .context = t->call, .kind = TRACE_CLIENT, .end_ns = s.end_ns, .status = status, .resends = x->repeats};
    call.start_ns = s.end_ns - (clock_monotonic_ms() - x->called_ms) * 1000000;
    if (call.start_ns < s.start_ns) call.start_ns = s.start_ns;
    memcpy(call.method, s.method, sizeof call.method);
    copy(call.peer, sizeof call.peer, span_of(x->target->connection->name));
    snprintf(call.name, sizeof call.name, "%s", s.method);
    tracing_add(x->services->tracing, &call);
}

const char *exchange_trace_text(const exchange *x) {
    return x->trace ? x->trace->traceparent : NULL;
}

span exchange_trace_shown(const exchange *x) {
    if (x->trace) return span_of(x->trace->traceparent);
    span parent = http_request_header(x->request, "traceparent");
    return trace_is_valid(parent) ? parent : span_make(NULL, 0);
}
