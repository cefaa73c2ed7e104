/* edi/header.c: see header.h. */
#include "edi/header.h"

#include <stdio.h>

enum { ISA_LEN = 106, ISA_ELEMENTS = 16, ISA_SEARCH = 512 };

/* Lengths of ISA01 to ISA16 (X12.5 §3.3). */
static const unsigned char isa_lengths[ISA_ELEMENTS] = {2, 10, 2, 10, 2, 15, 2, 15, 6, 4, 1, 5, 9, 1, 1, 1};

static bool can_separate(char c) {
    return (unsigned char)c < 0x80 && (unsigned char)c > 0 && c != ' ' && !edi_is_alphanumeric(c);
}

static void fail(edi_header *h, edi_fault_code code, unsigned element, size_t at) {
    h->faulty = true;
    h->fault = code;
    h->fault_element = element;
    h->fault_at = at;
}

/* Names a byte so that a person can find it. */
static const char *byte_name(char c, char *room) {
    if ((unsigned char)c > ' ' && (unsigned char)c < 0x7F) {
        snprintf(room, 8, "%c", c);
    } else {
        snprintf(room, 8, "0x%02X", (unsigned char)c);
    }
    return room;
}

/* Where the 16 element separators stand, line breaks left out of the count when the header is wrapped. Returns how
 * many were found. `at` begins with ISA. */
static unsigned find_separators(span at, size_t *positions) {
    char separator = at.data[3];
    size_t limit = at.len < ISA_SEARCH ? at.len : ISA_SEARCH;
    unsigned count = 0;
    for (size_t i = 3; i < limit && count < ISA_ELEMENTS; i++) {
        if (at.data[i] == separator) positions[count++] = i;
    }
    return count;
}

static size_t length_without_breaks(span at, size_t from, size_t to) {
    size_t len = 0;
    for (size_t i = from; i < to; i++)
        len += !edi_is_break(at.data[i]);
    return len;
}

static void check_isa_delimiters(edi_header *h, span at, bool *refused) {
    const edi_delimiters *d = &h->delimiters;
    char name[8];
    *refused = true;
    if (!can_separate(d->component) || edi_is_break(d->component)) {
        fail(h, EDI_FAULT_DELIMITER_INVALID, 16, h->end - 1);
        snprintf(h->text, sizeof h->text, "%s cannot be the component separator", byte_name(d->component, name));
    } else if (!can_separate(d->terminator)) {
        fail(h, EDI_FAULT_DELIMITER_INVALID, 16, h->end);
        snprintf(h->text, sizeof h->text, "%s cannot be the segment terminator", byte_name(at.data[h->end], name));
    } else if (d->component == d->element || d->component == d->terminator || d->terminator == d->element) {
        fail(h, EDI_FAULT_DELIMITER_CLASH, 16, h->end - 1);
        snprintf(h->text, sizeof h->text, "two of the separators of element, component and segment are the same: %s",
            byte_name(d->component == d->element || d->component == d->terminator ? d->component : d->element, name));
    } else {
        *refused = false;
    }
}

/* ISA11 is the repetition separator from version 00402; a letter or digit there means that there is none. */
static void read_repetition(edi_header *h, span at, const size_t *separators) {
    char value = at.data[separators[10] + 1], version[6] = {0};
    size_t from = separators[11] + 1, len = 0;
    for (size_t i = from; i < separators[12] && len < 5; i++) {
        if (!edi_is_break(at.data[i])) version[len++] = at.data[i];
    }
    if (strcmp(version, "00402") < 0 || len != 5) return;
    if (!can_separate(value)) {
        fail(h, EDI_FAULT_REPETITION_LETTER, 11, separators[10] + 1);
        char name[8];
        snprintf(h->text, sizeof h->text,
            "ISA11 is %s; from version 00402 on it is the repetition separator: read as no repetition",
            byte_name(value, name));
        return;
    }
    if (value == h->delimiters.element || value == h->delimiters.component || value == h->delimiters.terminator) {
        fail(h, EDI_FAULT_DELIMITER_CLASH, 11, separators[10] + 1);
        snprintf(h->text, sizeof h->text, "the repetition separator in ISA11 is also another separator");
        return;
    }
    h->delimiters.repetition = value;
}

