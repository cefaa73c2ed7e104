/* edi/reader.c: see reader.h. Bytes, segments and elements; what segments mean to the envelope is envelope.c. */
#include "edi/reader.h"

#include "core/base/memory.h"
#include "edi/header.h"
#include "edi/reader_plain.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    SEGMENT_MAX = 1 << 20,
    ELEMENT_MAX = 64 << 10,
    ELEMENTS_MAX = 64 << 10,
    STREAM_CHUNK = 256 << 10,
    REVEAL_STEP = 4 << 20,
    FIRST_ELEMENTS = 64
};

/* Octets of binary data that a stream keeps in memory at once. */
#define BINARY_MAX (UINT64_C(256) << 20)

static edi_reader *reader_make(const edi_reader_options *options) {
    edi_reader *r = xcalloc(1, sizeof *r);
    if (options) r->options = *options;
    if (r->options.segment_max == 0) r->options.segment_max = SEGMENT_MAX;
    if (r->options.element_max == 0) r->options.element_max = ELEMENT_MAX;
    if (r->options.elements_max == 0) r->options.elements_max = ELEMENTS_MAX;
    r->plain_max = r->options.element_max < r->options.elements_max ? r->options.element_max : r->options.elements_max;
    r->element_room = FIRST_ELEMENTS;
    r->elements = xcalloc(r->element_room, sizeof *r->elements);
    r->scan.tokens = xmalloc(sizeof *r->scan.tokens);
    return r;
}

/* The input is a part of an interchange that is known: what is open around it, nothing says. */
static void begin_fragment(edi_reader *r, const edi_interchange *interchange) {
    r->interchange = *interchange;
    r->interchange.headless = true;
    r->delimiters = interchange->delimiters;
    r->in_interchange = r->seen_any = true;
    edi_scan_start(&r->scan, span_make(r->data, r->len), 0, &r->delimiters);
    envelope_open_bare(r);
}

edi_reader *edi_reader_new(span file, const edi_reader_options *options) {
    edi_reader *r = reader_make(options);
    r->data = file.data;
    r->whole = file.len;
    r->len = r->options.passed && file.len > REVEAL_STEP ? REVEAL_STEP : file.len;
    r->ended = r->len == r->whole;
    if (r->options.fragment) begin_fragment(r, r->options.fragment);
    return r;
}

edi_reader *edi_reader_open(edi_source source, void *context, const edi_reader_options *options) {
    edi_reader *r = reader_make(options);
    r->source = source;
    r->source_context = context;
    r->capacity = STREAM_CHUNK;
    r->window = xmalloc(r->capacity);
    r->data = r->window;
    return r;
}

void edi_reader_free(edi_reader *r) {
    if (!r) return;
    free(r->window);
    free(r->elements);
    free(r->clean);
    free(r->scan.tokens);
    free(r);
}

void edi_reader_look(edi_reader *r, const edi_look *look) {
    r->scan.look = look;
    edi_scan_start(&r->scan, span_make(r->data, r->len), r->cursor, &r->delimiters);
}

/* Shows more of a buffer, whose bytes stay where they are. Twice what is unread, lest long segments be looked at again
 * and again. */
static void reveal(edi_reader *r) {
    size_t unread = r->len - r->cursor, left = r->whole - r->cursor;
    size_t shown = unread > REVEAL_STEP / 2 ? 2 * unread : REVEAL_STEP;
    r->options.passed(r->options.passed_context, r->cursor);
    r->len = r->cursor + (shown < left ? shown : left);
    r->ended = r->len == r->whole;
    if (r->in_interchange) edi_scan_start(&r->scan, span_make(r->data, r->len), r->cursor, &r->delimiters);
}

/* Reads more of a stream behind what the window holds from the cursor on. Positions change: callers count from the
 * cursor. False when nothing more came. */
