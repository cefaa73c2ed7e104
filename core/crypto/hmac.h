/* core/crypto/hmac.h: HMAC-SHA256 (RFC 2104) in pieces, by OpenSSL. */
#ifndef BANYAN_CORE_CRYPTO_HMAC_H
#define BANYAN_CORE_CRYPTO_HMAC_H

#include "core/base/digest.h"
#include "core/base/error.h"

typedef struct hmac hmac;

hmac *hmac_new(span key);
void hmac_update(hmac *h, span bytes);
void hmac_finish(hmac *h, unsigned char out[DIGEST_SIZE]); /* frees `h` */

#endif
