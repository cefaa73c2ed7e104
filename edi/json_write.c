/* edi/json_write.c: EDI to JSON. See json.h. */
#include "core/base/base64.h"
#include "core/base/memory.h"
#include "edi/json_tape.h"
#include "edi/json_writer.h"

#include <stdio.h>
#include <stdlib.h>

/* Binary data of one segment, written as base64. */
#define BASE64_MAX ((size_t)2 << 30)

enum { OUTSIDE_STEP = 4 << 20 };

error *edi_sink_buf(void *context, span piece) {
    buf *out = context;
    buf_add(out, piece);
    return buf_check(out, "the output");
}

static void put_escaped(json_writer *w, unsigned char c) {
    char room[8];
    if (c == '\0' && !w->out.failure) /* no standard knows it as a character, and JSON texts with it are refused */
        w->out.failure = error_new(ERROR_INVALID, "not well-formed: a NUL byte stands in the data");
    if (c == '"' || c == '\\') {
        room[0] = '\\';
        room[1] = (char)c;
        put(w, span_make(room, 2));
    } else if (c == '\n') {
        PUT(w, "\\n");
    } else if (c == '\r') {
        PUT(w, "\\r");
    } else if (c < ' ' || c == 0x7F) {
        put(w, span_make(room, (size_t)snprintf(room, sizeof room, "\\u%04x", c)));
    } else { /* Latin-1 as UTF-8 */
        room[0] = (char)(0xC0 | c >> 6);
        room[1] = (char)(0x80 | (c & 0x3F));
        put(w, span_make(room, 2));
    }
}

static void mark_special(json_writer *w) {
    json_segment_look(&w->look, &w->d);
    edi_reader_look(w->reader, &w->look);
    for (unsigned i = 0; i < 256; i++)
        w->special[i] = i < ' ' || i == '"' || i == '\\' || i == 0x7F || (i >= 0x80 && w->latin1) ||
                        (i && (i == (unsigned char)w->d.release || i == (unsigned char)w->d.component ||
                                  i == (unsigned char)w->d.repetition));
}

/* An element that is one value of plain bytes, with its quotes: nearly all are. False: nothing was written. */
static bool put_plain(json_writer *w, span text) {
    if (text.len + 2 > EDI_OUTPUT_ROOM) return false;
    char *room = edi_output_room(&w->out, text.len + 2);
    bool special = false;
    *room++ = '"';
    for (size_t i = 0; i < text.len; i++) {
        special |= w->special[(unsigned char)text.data[i]];
        room[i] = text.data[i];
    }
    if (special) return false;
    room[text.len] = '"';
    w->out.len += text.len + 2;
    return true;
}

/* The bytes of a text; release characters are taken out when `decode`. */
static void put_bytes(json_writer *w, span text, bool decode) {
    size_t clean = 0;
    char release = decode ? w->d.release : 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        bool plain = c >= ' ' && c != '"' && c != '\\' && c != 0x7F && (c < 0x80 || !w->latin1);
        if (plain && (c != (unsigned char)release || !release)) continue;
        put(w, span_make(text.data + clean, i - clean));
        if (release && c == (unsigned char)release) {
            clean = ++i; /* the next byte stands for itself */
            if (i == text.len) break;
            c = (unsigned char)text.data[i];
            if (c >= ' ' && c != '"' && c != '\\' && c != 0x7F && (c < 0x80 || !w->latin1)) continue;
        }
        put_escaped(w, c);
        clean = i + 1;
    }
    if (clean < text.len) put(w, span_make(text.data + clean, text.len - clean));
}

void json_write_text(json_writer *w, span text, bool decode) {
    put_char(w, '"');
    put_bytes(w, text, decode);
    put_char(w, '"');
}

static void tell_passed(const json_writer *w, uint64_t offset) {
    if (w->options.reader.passed) w->options.reader.passed(w->options.reader.passed_context, offset);
}

/* Bytes outside interchanges, of which there may be many. */
static void put_outside(json_writer *w, uint64_t from, uint64_t to) {
    put_char(w, '"');
    for (uint64_t end; from < to; from = end) {
        end = to - from > OUTSIDE_STEP ? from + OUTSIDE_STEP : to;
        put_bytes(w, span_make(w->file.data + from, (size_t)(end - from)), false);
        tell_passed(w, end);
    }
    put_char(w, '"');
}

static void put_base64(json_writer *w, span bytes) {
    buf text = BUF_MAX(BASE64_MAX);
    base64_write(bytes, &text);
    PUT(w, "{\"base64\":\"");
    put(w, buf_span(&text));
    PUT(w, "\"}");
    if (!w->out.failure) w->out.failure = buf_check(&text, "binary data");
    buf_free(&text);
}