static bool more(edi_reader *r) {
    if (r->ended) return false;
    if (!r->window) {
        reveal(r);
        return true;
    }
    memmove(r->window, r->window + r->cursor, r->len - r->cursor);
    r->base += r->cursor;
    r->len -= r->cursor;
    r->cursor = 0;
    if (r->len > r->capacity / 2) {
        r->capacity *= 2;
        r->window = xrealloc(r->window, r->capacity);
    }
    size_t before = r->len;
    while (r->len < r->capacity && !r->ended) {
        size_t got = r->source(r->source_context, r->window + r->len, r->capacity - r->len);
        r->len += got;
        r->ended = got == 0;
    }
    r->data = r->window;
    if (r->in_interchange) edi_scan_start(&r->scan, span_make(r->data, r->len), r->cursor, &r->delimiters);
    return r->len > before;
}

/* Makes `size` bytes visible from the cursor on, if there are so many; returns how many are. */
static size_t want(edi_reader *r, size_t size) {
    while (r->len - r->cursor < size && more(r))
        continue;
    return r->len - r->cursor;
}

static span ahead(const edi_reader *r) {
    return span_make(r->data + r->cursor, r->len - r->cursor);
}

/* ------------------------------------------------------------------------------------------------ events and faults */

void reader_push(edi_reader *r, edi_event event, bool bare) {
    if (r->queue_count == QUEUE) return; /* a segment yields few events; only faults could pile up */
    r->queue[(r->queue_first + r->queue_count++) % QUEUE] = (queued){.event = event, .bare = bare};
}

edi_fault *reader_fault(edi_reader *r, edi_fault_code code, unsigned element, span part) {
    if (r->queue_count + 8 >= QUEUE || r->fault_count == QUEUE) return &r->overflow; /* keeps room for events */
    edi_fault *fault = &r->faults[r->fault_count];
    edi_reader_place(r, code, element, 0, 0, part, fault);
    size_t slot = (r->queue_first + r->queue_count++) % QUEUE;
    r->queue[slot] = (queued){.event = EDI_FAULT, .bare = !r->has_segment, .fault = r->fault_count++};
    return fault;
}

static bool is_warning(const edi_reader *r, edi_fault_code code) {
    if (!edi_fault_kind_of(code)->tolerated) return false;
    uint64_t bit = code < 64 ? UINT64_C(1) << code : 0;
    if (r->options.refuse & bit) return false;
    return !r->options.strict || (r->options.tolerate & bit);
}

/* Copies a value so that it can be shown: control characters become blanks, long values are cut. */
static void show_value(span part, edi_fault *fault) {
    size_t room = sizeof fault->value - 1, len = part.len < room ? part.len : room;
    fault->value_whole = part.len <= room;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)part.data[i];
        if (c < ' ' || c == 0x7F) {
            fault->value_whole = false;
            c = ' ';
        }
        fault->value[i] = (char)c;
    }
    while (part.len > len && len > 0 && ((unsigned char)part.data[len] & 0xC0u) == 0x80u)
        len--; /* not in the middle of a UTF-8 sequence */
    fault->value[len] = '\0';
}

void edi_reader_place(edi_reader *r, edi_fault_code code, unsigned element, unsigned component, unsigned repetition,
    span part, edi_fault *fault) {
    memset(fault, 0, sizeof *fault);
    fault->code = code;
    fault->warning = is_warning(r, code);
    fault->element = element;
    fault->component = component;
    fault->repetition = repetition;
    if (r->has_segment) {
        fault->offset = part.data ? edi_reader_offset(r, part) : r->segment.offset;
        fault->segment_number = r->segment.number;
        fault->position = r->segment.position ? r->segment.position : r->segment.number;
        size_t len = r->segment.tag.len < sizeof fault->tag ? r->segment.tag.len : sizeof fault->tag - 1;
        for (size_t i = 0; i < len; i++)
            fault->tag[i] = (unsigned char)r->segment.tag.data[i] < ' ' ? '.' : r->segment.tag.data[i];
    } else {
        fault->offset = r->base + r->cursor;
    }
    if (part.data) show_value(part, fault);
    if (r->levels[DOCUMENT].open || r->document_ends)
        snprintf(fault->document, sizeof fault->document, "%s", r->document.control);
}

