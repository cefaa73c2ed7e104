/* edi/check_plain.c: the quick look at a segment: is it plainly right?
 *
 * Nearly all segments are. They are looked at sixty-four bytes at once (look.h), so that a place costs some
 * instructions whatever stands in it. A "yes" says what check_elements.c would say after its long look: nothing to
 * tell. A "no" says nothing; the long look follows. So no rule stands here alone, and none is weaker than there.
 */
#include "edi/check_internal.h"
#include "edi/look_avx2.h"
#include "edi/schema_quick.h"
#include "edi/value.h"

typedef struct seen {
    const char *bytes;
    edi_glance glance;
    char mark;
} seen;

static bool is_date(const char *v, size_t len) {
    unsigned month = (unsigned)(v[4] - '0') * 10 + (unsigned)(v[5] - '0');
    unsigned day = (unsigned)(v[6] - '0') * 10 + (unsigned)(v[7] - '0');
    if (len == 8 && v[0] != '0' && month - 1 < 12 && day - 1 < 28) return true;
    return edi_is_date(span_make(v, len));
}

static bool is_moment(unsigned kind, const char *value, size_t len) {
    return kind == EDI_QUICK_DATE ? is_date(value, len) : edi_is_time(span_make(value, len));
}

static bool is_code(const edi_quick *quick, const char *value, unsigned len) {
    return len <= 8 && edi_code_keys_have(quick->codes, edi_pack(value, len));
}

/* Values that are not digits alone where digits are usual: letters, a decimal mark with digits on both sides of it, a
 * leading minus. Neither minus nor mark counts in the length. */
static __attribute__((noinline)) bool unusual_right(const seen *s, const edi_quick *quick, unsigned from, unsigned to) {
    const char *value = s->bytes + from;
    unsigned len = to - from;
    if (*value == ' ' || quick->codes) return false;
    if (quick->kind == EDI_QUICK_ALPHA)
        return !(edi_bits(from, to) & s->glance.digit) && len - quick->min <= quick->range;
    if (quick->kind != EDI_QUICK_DIGITS && quick->kind != EDI_QUICK_DECIMAL) return false;
    if (*value == '-' && ++from == to) return false;
    uint64_t others = edi_bits(from, to) & ~s->glance.digit;
    len = to - from - (others != 0);
    if (len - quick->min > quick->range) return false;
    if (!others) return true;
    unsigned at = edi_first_bit(others);
    return quick->kind == EDI_QUICK_DECIMAL && (others & (others - 1)) == 0 && s->bytes[at] == s->mark && at > from &&
           at + 1 < to;
}

/* The value that stands from `from` to `to`, which is not empty and holds nothing odd; `others` of it are no digits. */
EDI_INLINE bool value_right(const seen *s, const edi_quick *quick, unsigned from, unsigned to, uint64_t others) {
    unsigned len = to - from;
    const char *value = s->bytes + from;
    if (quick->digits) {
        if (others) return unusual_right(s, quick, from, to);
        if (quick->kind == EDI_QUICK_ALPHA) return false;
    } else if (*value == ' ') {
        return false;
    }
    if (len - quick->min > quick->range) return false;
    if (quick->codes && !is_code(quick, value, len)) return false;
    return !quick->moment || is_moment(quick->kind, value, len);
}

static bool notes_right(edi_checker *c, const edi_slots *slots, uint64_t present) {
    size_t at = (size_t)((uintptr_t)slots >> 4 ^ present * 0x9E37) % PRESENCES;
    check_presence_right *known = &c->presences[at];
    if (known->slots == slots && known->present == present) return true;
    for (size_t i = 0; i < slots->note_count; i++)
        if (!edi_note_holds(&slots->notes[i], present)) return false;
    *known = (check_presence_right){.slots = slots, .present = present};
    return true;
}

/* What must be there is, and the syntax notes hold. Nearly always it is the same that was there the last time. */
EDI_INLINE bool presence_right(edi_checker *c, const edi_slots *slots, uint64_t present) {
    if (slots->mandatory & ~present) return false;
    return slots->note_count == 0 || notes_right(c, slots, present);
}

/* The date in the second part of a composite, by the format in its third. */
static __attribute__((noinline)) bool dated_right(const seen *s, uint64_t cuts, unsigned to) {
    char iso[EDI_DATE_SIZE];
    unsigned second = edi_first_bit(cuts) + 1;
    cuts &= cuts - 1;
    unsigned third = edi_first_bit(cuts) + 1;
    cuts &= cuts - 1;
    unsigned end = cuts ? edi_first_bit(cuts) : to;
    span value = span_make(s->bytes + second, third - 1 - second), format = span_make(s->bytes + third, end - third);
    if (format.len == 3 && value.len == 8 && memcmp(format.data, "102", 3) == 0 &&
        (edi_bits(second, third - 1) & ~s->glance.digit) == 0)
        return is_date(value.data, value.len);
    return edi_formatted_date(value, format, iso);
}

