/* edi/fix.c: see fix.h. */
#include "edi/fix.h"

#include "core/base/memory.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct fixer {
    span file;
    buf *out;
    edi_changes *changes;
    uint64_t copied; /* bytes of the file that are in `out` */
    bool cut;        /* the file ends inside a segment */
} fixer;

static void shorten(char *room, size_t size, span text) {
    size_t len = text.len < size ? text.len : size - 1;
    for (size_t i = 0; i < len; i++)
        room[i] = (unsigned char)text.data[i] < ' ' ? ' ' : text.data[i];
    room[len] = '\0';
}

static void replace(fixer *f, const edi_fault *fault, uint64_t offset, uint64_t length, span text) {
    if (offset < f->copied || offset + length > f->file.len) return; /* inside what is repaired already */
    buf_add(f->out, span_make(f->file.data + f->copied, (size_t)(offset - f->copied)));
    buf_add(f->out, text);
    f->copied = offset + length;
    if (f->changes->count == f->changes->room) {
        f->changes->room = f->changes->room ? f->changes->room * 2 : 8;
        f->changes->list = xreallocarray(f->changes->list, f->changes->room, sizeof *f->changes->list);
    }
    edi_change *change = &f->changes->list[f->changes->count++];
    *change = (edi_change){.offset = offset, .length = length, .fault = *fault};
    shorten(change->before, sizeof change->before, span_make(f->file.data + offset, (size_t)length));
    shorten(change->after, sizeof change->after, text);
}

/* ISA with every element at its length: blanks at the right, zeros before the number. Only when what is cut is filler.
 */
static void pad_header(fixer *f, edi_reader *reader, const edi_fault *fault) {
    static const unsigned char lengths[] = {2, 10, 2, 10, 2, 15, 2, 15, 6, 4, 1, 5, 9, 1, 1, 1};
    const edi_segment *segment = edi_reader_segment(reader);
    size_t count;
    const span *elements = edi_reader_elements(reader, &count);
    char room[128] = "ISA", element = edi_reader_interchange(reader)->delimiters.element;
    size_t len = 3;
    if (count != 16 || segment->wrapped) return;
    for (size_t i = 0; i < 16; i++) {
        span value = elements[i];
        while (value.len > lengths[i] && value.data[value.len - 1] == ' ')
            value.len--;
        if (value.len > lengths[i]) return;
        size_t filler = lengths[i] - value.len;
        room[len++] = element;
        if (i == 12) memset(room + len, '0', filler);
        if (i == 12) len += filler;
        memcpy(room + len, value.data, value.len);
        len += value.len;
        if (i != 12) memset(room + len, ' ', filler);
        if (i != 12) len += filler;
    }
    replace(f, fault, segment->offset, segment->raw.len, span_make(room, len));
}

static void repair(fixer *f, edi_reader *reader, const edi_fault *fault) {
    span expected = span_of(fault->expected);
    char terminator = edi_reader_interchange(reader)->delimiters.terminator;
    switch (fault->code) {
    case EDI_FAULT_HEADER_SHAPE: pad_header(f, reader, fault); break;
    case EDI_FAULT_DOCUMENT_COUNT:
    case EDI_FAULT_GROUP_COUNT:
    case EDI_FAULT_INTERCHANGE_COUNT:
    case EDI_FAULT_DOCUMENT_REFERENCE:
    case EDI_FAULT_GROUP_REFERENCE:
    case EDI_FAULT_INTERCHANGE_REFERENCE: {
        size_t count;
        const span *elements = edi_reader_elements(reader, &count);
        if (!expected.len || fault->element > count || edi_reader_segment(reader)->wrapped) break;
        span value = elements[fault->element - 1];
        replace(f, fault, edi_reader_offset(reader, value), value.len, expected);
        break;
    }
    case EDI_FAULT_DOCUMENT_TRAILER:
    case EDI_FAULT_GROUP_TRAILER:
    case EDI_FAULT_INTERCHANGE_TRAILER:
        if (expected.len && !f->cut) replace(f, fault, fault->offset, 0, expected);
        break;
    case EDI_FAULT_TRUNCATED: f->cut = true; break;
    case EDI_FAULT_LAST_TERMINATOR: replace(f, fault, fault->offset, 0, span_make(&terminator, 1)); break;
    default: break;
    }
}

error *edi_fix(span file, edi_library *library, buf *out, edi_changes *changes) {
    fixer f = {.file = file, .out = out, .changes = changes};
    edi_validate_options options = {.envelope_only = true};
    edi_validator *v = edi_validator_new(file, library, &options);
    edi_event event;
    *changes = (edi_changes){0};
    while ((event = edi_validator_next(v)) != EDI_END) {
        if (event == EDI_FAULT) repair(&f, edi_validator_reader(v), edi_validator_fault(v));
    }
    edi_validator_free(v);
    buf_add(out, span_make(file.data + f.copied, file.len - (size_t)f.copied));
    return buf_check(out, "the repaired file");
}

void edi_changes_free(edi_changes *changes) {
    free(changes->list);
    *changes = (edi_changes){0};
}