/* ----------------------------------------------------------------------------------------------------------- segments
 */

static bool holds(span text, char c) {
    return c && text.len > 0 && memchr(text.data, c, text.len);
}

static void put_components(json_writer *w, span element) {
    span part;
    if (!holds(element, w->d.component) || edi_part_count(element, w->d.component, w->d.release) == 1) {
        json_write_text(w, element, true);
        return;
    }
    put_char(w, '[');
    bool first = true;
    while (edi_next_part(&element, w->d.component, w->d.release, &part)) {
        if (!first) put_char(w, ',');
        first = false;
        if (!put_plain(w, part)) json_write_text(w, part, true);
    }
    put_char(w, ']');
}

/* "a", ["a","b"] for components, {"repeat":["a",["b","c"]]} for repetitions. */
static void put_element(json_writer *w, span element) {
    if (!holds(element, w->d.repetition) || edi_part_count(element, w->d.repetition, w->d.release) == 1) {
        put_components(w, element);
        return;
    }
    span part;
    bool first = true;
    PUT(w, "{\"repeat\":[");
    while (edi_next_part(&element, w->d.repetition, w->d.release, &part)) {
        if (!first) put_char(w, ',');
        first = false;
        put_components(w, part);
    }
    PUT(w, "]}");
}

/* Would the writer give these bytes? Not when release characters stand where none is needed. */
static bool is_canonical(const json_writer *w, const edi_segment *segment) {
    if (segment->wrapped || !segment->terminated) return false;
    if (!w->d.release || !holds(segment->raw, w->d.release)) return true;
    for (size_t i = 0; i < segment->raw.len; i++) {
        if (segment->raw.data[i] != w->d.release) continue;
        if (++i == segment->raw.len || !edi_is_delimiter(&w->d, segment->raw.data[i])) return false;
    }
    return true;
}

/* {"PO1":["1","5"]} with "_raw", "_after", "_object" where the writer needs to know. */
static __attribute__((noinline)) void put_any_segment(json_writer *w, const edi_segment *segment) {
    size_t count;
    bool isa = span_is(segment->tag, "ISA") && w->d.standard == EDI_X12;
    const span *elements = edi_reader_elements(w->reader, &count);
    if (elements[-1].len != segment->tag.len && !edi_json_tag(&w->d, elements[-1]) && !w->out.failure)
        w->out.failure =
            error_new(ERROR_INVALID, "not well-formed at byte %llu: the tag has a nesting indication that is none",
                (unsigned long long)segment->offset);
    put_char(w, '{');
    json_write_text(w, elements[-1], false);
    PUT(w, ":[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0) put_char(w, ',');
        if (segment->binary && i + 1 == count) {
            put_base64(w, elements[i]);
        } else if (isa) {
            json_write_text(w, elements[i], false);
        } else if (!put_plain(w, elements[i])) {
            put_element(w, elements[i]);
        }
    }
    put_char(w, ']');
    if ((!isa && !is_canonical(w, segment)) || (isa && segment->wrapped)) {
        PUT(w, ",\"_raw\":");
        json_write_text(w, segment->raw, false);
    }
    if (!segment->terminated) PUT(w, ",\"_terminated\":false");
    if (segment->object.data) {
        PUT(w, ",\"_object\":");
        put_base64(w, segment->object);
    } else if (!span_equal(segment->after, segment->terminated ? w->suffix : span_make("", 0))) {
        PUT(w, ",\"_after\":");
        json_write_text(w, segment->after, false);
    }
    put_char(w, '}');
    w->covered = segment->offset + segment->raw.len + segment->terminated + segment->object.len + segment->after.len;
}

void json_write_segment(json_writer *w, const edi_segment *segment) {
    if (!segment->tokens || !json_segment_fits(segment->raw.len) || !span_equal(segment->after, w->suffix)) {
        put_any_segment(w, segment);
        return;
    }
    char *room = edi_output_room(&w->out, json_segment_room(segment->raw.len));
    char *end = json_segment_write(segment->raw.data, segment->tokens, segment->token, segment->parts, room);
    w->out.len = (size_t)(end - w->out.data);
    w->covered = segment->offset + segment->raw.len + 1 + segment->after.len;
}

static void keep_reference(json_writer *w, char room[64], unsigned element) {
    size_t count;
    const span *elements = edi_reader_elements(w->reader, &count);
    span value = element <= count ? elements[element - 1] : span_make("", 0);
    snprintf(room, 64, "%.*s", (int)(value.len < 63 ? value.len : 0), value.data);
}

