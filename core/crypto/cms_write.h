/* core/crypto/cms_write.h: writes CMS messages in streams: signs, encrypts, compresses.
 *
 * Signing is two passes by nature: the caller digests the content while writing it, then asks for the small detached
 * signature. Encrypting and compressing are one pass into a sink: in indefinite lengths, or, when the length of what is
 * to come is told, in definite DER, which some partners insist on. Used in couriers; not thread-safe.
 */
#ifndef BANYAN_CRYPTO_CMS_WRITE_H
#define BANYAN_CRYPTO_CMS_WRITE_H

#include "core/base/buf.h"
#include "core/base/sink.h"
#include "core/crypto/cms.h"

enum { CMS_SIGNATURE_MAX = 128 * 1024 };
#define CMS_LENGTH_UNKNOWN UINT64_MAX

/* ---- sign */
typedef struct cms_sign_options {
    digest_kind digest;
    bool pss;                 /* RSASSA-PSS, salt as long as the digest, instead of PKCS #1 v1.5; RSA keys only */
    bool without_attributes;  /* some receivers refuse signed attributes */
    bool without_certificate; /* else the signer's, and with_chain those above it, travel along */
    bool with_chain;
    int64_t signing_time_ms; /* 0: now; only with attributes */
} cms_sign_options;

/* The detached signature, DER, over content of type data with these digests. Neither S/MIME capabilities nor the
 * algorithm protection of RFC 6211 are added: some receivers reject them. */
must_check error *cms_sign(
    const cms_identity *signer, const cms_digests *digests, const cms_sign_options *options, buf *der);

/* ---- encrypt */
typedef enum cms_cipher {
    CMS_AES_128_CBC,
    CMS_AES_192_CBC,
    CMS_AES_256_CBC,
    CMS_AES_128_GCM, /* GCM: AuthEnvelopedData */
    CMS_AES_192_GCM,
    CMS_AES_256_GCM,
    CMS_3DES_CBC /* for partners that have nothing else */
} cms_cipher;

/* "aes128-cbc", "aes256-gcm", "3des"; false for another name. */
must_check bool cms_cipher_named(span name, cms_cipher *cipher);
bool cms_cipher_is_authenticated(cms_cipher cipher); /* smime-type authEnveloped-data, else enveloped-data */

typedef struct cms_envelope_options {
    cms_cipher cipher;
    bool oaep;               /* RSAES-OAEP instead of PKCS #1 v1.5 key transport */
    digest_kind oaep_digest; /* of OAEP and of its mask function */
    bool by_key_identifier;  /* names recipients by SubjectKeyIdentifier instead of issuer and serial number */
    const cms_certificate *const *recipients; /* RSA or EC; EC keys by ECDH */
    size_t recipient_count;
    uint64_t content_bytes; /* CMS_LENGTH_UNKNOWN: indefinite lengths; else exactly so many will be written */
} cms_envelope_options;

typedef struct cms_envelope cms_envelope;

must_check error *cms_envelope_new(const cms_envelope_options *options, const sink *to, cms_envelope **out);
must_check error *cms_envelope_write(cms_envelope *envelope, span piece);
must_check error *cms_envelope_finish(cms_envelope *envelope);
void cms_envelope_free(cms_envelope *envelope); /* NULL is fine */

/* ---- compress */
typedef struct cms_compressor cms_compressor;

/* `compressed_bytes`: what cms_compressor_size said after an earlier pass over the same content at the same level, for
 * definite lengths; CMS_LENGTH_UNKNOWN for indefinite ones. level 1 to 9, or -1. */
must_check error *cms_compressor_new(int level, uint64_t compressed_bytes, const sink *to, cms_compressor **out);
must_check error *cms_compressor_write(cms_compressor *compressor, span piece);
must_check error *cms_compressor_finish(cms_compressor *compressor);
uint64_t cms_compressor_size(const cms_compressor *compressor); /* compressed content so far */
void cms_compressor_free(cms_compressor *compressor);           /* NULL is fine */

#endif
