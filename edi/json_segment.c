/* edi/json_segment.c: see json_segment.h. */
#include "edi/json_segment.h"

#include "edi/look_avx2.h"

enum { STRIDE = 16 };

void json_segment_look(edi_look *look, const edi_delimiters *d) {
    bool plain[128] = {false};
    for (unsigned c = ' '; c < 0x7F; c++)
        plain[c] = c != '"' && c != '\\' && !edi_is_delimiter(d, (char)c);
    edi_look_make(look, d->element, d->component, plain);
}

/* Copies in strides: up to fifteen bytes more are read and written. */
EDI_INLINE char *copy(char *out, const char *from, size_t len) {
    memcpy(out, from, STRIDE);
    for (size_t at = STRIDE; at < len; at += STRIDE)
        memcpy(out + at, from + at, STRIDE);
    return out + len;
}

EDI_INLINE char *write_text(char *out, const char *from, size_t len) {
    *out++ = '"';
    out = copy(out, from, len);
    memcpy(out, "\",", 2);
    return out + 2;
}

EDI_INLINE char *write_components(char *out, const char *bytes, uint64_t cuts, unsigned from, unsigned to) {
    *out++ = '[';
    for (; cuts; cuts &= cuts - 1) {
        unsigned cut = edi_first_bit(cuts);
        out = write_text(out, bytes + from, cut - from);
        from = cut + 1;
    }
    out = write_text(out, bytes + from, to - from);
    memcpy(out - 1, "],", 2);
    return out + 1;
}

EDI_INLINE char *write_segment(const edi_look *look, const edi_segment *segment, char *out, edi_look_path glance) {
    const char *at = segment->raw.data, *end = at + segment->raw.len;
    memcpy(out, "{\"", 2);
    memcpy(out + 2, at, 4);
    out += 2 + segment->tag.len;
    memcpy(out, "\":[", 4);
    out += 3;
    at += segment->tag.len + 1;
    do { /* glances, each from where an element begins */
        edi_glance found;
        unsigned visible = end - at < EDI_GLANCE ? (unsigned)(end - at) : EDI_GLANCE, from = 0;
        glance(at, visible, look, &found);
        uint64_t over = visible < EDI_GLANCE ? UINT64_C(1) << visible : 0; /* where the segment ends */
        uint64_t ends = (found.first & (over - 1)) | over, seconds = found.second;
        if ((found.odd & (over - 1)) || !ends) return NULL;
        do {
            unsigned to = edi_first_bit(ends);
            uint64_t cuts = seconds & edi_up_to_first(ends);
            ends &= ends - 1;
            if (cuts) {
                seconds ^= cuts;
                out = write_components(out, at, cuts, from, to);
            } else {
                out = write_text(out, at + from, to - from);
            }
            from = to + 1;
        } while (ends);
        at += from;
    } while (at <= end);
    memcpy(out - 1, "]}", 2);
    return out + 1;
}

#if defined(__x86_64__)
EDI_AVX2 EDI_HOT static char *write_avx2(const edi_look *look, const edi_segment *segment, char *out) {
    return write_segment(look, segment, out, edi_glance_avx2);
}
#endif

static char *write_plain(const edi_look *look, const edi_segment *segment, char *out) {
    return write_segment(look, segment, out, edi_glance_plain);
}

EDI_HOT char *json_segment_write(const edi_look *look, const edi_segment *segment, char *out) {
#if defined(__x86_64__)
    if (look->avx2) return write_avx2(look, segment, out);
#endif
    return write_plain(look, segment, out);
}

/* --------------------------------------------------------------------------------------------------------------- back
 */

void json_segment_look_back(edi_look *look, const edi_delimiters *d) {
    bool plain[128] = {false};
    for (unsigned c = ' '; c < 0x7F; c++)
        plain[c] = c != '"' && c != '\\' && !edi_is_delimiter(d, (char)c);
    edi_look_make(look, '"', 0, plain);
}

static inline bool is_tag_byte(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* {"PO1":[ -- the length of the tag, 0 for anything else. ISA has its own rules. */
EDI_INLINE size_t read_tag(const char *at) {
    size_t len = at[4] == '"' ? 2 : 3;
    if (memcmp(at, "{\"", 2) != 0 || memcmp(at + 2 + len, "\":[", 3) != 0) return 0;
    for (size_t i = 0; i < len; i++)
        if (!is_tag_byte(at[2 + i])) return 0;
    bool loop = at[2] <= '9'; /* "2300" */
    return loop || memcmp(at + 2, "ISA", 3) == 0 ? 0 : len;
}

/* Texts, and arrays of texts, up to the end of the segment. Each text is found by its quotes. */
EDI_INLINE const char *read_texts(const edi_look *look, const edi_delimiters *d, const char *bytes, const char *end,
    char **to, const char *limit, edi_look_path glance) {
    uint64_t quotes = 0, odd = 0;
    unsigned at = 0;     /* in the glance */
    bool inside = false; /* an array */
    char *out = *to;
    for (;;) {
        if (!inside && bytes[at] == '[' && d->component) {
            inside = true;
            at++;
        }
        if ((quotes & (quotes - 1)) == 0) { /* less than a whole text in sight */
            edi_glance found;
            bytes += at;
            at = 0;
            if (end - bytes < EDI_GLANCE_MARGIN || limit - out < EDI_GLANCE_MARGIN) return NULL;
            glance(bytes, EDI_GLANCE, look, &found);
            quotes = found.first;
            odd = found.odd;
            if ((quotes & (quotes - 1)) == 0) return NULL;
        }
        unsigned open = edi_first_bit(quotes);
        quotes &= quotes - 1;
        unsigned close = edi_first_bit(quotes);
        quotes &= quotes - 1;
        if (open != at || (odd & (edi_bits(0, close) >> open << open))) return NULL;
        out = copy(out, bytes + open + 1, close - open - 1);
        at = close + 1;
        if (inside && bytes[at] == ']') {
            inside = false;
            at++;
        }
        if (bytes[at] != ',') break;
        *out++ = inside ? d->component : d->element;
        at++;
    }
    if (inside || bytes[at] != ']' || bytes[at + 1] != '}') return NULL;
    *to = out;
    return bytes + at + 2;
}

EDI_INLINE const char *read_segment(const edi_look *look, const edi_delimiters *d, const char *at, const char *end,
    char **to, const char *limit, edi_look_path glance) {
    if (end - at < EDI_GLANCE_MARGIN) return NULL;
    size_t tag_len = read_tag(at);
    char *out = *to;
    if (tag_len == 0) return NULL;
    memcpy(out, at + 2, 4);
    out += tag_len;
    *out++ = d->tag;
    const char *behind = read_texts(look, d, at + tag_len + 5, end, &out, limit, glance);
    if (behind) *to = out;
    return behind;
}

#if defined(__x86_64__)
EDI_AVX2 EDI_HOT static const char *read_avx2(
    const edi_look *look, const edi_delimiters *d, const char *at, const char *end, char **out, const char *limit) {
    return read_segment(look, d, at, end, out, limit, edi_glance_avx2);
}
#endif

static const char *read_plain(
    const edi_look *look, const edi_delimiters *d, const char *at, const char *end, char **out, const char *limit) {
    return read_segment(look, d, at, end, out, limit, edi_glance_plain);
}

EDI_HOT const char *json_segment_read(
    const edi_look *look, const edi_delimiters *d, const char *at, const char *end, char **out, const char *limit) {
#if defined(__x86_64__)
    if (look->avx2) return read_avx2(look, d, at, end, out, limit);
#endif
    return read_plain(look, d, at, end, out, limit);
}
