/* core/flow/tracing.h: spans of requests and of the steps of flows, sent to a collector of OpenTelemetry (OTLP/HTTP,
 * JSON encoding).
 *
 * Whoever is done with a request adds its spans; a thread of its own sends them in batches. Nobody ever waits for the
 * collector: what does not fit into the queue while it is away is dropped, and counted. Thread-safe.
 */
#ifndef BANYAN_CORE_FLOW_TRACING_H
#define BANYAN_CORE_FLOW_TRACING_H

#include "core/base/json.h"

enum { TRACE_ID_SIZE = 33, SPAN_ID_SIZE = 17, TRACEPARENT_SIZE = 56, SPAN_NAME_SIZE = 128, SPAN_TEXT_SIZE = 200 };

typedef struct tracing tracing;

typedef struct tracing_options {
    const char *url;     /* of the collector, without /v1/traces; copied */
    const char *service; /* how we are called there */
    const char *version;
    const char *header; /* "Authorization: Bearer ..."; NULL: none */
    int share;          /* of the requests that come without a trace of their own, in parts of 10,000 */
} tracing_options;

/* ERROR_INVALID for what is no URL or header field. */
must_check error *tracing_start(const tracing_options *options, tracing **out);
void tracing_stop(tracing *t); /* sends what is there, for two seconds at most; NULL is fine */

/* The place of one piece of work in a trace (W3C Trace Context §3.2). */
typedef struct trace_context {
    char trace[TRACE_ID_SIZE], span[SPAN_ID_SIZE], parent[SPAN_ID_SIZE]; /* in lower-case hex; parent "": none */
    bool sampled;
} trace_context;

/* Goes on with what the caller's traceparent says, or begins a trace when it says nothing that can be read. */
void trace_begin(const tracing *t, span traceparent, trace_context *context);
bool trace_is_drawn(const tracing *t, const char *trace); /* is it of the share that is told? */
void trace_child(const trace_context *of, trace_context *context);
char *trace_write(const trace_context *context, char text[TRACEPARENT_SIZE]);

/* Is this a traceparent (version 00, or a later one's beginning)? */
bool trace_is_valid(span traceparent);

typedef enum trace_kind { TRACE_INTERNAL = 1, TRACE_SERVER = 2, TRACE_CLIENT = 3 } trace_kind;

/* A span that is over; texts are cut to the room they have. */
typedef struct trace_span {
    trace_context context;
    trace_kind kind;
    char name[SPAN_NAME_SIZE];
    int64_t start_ns, end_ns; /* wall time */
    int status;               /* of HTTP; 0: none came */
    char method[16], route[SPAN_NAME_SIZE], path[SPAN_TEXT_SIZE], peer[80], message[40];
    int resends;
    bool step; /* of a flow, not of HTTP: `failed`, `attempt` and `flow` hold, not `status` */
    bool failed;
    int attempt;
    char flow[80];
} trace_span;

void tracing_add(tracing *t, const trace_span *s); /* those that are not sampled are left out */

int64_t tracing_now_ns(void);

/* {"sent", "dropped", "waiting"}. New reference; NULL when there is no tracing. */
json_t *tracing_counts(void);

#endif
