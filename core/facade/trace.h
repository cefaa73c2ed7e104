/* core/facade/trace.h: the trace that a request is in: what its back-end is told, and the spans that are told of it. */
#ifndef BANYAN_CORE_FACADE_TRACE_H
#define BANYAN_CORE_FACADE_TRACE_H

#include "core/facade/exchange_inside.h"

/* Nothing happens where traces are not told: the caller's own fields pass on as they are. */
void exchange_trace_begin(exchange *x);
void exchange_trace_end(exchange *x, int status); /* the answer is there */

/* The traceparent for the back-end; NULL: the caller's own. */
const char *exchange_trace_text(const exchange *x);

/* What the timeline shows: the traceparent in force, {NULL, 0} when there is none. */
span exchange_trace_shown(const exchange *x);

#endif