uint64_t edi_reader_offset(const edi_reader *r, span part) {
    if (!part.data) return r->segment.offset;
    if (r->clean && part.data >= r->clean && part.data <= r->clean + r->clean_len) {
        /* Elements of a wrapped segment lie in the clean copy: count the same number of bytes that are no breaks. */
        size_t wanted = (size_t)(part.data - r->clean), at = 0;
        while (at < r->segment.raw.len && (wanted > 0 || edi_is_break(r->segment.raw.data[at]))) {
            wanted -= !edi_is_break(r->segment.raw.data[at]);
            at++;
        }
        return r->segment.offset + at;
    }
    if (part.data < r->data || part.data > r->data + r->len) return r->segment.offset;
    return r->base + (uint64_t)(part.data - r->data);
}

/* --------------------------------------------------------------------------------------------- between interchanges */

static bool is_tail(char c) {
    return edi_is_break(c) || c == ' ' || c == '\t' || c == 0x1A || c == '\0';
}

/* The bytes from the cursor up to the next header are nothing that we know: one fault for all of them. */
static void skip_junk(edi_reader *r) {
    uint64_t begin = r->base + r->cursor, length = 0;
    char first[24] = {0};
    span shown = ahead(r);
    const char *other = edi_header_other(shown);
    for (size_t i = 0; i < shown.len && i < sizeof first - 1; i++)
        first[i] = shown.data[i] > ' ' && shown.data[i] < 0x7F ? shown.data[i] : '.';
    for (bool first_byte = true;; first_byte = false) {
        want(r, EDI_HEADER_BYTES);
        span rest = ahead(r);
        size_t from = first_byte ? 1 : 0;
        size_t hit = rest.len > from ? edi_header_search(rest, from) : rest.len;
        /* Near the end of the window a header may be cut: keep some bytes for the next look. */
        if (hit == rest.len && !r->ended && rest.len > EDI_HEADER_BYTES / 2) hit = rest.len - EDI_HEADER_BYTES / 4;
        bool found = hit < rest.len && edi_header_begins(span_make(rest.data + hit, rest.len - hit));
        length += hit;
        r->cursor += hit;
        if (found || (r->ended && hit == rest.len)) break;
    }
    bool nothing_else = !r->seen_any && r->cursor == r->len && r->ended;
    r->has_segment = false;
    edi_fault *fault = reader_fault(r,
        other          ? EDI_FAULT_OTHER_DIALECT
        : nothing_else ? EDI_FAULT_NOT_EDI
                       : EDI_FAULT_JUNK,
        0, (span){NULL, 0});
    fault->offset = begin;
    if (other) {
        snprintf(fault->text, sizeof fault->text, "%llu bytes look like %s, which is not read here",
            (unsigned long long)length, other);
    } else if (nothing_else) {
        snprintf(fault->text, sizeof fault->text,
            "no interchange in %llu bytes: X12 begins with ISA, EDIFACT with UNA or UNB; this begins with \"%s\"",
            (unsigned long long)length, first);
    } else {
        snprintf(fault->text, sizeof fault->text, "%llu bytes outside any interchange, beginning with \"%s\"",
            (unsigned long long)length, first);
    }
}

static void begin_interchange(edi_reader *r, const edi_header *header) {
    memset(&r->interchange, 0, sizeof r->interchange);
    r->delimiters = header->delimiters;
    memset(r->plain_tags, 0, sizeof r->plain_tags);
    r->scan.look = NULL;
    r->seen_any = true;
    r->break_told = r->blank_told = r->outside_told = false;
    r->interchange.delimiters = header->delimiters;
    r->interchange.una = header->una;
    r->interchange.interactive = header->interactive;
    r->interchange.headless = header->headless;
    r->interchange.syntax = header->syntax;
    r->interchange.offset = r->base + r->cursor;
    r->interchange.number = r->totals.interchanges + 1;
    r->interchange.prefix = span_make(r->data + r->cursor, header->prefix);
}

