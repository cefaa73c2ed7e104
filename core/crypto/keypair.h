/* core/crypto/keypair.h: private keys and certificates as PEM texts: make, describe, hold against each other.
 *
 * Keys are unencrypted PKCS#8 PEM in memory; at rest they are sealed by secret.h. Only PEM goes in and out. Blocking
 * work of milliseconds (RSA keys: up to seconds): not for event loops.
 */
#ifndef BANYAN_CRYPTO_KEYPAIR_H
#define BANYAN_CRYPTO_KEYPAIR_H

#include "core/base/digest.h"
#include "core/base/error.h"

typedef enum key_kind { KEY_P256, KEY_RSA_2048, KEY_RSA_3072, KEY_RSA_4096 } key_kind;

/* "p256", "rsa2048", "rsa3072", "rsa4096"; false for another name. */
must_check bool key_kind_named(span name, key_kind *kind);

/* A new private key; *pem is to be freed, best by key_text_free. */
must_check error *key_new(key_kind kind, char **pem);

/* Overwrites before it frees; NULL is fine. */
void key_text_free(char *pem);

typedef struct certificate_request {
    const char *common_name;  /* of the subject, up to 64 characters */
    const char *organization; /* NULL: none */
    unsigned days;            /* of validity, from a day before now (clocks differ) */
    const char *const *hosts; /* names and addresses for TLS, NULL ends; NULL: for signing and encryption only */
} certificate_request;

/* A self-signed certificate for the key. */
must_check error *certificate_new(span key_pem, const certificate_request *request, char **pem);

/* What the first certificate of a PEM text says. */
typedef struct certificate_facts {
    char *subject, *issuer;            /* RFC 2253, UTF-8, control characters escaped */
    char *serial;                      /* hexadecimal, upper case */
    char *hosts;                       /* names and addresses it stands for, separated by blanks; "" */
    char *signature;                   /* "ecdsa-with-SHA256" */
    char fingerprint[DIGEST_HEX_SIZE]; /* SHA-256 of the DER form */
    char key[32];                      /* "EC P-256", "RSA 2048" */
    int64_t not_before_ms, not_after_ms;
    unsigned key_bits;
    bool self_signed, authority;
    size_t chain; /* certificates in the text */
} certificate_facts;

/* ERROR_INVALID when there is no certificate in the text. */
must_check error *certificate_read(span pem, certificate_facts *facts);
void certificate_facts_free(certificate_facts *facts);

/* NULL when the (first) certificate belongs to the key (CT-02). ERROR_INVALID says what is wrong: no key, no
 * certificate, a passphrase on the key, another key. */
must_check error *certificate_check_key(span certificate_pem, span key_pem);

/* The kind of a private key, as in certificate_facts.key; ERROR_INVALID when it cannot be used. */
must_check error *key_describe(span pem, char key[32]);

#endif
