/* core/crypto/ssh_key.c: see ssh_key.h. Formats: RFC 4253 §6.6, RFC 5656 §3.1, RFC 8709 §4; the private one is
 * OpenSSH's PROTOCOL.key. */
#include "core/crypto/ssh_key.h"

#include "core/base/base64.h"
#include "core/base/id.h"
#include "core/base/memory.h"
#include "core/crypto/digest.h"
#include "core/crypto/keypair.h"
#include "core/crypto/pem.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>

enum { BLOB_MAX = 8192, POINT_SIZE = 65, RAW_SIZE = 32, LINE_WIDTH = 70, CIPHER_BLOCK = 8, NUMBER_MAX = 2048 };

#define MAGIC ((span){"openssh-key-v1", 15}) /* with its NUL */
static const char begin_mark[] = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
static const char end_mark[] = "-----END OPENSSH PRIVATE KEY-----\n";

static void add_u32(buf *b, uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8)
        buf_add_char(b, (char)(unsigned char)(value >> shift));
}

static void add_string(buf *b, span bytes) {
    add_u32(b, (uint32_t)bytes.len);
    buf_add(b, bytes);
}

/* A positive number: no leading zero bytes but one where the first bit is set. False for one beyond any key in use. */
static bool add_number(buf *b, const BIGNUM *number) {
    unsigned char bytes[1 + NUMBER_MAX] = {0};
    int len = BN_num_bytes(number);
    if (len <= 0 || len > NUMBER_MAX) return false;
    BN_bn2bin(number, bytes + 1);
    bool zero = bytes[1] & 0x80;
    add_string(b, span_make((const char *)bytes + !zero, (size_t)len + zero));
    return true;
}

/* Takes a string off the front of `rest`. */
static bool take_string(span *rest, span *string) {
    if (rest->len < 4) return false;
    const unsigned char *b = (const unsigned char *)rest->data;
    uint32_t len = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    if (len > rest->len - 4) return false;
    *string = span_make(rest->data + 4, len);
    *rest = span_make(rest->data + 4 + len, rest->len - 4 - len);
    return true;
}

static bool add_rsa(EVP_PKEY *key, buf *blob) {
    BIGNUM *n = NULL, *e = NULL;
    bool done = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) == 1 &&
                EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) == 1;
    if (done) {
        add_string(blob, SPAN("ssh-rsa"));
        done = add_number(blob, e) && add_number(blob, n);
    }
    BN_free(n);
    BN_free(e);
    return done;
}

static bool add_p256(EVP_PKEY *key, buf *blob) {
    unsigned char point[POINT_SIZE];
    size_t len = 0;
    char group[32] = "";
    EVP_PKEY_get_group_name(key, group, sizeof group, &len);
    if (strcmp(group, "prime256v1") != 0) return false;
    if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &len) != 1) return false;
    if (len != POINT_SIZE || point[0] != 4) return false;
    add_string(blob, SPAN("ecdsa-sha2-nistp256"));
    add_string(blob, SPAN("nistp256"));
    add_string(blob, span_make((const char *)point, len));
    return true;
}

static bool add_ed25519(EVP_PKEY *key, buf *blob) {
    unsigned char raw[RAW_SIZE];
    size_t len = sizeof raw;
    if (EVP_PKEY_get_raw_public_key(key, raw, &len) != 1 || len != sizeof raw) return false;
    add_string(blob, SPAN("ssh-ed25519"));
    add_string(blob, span_make((const char *)raw, len));
    return true;
}

static error *public_blob_of_pem(span pem, buf *blob) {
    EVP_PKEY *key = NULL;
    error *err = pem_read_key(pem, &key);
    if (err) return err;
    bool done = EVP_PKEY_is_a(key, "RSA")       ? add_rsa(key, blob)
                : EVP_PKEY_is_a(key, "EC")      ? add_p256(key, blob)
                : EVP_PKEY_is_a(key, "ED25519") ? add_ed25519(key, blob)
                                                : false;
    EVP_PKEY_free(key);
    ERR_clear_error();
    return done ? NULL : error_new(ERROR_UNSUPPORTED, "an SSH key is Ed25519, EC P-256 or RSA");
}