static void header_fault(edi_reader *r, const edi_header *header) {
    edi_fault *fault = reader_fault(r, header->fault, header->fault_element, (span){NULL, 0});
    fault->offset = r->interchange.offset + header->fault_at;
    snprintf(fault->text, sizeof fault->text, "%s", header->text);
    if (header->delimiters.standard == EDI_X12 && !header->headless) memcpy(fault->tag, "ISA", 4);
}

static bool read_header(edi_reader *r) {
    edi_header header;
    edi_header_outcome outcome = edi_header_read(ahead(r), &header);
    if (outcome == EDI_HEADER_NONE) return false;
    begin_interchange(r, &header);
    r->has_segment = false;
    if (outcome == EDI_HEADER_REFUSED) {
        r->totals.interchanges++;
        reader_push(r, EDI_INTERCHANGE, true);
        header_fault(r, &header);
        reader_push(r, EDI_INTERCHANGE_END, true);
        want(r, EDI_HEADER_BYTES);
        span rest = ahead(r);
        size_t next = edi_header_search(rest, 4);
        while (next == rest.len && !r->ended) {
            r->cursor += rest.len > EDI_HEADER_BYTES ? rest.len - EDI_HEADER_BYTES : 0;
            if (!more(r)) break;
            rest = ahead(r);
            next = edi_header_search(rest, 4);
        }
        r->cursor += next;
        return true;
    }
    r->in_interchange = true;
    r->cursor += header.prefix;
    r->header_end = header.end;
    edi_scan_start(&r->scan, span_make(r->data, r->len), r->cursor, &r->delimiters);
    if (header.headless) envelope_open_bare(r);
    if (header.faulty && header.headless) {
        header_fault(r, &header);
    } else if (header.faulty) { /* told behind the event of its segment */
        r->late = header;
        r->late_fault = true;
    }
    return true;
}

/* Looks for the next interchange. False at the end of the input. */
static bool find_interchange(edi_reader *r) {
    if (r->base + r->cursor == 0 && want(r, 4) >= 3 && memcmp(r->data, "\xEF\xBB\xBF", 3) == 0) {
        edi_fault *fault = reader_fault(r, EDI_FAULT_BYTE_ORDER_MARK, 0, (span){NULL, 0});
        snprintf(fault->text, sizeof fault->text, "a byte order mark stands before the interchange");
        r->cursor = 3;
    }
    for (;;) {
        while (r->cursor < r->len && is_tail(r->data[r->cursor]))
            r->cursor++;
        if (r->cursor < r->len || !more(r)) break;
    }
    if (want(r, EDI_HEADER_BYTES) == 0) {
        if (!r->seen_any && r->totals.interchanges == 0) {
            edi_fault *fault = reader_fault(r, EDI_FAULT_NOT_EDI, 0, (span){NULL, 0});
            snprintf(fault->text, sizeof fault->text, "the file is empty");
            r->seen_any = true;
        }
        return false;
    }
    if (!read_header(r)) {
        skip_junk(r);
        r->seen_any = true;
    }
    return true;
}

/* -------------------------------------------------------------------------------------------------------- segments */

/* BIN01 and BDS02 say how many octets follow. Moves *end behind them, to where the terminator must stand; says whether
 * it does. X12.5: the length wins over any apparent terminator. */
static bool binary_end(edi_reader *r, size_t *end) {
    span all = ahead(r);
    bool bin = span_starts(all, SPAN("BIN"));
    if ((!bin && !span_starts(all, SPAN("BDS"))) || all.len < 5 || all.data[3] != r->delimiters.element) return false;
    size_t length_index = bin ? 1 : 2;
    span rest = span_make(all.data, *end), part;
    for (size_t i = 0; i <= length_index; i++) {
        if (!edi_next_part(&rest, r->delimiters.element, r->delimiters.release, &part)) return false;
    }
    uint64_t length;
    if (!rest.data || !span_to_u64(part, 0, UINT64_C(999999999999999), &length)) return false;
    size_t start = (size_t)(rest.data - all.data);
    if (!r->ended && length > BINARY_MAX) return false;
    if (length > SIZE_MAX / 2 - start) return false;
    size_t wanted = start + (size_t)length;
    if (want(r, wanted + 1) <= wanted || r->data[r->cursor + wanted] != r->delimiters.terminator) return false;
    *end = wanted;
    return true;
}