static edi_header_outcome read_isa(span at, edi_header *h) {
    size_t separators[ISA_ELEMENTS];
    if (at.len < 4 || !can_separate(at.data[3]) || edi_is_break(at.data[3])) return EDI_HEADER_NONE;
    if (find_separators(at, separators) < ISA_ELEMENTS) return EDI_HEADER_NONE;
    size_t last = separators[ISA_ELEMENTS - 1];
    if (last + 2 >= at.len) return EDI_HEADER_NONE;

    h->delimiters = edi_delimiters_default(EDI_X12);
    h->delimiters.tag = h->delimiters.element = at.data[3];
    h->delimiters.repetition = 0;
    size_t component = last + 1;
    while (component + 1 < at.len && edi_is_break(at.data[component]))
        component++;
    h->end = component + 1;
    size_t beyond = h->end; /* a header that was wrapped before may be wrapped here too */
    while (beyond < at.len && edi_is_break(at.data[beyond]))
        beyond++;
    bool wrapped = length_without_breaks(at, 0, h->end) < h->end;
    if (wrapped && beyond < at.len && can_separate(at.data[beyond])) h->end = beyond;
    if (h->end >= at.len) return EDI_HEADER_NONE;
    h->delimiters.component = at.data[component];
    h->delimiters.terminator = at.data[h->end];
    if (can_separate(h->delimiters.component) && edi_is_alphanumeric(h->delimiters.terminator)) {
        h->end = component; /* ISA16 is missing: what stands in its place ends the segment */
        h->delimiters.terminator = at.data[h->end];
        h->delimiters.component = 0;
        fail(h, EDI_FAULT_HEADER_SHAPE, 16, last + 1);
        snprintf(h->text, sizeof h->text, "ISA16, the component separator, is missing");
        return EDI_HEADER_FOUND;
    }
    bool refused;
    check_isa_delimiters(h, at, &refused);
    if (refused) return EDI_HEADER_REFUSED;
    read_repetition(h, at, separators);

    unsigned wrong = 0;
    for (unsigned i = 0; i + 1 < ISA_ELEMENTS; i++) {
        size_t len = length_without_breaks(at, separators[i] + 1, separators[i + 1]);
        if (len == isa_lengths[i] || wrong++ > 0) continue;
        fail(h, EDI_FAULT_HEADER_SHAPE, i + 1, separators[i] + 1);
        snprintf(h->text, sizeof h->text, "ISA%02u has %zu characters instead of %u", i + 1, len, isa_lengths[i]);
    }
    size_t said = strlen(h->text);
    if (wrong > 1)
        snprintf(h->text + said, sizeof h->text - said, ", and %u more elements of ISA have a wrong length", wrong - 1);
    return EDI_HEADER_FOUND;
}

/* The syntax version stands in the second component of UNB's first element. */
static int syntax_version(span unb, const edi_delimiters *d) {
    span first = edi_part(unb, d->element, d->release, 1);
    span version = edi_part(first, d->component, d->release, 1);
    return version.len == 1 && version.data[0] >= '1' && version.data[0] <= '9' ? version.data[0] - '0' : 0;
}

static edi_header_outcome check_una(span at, edi_header *h) {
    static const char *const names[] = {"component separator", "element separator", "decimal mark", "release character",
        "repetition separator", "terminator"};
    const char *una = at.data + 3;
    for (size_t i = 0; i < 6; i++) {
        bool may_be_blank = i == 3 || i == 4;
        char name[8];
        if (una[i] == ' ' && may_be_blank) continue;
        if (!can_separate(una[i]) || (edi_is_break(una[i]) && i != 5)) {
            if (i == 4) continue; /* reserved before version 4 */
            fail(h, EDI_FAULT_DELIMITER_INVALID, 0, 3 + i);
            snprintf(h->text, sizeof h->text, "UNA makes %s the %s", byte_name(una[i], name), names[i]);
            return EDI_HEADER_REFUSED;
        }
        for (size_t k = 0; k < i; k++) {
            bool concerns_repetition = k == 4 || i == 4;
            if (una[k] != una[i] || (concerns_repetition && h->syntax < 4)) continue;
            fail(h, EDI_FAULT_DELIMITER_CLASH, 0, 3 + i);
            snprintf(h->text, sizeof h->text, "UNA makes %s both the %s and the %s", byte_name(una[i], name), names[k],
                names[i]);
            return EDI_HEADER_REFUSED;
        }
    }
    return EDI_HEADER_FOUND;
}

static edi_header_outcome read_una(span at, edi_header *h) {
    const char *una = at.data + 3;
    if (at.len < 9 + 4) return EDI_HEADER_NONE;
    size_t next = 9;
    while (next < at.len && (edi_is_break(at.data[next]) || at.data[next] == ' '))
        next++;
    span rest = span_make(at.data + next, at.len - next);
    if (!span_starts(rest, SPAN("UNB")) && !span_starts(rest, SPAN("UIB")) && !span_starts(rest, SPAN("UNH")) &&
        !span_starts(rest, SPAN("UNG")))
        return EDI_HEADER_NONE;
    if (rest.len < 4 || edi_is_alphanumeric(rest.data[3])) return EDI_HEADER_NONE;
    h->una = true;
    h->prefix = next;
    h->interactive = rest.data[1] == 'I';
    h->headless = rest.data[2] != 'B';
    h->delimiters = (edi_delimiters){.standard = EDI_EDIFACT,
        .component = una[0],
        .tag = una[1],
        .element = una[1],
        .decimal = una[2],
        .release = una[3] == ' ' ? 0 : una[3],
        .terminator = una[5]};
    h->syntax = h->headless ? 0 : syntax_version(rest, &h->delimiters);
    if (h->syntax >= 4 && una[4] != ' ') h->delimiters.repetition = una[4];
    edi_header_outcome outcome = check_una(at, h);
    if (outcome == EDI_HEADER_FOUND && h->headless) {
        fail(h, EDI_FAULT_HEADER_MISSING, 0, next);
        snprintf(h->text, sizeof h->text, "UNB is missing: %.3s follows UNA", rest.data);
    }
    return outcome;
}

