/* core/crypto/cms_verify.c: one signer, known to us, and a signature over exactly these bytes (RFC 5652 §5.4, §5.6).
 *
 * The digest of the content has been computed while it passed. OpenSSL checks the signature value and re-encodes the
 * signed attributes; what the attributes must say is held against the digest here.
 */
#include "core/crypto/cms_layers.h"
#include "core/crypto/cms_private.h"

#include "core/base/memory.h"
#include "core/crypto/cms_ber.h"
#include "core/crypto/pem.h"
#include "core/crypto/secret.h"

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>

static error *fail(cms_facts *facts, cms_fault fault, error *err) {
    facts->fault = fault;
    ERR_clear_error();
    return err;
}

/* One element around what `inside` holds. */
static void wrap(unsigned char identifier, buf *inside) {
    unsigned char header[BER_HEADER_MAX];
    size_t len = ber_header(identifier, inside->len, header);
    buf whole = BUF_MAX(inside->maximum + BER_HEADER_MAX);
    buf_add(&whole, span_make((const char *)header, len));
    buf_add(&whole, buf_span(inside));
    buf_free(inside);
    *inside = whole;
}

/* The same structure without the certificates that travel in it: to read them costs OpenSSL more than the signature
 * does, and they only help to name a signer whom nobody knows. False when it is not in definite lengths. */
static bool leave_certificates_out(span der, buf *out) {
    unsigned char id;
    span content, whole, type, explicit, members, member;
    if (!ber_next(&der, &id, &content, &whole) || id != BER_SEQUENCE) return false;
    if (!ber_next(&content, &id, &member, &type) || id != BER_OID) return false;
    if (!ber_next(&content, &id, &explicit, &whole) || id != BER_CONTEXT_0_CONSTRUCTED) return false;
    if (!ber_next(&explicit, &id, &members, &whole) || id != BER_SEQUENCE) return false;
    while (members.len > 0) {
        if (!ber_next(&members, &id, &member, &whole)) return false;
        if (id != BER_CONTEXT_0_CONSTRUCTED) buf_add(out, whole);
    }
    wrap(BER_SEQUENCE, out);
    wrap(BER_CONTEXT_0_CONSTRUCTED, out);
    buf content_info = BUF_MAX(out->maximum);
    buf_add(&content_info, type);
    buf_add(&content_info, buf_span(out));
    buf_free(out);
    *out = content_info;
    wrap(BER_SEQUENCE, out);
    return !out->overflow;
}

/* `der` gets the bytes that were read. */
static CMS_ContentInfo *read_skeleton(const cms_walk *walk, bool with_certificates, buf *der) {
    buf less = BUF_MAX(2 * CMS_SKELETON_MAX);
    cms_walk_skeleton(walk, der);
    if (!with_certificates && leave_certificates_out(buf_span(der), &less)) {
        buf_free(der);
        *der = less;
        less = (buf){0};
    }
    const unsigned char *at = (const unsigned char *)buf_text(der);
    CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &at, (long)der->len);
    buf_free(&less);
    return cms;
}

/* Steps into the next element, which must have that identifier. */
static bool step_into(span *at, unsigned char identifier) {
    unsigned char id;
    span whole, inside;
    if (!ber_next(at, &id, &inside, &whole) || id != identifier) return false;
    *at = inside;
    return true;
}

/* The [0] of the only signer's attributes, as it stands in the message; empty when it is not found. */
static span attributes_as_they_stand(span der) {
    unsigned char id;
    span inside, whole, last = SPAN("");
    if (!step_into(&der, BER_SEQUENCE) || !ber_next(&der, &id, &inside, &whole)) return last;
    if (!step_into(&der, BER_CONTEXT_0_CONSTRUCTED) || !step_into(&der, BER_SEQUENCE)) return last;
    while (ber_next(&der, &id, &inside, &whole))
        last = inside; /* SignerInfos end SignedData */
    if (!step_into(&last, BER_SEQUENCE)) return SPAN("");
    while (ber_next(&last, &id, &inside, &whole))
        if (id == BER_CONTEXT_0_CONSTRUCTED) return whole;
    return SPAN("");
}

