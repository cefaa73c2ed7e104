/* core/flow/keys.h: what the appliance adds to a certificate object before it is stored. */
#ifndef BANYAN_CORE_FLOW_KEYS_H
#define BANYAN_CORE_FLOW_KEYS_H

#include "core/base/json.h"

/* "generate": {"kind": "ec"|"rsa"|"ssh", "common_name", "days"} becomes a private key, and for the first two a
 * self-signed certificate. A certificate that came is held against the key that came; "details" tells what both are.
 * `body` still holds the key in clear. */
must_check error *keys_complete(json_t *body);

/* What is told of a certificate at its top level beside its settings; a NULL ends the list. */
extern const char *const keys_facts[];

/* Takes the facts out of an object that came back as it was shown. */
void keys_strip(json_t *body);

#endif