static edi_header_outcome read_unb(span at, edi_header *h) {
    if (at.len < 4) return EDI_HEADER_NONE;
    h->delimiters = edi_delimiters_default(EDI_EDIFACT);
    h->interactive = at.data[1] == 'I';
    if (at.data[3] == 0x1D) { /* level B without UNA: IS1, IS3, IS4 */
        h->delimiters.tag = h->delimiters.element = 0x1D;
        h->delimiters.component = 0x1F;
        h->delimiters.terminator = 0x1C;
        h->delimiters.release = 0;
    } else if (at.data[3] != '+') {
        if (edi_is_alphanumeric(at.data[3]) || at.data[3] == ' ') return EDI_HEADER_NONE;
        fail(h, EDI_FAULT_HEADER_SHAPE, 0, 3);
        snprintf(
            h->text, sizeof h->text, "%.3s is followed by %c where + is expected without UNA", at.data, at.data[3]);
        return EDI_HEADER_REFUSED;
    }
    h->syntax = syntax_version(at, &h->delimiters);
    if (h->syntax >= 4 && h->delimiters.release) h->delimiters.repetition = '*';
    return EDI_HEADER_FOUND;
}

/* A group or document without interchange: the delimiters can only be guessed, so that its faults can be told. */
static edi_header_outcome read_headless(span at, edi_header *h) {
    bool x12 = span_starts(at, SPAN("GS")) || span_starts(at, SPAN("ST"));
    if (x12 && at.len > 12 && can_separate(at.data[2]) && at.data[2] != '=' && !edi_is_break(at.data[2])) {
        char separator = at.data[2];
        size_t window = at.len < EDI_HEADER_BYTES ? at.len : EDI_HEADER_BYTES;
        if (edi_part_count(span_make(at.data, window < 40 ? window : 40), separator, 0) < 3) return EDI_HEADER_NONE;
        h->delimiters = edi_delimiters_default(EDI_X12);
        h->delimiters.tag = h->delimiters.element = separator;
        h->delimiters.repetition = 0;
        if (separator == h->delimiters.component) h->delimiters.component = '>';
        if (!memchr(at.data, '~', window)) h->delimiters.terminator = memchr(at.data, '\'', window) ? '\'' : '\n';
    } else if (span_starts(at, SPAN("UNH+")) || span_starts(at, SPAN("UNG+"))) {
        h->delimiters = edi_delimiters_default(EDI_EDIFACT);
    } else {
        return EDI_HEADER_NONE;
    }
    h->headless = true;
    fail(h, EDI_FAULT_HEADER_MISSING, 0, 0);
    snprintf(h->text, sizeof h->text, "%s is missing: the file begins with %.*s; usual separators assumed",
        h->delimiters.standard == EDI_X12 ? "ISA" : "UNB", h->delimiters.standard == EDI_X12 ? 2 : 3, at.data);
    return EDI_HEADER_FOUND;
}

edi_header_outcome edi_header_read(span at, edi_header *h) {
    memset(h, 0, sizeof *h);
    if (span_starts(at, SPAN("ISA"))) return read_isa(at, h);
    if (span_starts(at, SPAN("UNA"))) return read_una(at, h);
    if (span_starts(at, SPAN("UNB")) || span_starts(at, SPAN("UIB"))) return read_unb(at, h);
    if (span_starts(at, SPAN("STX="))) {
        h->delimiters = edi_delimiters_default(EDI_TRADACOMS);
        return EDI_HEADER_FOUND;
    }
    return read_headless(at, h);
}

bool edi_header_begins(span at) {
    edi_header header;
    if (at.len < 4) return false;
    if (at.data[0] == 'U') {
        if (at.data[1] != 'N' && at.data[1] != 'I') return false;
        bool unb = (at.data[2] == 'B') && (at.data[3] == '+' || at.data[3] == 0x1D);
        return unb || (span_starts(at, SPAN("UNA")) && edi_header_read(at, &header) != EDI_HEADER_NONE);
    }
    if (at.data[0] == 'I') return span_starts(at, SPAN("ISA")) && edi_header_read(at, &header) != EDI_HEADER_NONE;
    return span_starts(at, SPAN("STX="));
}

size_t edi_header_search(span in, size_t from) {
    for (size_t i = from; i < in.len; i++) {
        char c = in.data[i];
        if (c != 'I' && c != 'U' && c != 'S') continue;
        if (edi_header_begins(span_make(in.data + i, in.len - i))) return i;
    }
    return in.len;
}

const char *edi_header_other(span at) {
    if (span_starts(at, SPAN("MSH|")) || span_starts(at, SPAN("FHS|")) || span_starts(at, SPAN("BHS|")))
        return "HL7 version 2";
    if (span_starts(at, SPAN("\x0BMSH|"))) return "HL7 version 2 (MLLP)";
    if (span_starts(at, SPAN("<?xml"))) return "XML";
    if (span_starts(at, SPAN("{"))) return "JSON";
    return NULL;
}
