/* core/crypto/cms_envelope.c: the encrypting writer of cms_write.h (RFC 5652 §6, RFC 5083).
 *
 * OpenSSL makes the keys, the recipients and the cipher; its structure without content is then written around the
 * bytes that pass through that cipher.
 */
#include "core/crypto/cms_write.h"

#include "core/base/memory.h"
#include "core/crypto/cms_ber.h"
#include "core/crypto/cms_private.h"
#include "core/crypto/pem.h"

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <strings.h>

enum { PIECE = 64 * 1024, TAG_BYTES = 16, HEAD_MAX = 256 * 1024, OUT_BYTES = 2 * PIECE + EVP_MAX_BLOCK_LENGTH };

static const struct {
    const char *name;
    const EVP_CIPHER *(*algorithm)(void);
    size_t block; /* 0: authenticated */
} ciphers[] = {
    [CMS_AES_128_CBC] = {"aes128-cbc", EVP_aes_128_cbc, 16},
    [CMS_AES_192_CBC] = {"aes192-cbc", EVP_aes_192_cbc, 16},
    [CMS_AES_256_CBC] = {"aes256-cbc", EVP_aes_256_cbc, 16},
    [CMS_AES_128_GCM] = {"aes128-gcm", EVP_aes_128_gcm, 0},
    [CMS_AES_192_GCM] = {"aes192-gcm", EVP_aes_192_gcm, 0},
    [CMS_AES_256_GCM] = {"aes256-gcm", EVP_aes_256_gcm, 0},
    [CMS_3DES_CBC] = {"3des", EVP_des_ede3_cbc, 8},
};

struct cms_envelope {
    cms_envelope_options options;
    sink to;
    CMS_ContentInfo *cms;
    BIO *bio;
    EVP_CIPHER_CTX *context; /* belongs to the bio */
    uint64_t written;
    size_t held;        /* ciphertext in `out` not handed on */
    unsigned char *out; /* OUT_BYTES, or as much as there will be */
};

bool cms_cipher_named(span name, cms_cipher *cipher) {
    for (size_t i = 0; i < sizeof ciphers / sizeof *ciphers; i++) {
        if (!span_is(name, ciphers[i].name)) continue;
        *cipher = (cms_cipher)i;
        return true;
    }
    return false;
}

bool cms_cipher_is_authenticated(cms_cipher cipher) {
    return ciphers[cipher].block == 0;
}

static bool is_definite(const cms_envelope *envelope) {
    return envelope->options.content_bytes != CMS_LENGTH_UNKNOWN;
}

static bool add_recipient(CMS_ContentInfo *cms, X509 *x509, const cms_envelope_options *options) {
    EVP_PKEY *key = X509_get0_pubkey(x509);
    bool oaep = options->oaep && key && EVP_PKEY_is_a(key, "RSA");
    unsigned flags = (oaep ? CMS_KEY_PARAM : 0) | (options->by_key_identifier ? CMS_USE_KEYID : 0);
    CMS_RecipientInfo *ri = CMS_add1_recipient_cert(cms, x509, flags);
    if (!ri || !oaep) return ri != NULL;
    EVP_PKEY_CTX *context = CMS_RecipientInfo_get0_pkey_ctx(ri);
    const EVP_MD *algorithm = cms_digest_algorithm(options->oaep_digest);
    return context && EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_oaep_md(context, algorithm) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(context, algorithm) == 1;
}

static error *start_cipher(cms_envelope *envelope) {
    const cms_envelope_options *options = &envelope->options;
    const EVP_CIPHER *algorithm = ciphers[options->cipher].algorithm();
    bool authenticated = cms_cipher_is_authenticated(options->cipher);
    ERR_clear_error();
    envelope->cms = authenticated ? CMS_AuthEnvelopedData_create(algorithm) : CMS_EnvelopedData_create(algorithm);
    for (size_t i = 0; envelope->cms && i < options->recipient_count; i++) {
        if (!add_recipient(envelope->cms, options->recipients[i]->x509, options))
            return pem_error(ERROR_INVALID, "a recipient's certificate cannot be used to encrypt");
    }
    BIO *nowhere = BIO_new(BIO_s_null());
    if (!nowhere) abort();
    envelope->bio = envelope->cms ? CMS_dataInit(envelope->cms, nowhere) : NULL;
    if (!envelope->bio) BIO_free(nowhere);
    if (!envelope->bio || BIO_get_cipher_ctx(envelope->bio, &envelope->context) != 1)
        return pem_error(ERROR_INVALID, "the message cannot be encrypted");
    return NULL;
}

