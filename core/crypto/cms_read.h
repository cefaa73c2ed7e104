/* core/crypto/cms_read.h: reads CMS messages in streams: decrypts, inflates, verifies (RFC 5652, 5083, 3274).
 *
 * What kind of message it is says the message itself, never a MIME parameter. One reader peels one layer: its content
 * is written to a sink, which may be the next layer's parser. Nothing is kept but the structures around the content.
 * What went out is provisional until cms_reader_finish has said yes: tags, padding, digests and signatures stand at the
 * end. Used in couriers; not thread-safe.
 */
#ifndef BANYAN_CRYPTO_CMS_READ_H
#define BANYAN_CRYPTO_CMS_READ_H

#include "core/base/sink.h"
#include "core/crypto/cms.h"

/* The one text of every failure to decrypt. */
#define CMS_UNDECRYPTABLE "the message cannot be decrypted"

enum { CMS_WORD = 32, CMS_SIGNER_WORDS = 200 };

typedef struct cms_read_options {
    const cms_identity *const *identities; /* ours, to decrypt with: the current one and those before */
    size_t identity_count;
    const cms_certificate *const *signers; /* whose signatures are good: certificates inside a message only help to
                                              name who signed */
    size_t signer_count;
    int64_t now_ms;       /* when the signer's certificate must be valid */
    bool allow_expired;   /* takes signatures of expired certificates; facts.expired tells */
    bool allow_3des;      /* 3DES content encryption */
    uint64_t content_max; /* bytes of content, 0: no limit; for compressed data of what it inflates to */
    sink content;
} cms_read_options;

typedef struct cms_facts {
    cms_kind kind;
    cms_fault fault;
    uint64_t content_bytes;
    /* enveloped */
    char cipher[CMS_WORD];        /* "AES-256-CBC" */
    char key_transport[CMS_WORD]; /* "rsaEncryption", "RSAES-OAEP", "ECDH"; of the recipient that is us */
    unsigned recipients;
    size_t identity; /* index of ours; SIZE_MAX: none */
    /* signed */
    char signature[CMS_WORD]; /* "rsaEncryption", "rsassaPss", "ecdsa-with-SHA256", as the message names it */
    digest_kind digest;
    unsigned key_bits;
    size_t signer; /* index of the known certificate; SIZE_MAX: none */
    bool expired, signed_attributes, has_content;
    int64_t signing_time_ms;             /* 0: not said */
    char signer_words[CMS_SIGNER_WORDS]; /* issuer and serial number or key identifier, as the message names it */
    char embedded_fingerprint[DIGEST_HEX_SIZE]; /* of an unknown signer: SHA-256 of the certificate inside; "": none */
    cms_digests digests;                        /* of the signed content, as far as computed */
    bool base64_inside; /* compressed data that was base64 inside its octet string (some peers do) */
} cms_facts;

typedef struct cms_reader cms_reader;

/* The options are copied, what they point to is borrowed. */
cms_reader *cms_reader_new(const cms_read_options *options);

/* Errors that may depend on the plaintext are kept until the end, so that a forger learns nothing from when they come;
 * errors of the sink about space, size and files come at once. After an error only the facts may be asked. */
must_check error *cms_reader_write(cms_reader *reader, span piece);

/* NULL: the layer is good, all of its content has been written. Else facts.fault says what is wrong. A signature
 * without content is a fault here; see cms_verify_detached. */
must_check error *cms_reader_finish(cms_reader *reader);

const cms_facts *cms_reader_facts(const cms_reader *reader); /* lives as long as the reader */
void cms_reader_free(cms_reader *reader);                    /* NULL is fine */

/* Verifies a detached signature (the second part of multipart/signed) over content whose digests are given. When the
 * digest that the signature needs is not among them: ERROR_NOT_FOUND and facts.digest names it. Only the signer options
 * are used. */
must_check error *cms_verify_detached(
    span signature, const cms_digests *digests, const cms_read_options *options, cms_facts *facts);

#endif
