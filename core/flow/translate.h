/* core/flow/translate.h: what flows and endpoints share when they run a script. */
#ifndef BANYAN_CORE_FLOW_TRANSLATE_H
#define BANYAN_CORE_FLOW_TRANSLATE_H

#include "core/flow/estate.h"
#include "core/store/store.h"

/* "destinations" of a script's call: connection, partner, and the envelope identities of both sides by standard. New
 * reference. */
json_t *translate_destinations(const estate_destination *to, size_t count);

/* Why the script rejected it, in `text`; NULL when it did not. */
const char *translate_rejection(const json_t *outcome, char *text, size_t room);

/* The script's log lines on the message's timeline. */
void translate_log_events(store_change *change, const char *message_id, const json_t *outcome);

#endif
