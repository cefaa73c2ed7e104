/* core/crypto/cms.c: see cms.h. */
#include "core/crypto/cms_private.h"

#include "core/base/memory.h"
#include "core/crypto/pem.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <strings.h>

const char *cms_kind_name(cms_kind kind) {
    static const char *const names[] = {"", "signed-data", "enveloped-data", "authEnveloped-data", "compressed-data"};
    return names[kind];
}

const char *cms_fault_name(cms_fault fault) {
    static const char *const names[] = {[CMS_FAULT_NONE] = "none",
        [CMS_FAULT_MALFORMED] = "malformed",
        [CMS_FAULT_KIND] = "unknown-kind",
        [CMS_FAULT_ALGORITHM] = "algorithm-refused",
        [CMS_FAULT_DECRYPTION] = "decryption-failed",
        [CMS_FAULT_DECOMPRESSION] = "decompression-failed",
        [CMS_FAULT_TOO_LARGE] = "too-large",
        [CMS_FAULT_SIGNER_COUNT] = "signer-count",
        [CMS_FAULT_SIGNER_UNKNOWN] = "signer-unknown",
        [CMS_FAULT_EXPIRED] = "certificate-expired",
        [CMS_FAULT_NOT_YET_VALID] = "certificate-not-yet-valid",
        [CMS_FAULT_ATTRIBUTES] = "signed-attributes-wrong",
        [CMS_FAULT_DIGEST] = "digest-mismatch",
        [CMS_FAULT_SIGNATURE] = "signature-wrong",
        [CMS_FAULT_SINK] = "content-refused"};
    return names[fault];
}

/* ---- digests */

struct digest_set {
    digest *of[DIGEST_KINDS];
};

digest_set *digest_set_new(unsigned kinds) {
    digest_set *set = xcalloc(1, sizeof *set);
    for (unsigned i = 0; i < DIGEST_KINDS; i++) {
        if (kinds & 1u << i) set->of[i] = digest_new((digest_kind)i);
    }
    return set;
}

void digest_set_update(digest_set *set, span bytes) {
    for (unsigned i = 0; i < DIGEST_KINDS; i++) {
        if (set->of[i]) digest_update(set->of[i], bytes);
    }
}

void digest_set_finish(digest_set *set, cms_digests *out) {
    *out = (cms_digests){0};
    for (unsigned i = 0; i < DIGEST_KINDS; i++) {
        if (!set->of[i]) continue;
        out->present |= 1u << i;
        out->len[i] = digest_finish(set->of[i], out->value[i]);
    }
    free(set);
}

void digest_set_free(digest_set *set) {
    if (!set) return;
    for (unsigned i = 0; i < DIGEST_KINDS; i++)
        digest_free(set->of[i]);
    free(set);
}

static const struct {
    digest_kind kind;
    const char *dashed, *plain;
} micalgs[] = {
    {DIGEST_SHA1, "sha1", "sha1"}, /* never with a dash: RFC 8551 §3.5.3.2 */
    {DIGEST_SHA256, "sha-256", "sha256"},
    {DIGEST_SHA384, "sha-384", "sha384"},
    {DIGEST_SHA512, "sha-512", "sha512"},
};

const char *digest_micalg(digest_kind kind, bool dashed) {
    return dashed ? micalgs[kind].dashed : micalgs[kind].plain;
}

bool digest_from_micalg(span name, digest_kind *kind) {
    char bare[16];
    size_t len = 0;
    name = span_trim(name);
    if (name.len >= 4 && strncasecmp(name.data, "rsa-", 4) == 0) name = span_make(name.data + 4, name.len - 4);
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        if (c == '-' || c == '_' || c == '"' || c == ' ') continue;
        if (len == sizeof bare) return false;
        bare[len++] = c;
    }
    /* "sha2_256": the family's number stands before the size. */
    if (len == 7 && strncasecmp(bare, "sha2", 4) == 0) {
        memmove(bare + 3, bare + 4, 3);
        len = 6;
    }
    for (size_t i = 0; i < DIGEST_KINDS; i++) {
        if (strlen(micalgs[i].plain) != len || strncasecmp(micalgs[i].plain, bare, len) != 0) continue;
        *kind = micalgs[i].kind;
        return true;
    }
    return false;
}

const EVP_MD *cms_digest_algorithm(digest_kind kind) {
    switch (kind) {
    case DIGEST_SHA1: return EVP_sha1();
    case DIGEST_SHA384: return EVP_sha384();
    case DIGEST_SHA512: return EVP_sha512();
    default: return EVP_sha256();
    }
}

bool cms_digest_kind(const X509_ALGOR *algorithm, digest_kind *kind) {
    static const struct {
        int nid;
        digest_kind kind;
    } known[] = {
        {NID_sha1, DIGEST_SHA1}, {NID_sha256, DIGEST_SHA256}, {NID_sha384, DIGEST_SHA384}, {NID_sha512, DIGEST_SHA512}};
    const ASN1_OBJECT *object = NULL;
    X509_ALGOR_get0(&object, NULL, NULL, algorithm);
    int nid = OBJ_obj2nid(object);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (known[i].nid != nid) continue;
        *kind = known[i].kind;
        return true;
    }
    return false;
}

/* ---- keys and certificates */

/* Caches what OpenSSL otherwise works out at first use. */
static void prepare(X509 *x509) {
    X509_check_purpose(x509, -1, 0);
}

error *cms_certificate_new(span pem, cms_certificate **out) {
    X509 *x509 = NULL;
    error *err = pem_read_certificate(pem, &x509);
    if (err) return err;
    prepare(x509);
    *out = xcalloc(1, sizeof **out);
    (*out)->x509 = x509;
    return NULL;
}

void cms_certificate_free(cms_certificate *certificate) {
    if (!certificate) return;
    X509_free(certificate->x509);
    free(certificate);
}

static int refuse_passphrase(char *room, int size, int writing, void *context) {
    (void)writing, (void)context;
    if (size > 0) room[0] = '\0';
    return -1;
}

static void read_chain(span pem, cms_identity *identity) {
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    X509 *x509 = NULL;
    if (!bio) abort();
    X509_free(PEM_read_bio_X509(bio, NULL, refuse_passphrase, NULL)); /* the identity's own */
    while (identity->chain_count < CMS_CHAIN_MAX && (x509 = PEM_read_bio_X509(bio, NULL, refuse_passphrase, NULL)))
        identity->chain[identity->chain_count++] = x509;
    BIO_free(bio);
    ERR_clear_error();
}

error *cms_identity_new(span certificate_pem, span key_pem, cms_identity **out) {
    cms_identity *identity = xcalloc(1, sizeof *identity);
    error *err = pem_read_certificate(certificate_pem, &identity->x509);
    if (!err) err = pem_read_key(key_pem, &identity->key);
    if (!err && X509_check_private_key(identity->x509, identity->key) != 1)
        err = pem_error(ERROR_INVALID, "the certificate does not belong to the private key");
    if (err) {
        cms_identity_free(identity);
        return err;
    }
    prepare(identity->x509);
    read_chain(certificate_pem, identity);
    *out = identity;
    return NULL;
}

void cms_identity_free(cms_identity *identity) {
    if (!identity) return;
    for (size_t i = 0; i < identity->chain_count; i++)
        X509_free(identity->chain[i]);
    X509_free(identity->x509);
    EVP_PKEY_free(identity->key);
    free(identity);
}
