/* core/crypto/jwk.h: public keys as JSON (RFC 7517), and whether a signature of a token is theirs (RFC 7515, RFC 7518
 * §3, RFC 8037).
 *
 * Signatures by public keys only: RS, PS and ES with SHA-256, -384 and -512, and EdDSA. The algorithm must fit the
 * key's kind, its curve, and the key's own `alg` and `use`, so that a public key is never taken for an HMAC secret and
 * "none" is no algorithm (RFC 8725 §3.1). RSA keys below 2048 bits are not taken.
 */
#ifndef BANYAN_CRYPTO_JWK_H
#define BANYAN_CRYPTO_JWK_H

#include "core/base/error.h"

typedef struct jwk_set jwk_set;

enum { JWK_SET_BYTES_MAX = 256 * 1024, JWK_SET_KEYS_MAX = 100 };

/* A set {"keys": [...]} or one key. Keys of other kinds are passed over (RFC 7517 §5); ERROR_INVALID when none is left.
 */
must_check error *jwk_set_read(span json, jwk_set **out);
void jwk_set_free(jwk_set *set); /* NULL is fine */

/* Is there a key of that id (`kid` {NULL, 0}: any)? */
bool jwk_set_has(const jwk_set *set, span kid);

/* "RS256" … "EdDSA": one that is done here? */
bool jwk_algorithm_known(span algorithm);

/* Has a key of the set with that id ({NULL, 0}: any) signed `input` so? Safe for any number of threads. */
bool jwk_set_verify(const jwk_set *set, span kid, span algorithm, span input, span signature);

#endif