unsigned cms_announced_digests(const cms_walk *walk) {
    span set = cms_walk_digest_algorithms(walk);
    unsigned kinds = 0;
    digest_kind kind;
    if (set.len == 0) return 0;
    /* OpenSSL reads lists of algorithms as SEQUENCE OF; here stands the SET OF the same. */
    char *copy = xspandup(set);
    copy[0] = 0x30;
    const unsigned char *at = (const unsigned char *)copy;
    X509_ALGORS *algorithms = d2i_X509_ALGORS(NULL, &at, (long)set.len);
    for (int i = 0; i < sk_X509_ALGOR_num(algorithms); i++) {
        if (cms_digest_kind(sk_X509_ALGOR_value(algorithms, i), &kind)) kinds |= 1u << kind;
    }
    sk_X509_ALGOR_pop_free(algorithms, X509_ALGOR_free);
    free(copy);
    ERR_clear_error();
    return kinds;
}

static void describe_signer(CMS_SignerInfo *si, cms_facts *facts) {
    ASN1_OCTET_STRING *key_id = NULL;
    X509_NAME *issuer = NULL;
    ASN1_INTEGER *serial = NULL;
    BIO *bio = BIO_new(BIO_s_mem());
    if (!bio) abort();
    CMS_SignerInfo_get0_signer_id(si, &key_id, &issuer, &serial);
    if (issuer) {
        X509_NAME_print_ex(bio, issuer, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB);
        BIO_puts(bio, ", serial ");
        if (serial) i2a_ASN1_INTEGER(bio, serial);
    } else if (key_id) {
        BIO_puts(bio, "key identifier ");
        i2a_ASN1_STRING(bio, key_id, V_ASN1_OCTET_STRING);
    }
    char *words = pem_take_bio(bio);
    for (char *c = words; *c; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f) *c = ' ';
    }
    snprintf(facts->signer_words, sizeof facts->signer_words, "%s", words);
    free(words);
}

/* Which certificate came along for a signer that nobody knows. */
static void describe_embedded(const cms_walk *walk, cms_facts *facts) {
    buf der = BUF_MAX(2 * CMS_SKELETON_MAX);
    CMS_ContentInfo *cms = read_skeleton(walk, true, &der);
    STACK_OF(CMS_SignerInfo) *signers = cms ? CMS_get0_SignerInfos(cms) : NULL;
    CMS_SignerInfo *si = sk_CMS_SignerInfo_num(signers) == 1 ? sk_CMS_SignerInfo_value(signers, 0) : NULL;
    STACK_OF(X509) *embedded = si ? CMS_get1_certs(cms) : NULL;
    for (int i = 0; i < sk_X509_num(embedded); i++) {
        unsigned char sum[EVP_MAX_MD_SIZE];
        unsigned len = 0;
        if (CMS_SignerInfo_cert_cmp(si, sk_X509_value(embedded, i)) != 0) continue;
        if (X509_digest(sk_X509_value(embedded, i), EVP_sha256(), sum, &len) == 1)
            digest_hex(sum, facts->embedded_fingerprint);
        break;
    }
    sk_X509_pop_free(embedded, X509_free);
    CMS_ContentInfo_free(cms);
    buf_free(&der);
}

static void describe_algorithms(CMS_SignerInfo *si, const X509_ALGOR *signature, cms_facts *facts) {
    const ASN1_OBJECT *object = NULL;
    X509_ALGOR_get0(&object, NULL, NULL, signature);
    OBJ_obj2txt(facts->signature, sizeof facts->signature, object, 0);
    int at = CMS_signed_get_attr_by_NID(si, NID_pkcs9_signingTime, -1);
    X509_ATTRIBUTE *attribute = at >= 0 ? CMS_signed_get_attr(si, at) : NULL;
    const ASN1_TYPE *value = attribute ? X509_ATTRIBUTE_get0_type(attribute, 0) : NULL;
    struct tm when;
    bool is_time = value && (value->type == V_ASN1_UTCTIME || value->type == V_ASN1_GENERALIZEDTIME);
    if (is_time && ASN1_TIME_to_tm(value->value.asn1_string, &when) == 1)
        facts->signing_time_ms = (int64_t)timegm(&when) * 1000;
}