/* The structure without content, taken apart: the type, the members before the encrypted content's information, and
 * the type and algorithm inside that. */
typedef struct skeleton {
    span type, before, info;
} skeleton;

static bool take_apart(span der, skeleton *out) {
    unsigned char id;
    span content, whole, members, first;
    if (!ber_next(&der, &id, &content, &whole) || id != BER_SEQUENCE) return false;
    if (!ber_next(&content, &id, &first, &out->type) || id != BER_OID) return false;
    if (!ber_next(&content, &id, &first, &whole) || !ber_next(&first, &id, &members, &whole)) return false;
    const char *start = members.data;
    while (ber_next(&members, &id, &out->info, &whole)) {
        if (id != BER_SEQUENCE) continue;
        out->before = span_make(start, (size_t)(whole.data - start));
        /* CMS_EncryptedContentInfo may stand with an empty [0]: only type and algorithm are kept. */
        span rest = out->info, type, algorithm;
        if (!ber_next(&rest, &id, &first, &type) || !ber_next(&rest, &id, &first, &algorithm)) return false;
        out->info = span_make(out->info.data, type.len + algorithm.len);
        return true;
    }
    return false;
}

static size_t header_size(uint64_t length) {
    unsigned char room[BER_HEADER_MAX];
    return ber_header(0, length, room);
}

static void add_header(buf *b, unsigned char identifier, uint64_t length) {
    unsigned char room[BER_HEADER_MAX];
    size_t len = ber_header(identifier, length, room);
    buf_add(b, span_make((const char *)room, len));
}

/* Everything before the ciphertext, in definite lengths. */
static void write_definite(const cms_envelope *envelope, const skeleton *s, buf *head) {
    size_t block = ciphers[envelope->options.cipher].block;
    uint64_t plain = envelope->options.content_bytes;
    uint64_t cipher = block ? (plain / block + 1) * block : plain;
    uint64_t info = s->info.len + header_size(cipher) + cipher;
    uint64_t body = s->before.len + header_size(info) + info + (block ? 0 : 2 + TAG_BYTES);
    uint64_t explicit = header_size(body) + body;
    add_header(head, BER_SEQUENCE, s->type.len + header_size(explicit) + explicit);
    buf_add(head, s->type);
    add_header(head, BER_CONTEXT_0_CONSTRUCTED, explicit);
    add_header(head, BER_SEQUENCE, body);
    buf_add(head, s->before);
    add_header(head, BER_SEQUENCE, info);
    buf_add(head, s->info);
    add_header(head, BER_CONTEXT_0, cipher);
}

static void write_indefinite(const skeleton *s, buf *head) {
    buf_add(head, SPAN("\x30\x80"));
    buf_add(head, s->type);
    buf_add(head, SPAN("\xa0\x80\x30\x80"));
    buf_add(head, s->before);
    buf_add(head, SPAN("\x30\x80"));
    buf_add(head, s->info);
    buf_add(head, SPAN("\xa0\x80"));
}

static error *write_head(cms_envelope *envelope) {
    unsigned char *bytes = NULL;
    int len = i2d_CMS_ContentInfo(envelope->cms, &bytes);
    buf head = BUF_MAX(HEAD_MAX);
    skeleton parts = {0};
    error *err = NULL;
    if (len <= 0 || !take_apart(span_make((const char *)bytes, (size_t)len), &parts)) {
        err = pem_error(ERROR_INTERNAL, "the encrypted message's structure cannot be written");
    } else {
        is_definite(envelope) ? write_definite(envelope, &parts, &head) : write_indefinite(&parts, &head);
        err = buf_check(&head, "the structure of an encrypted message");
    }
    if (!err) err = sink_write(&envelope->to, buf_span(&head));
    buf_free(&head);
    OPENSSL_free(bytes);
    return err;
}

