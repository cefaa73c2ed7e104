/* core/crypto/hmac.h: HMAC (RFC 2104) in pieces, by OpenSSL. */
#ifndef BANYAN_CORE_CRYPTO_HMAC_H
#define BANYAN_CORE_CRYPTO_HMAC_H

#include "core/crypto/digest.h"

typedef struct hmac hmac;

hmac *hmac_new(digest_kind kind, span key);
void hmac_update(hmac *h, span bytes);
size_t hmac_finish(hmac *h, unsigned char out[DIGEST_BYTES_MAX]); /* the length; frees `h` */

#endif
