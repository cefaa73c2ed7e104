/* core/crypto/token.c: see token.h. */
#include "core/crypto/token.h"

#include "core/base/id.h"
#include "core/crypto/digest.h"

#include <stdio.h>

enum { TOKEN_BYTES = 32 };

char *token_new(const char *prefix, char text[TOKEN_ROOM]) {
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    unsigned char random[TOKEN_BYTES];
    size_t n = (size_t)snprintf(text, TOKEN_ROOM, "%s", prefix);
    unsigned bits = 0, held = 0;
    id_random(random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++) {
        bits = bits << 8 | random[i];
        held += 8;
        while (held >= 6 && n + 1 < TOKEN_ROOM) {
            held -= 6;
            text[n++] = alphabet[bits >> held & 63];
        }
    }
    if (held > 0 && n + 1 < TOKEN_ROOM) text[n++] = alphabet[bits << (6 - held) & 63];
    text[n] = '\0';
    explicit_bzero(random, sizeof random);
    return text;
}

char *token_hash(span token, char text[DIGEST_HEX_SIZE]) {
    return digest_sha256_hex(token, text);
}
