/* core/crypto/hmac.c: see hmac.h. */
#include "core/crypto/hmac.h"

#include "core/base/memory.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>

struct hmac {
    EVP_MAC_CTX *context;
};

hmac *hmac_new(digest_kind kind, span key) {
    static char *const names[] = {
        [DIGEST_SHA1] = "SHA1", [DIGEST_SHA256] = "SHA256", [DIGEST_SHA384] = "SHA384", [DIGEST_SHA512] = "SHA512"};
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, names[kind], 0), OSSL_PARAM_construct_end()};
    hmac *h = xcalloc(1, sizeof *h);
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    h->context = EVP_MAC_CTX_new(mac);
    EVP_MAC_free(mac);
    if (!h->context || EVP_MAC_init(h->context, (const unsigned char *)key.data, key.len, parameters) != 1) abort();
    return h;
}

void hmac_update(hmac *h, span bytes) {
    if (EVP_MAC_update(h->context, (const unsigned char *)bytes.data, bytes.len) != 1) abort();
}

size_t hmac_finish(hmac *h, unsigned char out[DIGEST_BYTES_MAX]) {
    size_t len = 0;
    if (EVP_MAC_final(h->context, out, &len, DIGEST_BYTES_MAX) != 1) abort();
    EVP_MAC_CTX_free(h->context);
    free(h);
    return len;
}
