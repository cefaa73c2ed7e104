/* core/flow/job_trace.h: the steps of flows as spans of a trace (tracing.h).
 *
 * A message and all that came of it are one trace. Its id is that of the request that brought the message, or made of
 * the message's own, so that nothing has to be kept for it: what a message is processed as is the parent of all that is
 * done with it and of the deliveries of what it became.
 */
#ifndef BANYAN_CORE_FLOW_JOB_TRACE_H
#define BANYAN_CORE_FLOW_JOB_TRACE_H

#include "core/flow/work.h"

/* One attempt at a job is over. Reads the store; nothing happens while there is no tracing. */
void job_trace_add(const engine *e, const claimed_job *job, int64_t start_ns, bool failed);

#endif
