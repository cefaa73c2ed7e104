/* core/crypto/secret.c: see secret.h. */
#include "core/crypto/secret.h"

#include "core/base/id.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

enum { VERSION = 1, NONCE_SIZE = 12, TAG_SIZE = 16, OVERHEAD = 1 + NONCE_SIZE + TAG_SIZE };

static error *cipher_failed(void) {
    return error_new(ERROR_INTERNAL, "the cipher failed");
}

error *secret_seal(const unsigned char key[SECRET_KEY_SIZE], span name, span plain, buf *sealed) {
    unsigned char nonce[NONCE_SIZE], tag[TAG_SIZE];
    int n = 0;
    if (plain.len > INT_MAX - OVERHEAD || name.len > INT_MAX) return error_new(ERROR_LIMIT, "a secret is too long");
    id_random(nonce, sizeof nonce);
    buf_add_char(sealed, VERSION);
    buf_add(sealed, span_make((const char *)nonce, sizeof nonce));
    unsigned char *room = (unsigned char *)buf_reserve(sealed, plain.len + 1);
    if (!room) return buf_check(sealed, "a sealed secret");
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    bool good = context && EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
                EVP_EncryptUpdate(context, NULL, &n, (const unsigned char *)name.data, (int)name.len) == 1 &&
                EVP_EncryptUpdate(context, room, &n, (const unsigned char *)plain.data, (int)plain.len) == 1 &&
                EVP_EncryptFinal_ex(context, room + plain.len, &n) == 1 &&
                EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, TAG_SIZE, tag) == 1;
    EVP_CIPHER_CTX_free(context);
    if (!good) return cipher_failed();
    buf_grew(sealed, plain.len);
    buf_add(sealed, span_make((const char *)tag, sizeof tag));
    return buf_check(sealed, "a sealed secret");
}

error *secret_open(const unsigned char key[SECRET_KEY_SIZE], span name, span sealed, buf *plain) {
    int n = 0;
    if (sealed.len < OVERHEAD || sealed.data[0] != VERSION || sealed.len > INT_MAX || name.len > INT_MAX)
        return error_new(ERROR_CORRUPT, "a sealed record is not one of ours");
    size_t len = sealed.len - OVERHEAD;
    const unsigned char *nonce = (const unsigned char *)sealed.data + 1, *cipher = nonce + NONCE_SIZE;
    unsigned char tag[TAG_SIZE];
    memcpy(tag, cipher + len, sizeof tag);
    unsigned char *room = (unsigned char *)buf_reserve(plain, len + 1);
    if (!room) return buf_check(plain, "a secret");
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    bool begun = context && EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
                 EVP_DecryptUpdate(context, NULL, &n, (const unsigned char *)name.data, (int)name.len) == 1 &&
                 EVP_DecryptUpdate(context, room, &n, cipher, (int)len) == 1 &&
                 EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, TAG_SIZE, tag) == 1;
    bool genuine = begun && EVP_DecryptFinal_ex(context, room + len, &n) == 1;
    EVP_CIPHER_CTX_free(context);
    if (!begun) return cipher_failed();
    if (!genuine) {
        OPENSSL_cleanse(room, len);
        return error_new(ERROR_CORRUPT, "a sealed record was changed, or sealed with another key");
    }
    buf_grew(plain, len);
    return NULL;
}

bool secret_equal(span a, span b) {
    return a.len == b.len && CRYPTO_memcmp(a.data, b.data, a.len) == 0;
}
