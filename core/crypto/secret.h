/* core/crypto/secret.h: secrets at rest, and comparing without telling.
 *
 * A sealed record is: one byte of version (1), 12 random bytes of nonce, the ciphertext, 16 bytes of tag: AES-256-GCM
 * (NIST SP 800-38D). The name of the record is authenticated with it, so that no record can stand in the place of
 * another.
 */
#ifndef BANYAN_CORE_CRYPTO_SECRET_H
#define BANYAN_CORE_CRYPTO_SECRET_H

#include "core/base/buf.h"

enum { SECRET_KEY_SIZE = 32 };

must_check error *secret_seal(const unsigned char key[SECRET_KEY_SIZE], span name, span plain, buf *sealed);

/* ERROR_CORRUPT when the record was changed, belongs to another name, or was sealed with another key. */
must_check error *secret_open(const unsigned char key[SECRET_KEY_SIZE], span name, span sealed, buf *plain);

/* Equal, in a time that tells nothing but the lengths. */
bool secret_equal(span a, span b);

#endif
