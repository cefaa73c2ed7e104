/* adapters/sftp/keys.c: see keys.h. */
#include "adapters/sftp/keys.h"

#include "core/base/base64.h"
#include "core/base/memory.h"

#include <stdio.h>
#include <stdlib.h>

enum { KEYS_MAX = 16, BLOB_MAX = 4096, TYPE_MAX = 64, TEXT_MAX = 200, DIGEST_DIGITS = 43, HEAD_DIGITS = 400 };

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

char *host_key_fingerprint(const unsigned char *digest, char *text) {
    buf digits = BUF_MAX(HOST_KEY_FINGERPRINT_SIZE);
    base64_write(span_make((const char *)digest, HOST_KEY_DIGEST_SIZE), &digits);
    snprintf(text, HOST_KEY_FINGERPRINT_SIZE, "SHA256:%.*s", DIGEST_DIGITS, buf_text(&digits)); /* no padding */
    buf_free(&digits);
    return text;
}

span host_key_type(span blob) {
    if (blob.len < 4) return SPAN("");
    const unsigned char *b = (const unsigned char *)blob.data;
    size_t len = (size_t)b[0] << 24 | (size_t)b[1] << 16 | (size_t)b[2] << 8 | b[3];
    return len > 0 && len <= blob.len - 4 && len < TYPE_MAX ? span_make(blob.data + 4, len) : SPAN("");
}

/* The 43 digits of a fingerprint, whose padding nobody writes. */
static bool read_digest(span digits, unsigned char *digest) {
    buf padded = BUF_MAX(DIGEST_DIGITS + 1), bytes = BUF_MAX(HOST_KEY_DIGEST_SIZE);
    if (digits.len == DIGEST_DIGITS + 1) digits.len--; /* but some tools do */
    buf_add(&padded, digits);
    buf_add(&padded, SPAN("="));
    bool good = !padded.overflow && base64_read(buf_span(&padded), &bytes) && bytes.len == HOST_KEY_DIGEST_SIZE;
    if (good) memcpy(digest, bytes.data, HOST_KEY_DIGEST_SIZE);
    buf_free(&padded);
    buf_free(&bytes);
    return good;
}

static bool read_blob(span digits, host_key *key) {
    buf bytes = BUF_MAX(BLOB_MAX);
    if (base64_read(digits, &bytes) && !bytes.overflow && host_key_type(buf_span(&bytes)).len > 0)
        key->blob = buf_take(&bytes, &key->len);
    buf_free(&bytes);
    return key->blob != NULL;
}

/* A fingerprint, or a key line: the word of it that is base64 and begins like every key blob does. */
static error *parse_one(span item, host_key *key) {
    span rest = item, word;
    while (span_split(&rest, ' ', &word)) {
        bool digest = span_starts(word, SPAN("SHA256:")), blob = span_starts(word, SPAN("AAAA"));
        if (digest && read_digest(span_make(word.data + 7, word.len - 7), key->digest)) return NULL;
        if (blob && read_blob(word, key)) return NULL;
        if (digest || blob) break;
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
    buf digits = BUF_MAX(BLOB_MAX), bytes = BUF_MAX(BLOB_MAX);
    if (strstr(pem, "BEGIN RSA PRIVATE KEY")) return true;
    const char *begin = strstr(pem, "-----BEGIN "), *body = begin ? strchr(begin, '\n') : NULL;
    while (body && *body && *body != '-' && digits.len < HEAD_DIGITS) { /* the type stands in front */
        if (*body != '\n' && *body != '\r') buf_add_char(&digits, *body);
        body++;
    }
    bool rsa = base64_read(span_make(buf_text(&digits), digits.len - digits.len % 4), &bytes) &&
               (memmem(buf_text(&bytes), bytes.len, rsa_oid, sizeof rsa_oid - 1) ||
                   memmem(buf_text(&bytes), bytes.len, "ssh-rsa", 7));
    buf_free(&digits);
    buf_free(&bytes);
    return rsa;
}