/* A trailer that the writer would write by itself is left out. */
static bool is_expected(json_writer *w, const edi_segment *segment, uint64_t count, const char *reference) {
    size_t elements;
    char expected[24];
    const span *values = edi_reader_elements(w->reader, &elements);
    snprintf(expected, sizeof expected, "%llu", (unsigned long long)count);
    size_t wanted = w->d.standard == EDI_TRADACOMS ? 1 : 2;
    return elements == wanted && span_is(values[0], expected) &&
           (wanted == 1 || (reference[0] && span_is(values[1], reference))) && span_equal(segment->after, w->suffix) &&
           is_canonical(w, segment) && !edi_reader_interchange(w->reader)->interactive;
}

static void put_trailer(json_writer *w, uint64_t count, const char *reference) {
    const edi_segment *segment = edi_reader_segment(w->reader);
    if (is_expected(w, segment, count, reference)) {
        w->covered = segment->offset + segment->raw.len + 1 + segment->after.len;
        return;
    }
    PUT(w, ",\"trailer\":");
    json_write_segment(w, segment);
}

/* -------------------------------------------------------------------------------------------------- loops and levels
 */

static void put_delimiter(json_writer *w, const char *name, char c, bool *first) {
    if (!c) return;
    if (!*first) put_char(w, ',');
    *first = false;
    json_write_text(w, span_of(name), false);
    put_char(w, ':');
    json_write_text(w, span_make(&c, 1), false);
}

static void begin_interchange(json_writer *w) {
    const edi_interchange *i = edi_reader_interchange(w->reader);
    const edi_segment *segment = edi_reader_segment(w->reader);
    bool first = true;
    if (!w->first_interchange) put_char(w, ',');
    w->first_interchange = false;
    w->d = i->delimiters;
    line(w, 1);
    put_char(w, '{');
    if (i->offset > w->covered) {
        PUT(w, "\"before\":");
        put_outside(w, w->covered, i->offset);
        put_char(w, ',');
    }
    mark_special(w);
    PUT(w, "\"standard\":");
    json_write_text(w, span_of(edi_standard_name(w->d.standard)), false);
    if (w->latin1) PUT(w, ",\"charset\":\"latin-1\"");
    PUT(w, ",\"delimiters\":{");
    put_delimiter(w, "element", w->d.element, &first);
    put_delimiter(w, "component", w->d.component, &first);
    put_delimiter(w, "repetition", w->d.repetition, &first);
    put_delimiter(w, "release", w->d.release, &first);
    put_delimiter(w, "terminator", w->d.terminator, &first);
    w->suffix = segment->after;
    if (w->suffix.len > 0) {
        PUT(w, ",\"suffix\":");
        json_write_text(w, w->suffix, false);
    }
    if (i->una) {
        PUT(w, ",\"una\":");
        json_write_text(w, span_make(w->file.data + i->offset, (size_t)(segment->offset - i->offset)), false);
    }
    PUT(w, "},\"header\":");
    json_write_segment(w, segment);
    keep_reference(w, w->interchange_reference, w->d.standard == EDI_X12 ? 13 : 5);
    PUT(w, ",\"content\":[");
    w->first_content = true;
    w->contents = 0;
    w->in_group = false;
}

static void next_content(json_writer *w) {
    bool *first = w->in_group ? &w->first_document : &w->first_content;
    if (!*first) put_char(w, ',');
    *first = false;
    line(w, w->in_group ? 3 : 2);
}

static void begin_group(json_writer *w) {
    next_content(w);
    PUT(w, "{\"header\":");
    json_write_segment(w, edi_reader_segment(w->reader));
    keep_reference(w, w->group_reference, w->d.standard == EDI_X12 ? 6 : 5);
    PUT(w, ",\"documents\":[");
    w->first_document = true;
    w->in_group = true;
    w->group_documents = 0;
}

static void begin_document(json_writer *w) {
    const edi_transaction *t = edi_reader_document(w->reader);
    next_content(w);
    PUT(w, "{\"type\":");
    json_write_text(w, span_of(t->type), false);
    PUT(w, ",\"version\":");
    json_write_text(w, span_of(t->version), false);
    PUT(w, ",\"header\":");
    json_write_segment(w, edi_reader_segment(w->reader));
    keep_reference(w, w->document_reference, w->d.standard == EDI_X12 ? 2 : 1);
    PUT(w, ",\"segments\":[");
    w->depth = 0;
    w->first[0] = true;
    w->document_segments = 1;
}