/* The base64 between the marks, without its line ends. */
static bool openssh_body(span text, buf *bytes) {
    text = span_trim(text);
    size_t begin = sizeof begin_mark - 2, end = sizeof end_mark - 2;
    if (text.len < begin + end || !span_starts(text, span_make(begin_mark, begin)) ||
        memcmp(text.data + text.len - end, end_mark, end) != 0)
        return false;
    buf base64 = BUF_MAX(2 * BLOB_MAX);
    for (size_t i = begin; i < text.len - end; i++)
        if (!strchr("\r\n", text.data[i])) buf_add_char(&base64, text.data[i]);
    bool done = !base64.overflow && base64_read(buf_span(&base64), bytes);
    if (base64.data) OPENSSL_cleanse(base64.data, base64.len);
    buf_free(&base64);
    return done;
}

static error *public_blob_of_openssh(span text, buf *blob) {
    buf bytes = BUF_MAX(BLOB_MAX);
    span rest = {NULL, 0}, cipher, kdf, options, key = rest;
    bool done = openssh_body(text, &bytes) && span_starts(buf_span(&bytes), MAGIC);
    if (done) {
        rest = span_make(bytes.data + MAGIC.len, bytes.len - MAGIC.len);
        done = take_string(&rest, &cipher) && take_string(&rest, &kdf) && take_string(&rest, &options) && rest.len > 4;
    }
    if (done) {
        rest = span_make(rest.data + 4, rest.len - 4); /* the number of keys */
        done = take_string(&rest, &key) && key.len > 4;
    }
    if (done) buf_add(blob, key);
    if (bytes.data) OPENSSL_cleanse(bytes.data, bytes.len);
    buf_free(&bytes);
    return done ? NULL : error_new(ERROR_INVALID, "the OpenSSH private key is malformed");
}

error *ssh_key_public_line(span private_text, const char *comment, char **line) {
    buf blob = BUF_MAX(BLOB_MAX), text = BUF_MAX(2 * BLOB_MAX);
    bool openssh = span_starts(span_trim(private_text), span_make(begin_mark, sizeof begin_mark - 2));
    for (const char *c = comment ? comment : ""; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7F)
            return error_new(ERROR_INVALID, "the comment of a key holds a control character");
    error *err = openssh ? public_blob_of_openssh(private_text, &blob) : public_blob_of_pem(private_text, &blob);
    span rest = buf_span(&blob), type = {NULL, 0};
    if (!err && !take_string(&rest, &type)) err = error_new(ERROR_INVALID, "the SSH key is malformed");
    if (!err) {
        buf_add(&text, type);
        buf_add_char(&text, ' ');
        base64_write(buf_span(&blob), &text);
        if (comment && *comment) buf_printf(&text, " %s", comment);
        err = buf_check(&text, "an SSH public key");
    }
    if (!err) *line = buf_take(&text, NULL);
    buf_free(&blob);
    buf_free(&text);
    return err;
}

error *ssh_key_fingerprint(span public_line, char fingerprint[SSH_FINGERPRINT_SIZE]) {
    span rest = span_trim(public_line), part = rest, first;
    if (span_split(&rest, ' ', &first)) part = first;
    if (rest.data) span_split(&rest, ' ', &part); /* the second of "type base64 comment" */
    buf blob = BUF_MAX(BLOB_MAX), text = BUF_MAX(SSH_FINGERPRINT_SIZE);
    span fields, type;
    bool read = base64_read(part, &blob);
    fields = buf_span(&blob);
    if (!read || !take_string(&fields, &type) || type.len == 0) {
        buf_free(&blob);
        return error_new(ERROR_INVALID, "that is no SSH public key: write \"type base64 comment\"");
    }
    unsigned char sum[DIGEST_BYTES_MAX];
    digest *d = digest_new(DIGEST_SHA256);
    digest_update(d, buf_span(&blob));
    digest_finish(d, sum);
    base64_write(span_make((const char *)sum, DIGEST_SIZE), &text);
    while (text.len && text.data[text.len - 1] == '=')
        text.data[--text.len] = '\0';
    snprintf(fingerprint, SSH_FINGERPRINT_SIZE, "SHA256:%s", buf_text(&text));
    buf_free(&blob);
    buf_free(&text);
    return NULL;
}

