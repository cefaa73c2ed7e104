/* core/crypto/cms_sign.c: the detached signature of cms_write.h (RFC 5652 §5). */
#include "core/crypto/cms_write.h"

#include "core/base/memory.h"
#include "core/crypto/cms_private.h"
#include "core/crypto/pem.h"

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <stdlib.h>

/* A structure of OpenSSL's as the parameter of an algorithm; takes `der`, of `len` bytes, which may be <= 0. */
static bool set_parameter(X509_ALGOR *algorithm, int nid, unsigned char *der, int len) {
    ASN1_STRING *text = len > 0 ? ASN1_STRING_new() : NULL;
    if (text) ASN1_STRING_set0(text, der, len);
    if (text && X509_ALGOR_set0(algorithm, OBJ_nid2obj(nid), V_ASN1_SEQUENCE, text) == 1) return true;
    ASN1_STRING_free(text);
    return false;
}

/* OpenSSL 3.0 names the algorithm of a PSS signature only while it reads the content itself; here that has gone by
 * already. Salt as long as the digest, the same digest in the mask (RFC 4056 §3, RFC 4055 §3.1). */
static bool name_pss(X509_ALGOR *signature, const EVP_MD *algorithm) {
    RSA_PSS_PARAMS *params = RSA_PSS_PARAMS_new();
    unsigned char *hash = NULL, *der = NULL;
    bool done = params && (params->hashAlgorithm = X509_ALGOR_new()) && (params->maskGenAlgorithm = X509_ALGOR_new()) &&
                (params->saltLength = ASN1_INTEGER_new()) &&
                ASN1_INTEGER_set(params->saltLength, EVP_MD_get_size(algorithm)) == 1;
    if (done) {
        X509_ALGOR_set_md(params->hashAlgorithm, algorithm);
        int len = i2d_X509_ALGOR(params->hashAlgorithm, &hash);
        done = set_parameter(params->maskGenAlgorithm, NID_mgf1, hash, len);
    }
    if (done) {
        int len = i2d_RSA_PSS_PARAMS(params, &der);
        done = set_parameter(signature, NID_rsassaPss, der, len);
    }
    RSA_PSS_PARAMS_free(params);
    return done;
}

static bool set_pss(CMS_SignerInfo *si, const EVP_MD *algorithm) {
    EVP_PKEY_CTX *context = CMS_SignerInfo_get0_pkey_ctx(si);
    X509_ALGOR *signature = NULL;
    CMS_SignerInfo_get0_algs(si, NULL, NULL, NULL, &signature);
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1 && name_pss(signature, algorithm);
}

static bool add_signing_time(CMS_SignerInfo *si, int64_t wall_ms) {
    if (wall_ms == 0) return true; /* OpenSSL adds the present */
    ASN1_TIME *when = ASN1_TIME_set(NULL, (time_t)(wall_ms / 1000));
    bool done = when && CMS_signed_add1_attr_by_NID(si, NID_pkcs9_signingTime, when->type, when, -1) == 1;
    ASN1_TIME_free(when);
    return done;
}

static bool sign_attributes(CMS_SignerInfo *si, span sum, const cms_sign_options *options) {
    return CMS_signed_add1_attr_by_NID(si, NID_pkcs9_contentType, V_ASN1_OBJECT, OBJ_nid2obj(NID_pkcs7_data), -1) ==
               1 &&
           CMS_signed_add1_attr_by_NID(si, NID_pkcs9_messageDigest, V_ASN1_OCTET_STRING, sum.data, (int)sum.len) == 1 &&
           add_signing_time(si, options->signing_time_ms) && CMS_SignerInfo_sign(si) == 1;
}

/* Without attributes the signature is over the digest itself. OpenSSL would do that only while it reads the content;
 * here it has gone by already. */
static bool sign_digest(CMS_SignerInfo *si, EVP_PKEY *key, span sum, digest_kind kind) {
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    unsigned char *value = NULL;
    size_t len = 0;
    bool done = context && EVP_PKEY_sign_init(context) == 1 &&
                EVP_PKEY_CTX_set_signature_md(context, cms_digest_algorithm(kind)) == 1 &&
                EVP_PKEY_sign(context, NULL, &len, (const unsigned char *)sum.data, sum.len) == 1;
    if (done) {
        value = xmalloc(len);
        done = EVP_PKEY_sign(context, value, &len, (const unsigned char *)sum.data, sum.len) == 1 &&
               ASN1_STRING_set(CMS_SignerInfo_get0_signature(si), value, (int)len) == 1;
    }
    free(value);
    EVP_PKEY_CTX_free(context);
    return done;
}

static bool add_certificates(CMS_ContentInfo *cms, const cms_identity *signer, const cms_sign_options *options) {
    if (options->without_certificate || !options->with_chain) return true;
    for (size_t i = 0; i < signer->chain_count; i++) {
        if (CMS_add1_cert(cms, signer->chain[i]) != 1) return false;
    }
    return true;
}

static error *write_der(CMS_ContentInfo *cms, buf *der) {
    unsigned char *bytes = NULL;
    int len = i2d_CMS_ContentInfo(cms, &bytes);
    if (len <= 0) return pem_error(ERROR_INTERNAL, "the signature cannot be written");
    buf_add(der, span_make((const char *)bytes, (size_t)len));
    OPENSSL_free(bytes);
    return buf_check(der, "the signature");
}

error *cms_sign(const cms_identity *signer, const cms_digests *digests, const cms_sign_options *options, buf *der) {
    if (!(digests->present & 1u << options->digest))
        return error_new(ERROR_INTERNAL, "the content was not digested with %s", digest_micalg(options->digest, true));
    bool rsa = EVP_PKEY_is_a(signer->key, "RSA");
    if (options->pss && !rsa) return error_new(ERROR_INVALID, "PSS signatures need an RSA key");
    if (options->pss && options->without_attributes)
        return error_new(ERROR_UNSUPPORTED, "PSS signatures are made with signed attributes only");

    span sum = span_make((const char *)digests->value[options->digest], digests->len[options->digest]);
    unsigned flags = CMS_PARTIAL | CMS_DETACHED | CMS_BINARY | CMS_NOSMIMECAP;
    if (options->pss) flags |= CMS_KEY_PARAM;
    if (options->without_attributes) flags |= CMS_NOATTR;
    if (options->without_certificate) flags |= CMS_NOCERTS;
    ERR_clear_error();
    CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, NULL, CMS_PARTIAL | CMS_DETACHED | CMS_BINARY);
    const EVP_MD *algorithm = cms_digest_algorithm(options->digest);
    CMS_SignerInfo *si = cms ? CMS_add1_signer(cms, signer->x509, signer->key, algorithm, flags) : NULL;
    bool done = si && (!options->pss || set_pss(si, algorithm)) &&
                (options->without_attributes ? sign_digest(si, signer->key, sum, options->digest)
                                             : sign_attributes(si, sum, options)) &&
                add_certificates(cms, signer, options);
    error *err = done ? write_der(cms, der) : pem_error(ERROR_INTERNAL, "the message cannot be signed");
    CMS_ContentInfo_free(cms);
    ERR_clear_error();
    return err;
}
