/* core/worker/mask.h: a payload whose confidential values nobody sees. Runs in translator processes: it comes from
 * outside. */
#ifndef BANYAN_CORE_WORKER_MASK_H
#define BANYAN_CORE_WORKER_MASK_H

#include "core/base/json.h"

/* The JSON text with "***" in the place of each value that lies at one of the places ("$.card.number",
 * "$.lines[*].price", "$..password"); the caller frees it. ERROR_INVALID for what is no JSON: nothing of it may be
 * shown. */
must_check error *mask_json(span body, const json_t *places, char **masked);

#endif
