/* core/crypto/jwk.c: see jwk.h; keys and signatures by OpenSSL. */
#include "core/crypto/jwk.h"

#include "core/base/base64.h"
#include "core/base/json.h"
#include "core/base/memory.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <stdlib.h>

enum { RSA_BITS_LEAST = 2048, RSA_BITS_MOST = 8192, NUMBER_BYTES_MAX = 2048, POINT_BYTES_MAX = 160 };

typedef struct algorithm {
    const char *name;
    const char *kind;   /* kty */
    const char *curve;  /* crv; NULL: any of the kind */
    const char *digest; /* NULL: the algorithm's own */
    bool pss;
    size_t half; /* ECDSA: bytes of each of the two numbers */
} algorithm;

static const algorithm algorithms[] = {
    {"RS256", "RSA", NULL, "SHA256", false, 0}, {"RS384", "RSA", NULL, "SHA384", false, 0},
    {"RS512", "RSA", NULL, "SHA512", false, 0}, {"PS256", "RSA", NULL, "SHA256", true, 0},
    {"PS384", "RSA", NULL, "SHA384", true, 0}, {"PS512", "RSA", NULL, "SHA512", true, 0},
    {"ES256", "EC", "P-256", "SHA256", false, 32}, {"ES384", "EC", "P-384", "SHA384", false, 48},
    {"ES512", "EC", "P-521", "SHA512", false, 66}, {"EdDSA", "OKP", NULL, NULL, false, 0},
    {"Ed25519", "OKP", "Ed25519", NULL, false, 0}, /* RFC 9864 */
};

typedef struct jwk {
    char *kid, *use, *alg; /* NULL: not told */
    char *kind, *curve;
    EVP_PKEY *key;
} jwk;

struct jwk_set {
    size_t count;
    jwk keys[];
};

static const algorithm *find_algorithm(span name) {
    for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++)
        if (span_is(name, algorithms[i].name)) return &algorithms[i];
    return NULL;
}

bool jwk_algorithm_known(span name) {
    return find_algorithm(name) != NULL;
}

/* ---- reading ---- */

static bool read_number(const json_t *object, const char *member, buf *bytes) {
    span text = json_get_span(object, member);
    return text.len > 0 && base64url_read(text, bytes) && !bytes->overflow && bytes->len > 0;
}

static EVP_PKEY *from_parameters(const char *kind, OSSL_PARAM_BLD *builder) {
    EVP_PKEY *key = NULL;
    OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
    bool good = parameters && context && EVP_PKEY_fromdata_init(context) == 1 &&
                EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) == 1;
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(parameters);
    if (good) return key;
    EVP_PKEY_free(key);
    return NULL;
}

static EVP_PKEY *read_rsa(const json_t *object) {
    buf n = BUF_MAX(NUMBER_BYTES_MAX), e = BUF_MAX(NUMBER_BYTES_MAX);
    EVP_PKEY *key = NULL;
    if (read_number(object, "n", &n) && read_number(object, "e", &e)) {
        BIGNUM *modulus = BN_bin2bn((unsigned char *)n.data, (int)n.len, NULL);
        BIGNUM *exponent = BN_bin2bn((unsigned char *)e.data, (int)e.len, NULL);
        OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
        if (modulus && exponent && builder && BN_num_bits(modulus) >= RSA_BITS_LEAST &&
            BN_num_bits(modulus) <= RSA_BITS_MOST && BN_num_bits(exponent) <= 64 &&
            OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus) &&
            OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent))
            key = from_parameters("RSA", builder);
        OSSL_PARAM_BLD_free(builder);
        BN_free(modulus);
        BN_free(exponent);
    }
    buf_free(&n);
    buf_free(&e);
    return key;
}

/* The curve's name with us, and the bytes of a coordinate. */
static const char *curve_of(const char *crv, size_t *half) {
    static const struct {
        const char *crv, *name;
        size_t half;
    } curves[] = {{"P-256", "prime256v1", 32}, {"P-384", "secp384r1", 48}, {"P-521", "secp521r1", 66}};
    for (size_t i = 0; i < sizeof curves / sizeof *curves; i++) {
        if (strcmp(curves[i].crv, crv) != 0) continue;
        *half = curves[i].half;
        return curves[i].name;
    }
    return NULL;
}

static EVP_PKEY *read_ec(const json_t *object) {
    size_t half = 0;
    const char *curve = curve_of(json_get_text(object, "crv", ""), &half);
    buf x = BUF_MAX(NUMBER_BYTES_MAX), y = BUF_MAX(NUMBER_BYTES_MAX), point = BUF_MAX(POINT_BYTES_MAX);
    EVP_PKEY *key = NULL;
    /* Both have their full length (RFC 7518 §6.2.1.2). */
    if (curve && read_number(object, "x", &x) && read_number(object, "y", &y) && x.len == half && y.len == half) {
        OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
        buf_add_char(&point, 4);
        buf_add(&point, buf_span(&x));
        buf_add(&point, buf_span(&y));
        if (builder && OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, curve, 0) &&
            OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point.data, point.len))
            key = from_parameters("EC", builder);
        OSSL_PARAM_BLD_free(builder);
    }
    buf_free(&x);
    buf_free(&y);
    buf_free(&point);
    return key;
}

