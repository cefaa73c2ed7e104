/* core/base/digest.h: a message digest as a plain table of functions.
 *
 * Rooms that only need to hold bytes against a SHA-256 (the store verifies payloads on reading) may not include
 * core/crypto; whoever wires the program hands them crypto_sha256 (core/crypto/digest.h) as this table.
 */
#ifndef BANYAN_BASE_DIGEST_H
#define BANYAN_BASE_DIGEST_H

#include "core/base/span.h"

enum { DIGEST_SIZE = 32, DIGEST_HEX_SIZE = 65 }; /* bytes of a SHA-256; its text in hexadecimal with the terminator */

typedef struct digest_functions {
    void *(*begin)(void); /* a new state, never NULL; ends in exactly one of finish and abandon */
    void (*update)(void *state, span bytes);
    void (*finish)(void *state, unsigned char out[DIGEST_SIZE]); /* frees the state */
    void (*abandon)(void *state);                                /* frees it without a result; NULL is fine */
} digest_functions;

/* Lower-case hexadecimal of `digest` in `text`, which is returned. */
static inline char *digest_hex(const unsigned char digest[DIGEST_SIZE], char text[DIGEST_HEX_SIZE]) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < DIGEST_SIZE; i++) {
        text[2 * i] = digits[digest[i] >> 4];
        text[2 * i + 1] = digits[digest[i] & 15];
    }
    text[2 * (size_t)DIGEST_SIZE] = '\0';
    return text;
}

#endif