static void binary_fault(edi_reader *r) {
    span tag = r->segment.tag;
    unsigned element = span_is(tag, "BIN") ? 1 : 2;
    span value = reader_element(r, element);
    uint64_t length;
    edi_fault *fault = reader_fault(r, EDI_FAULT_BINARY_LENGTH, element, value);
    if (span_to_u64(value, 0, UINT64_C(999999999999999), &length)) {
        snprintf(fault->text, sizeof fault->text, "%.3s%02u says %llu octets, but no terminator stands behind them",
            tag.data, element, (unsigned long long)length);
    } else {
        snprintf(fault->text, sizeof fault->text, "%.3s%02u is no length", tag.data, element);
    }
}

/* Steps over a segment that is too long to keep. */
static void skip_long_segment(edi_reader *r, size_t end) {
    r->segment = (edi_segment){.tag = span_make(r->data + r->cursor, r->len - r->cursor < 3 ? r->len - r->cursor : 3),
        .offset = r->base + r->cursor,
        .number = ++r->totals.segments};
    r->has_segment = true;
    edi_fault *fault = reader_fault(r, EDI_FAULT_SEGMENT_LIMIT, 0, (span){NULL, 0});
    snprintf(fault->text, sizeof fault->text, "a segment is longer than %zu bytes", r->options.segment_max);
    r->levels[DOCUMENT].count++;
    bool breaks;
    while (end == SIZE_MAX) {
        r->cursor = r->len;
        if (!more(r)) break;
        end = edi_scan_next(&r->scan, r->cursor, &breaks);
        if (end != SIZE_MAX) end -= r->cursor;
    }
    r->cursor = end == SIZE_MAX ? r->len : r->cursor + end + 1;
    r->has_segment = false;
}

/* Line breaks (and blanks) behind a terminator belong to it, but no more of them than a segment may be long. */
static span take_after(edi_reader *r, size_t from) {
    size_t at = from;
    for (;;) {
        while (r->cursor + at < r->len && at - from < r->options.segment_max) {
            char c = r->data[r->cursor + at];
            if (!edi_is_break(c) && c != ' ' && c != '\t') return span_make(r->data + r->cursor + from, at - from);
            at++;
        }
        if (at - from == r->options.segment_max || !more(r)) break;
    }
    return span_make(r->data + r->cursor + from, at - from);
}

static void fill_segment(edi_reader *r, size_t end, bool terminated, bool breaks, bool binary) {
    size_t next = end + (terminated ? 1 : 0);
    span after = take_after(r, next);
    const char *start = r->data + r->cursor;
    r->segment = (edi_segment){.raw = span_make(start, end),
        .after = after,
        .offset = r->base + r->cursor,
        .terminated = terminated,
        .wrapped = breaks && !binary,
        .binary = binary};
    r->segment.number = r->totals.segments + 1;
    r->has_segment = true;
    r->elements_of = 0;
    size_t tag_len = 0;
    const edi_delimiters *d = &r->delimiters;
    char nesting = d->standard == EDI_EDIFACT ? d->component : d->tag; /* LIN:1:2 of syntax version 1 */
    while (tag_len < end && start[tag_len] != d->tag && start[tag_len] != nesting)
        tag_len++;
    r->segment.tag = span_make(start, tag_len);
    r->clean_len = 0;
    if (r->segment.wrapped) {
        if (r->clean_room < end) {
            r->clean_room = end;
            r->clean = xrealloc(r->clean, r->clean_room);
        }
        for (size_t i = 0; i < end; i++) {
            if (!edi_is_break(start[i])) r->clean[r->clean_len++] = start[i];
        }
        size_t clean_tag = 0;
        while (clean_tag < r->clean_len && r->clean[clean_tag] != d->tag && r->clean[clean_tag] != nesting)
            clean_tag++;
        r->segment.tag = span_make(r->clean, clean_tag);
    }
    r->segment.key = edi_tag_of(r->segment.tag);
    r->cursor += next + after.len;
}

