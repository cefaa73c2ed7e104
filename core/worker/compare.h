/* core/worker/compare.h: what differs between two answers. Runs in translator processes: both come from outside.
 *
 * JSON is compared by value, place by place; anything else byte by byte. Places are written like "$.lines[*].price":
 * the positions of an array are one place, so that differences can be counted by field.
 */
#ifndef BANYAN_CORE_WORKER_COMPARE_H
#define BANYAN_CORE_WORKER_COMPARE_H

#include "core/base/json.h"

/* Does the place lie at or below the pattern? "$..name" means the member of that name anywhere. */
bool compare_place_fits(const char *pattern, const char *place);

/* `options`: "ignore": places and all below them ("$.servedBy", "$.lines[*].id", "$..updatedAt"); "unordered": arrays
 * whose order means nothing ("*": all); "tolerance": by how much numbers may differ;
 * "mask": places whose values are told as ***. The result is an array of
 * {"path","kind","legacy","modern"}: kind "value", "type", "missing" (in modern), "added", "length" or "body"; values
 * as text, cut when long; at most 50. New reference. */
json_t *compare_answers(span legacy, span modern, const json_t *options);

#endif
