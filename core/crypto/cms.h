/* core/crypto/cms.h: what the readers and writers of CMS messages share: kinds, faults by name, digests of a stream,
 * keys and certificates.
 *
 * Keys and certificates are read once from PEM and then used for any number of messages; they belong to whoever made
 * them and must outlive the readers and writers they were given to. Not thread-safe; used in couriers.
 */
#ifndef BANYAN_CRYPTO_CMS_H
#define BANYAN_CRYPTO_CMS_H

#include "core/crypto/digest.h"

typedef enum cms_kind {
    CMS_KIND_NONE,
    CMS_KIND_SIGNED,
    CMS_KIND_ENVELOPED,
    CMS_KIND_AUTH_ENVELOPED,
    CMS_KIND_COMPRESSED
} cms_kind;

/* "signed-data", "enveloped-data", "authEnveloped-data", "compressed-data" (RFC 8551 §3.2.2); "" for none. */
const char *cms_kind_name(cms_kind kind);

/* Why a message was not taken. What an exchange answers to each is the exchange's table. */
typedef enum cms_fault {
    CMS_FAULT_NONE,
    CMS_FAULT_MALFORMED,      /* not the BER or the structure of a CMS message; over a limit of structure */
    CMS_FAULT_KIND,           /* another kind of message than the readers know */
    CMS_FAULT_ALGORITHM,      /* an algorithm that is not allowed */
    CMS_FAULT_DECRYPTION,     /* not for us, wrong key, padding, tag: one fault for all of them */
    CMS_FAULT_DECOMPRESSION,  /* the compressed bytes are wrong */
    CMS_FAULT_TOO_LARGE,      /* over the size limit, or inflating beyond reason */
    CMS_FAULT_SIGNER_COUNT,   /* not exactly one signer */
    CMS_FAULT_SIGNER_UNKNOWN, /* signed, but with none of the certificates we know */
    CMS_FAULT_EXPIRED,        /* the signer's certificate has expired */
    CMS_FAULT_NOT_YET_VALID,  /* the signer's certificate is not valid yet */
    CMS_FAULT_ATTRIBUTES,     /* the signed attributes do not say what they must */
    CMS_FAULT_DIGEST,         /* the content is not what was signed */
    CMS_FAULT_SIGNATURE,      /* the signature is wrong */
    CMS_FAULT_SINK            /* whoever took the content refused it */
} cms_fault;

/* A stable name: "decryption-failed", "digest-mismatch". */
const char *cms_fault_name(cms_fault fault);

/* ---- digests of one stream with several algorithms at once */

enum { DIGEST_KINDS = 4, DIGEST_ALL = (1 << DIGEST_KINDS) - 1 };

typedef struct cms_digests {
    unsigned present; /* bits 1 << digest_kind */
    size_t len[DIGEST_KINDS];
    unsigned char value[DIGEST_KINDS][DIGEST_BYTES_MAX];
} cms_digests;

typedef struct digest_set digest_set;

digest_set *digest_set_new(unsigned kinds); /* bits 1 << digest_kind */
void digest_set_update(digest_set *set, span bytes);
void digest_set_finish(digest_set *set, cms_digests *out); /* frees the set */
void digest_set_free(digest_set *set);                     /* without a result; NULL is fine */

/* The micalg of RFC 8551 §3.5.3.2: "sha1", "sha-256", "sha-384", "sha-512"; when not `dashed` "sha256" and so on. */
const char *digest_micalg(digest_kind kind, bool dashed);

/* Reads any spelling that peers use: "SHA1", "sha-1", "rsa-sha256", "sha2_256", "\"sha-512\"". */
must_check bool digest_from_micalg(span name, digest_kind *kind);

/* ---- keys and certificates */

typedef struct cms_certificate cms_certificate;
typedef struct cms_identity cms_identity;

must_check error *cms_certificate_new(span pem, cms_certificate **out); /* the first certificate of the text */
void cms_certificate_free(cms_certificate *certificate);                /* NULL is fine */

/* A certificate with its private key; further certificates of the text are its chain, which signatures may carry. */
must_check error *cms_identity_new(span certificate_pem, span key_pem, cms_identity **out);
void cms_identity_free(cms_identity *identity); /* NULL is fine */

#endif