static EVP_PKEY *read_okp(const json_t *object) {
    const char *curve = json_get_text(object, "crv", "");
    int kind = strcmp(curve, "Ed25519") == 0 ? EVP_PKEY_ED25519 : strcmp(curve, "Ed448") == 0 ? EVP_PKEY_ED448 : 0;
    buf x = BUF_MAX(NUMBER_BYTES_MAX);
    EVP_PKEY *key = NULL;
    if (kind && read_number(object, "x", &x))
        key = EVP_PKEY_new_raw_public_key(kind, NULL, (unsigned char *)x.data, x.len);
    buf_free(&x);
    return key;
}

static char *text_of(const json_t *object, const char *member) {
    const char *text = json_get_text(object, member, NULL);
    return text ? xstrdup(text) : NULL;
}

static void add_key(jwk_set *set, const json_t *object) {
    const char *kind = json_get_text(object, "kty", "");
    EVP_PKEY *key = strcmp(kind, "RSA") == 0   ? read_rsa(object)
                    : strcmp(kind, "EC") == 0  ? read_ec(object)
                    : strcmp(kind, "OKP") == 0 ? read_okp(object)
                                               : NULL;
    ERR_clear_error();
    if (!key) return;
    set->keys[set->count++] = (jwk){.kid = text_of(object, "kid"),
        .use = text_of(object, "use"),
        .alg = text_of(object, "alg"),
        .kind = xstrdup(kind),
        .curve = text_of(object, "crv"),
        .key = key};
}

error *jwk_set_read(span json, jwk_set **out) {
    json_t *document = NULL;
    if (json.len > JWK_SET_BYTES_MAX) return error_new(ERROR_LIMIT, "the key set is larger than 256 KiB");
    error *err = json_parse(json, &document);
    if (err) return error_wrap(err, "the key set");
    const json_t *list = json_get_array(document, "keys");
    size_t count = list ? json_array_size(list) : 1;
    if (count > JWK_SET_KEYS_MAX) count = JWK_SET_KEYS_MAX;
    jwk_set *set = xcalloc(1, sizeof *set + count * sizeof *set->keys);
    for (size_t i = 0; i < count; i++)
        add_key(set, list ? json_array_get(list, i) : document);
    json_decref(document);
    if (set->count > 0) {
        *out = set;
        return NULL;
    }
    jwk_set_free(set);
    return error_new(ERROR_INVALID, "the key set holds no public key that signs: RSA from 2048 bits, P-256, P-384, "
                                    "P-521, Ed25519 or Ed448");
}

void jwk_set_free(jwk_set *set) {
    for (size_t i = 0; set && i < set->count; i++) {
        jwk *k = &set->keys[i];
        EVP_PKEY_free(k->key);
        free(k->kid);
        free(k->use);
        free(k->alg);
        free(k->kind);
        free(k->curve);
    }
    free(set);
}

static bool is_named(const jwk *k, span kid) {
    return !kid.data || (k->kid && span_is(kid, k->kid));
}

bool jwk_set_has(const jwk_set *set, span kid) {
    for (size_t i = 0; i < set->count; i++)
        if (is_named(&set->keys[i], kid)) return true;
    return false;
}

/* ---- verifying ---- */

static bool fits(const jwk *k, const algorithm *a) {
    if (strcmp(k->kind, a->kind) != 0) return false;
    if (a->curve && (!k->curve || strcmp(k->curve, a->curve) != 0)) return false;
    if (k->use && strcmp(k->use, "sig") != 0) return false;
    return !k->alg || strcmp(k->alg, a->name) == 0;
}

/* The two numbers side by side (RFC 7518 §3.4) as the structure that OpenSSL reads. */
static unsigned char *ecdsa_structure(span raw, size_t half, int *len) {
    unsigned char *der = NULL;
    if (raw.len != 2 * half) return NULL;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn((const unsigned char *)raw.data, (int)half, NULL);
    BIGNUM *s = BN_bin2bn((const unsigned char *)raw.data + half, (int)half, NULL);
    if (sig && r && s && ECDSA_SIG_set0(sig, r, s) == 1)
        *len = i2d_ECDSA_SIG(sig, &der);
    else {
        BN_free(r);
        BN_free(s);
    }
    ECDSA_SIG_free(sig);
    return *len > 0 ? der : NULL;
}

static bool verify(const jwk *k, const algorithm *a, span input, span signature) {
    unsigned char *der = NULL;
    int der_len = 0;
    EVP_PKEY_CTX *key_context = NULL;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = context && EVP_DigestVerifyInit_ex(context, &key_context, a->digest, NULL, NULL, k->key, NULL) == 1;
    if (good && a->pss)
        good = EVP_PKEY_CTX_set_rsa_padding(key_context, RSA_PKCS1_PSS_PADDING) == 1 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(key_context, RSA_PSS_SALTLEN_DIGEST) == 1;
    if (good && a->half) {
        der = ecdsa_structure(signature, a->half, &der_len);
        good = der != NULL;
        signature = span_make((const char *)der, (size_t)der_len);
    }
    if (good)
        good = EVP_DigestVerify(context, (const unsigned char *)signature.data, signature.len,
                   (const unsigned char *)input.data, input.len) == 1;
    OPENSSL_free(der);
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return good;
}

bool jwk_set_verify(const jwk_set *set, span kid, span name, span input, span signature) {
    const algorithm *a = find_algorithm(name);
    for (size_t i = 0; a && i < set->count; i++) {
        const jwk *k = &set->keys[i];
        if (is_named(k, kid) && fits(k, a) && verify(k, a, input, signature)) return true;
    }
    return false;
}
