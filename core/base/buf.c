/* core/base/buf.c: see buf.h. */
#include "core/base/buf.h"

#include "core/base/memory.h"

#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { LARGE_PAGE = 2 << 20, LARGE_FROM = 8 << 20 };

/* How many more bytes may be added. The terminator must have room too, even without a limit. */
static size_t room_left(const buf *b) {
    size_t maximum = b->maximum < SIZE_MAX - 1 ? b->maximum : SIZE_MAX - 1;
    return maximum - b->len;
}

char *buf_reserve(buf *b, size_t size) {
    if (size > room_left(b)) {
        b->overflow = true;
        return NULL;
    }
    size_t needed = b->len + size + 1;
    if (needed > b->capacity) {
        size_t capacity = b->capacity ? b->capacity : 64;
        while (capacity < needed)
            capacity = capacity > SIZE_MAX / 2 ? needed : capacity * 2;
        if (capacity > b->len + room_left(b) + 1) capacity = b->len + room_left(b) + 1;
        b->data = xrealloc(b->data, capacity);
        b->capacity = capacity;
    }
    return b->data + b->len;
}

void buf_expect(buf *b, size_t size) {
    if (size > room_left(b)) size = room_left(b);
    size_t needed = b->len + size + 1;
    if (size < LARGE_FROM || needed <= b->capacity) return;
    b->data = xrealloc(b->data, needed);
    b->capacity = needed;
    size_t skipped = (size_t)(-(uintptr_t)b->data & (LARGE_PAGE - 1));
    if (skipped < needed) (void)madvise(b->data + skipped, needed - skipped, MADV_HUGEPAGE);
}

void buf_grew(buf *b, size_t size) {
    b->len += size;
    b->data[b->len] = '\0';
}

void buf_add(buf *b, span bytes) {
    if (bytes.len > room_left(b)) {
        b->overflow = true;
        bytes.len = room_left(b);
    }
    if (bytes.len == 0) return;
    char *room = buf_reserve(b, bytes.len);
    memcpy(room, bytes.data, bytes.len);
    buf_grew(b, bytes.len);
}

void buf_add_text(buf *b, const char *text) {
    buf_add(b, span_of(text));
}

void buf_add_char(buf *b, char c) {
    if (b->len + 1 < b->capacity) { /* there is room, for the terminator too */
        b->data[b->len++] = c;
        b->data[b->len] = '\0';
        return;
    }
    buf_add(b, span_make(&c, 1));
}

void buf_printf(buf *b, const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *text = xvasprintf(format, args);
    va_end(args);
    buf_add_text(b, text);
    free(text);
}

void buf_consume(buf *b, size_t size) {
    if (size == 0) return;
    b->len -= size;
    memmove(b->data, b->data + size, b->len);
    b->data[b->len] = '\0';
}

void buf_clear(buf *b) {
    b->len = 0;
    b->overflow = false;
    if (b->data) b->data[0] = '\0';
}

void buf_free(buf *b) {
    free(b->data);
    *b = BUF_MAX(b->maximum);
}

char *buf_take(buf *b, size_t *len) {
    char *data = b->data ? b->data : xstrdup("");
    if (len) *len = b->len;
    *b = BUF_MAX(b->maximum);
    return data;
}

error *buf_check(const buf *b, const char *what) {
    if (!b->overflow) return NULL;
    return error_new(ERROR_LIMIT, "%s is larger than %zu bytes", what, b->maximum);
}
