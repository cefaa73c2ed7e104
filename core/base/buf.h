/* core/base/buf.h: a growable byte buffer with a mandatory maximum.
 *
 * Appending beyond the maximum does not grow: the buffer remembers that it overflowed, drops what came too much, and
 * the caller asks once at the end. The content is always terminated by a NUL that does not count.
 */
#ifndef BANYAN_BASE_BUF_H
#define BANYAN_BASE_BUF_H

#include "core/base/error.h"

typedef struct buf {
    char *data; /* NULL until the first byte */
    size_t len, capacity, maximum;
    bool overflow;
} buf;

#define BUF_MAX(maximum_bytes)                                                                                         \
    ((buf){.data = NULL, .len = 0, .capacity = 0, .maximum = (maximum_bytes), .overflow = false})

void buf_add(buf *b, span bytes);
void buf_add_text(buf *b, const char *text);
void buf_add_char(buf *b, char c);
void buf_printf(buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Room for `size` more bytes, to be filled by the caller, who then calls buf_grew; NULL when that would pass the
 * maximum. */
char *buf_reserve(buf *b, size_t size);
void buf_grew(buf *b, size_t size);

/* A hint that about `size` bytes will be added: much is allocated as one piece now, in large pages where the system has
 * them, as a fault for every four kilobytes takes longer than what most writers write there. The maximum holds. */
void buf_expect(buf *b, size_t size);

/* Drops the first `size` bytes. */
void buf_consume(buf *b, size_t size);
void buf_clear(buf *b); /* keeps the memory */
void buf_free(buf *b);

static inline span buf_span(const buf *b) {
    return span_make(b->data ? b->data : "", b->len);
}

/* The text, terminated; lives until the next change. */
static inline const char *buf_text(const buf *b) {
    return b->data ? b->data : "";
}

/* Passes the memory to the caller and leaves the buffer empty. Never NULL. */
char *buf_take(buf *b, size_t *len);

/* ERROR_LIMIT naming `what` when the buffer overflowed. */
must_check error *buf_check(const buf *b, const char *what);

#endif
