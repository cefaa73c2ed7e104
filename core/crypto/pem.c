/* core/crypto/pem.c: see pem.h. */
#include "core/crypto/pem.h"

#include "core/base/memory.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>

enum { PEM_BYTES_MAX = 1 << 20 };

error *pem_error(error_code code, const char *what) {
    unsigned long number = ERR_get_error();
    const char *reason = number ? ERR_reason_error_string(number) : NULL;
    ERR_clear_error();
    return error_new(code, "%s%s%s", what, reason ? ": " : "", reason ? reason : "");
}

char *pem_take_bio(BIO *bio) {
    char *data = NULL;
    long len = BIO_get_mem_data(bio, &data);
    char *text = xspandup(span_make(data, len > 0 ? (size_t)len : 0));
    if (len > 0) OPENSSL_cleanse(data, (size_t)len);
    BIO_free(bio);
    return text;
}

/* OpenSSL would ask on the terminal. */
static int refuse_passphrase(char *room, int size, int writing, void *context) {
    (void)writing;
    if (size > 0) room[0] = '\0';
    *(bool *)context = true;
    return -1;
}

static error *open_text(span pem, BIO **bio) {
    if (pem.len == 0 || pem.len > PEM_BYTES_MAX) return error_new(ERROR_INVALID, "that is no PEM text");
    *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    if (!*bio) abort();
    return NULL;
}

error *pem_read_key(span pem, EVP_PKEY **key) {
    BIO *bio = NULL;
    bool protected = false;
    error *err = open_text(pem, &bio);
    if (err) return err;
    ERR_clear_error();
    *key = PEM_read_bio_PrivateKey(bio, NULL, refuse_passphrase, &protected);
    BIO_free(bio);
    if (!*key && protected)
        err = error_new(ERROR_INVALID, "the private key is protected by a passphrase: remove it first");
    if (!*key && !err) err = pem_error(ERROR_INVALID, "there is no usable private key in the PEM text");
    ERR_clear_error();
    return err;
}

error *pem_read_certificate(span pem, X509 **certificate) {
    BIO *bio = NULL;
    bool protected = false;
    error *err = open_text(pem, &bio);
    if (err) return err;
    ERR_clear_error();
    *certificate = PEM_read_bio_X509(bio, NULL, refuse_passphrase, &protected);
    BIO_free(bio);
    if (!*certificate) err = pem_error(ERROR_INVALID, "there is no usable certificate in the PEM text");
    ERR_clear_error();
    return err;
}

error *pem_write_key(EVP_PKEY *key, char **pem) {
    BIO *bio = BIO_new(BIO_s_mem());
    bool done = bio && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1;
    if (done) {
        *pem = pem_take_bio(bio);
        return NULL;
    }
    BIO_free(bio);
    return pem_error(ERROR_INTERNAL, "cannot write a private key");
}

error *pem_write_certificate(X509 *certificate, char **pem) {
    BIO *bio = BIO_new(BIO_s_mem());
    bool done = bio && PEM_write_bio_X509(bio, certificate) == 1;
    if (done) {
        *pem = pem_take_bio(bio);
        return NULL;
    }
    BIO_free(bio);
    return pem_error(ERROR_INTERNAL, "cannot write a certificate");
}

void pem_key_words(const EVP_PKEY *key, char words[32]) {
    char group[24] = "";
    size_t len = 0;
    if (EVP_PKEY_is_a(key, "EC")) {
        EVP_PKEY_get_group_name(key, group, sizeof group, &len);
        const char *name = strcmp(group, "prime256v1") == 0  ? "P-256"
                           : strcmp(group, "secp384r1") == 0 ? "P-384"
                           : strcmp(group, "secp521r1") == 0 ? "P-521"
                                                             : group;
        snprintf(words, 32, "EC %s", name);
    } else if (EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS")) {
        snprintf(words, 32, "RSA %d", EVP_PKEY_get_bits(key));
    } else if (EVP_PKEY_is_a(key, "ED25519")) {
        snprintf(words, 32, "Ed25519");
    } else {
        const char *name = EVP_PKEY_get0_type_name(key);
        snprintf(words, 32, "%.20s %d", name ? name : "unknown", EVP_PKEY_get_bits(key));
    }
}
