/* core/flow/retention.h: removes what was kept as long as the settings say (retention.payloads, retention.messages).
 *
 * One thread that wakes up a few times within the shorter of the two, once an hour at most and a second at least, and
 * lets the store remove what is old, in small commits with pauses, so that nobody notices.
 */
#ifndef BANYAN_CORE_FLOW_RETENTION_H
#define BANYAN_CORE_FLOW_RETENTION_H

#include "core/store/store.h"

typedef struct retention retention;

/* Milliseconds; 0: for ever. With both for ever there is nothing to do and *out is NULL. */
must_check error *retention_start(store *s, int64_t payloads_ms, int64_t messages_ms, retention **out);
void retention_stop(retention *r); /* NULL is fine; returns before the next commit would begin */

#endif
