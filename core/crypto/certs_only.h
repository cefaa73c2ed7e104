/* core/crypto/certs_only.h: certificates on their way to a partner: CMS messages that hold nothing else (RFC 8551
 * §3.8).
 *
 * What comes from a partner is read in workers only.
 */
#ifndef BANYAN_CRYPTO_CERTS_ONLY_H
#define BANYAN_CRYPTO_CERTS_ONLY_H

#include "core/base/buf.h"
#include "core/base/error.h"

/* The certificates of a PEM text as such a message, DER. */
must_check error *certs_only_write(span pem, buf *der);

/* The certificates of such a message as PEM texts, one behind another, that of the holder first; a bare certificate,
 * DER or PEM, is read, too, since some products send that. ERROR_INVALID when there is none. To be freed. */
must_check error *certs_only_read(span bytes, char **pem);

/* The serial number of the first certificate, decimal, as XML signatures write it; to be freed. */
must_check error *certificate_serial(span pem, char **decimal);

#endif