static void check_surroundings(edi_reader *r) {
    if (r->segment.wrapped && !r->break_told) {
        r->break_told = true;
        edi_fault *fault = reader_fault(r, EDI_FAULT_LINE_BREAK, 0, (span){NULL, 0});
        snprintf(fault->text, sizeof fault->text, "line breaks inside segments are skipped");
    }
    if (!r->blank_told && r->segment.after.len > 0 &&
        (memchr(r->segment.after.data, ' ', r->segment.after.len) ||
            memchr(r->segment.after.data, '\t', r->segment.after.len)) &&
        r->segment.raw.len > 0 && r->cursor < r->len) {
        r->blank_told = true;
        edi_fault *fault = reader_fault(r, EDI_FAULT_BLANKS, 0, (span){NULL, 0});
        fault->offset = r->base + (uint64_t)(r->segment.after.data - r->data);
        snprintf(fault->text, sizeof fault->text, "blanks between segments are skipped");
    }
    if (r->segment.raw.len > r->plain_max && !r->segment.binary) {
        size_t count;
        const span *elements = edi_reader_elements(r, &count);
        if (count > r->options.elements_max) {
            edi_fault *fault = reader_fault(r, EDI_FAULT_SEGMENT_LIMIT, 0, (span){NULL, 0});
            snprintf(fault->text, sizeof fault->text, "a segment has more than %zu elements; those behind are left out",
                r->options.elements_max);
        }
        for (size_t i = 0; i < count; i++) {
            if (elements[i].len <= r->options.element_max) continue;
            edi_fault *fault = reader_fault(r, EDI_FAULT_ELEMENT_LIMIT, (unsigned)i + 1, elements[i]);
            snprintf(fault->text, sizeof fault->text, "an element of %zu bytes is longer than the limit of %zu",
                elements[i].len, r->options.element_max);
        }
    }
}

bool edi_reader_is_tag(edi_standard standard, span tag) {
    if (tag.len < 2 || tag.len > 3 || (standard != EDI_X12 && tag.len != 3)) return false;
    for (size_t i = 0; i < tag.len; i++) {
        bool letter = tag.data[i] >= 'A' && tag.data[i] <= 'Z', digit = tag.data[i] >= '0' && tag.data[i] <= '9';
        if (!letter && (!digit || i == 0)) return false;
    }
    return true;
}

static void tag_fault(edi_reader *r) {
    edi_fault *fault = reader_fault(r, EDI_FAULT_SEGMENT_TAG, 0, r->segment.tag);
    snprintf(fault->text, sizeof fault->text, "\"%.16s\" is no segment tag", fault->value);
}

/* The input ends inside a segment. */
static void unterminated(edi_reader *r) {
    size_t len = r->len - r->cursor;
    while (len > 0 && is_tail(r->data[r->cursor + len - 1]))
        len--;
    if (len == 0) {
        r->cursor = r->len;
        return;
    }
    bool breaks = memchr(r->data + r->cursor, '\n', len) || memchr(r->data + r->cursor, '\r', len);
    fill_segment(r, len, false, breaks, false);
    r->segment.after = span_make(r->segment.raw.data + len, r->len - (size_t)(r->segment.raw.data - r->data) - len);
    r->cursor = r->len;
    r->totals.segments++;
    envelope_segment(r);
    if (r->late_fault) header_fault(r, &r->late);
    r->late_fault = false;
}

