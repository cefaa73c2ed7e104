/* core/crypto/keypair.c: see keypair.h. */
#include "core/crypto/keypair.h"

#include "core/base/buf.h"
#include "core/base/id.h"
#include "core/base/memory.h"
#include "core/crypto/digest.h"
#include "core/crypto/pem.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <time.h>

enum { DAYS_MAX = 36500, HOSTS_BYTES_MAX = 65536, SERIAL_BYTES = 16, DAY_S = 24 * 3600 };

static const struct {
    const char *name;
    key_kind kind;
    unsigned rsa_bits; /* 0: an elliptic curve */
} kinds[] = {{"p256", KEY_P256, 0}, {"rsa2048", KEY_RSA_2048, 2048}, {"rsa3072", KEY_RSA_3072, 3072},
    {"rsa4096", KEY_RSA_4096, 4096}};

bool key_kind_named(span name, key_kind *kind) {
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (!span_is(name, kinds[i].name)) continue;
        *kind = kinds[i].kind;
        return true;
    }
    return false;
}

error *key_new(key_kind kind, char **pem) {
    unsigned bits = kinds[kind].rsa_bits;
    EVP_PKEY *key = bits ? EVP_RSA_gen(bits) : EVP_EC_gen("P-256");
    if (!key) return pem_error(ERROR_INTERNAL, "cannot make a key");
    error *err = pem_write_key(key, pem);
    EVP_PKEY_free(key);
    return err;
}

void key_text_free(char *pem) {
    if (pem) OPENSSL_cleanse(pem, strlen(pem));
    free(pem);
}

error *key_describe(span pem, char words[32]) {
    EVP_PKEY *key = NULL;
    error *err = pem_read_key(pem, &key);
    if (err) return err;
    pem_key_words(key, words);
    EVP_PKEY_free(key);
    return NULL;
}

static bool add_extension(X509 *certificate, int nid, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    bool done = extension && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return done;
}

static bool is_host_name(const char *host) {
    size_t len = strlen(host);
    return len > 0 && len < 254 &&
           strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-*_") == len;
}

/* One subject alternative name, built as an object: a text of names would have a syntax of its own to escape. */
static error *add_host(GENERAL_NAMES *names, const char *host) {
    unsigned char binary[16];
    int family = inet_pton(AF_INET, host, binary) == 1 ? 4 : inet_pton(AF_INET6, host, binary) == 1 ? 16 : 0;
    if (!family && !is_host_name(host)) return error_new(ERROR_INVALID, "%s is no name or address of a host", host);
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_STRING *value = family ? (ASN1_STRING *)ASN1_OCTET_STRING_new() : (ASN1_STRING *)ASN1_IA5STRING_new();
    bool done = name && value &&
                ASN1_STRING_set(value, family ? (const void *)binary : host, family ? family : (int)strlen(host)) == 1;
    if (!done) abort();
    GENERAL_NAME_set0_value(name, family ? GEN_IPADD : GEN_DNS, value);
    if (sk_GENERAL_NAME_push(names, name) <= 0) abort();
    return NULL;
}

static error *add_hosts(X509 *certificate, const char *const *hosts) {
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    error *err = NULL;
    for (size_t i = 0; hosts[i] && !err; i++)
        err = add_host(names, hosts[i]);
    if (!err && X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, 0) != 1)
        err = pem_error(ERROR_INTERNAL, "cannot make a certificate");
    if (!err && !add_extension(certificate, NID_ext_key_usage, "serverAuth,clientAuth"))
        err = pem_error(ERROR_INTERNAL, "cannot make a certificate");
    GENERAL_NAMES_free(names);
    return err;
}

static bool add_name(X509_NAME *name, const char *field, const char *value) {
    return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, (const unsigned char *)value, -1, -1, 0) == 1;
}

static bool set_serial(X509 *certificate) {
    unsigned char random[SERIAL_BYTES];
    id_random(random, sizeof random);
    random[0] = (unsigned char)((random[0] & 0x7F) | 0x40); /* positive, and of full length (RFC 5280 §4.1.2.2) */
    BIGNUM *number = BN_bin2bn(random, sizeof random, NULL);
    bool done = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
    BN_free(number);
    return done;
}

static bool fill(X509 *certificate, EVP_PKEY *key, const certificate_request *request) {
    X509_NAME *name = X509_get_subject_name(certificate);
    bool rsa = EVP_PKEY_is_a(key, "RSA");
    long from = -(long)DAY_S, until = (long)request->days * DAY_S;
    return X509_set_version(certificate, X509_VERSION_3) == 1 && set_serial(certificate) &&
           X509_gmtime_adj(X509_getm_notBefore(certificate), from) &&
           X509_gmtime_adj(X509_getm_notAfter(certificate), until) &&
           (!request->organization || add_name(name, "O", request->organization)) &&
           add_name(name, "CN", request->common_name) && X509_set_issuer_name(certificate, name) == 1 &&
           X509_set_pubkey(certificate, key) == 1 &&
           add_extension(certificate, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(certificate, NID_key_usage,
               rsa ? "critical,digitalSignature,keyEncipherment" : "critical,digitalSignature,keyAgreement") &&
           add_extension(certificate, NID_subject_key_identifier, "hash");
}

error *certificate_new(span key_pem, const certificate_request *request, char **pem) {
    EVP_PKEY *key = NULL;
    if (request->days == 0 || request->days > DAYS_MAX)
        return error_new(ERROR_INVALID, "a certificate is valid for 1 to %d days", DAYS_MAX);
    error *err = pem_read_key(key_pem, &key);
    if (err) return err;
    X509 *certificate = X509_new();
    ERR_clear_error();
    if (!fill(certificate, key, request)) err = pem_error(ERROR_INVALID, "cannot make a certificate for that name");
    if (!err && request->hosts) err = add_hosts(certificate, request->hosts);
    /* Ed25519 hashes by itself. */
    const EVP_MD *hash = EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256();
    if (!err && X509_sign(certificate, key, hash) == 0) err = pem_error(ERROR_INTERNAL, "cannot sign a certificate");
    if (!err) err = pem_write_certificate(certificate, pem);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return err;
}

static char *name_text(const X509_NAME *name) {
    BIO *bio = BIO_new(BIO_s_mem());
    X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB);
    return pem_take_bio(bio);
}

