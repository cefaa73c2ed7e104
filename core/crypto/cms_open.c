/* core/crypto/cms_open.c: decrypts EnvelopedData and AuthEnvelopedData (RFC 5652 §6, RFC 5083, 5084).
 *
 * OpenSSL reads the recipients, takes the content key out and sets the cipher up; the bytes then pass through that
 * cipher in pieces. Without a content key decryption goes on with a random one and fails at the end like any other
 * (RFC 3218 §2.3): time and words are the same for a stranger, a forger and a broken message.
 */
#include "core/crypto/cms_ber.h"
#include "core/crypto/cms_layers.h"
#include "core/crypto/cms_private.h"

#include "core/base/memory.h"

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>

enum { PIECE = 64 * 1024, TAG_MIN = 12, TAG_MAX = 16, IV_MIN = 12, IV_MAX = 16 };

typedef struct cipher_rule {
    int nid;
    const char *name;
    int iv; /* bytes; 0 for GCM */
    bool legacy;
} cipher_rule;

static const cipher_rule ciphers[] = {
    {NID_aes_128_cbc, "AES-128-CBC", 16, false},
    {NID_aes_192_cbc, "AES-192-CBC", 16, false},
    {NID_aes_256_cbc, "AES-256-CBC", 16, false},
    {NID_aes_128_gcm, "AES-128-GCM", 0, false},
    {NID_aes_192_gcm, "AES-192-GCM", 0, false},
    {NID_aes_256_gcm, "AES-256-GCM", 0, false},
    {NID_des_ede3_cbc, "3DES-CBC", 8, true},
};

struct cms_opener {
    CMS_ContentInfo *cms;
    BIO *bio;
    EVP_CIPHER_CTX *context; /* belongs to the bio */
    cms_facts *facts;
    sink plain;
    uint64_t content_max;
    size_t tag_len; /* GCM; 0 for CBC */
    bool unlocked, broken;
    error *refused;     /* what the sink said, until decryption is known to be good */
    unsigned char *out; /* as large as the largest piece so far */
    size_t out_room;
    size_t out_used; /* as far as it has ever held plaintext */
};

static error *uniform(cms_facts *facts) {
    facts->fault = CMS_FAULT_DECRYPTION;
    ERR_clear_error();
    return error_new(ERROR_REJECTED, CMS_UNDECRYPTABLE);
}

static error *refuse_algorithm(cms_facts *facts, const char *what) {
    facts->fault = CMS_FAULT_ALGORITHM;
    ERR_clear_error();
    return error_new(ERROR_REJECTED, "%s", what);
}