static void end_document(json_writer *w) {
    json_body_end(w);
    put_char(w, ']');
    put_trailer(w, w->document_segments + 1, w->document_reference);
    put_char(w, '}');
    if (w->in_group) {
        w->group_documents++;
    } else {
        w->contents++;
    }
}

static void end_group(json_writer *w) {
    line(w, 2);
    put_char(w, ']');
    put_trailer(w, w->group_documents, w->group_reference);
    put_char(w, '}');
    w->in_group = false;
    w->contents++;
}

static void end_interchange(json_writer *w) {
    line(w, 1);
    put_char(w, ']');
    put_trailer(w, w->contents, w->interchange_reference);
    put_char(w, '}');
}

/* Faults after which a file cannot be said as JSON: what nests is not whole, or bytes belong to nothing. */
static bool breaks_form(const edi_fault *fault) {
    switch (fault->code) {
    case EDI_FAULT_NOT_EDI:
    case EDI_FAULT_OTHER_DIALECT:
    case EDI_FAULT_HEADER_MISSING:
    case EDI_FAULT_DELIMITER_INVALID:
    case EDI_FAULT_TRUNCATED:
    case EDI_FAULT_INTERCHANGE_TRAILER:
    case EDI_FAULT_GROUP_HEADER:
    case EDI_FAULT_GROUP_TRAILER:
    case EDI_FAULT_DOCUMENT_HEADER:
    case EDI_FAULT_DOCUMENT_TRAILER:
    case EDI_FAULT_SEGMENT_OUTSIDE:
    case EDI_FAULT_INTERCHANGE_CONTENT:
    case EDI_FAULT_SEGMENT_EMPTY:
    case EDI_FAULT_SEGMENT_TAG:
    case EDI_FAULT_SEGMENT_LIMIT:
    case EDI_FAULT_RELEASE_AT_END: return true;
    case EDI_FAULT_DELIMITER_CLASH: return fault->element != 11; /* ISA11: read as no repetition */
    default: return false;
    }
}

static error *write_event(json_writer *w, edi_event event) {
    switch (event) {
    case EDI_INTERCHANGE:
        w->refused = !edi_reader_segment(w->reader); /* its fault comes next */
        if (!w->refused) begin_interchange(w);
        break;
    case EDI_SERVICE:
        next_content(w);
        json_write_segment(w, edi_reader_segment(w->reader));
        if (span_is(edi_reader_segment(w->reader)->tag, "UNO")) ++*(w->in_group ? &w->group_documents : &w->contents);
        break;
    case EDI_GROUP: begin_group(w); break;
    case EDI_DOCUMENT: begin_document(w); break;
    case EDI_SEGMENT: json_body_segment(w); break;
    case EDI_DOCUMENT_END: end_document(w); break;
    case EDI_GROUP_END: end_group(w); break;
    case EDI_INTERCHANGE_END: end_interchange(w); break;
    case EDI_FAULT: {
        const edi_fault *fault = edi_validator_fault(w->validator);
        if (w->refused || breaks_form(fault))
            return error_at(error_new(ERROR_INVALID, "not well-formed at byte %llu: %s",
                                (unsigned long long)fault->offset, fault->text),
                "byte %llu", (unsigned long long)fault->offset);
        break;
    }
    case EDI_END: break;
    }
    if (w->out.len > EDI_OUTPUT_FULL) edi_output_flush(&w->out);
    return w->out.failure;
}

error *edi_to_json(span file, edi_library *library, const edi_json_options *options, edi_sink sink, void *context) {
    json_writer *w = xcalloc(1, sizeof *w);
    error *err = NULL;
    edi_event event;
    w->out = edi_output_to(sink, context);
    w->file = file;
    w->compact = options && options->compact;
    if (options) w->options = options->validate;
    w->options.places_only = true;
    json_look look = {.passed = w->options.reader.passed, .context = w->options.reader.passed_context};
    w->latin1 = !json_is_utf8(file, &look);
    w->first_interchange = true;
    w->validator = edi_validator_new(file, library, &w->options);
    w->reader = edi_validator_reader(w->validator);
    PUT(w, "{\"interchanges\":[");
    while (!err && (event = edi_validator_next(w->validator)) != EDI_END)
        err = write_event(w, event);
    if (!err) {
        line(w, 0);
        put_char(w, ']');
        if (w->covered < file.len) {
            PUT(w, ",\"after\":");
            put_outside(w, w->covered, file.len);
        }
        PUT(w, "}\n");
        edi_output_flush(&w->out);
        err = w->out.failure;
    }
    edi_validator_free(w->validator);
    edi_output_free(&w->out);
    free(w);
    return err;
}