/* Exactly one contentType and one messageDigest, of one value each: -3 (RFC 5652 §11.1, §11.2). */
static error *check_attributes(
    CMS_ContentInfo *cms, CMS_SignerInfo *si, span sum, cms_facts *facts, const char *algorithm) {
    const ASN1_OBJECT *type = CMS_signed_get0_data_by_OBJ(si, OBJ_nid2obj(NID_pkcs9_contentType), -3, V_ASN1_OBJECT);
    const ASN1_OCTET_STRING *said =
        CMS_signed_get0_data_by_OBJ(si, OBJ_nid2obj(NID_pkcs9_messageDigest), -3, V_ASN1_OCTET_STRING);
    if (!type || !said)
        return fail(facts, CMS_FAULT_ATTRIBUTES,
            error_new(ERROR_REJECTED, "the signature does not have exactly one content type and one message digest"));
    if (OBJ_cmp(type, CMS_get0_eContentType(cms)) != 0)
        return fail(facts, CMS_FAULT_ATTRIBUTES,
            error_new(ERROR_REJECTED, "the signature was made for another type of content"));
    span bytes = span_make((const char *)ASN1_STRING_get0_data(said), (size_t)ASN1_STRING_length(said));
    if (secret_equal(bytes, sum)) return NULL;
    return fail(facts, CMS_FAULT_DIGEST,
        error_new(ERROR_REJECTED, "the content is not what was signed: its %s digest is another", algorithm));
}

/* A signature without signed attributes is over the digest of the content itself. */
static bool verify_bare(CMS_SignerInfo *si, EVP_PKEY *key, const X509_ALGOR *algorithm, digest_kind kind, span sum) {
    const ASN1_OCTET_STRING *value = CMS_SignerInfo_get0_signature(si);
    const ASN1_OBJECT *object = NULL;
    X509_ALGOR_get0(&object, NULL, NULL, algorithm);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    bool good = context && EVP_PKEY_verify_init(context) == 1 &&
                EVP_PKEY_CTX_set_signature_md(context, cms_digest_algorithm(kind)) == 1;
    if (good && OBJ_obj2nid(object) == NID_rsassaPss)
        good = EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_AUTO) == 1;
    good = good && EVP_PKEY_verify(context, ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value),
                       (const unsigned char *)sum.data, sum.len) == 1;
    EVP_PKEY_CTX_free(context);
    return good;
}

/* The signature is over the attributes as a SET (RFC 5652 §5.4). Nearly always they stand in the message as they were
 * signed, and to digest those bytes costs half of what OpenSSL's own way does, which encodes them anew and looks every
 * algorithm up by name; it is asked when they do not. */
static bool verify_attributes(span der, CMS_SignerInfo *si, const cms_certificate *known, EVP_PKEY *key,
    const X509_ALGOR *algorithm, digest_kind kind) {
    span attributes = attributes_as_they_stand(der);
    unsigned char value[DIGEST_BYTES_MAX];
    if (key && attributes.len > 1) {
        digest *d = digest_new(kind);
        digest_update(d, SPAN("\x31"));
        digest_update(d, span_make(attributes.data + 1, attributes.len - 1));
        size_t len = digest_finish(d, value);
        if (verify_bare(si, key, algorithm, kind, span_make((const char *)value, len))) return true;
        ERR_clear_error();
    }
    CMS_SignerInfo_set1_signer_cert(si, known->x509);
    return CMS_SignerInfo_verify(si) == 1;
}

static error *check_dates(X509 *x509, const cms_read_options *options, cms_facts *facts) {
    time_t now = (time_t)(options->now_ms / 1000);
    if (X509_cmp_time(X509_get0_notBefore(x509), &now) > 0)
        return fail(facts, CMS_FAULT_NOT_YET_VALID,
            error_new(ERROR_REJECTED, "the signer's certificate is not valid yet (%s)", facts->signer_words));
    facts->expired = X509_cmp_time(X509_get0_notAfter(x509), &now) < 0;
    if (!facts->expired || options->allow_expired) return NULL;
    return fail(facts, CMS_FAULT_EXPIRED,
        error_new(ERROR_REJECTED, "the signer's certificate has expired (%s)", facts->signer_words));
}