/* GCMParameters: nonce OCTET STRING, icvlen INTEGER DEFAULT 12 (RFC 5084 §3.2). Checked before OpenSSL sees them. */
static bool gcm_parameters_right(const ASN1_STRING *value, size_t *tag_len) {
    span rest = span_make((const char *)ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
    unsigned char id;
    span inside, whole;
    if (!ber_next(&rest, &id, &inside, &whole) || id != BER_SEQUENCE || rest.len) return false;
    rest = inside;
    if (!ber_next(&rest, &id, &inside, &whole) || id != BER_OCTETS) return false;
    if (inside.len < IV_MIN || inside.len > IV_MAX) return false;
    *tag_len = TAG_MIN;
    if (rest.len == 0) return true;
    if (!ber_next(&rest, &id, &inside, &whole) || id != BER_INTEGER || inside.len != 1 || rest.len) return false;
    *tag_len = (unsigned char)inside.data[0];
    return *tag_len >= TAG_MIN && *tag_len <= TAG_MAX;
}

static error *check_cipher(
    const cms_walk *walk, const cms_read_options *options, cms_facts *facts, const cipher_rule **found, size_t *tag) {
    span der = cms_walk_algorithm(walk);
    const unsigned char *at = (const unsigned char *)der.data;
    X509_ALGOR *algorithm = d2i_X509_ALGOR(NULL, &at, (long)der.len);
    const ASN1_OBJECT *object = NULL;
    const void *value = NULL;
    int type = V_ASN1_UNDEF;
    const cipher_rule *rule = NULL;
    error *err = NULL;
    if (!algorithm) return refuse_algorithm(facts, "the encryption algorithm cannot be read");
    X509_ALGOR_get0(&object, &type, &value, algorithm);
    for (size_t i = 0; i < sizeof ciphers / sizeof *ciphers; i++) {
        if (ciphers[i].nid == OBJ_obj2nid(object)) rule = &ciphers[i];
    }
    bool gcm = rule && rule->iv == 0;
    if (!rule || gcm != (facts->kind == CMS_KIND_AUTH_ENVELOPED)) {
        err = refuse_algorithm(facts, "the encryption algorithm is not one that is allowed (AES in CBC or GCM)");
    } else if (rule->legacy && !options->allow_3des) {
        err = refuse_algorithm(facts, "3DES is not allowed here");
    } else if (gcm ? type != V_ASN1_SEQUENCE || !gcm_parameters_right(value, tag)
                   : type != V_ASN1_OCTET_STRING || ASN1_STRING_length(value) != rule->iv) {
        err = refuse_algorithm(facts, "the parameters of the encryption algorithm are not those it has");
    }
    X509_ALGOR_free(algorithm);
    *found = rule;
    return err;
}

/* RSAES-OAEP-params well formed and with a plain label, or absent where they may be (CM-07). */
static bool transport_right(const X509_ALGOR *algorithm, cms_facts *facts) {
    const ASN1_OBJECT *object = NULL;
    const void *value = NULL;
    int type = V_ASN1_UNDEF;
    X509_ALGOR_get0(&object, &type, &value, algorithm);
    int nid = OBJ_obj2nid(object);
    if (nid != NID_rsaEncryption && nid != NID_rsaesOaep) return false;
    snprintf(facts->key_transport, sizeof facts->key_transport, "%s", OBJ_nid2sn(nid));
    if (nid == NID_rsaEncryption) return true;
    if (type != V_ASN1_SEQUENCE) return false;
    const unsigned char *at = ASN1_STRING_get0_data(value);
    RSA_OAEP_PARAMS *params = d2i_RSA_OAEP_PARAMS(NULL, &at, ASN1_STRING_length(value));
    bool right = params != NULL;
    if (right && params->pSourceFunc) {
        X509_ALGOR_get0(&object, &type, &value, params->pSourceFunc);
        right = type == V_ASN1_OCTET_STRING;
    }
    RSA_OAEP_PARAMS_free(params);
    return right;
}

static bool unlock_transport(CMS_ContentInfo *cms, CMS_RecipientInfo *ri, const cms_identity *ours, cms_facts *facts) {
    X509_ALGOR *algorithm = NULL;
    if (CMS_RecipientInfo_ktri_cert_cmp(ri, ours->x509) != 0) return false;
    if (CMS_RecipientInfo_ktri_get0_algs(ri, NULL, NULL, &algorithm) != 1 || !transport_right(algorithm, facts))
        return false;
    EVP_PKEY_up_ref(ours->key);
    if (CMS_RecipientInfo_set0_pkey(ri, ours->key) != 1) {
        EVP_PKEY_free(ours->key);
        return false;
    }
    return CMS_RecipientInfo_decrypt(cms, ri) == 1;
}

static bool unlock_agreement(CMS_ContentInfo *cms, CMS_RecipientInfo *ri, const cms_identity *ours, cms_facts *facts) {
    STACK_OF(CMS_RecipientEncryptedKey) *keys = CMS_RecipientInfo_kari_get0_reks(ri);
    for (int i = 0; i < sk_CMS_RecipientEncryptedKey_num(keys); i++) {
        CMS_RecipientEncryptedKey *key = sk_CMS_RecipientEncryptedKey_value(keys, i);
        if (CMS_RecipientEncryptedKey_cert_cmp(key, ours->x509) != 0) continue;
        snprintf(facts->key_transport, sizeof facts->key_transport, "ECDH");
        if (CMS_RecipientInfo_kari_set0_pkey(ri, ours->key) != 1) return false;
        bool done = CMS_RecipientInfo_kari_decrypt(cms, ri, key) == 1;
        CMS_RecipientInfo_kari_set0_pkey(ri, NULL);
        if (done) return true;
    }
    return false;
}

/* Recipients by password or shared key are passed over without work (CM-09). */
static bool unlock(CMS_ContentInfo *cms, const cms_read_options *options, cms_facts *facts) {
    STACK_OF(CMS_RecipientInfo) *recipients = CMS_get0_RecipientInfos(cms);
    int count = recipients ? sk_CMS_RecipientInfo_num(recipients) : 0;
    facts->recipients = (unsigned)count;
    for (int i = 0; i < count; i++) {
        CMS_RecipientInfo *ri = sk_CMS_RecipientInfo_value(recipients, i);
        int type = CMS_RecipientInfo_type(ri);
        for (size_t k = 0; k < options->identity_count; k++) {
            const cms_identity *ours = options->identities[k];
            bool rsa = EVP_PKEY_is_a(ours->key, "RSA");
            bool done = type == CMS_RECIPINFO_TRANS && rsa    ? unlock_transport(cms, ri, ours, facts)
                        : type == CMS_RECIPINFO_AGREE && !rsa ? unlock_agreement(cms, ri, ours, facts)
                                                              : false;
            ERR_clear_error();
            if (!done) continue;
            facts->identity = k;
            return true;
        }
    }
    return false;
}

/* For what `piece` bytes become, and a block. */
static void make_room(cms_opener *opener, size_t piece) {
    size_t wanted = piece + EVP_MAX_BLOCK_LENGTH;
    if (wanted <= opener->out_room) return;
    if (opener->out_used) OPENSSL_cleanse(opener->out, opener->out_used);
    free(opener->out);
    opener->out = xmalloc(wanted);
    opener->out_room = wanted;
    opener->out_used = 0;
}

error *cms_opener_new(
    const cms_walk *walk, const cms_read_options *options, cms_facts *facts, const sink *plain, cms_opener **out) {
    const cipher_rule *rule = NULL;
    size_t tag_len = 0;
    ERR_clear_error();
    error *err = check_cipher(walk, options, facts, &rule, &tag_len);
    if (err || !rule) return err;
    snprintf(facts->cipher, sizeof facts->cipher, "%s", rule->name);

    buf der = BUF_MAX(2 * CMS_SKELETON_MAX);
    cms_walk_skeleton(walk, &der);
    const unsigned char *at = (const unsigned char *)buf_text(&der);
    CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &at, (long)der.len);
    buf_free(&der);
    if (!cms) return uniform(facts);

    cms_opener *opener = xcalloc(1, sizeof *opener);
    *opener = (cms_opener){.cms = cms, .facts = facts, .plain = *plain, .tag_len = tag_len};
    make_room(opener, 0); /* the end may bring a block although nothing else came */
    opener->content_max = options->content_max;
    opener->unlocked = unlock(cms, options, facts);
    BIO *nowhere = BIO_new(BIO_s_null());
    if (!nowhere) abort();
    opener->bio = CMS_dataInit(cms, nowhere);
    if (!opener->bio) BIO_free(nowhere);
    if (!opener->bio || BIO_get_cipher_ctx(opener->bio, &opener->context) != 1) {
        cms_opener_free(opener);
        return uniform(facts);
    }
    ERR_clear_error();
    *out = opener;
    return NULL;
}

