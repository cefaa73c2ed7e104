/* core/crypto/token.h: random tokens: sessions, API keys. Only their SHA-256 is ever stored: 256 random bits need no
 * slow hash. */
#ifndef BANYAN_CORE_CRYPTO_TOKEN_H
#define BANYAN_CORE_CRYPTO_TOKEN_H

#include "core/base/digest.h"

enum { TOKEN_ROOM = 64 };

/* `prefix` and 256 random bits in base64url (RFC 4648 §5, no padding); `text` holds TOKEN_ROOM bytes and is returned.
 */
char *token_new(const char *prefix, char text[TOKEN_ROOM]);

/* What is stored of a token: its SHA-256 in hexadecimal. */
char *token_hash(span token, char text[DIGEST_HEX_SIZE]);

#endif
