/* core/flow/outcome.h: how a request that was accepted fares, in the words of whoever made it: for its status resource
 * and for callbacks. */
#ifndef BANYAN_CORE_FLOW_OUTCOME_H
#define BANYAN_CORE_FLOW_OUTCOME_H

#include "core/store/store.h"

/* {"id", "state": "processing"|"waiting"|"completed"|"failed"|"rejected", "created", "documents", "steps", "reason"} of
 * the message as store_message_json gives it, with what came of it. New reference. Reads the store. */
must_check error *outcome_of(store *kept, const json_t *message, json_t **out);

/* Will it stay so, unless an operator resends something? */
bool outcome_is_final(const json_t *outcome);

#endif
