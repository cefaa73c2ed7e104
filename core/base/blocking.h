/* core/base/blocking.h: a few threads for steps that wait for the disk, so that event loops never do. */
#ifndef BANYAN_BASE_BLOCKING_H
#define BANYAN_BASE_BLOCKING_H

#include "core/base/error.h"

typedef struct blocking blocking;

must_check error *blocking_start(size_t threads, blocking **out);
void blocking_run(blocking *b, void (*step)(void *context), void *context);
void blocking_stop(blocking *b); /* does what was handed over, then ends */

#endif
