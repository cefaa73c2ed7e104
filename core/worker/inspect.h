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

/* Where control numbers come from: as script_services.control. */
typedef struct inspect_numbers {
    error *(*control)(void *context, const char *sequence, uint64_t *number);
    void *context;
} inspect_numbers;

/* The acknowledgement of that kind ("997", "999", "TA1", "CONTRL") for what `bytes` holds, behind `out`; *head is the
 * reply's
 * {"document", "filename"}, a new reference. `now_ms` is wall time. */
must_check error *inspect_acknowledge(span bytes, const char *kind, edi_library *library,
    const inspect_numbers *numbers, int64_t now_ms, buf *out, json_t **head);

#endif
