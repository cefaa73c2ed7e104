/* core/crypto/ssh_key.h: user keys for SFTP: private texts that libssh2 takes from memory, and public lines for the
 * other side's authorized_keys.
 *
 * Ed25519 keys are written in OpenSSH's own format, P-256 keys as PKCS#8 PEM. RSA keys are only described: libssh2
 * 1.10 can sign with SHA-1 alone, which servers since OpenSSH 8.8 refuse.
 */
#ifndef BANYAN_CRYPTO_SSH_KEY_H
#define BANYAN_CRYPTO_SSH_KEY_H

#include "core/base/error.h"

typedef enum ssh_key_kind { SSH_KEY_ED25519, SSH_KEY_P256 } ssh_key_kind;

enum { SSH_FINGERPRINT_SIZE = 64 };

/* A new private key, to be freed by key_text_free. The comment is kept in Ed25519 keys only. */
must_check error *ssh_key_new(ssh_key_kind kind, const char *comment, char **private_text);

/* "ssh-ed25519 AAAA... comment" of a private key in PEM or OpenSSH format; the public part needs no passphrase in the
 * latter. NULL or "" leaves the comment out. */
must_check error *ssh_key_public_line(span private_text, const char *comment, char **line);

/* "SHA256:..." as ssh-keygen -l shows it, of a public line or of a bare key blob in base64. */
must_check error *ssh_key_fingerprint(span public_line, char fingerprint[SSH_FINGERPRINT_SIZE]);

#endif