/* `der`: what `cms` was read from. */
static error *verify_signer(const cms_walk *walk, span der, CMS_ContentInfo *cms, CMS_SignerInfo *si,
    const cms_digests *digests, const cms_read_options *options, cms_facts *facts) {
    X509_ALGOR *digest_algorithm = NULL, *signature_algorithm = NULL;
    CMS_SignerInfo_get0_algs(si, NULL, NULL, &digest_algorithm, &signature_algorithm);
    describe_signer(si, facts);
    describe_algorithms(si, signature_algorithm, facts);
    facts->signed_attributes = CMS_signed_get_attr_count(si) > 0;
    if (!cms_digest_kind(digest_algorithm, &facts->digest))
        return fail(facts, CMS_FAULT_ALGORITHM,
            error_new(ERROR_REJECTED, "the signature uses a digest that is not allowed (only SHA-1 and SHA-2 are)"));
    if (!(digests->present & 1u << facts->digest))
        return error_new(
            ERROR_NOT_FOUND, "the signature needs a %s digest of the content", digest_micalg(facts->digest, true));

    const cms_certificate *known = NULL;
    for (size_t i = 0; i < options->signer_count && !known; i++) {
        if (CMS_SignerInfo_cert_cmp(si, options->signers[i]->x509) != 0) continue;
        known = options->signers[i];
        facts->signer = i;
    }
    if (!known) {
        describe_embedded(walk, facts);
        return fail(facts, CMS_FAULT_SIGNER_UNKNOWN,
            error_new(ERROR_REJECTED, "signed with a certificate that is not known here: %s", facts->signer_words));
    }

    span sum = span_make((const char *)digests->value[facts->digest], digests->len[facts->digest]);
    EVP_PKEY *key = X509_get0_pubkey(known->x509);
    bool good = false;
    error *err = NULL;
    facts->key_bits = key ? (unsigned)EVP_PKEY_get_bits(key) : 0;
    if (facts->signed_attributes) {
        good = verify_attributes(der, si, known, key, signature_algorithm, facts->digest);
        if (good) err = check_attributes(cms, si, sum, facts, digest_micalg(facts->digest, true));
    } else {
        /* Attributes may be left out only when the content is plain data (RFC 5652 §5.3). */
        good = key && OBJ_obj2nid(CMS_get0_eContentType(cms)) == NID_pkcs7_data &&
               verify_bare(si, key, signature_algorithm, facts->digest, sum);
    }
    if (!good)
        return fail(facts, CMS_FAULT_SIGNATURE,
            error_new(ERROR_REJECTED, "the signature does not belong to the certificate that is known for it (%s)",
                facts->signer_words));
    return err ? err : check_dates(known->x509, options, facts);
}

error *cms_verify(const cms_walk *walk, const cms_digests *digests, const cms_read_options *options, cms_facts *facts) {
    ERR_clear_error();
    facts->signer = SIZE_MAX;
    buf der = BUF_MAX(2 * CMS_SKELETON_MAX);
    CMS_ContentInfo *cms = read_skeleton(walk, false, &der);
    STACK_OF(CMS_SignerInfo) *signers = cms ? CMS_get0_SignerInfos(cms) : NULL;
    int count = signers ? sk_CMS_SignerInfo_num(signers) : 0;
    error *err;
    if (!cms)
        err = fail(facts, CMS_FAULT_MALFORMED, pem_error(ERROR_REJECTED, "the signature cannot be read"));
    else if (count != 1)
        err = fail(facts, CMS_FAULT_SIGNER_COUNT,
            error_new(ERROR_REJECTED, "a signature must have exactly one signer, this one has %d", count));
    else
        err = verify_signer(walk, buf_span(&der), cms, sk_CMS_SignerInfo_value(signers, 0), digests, options, facts);
    CMS_ContentInfo_free(cms);
    buf_free(&der);
    ERR_clear_error();
    return err;
}

/* ---- detached */

typedef struct detached {
    cms_walk *walk;
    cms_facts *facts;
} detached;

static error *on_begin(void *context) {
    const detached *d = context;
    d->facts->kind = cms_walk_kind(d->walk);
    if (d->facts->kind != CMS_KIND_SIGNED) {
        d->facts->fault = CMS_FAULT_KIND;
        return error_new(ERROR_REJECTED, "a signature was expected, not %s", cms_kind_name(d->facts->kind));
    }
    d->facts->has_content = cms_walk_has_content(d->walk);
    return d->facts->has_content ? error_new(ERROR_REJECTED, "a detached signature must not have content of its own")
                                 : NULL;
}

error *cms_verify_detached(
    span signature, const cms_digests *digests, const cms_read_options *options, cms_facts *facts) {
    detached d = {.facts = facts};
    cms_walk_handler handler = {.content_begins = on_begin, .context = &d};
    *facts = (cms_facts){.digests = *digests, .identity = SIZE_MAX, .signer = SIZE_MAX};
    d.walk = cms_walk_new(&handler);
    error *err = cms_walk_write(d.walk, signature);
    if (!err) err = cms_walk_finish(d.walk);
    if (err && facts->fault == CMS_FAULT_NONE)
        facts->fault = error_code_of(err) == ERROR_UNSUPPORTED ? CMS_FAULT_KIND : CMS_FAULT_MALFORMED;
    if (!err) err = cms_verify(d.walk, digests, options, facts);
    cms_walk_free(d.walk);
    return err;
}
