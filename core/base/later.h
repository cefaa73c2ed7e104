/* core/base/later.h: steps that are due in a while, on one thread of their own.
 *
 * For what waits without holding a thread: a second try, another look for a reply, the end of a long poll. Steps must
 * be quick; what takes long is handed on. Thread-safe.
 */
#ifndef BANYAN_BASE_LATER_H
#define BANYAN_BASE_LATER_H

#include "core/base/error.h"

#include <stdint.h>

typedef struct later_steps later_steps;

must_check error *later_start(later_steps **out);

/* `step` runs once, `ms` from now; at once when it is over (later_is_over), on the caller's thread. */
void later_run(later_steps *l, int64_t ms, void (*step)(void *context), void *context);

/* The end is near: who would wait again should not. */
bool later_is_over(later_steps *l);

/* What waits runs now, and the thread ends. Later steps run at once. NULL is fine, as below. */
void later_end(later_steps *l);
void later_free(later_steps *l); /* after later_end, when nobody uses it any more */

#endif
