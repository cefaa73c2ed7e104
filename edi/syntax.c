/* edi/syntax.c: see syntax.h. */
#include "edi/syntax.h"

const char *edi_standard_name(edi_standard standard) {
    static const char *const names[] = {"none", "X12", "EDIFACT", "TRADACOMS"};
    return names[standard];
}

edi_standard edi_standard_named(span name) {
    for (int i = EDI_X12; i <= EDI_TRADACOMS; i++) {
        if (span_is(name, edi_standard_name((edi_standard)i))) return (edi_standard)i;
    }
    return EDI_NONE;
}

edi_delimiters edi_delimiters_default(edi_standard standard) {
    switch (standard) {
    case EDI_X12:
        return (edi_delimiters){.standard = EDI_X12,
            .tag = '*',
            .element = '*',
            .component = ':',
            .repetition = '^',
            .terminator = '~',
            .decimal = '.'};
    case EDI_TRADACOMS:
        return (edi_delimiters){.standard = EDI_TRADACOMS,
            .tag = '=',
            .element = '+',
            .component = ':',
            .release = '?',
            .terminator = '\'',
            .decimal = '.'};
    case EDI_EDIFACT:
    case EDI_NONE: break;
    }
    return (edi_delimiters){.standard = EDI_EDIFACT,
        .tag = '+',
        .element = '+',
        .component = ':',
        .release = '?',
        .terminator = '\'',
        .decimal = '.'};
}

bool edi_is_delimiter(const edi_delimiters *d, char c) {
    return c == d->element || c == d->terminator || (d->component && c == d->component) ||
           (d->repetition && c == d->repetition) || (d->release && c == d->release);
}

span edi_part(span whole, char separator, char release, size_t index) {
    span part;
    while (edi_next_part(&whole, separator, release, &part)) {
        if (index-- == 0) return part;
    }
    return (span){NULL, 0};
}

size_t edi_part_count(span whole, char separator, char release) {
    size_t count = 0;
    span part;
    while (edi_next_part(&whole, separator, release, &part))
        count++;
    return count;
}

span edi_component(const edi_delimiters *d, span element, size_t repetition, size_t component) {
    span repeated = element;
    if (d->repetition) {
        repeated = edi_part(element, d->repetition, d->release, repetition);
    } else if (repetition > 0) {
        return (span){NULL, 0};
    }
    return edi_part(repeated, d->component, d->release, component);
}

bool edi_needs_decoding(const edi_delimiters *d, span raw) {
    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.data[i];
        if ((c == d->release && d->release) || edi_is_break(c)) return true;
    }
    return false;
}

size_t edi_decode(const edi_delimiters *d, span raw, char *out) {
    size_t len = 0;
    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.data[i];
        if (edi_is_break(c)) continue;
        if (c == d->release && d->release) {
            do
                i++;
            while (i < raw.len && edi_is_break(raw.data[i]));
            if (i == raw.len) break;
            c = raw.data[i];
        }
        out[len++] = c;
    }
    return len;
}

size_t edi_characters(const edi_delimiters *d, span raw, bool utf8) {
    size_t count = 0;
    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.data[i];
        if (c == d->release && d->release && i + 1 < raw.len) c = raw.data[++i];
        if (edi_is_break(c) || (utf8 && ((unsigned char)c & 0xC0u) == 0x80u)) continue;
        count++;
    }
    return count;
}
