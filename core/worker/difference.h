/* core/worker/difference.h: where two payloads differ, in words that can be grouped.
 *
 * JSON is compared member by member ("$.lines[*].sku"), EDI segment by segment ("PO1/3"), CSV by column, anything else
 * by line. Runs in translator processes, since both sides are payloads.
 */
#ifndef BANYAN_CORE_WORKER_DIFFERENCE_H
#define BANYAN_CORE_WORKER_DIFFERENCE_H

#include "core/base/json.h"

/* Appends {"kind": "json"|"edi"|"csv"|"text", "path", "before"?, "after"?} to `list`, at most `room` of them; texts are
 * cut at 200 bytes. A path holds [*] for an index, so that the same change in many places is one group. Nothing is
 * appended for equal payloads. */
void difference_of(span before, span after, size_t room, json_t *list);

#endif
