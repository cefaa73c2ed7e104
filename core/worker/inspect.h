/* core/worker/inspect.h: what a translator finds in a payload: the EDI side of translator.h's operations.
 *
 * Runs in translator processes; the library of schemas is kept between requests.
 */
#ifndef BANYAN_CORE_WORKER_INSPECT_H
#define BANYAN_CORE_WORKER_INSPECT_H

#include "core/base/json.h"
#include "edi/acknowledge.h"

/* The findings of INSPECT, a new reference; a payload that is no EDI has none but "standard": null. */
json_t *inspect_payload(span bytes, edi_library *library);

/* What a flow without a script passes on: {"documents": [...]} of all that `bytes` holds when `index` is negative, else
 * of that one, which is put behind `out` in an envelope of its own. New reference. */
must_check error *inspect_extract(span bytes, int64_t index, edi_library *library, buf *out, json_t **head);

/* Where control numbers come from: as script_services.control. */
typedef struct inspect_numbers {
    error *(*control)(void *context, const char *sequence, uint64_t *number);
    void *context;
} inspect_numbers;

/* The acknowledgement that `wish` asks for, {"kind": "997"|"999"|"TA1"|"CONTRL", "types": ["850"]}, for the documents
 * of these types (of all when it names none) that `bytes` holds, behind `out`; *head is the reply's {"documents"}, a
 * new reference. `now_ms` is wall time. */
must_check error *inspect_acknowledge(span bytes, const json_t *wish, edi_library *library,
    const inspect_numbers *numbers, int64_t now_ms, buf *out, json_t **head);

#endif
