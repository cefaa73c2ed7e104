/* core/worker/serve.h: the loop that all workers share: take a request, do it, reply; ask the desk in between.
 *
 * Runs in worker processes. Requests are pipelined and done in order; one that the desk withdrew while an earlier one
 * took long is passed over.
 */
#ifndef BANYAN_CORE_WORKER_SERVE_H
#define BANYAN_CORE_WORKER_SERVE_H

#include "core/worker/frame.h"

typedef struct worker worker;

/* Does one request: fills the reply, which is initialised. An error takes the place of all but the head. */
typedef error *(*worker_operation)(worker *w, void *context, frame *request, frame *reply);

/* Serves until the desk closes the channel (freed here). Returns the process's exit status. */
int worker_serve(frame_channel *take_channel, worker_operation operation, void *context);

/* Asks the desk on behalf of the request in hand and waits for the answer, which the caller clears. `take` is the
 * question, made with any id. A refusal is returned as the error. */
must_check error *worker_ask(worker *w, frame *take, frame *answer);

/* What OPERATION_TEST does; NULL, and never set but by the tests, before nursery_start. */
extern error *(*worker_test_operation)(worker *w, frame *request, frame *reply);

/* The channel's socket, for tests that send what no worker of ours would. */
int worker_channel_fd(const worker *w);

#endif