static void wipe(buf *b) {
    if (b->data) OPENSSL_cleanse(b->data, b->capacity);
    buf_free(b);
}

/* Lines of base64 between the marks. */
static char *armour(span bytes) {
    buf base64 = BUF_MAX(2 * BLOB_MAX), text = BUF_MAX(3 * BLOB_MAX);
    base64_write(bytes, &base64);
    buf_add_text(&text, begin_mark);
    for (size_t i = 0; i < base64.len; i += LINE_WIDTH) {
        buf_add(&text, span_make(base64.data + i, base64.len - i < LINE_WIDTH ? base64.len - i : LINE_WIDTH));
        buf_add_char(&text, '\n');
    }
    buf_add_text(&text, end_mark);
    wipe(&base64);
    char *copy = xspandup(buf_span(&text));
    wipe(&text);
    return copy;
}

static char *openssh_text(span public_key, span seed, const char *comment) {
    buf blob = BUF_MAX(BLOB_MAX), secret = BUF_MAX(BLOB_MAX), whole = BUF_MAX(2 * BLOB_MAX),
        pair = BUF_MAX(2 * RAW_SIZE);
    uint32_t check;
    id_random(&check, sizeof check);
    add_string(&blob, SPAN("ssh-ed25519"));
    add_string(&blob, public_key);
    buf_add(&pair, seed);
    buf_add(&pair, public_key);
    /* Twice the same number: a wrong passphrase would decrypt to two different ones. */
    add_u32(&secret, check);
    add_u32(&secret, check);
    buf_add(&secret, buf_span(&blob));
    add_string(&secret, buf_span(&pair));
    add_string(&secret, span_of(comment));
    for (int pad = 1; secret.len % CIPHER_BLOCK; pad++)
        buf_add_char(&secret, (char)pad);
    buf_add(&whole, MAGIC);
    add_string(&whole, SPAN("none"));
    add_string(&whole, SPAN("none"));
    add_string(&whole, SPAN(""));
    add_u32(&whole, 1);
    add_string(&whole, buf_span(&blob));
    add_string(&whole, buf_span(&secret));
    char *text = armour(buf_span(&whole));
    wipe(&pair);
    wipe(&secret);
    wipe(&whole);
    buf_free(&blob);
    return text;
}

static error *new_ed25519(const char *comment, char **private_text) {
    unsigned char public_key[RAW_SIZE], seed[RAW_SIZE];
    size_t public_len = RAW_SIZE, seed_len = RAW_SIZE;
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    bool done = key && EVP_PKEY_get_raw_public_key(key, public_key, &public_len) == 1 &&
                EVP_PKEY_get_raw_private_key(key, seed, &seed_len) == 1;
    EVP_PKEY_free(key);
    if (!done) return pem_error(ERROR_INTERNAL, "cannot make a key");
    *private_text =
        openssh_text(span_make((const char *)public_key, public_len), span_make((const char *)seed, seed_len), comment);
    OPENSSL_cleanse(seed, sizeof seed);
    return NULL;
}

error *ssh_key_new(ssh_key_kind kind, const char *comment, char **private_text) {
    if (comment && strlen(comment) > 256) return error_new(ERROR_INVALID, "the comment of a key is too long");
    return kind == SSH_KEY_P256 ? key_new(KEY_P256, private_text) : new_ed25519(comment ? comment : "", private_text);
}
