/* core/crypto/password.h: password hashes: scrypt (RFC 7914), N = 2^15, r = 8, p = 1, about a tenth of a second and 32
 * MiB each.
 *
 * At most two are computed at a time, so that guessing costs the guesser more than the appliance. Blocks: not for event
 * loops.
 */
#ifndef BANYAN_CORE_CRYPTO_PASSWORD_H
#define BANYAN_CORE_CRYPTO_PASSWORD_H

#include "core/base/error.h"

enum { PASSWORD_HASH_ROOM = 160 };

/* "scrypt$15$8$1$SALT$HASH", both in hexadecimal; `text` holds PASSWORD_HASH_ROOM bytes. */
must_check error *password_hash(span password, char text[PASSWORD_HASH_ROOM]);

/* Does the password belong to the hash? NULL as hash takes as long and says no. */
bool password_matches(span password, const char *hash);

#endif
