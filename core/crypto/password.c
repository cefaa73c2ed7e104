/* core/crypto/password.c: see password.h. */
#include "core/crypto/password.h"

#include "core/base/id.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>

enum { SALT_SIZE = 16, HASH_SIZE = 32, COST_BITS = 15, COST_BITS_MAX = 20, BLOCK = 8, PARALLEL = 1, AT_A_TIME = 2 };

static const uint64_t memory_maximum = 256u * 1024 * 1024;
static const char refused_hash[] = "scrypt$15$8$1$00000000000000000000000000000000$"
                                   "0000000000000000000000000000000000000000000000000000000000000000";

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t freed = PTHREAD_COND_INITIALIZER;
static int running;

static bool derive(span password, const unsigned char salt[SALT_SIZE], unsigned bits, unsigned char out[HASH_SIZE]) {
    pthread_mutex_lock(&lock);
    while (running >= AT_A_TIME)
        pthread_cond_wait(&freed, &lock);
    running++;
    pthread_mutex_unlock(&lock);
    bool good = EVP_PBE_scrypt(password.data ? password.data : "", password.len, salt, SALT_SIZE, (uint64_t)1 << bits,
                    BLOCK, PARALLEL, memory_maximum, out, HASH_SIZE) == 1;
    pthread_mutex_lock(&lock);
    running--;
    pthread_cond_signal(&freed);
    pthread_mutex_unlock(&lock);
    return good;
}

static void to_hex(const unsigned char *bytes, size_t len, char *text) {
    for (size_t i = 0; i < len; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
}

static bool from_hex(span text, unsigned char *bytes, size_t len) {
    static const char digits[] = "0123456789abcdef";
    if (text.len != 2 * len) return false;
    for (size_t i = 0; i < text.len; i++) {
        const char *digit = text.data[i] ? strchr(digits, text.data[i]) : NULL;
        if (!digit) return false;
        bytes[i / 2] = (unsigned char)((unsigned)bytes[i / 2] << 4 | (unsigned)(digit - digits));
    }
    return true;
}

/* "scrypt$BITS$8$1$SALT$HASH" into its parts. */
static bool parse_hash(span text, uint64_t *bits, unsigned char salt[SALT_SIZE], unsigned char hash[HASH_SIZE]) {
    span parts[6] = {{NULL, 0}};
    size_t count = 0;
    while (count < 6 && span_split(&text, '$', &parts[count]))
        count++;
    return count == 6 && !text.data && span_is(parts[0], "scrypt") && span_to_u64(parts[1], 1, COST_BITS_MAX, bits) &&
           span_is(parts[2], "8") && span_is(parts[3], "1") && from_hex(parts[4], salt, SALT_SIZE) &&
           from_hex(parts[5], hash, HASH_SIZE);
}

error *password_hash(span password, char text[PASSWORD_HASH_ROOM]) {
    unsigned char salt[SALT_SIZE], out[HASH_SIZE];
    char salt_text[2 * SALT_SIZE + 1], out_text[2 * HASH_SIZE + 1];
    id_random(salt, sizeof salt);
    if (!derive(password, salt, COST_BITS, out)) return error_new(ERROR_INTERNAL, "a password cannot be hashed");
    to_hex(salt, sizeof salt, salt_text);
    to_hex(out, sizeof out, out_text);
    snprintf(text, PASSWORD_HASH_ROOM, "scrypt$%d$%d$%d$%s$%s", COST_BITS, BLOCK, PARALLEL, salt_text, out_text);
    OPENSSL_cleanse(out, sizeof out);
    return NULL;
}

bool password_matches(span password, const char *hash) {
    unsigned char salt[SALT_SIZE] = {0}, expected[HASH_SIZE] = {0}, out[HASH_SIZE];
    uint64_t bits = 0;
    bool known = hash != NULL;
    if (!parse_hash(span_of(known ? hash : refused_hash), &bits, salt, expected)) return false;
    if (!derive(password, salt, (unsigned)bits, out)) return false;
    bool same = CRYPTO_memcmp(out, expected, HASH_SIZE) == 0;
    OPENSSL_cleanse(out, sizeof out);
    return same && known;
}