static bool comes_at_once(error_code code) {
    return code == ERROR_LIMIT || code == ERROR_FULL || code == ERROR_IO || code == ERROR_INTERNAL;
}

static error *hand_out(cms_opener *opener, size_t len) {
    cms_facts *facts = opener->facts;
    if (len > opener->out_used) opener->out_used = len;
    if (len == 0 || !opener->unlocked || opener->refused) return NULL;
    facts->content_bytes += len;
    if (opener->content_max && facts->content_bytes > opener->content_max) {
        facts->fault = CMS_FAULT_TOO_LARGE;
        return error_new(ERROR_LIMIT, "the decrypted message is larger than allowed");
    }
    error *err = sink_write(&opener->plain, span_make((const char *)opener->out, len));
    if (!err) return NULL;
    if (comes_at_once(error_code_of(err))) {
        facts->fault = CMS_FAULT_SINK;
        return err;
    }
    opener->refused = err;
    return NULL;
}

error *cms_opener_write(cms_opener *opener, span piece) {
    error *err = NULL;
    while (!err && piece.len > 0) {
        int take = piece.len < PIECE ? (int)piece.len : PIECE, len = 0;
        make_room(opener, (size_t)take);
        if (EVP_CipherUpdate(opener->context, opener->out, &len, (const unsigned char *)piece.data, take) != 1)
            opener->broken = true;
        else
            err = hand_out(opener, (size_t)len);
        piece = span_make(piece.data + take, piece.len - (size_t)take);
    }
    return err;
}

static bool set_tag(cms_opener *opener, const cms_walk *walk) {
    span rest = cms_walk_tag(walk), tag, whole;
    unsigned char id, copy[TAG_MAX];
    if (!ber_next(&rest, &id, &tag, &whole) || id != BER_OCTETS || tag.len != opener->tag_len) return false;
    memcpy(copy, tag.data, tag.len);
    return EVP_CIPHER_CTX_ctrl(opener->context, EVP_CTRL_AEAD_SET_TAG, (int)tag.len, copy) == 1;
}

error *cms_opener_finish(cms_opener *opener, const cms_walk *walk) {
    int len = 0;
    bool right = !cms_walk_has_authenticated_attributes(walk); /* they would have to be known before the content */
    if (opener->tag_len) right = set_tag(opener, walk) && right;
    right = EVP_CipherFinal_ex(opener->context, opener->out, &len) == 1 && right;
    if (!right || opener->broken || !opener->unlocked || !cms_walk_has_content(walk)) return uniform(opener->facts);
    error *err = hand_out(opener, (size_t)len);
    if (!err && opener->refused) {
        opener->facts->fault = CMS_FAULT_SINK;
        err = opener->refused;
        opener->refused = NULL;
    }
    return err;
}

void cms_opener_free(cms_opener *opener) {
    if (!opener) return;
    BIO_free_all(opener->bio);
    CMS_ContentInfo_free(opener->cms);
    error_free(opener->refused);
    if (opener->out_used) OPENSSL_cleanse(opener->out, opener->out_used);
    free(opener->out);
    free(opener);
    ERR_clear_error();
}
