/* core/crypto/digest.c: see digest.h. */
#include "core/crypto/digest.h"

#include "core/base/memory.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

struct digest {
    EVP_MD_CTX *context;
};

static EVP_MD *fetched[DIGEST_SHA512 + 1];
static pthread_once_t fetch_once = PTHREAD_ONCE_INIT;

static void fetch(void) {
    static const char *const names[] = {"SHA1", "SHA2-256", "SHA2-384", "SHA2-512"};
    for (int kind = DIGEST_SHA1; kind <= DIGEST_SHA512; kind++)
        fetched[kind] = EVP_MD_fetch(NULL, names[kind], NULL);
}

/* Fetched once: looking an algorithm up by name for every message costs more than hashing a short one. */
static const EVP_MD *algorithm(digest_kind kind) {
    pthread_once(&fetch_once, fetch);
    return fetched[kind];
}

digest *digest_new(digest_kind kind) {
    digest *d = xcalloc(1, sizeof *d);
    d->context = EVP_MD_CTX_new();
    if (!d->context || EVP_DigestInit_ex(d->context, algorithm(kind), NULL) != 1) abort();
    return d;
}

void digest_update(digest *d, span bytes) {
    if (EVP_DigestUpdate(d->context, bytes.data, bytes.len) != 1) abort();
}

size_t digest_finish(digest *d, unsigned char out[DIGEST_BYTES_MAX]) {
    unsigned len = 0;
    if (EVP_DigestFinal_ex(d->context, out, &len) != 1) abort();
    digest_free(d);
    return len;
}

void digest_free(digest *d) {
    if (!d) return;
    EVP_MD_CTX_free(d->context);
    free(d);
}

static void *begin(void) {
    return digest_new(DIGEST_SHA256);
}

static void update(void *state, span bytes) {
    digest_update(state, bytes);
}

static void finish(void *state, unsigned char out[DIGEST_SIZE]) {
    unsigned char whole[DIGEST_BYTES_MAX];
    digest_finish(state, whole);
    memcpy(out, whole, DIGEST_SIZE);
}

static void abandon(void *state) {
    digest_free(state);
}

const digest_functions crypto_sha256 = {.begin = begin, .update = update, .finish = finish, .abandon = abandon};

char *digest_sha256_hex(span bytes, char text[DIGEST_HEX_SIZE]) {
    unsigned char sum[DIGEST_BYTES_MAX];
    digest *d = digest_new(DIGEST_SHA256);
    digest_update(d, bytes);
    digest_finish(d, sum);
    return digest_hex(sum, text);
}