error *cms_envelope_new(const cms_envelope_options *options, const sink *to, cms_envelope **out) {
    if (options->recipient_count == 0) return error_new(ERROR_INVALID, "an encrypted message needs a recipient");
    cms_envelope *envelope = xcalloc(1, sizeof *envelope);
    envelope->options = *options;
    envelope->to = *to;
    bool little = is_definite(envelope) && options->content_bytes < PIECE;
    envelope->out = xmalloc(little ? (size_t)options->content_bytes + EVP_MAX_BLOCK_LENGTH : OUT_BYTES);
    error *err = start_cipher(envelope);
    if (!err) err = write_head(envelope);
    if (err) {
        cms_envelope_free(envelope);
        return err;
    }
    ERR_clear_error();
    *out = envelope;
    return NULL;
}

static error *hand_on(cms_envelope *envelope) {
    unsigned char header[BER_HEADER_MAX];
    error *err = NULL;
    if (envelope->held == 0) return NULL;
    if (!is_definite(envelope)) {
        size_t len = ber_header(BER_OCTETS, envelope->held, header);
        err = sink_write(&envelope->to, span_make((const char *)header, len));
    }
    if (!err) err = sink_write(&envelope->to, span_make((const char *)envelope->out, envelope->held));
    envelope->held = 0;
    return err;
}

error *cms_envelope_write(cms_envelope *envelope, span piece) {
    error *err = NULL;
    envelope->written += piece.len;
    if (is_definite(envelope) && envelope->written > envelope->options.content_bytes)
        return error_new(ERROR_INTERNAL, "more is encrypted than was announced");
    while (!err && piece.len > 0) {
        int take = piece.len < PIECE ? (int)piece.len : PIECE, len = 0;
        const unsigned char *plain = (const unsigned char *)piece.data;
        if (EVP_CipherUpdate(envelope->context, envelope->out + envelope->held, &len, plain, take) != 1)
            return pem_error(ERROR_INTERNAL, "the message cannot be encrypted");
        envelope->held += (size_t)len;
        if (envelope->held >= PIECE) err = hand_on(envelope);
        piece = span_make(piece.data + take, piece.len - (size_t)take);
    }
    return err;
}

error *cms_envelope_finish(cms_envelope *envelope) {
    unsigned char tag[2 + TAG_BYTES] = {BER_OCTETS, TAG_BYTES};
    bool authenticated = cms_cipher_is_authenticated(envelope->options.cipher);
    int len = 0;
    if (is_definite(envelope) && envelope->written != envelope->options.content_bytes)
        return error_new(ERROR_INTERNAL, "less is encrypted than was announced");
    bool done = EVP_CipherFinal_ex(envelope->context, envelope->out + envelope->held, &len) == 1;
    if (done && authenticated)
        done = EVP_CIPHER_CTX_ctrl(envelope->context, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, tag + 2) == 1;
    if (!done) return pem_error(ERROR_INTERNAL, "the message cannot be encrypted");
    envelope->held += (size_t)len;
    error *err = hand_on(envelope);
    /* [0] and the information end; the tag; body, [0] and ContentInfo end. */
    if (!err && !is_definite(envelope)) err = sink_write(&envelope->to, SPAN("\0\0\0\0"));
    if (!err && authenticated) err = sink_write(&envelope->to, span_make((const char *)tag, sizeof tag));
    if (!err && !is_definite(envelope)) err = sink_write(&envelope->to, SPAN("\0\0\0\0\0\0"));
    return err;
}

void cms_envelope_free(cms_envelope *envelope) {
    if (!envelope) return;
    BIO_free_all(envelope->bio);
    CMS_ContentInfo_free(envelope->cms);
    free(envelope->out); /* never held anything but ciphertext */
    free(envelope);
    ERR_clear_error();
}
