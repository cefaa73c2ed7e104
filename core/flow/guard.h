/* core/flow/guard.h: what keeps a weak back-end alive: so many requests at once, a short queue, and a breaker.
 *
 * One guard a connection, by its name, for as long as the process runs; the connection's settings `concurrent`,
 * `queue`, `queue_wait` and `breaker` are read with each request. The breaker opens after so many failures in a row;
 * when its time is over one request may try (half open): if it is answered the breaker closes, else it opens again,
 * twice as long, up to eight times its time. For requests that wait for an answer, and calls of scripts; deliveries
 * have their own retries. Thread-safe.
 */
#ifndef BANYAN_CORE_FLOW_GUARD_H
#define BANYAN_CORE_FLOW_GUARD_H

#include "core/flow/estate.h"

typedef struct guard guard;

typedef enum guard_verdict {
    GUARD_PASS,  /* go on, and guard_leave in the end */
    GUARD_LATER, /* `go` will be called with PASS or FULL, from the thread of whoever leaves: it must not block */
    GUARD_OPEN,  /* the breaker is open */
    GUARD_FULL,  /* too many at once, and no room to wait, or the wait was too long */
} guard_verdict;

typedef struct guard_ticket {
    guard *guard; /* NULL: none is held */
    bool probe;
} guard_ticket;

/* Fills the ticket with GUARD_PASS (the caller's, to be given back) and *retry_ms otherwise. The ticket stays where it
 * is while it waits. A connection without these settings always passes, without a ticket. */
guard_verdict guard_enter(const estate_connection *connection, guard_ticket *ticket,
    void (*go)(void *context, guard_verdict verdict), void *context, int64_t *retry_ms);

/* Nothing happens for a ticket without a guard. */
void guard_leave(guard_ticket *ticket, bool failed);

/* The budget of repeated calls of one connection: each request earns a share (in parts of 10,000) of one, each
 * repetition spends one. At most GUARD_REPEATS_SAVED are saved up, and as many are there at first, so that repetitions
 * never come to more than that share of the requests and those few. */
enum { GUARD_REPEATS_SAVED = 10 };
void guard_earn_repeat(const estate_connection *connection, int share);
bool guard_spend_repeat(const estate_connection *connection); /* false: nothing is left; it is counted */

/* {"acme": {"breaker": "closed"|"open"|"half-open", "running", "waiting", "failures", "opened", "refused", "repeated",
 * "not_repeated", "since", "next_ms"}}: failures are those in a row, the four after them count since the start; of a
 * breaker that is not closed `since` tells when it opened first, `next_ms` how long nobody may try. New reference. */
json_t *guard_states(void);

extern const setting guard_breaker_settings[];

#endif
