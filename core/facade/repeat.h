/* core/facade/repeat.h: a call of the back-end that failed is made again (the setting `repeat` of the endpoint): when
 * it could not be reached, or answered 502, 503 or 504.
 *
 * Only what may be sent twice without changing anything twice (relay_is_repeatable), and whose body lies here or is
 * none; only as long as the endpoint's timeout lasts, which counts for all calls together, and within the budget of the
 * connection (core/flow/guard.h). The caller sees the last answer. Shadow requests and the calls of scripts are never
 * repeated.
 */
#ifndef BANYAN_CORE_FACADE_REPEAT_H
#define BANYAN_CORE_FACADE_REPEAT_H

#include "core/facade/exchange_inside.h"

/* The back-end is called for this request: the clock runs, the budget grows. */
void repeat_first_call(exchange *x);

/* Of the endpoint's timeout, at least one: for the next call. */
int64_t repeat_time_left(const exchange *x);

/* Is it called once more, and after which wait? The budget is spent then. */
bool repeat_after_failure(exchange *x, const error *failure, int64_t *wait_ms);
bool repeat_after_status(exchange *x, int status, span retry_after, int64_t *wait_ms);

/* " at call 3" for the timeline; "" for the first. */
enum { REPEAT_WORDS_SIZE = 40 };
const char *repeat_words(const exchange *x, char text[REPEAT_WORDS_SIZE]);

#endif