/* Does an interchange with other separators (or of another dialect) begin here, the trailer of this one missing? */
static bool other_interchange(edi_reader *r) {
    span here = ahead(r);
    if (here.len < 4 || !r->levels[INTERCHANGE].open) return false;
    if (here.data[0] != 'I' && here.data[0] != 'U' && here.data[0] != 'S') return false;
    bool una = span_starts(here, SPAN("UNA"));
    if (!una && here.data[3] == r->delimiters.tag) return false;
    if (!una && !span_starts(here, SPAN("ISA")) && !span_starts(here, SPAN("UNB")) && !span_starts(here, SPAN("STX=")))
        return false;
    want(r, EDI_HEADER_BYTES);
    return edi_header_begins(ahead(r));
}

static void read_segment(edi_reader *r) {
    bool breaks = false;
    size_t end;
    if (other_interchange(r)) {
        r->has_segment = false;
        envelope_close(r, INTERCHANGE);
        return;
    }
    size_t skip = r->header_end;
    r->header_end = 0;
    for (;;) {
        end = edi_scan_next(&r->scan, r->cursor + skip, &breaks);
        if (end != SIZE_MAX || r->len - r->cursor > r->options.segment_max + 1 || !more(r)) break;
    }
    if (end != SIZE_MAX) end -= r->cursor;
    if (skip > 0) breaks = memchr(r->data + r->cursor, '\n', skip) || memchr(r->data + r->cursor, '\r', skip);
    bool binary = r->delimiters.standard == EDI_X12 && r->cursor < r->len && r->data[r->cursor] == 'B' &&
                  end != SIZE_MAX && binary_end(r, &end);
    if (binary) edi_scan_start(&r->scan, span_make(r->data, r->len), r->cursor + end, &r->delimiters);
    size_t length = end == SIZE_MAX ? r->len - r->cursor : end;
    if (!binary && length > r->options.segment_max) {
        skip_long_segment(r, end);
        return;
    }
    if (end == SIZE_MAX) {
        unterminated(r);
        return;
    }
    fill_segment(r, end, true, breaks, binary);
    if (r->segment.raw.len == 0) {
        edi_fault *fault = reader_fault(r, EDI_FAULT_SEGMENT_EMPTY, 0, (span){NULL, 0});
        snprintf(fault->text, sizeof fault->text, "two terminators follow each other: a segment without tag");
        return;
    }
    size_t resume = r->cursor;
    r->totals.segments++;
    envelope_segment(r);
    if (r->late_fault) header_fault(r, &r->late);
    r->late_fault = false;
    if (r->cursor != resume) return;                           /* set back: a new interchange begins here */
    bool stray = r->outside_told && !r->levels[DOCUMENT].open; /* that is told already */
    if (!stray && !edi_reader_is_tag(r->delimiters.standard, r->segment.tag)) tag_fault(r);
    if (span_is(r->segment.tag, "BIN") || span_is(r->segment.tag, "BDS")) {
        if (!r->segment.binary && r->delimiters.standard == EDI_X12) binary_fault(r);
    }
    check_surroundings(r);
}

/* A tag that means nothing to the envelope and begins no binary segment and no other interchange. */
bool reader_plain_tag(const edi_reader *r, const char *tag, size_t len) {
    char first = tag[0], second = tag[1];
    if (len == 2 && r->delimiters.standard != EDI_X12) return false;
    if (first < 'A' || first > 'Z' || (first == 'U' && (second == 'N' || second == 'I'))) return false;
    for (size_t i = 1; i < len; i++)
        if (!((tag[i] >= 'A' && tag[i] <= 'Z') || (tag[i] >= '0' && tag[i] <= '9'))) return false;
    if (r->delimiters.standard != EDI_X12) return true;
    switch (first) {
    case 'B': return second == 'E'; /* BIN, BDS */
    case 'I': return second != 'S' && second != 'E';
    case 'T': return second != 'A';
    case 'S':
    case 'G': return len == 3;
    default: return true;
    }
}

/* May segments be plain now? Only the long way changes that. */
static bool allows_plain(const edi_reader *r) {
    return r->queue_count == 0 && r->in_interchange && r->levels[DOCUMENT].open && !r->header_end && !r->late_fault &&
           r->delimiters.standard != EDI_TRADACOMS;
}

