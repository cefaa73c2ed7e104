/* core/script/cem.h: what a partner says about certificates (draft-meadors-certificate-exchange-14): the XML and the
 * certificates beside it, read in a translator.
 */
#ifndef BANYAN_CORE_SCRIPT_CEM_H
#define BANYAN_CORE_SCRIPT_CEM_H

#include "core/base/json.h"

/* {"kind": "request"|"response", "request_id", "items": [{"uses": ["digitalSignature", …], "respond_by", "content_id",
 * "issuer", "serial"} of a request, {"accepted": bool, "reason", "issuer", "serial"} of a response]}. ERROR_INVALID
 * says what is wrong with it. New reference. */
must_check error *cem_read(span xml, json_t **told);

/* {"certificate": PEM, "subject", "issuer", "serial", "fingerprint", "key", "not_before", "not_after"} of the holder's
 * certificate in a certs-only message. New reference. */
must_check error *cem_certificate(span bytes, json_t **told);

#endif
