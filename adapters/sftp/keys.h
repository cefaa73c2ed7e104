/* adapters/sftp/keys.h: host keys as people write them down, and what kind a user's key is.
 *
 * A connection names the host keys it accepts; nothing is trusted on first use. Each is a fingerprint ("SHA256:..." as
 * ssh-keygen -l prints it) or the key itself ("ssh-ed25519 AAAA...", also as a line of known_hosts); several are
 * separated by commas.
 */
#ifndef BANYAN_ADAPTERS_SFTP_KEYS_H
#define BANYAN_ADAPTERS_SFTP_KEYS_H

#include "core/base/error.h"

enum { HOST_KEY_FINGERPRINT_SIZE = 52, HOST_KEY_DIGEST_SIZE = 32, HOST_KEY_ALGORITHMS_SIZE = 256 };

typedef struct host_keys host_keys;

must_check error *host_keys_parse(const char *text, host_keys **out);
void host_keys_free(host_keys *keys); /* NULL is fine */

/* Is this one of them? `blob` is the key as it travels (RFC 4253 §6.6), `digest` its SHA-256. */
bool host_keys_match(const host_keys *keys, span blob, const unsigned char *digest);

/* The keys as they were written, cut to a length that fits into an error. Lives as long as `keys`. */
const char *host_keys_text(const host_keys *keys);

/* Do all of them tell their type? Then `types` (HOST_KEY_ALGORITHMS_SIZE bytes) holds those, separated by commas. */
bool host_keys_types(const host_keys *keys, char *types);

/* "SHA256:..." of a digest, into HOST_KEY_FINGERPRINT_SIZE bytes; returns `text`. */
char *host_key_fingerprint(const unsigned char *digest, char *text);

/* The type's name in a key blob ("ssh-ed25519"); empty when it is none. Lives as long as `blob`. */
span host_key_type(span blob);

/* Is this private key (PEM in any of its forms) an RSA key, as far as can be told without its passphrase? */
bool user_key_is_rsa(const char *pem);

#endif
