/* adapters/http/sign.h: signatures of what is delivered, as Standard Webhooks has them (v1, HMAC-SHA256), so that the
 * receiver knows who sent it, when, and that nobody changed it. */
#ifndef BANYAN_ADAPTERS_HTTP_SIGN_H
#define BANYAN_ADAPTERS_HTTP_SIGN_H

#include "core/base/buf.h"

/* "whsec_" and base64 of 24 to 64 bytes. */
must_check error *sign_check_secret(span secret);

/* "v1,BASE64" of `id`.`seconds`.body, the body from memory or, when `fd` is not -1, from `size` bytes of a file. */
must_check error *sign_webhook(
    span secret, const char *id, int64_t seconds, span body, int fd, uint64_t size, buf *signature);

#endif
