/* core/base/span.h: a borrowed run of bytes, pointer and length.
 *
 * Spans stand where bytes come from outside: they need no terminator and may hold NUL. A span never owns; whoever
 * returns one says how long it lives. The empty span may have a NULL pointer.
 */
#ifndef BANYAN_BASE_SPAN_H
#define BANYAN_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define must_check __attribute__((warn_unused_result))

typedef struct span {
    const char *data;
    size_t len;
} span;

/* A string literal as a span, without its terminator. */
#define SPAN(literal) ((span){(literal), sizeof(literal) - 1})

static inline span span_of(const char *text) {
    return (span){text, text ? strlen(text) : 0};
}

static inline span span_make(const char *data, size_t len) {
    return (span){data, len};
}

static inline bool span_equal(span a, span b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool span_is(span a, const char *text) {
    return span_equal(a, span_of(text));
}

static inline bool span_starts(span a, span prefix) {
    return a.len >= prefix.len && (prefix.len == 0 || memcmp(a.data, prefix.data, prefix.len) == 0);
}

/* `a` without the blanks, tabs, CR and LF around it. */
span span_trim(span a);

/* Up to the first `separator`, which is dropped; moves `rest` behind it. False when `rest` was already used up (its
 * data is NULL). */
bool span_split(span *rest, char separator, span *part);

/* Unsigned decimal digits only, in [minimum, maximum]; false (and `value` untouched) for anything else, overflow
 * included. */
must_check bool span_to_u64(span a, uint64_t minimum, uint64_t maximum, uint64_t *value);

/* As span_to_u64, with an optional leading minus. */
must_check bool span_to_i64(span a, int64_t minimum, int64_t maximum, int64_t *value);

/* Is every byte part of well-formed UTF-8 (Unicode 15 table 3-7: no surrogates, no overlong forms)? */
bool span_is_utf8(span a);

#endif