EDI_INLINE bool composite_right(
    edi_checker *c, const seen *s, const edi_quick *quick, uint64_t cuts, unsigned from, unsigned to, uint64_t others) {
    const edi_slots *slots = quick->composite;
    const edi_quick *place = slots->quick, *last = place + slots->count;
    uint64_t ends = cuts | UINT64_C(1) << to, present = 0, bit = 2;
    do {
        unsigned end = edi_first_bit(ends);
        uint64_t below = edi_up_to_first(ends);
        ends &= ends - 1;
        if (place == last) return false;
        if (end > from) {
            if (!value_right(s, place, from, end, others & below)) return false;
            present |= bit;
        } else if (!ends) {
            return false; /* an empty component at the end */
        }
        others &= ~below;
        from = end + 1;
        place++;
        bit <<= 1;
    } while (ends);
    if (!presence_right(c, slots, present)) return false;
    return !quick->dated || (present & 0xC) != 0xC || dated_right(s, cuts, to);
}

/* The date (element 1251) behind its format (1250). */
static __attribute__((noinline)) bool period_right(const edi_checker *c, const edi_segment *segment, unsigned place) {
    span format = edi_part(segment->raw, c->delimiters.element, 0, place);
    const char *behind = format.data + format.len + 1;
    span rest = span_make(behind, (size_t)(segment->raw.data + segment->raw.len - behind)), value;
    return edi_next_part(&rest, c->delimiters.element, 0, &value) && edi_period_exists(value, format);
}

EDI_INLINE bool segment_right(
    edi_checker *c, const edi_segment_type *type, const edi_segment *segment, edi_look_path glance) {
    const edi_slots *slots = &type->slots;
    const edi_quick *quick = slots->quick, *last = quick + slots->count;
    const char *end = segment->raw.data + segment->raw.len, *at = segment->raw.data + segment->tag.len + 1;
    uint64_t present = 0, bit = 2;
    seen s = {.mark = c->delimiters.decimal};
    do { /* glances, each from where an element begins */
        unsigned visible = end - at < EDI_GLANCE ? (unsigned)(end - at) : EDI_GLANCE, from = 0;
        glance(at, visible, &c->look, &s.glance);
        s.bytes = at;
        uint64_t over = visible < EDI_GLANCE ? UINT64_C(1) << visible : 0; /* where the segment ends */
        uint64_t ends = (s.glance.first & (over - 1)) | over, seconds = s.glance.second;
        uint64_t others = ~(s.glance.digit | seconds | ends);
        if ((s.glance.odd & (over - 1)) || !ends) return false;
        do {
            unsigned to = edi_first_bit(ends);
            uint64_t below = edi_up_to_first(ends), cuts = seconds & below;
            ends &= ends - 1;
            if (quick == last) return false;
            if (to > from) {
                if (quick->kind == EDI_QUICK_COMPOSITE) {
                    if (!composite_right(c, &s, quick, cuts, from, to, others & below)) return false;
                } else if (cuts || !value_right(&s, quick, from, to, others & below)) {
                    return false;
                }
                present |= bit;
            } else if (at + to == end) {
                return false; /* an empty element at the end */
            }
            others &= ~below;
            seconds &= ~below;
            quick++;
            bit <<= 1;
            from = to + 1;
        } while (ends);
        at += from;
    } while (at <= end);
    if (!presence_right(c, slots, present)) return false;
    return !type->period || (present >> type->period & 3) != 3 || period_right(c, segment, type->period);
}

#if defined(__x86_64__)
EDI_AVX2 EDI_HOT static bool segment_right_avx2(
    edi_checker *c, const edi_segment_type *type, const edi_segment *segment) {
    return segment_right(c, type, segment, edi_glance_avx2);
}
#endif

static bool segment_right_plain(edi_checker *c, const edi_segment_type *type, const edi_segment *segment) {
    return segment_right(c, type, segment, edi_glance_plain);
}

EDI_HOT bool edi_check_plain(edi_checker *c, const edi_segment_type *type, const edi_segment *segment) {
    if (!segment->plain || !type->slots.quick) return false;
#if defined(__x86_64__)
    if (c->look.avx2) return segment_right_avx2(c, type, segment);
#endif
    return segment_right_plain(c, type, segment);
}