static edi_event any_event(edi_reader *r) {
    if (allows_plain(r)) {
        if (edi_scan_wants_ahead(&r->scan, r->cursor)) edi_scan_ahead(&r->scan, r->cursor);
        if (reader_take_plain(r, true)) return EDI_SEGMENT;
    }
    for (;;) {
        if (r->queue_count > 0) {
            queued next = r->queue[r->queue_first];
            r->queue_first = (r->queue_first + 1) % QUEUE;
            if (--r->queue_count == 0) r->fault_count = 0;
            if (next.event == EDI_FAULT) r->fault = &r->faults[next.fault];
            r->has_segment = !next.bare;
            r->document_ends = next.event == EDI_DOCUMENT_END;
            return next.event;
        }
        r->document_ends = false;
        if (r->in_interchange) {
            if (r->cursor == r->len && !more(r)) {
                r->has_segment = false;
                envelope_close(r, INTERCHANGE);
            } else {
                read_segment(r);
            }
        } else if (!find_interchange(r)) {
            if (r->queue_count == 0) {
                r->has_segment = false;
                return EDI_END;
            }
        }
    }
}

edi_event reader_next_event(edi_reader *r) {
    edi_event event = any_event(r);
    r->plain_allowed = allows_plain(r);
    return event;
}

EDI_HOT edi_event edi_reader_next(edi_reader *r) {
    return reader_next(r);
}

/* -------------------------------------------------------------------------------------------------------- elements */

const span *edi_reader_elements(edi_reader *r, size_t *count) {
    if (r->elements_of != r->segment.number || r->segment.number == 0) {
        span raw = r->segment.wrapped ? span_make(r->clean, r->clean_len) : r->segment.raw;
        size_t found;
        span tail = {NULL, 0};
        if (r->segment.binary) { /* the octets are one element, whatever stands in them */
            size_t separators = raw.data[1] == 'I' ? 2 : 3, at = 0;
            for (size_t seen = 0; seen < separators; at++)
                seen += raw.data[at] == r->delimiters.element;
            tail = span_make(raw.data + at, raw.len - at);
            raw.len = at - 1;
        }
        for (;;) {
            found = edi_scan_elements(raw, &r->delimiters, r->elements, r->element_room - 1);
            if (found < r->element_room || r->element_room > r->options.elements_max) break;
            r->element_room = found + 2 < r->options.elements_max ? found + 2 : r->options.elements_max + 3;
            r->elements = xreallocarray(r->elements, r->element_room, sizeof *r->elements);
        }
        if (found >= r->element_room) found = r->element_room - 1;
        if (tail.data) r->elements[found++] = tail;
        r->element_count = found;
        r->elements_of = r->segment.number;
    }
    *count = r->element_count - 1;
    return r->elements + 1;
}

span reader_element(edi_reader *r, size_t index) {
    size_t count;
    const span *elements = edi_reader_elements(r, &count);
    return index >= 1 && index <= count ? elements[index - 1] : (span){NULL, 0};
}

span reader_component(edi_reader *r, size_t index, size_t component) {
    return edi_part(reader_element(r, index), r->delimiters.component, r->delimiters.release, component - 1);
}

/* -------------------------------------------------------------------------------------------------------- accessors */

const edi_segment *edi_reader_segment(const edi_reader *r) {
    return r->has_segment ? &r->segment : NULL;
}

const edi_fault *edi_reader_fault(const edi_reader *r) {
    return r->fault;
}

const edi_interchange *edi_reader_interchange(const edi_reader *r) {
    return &r->interchange;
}

const edi_group *edi_reader_group(const edi_reader *r) {
    return &r->group;
}

const edi_transaction *edi_reader_document(const edi_reader *r) {
    return &r->document;
}

bool edi_reader_in_group(const edi_reader *r) {
    return r->levels[GROUP].open;
}

edi_totals edi_reader_totals(const edi_reader *r) {
    return r->totals;
}

uint64_t edi_reader_position(const edi_reader *r) {
    return r->base + r->cursor;
}
