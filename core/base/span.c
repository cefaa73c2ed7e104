/* core/base/span.c: see span.h. */
#include "core/base/span.h"

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

span span_trim(span a) {
    while (a.len > 0 && is_blank(a.data[0])) {
        a.data++;
        a.len--;
    }
    while (a.len > 0 && is_blank(a.data[a.len - 1]))
        a.len--;
    return a;
}

bool span_split(span *rest, char separator, span *part) {
    if (!rest->data) return false;
    const char *hit = rest->len ? memchr(rest->data, separator, rest->len) : NULL;
    if (!hit) {
        *part = *rest;
        *rest = (span){NULL, 0};
        return true;
    }
    size_t before = (size_t)(hit - rest->data);
    *part = span_make(rest->data, before);
    *rest = span_make(hit + 1, rest->len - before - 1);
    return true;
}

bool span_to_u64(span a, uint64_t minimum, uint64_t maximum, uint64_t *value) {
    uint64_t sum = 0;
    if (a.len == 0) return false;
    for (size_t i = 0; i < a.len; i++) {
        if (a.data[i] < '0' || a.data[i] > '9') return false;
        if (__builtin_mul_overflow(sum, 10u, &sum)) return false;
        if (__builtin_add_overflow(sum, (uint64_t)(a.data[i] - '0'), &sum)) return false;
    }
    if (sum < minimum || sum > maximum) return false;
    *value = sum;
    return true;
}

bool span_to_i64(span a, int64_t minimum, int64_t maximum, int64_t *value) {
    bool negative = a.len > 0 && a.data[0] == '-';
    uint64_t magnitude;
    if (negative) a = span_make(a.data + 1, a.len - 1);
    if (!span_to_u64(a, 0, (uint64_t)INT64_MAX + negative, &magnitude)) return false;
    /* The smallest number has no positive twin: negate one less. */
    int64_t signed_value = !negative || magnitude == 0 ? (int64_t)magnitude : -(int64_t)(magnitude - 1) - 1;
    if (signed_value < minimum || signed_value > maximum) return false;
    *value = signed_value;
    return true;
}

/* Length of the sequence that `lead` opens and the range its second byte must be in; 0 for a byte that opens none. */
static size_t sequence(unsigned char lead, unsigned char *low, unsigned char *high) {
    *low = 0x80;
    *high = 0xBF;
    if (lead < 0x80) return 1;
    if (lead < 0xC2) return 0;
    if (lead < 0xE0) return 2;
    if (lead < 0xF0) {
        if (lead == 0xE0) *low = 0xA0;
        if (lead == 0xED) *high = 0x9F;
        return 3;
    }
    if (lead < 0xF5) {
        if (lead == 0xF0) *low = 0x90;
        if (lead == 0xF4) *high = 0x8F;
        return 4;
    }
    return 0;
}

bool span_is_utf8(span a) {
    const unsigned char *bytes = (const unsigned char *)a.data;
    for (size_t i = 0; i < a.len;) {
        unsigned char low, high;
        uint64_t four[4], eight; /* nearly all text is ASCII */
        if (a.len - i >= sizeof four) {
            memcpy(four, bytes + i, sizeof four);
            if (!((four[0] | four[1] | four[2] | four[3]) & UINT64_C(0x8080808080808080))) {
                i += sizeof four;
                continue;
            }
        }
        if (a.len - i >= sizeof eight) {
            memcpy(&eight, bytes + i, sizeof eight);
            if (!(eight & UINT64_C(0x8080808080808080))) {
                i += sizeof eight;
                continue;
            }
        }
        size_t n = sequence(bytes[i], &low, &high);
        if (n == 0 || n > a.len - i) return false;
        if (n > 1 && (bytes[i + 1] < low || bytes[i + 1] > high)) return false;
        for (size_t k = 2; k < n; k++) {
            if (bytes[i + k] < 0x80 || bytes[i + k] > 0xBF) return false;
        }
        i += n;
    }
    return true;
}
