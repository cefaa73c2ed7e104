/* core/flow/job_trace.h: the steps of flows as spans of a trace (tracing.h).
 *
 * A message and all that came of it are one trace. Its id is that of the request that brought the message, or made of
 * the message's own, so that nothing has to be kept for it: what a message is processed as is the parent of all that is
 * done with it and of the deliveries of what it became.
 */
#ifndef BANYAN_CORE_FLOW_JOB_TRACE_H
#define BANYAN_CORE_FLOW_JOB_TRACE_H

#include "core/flow/engine.h"
#include "core/flow/tracing.h"

/* Where one attempt at a job stands in its trace; looked up when somebody wants to know. */
typedef struct job_trace {
    int64_t start_ns;
    bool looked;
    trace_context context;              /* while there is tracing */
    char traceparent[TRACEPARENT_SIZE]; /* what a peer is told; "": nothing */
} job_trace;

/* What goes along with what is delivered, so that the trace goes on at the peer: this attempt is the parent, or without
 * tracing the request that brought the message, as it said. NULL: nothing. Reads the store. */
const char *job_trace_parent(engine *e, const claimed_job *job, job_trace *t);

/* The attempt is over. Nothing happens while there is no tracing. */
void job_trace_add(engine *e, const claimed_job *job, job_trace *t, bool failed);

#endif
