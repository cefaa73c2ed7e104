/* adapters/sftp/keys.c: see keys.h. */
#include "adapters/sftp/keys.h"

#include "core/base/memory.h"

#include <stdio.h>
#include <stdlib.h>

enum { KEYS_MAX = 16, BLOB_MAX = 4096, TYPE_MAX = 64, TEXT_MAX = 200 };

/* One accepted key: its digest, or the whole blob. */
typedef struct host_key {
    char *blob; /* NULL: only the digest is known */
    size_t len;
    unsigned char digest[HOST_KEY_DIGEST_SIZE];
} host_key;

struct host_keys {
    host_key keys[KEYS_MAX];
    size_t count;
    char text[TEXT_MAX + 4];
};

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Decodes up to the padding or the end, blanks and line ends skipped. False for other characters or too much. */
static bool base64_decode(span text, char *into, size_t room, size_t *len) {
    unsigned bits = 0, held = 0;
    *len = 0;
    for (size_t i = 0; i < text.len && text.data[i] != '='; i++) {
        char c = text.data[i];
        const char *digit = c ? strchr(base64_digits, c) : NULL;
        if (c == '\n' || c == '\r' || c == ' ') continue;
        if (!digit) return false;
        bits = (bits << 6 | (unsigned)(digit - base64_digits)) & 0xFFFFFF;
        held += 6;
        if (held < 8) continue;
        held -= 8;
        if (*len == room) return false;
        into[(*len)++] = (char)(bits >> held & 0xFF);
    }
    return true;
}

char *host_key_fingerprint(const unsigned char *digest, char *text) {
    char *at = text + snprintf(text, HOST_KEY_FINGERPRINT_SIZE, "SHA256:");
    unsigned bits = 0, held = 0;
    for (size_t i = 0; i < HOST_KEY_DIGEST_SIZE; i++) {
        bits = (bits << 8 | digest[i]) & 0xFFFF;
        for (held += 8; held >= 6; held -= 6)
            *at++ = base64_digits[bits >> (held - 6) & 0x3F];
    }
    if (held > 0) *at++ = base64_digits[bits << (6 - held) & 0x3F];
    *at = '\0';
    return text;
}

span host_key_type(span blob) {
    if (blob.len < 4) return SPAN("");
    const unsigned char *b = (const unsigned char *)blob.data;
    size_t len = (size_t)b[0] << 24 | (size_t)b[1] << 16 | (size_t)b[2] << 8 | b[3];
    return len > 0 && len <= blob.len - 4 && len < TYPE_MAX ? span_make(blob.data + 4, len) : SPAN("");
}

/* "SHA256:" and 43 digits, or the word of a key line that is base64 and begins like every key blob does. */
static error *parse_one(span item, host_key *key) {
    char blob[BLOB_MAX];
    size_t len;
    span rest = item, word;
    while (span_split(&rest, ' ', &word)) {
        if (span_starts(word, SPAN("SHA256:"))) {
            span digits = span_make(word.data + 7, word.len - 7);
            if (!base64_decode(digits, (char *)key->digest, HOST_KEY_DIGEST_SIZE, &len) || len != HOST_KEY_DIGEST_SIZE)
                break;
            return NULL;
        }
        if (!span_starts(word, SPAN("AAAA"))) continue;
        if (!base64_decode(word, blob, sizeof blob, &len) || host_key_type(span_make(blob, len)).len == 0) break;
        key->blob = xspandup(span_make(blob, len));
        key->len = len;
        return NULL;
    }
    return error_new(ERROR_INVALID,
        "\"%.*s\" is no host key: write its fingerprint (\"SHA256:\" and 43 characters, as ssh-keygen -l -f prints it) "
        "or the whole key (\"ssh-ed25519 AAAA...\", as ssh-keyscan prints it)",
        (int)(item.len < 80 ? item.len : 80), item.data);
}

error *host_keys_parse(const char *text, host_keys **out) {
    host_keys *keys = xcalloc(1, sizeof *keys);
    error *err = NULL;
    span rest = span_of(text), item;
    snprintf(keys->text, sizeof keys->text, "%.*s%s", TEXT_MAX, text, strlen(text) > TEXT_MAX ? "..." : "");
    while (!err && span_split(&rest, ',', &item)) {
        if (keys->count == KEYS_MAX)
            err = error_new(ERROR_LIMIT, "more than %d host keys", KEYS_MAX);
        else
            err = parse_one(span_trim(item), &keys->keys[keys->count++]);
    }
    if (err) {
        host_keys_free(keys);
        return err;
    }
    *out = keys;
    return NULL;
}

void host_keys_free(host_keys *keys) {
    if (!keys) return;
    for (size_t i = 0; i < keys->count; i++)
        free(keys->keys[i].blob);
    free(keys);
}

const char *host_keys_text(const host_keys *keys) {
    return keys->text;
}

bool host_keys_match(const host_keys *keys, span blob, const unsigned char *digest) {
    for (size_t i = 0; i < keys->count; i++) {
        const host_key *key = &keys->keys[i];
        if (key->blob ? span_equal(span_make(key->blob, key->len), blob)
                      : memcmp(key->digest, digest, HOST_KEY_DIGEST_SIZE) == 0)
            return true;
    }
    return false;
}

bool host_keys_types(const host_keys *keys, char *types) {
    size_t used = 0;
    for (size_t i = 0; i < keys->count; i++) {
        const host_key *key = &keys->keys[i];
        if (!key->blob) return false;
        span type = host_key_type(span_make(key->blob, key->len));
        if (used + type.len + 2 > HOST_KEY_ALGORITHMS_SIZE) return false;
        if (used) types[used++] = ',';
        memcpy(types + used, type.data, type.len);
        used += type.len;
    }
    types[used] = '\0';
    return used > 0;
}

bool user_key_is_rsa(const char *pem) {
    static const char rsa_oid[] = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"; /* rsaEncryption, RFC 8017 appendix C */
    char head[BLOB_MAX];
    size_t len = 0;
    const char *begin = strstr(pem, "-----BEGIN "), *body = begin ? strchr(begin, '\n') : NULL;
    if (!body) return false;
    if (strstr(pem, "BEGIN RSA PRIVATE KEY")) return true;
    (void)base64_decode(span_of(body), head, sizeof head, &len); /* as much as there is: the type stands in front */
    return memmem(head, len, rsa_oid, sizeof rsa_oid - 1) || memmem(head, len, "ssh-rsa", 7);
}
