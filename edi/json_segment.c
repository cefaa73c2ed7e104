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