static char *serial_text(const ASN1_INTEGER *serial) {
    BIGNUM *number = ASN1_INTEGER_to_BN(serial, NULL);
    char *hex = number ? BN_bn2hex(number) : NULL;
    char *text = xstrdup(hex ? hex : "");
    OPENSSL_free(hex);
    BN_free(number);
    return text;
}

static int64_t time_ms(const ASN1_TIME *time) {
    struct tm parts;
    return ASN1_TIME_to_tm(time, &parts) == 1 ? (int64_t)timegm(&parts) * 1000 : 0;
}

static void add_host_text(const GENERAL_NAME *name, buf *text) {
    char address[INET6_ADDRSTRLEN];
    int type = 0;
    const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);
    span bytes = type == GEN_DNS || type == GEN_IPADD
                     ? span_make((const char *)ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value))
                     : span_make(NULL, 0);
    if (type == GEN_IPADD) {
        int family = bytes.len == 4 ? AF_INET : bytes.len == 16 ? AF_INET6 : AF_UNSPEC;
        bytes = family != AF_UNSPEC && inet_ntop(family, bytes.data, address, sizeof address) ? span_of(address)
                                                                                              : span_make(NULL, 0);
    }
    for (size_t i = 0; i < bytes.len; i++)
        if ((unsigned char)bytes.data[i] <= 0x20 || (unsigned char)bytes.data[i] >= 0x7F) return;
    if (bytes.len == 0) return;
    if (text->len) buf_add_char(text, ' ');
    buf_add(text, bytes);
}

static char *hosts_text(const X509 *certificate) {
    buf text = BUF_MAX(HOSTS_BYTES_MAX);
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
        add_host_text(sk_GENERAL_NAME_value(names, i), &text);
    GENERAL_NAMES_free(names);
    return buf_take(&text, NULL);
}

static bool is_self_signed(X509 *certificate) {
    EVP_PKEY *key = X509_get0_pubkey(certificate);
    return X509_NAME_cmp(X509_get_subject_name(certificate), X509_get_issuer_name(certificate)) == 0 && key &&
           X509_verify(certificate, key) == 1;
}

static size_t count_certificates(span pem) {
    static const char mark[] = "-----BEGIN CERTIFICATE-----";
    size_t count = 0;
    const char *end = pem.data + pem.len;
    for (const char *at = pem.data; (at = memmem(at, (size_t)(end - at), mark, sizeof mark - 1)); at++)
        count++;
    return count;
}

error *certificate_read(span pem, certificate_facts *facts) {
    X509 *certificate = NULL;
    *facts = (certificate_facts){.chain = 0};
    error *err = pem_read_certificate(pem, &certificate);
    if (err) return err;
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    if (X509_digest(certificate, EVP_sha256(), sum, &len) != 1 || len != DIGEST_SIZE) abort();
    digest_hex(sum, facts->fingerprint);
    facts->subject = name_text(X509_get_subject_name(certificate));
    facts->issuer = name_text(X509_get_issuer_name(certificate));
    facts->serial = serial_text(X509_get0_serialNumber(certificate));
    facts->hosts = hosts_text(certificate);
    const char *signature = OBJ_nid2ln(X509_get_signature_nid(certificate));
    facts->signature = xstrdup(signature ? signature : "unknown");
    facts->not_before_ms = time_ms(X509_get0_notBefore(certificate));
    facts->not_after_ms = time_ms(X509_get0_notAfter(certificate));
    EVP_PKEY *key = X509_get0_pubkey(certificate);
    if (key) {
        pem_key_words(key, facts->key);
        facts->key_bits = (unsigned)EVP_PKEY_get_bits(key);
    }
    facts->self_signed = is_self_signed(certificate);
    facts->authority = X509_check_ca(certificate) > 0;
    facts->chain = count_certificates(pem);
    X509_free(certificate);
    ERR_clear_error();
    return NULL;
}

void certificate_facts_free(certificate_facts *facts) {
    free(facts->subject);
    free(facts->issuer);
    free(facts->serial);
    free(facts->hosts);
    free(facts->signature);
    *facts = (certificate_facts){.chain = 0};
}

error *certificate_check_key(span certificate_pem, span key_pem) {
    EVP_PKEY *key = NULL;
    X509 *certificate = NULL;
    error *err = pem_read_certificate(certificate_pem, &certificate);
    if (!err) err = pem_read_key(key_pem, &key);
    if (!err && X509_check_private_key(certificate, key) != 1)
        err = error_new(ERROR_INVALID, "the certificate belongs to another private key");
    ERR_clear_error();
    EVP_PKEY_free(key);
    X509_free(certificate);
    return err;
}
