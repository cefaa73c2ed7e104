/* adapters/http/sign.c: see sign.h. */
#include "adapters/http/sign.h"

#include "core/base/base64.h"
#include "core/crypto/hmac.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SECRET_MIN = 24, SECRET_MAX = 64, CHUNK = 16 * 1024 };

static const span mark = {"whsec_", 6};

static bool read_secret(span secret, buf *key) {
    return span_starts(secret, mark) && base64_read(span_make(secret.data + mark.len, secret.len - mark.len), key) &&
           key->len >= SECRET_MIN && key->len <= SECRET_MAX;
}

static void wipe(buf *key) {
    if (key->data) explicit_bzero(key->data, key->len);
    buf_free(key);
}

error *sign_check_secret(span secret) {
    buf key = BUF_MAX(SECRET_MAX * 2);
    bool good = read_secret(secret, &key);
    wipe(&key);
    return good ? NULL : error_new(ERROR_INVALID, "must be whsec_ and the base64 of 24 to 64 random bytes");
}

static error *add_file(hmac *h, int fd, uint64_t size) {
    char chunk[CHUNK];
    for (uint64_t done = 0; done < size;) {
        size_t room = size - done < sizeof chunk ? (size_t)(size - done) : sizeof chunk;
        ssize_t len = pread(fd, chunk, room, (off_t)done);
        if (len < 0 && errno == EINTR) continue;
        if (len <= 0) return error_new(ERROR_IO, "the body cannot be read to be signed");
        hmac_update(h, span_make(chunk, (size_t)len));
        done += (uint64_t)len;
    }
    return NULL;
}

error *sign_webhook(span secret, const char *id, int64_t seconds, span body, int fd, uint64_t size, buf *signature) {
    buf key = BUF_MAX(SECRET_MAX * 2);
    char time[32];
    unsigned char sum[DIGEST_BYTES_MAX];
    if (!read_secret(secret, &key)) {
        wipe(&key);
        return sign_check_secret(secret);
    }
    hmac *h = hmac_new(DIGEST_SHA256, buf_span(&key));
    snprintf(time, sizeof time, ".%lld.", (long long)seconds);
    hmac_update(h, span_of(id));
    hmac_update(h, span_of(time));
    if (fd < 0) hmac_update(h, body);
    error *err = fd < 0 ? NULL : add_file(h, fd, size);
    size_t len = hmac_finish(h, sum);
    buf_add_text(signature, "v1,");
    base64_write(span_make((const char *)sum, len), signature);
    wipe(&key);
    return err;
}
