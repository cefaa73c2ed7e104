/* core/crypto/digest.h: message digests by name, whole or in pieces (FIPS 180-4, by OpenSSL). */
#ifndef BANYAN_CORE_CRYPTO_DIGEST_H
#define BANYAN_CORE_CRYPTO_DIGEST_H

#include "core/base/digest.h"
#include "core/base/error.h"

/* SHA-256 as the table of functions that the store takes. */
extern const digest_functions crypto_sha256;

typedef enum digest_kind { DIGEST_SHA1, DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512 } digest_kind;

enum { DIGEST_BYTES_MAX = 64 };

typedef struct digest digest;

digest *digest_new(digest_kind kind);
void digest_update(digest *d, span bytes);
size_t digest_finish(digest *d, unsigned char out[DIGEST_BYTES_MAX]); /* the length; frees `d` */
void digest_free(digest *d);                                          /* without a result; NULL is fine */

/* SHA-256 of `bytes` in lower-case hexadecimal; returns `text`. */
char *digest_sha256_hex(span bytes, char text[DIGEST_HEX_SIZE]);

#endif
