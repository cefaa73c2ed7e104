/* core/crypto/pem.h: PEM texts and OpenSSL's objects; for the files of core/crypto only.
 */
#ifndef BANYAN_CRYPTO_PEM_H
#define BANYAN_CRYPTO_PEM_H

#include "core/base/error.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

/* The oldest entry of OpenSSL's error queue in words, the queue emptied: "no start line". */
must_check error *pem_error(error_code code, const char *what);

must_check error *pem_read_key(span pem, EVP_PKEY **key);
must_check error *pem_read_certificate(span pem, X509 **certificate); /* the first one */
must_check error *pem_write_key(EVP_PKEY *key, char **pem);
must_check error *pem_write_certificate(X509 *certificate, char **pem);

/* "EC P-256", "RSA 2048", "Ed25519". */
void pem_key_words(const EVP_PKEY *key, char words[32]);

/* Everything written to a memory BIO, as text from malloc; frees the BIO. */
char *pem_take_bio(BIO *bio);

#endif
